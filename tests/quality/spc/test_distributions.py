"""Fitted families: their estimates are the maximum of the likelihood, their p values hold their promise."""

from __future__ import annotations

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
