"""Sample quantiles and the Anderson-Darling value written out from their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable


def quantile(xs: list[float], q: float, kind: int) -> float:
    """Hyndman and Fan's types 6 and 7."""
    x, n = sorted(xs), len(xs)
    position = q * (n + 1) if kind == 6 else q * (n - 1) + 1
    position = min(max(position, 1.0), float(n))
    below = min(int(position), n - 1)
    return x[below - 1] + (position - below) * (x[below] - x[below - 1]) if n > 1 else x[0]


def anderson_darling(xs: list[float], cdf: Callable[[float], float]) -> float:
    x, n = sorted(xs), len(xs)
    total = math.fsum(
        (2 * i - 1) * math.log(cdf(x[i - 1])) + (2 * (n - i) + 1) * math.log(1 - cdf(x[i - 1]))
        for i in range(1, n + 1)
    )
    return -n - total / n


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
