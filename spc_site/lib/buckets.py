"""Counts in fixed buckets: durations of any number, kept in a short list that can be added up.

A histogram over bounds `b0 < b1 < …` is a list of `len(bounds) + 1` counts: how many values are at most
`b0`, above it but at most `b1`, …, above the last bound. Lists over the same bounds add up, so that hours
become days without the values themselves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence


def fill(values: Iterable[float], bounds: Sequence[float]) -> list[int]:
    """Count values into the buckets of `bounds`."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    return counts


def add(histograms: Iterable[Sequence[int]], bounds: Sequence[float]) -> list[int]:
    """Return the sum of histograms over the same bounds; an empty list counts as one of zeros."""
    total = [0] * (len(bounds) + 1)
    for counts in histograms:
        for place, count in enumerate(counts):
            total[place] += count
    return total


def quantile(counts: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """Estimate the value below which `share` (0…1) of all values lie; None without values.

    Values are taken as evenly spread inside their bucket, the first of which begins at 0. Beyond the last
    bound nothing is known: there the answer is that bound, and means "at least".
    """
    total = sum(counts)
    if not total:
        return None
    wanted, below, start = share * total, 0, 0.0
    for count, bound in zip(counts, bounds, strict=False):
        if count and below + count >= wanted:
            return start + (bound - start) * max(wanted - below, 0.0) / count
        below += count
        start = bound
    return float(bounds[-1])


def cumulative(counts: Sequence[int]) -> list[int]:
    """Return how many values are at most each bound, and at the end how many there are at all."""
    total, sums = 0, []
    for count in counts:
        total += count
        sums.append(total)
    return sums
