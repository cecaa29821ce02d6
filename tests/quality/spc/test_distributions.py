"""Fitted families: their estimates are the maximum of the likelihood, their p values hold their promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from quality.spc.distributions import FAMILIES, fit_distribution
from quality.spc.errors import SpcInputError
from quality.spc.missing import Missing
from quality.spc.normality import normality
from tests.oracles import nonnormal as oracle

DRAW = {
    "normal": lambda rng, n: rng.normal(10, 2, n),
    "lognormal": lambda rng, n: np.exp(rng.normal(1, 0.5, n)),
    "weibull": lambda rng, n: 0.02 * rng.weibull(1.8, n),
    "gamma": lambda rng, n: rng.gamma(2.5, 3.0, n),
    "exponential": lambda rng, n: rng.exponential(3.0, n),
    "rayleigh": lambda rng, n: rng.rayleigh(2.0, n),
    "half_normal": lambda rng, n: np.abs(rng.normal(0, 1, n)),
    "largest_extreme": lambda rng, n: rng.gumbel(3, 2, n),
    "logistic": lambda rng, n: rng.logistic(1, 2, n),
    "loglogistic": lambda rng, n: np.exp(rng.logistic(0, 0.3, n)),
}
CORRECTED = ("normal", "lognormal")  # n - 1 instead of maximum likelihood


def test_every_family_is_drawn_here() -> None:
    assert DRAW.keys() == FAMILIES.keys()


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in CORRECTED])
def test_estimates_are_the_maximum_of_the_likelihood(family: str) -> None:
    x = DRAW[family](np.random.default_rng(8), 60)
    fit = fit_distribution(x, family)
    assert fit.log_likelihood == pytest.approx(float(fit.distribution().logpdf(x).sum()))
    for name, value in fit.parameters.items():
        for nudge in (1 - 1e-3, 1 + 1e-3):
            other = FAMILIES[family].frozen(**{**fit.parameters, name: value * nudge})
            assert other.logpdf(x).sum() < fit.log_likelihood


@pytest.mark.parametrize(
    ("family", "scipys"),
    [("weibull", stats.weibull_min), ("gamma", stats.gamma), ("loglogistic", stats.fisk)],
)
def test_estimates_agree_with_scipys_search(family: str, scipys) -> None:
    x = DRAW[family](np.random.default_rng(9), 80)
    shape, _, scale = scipys.fit(x, floc=0)
    found = fit_distribution(x, family).parameters
    assert (found["shape"], found["scale"]) == pytest.approx((shape, scale), rel=1e-3)


def test_normal_and_lognormal_take_n_minus_one() -> None:
    x = DRAW["lognormal"](np.random.default_rng(2), 25)
    assert fit_distribution(x, "normal").parameters["sd"] == pytest.approx(x.std(ddof=1))
    assert fit_distribution(x, "lognormal").parameters["sigma"] == pytest.approx(np.log(x).std(ddof=1))


def test_normal_family_reports_what_the_test_of_normality_reports() -> None:
    x = DRAW["gamma"](np.random.default_rng(3), 40)
    fit, test = fit_distribution(x, "normal"), normality(x)
    assert (fit.ad, fit.ad_p) == pytest.approx((test.ad, test.ad_p))
    logs = normality(np.log(x))
    assert fit_distribution(x, "lognormal").ad_p == pytest.approx(logs.ad_p)


@pytest.mark.parametrize("family", FAMILIES)
def test_ad_agrees_with_its_definition(family: str) -> None:
    x = DRAW[family](np.random.default_rng(4), 30)
    fit = fit_distribution(x, family)
    distribution = fit.distribution()
    expected = oracle.anderson_darling(list(x), lambda value: float(distribution.cdf(value)))
    assert fit.ad == pytest.approx(expected, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "half_normal"])
def test_p_values_are_uniform_where_the_family_is_true(family: str) -> None:
    rng = np.random.default_rng(1986)
    runs = 700
    fits = [fit_distribution(DRAW[family](rng, 40), family) for _ in range(runs)]
    p = np.array([1.0 if fit.ad_p_relation == ">" else fit.ad_p for fit in fits])
    for level in (0.025, 0.05, 0.10, 0.25 - 1e-9):
        noise = 4 * np.sqrt(level * (1 - level) / runs)
        assert np.mean(p <= level) == pytest.approx(level, abs=noise + 0.012), level


def test_tables_end_with_a_relation_instead_of_a_false_number() -> None:
    rng = np.random.default_rng(5)
    good = fit_distribution(stats.logistic.ppf((np.arange(40) + 0.5) / 40), "logistic")
    assert (good.ad_p, good.ad_p_relation) == (0.25, ">")
    bad = fit_distribution(np.concatenate([rng.normal(0, 0.1, 40), rng.normal(9, 0.1, 40)]), "logistic")
    assert (bad.ad_p, bad.ad_p_relation) == (0.005, "<")


def test_families_that_are_transforms_of_each_other_agree() -> None:
    x = DRAW["rayleigh"](np.random.default_rng(6), 35)
    assert fit_distribution(x, "rayleigh").ad == pytest.approx(fit_distribution(x**2, "exponential").ad)
    y = DRAW["weibull"](np.random.default_rng(6), 35)
    assert fit_distribution(y, "weibull").ad == pytest.approx(
        fit_distribution(-np.log(y), "largest_extreme").ad
    )
    z = DRAW["loglogistic"](np.random.default_rng(6), 35)
    assert fit_distribution(z, "loglogistic").ad == pytest.approx(
        fit_distribution(np.log(z), "logistic").ad, rel=1e-6
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("factor", [1e-4, 1e5])
def test_units_do_not_matter(family: str, factor: float) -> None:
    x = DRAW[family](np.random.default_rng(7), 30)
    plain, scaled = fit_distribution(x, family), fit_distribution(x * factor, family)
    assert scaled.ad == pytest.approx(plain.ad, rel=1e-5)
    assert scaled.distribution().ppf(0.99865) == pytest.approx(
        factor * plain.distribution().ppf(0.99865), rel=1e-5
    )


@pytest.mark.parametrize(
    ("values", "family", "reason"),
    [
        ([], "weibull", Missing.NO_VALUES),
        ([1.0], "weibull", Missing.ONE_VALUE),
        ([1.0] * 5, "normal", Missing.ZERO_VARIANCE),
        ([0.0, 1.0, 2.0], "weibull", Missing.NOT_POSITIVE),
        ([-1.0, 1.0, 2.0], "lognormal", Missing.NOT_POSITIVE),
    ],
)
def test_a_fit_that_does_not_exist_has_a_reason(values, family, reason) -> None:
    fit = fit_distribution(values, family)
    assert not fit.exists and fit.ad is None
    assert fit.missing["parameters"] is reason
    with pytest.raises(SpcInputError, match="fit"):
        fit.distribution()


def test_p_is_missing_where_it_is_not_known() -> None:
    assert fit_distribution([1, 2, 4, 5, 7], "weibull").missing == {"ad_p": Missing.TOO_FEW_VALUES}
    half = fit_distribution(DRAW["half_normal"](np.random.default_rng(1), 20), "half_normal")
    assert half.ad is not None and half.missing == {"ad_p": Missing.NO_P_VALUE}
    flat_gamma = fit_distribution(np.random.default_rng(1).gamma(0.4, 1, 50), "gamma")
    assert flat_gamma.missing == {"ad_p": Missing.NO_P_VALUE}


def test_unknown_family_is_refused() -> None:
    with pytest.raises(SpcInputError, match="family"):
        fit_distribution([1, 2], "cauchy")


LEVELS = (0.25, 0.10, 0.05, 0.025, 0.01, 0.005)
POINTS = {
    # D'Agostino and Stephens (1986), chapter 4; the gamma by its shape
    "exponential": (0.736, 1.062, 1.321, 1.591, 1.959, 2.244),
    "logistic": (0.426, 0.563, 0.660, 0.769, 0.906, 1.010),
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
    math.inf: (0.470, 0.631, 0.752, 0.873, 1.035, 1.159),
}


@pytest.mark.parametrize("table", POINTS, ids=str)
def test_a_printed_percentage_point_has_its_level_as_p(table: Any) -> None:
    n, shape = 40, 1e300 if table == math.inf else table
    name, factor, parameters = {
        "exponential": ("exponential", 1 + 0.6 / n, {}),
        "logistic": ("logistic", 1 + 0.25 / n, {}),
    }.get(table, ("gamma", 1.0, {"shape": shape}))
    for level, point in zip(LEVELS, POINTS[table], strict=True):
        p, relation = FAMILIES[name].ad_p(point / factor * (1 + 1e-12), n, parameters)
        assert p == pytest.approx(level, rel=1e-6), point
        assert relation in "=" or point == POINTS[table][-1]
    assert FAMILIES[name].ad_p(0.1, n, parameters) == (0.25, ">")
    assert FAMILIES[name].ad_p(9.0, n, parameters) == (0.005, "<")


def test_p_of_the_weibull_follows_its_published_formula() -> None:
    """MIL-HDBK-17-1F: 1 / (1 + exp(-0.10 + 1.24 ln A* + 4.48 A*)) with A* = A² (1 + 0.2/sqrt n)."""
    for a in (0.2, 0.5, 0.757, 1.3):
        star = a * (1 + 0.2 / math.sqrt(30))
        expected = 1 / (1 + math.exp(-0.10 + 1.24 * math.log(star) + 4.48 * star))
        for family in ("weibull", "largest_extreme"):
            assert FAMILIES[family].ad_p(a, 30, {})[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_likelihood_and_aic_are_those_of_scipy(family: str) -> None:
    x = np.random.default_rng(5).weibull(2.0, 60) + 0.1
    fit = fit_distribution(x, family)
    expected = float(np.sum(fit.distribution().logpdf(x)))
    assert fit.log_likelihood == pytest.approx(expected, rel=1e-12)
    assert fit.aic == pytest.approx(2 * len(fit.parameters) - 2 * expected, rel=1e-12)


def test_eight_values_have_a_p_and_seven_have_none() -> None:
    x = np.arange(1.0, 9.0)
    assert fit_distribution(x, "exponential").ad_p is not None
    few = fit_distribution(x[:7], "exponential")
    assert (few.ad_p, few.missing["ad_p"]) == (None, Missing.TOO_FEW_VALUES)
