"""Transformations to normality: Box-Cox and the Johnson system.

    Box-Cox   z = (x^lambda - 1) / lambda, ln x at lambda 0; positive values only
    Johnson   SB  z = gamma + eta ln((x - epsilon) / (epsilon + width - x))   bounded on both sides
              SL  z = gamma + eta ln(x - epsilon)                              bounded below (or above)
              SU  z = gamma + eta asinh((x - epsilon) / width)                 unbounded

Whether to transform, and with which member, is decided by a person who sees the test values: nothing here
chooses.

Sources: Box and Cox, Journal of the Royal Statistical Society B 26 (1964); Johnson, Biometrika 36 (1949);
Slifker and Shapiro, Technometrics 22 (1980); Chou, Polansky and Mason, Journal of Quality Technology 30
(1998) for the search over the quantile distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from quality.spc.inputs import FloatArray, as_floats
from quality.spc.missing import Missing
from quality.spc.normality import LEAST_FOR_AD, anderson_darling, normal_ad_p, sample_of, spread_missing

_LAMBDA_RANGE = (-5.0, 5.0)
_NO_LAMBDA = 1e-100
"""Nearer to zero than this the power is the logarithm to the last digit, and lambda z has none to spare."""

_DISTANCES = np.arange(0.25, 1.2501, 0.01)
"""Quantile distances z that the Johnson search tries: quantiles at -3z, -z, z and 3z of the normal
distribution.
"""


@dataclass(frozen=True, slots=True)
class BoxCox:
    """Box-Cox estimate; None with a reason in `missing` where it does not exist.

    `rounded` is lambda at the nearest half, which people can name (0.5 is the square root, 0 the
    logarithm). low and high are the 95 % likelihood interval. ad and ad_p judge the transformed values
    (lambda, not rounded).
    """

    n: int
    lam: float | None = None
    rounded: float | None = None
    low: float | None = None
    high: float | None = None
    ad: float | None = None
    ad_p: float | None = None
    missing: Mapping[str, Missing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Johnson:
    """One member of the Johnson system fitted to a sample.

    `width` is the scale of SU, the distance of the bounds of SB and 1 or -1 (the side) of SL. `distance` is
    the quantile distance that fitted best. ad and ad_p judge the transformed values.
    """

    family: str
    n: int
    gamma: float
    eta: float
    epsilon: float
    width: float
    distance: float
    ad: float
    ad_p: float

    def transform(self, x: Any) -> FloatArray:
        """Values on the normal scale; -inf or inf at and beyond a bound."""
        values = as_floats("x", x)
        with np.errstate(invalid="ignore", divide="ignore"):
            u = (values - self.epsilon) / self.width
            match self.family:
                case "SU":
                    z = np.arcsinh(u)
                case "SB":
                    inside = np.clip(u, 0.0, 1.0)
                    z = np.log(inside) - np.log1p(-inside)
                case _:
                    z = self.width * np.log(np.maximum(u, 0.0))
        return np.asarray(self.gamma + self.eta * z)

    def inverse(self, z: Any) -> FloatArray:
        """Values whose transform is z."""
        u = (as_floats("z", z) - self.gamma) / self.eta
        match self.family:
            case "SU":
                x = np.sinh(u)
            case "SB":
                x = special.expit(u)
            case _:
                x = np.exp(self.width * u)
        return np.asarray(self.epsilon + self.width * x)


class JohnsonFits(NamedTuple):
    """The best member of each family that fits, highest p first; empty with the reason in `missing`."""

    candidates: tuple[Johnson, ...]
    missing: Missing | None = None


def box_cox_transform(x: Any, lam: float) -> FloatArray:
    """Values on the Box-Cox scale (any shape); NaN below zero, and at zero unless lambda is above zero."""
    values = as_floats("x", x)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = special.boxcox(values, _lambda(lam))
    return np.where(np.isfinite(z), z, np.nan)


def box_cox_inverse(z: Any, lam: float) -> FloatArray:
    """Values whose Box-Cox transform is z; NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x = special.inv_boxcox(as_floats("z", z), _lambda(lam))
    return np.where(np.isfinite(x), x, np.nan)


