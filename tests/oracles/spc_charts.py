"""Variables charts in plain Python: one characteristic, lists and loops, straight from the definitions.

A subgroup is a list without missing values; an empty one stands for a subgroup that was not measured.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.oracles import spc_constants

D2 = {n: spc_constants.d2(n) for n in range(2, 13)}
D3 = {2: math.sqrt(2 - 4 / math.pi)}
Subgroup = list[float]


def d3(n: int) -> float:
    """Cached: the double integral takes a while."""
    if n not in D3:
        D3[n] = spc_constants.d3(n)
    return D3[n]


@dataclass
class Line:
    """Centre, lower and upper limit of one point."""

    centre: float
    lcl: float
    ucl: float


def close(a: float, b: float, *, rel: float = 1e-9) -> bool:
    """Equal but for rounding."""
    return math.isclose(a, b, rel_tol=rel, abs_tol=1e-12)


def grand_mean(subgroups: Sequence[Subgroup]) -> float:
    """Mean of all values."""
    return statistics.fmean(value for subgroup in subgroups for value in subgroup)


def rbar_sigma(subgroups: Sequence[Subgroup]) -> float:
    """Weighted mean of R / d2 with weights d2^2 / d3^2."""
    above = below = 0.0
    for subgroup in subgroups:
        n = len(subgroup)
        if n >= 2:
            weight = D2[n] ** 2 / d3(n) ** 2
            above += weight * (max(subgroup) - min(subgroup)) / D2[n]
            below += weight
    return above / below


def sbar_sigma(subgroups: Sequence[Subgroup]) -> float:
    """Weighted mean of s / c4 with weights c4^2 / (1 - c4^2)."""
    above = below = 0.0
    for subgroup in subgroups:
        n = len(subgroup)
        if n >= 2:
            c4 = spc_constants.c4(n)
            weight = c4**2 / (1 - c4**2)
            above += weight * statistics.stdev(subgroup) / c4
            below += weight
    return above / below


def pooled_sigma(subgroups: Sequence[Subgroup], *, unbiased: bool) -> float:
    """Root of the mean square within subgroups."""
    squares = sum(statistics.variance(s) * (len(s) - 1) for s in subgroups if len(s) >= 2)
    df = sum(len(s) - 1 for s in subgroups if len(s) >= 2)
    sigma = math.sqrt(squares / df)
    return sigma / spc_constants.c4(df + 1) if unbiased else sigma


def moving_ranges(values: Sequence[float | None]) -> list[float | None]:
    """Differences of neighbours, None where one of them is missing."""
    result: list[float | None] = [None]
    for before, now in pairwise(values):
        result.append(None if before is None or now is None else abs(now - before))
    return result[: len(values)]


def mr_sigma(values: Sequence[float | None], *, median: bool = False) -> float:
    """Mean (or median) moving range over its expectation (or median) for a sigma of one."""
    ranges = [r for r in moving_ranges(values) if r is not None]
    if median:
        return statistics.median(ranges) / (math.sqrt(2) * statistics.NormalDist().inv_cdf(0.75))
    return statistics.fmean(ranges) / (2 / math.sqrt(math.pi))


def mean_line(centre: float, sigma: float, n: int, width: float = 3.0) -> Line:
    """Limits of the mean of n values."""
    reach = width * sigma / math.sqrt(n)
    return Line(centre, centre - reach, centre + reach)


def range_line(sigma: float, n: int, width: float = 3.0) -> Line:
    """Limits of the range of n values."""
    centre, reach = D2[n] * sigma, width * d3(n) * sigma
    return Line(centre, max(0.0, centre - reach), centre + reach)


def deviation_line(sigma: float, n: int, width: float = 3.0) -> Line:
    """Limits of the standard deviation of n values."""
    c4 = spc_constants.c4(n)
    centre, reach = c4 * sigma, width * math.sqrt(1 - c4**2) * sigma
    return Line(centre, max(0.0, centre - reach), centre + reach)
