"""Control chart constants, computed from their definitions and cached; no pasted table.

Glossary (a sample of n independent standard normal values):
    d2, d3   mean and standard deviation of the range
    d4       median of the range
    c4, c5   mean and standard deviation of the sample standard deviation (n - 1 in the denominator)
    em       standard deviation of the sample median
    A2, A3   limits of X-bar from R-bar and S-bar      E2, E3   limits of single values from R-bar and S-bar
    B3, B4   limits of S from S-bar                    B5, B6   limits of S from sigma
    D1, D2   limits of R from sigma                    D3, D4   limits of R from R-bar
    A        limits of X-bar from sigma

Sources: the definitions in ASTM MNL 7 (Manual on Presentation of Data and Control Chart Analysis), section 3;
d2(n) = integral of 1 - Phi^n - (1 - Phi)^n; d3 from E[R^2] = 2 * integral of w (1 - F_R(w)).
Printed tables are these numbers rounded to three decimals; limits computed from such tables differ in the
fourth significant digit.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from quality.spc.errors import SpcInputError

FloatArray = NDArray[np.float64]

MAX_N = 200
"""Largest subgroup whose range constants are computed. c4 exists for every size."""


def c4_of(n: FloatArray | float) -> FloatArray:
    """c4 for any real n > 1 (pooled estimators ask for c4(df + 1)), NaN elsewhere.

    c4 = sqrt(2 / (n - 1)) * Gamma(n / 2) / Gamma((n - 1) / 2). Above n = 101 by the asymptotic series of the
    ratio of gammas, whose next term is below 1e-15 there: the difference of two log-gammas would lose digits.
    """
    x = np.asarray((np.asarray(n, dtype=np.float64) - 1.0) / 2.0)
    x = np.where(x > 0, x, np.nan)
    small = np.minimum(x, 50.0)
    direct = special.gamma(small + 0.5) / special.gamma(small) / np.sqrt(small)
    u = 1.0 / np.maximum(x, 50.0)
    series = u * (-1 / 8 + u * (1 / 128 + u * (5 / 1024 + u * (-21 / 32768 + u * (-399 / 262144)))))
    return np.asarray(np.where(x > 50.0, 1.0 + series, direct), dtype=np.float64)


@lru_cache(maxsize=1)
def _range_moments() -> tuple[FloatArray, FloatArray]:
    """d2 and d3 for n = 0 … MAX_N (NaN below 2).

    The trapezoid rule on the whole line converges faster than any power for these integrands; the outer
    integral over w >= 0 has an end point, so it takes Gauss-Legendre nodes. The powers of all n come from one
    another by multiplication, so the whole table costs a few milliseconds.
    """
    step = 1.0 / 32.0
    x = np.arange(-12.0, 12.0 + step, step)
    upper, lower = special.ndtr(x), special.ndtr(-x)
    nodes, weights = np.polynomial.legendre.leggauss(160)
    w, w_weights = 10.0 * (nodes + 1.0), 10.0 * weights
    inner = np.arange(-20.0, 10.0, 1.0 / 16.0)
    density = np.exp(-0.5 * inner * inner) / math.sqrt(2.0 * math.pi) / 16.0
    span = special.ndtr(inner[:, None] + w) - special.ndtr(inner)[:, None]
    d2, d3 = np.full(MAX_N + 1, np.nan), np.full(MAX_N + 1, np.nan)
    up, low, power = upper.copy(), lower.copy(), np.ones_like(span)
    for n in range(2, MAX_N + 1):
        up *= upper
        low *= lower
        power *= span
        d2[n] = step * math.fsum(1.0 - up - low)
        beyond = 1.0 - n * (density @ power)
        second_moment = 2.0 * math.fsum(w_weights * w * beyond)
        d3[n] = math.sqrt(second_moment - d2[n] ** 2)
    return d2, d3


@lru_cache(maxsize=1)
def _c4_table() -> FloatArray:
    return c4_of(np.arange(MAX_N + 1, dtype=np.float64))


@lru_cache(maxsize=1)
def _median_deviations() -> FloatArray:
    """Standard deviation of the sample median (`em`) for n = 1 … MAX_N.

    Odd n: one order statistic. Even n: the mean of the two middle ones, by their joint density over the
    centre t (whole line) and the distance w >= 0.
    """
    table = np.full(MAX_N + 1, np.nan)
    step = 1.0 / 64.0
    t = np.arange(-9.0, 9.0 + step, step)
    log_up, log_low, log_phi = special.log_ndtr(t), special.log_ndtr(-t), -0.5 * t * t
    for n in range(1, MAX_N + 1, 2):
        half = (n - 1) // 2
        log_density = half * (log_up + log_low) + log_phi
        density = np.exp(log_density - log_density.max())
        table[n] = math.sqrt(float(density @ (t * t)) / float(density.sum()))
    nodes, weights = np.polynomial.legendre.leggauss(96)
    t = np.arange(-9.0, 9.0, 1.0 / 16.0)[:, None]
    for n in range(2, MAX_N + 1, 2):
        half = n // 2 - 1
        reach = 12.0 / math.sqrt(n / 2)  # the gap between the middle values shrinks with n
        w = reach * (nodes + 1.0) / 2.0
        x, y = t - w / 2.0, t + w / 2.0
        log_density = half * (special.log_ndtr(x) + special.log_ndtr(-y)) - 0.5 * (x * x + y * y)
        density = np.exp(log_density - log_density.max()) * weights
        table[n] = math.sqrt(float((density * t * t).sum()) / float(density.sum()))
    return table


def d4_of_two() -> float:
    """Median of the range of two values: sqrt(2) times the 75 % point, 0.9539; for median MR."""
    return math.sqrt(2.0) * float(special.ndtri(0.75))


@lru_cache(maxsize=32)
def table(name: str) -> FloatArray:
    """The constant `name` as a read-only array indexed by n = 0 … MAX_N; NaN where it does not exist.

    Indexing the array with an array of subgroup sizes gives the constants of unequal subgroups.
    Raises SpcInputError for an unknown name.
    """
    n = np.arange(MAX_N + 1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = _derive(name, n)
    if name != "em":
        values = np.where(n >= 2, values, np.nan)
    values.setflags(write=False)
    return values


def _derive(name: str, n: FloatArray) -> FloatArray:
    root_n = np.sqrt(n)
    match name:
        case "d2":
            return _range_moments()[0].copy()
        case "d3":
            return _range_moments()[1].copy()
        case "c4":
            return _c4_table().copy()
        case "c5":
            return np.sqrt(1.0 - table("c4") ** 2)
        case "em":
            return _median_deviations().copy()
        case "A":
            return 3.0 / root_n
        case "A2":
            return 3.0 / (table("d2") * root_n)
        case "A3":
            return 3.0 / (table("c4") * root_n)
        case "B3":
            return np.maximum(0.0, 1.0 - 3.0 * table("c5") / table("c4"))
        case "B4":
            return 1.0 + 3.0 * table("c5") / table("c4")
        case "B5":
            return np.maximum(0.0, table("c4") - 3.0 * table("c5"))
        case "B6":
            return table("c4") + 3.0 * table("c5")
        case "D1":
            return np.maximum(0.0, table("d2") - 3.0 * table("d3"))
        case "D2":
            return table("d2") + 3.0 * table("d3")
        case "D3":
            return np.maximum(0.0, 1.0 - 3.0 * table("d3") / table("d2"))
        case "D4":
            return 1.0 + 3.0 * table("d3") / table("d2")
        case "E2":
            return 3.0 / table("d2")
        case "E3":
            return 3.0 / table("c4")
    raise SpcInputError("name", f"unknown control chart constant {name!r}")


def constant(name: str, n: int) -> float:
    """One constant for one subgroup size, e.g. `constant("A2", 5)`.

    Raises SpcInputError where it does not exist: n below 2 (n below 1 for `em`) or above MAX_N.
    """
    if not isinstance(name, str):
        raise SpcInputError("name", f"unknown control chart constant {name!r}")
    values = table(name)
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 0 < n <= MAX_N:
        raise SpcInputError("n", f"subgroup size must be a whole number from 2 to {MAX_N}, not {n!r}")
    value = float(values[n])
    if math.isnan(value):
        raise SpcInputError("n", f"{name} does not exist for a subgroup of {n}")
    return value


def at_sizes(name: str, sizes: NDArray[Any]) -> FloatArray:
    """The constant for an array of subgroup sizes (any shape); NaN for sizes below 2.

    Raises SpcInputError when a size is above MAX_N. c4 and c5 exist for every size.
    """
    largest = int(sizes.max(initial=0))
    if largest <= MAX_N:
        return np.asarray(table(name)[sizes], dtype=np.float64)
    if name == "c4":
        return c4_of(sizes.astype(np.float64))
    if name == "c5":
        return np.asarray(np.sqrt(1.0 - c4_of(sizes.astype(np.float64)) ** 2), dtype=np.float64)
    raise SpcInputError(
        "subgroup_size", f"range constants exist up to n = {MAX_N}; use the S or pooled estimator"
    )
