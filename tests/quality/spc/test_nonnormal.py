"""Box-Cox, Johnson and the percentile method."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from quality.spc.capability import capability
from quality.spc.distributions import fit_distribution
from quality.spc.errors import SpcInputError
from quality.spc.missing import Missing
from quality.spc.nonnormal import candidates, percentile_capability
from quality.spc.normality import normality
from quality.spc.transforms import (
    BoxCox,
    Johnson,
    box_cox,
    box_cox_inverse,
    box_cox_transform,
    johnson,
)
from tests.oracles import nonnormal as oracle

SKEWED = np.random.default_rng(1).weibull(1.5, 100) * 0.02
EXACT_NORMAL = stats.norm.ppf((np.arange(1, 2001) - 0.5) / 2000)


# ------------------------------------------------------------------------------------------------- Box-Cox


def test_lambda_is_scipys() -> None:
    for seed, draw in ((1, lambda rng: rng.weibull(1.5, 80)), (2, lambda rng: 50 + rng.normal(0, 1, 80))):
        x = draw(np.random.default_rng(seed))
        found = box_cox(x)
        if found.lam is not None:
            assert found.lam == pytest.approx(float(stats.boxcox(x)[1]), abs=1e-4)


def test_lambda_is_found_whatever_the_unit_with_its_likelihood_interval() -> None:
    found = box_cox(SKEWED)
    assert box_cox(SKEWED * 1e6).lam == pytest.approx(found.lam, abs=1e-6)
    top = stats.boxcox_llf(found.lam, SKEWED)
    for end in (found.low, found.high):
        assert top - stats.boxcox_llf(end, SKEWED) == pytest.approx(stats.chi2.isf(0.05, 1) / 2, abs=1e-6)
    assert found.rounded == 0.5 and found.low < found.lam < found.high


def test_powers_of_normal_values_are_recognised() -> None:
    z = 10 + EXACT_NORMAL
    for lam, x in ((0.5, z**2), (0.0, np.exp(z)), (-1.0, 1 / z)):
        found = box_cox(x)
        assert found.lam == pytest.approx(lam, abs=0.02)
        assert found.rounded == lam and found.ad_p > 0.9


@settings(max_examples=50)
@given(x=st.floats(0.01, 100), lam=st.floats(-3, 3))
@example(x=2.0, lam=5e-324)
@example(x=2.0, lam=-1e-308)
@example(x=50.0, lam=1e-99)
def test_box_cox_goes_back(x: float, lam: float) -> None:
    assert float(box_cox_inverse(box_cox_transform(x, lam), lam)) == pytest.approx(x, rel=1e-6)


def test_box_cox_below_zero_does_not_exist() -> None:
    assert np.isnan(box_cox_transform([-1.0, 0.0], -1.0)).all()
    assert np.isnan(box_cox_inverse(-3.0, 0.5))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], Missing.NO_VALUES),
        ([2.0], Missing.ONE_VALUE),
        ([2.0, 2.0], Missing.ZERO_VARIANCE),
        ([0.0, 1.0, 2.0], Missing.NOT_POSITIVE),
        ([1e6, 1e6 + 1, 1e6 + 5, 1e6 + 40], Missing.NO_FIT),
    ],
)
def test_box_cox_that_does_not_exist_has_a_reason(values, reason) -> None:
    found = box_cox(values)
    assert found.lam is None and found.missing["lam"] is reason


# ------------------------------------------------------------------------------------------------- Johnson


@pytest.mark.parametrize(
    "member",
    [
        ("SU", 1.2, 1.5, 3.0, 2.0),
        ("SB", -0.5, 1.1, 2.0, 10.0),
        ("SL", -0.7, 1.4, 5.0, 1.0),
        ("SL", 0.7, 1.4, 5.0, -1.0),
    ],
)
def test_johnson_finds_the_member_that_made_the_sample(member) -> None:
    true = Johnson(member[0], 0, *member[1:], distance=0.0, ad=0.0, ad_p=0.0)
    x = true.inverse(EXACT_NORMAL)
    assert np.allclose(true.transform(x), EXACT_NORMAL)
    assert np.all(np.diff(x) > 0)
    found = {fit.family: fit for fit in johnson(x).candidates}[member[0]]
    assert (found.gamma, found.eta, found.epsilon, found.width) == pytest.approx(member[1:], abs=1e-3)
    assert found.ad_p > 0.999


def test_johnson_reports_every_family_and_orders_them_by_their_test() -> None:
    fits = johnson(SKEWED).candidates
    assert len({fit.family for fit in fits}) == len(fits) >= 2
    assert [fit.ad_p for fit in fits] == sorted((fit.ad_p for fit in fits), reverse=True)
    for fit in fits:
        assert np.allclose(fit.inverse(fit.transform(SKEWED)), SKEWED)


def test_beyond_the_bounds_of_sb_and_sl_lies_infinity() -> None:
    sb = Johnson("SB", 0, 0.0, 1.0, 2.0, 3.0, 0.5, 0.0, 1.0)
    assert list(sb.transform([1.0, 2.0, 3.5, 5.0, 6.0])) == [-np.inf, -np.inf, 0.0, np.inf, np.inf]
    sl = Johnson("SL", 0, 0.0, 1.0, 2.0, -1.0, 0.5, 0.0, 1.0)
    assert list(sl.transform([1.0, 2.0, 3.0])) == [0.0, np.inf, np.inf]


@pytest.mark.parametrize(
    ("values", "reason"),
    [([], Missing.NO_VALUES), ([1.0] * 9, Missing.ZERO_VARIANCE), ([1, 2, 3], Missing.TOO_FEW_VALUES)],
)
def test_johnson_that_does_not_exist_has_a_reason(values, reason) -> None:
    assert johnson(values) == ((), reason)


def test_johnson_of_two_heaps_has_no_member() -> None:
    assert johnson([1.0] * 10 + [2.0] * 10) == ((), Missing.NO_FIT)


# -------------------------------------------------------------------------------------------------
# percentiles


@pytest.mark.parametrize("limits", [{"lsl": 2.0, "usl": 9.0}, {"lsl": 2.0}, {"usl": 9.0}])
def test_the_normal_model_gives_pp_and_ppk(limits: dict) -> None:
    x = np.random.default_rng(6).normal(5, 1, 80)
    found = percentile_capability(x, model="normal", **limits)
    plain = capability(x, **limits)
    three = stats.norm.ppf(0.99865)  # 0.135 % is not exactly 3 sigma
    for ours, theirs in (
        (found.pp, plain.pp),
        (found.ppl, plain.ppl),
        (found.ppu, plain.ppu),
        (found.ppk, plain.ppk),
    ):
        assert ours == (None if theirs is None else pytest.approx(theirs * 3 / three))
    assert found.ppm_above == (
        None if "usl" not in limits else pytest.approx(plain.ppm_expected_overall_above)
    )


@pytest.mark.parametrize("kind", [6, 7])
@pytest.mark.parametrize("n", [5, 60, 1500])
def test_empirical_quantiles_are_those_of_their_type(kind: int, n: int) -> None:
    x = list(np.random.default_rng(n).gamma(2, 1, n))
    found = percentile_capability(x, lsl=0.01, usl=9.0, quantile_type=kind)
    low, median, high = (oracle.quantile(x, q, kind) for q in (0.00135, 0.5, 0.99865))
    assert (found.x_low, found.x_median, found.x_high) == pytest.approx((low, median, high))
    assert found.pp == pytest.approx((9.0 - 0.01) / (high - low))
    assert found.ppl == pytest.approx((median - 0.01) / (median - low))
    assert found.ppu == pytest.approx((9.0 - median) / (high - median))
    assert found.ppk == min(found.ppl, found.ppu)
    assert found.ppm_above == pytest.approx(1e6 * sum(value > 9.0 for value in x) / n)
    expected = [("few_values", n < 50), ("quantiles_at_extremes", n < 740)]
    assert found.notes == tuple(note for note, applies in expected if applies)


def test_models_know_their_quantiles_and_tails() -> None:
    fit = fit_distribution(SKEWED, "weibull")
    by_name, by_fit = (percentile_capability(SKEWED, lsl=1e-4, usl=0.08, model=m) for m in ("weibull", fit))
    assert by_name == by_fit
    assert by_fit.x_high == pytest.approx(fit.distribution().ppf(0.99865))
    assert by_fit.ppm_above == pytest.approx(1e6 * fit.distribution().sf(0.08))
    member = johnson(SKEWED).candidates[0]
    found = percentile_capability(SKEWED, lsl=1e-4, usl=0.08, model=member)
    assert found.model == f"johnson_{member.family.lower()}"
    assert float(member.transform(found.x_high)) == pytest.approx(stats.norm.ppf(0.99865))
    assert found.ppm_above == pytest.approx(1e6 * stats.norm.sf(float(member.transform(0.08))))


def test_box_cox_model_is_normal_on_its_scale() -> None:
    by_name = percentile_capability(SKEWED, lsl=1e-4, usl=0.08, model="box_cox")
    estimate = box_cox(SKEWED)
    assert by_name == percentile_capability(SKEWED, lsl=1e-4, usl=0.08, model=estimate)
    z = box_cox_transform(SKEWED, estimate.lam)
    limit = (float(box_cox_transform(0.08, estimate.lam)) - z.mean()) / z.std(ddof=1)
    assert by_name.ppm_above == pytest.approx(1e6 * stats.norm.sf(limit))
    assert float(box_cox_transform(by_name.x_median, estimate.lam)) == pytest.approx(z.mean())


def test_box_cox_with_a_limit_at_or_below_zero_has_nothing_below_it() -> None:
    for lsl in (0.0, -1.0):
        found = percentile_capability(np.exp(EXACT_NORMAL), lsl=lsl, usl=20.0, model="box_cox")
        assert found.ppm_below == pytest.approx(0.0, abs=1e-6)


def test_a_physical_bound_has_no_index() -> None:
    found = percentile_capability(SKEWED, lsl=0.0, usl=0.08, model="weibull", lower_bound=True)
    assert found.ppk == found.ppu and found.pp is None and found.ppl is None
    assert found.missing == {"pp": Missing.LOWER_BOUND, "ppl": Missing.LOWER_BOUND}
    mirrored = percentile_capability(-SKEWED, lsl=-0.08, usl=0.0, upper_bound=True)
    assert mirrored.ppk == mirrored.ppl and mirrored.missing["pp"] is Missing.UPPER_BOUND


@pytest.mark.parametrize(
    ("values", "options", "missing"),
    [
        ([], {"usl": 1.0}, {"x_low": Missing.NO_VALUES, "ppk": Missing.NO_VALUES}),
        ([1.0] * 9, {"usl": 2.0}, {"x_low": Missing.ZERO_VARIANCE, "ppk": Missing.ZERO_VARIANCE}),
        ([1.0] * 9, {"usl": 2.0, "model": "gamma"}, {"ppk": Missing.ZERO_VARIANCE}),
        ([3.0], {"usl": 2.0, "model": "normal"}, {"ppk": Missing.ONE_VALUE}),
        ([-1, 2, 3], {"usl": 4, "model": "gamma"}, {"ppk": Missing.NOT_POSITIVE}),
        ([-1, 2, 3], {"usl": 4, "model": "box_cox"}, {"ppk": Missing.NOT_POSITIVE}),
        (
            [1, 2, 3],
            {},
            {"pp": Missing.NO_LIMITS, "ppk": Missing.NO_LIMITS, "ppl": Missing.NO_LSL, "ppu": Missing.NO_USL},
        ),
        (
            [1, 2, 3],
            {"usl": 4},
            {"pp": Missing.ONE_SIDED, "ppl": Missing.NO_LSL, "ppm_below": Missing.NO_LSL},
        ),
        ([1, 2, 3], {"lsl": 2, "usl": 2}, {"pp": Missing.ZERO_TOLERANCE, "ppk": Missing.ZERO_TOLERANCE}),
        (
            [1, 2, 3],
            {"lsl": 0, "usl": 2, "lower_bound": True, "upper_bound": True},
            {"ppk": Missing.LOWER_BOUND},
        ),
    ],
)
def test_what_does_not_exist_is_missing_with_a_reason(values, options, missing) -> None:
    found = percentile_capability(values, **options)
    for name, reason in missing.items():
        assert getattr(found, name) is None
        assert found.missing[name] is reason, name


def test_many_are_one_by_one() -> None:
    rows = [SKEWED[:30], SKEWED[30:], [*SKEWED[:30], None]]
    found = percentile_capability(rows, usl=[0.05, 0.06, 0.05], model="gamma")
    assert found[0] == found[2] == percentile_capability(SKEWED[:30], usl=0.05, model="gamma")
    assert found[1] == percentile_capability(SKEWED[30:], usl=0.06, model="gamma")


# ------------------------------------------------------------------------------------------------- candidates


def test_candidates_report_everything_and_choose_nothing() -> None:
    found = candidates(SKEWED)
    assert len(found.fits) == 10 and found.notes == ()
    assert [fit.ad for fit in found.fits] == sorted(fit.ad for fit in found.fits)
    assert found.box_cox == box_cox(SKEWED) and found.johnson == johnson(SKEWED).candidates
    assert not {"best", "chosen"} & set(type(found).__slots__)


def test_candidates_say_that_few_values_decide_nothing() -> None:
    assert candidates(SKEWED[:49]).notes == ("few_values",)
    assert candidates(SKEWED[:50]).notes == ()


def test_families_that_do_not_fit_come_last_with_their_reason() -> None:
    found = candidates(SKEWED - 0.01, ["weibull", "normal", "gamma"])
    assert found.fits[0].family == "normal"
    assert [fit.missing.get("parameters") for fit in found.fits[1:]] == [Missing.NOT_POSITIVE] * 2
    assert candidates([]).johnson_missing is Missing.NO_VALUES


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: candidates([1, 2], ["cauchy"]), "families"),
        (lambda: candidates("abc"), "values"),
        (lambda: percentile_capability([1, 2], usl=3, model="johnson"), "model"),
        (lambda: percentile_capability([1, 2], usl=3, model=BoxCox(2)), "model"),
        (lambda: percentile_capability([1, 2], usl=3, model=fit_distribution([], "gamma")), "fit"),
        (lambda: percentile_capability([1, 2], usl=3, quantile_type=8), "quantile_type"),
        (lambda: percentile_capability([1, 2], lsl=4, usl=3), "lsl"),
        (lambda: box_cox(["a"]), "values"),
        (lambda: johnson(3.0), "values"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named


def test_fifty_values_are_no_longer_few() -> None:
    for n, notes in ((49, ("few_values", "quantiles_at_extremes")), (50, ("quantiles_at_extremes",))):
        assert percentile_capability(SKEWED[:n], usl=1.0).notes == notes
    assert percentile_capability(EXACT_NORMAL, usl=9.0).notes == ()


def test_a_bound_without_another_limit_is_named_as_the_reason() -> None:
    found = percentile_capability(SKEWED, lsl=0.0, lower_bound=True)
    assert found.missing["ppk"] is Missing.LOWER_BOUND
    assert found.missing["ppu"] is Missing.NO_USL
    other = percentile_capability(SKEWED, usl=1.0, upper_bound=True)
    assert other.missing["ppk"] is Missing.UPPER_BOUND
    assert percentile_capability(SKEWED).missing["ppk"] is Missing.NO_LIMITS


def test_a_transformation_of_eight_values_is_tested_and_of_seven_not() -> None:
    for n, has_p in ((7, False), (8, True)):
        found = box_cox(SKEWED[:n])
        assert (found.ad_p is not None) is has_p
        assert ("ad_p" in found.missing) is not has_p


def test_the_test_of_a_transformation_is_that_of_the_transformed_values() -> None:
    found = box_cox(SKEWED)
    again = normality(box_cox_transform(SKEWED, found.lam))
    assert (found.ad, found.ad_p) == pytest.approx((again.ad, again.ad_p), rel=1e-6)


@pytest.mark.parametrize(
    "values", [[1.0] * 20 + [2.0] * 20 + [3.0] * 5, [1.0] * 30 + [2.0] * 10, [0.0, 1.0] * 12]
)
def test_ties_leave_the_johnson_system_without_an_error(values: list[float]) -> None:
    found = johnson(values)
    assert found.missing is Missing.NO_FIT or all(np.isfinite(fit.ad) for fit in found.candidates)
