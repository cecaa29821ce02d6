"""Control chart constants by adaptive quadrature, one integral at a time: slow and obvious."""

from __future__ import annotations

import math

from scipy import integrate, stats


def d2(n: int) -> float:
    """Mean range of n standard normal values."""
    return integrate.quad(
        lambda x: 1 - stats.norm.cdf(x) ** n - stats.norm.sf(x) ** n, -12, 12, epsabs=1e-13, limit=400
    )[0]


def range_cdf(n: int, w: float) -> float:
    """P(range <= w)."""
    return integrate.quad(
        lambda x: n * stats.norm.pdf(x) * (stats.norm.cdf(x + w) - stats.norm.cdf(x)) ** (n - 1),
        -12,
        12,
        points=[-w / 2, 0],
        epsabs=1e-13,
        limit=400,
    )[0]


def d3(n: int) -> float:
    """Standard deviation of the range."""
    second = 2 * integrate.quad(lambda w: w * (1 - range_cdf(n, w)), 0, 16, epsabs=1e-12, limit=400)[0]
    return math.sqrt(second - d2(n) ** 2)


def c4(n: int) -> float:
    """Mean of the sample standard deviation, by the recurrence c4(n) c4(n + 1) = sqrt((n - 1) / n)."""
    value = math.sqrt(2 / math.pi)
    for size in range(2, n):
        value = math.sqrt((size - 1) / size) / value
    return value


def median_deviation(n: int) -> float:
    """Standard deviation of the median of n (odd) standard normal values, from its density."""
    half = (n - 1) // 2
    scale = math.exp(math.lgamma(n + 1) - 2 * math.lgamma(half + 1))
    variance = integrate.quad(
        lambda x: x * x * scale * (stats.norm.cdf(x) * stats.norm.sf(x)) ** half * stats.norm.pdf(x),
        -10,
        10,
        epsabs=1e-14,
        points=[0],
        limit=400,
    )[0]
    return math.sqrt(variance)
