"""Attribute charts point by point in plain Python: slow, and written from the definitions."""

from __future__ import annotations

import math
from itertools import pairwise


def rate(counts: list[float | None], sizes: list[float], used: list[bool]) -> float:
    chosen = [(c, n) for c, n, u in zip(counts, sizes, used, strict=True) if u and c is not None]
    return sum(c for c, _ in chosen) / sum(n for _, n in chosen)


def one_sigma(chart: str, r: float, n: float) -> float:
    """Standard deviation of the plotted statistic."""
    of_count = math.sqrt(n * r * (1 - r)) if chart in ("p", "np") else math.sqrt(n * r)
    return of_count / n if chart in ("p", "u") else of_count


def sigma_z(chart: str, counts: list[float | None], sizes: list[float], used: list[bool]) -> float:
    r = rate(counts, sizes, used)
    z = [
        None
        if c is None or not u
        else (c / n - r) / (one_sigma(chart, r, n) / (1 if chart in ("p", "u") else n))
        for c, n, u in zip(counts, sizes, used, strict=True)
    ]
    steps = [abs(b - a) for a, b in pairwise(z) if a is not None and b is not None]
    return sum(steps) / len(steps) * math.sqrt(math.pi) / 2


def binomial_tail(n: int, p: float, above: int) -> float:
    """P(X > above)."""
    return math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(above + 1, n + 1))


def poisson_tail(mean: float, above: int) -> float:
    return 1.0 - math.fsum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(above + 1))
