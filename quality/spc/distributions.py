"""Distribution families for non-normal characteristics: fitting, Anderson-Darling value and p of each.

Flatness, roundness, runout and roughness cannot be below zero and pile up there; times and strengths are
skewed. Every family here has two parameters or one; those on positive values start at zero.

Parameters are maximum likelihood estimates, except that the normal and lognormal take the standard
deviation with n - 1 (of the logarithms), as their tables and other programs do.

Sources: D'Agostino and Stephens, Goodness-of-Fit Techniques (1986), chapter 4 (percentage points for the
normal, exponential, gamma and logistic); MIL-HDBK-17-1F, section 8.3.4 (p value for the Weibull).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy import special

from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray
from quality.spc.missing import Missing
from quality.spc.normality import (
    LEAST_FOR_AD,
    anderson_darling,
    normal_ad_p,
    sample_of,
    spread_missing,
)

Relation = Literal["=", "<", ">"]


@dataclass(frozen=True, slots=True)
class Fit:
    """One family fitted to one sample; what does not exist is None and stands in `missing` with its reason.

    parameters: by name, e.g. {"shape": 1.8, "scale": 0.02}.
    ad: A² as computed, not adjusted for the sample size.
    ad_p, ad_p_relation: tables end at 0.25 and 0.005, so p may be told as "> 0.25" or "< 0.005".
    log_likelihood, aic: to compare families.
    """

    family: str
    n: int
    parameters: Mapping[str, float] = field(default_factory=dict)
    ad: float | None = None
    ad_p: float | None = None
    ad_p_relation: Relation = "="
    log_likelihood: float | None = None
    aic: float | None = None
    missing: Mapping[str, Missing] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """The family could be fitted."""
        return bool(self.parameters)

    def distribution(self) -> Any:
        """The fitted distribution as a frozen scipy object. Raises SpcInputError where there is no fit."""
        if not self.parameters:
            raise SpcInputError("fit", f"{self.family} was not fitted: {self.missing.get('parameters')}")
        return FAMILIES[self.family].frozen(**self.parameters)


@dataclass(frozen=True, slots=True)
class Family:
    """How a family is fitted, tested and built.

    ad_p takes A², n and the parameters. scipy_name and arguments tell the distribution in scipy.stats.
    """

    fit: Callable[[FloatArray], dict[str, float]]
    ad_p: Callable[[float, int, Mapping[str, float]], tuple[float | None, Relation]]
    scipy_name: str
    arguments: Callable[..., dict[str, float]]
    is_positive: bool = True

    def frozen(self, **parameters: float) -> Any:
        """The distribution with these parameters, from scipy.stats."""
        from scipy import stats  # imported late: it takes longer than all the rest together

        return getattr(stats, self.scipy_name)(**self.arguments(**parameters))


def fit_distribution(values: Any, family: str) -> Fit:
    """Fit one family to a sample.

    Parameters
        values: any shape, missing values are left out.
        family: one of FAMILIES.

    Returns
        Fit; `missing["parameters"]` is NO_VALUES, ONE_VALUE, ZERO_VARIANCE, NOT_POSITIVE or NO_FIT where
        there is none, `missing["ad_p"]` TOO_FEW_VALUES (below 8) or NO_P_VALUE.

    Raises
        SpcInputError: values are not numbers, the family is unknown.
    """
    if not isinstance(family, str) or family not in FAMILIES:
        raise SpcInputError("family", f"unknown family {family!r}; known: {', '.join(FAMILIES)}")
    return fit_sorted(sample_of(values), family)


def fit_sorted(x: FloatArray, family: str) -> Fit:
    """`fit_distribution` of a sorted sample without missing values."""
    chosen, n = FAMILIES[family], len(x)
    reason = spread_missing(x)
    if reason is None and chosen.is_positive and x[0] <= 0:
        reason = Missing.NOT_POSITIVE
    if reason is not None:
        return _without_fit(family, n, reason)
    with np.errstate(all="ignore"):
        try:
            parameters = chosen.fit(x)
        except (ValueError, RuntimeError, ArithmeticError):
            return _without_fit(family, n, Missing.NO_FIT)
        if not all(np.isfinite(value) for value in parameters.values()):
            return _without_fit(family, n, Missing.NO_FIT)
        frozen = chosen.frozen(**parameters)
        ad = anderson_darling(frozen.logcdf(x), frozen.logsf(x))
        likelihood = float(np.sum(frozen.logpdf(x)))
    if not (np.isfinite(ad) and np.isfinite(likelihood)):
        return _without_fit(family, n, Missing.NO_FIT)
    missing: dict[str, Missing] = {}
    p, relation = (None, "=") if n < LEAST_FOR_AD else chosen.ad_p(ad, n, parameters)
    if p is None:
        missing["ad_p"] = Missing.TOO_FEW_VALUES if n < LEAST_FOR_AD else Missing.NO_P_VALUE
    aic = 2.0 * len(parameters) - 2.0 * likelihood
    return Fit(family, n, parameters, ad, p, relation, likelihood, aic, missing)


def _without_fit(family: str, n: int, reason: Missing) -> Fit:
    names = ("parameters", "ad", "ad_p", "log_likelihood", "aic")
    return Fit(family, n, missing=dict.fromkeys(names, reason))


# ------------------------------------------------------------------------------------------------- estimates


def _fit_normal(x: FloatArray) -> dict[str, float]:
    return {"mean": float(np.mean(x)), "sd": float(np.std(x, ddof=1))}


def _fit_lognormal(x: FloatArray) -> dict[str, float]:
    logs = np.log(x)
    return {"mu": float(np.mean(logs)), "sigma": float(np.std(logs, ddof=1))}


def _fit_weibull(x: FloatArray) -> dict[str, float]:
    """Solve mean(x^b ln x) / mean(x^b) - 1/b = mean(ln x) for the shape b; the left side rises with b."""
    logs = np.log(x) - np.log(x[-1])  # the largest is 0, so no power overflows

    def slope(shape: float) -> float:
        powers = np.exp(shape * logs)
        return float(np.sum(powers * logs) / np.sum(powers) - 1.0 / shape - np.mean(logs))

    shape = _root(slope, 1.2 / float(np.std(logs)))
    return {"shape": shape, "scale": float(x[-1] * np.mean(np.exp(shape * logs)) ** (1.0 / shape))}


def _fit_gamma(x: FloatArray) -> dict[str, float]:
    """Solve ln a - digamma(a) = ln mean(x) - mean(ln x) for the shape a."""
    mean = float(np.mean(x))
    s = float(np.log(mean) - np.mean(np.log(x)))
    start = (3.0 - s + np.sqrt((s - 3.0) ** 2 + 24.0 * s)) / (12.0 * s)
    shape = _root(lambda a: s - float(np.log(a) - special.digamma(a)), start)
    return {"shape": shape, "scale": mean / shape}


def _fit_exponential(x: FloatArray) -> dict[str, float]:
    return {"scale": float(np.mean(x))}


def _fit_rayleigh(x: FloatArray) -> dict[str, float]:
    return {"scale": float(np.sqrt(np.mean(x**2) / 2.0))}


def _fit_half_normal(x: FloatArray) -> dict[str, float]:
    return {"scale": float(np.sqrt(np.mean(x**2)))}


def _fit_largest_extreme(x: FloatArray) -> dict[str, float]:
    """Solve mean(x) - s - sum(x e^(-x/s)) / sum(e^(-x/s)) = 0 for the scale s; the left side falls with s."""
    spread = float(np.std(x))

    def slope(scale: float) -> float:
        weights = np.exp(-(x - x[0]) / scale)
        return float(scale + np.sum(x * weights) / np.sum(weights) - np.mean(x))

    scale = _root(slope, spread * np.sqrt(6.0) / np.pi)
    return {"location": float(x[0] - scale * np.log(np.mean(np.exp(-(x - x[0]) / scale)))), "scale": scale}


def _fit_logistic(x: FloatArray) -> dict[str, float]:
    middle, spread = float(np.median(x)), float(np.std(x)) * np.sqrt(3.0) / np.pi
    z = (x - middle) / spread

    def negative(parameters: FloatArray) -> tuple[float, FloatArray]:
        location, log_scale = parameters
        scale = np.exp(log_scale)
        u = (z - location) / scale
        tail = special.expit(-u)
        value = float(np.sum(u + 2.0 * np.logaddexp(0.0, -u)) + len(z) * log_scale)
        pull = 1.0 - 2.0 * tail
        return value, np.array([-np.sum(pull) / scale, len(z) - np.sum(pull * u)])

    from scipy import optimize

    found = optimize.minimize(negative, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-9 * len(z)})
    location, log_scale = found.x
    return {"location": middle + spread * float(location), "scale": float(spread * np.exp(log_scale))}


def _fit_loglogistic(x: FloatArray) -> dict[str, float]:
    logs = _fit_logistic(np.log(x))
    return {"shape": 1.0 / logs["scale"], "scale": float(np.exp(logs["location"]))}


def _root(rising: Callable[[float], float], start: float) -> float:
    """The positive root of a rising function, bracketed by doubling from a start."""
    from scipy import optimize  # imported late, as scipy.stats is

    low = high = float(start)
    for _ in range(200):
        if rising(low) < 0:
            break
        low /= 2.0
    for _ in range(200):
        if rising(high) > 0:
            break
        high *= 2.0
    return float(optimize.brentq(rising, low, high, xtol=1e-14 * high, rtol=1e-13))


# ------------------------------------------------------------------------------------------------- p values


def _p_normal(a: float, n: int, _: Mapping[str, float]) -> tuple[float | None, Relation]:
    return normal_ad_p(a * (1.0 + 0.75 / n + 2.25 / n**2)), "="


def _p_weibull(a: float, n: int, _: Mapping[str, float]) -> tuple[float | None, Relation]:
    adjusted = a * (1.0 + 0.2 / np.sqrt(n))
    return float(special.expit(0.10 - 1.24 * np.log(adjusted) - 4.48 * adjusted)), "="


_TABLE_P = (0.25, 0.10, 0.05, 0.025, 0.01, 0.005)
_EXPONENTIAL = (0.736, 1.062, 1.321, 1.591, 1.959, 2.244)
_LOGISTIC = (0.426, 0.563, 0.660, 0.769, 0.906, 1.010)
_GAMMA: dict[float, tuple[float, ...]] = {
    1: (0.486, 0.657, 0.786, 0.917, 1.092, 1.227),
    2: (0.477, 0.643, 0.768, 0.894, 1.062, 1.190),
    3: (0.475, 0.639, 0.762, 0.886, 1.052, 1.178),
    4: (0.473, 0.637, 0.759, 0.883, 1.048, 1.173),
    5: (0.472, 0.635, 0.758, 0.881, 1.045, 1.170),
    6: (0.472, 0.635, 0.757, 0.880, 1.043, 1.168),
    8: (0.471, 0.634, 0.755, 0.878, 1.041, 1.165),
    10: (0.471, 0.633, 0.754, 0.877, 1.040, 1.164),
    12: (0.471, 0.633, 0.754, 0.876, 1.038, 1.162),
    15: (0.470, 0.632, 0.754, 0.876, 1.038, 1.162),
    20: (0.470, 0.632, 0.753, 0.875, 1.037, 1.161),
    np.inf: (0.470, 0.631, 0.752, 0.873, 1.035, 1.159),
}


def _p_table(adjusted: float, points: tuple[float, ...]) -> tuple[float, Relation]:
    """Interpolate ln p between the upper percentage points of a table."""
    if adjusted < points[0]:
        return _TABLE_P[0], ">"
    if adjusted > points[-1]:
        return _TABLE_P[-1], "<"
    return float(np.exp(np.interp(adjusted, points, np.log(_TABLE_P)))), "="


def _p_exponential(a: float, n: int, _: Mapping[str, float]) -> tuple[float | None, Relation]:
    return _p_table(a * (1.0 + 0.6 / n), _EXPONENTIAL)


def _p_logistic(a: float, n: int, _: Mapping[str, float]) -> tuple[float | None, Relation]:
    return _p_table(a * (1.0 + 0.25 / n), _LOGISTIC)


def _p_gamma(a: float, _: int, parameters: Mapping[str, float]) -> tuple[float | None, Relation]:
    """Interpolate the points in 1/shape; below shape 1 the table has none."""
    if parameters["shape"] < 1.0:
        return None, "="
    inverse = [1.0 / shape for shape in reversed(_GAMMA)]
    columns = np.array(list(reversed(_GAMMA.values())))
    points = tuple(float(np.interp(1.0 / parameters["shape"], inverse, column)) for column in columns.T)
    return _p_table(a, points)


def _p_unknown(_: float, __: int, ___: Mapping[str, float]) -> tuple[float | None, Relation]:
    return None, "="


FAMILIES: dict[str, Family] = {
    "normal": Family(
        _fit_normal, _p_normal, "norm", lambda mean, sd: {"loc": mean, "scale": sd}, is_positive=False
    ),
    "lognormal": Family(
        _fit_lognormal, _p_normal, "lognorm", lambda mu, sigma: {"s": sigma, "scale": float(np.exp(mu))}
    ),
    "weibull": Family(
        _fit_weibull, _p_weibull, "weibull_min", lambda shape, scale: {"c": shape, "scale": scale}
    ),
    "gamma": Family(_fit_gamma, _p_gamma, "gamma", lambda shape, scale: {"a": shape, "scale": scale}),
    "exponential": Family(_fit_exponential, _p_exponential, "expon", lambda scale: {"scale": scale}),
    "rayleigh": Family(_fit_rayleigh, _p_exponential, "rayleigh", lambda scale: {"scale": scale}),
    "half_normal": Family(_fit_half_normal, _p_unknown, "halfnorm", lambda scale: {"scale": scale}),
    "largest_extreme": Family(
        _fit_largest_extreme,
        _p_weibull,
        "gumbel_r",
        lambda location, scale: {"loc": location, "scale": scale},
        is_positive=False,
    ),
    "logistic": Family(
        _fit_logistic,
        _p_logistic,
        "logistic",
        lambda location, scale: {"loc": location, "scale": scale},
        is_positive=False,
    ),
    "loglogistic": Family(
        _fit_loglogistic, _p_logistic, "fisk", lambda shape, scale: {"c": shape, "scale": scale}
    ),
}
"""By name. The square of a Rayleigh value is exponential and the logarithm of a Weibull one has an extreme
value distribution, so they share their p values."""
