"""Control chart constants by Simpson's rule on a fine grid, one integral at a time: slow and obvious."""

from __future__ import annotations

import math

import numpy as np
from scipy import integrate, special

X = np.linspace(-13, 13, 2601)
PDF = np.exp(-X * X / 2) / math.sqrt(2 * math.pi)


def d2(n: int) -> float:
    """Mean range of n standard normal values."""
    return float(integrate.simpson(1 - special.ndtr(X) ** n - special.ndtr(-X) ** n, x=X))


def range_cdf(n: int, w: float) -> float:
    """P(range <= w)."""
    inside = special.ndtr(X + w) - special.ndtr(X)
    return float(integrate.simpson(n * PDF * inside ** (n - 1), x=X))


def d3(n: int) -> float:
    """Standard deviation of the range."""
    w = np.linspace(0, 14, 1001)
    beyond = np.array([1 - range_cdf(n, width) for width in w])
    return math.sqrt(2 * float(integrate.simpson(w * beyond, x=w)) - d2(n) ** 2)


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
    density = scale * (special.ndtr(X) * special.ndtr(-X)) ** half * PDF
    return math.sqrt(float(integrate.simpson(X * X * density, x=X)))
