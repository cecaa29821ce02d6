"""Is a sample normal? Anderson-Darling, Shapiro-Wilk, Lilliefors, skewness and kurtosis.

    A², A*  Anderson-Darling statistic, and adjusted for the sample size, which the p value is read from
    W       Shapiro-Wilk statistic
    D       Lilliefors: largest distance of the distribution functions
    g1      third moment over sigma³
    G1, G2  skewness and excess kurtosis as Excel and Minitab print them

Sources: Stephens in D'Agostino and Stephens, Goodness-of-Fit Techniques (1986), chapter 4 for A*; Royston,
Applied Statistics 44 (1995) for W; Dallal and Wilkinson, The American Statistician 40 (1986), with
Stephens' approximation above p = 0.1, for D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray, as_floats, read
from quality.spc.missing import Missing, optional

LEAST_FOR_AD = 8
LEAST_FOR_SHAPIRO, MOST_FOR_SHAPIRO = 3, 5000
LEAST_FOR_LILLIEFORS = 5


@dataclass(frozen=True, slots=True)
class Normality:
    """Test values of one sample; what does not exist is None and stands in `missing` with its reason.

    `skewness` and `kurtosis` are G1 and G2, `skewness_g1` the plain moment.
    """

    n: int
    mean: float | None
    sd: float | None
    ad: float | None
    ad_adjusted: float | None
    ad_p: float | None
    shapiro_w: float | None
    shapiro_p: float | None
    lilliefors_d: float | None
    lilliefors_p: float | None
    skewness: float | None
    skewness_g1: float | None
    kurtosis: float | None
    missing: Mapping[str, Missing] = field(default_factory=dict)


def normality(values: Any) -> Any:
    """Test one sample (→ Normality) or many (→ list of them).

    Parameters
        values: see `inputs.py`; subgroups are taken as one sample, missing values are left out.

    Returns
        Normality; NO_VALUES, ONE_VALUE, ZERO_VARIANCE, TOO_FEW_VALUES and TOO_MANY_VALUES (Shapiro-Wilk
        above 5000) are the reasons for what is missing.

    Raises
        SpcInputError: values are not numbers.
    """
    batch = read(values)
    found: list[Any] = [None] * batch.size
    for group in batch.groups:
        for index, row in zip(group.indices, group.data.reshape(len(group.data), -1), strict=True):
            found[index] = _one(row[~np.isnan(row)])
    return found[0] if batch.is_one else found


def anderson_darling(log_below: FloatArray, log_above: FloatArray) -> float:
    """A² from the logarithms of F(x) and 1 - F(x) at the ordered sample, shape (n,)."""
    n = len(log_below)
    weights = 2.0 * np.arange(1, n + 1) - 1.0
    return float(-n - np.sum(weights * (log_below + log_above[::-1])) / n)


def normal_ad_p(adjusted: float) -> float:
    """p value of A* for a normal distribution with estimated mean and standard deviation."""
    a = adjusted
    if a < 0.2:
        return float(1.0 - np.exp(-13.436 + 101.14 * a - 223.73 * a * a))
    if a < 0.34:
        return float(1.0 - np.exp(-8.318 + 42.796 * a - 59.938 * a * a))
    if a < 0.6:
        return float(np.exp(0.9177 - 4.279 * a - 1.38 * a * a))
    if a < 10.0:
        return float(np.exp(1.2937 - 5.709 * a + 0.0186 * a * a))
    return 3.7e-24


def sample_of(values: Any) -> FloatArray:
    """One sample as a sorted array without its missing values. Raises SpcInputError(argument="values")."""
    x = as_floats("values", values)
    if x.ndim == 0:
        raise SpcInputError("values", "must be a sequence of numbers")
    x = x.reshape(-1)
    return np.sort(x[~np.isnan(x)])


def spread_missing(x: FloatArray) -> Missing | None:
    """Why the sorted sample has no spread, or None when it has one."""
    if len(x) == 0:
        return Missing.NO_VALUES
    if len(x) == 1:
        return Missing.ONE_VALUE
    return Missing.ZERO_VARIANCE if x[0] == x[-1] else None


_RESULTS = ("ad", "ad_adjusted", "ad_p", "shapiro_w", "shapiro_p", "lilliefors_d", "lilliefors_p")


def _one(row: FloatArray) -> Normality:
    x = np.sort(row)
    n = len(x)
    reason = spread_missing(x)
    mean = float(np.mean(x)) if n else None
    found: dict[str, float | None] = dict.fromkeys((*_RESULTS, "skewness", "skewness_g1", "kurtosis"))
    missing: dict[str, Missing] = {}
    if reason is not None:
        missing = dict.fromkeys(found, reason)
        sd = 0.0 if reason is Missing.ZERO_VARIANCE else None
        if sd is None:
            missing["sd"] = reason
        if mean is None:
            missing["mean"] = reason
        return Normality(n=n, mean=mean, sd=sd, missing=missing, **found)
    scale = x[-1] - x[0]  # a range of 1e-200 must not vanish in its square
    deviations = x - np.mean(x)
    unit = deviations / scale
    sd = float(np.sqrt(np.sum(unit**2) / (n - 1))) * scale
    z = deviations / sd
    found |= _anderson(z, missing) | _shapiro(x, missing) | _lilliefors(z, missing) | _moments(unit, missing)
    return Normality(n=n, mean=mean, sd=sd, missing=missing, **found)


def _anderson(z: FloatArray, missing: dict[str, Missing]) -> dict[str, float | None]:
    n = len(z)
    a = anderson_darling(special.log_ndtr(z), special.log_ndtr(-z))
    adjusted = a * (1.0 + 0.75 / n + 2.25 / n**2)
    p = None
    if n < LEAST_FOR_AD:
        missing["ad_p"] = Missing.TOO_FEW_VALUES
    else:
        p = normal_ad_p(adjusted)
    return {"ad": a, "ad_adjusted": adjusted, "ad_p": p}


def _shapiro(x: FloatArray, missing: dict[str, Missing]) -> dict[str, float | None]:
    if not LEAST_FOR_SHAPIRO <= len(x) <= MOST_FOR_SHAPIRO:
        few = len(x) < LEAST_FOR_SHAPIRO
        reason = Missing.TOO_FEW_VALUES if few else Missing.TOO_MANY_VALUES
        missing |= {"shapiro_w": reason, "shapiro_p": reason}
        return {}
    from scipy import stats  # imported late: it takes longer than everything else here

    scaled = (x - x[0]) / (x[-1] - x[0])  # W does not change, and scipy does not warn about tiny ranges
    w, p = stats.shapiro(scaled)
    return {"shapiro_w": float(w), "shapiro_p": float(p)}


def _lilliefors(z: FloatArray, missing: dict[str, Missing]) -> dict[str, float | None]:
    n = len(z)
    if n < LEAST_FOR_LILLIEFORS:
        missing |= dict.fromkeys(("lilliefors_d", "lilliefors_p"), Missing.TOO_FEW_VALUES)
        return {}
    below = special.ndtr(z)
    rank = np.arange(1, n + 1)
    d = float(max(np.max(rank / n - below), np.max(below - (rank - 1) / n)))
    return {"lilliefors_d": d, "lilliefors_p": _lilliefors_p(d, n)}


def _lilliefors_p(d: float, n: int) -> float:
    size = min(n, 100)
    k = d * (n / 100.0) ** 0.49 if n > 100 else d
    shifted = size + 2.78019
    p = float(
        np.exp(
            -7.01256 * k * k * shifted
            + 2.99587 * k * np.sqrt(shifted)
            - 0.122119
            + 0.974598 / np.sqrt(size)
            + 1.67997 / size
        )
    )
    if p <= 0.1:
        return p
    k = (np.sqrt(n) - 0.01 + 0.85 / np.sqrt(n)) * d
    for upper, coefficients in (
        (0.302, (1.0,)),
        (0.5, (2.76773, -19.828315, 80.709644, -138.55152, 81.218052)),
        (0.9, (-4.901232, 40.662806, -97.490286, 94.029866, -32.355711)),
        (1.31, (6.198765, -19.558097, 23.186922, -12.234627, 2.423045)),
    ):
        if k <= upper:
            return float(np.polynomial.polynomial.polyval(k, coefficients))
    return 0.0


def _moments(unit: FloatArray, missing: dict[str, Missing]) -> dict[str, float | None]:
    n = len(unit)
    m2, m3, m4 = (float(np.mean(unit**power)) for power in (2, 3, 4))
    g1, g2 = m3 / m2**1.5, m4 / m2**2 - 3.0
    skewness = g1 * np.sqrt(n * (n - 1.0)) / (n - 2.0) if n > 2 else np.nan
    kurtosis = (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * g2 + 6.0) if n > 3 else np.nan
    if n <= 2:
        missing["skewness"] = Missing.TOO_FEW_VALUES
    if n <= 3:
        missing["kurtosis"] = Missing.TOO_FEW_VALUES
    return {"skewness_g1": g1, "skewness": optional(skewness), "kurtosis": optional(kurtosis)}