def _lambda(lam: float) -> float:
    return 0.0 if abs(lam) < _NO_LAMBDA else lam


def box_cox(values: Any) -> BoxCox:
    """Estimate lambda by maximum likelihood.

    Parameters
        values: one sample, any shape; missing values are left out.

    Returns
        BoxCox; missing with NO_VALUES, ONE_VALUE, ZERO_VARIANCE, NOT_POSITIVE, or NO_FIT where the
        likelihood still rises at lambda -5 or 5.

    Raises
        SpcInputError: values are not numbers.
    """
    x = sample_of(values)
    n = len(x)
    reason = spread_missing(x)
    if reason is None and x[0] <= 0:
        reason = Missing.NOT_POSITIVE
    if reason is not None:
        return _no_box_cox(n, reason)
    from scipy import optimize  # imported late: half of the package never needs it

    logs = np.log(x) - np.mean(np.log(x))  # divided by the geometric mean, so that no power overflows
    found = optimize.minimize_scalar(
        lambda lam: -_likelihood(logs, lam), bounds=_LAMBDA_RANGE, method="bounded", options={"xatol": 1e-10}
    )
    lam, top = float(found.x), -float(found.fun)
    if min(lam - _LAMBDA_RANGE[0], _LAMBDA_RANGE[1] - lam) < 1e-6:
        return _no_box_cox(n, Missing.NO_FIT)
    level = top - 0.5 * float(special.chdtri(1, 0.05))
    z = special.boxcox(np.exp(logs), lam)
    ad, p = _normal_test(np.sort(z))
    missing: dict[str, Missing] = {} if p is not None else {"ad_p": Missing.TOO_FEW_VALUES}
    ends = [_crossing(logs, lam, direction, level) for direction in (-1.0, 1.0)]
    for name, end in zip(("low", "high"), ends, strict=True):
        if end is None:
            missing[name] = Missing.NO_FIT
    return BoxCox(n, lam, round(2.0 * lam) / 2.0 + 0.0, ends[0], ends[1], ad, p, missing)


def _no_box_cox(n: int, reason: Missing) -> BoxCox:
    return BoxCox(n, missing=dict.fromkeys(("lam", "rounded", "low", "high", "ad", "ad_p"), reason))


def _likelihood(logs: FloatArray, lam: float) -> float:
    """Profile log-likelihood of lambda, up to a constant; the logs have mean zero, so the Jacobian is 1."""
    z = special.boxcox1p(np.expm1(logs), lam)
    return float(-0.5 * len(logs) * np.log(np.var(z)))


def _crossing(logs: FloatArray, lam: float, direction: float, level: float) -> float | None:
    """Where the likelihood falls to a level on one side of lambda, within four times the search range."""
    from scipy import optimize

    step = 0.1
    while step <= 20.0:
        if _likelihood(logs, lam + direction * step) < level:
            ends = sorted((lam, lam + direction * step))
            return float(optimize.brentq(lambda at: _likelihood(logs, at) - level, ends[0], ends[1]))
        step *= 2.0
    return None


def johnson(values: Any) -> JohnsonFits:
    """Fit the Johnson system.

    Parameters
        values: one sample, any shape; missing values are left out. At least 8.

    Returns
        JohnsonFits: of each of SB, SL and SU the member with the smallest A², highest p first.
        missing: NO_VALUES, ONE_VALUE, ZERO_VARIANCE, TOO_FEW_VALUES, or NO_FIT.

    Raises
        SpcInputError: values are not numbers.

    Notes
        For each quantile distance z the four quantiles at Phi(-3z), Phi(-z), Phi(z), Phi(3z) are taken at
        the plotting positions (i - 1/2) / n. Their gaps m, p, n decide between bounded (mn < p²), unbounded
        (mn > p²) and SL, which is tried at every z beside the other.
    """
    x = sample_of(values)
    reason = spread_missing(x)
    if reason is None and len(x) < LEAST_FOR_AD:
        reason = Missing.TOO_FEW_VALUES
    if reason is not None:
        return JohnsonFits((), reason)
    best: dict[str, Johnson] = {}
    for distance in _DISTANCES:
        for candidate in _at_distance(x, float(distance)):
            known = best.get(candidate.family)
            if known is None or candidate.ad < known.ad:
                best[candidate.family] = candidate
    ordered = tuple(sorted(best.values(), key=lambda fit: fit.ad))
    return JohnsonFits(ordered, None if ordered else Missing.NO_FIT)


def _at_distance(x: FloatArray, distance: float) -> list[Johnson]:
    quantiles = special.ndtr(distance * np.array([-3.0, -1.0, 1.0, 3.0]))
    positions = (np.arange(1, len(x) + 1) - 0.5) / len(x)
    if quantiles[0] < positions[0]:
        return []  # the outer quantiles lie outside of the sample
    outer_low, low, high, outer_high = np.interp(quantiles, positions, x)
    n, p, m = low - outer_low, high - low, outer_high - high
    if min(m, n, p) <= 0:
        return []
    found = []
    middle = (low + high) / 2.0
    if m * n > p * p * (1 + 1e-9):
        found.append(("SU", *_unbounded(distance, m, n, p, middle)))
    elif m * n < p * p * (1 - 1e-9):
        found.append(("SB", *_bounded(distance, m, n, p, middle)))
    if abs(m - p) > 1e-9 * p:
        found.append(("SL", *_lognormal(distance, m, p, middle)))
    fits = (_judged(x, family, distance, *parameters) for family, *parameters in found)
    return [fit for fit in fits if fit is not None]


def _unbounded(z: float, m: float, n: float, p: float, middle: float) -> tuple[float, float, float, float]:
    a, b = m / p, n / p
    eta = 2.0 * z / np.arccosh((a + b) / 2.0)
    root = np.sqrt(a * b - 1.0)
    gamma = eta * np.arcsinh((b - a) / (2.0 * root))
    width = 2.0 * p * root / ((a + b - 2.0) * np.sqrt(a + b + 2.0))
    return gamma, eta, middle + p * (b - a) / (2.0 * (a + b - 2.0)), width


def _bounded(z: float, m: float, n: float, p: float, middle: float) -> tuple[float, float, float, float]:
    a, b = p / m, p / n
    product = (1.0 + a) * (1.0 + b)
    eta = z / np.arccosh(np.sqrt(product) / 2.0)
    gamma = eta * np.arcsinh((b - a) * np.sqrt(product - 4.0) / (2.0 * (a * b - 1.0)))
    width = p * np.sqrt((product - 2.0) ** 2 - 4.0) / (a * b - 1.0)
    return gamma, eta, middle - width / 2.0 + p * (b - a) / (2.0 * (a * b - 1.0)), width


def _lognormal(z: float, m: float, p: float, middle: float) -> tuple[float, float, float, float]:
    """Skewed to the right where m > p; to the left the mirror image."""
    ratio = m / p
    eta = 2.0 * z / abs(np.log(ratio))
    bound = middle - p / 2.0 * (ratio + 1.0) / (ratio - 1.0)
    side = 1.0 if ratio > 1.0 else -1.0
    reach = p * np.sqrt(ratio) / abs(ratio - 1.0)  # of the median from the bound
    return -side * eta * np.log(reach), eta, bound, side


def _judged(
    x: FloatArray, family: str, distance: float, gamma: float, eta: float, epsilon: float, width: float
) -> Johnson | None:
    if not np.isfinite([gamma, eta, epsilon, width]).all() or eta <= 0:
        return None
    fit = Johnson(
        family, len(x), float(gamma), float(eta), float(epsilon), float(width), distance, np.nan, np.nan
    )
    z = fit.transform(x)
    if not np.isfinite(z).all():
        return None  # a value lies at or beyond a bound
    ad, p = _normal_test(z)
    if p is None or not np.isfinite(ad):
        return None
    return replace(fit, ad=ad, ad_p=p)


def _normal_test(z: FloatArray) -> tuple[float, float | None]:
    """A² of a sorted sample against the normal with its mean and standard deviation, and p."""
    n = len(z)
    standard = (z - np.mean(z)) / np.std(z, ddof=1)
    ad = anderson_darling(special.log_ndtr(standard), special.log_ndtr(-standard))
    p = None if n < LEAST_FOR_AD else normal_ad_p(ad * (1.0 + 0.75 / n + 2.25 / n**2))
    return ad, p
