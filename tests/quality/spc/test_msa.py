"""Gauge studies against the AIAG manual, a published data set and plain sums of squares."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quality.spc.bias import gauge_linearity, gauge_type1
from quality.spc.errors import SpcInputError
from quality.spc.missing import Missing
from quality.spc.msa import crossed, d2_star, gauge_rr
from tests.oracles.gauge import sums_of_squares


def case(name: str) -> dict:
    path = files("quality.spc") / "cases" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


AIAG = case("aiag_grr_parts")
PARTS = np.array(AIAG["data"]["trials_by_operator"]).transpose(2, 0, 1)


def test_published_example_of_a_pooled_interaction() -> None:
    reference = case("grr_crossed_module_example")
    data, expected = reference["data"], reference["expected"]
    study = gauge_rr(crossed(data["part"], data["operator"], data["y"]), tolerance=data["tolerance"])
    assert [row.df for row in study.anova[:4]] == expected["df"]
    assert [row.ms for row in study.anova[:4]] == pytest.approx(expected["ms"])
    assert study.anova[2].p == pytest.approx(expected["p_interaction"])
    for name, value in expected["variance"].items():
        assert study.variance[name] == pytest.approx(value), name
    assert study.contribution["grr"] == pytest.approx(expected["pct_contribution_grr"])
    assert study.study["grr"] == pytest.approx(expected["pct_study_grr"])
    assert study.tolerance["grr"] == pytest.approx(expected["pct_tolerance_grr"])
    assert study.ndc == expected["ndc"] and not study.interaction_kept


def test_aiag_manual_by_anova() -> None:
    published = AIAG["expected"]["published"]
    study = gauge_rr(PARTS)
    assert [row.ss for row in study.anova[:4]] == pytest.approx(published["ss"], abs=5.1e-5)
    for name, value in published["sd"].items():
        assert study.sd[name] == pytest.approx(value, abs=1e-5), name
    for name, value in published["study"].items():
        assert study.study[name] == pytest.approx(value, abs=0.051), name
    assert study.ndc == AIAG["expected"]["ndc"]


def test_pooled_table_of_minitabs_run_on_the_same_data() -> None:
    """F of part 245.614 and operator 39.617 against the pooled mean square 0.03997 with 78 degrees of
    freedom.
    """
    full = gauge_rr(PARTS).anova
    assert (full[0].f, full[1].f) == pytest.approx((492.291, 79.406), abs=6e-4)  # against the interaction
    part, operator, error, total = gauge_rr(PARTS).anova_pooled
    assert (part.f, operator.f) == pytest.approx((245.614, 39.617), abs=6e-4)
    assert (error.df, round(error.ms, 5)) == (78, 0.03997)
    assert total.df == 89 and total.ss == pytest.approx(94.6471, abs=5e-5)


def test_aiag_manual_by_ranges() -> None:
    published = AIAG["expected"]["published"]
    study = gauge_rr(PARTS, method="range")
    for name, value in published["sd_range"].items():
        assert study.sd[name] == pytest.approx(value, abs=1.2e-4), name
    for name, value in published["study_range"].items():
        assert study.study[name] == pytest.approx(value, abs=0.011), name
    assert study.ndc == AIAG["expected"]["ndc_range"]
    assert study.anova == () and study.variance["interaction"] is None


@pytest.mark.parametrize(
    ("n", "ranges", "printed"), [(2, 1, 1.41421), (3, 1, 1.91155), (10, 1, 3.17905), (3, 15, 1.70785)]
)
def test_d2_star_is_the_printed_one(n: int, ranges: int, printed: float) -> None:
    """AIAG MSA appendix C."""
    assert d2_star(n, ranges) == pytest.approx(printed, abs=1.1e-3)


tables = st.lists(st.floats(-5, 5), min_size=24, max_size=24)


@settings(max_examples=40)
@given(values=tables)
def test_sums_of_squares_agree_with_plain_loops(values: list[float]) -> None:
    y = np.array(values).reshape(4, 3, 2)
    expected = sums_of_squares(y.tolist())
    found = {row.source: row.ss for row in gauge_rr(y).anova}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


@settings(max_examples=30)
@given(values=tables, factor=st.floats(0.1, 10), offset=st.floats(-1e3, 1e3))
def test_shift_and_scale_change_no_percentage(values: list[float], factor: float, offset: float) -> None:
    y = np.array(values).round(2).reshape(3, 2, 4)
    if np.ptp(y) == 0:
        return
    plain, moved = gauge_rr(y), gauge_rr(y * factor + offset)
    if plain.interaction_kept == moved.interaction_kept:
        assert moved.contribution["grr"] == pytest.approx(plain.contribution["grr"], abs=1e-6)


def test_a_real_interaction_is_kept_as_its_own_component() -> None:
    rng = np.random.default_rng(31)
    noise = rng.normal(0, 0.1, (8, 3, 4))
    y = rng.normal(0, 2, (8, 1, 1)) + rng.normal(0, 1, (8, 3, 1)) + noise
    study = gauge_rr(y)
    assert study.interaction_kept and study.anova_pooled == ()
    ms = {row.source: row.ms for row in study.anova}
    assert study.variance["interaction"] == pytest.approx((ms["interaction"] - ms["repeatability"]) / 4)
    assert study.variance["part"] == pytest.approx((ms["part"] - ms["interaction"]) / 12)
    assert study.variance["reproducibility"] == pytest.approx(
        study.variance["operator"] + study.variance["interaction"]
    )
    assert study.variance["grr"] == pytest.approx(
        study.variance["repeatability"] + study.variance["reproducibility"]
    )
    assert gauge_rr(y, alpha_interaction=1e-300).interaction_kept is False


def test_components_are_never_negative() -> None:
    y = np.array([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    for method in ("anova", "range"):
        study = gauge_rr(y, method=method)
        assert study.variance["part"] == 0 and study.variance["operator"] == 0
        assert study.ndc == 1


def test_categories_lose_their_decimals_and_are_one_at_least() -> None:
    study = gauge_rr(PARTS)
    exact = 1.41 * study.sd["part"] / study.sd["grr"]
    assert 4.8 < exact < 4.9 and study.ndc == 4
    # The manual's factor is 1.41, not the root of 2: a ratio of 3.54 is not yet 5 categories.
    residual = PARTS - PARTS.mean(axis=(1, 2), keepdims=True)
    effects = np.linspace(-1, 1, 10)[:, None, None]
    error = study.variance["grr"], study.variance["repeatability"]
    scale = np.sqrt((3.54**2 * error[0] + error[1] / 9) / np.var(effects, ddof=1))
    near = gauge_rr(residual + scale * effects)
    assert near.sd["part"] / near.sd["grr"] == pytest.approx(3.54, abs=1e-3)
    assert near.ndc == 4


def test_equal_values_have_no_percentages() -> None:
    study = gauge_rr(np.full((3, 2, 2), 0.1), tolerance=1.0)
    assert study.variance["total"] == 0 and study.study["grr"] is None and study.ndc is None
    assert study.missing == dict.fromkeys(("contribution", "study", "ndc"), Missing.ZERO_VARIANCE)


def test_a_perfect_gauge_has_no_categories_and_a_perfect_repeat_keeps_its_interaction() -> None:
    parts = np.broadcast_to(np.array([1.0, 2.0, 3.0])[:, None, None], (3, 2, 2))
    perfect = gauge_rr(parts)
    assert perfect.study["grr"] == 0 and perfect.missing["ndc"] is Missing.ZERO_VARIANCE
    crossing = np.array([[0.0, 1.0], [1.0, 0.0]])[:, :, None] + np.zeros((2, 2, 2))
    assert gauge_rr(crossing).interaction_kept


def test_without_a_tolerance_its_percentages_are_missing() -> None:
    study = gauge_rr(PARTS)
    assert study.tolerance["grr"] is None and study.missing == {"tolerance": Missing.NOT_GIVEN}
    wide = gauge_rr(PARTS, tolerance=3.0, multiplier=5.15)
    assert wide.tolerance["grr"] == pytest.approx(100 * 5.15 * wide.sd["grr"] / 3.0)


def test_order_of_a_list_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    part, operator, _ = (axis.ravel() for axis in np.indices(PARTS.shape))
    y = PARTS.ravel()
    order = rng.permutation(len(y))
    shuffled = crossed(part[order], operator[order], y[order])
    assert gauge_rr(shuffled).variance["grr"] == pytest.approx(gauge_rr(PARTS).variance["grr"])
    assert crossed(part, operator, y) == pytest.approx(PARTS)


# ------------------------------------------------------------------------------------------------- type 1
# study


def test_bias_example_of_the_aiag_manual() -> None:
    reference = case("aiag_bias")
    study = gauge_type1(reference["data"]["values"], reference["data"]["reference"])
    published = reference["expected"]["published"]
    assert (study.mean, study.bias) == pytest.approx((published["mean"], published["bias"]), abs=5.1e-5)


def test_bias_test_is_the_t_test() -> None:
    x = np.random.default_rng(2).normal(10.02, 0.05, 25)
    study = gauge_type1(x, 10.0, confidence=0.9)
    expected = stats.ttest_1samp(x, 10.0)
    assert (study.t, study.p) == pytest.approx((float(expected.statistic), float(expected.pvalue)))
    interval = expected.confidence_interval(0.9)
    assert study.interval == pytest.approx((interval.low - 10, interval.high - 10))


def test_cg_and_cgk_by_hand() -> None:
    """s = 0.01, mean 10.005, tolerance 0.5: Cg = 0.1 / 0.06, Cgk = (0.05 - 0.005) / 0.03."""
    study = gauge_type1([9.995, 10.005, 10.015], 10.0, tolerance=0.5, resolution=0.01)
    assert study.sd == pytest.approx(0.01)
    assert study.cg == pytest.approx(0.1 / 0.06)
    assert study.cgk == pytest.approx(0.045 / 0.03)
    assert study.resolution_percent == pytest.approx(2.0)
    below = gauge_type1([9.985, 9.995, 10.005], 10.0, tolerance=0.5)
    assert below.cgk == pytest.approx(study.cgk)
    other = gauge_type1([9.995, 10.005, 10.015], 10.0, tolerance=0.5, share=10, multiplier=4)
    assert (other.cg, other.cgk) == pytest.approx((0.05 / 0.04, 0.02 / 0.02))


@pytest.mark.parametrize(
    ("values", "reason"),
    [([], Missing.NO_VALUES), ([1.0], Missing.ONE_VALUE), ([0.1] * 5, Missing.ZERO_VARIANCE)],
)
def test_without_spread_there_is_no_cg(values, reason) -> None:
    study = gauge_type1(values, 1.0, tolerance=1.0)
    assert (study.cg, study.t, study.interval) == (None, None, None)
    assert study.missing["cg"] is reason and study.missing["t"] is reason
    assert study.missing["resolution_percent"] is Missing.NOT_GIVEN
    assert gauge_type1([1, 2, None], 1.0).missing["cgk"] is Missing.NOT_GIVEN


# ------------------------------------------------------------------------------------------------- linearity


def test_linearity_example_of_the_aiag_manual() -> None:
    reference = case("aiag_linearity")
    published = reference["expected"]["published"]
    study = gauge_linearity(**reference["data"], process_variation=16.5368)
    assert [part.bias for part in study.parts] == pytest.approx(published["bias"], abs=6e-6)
    for name in ("slope", "intercept", "r_squared", "s", "slope_t", "intercept_t"):
        assert getattr(study, name) == pytest.approx(published[name], rel=6e-4), name
    assert study.linearity == pytest.approx(0.131667 * 16.5368, rel=1e-5)
    assert study.linearity_percent == pytest.approx(13.1667, abs=5e-5)


def test_line_is_the_ordinary_regression_of_single_biases() -> None:
    rng = np.random.default_rng(5)
    references = [1.0, 4.0, 9.0]
    values = [
        true + 0.02 * true - 0.1 + rng.normal(0, 0.05, n)
        for true, n in zip(references, (4, 6, 5), strict=True)
    ]
    study = gauge_linearity(references, values)
    at = np.repeat(references, [4, 6, 5])
    line = stats.linregress(at, np.concatenate(values) - at)
    assert (study.slope, study.intercept) == pytest.approx((line.slope, line.intercept))
    assert (study.r_squared, study.slope_p) == pytest.approx((line.rvalue**2, line.pvalue))
    assert study.intercept_t == pytest.approx(line.intercept / line.intercept_stderr)
    one = stats.ttest_1samp(values[0], 1.0)
    assert (study.parts[0].t, study.parts[0].p) == pytest.approx((float(one.statistic), float(one.pvalue)))


@pytest.mark.parametrize(
    ("references", "values", "reason"),
    [
        ([], [], Missing.NO_VALUES),
        ([1.0, 2.0], [[None], []], Missing.NO_VALUES),
        ([1.0, 1.0], [[1.1, 1.2], [1.0]], Missing.ONE_VALUE),
        ([1.0, 2.0], [[1.1], [2.3]], Missing.TOO_FEW_VALUES),
    ],
)
def test_a_line_that_does_not_exist_has_a_reason(references, values, reason) -> None:
    study = gauge_linearity(references, values, process_variation=1.0)
    assert study.slope is None and study.missing["slope"] is reason


def test_an_exact_line_has_no_tests_of_its_slope() -> None:
    study = gauge_linearity([1.0, 2.0, 3.0], [[1.1, 1.1], [2.2, 2.2], [3.3, 3.3]])
    assert study.slope == pytest.approx(0.1) and study.slope_p is None
    assert study.missing["slope_p"] is Missing.ZERO_VARIANCE
    assert study.parts[0].sd == 0.0 and study.parts[0].t is None
    flat = gauge_linearity([1.0, 2.0], [[1.5, 1.5], [2.5, 2.5]])
    assert flat.missing["r_squared"] is Missing.ZERO_VARIANCE


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: gauge_rr(PARTS[:, :, :1]), "values"),
        (lambda: gauge_rr(PARTS[:, :1]), "values"),
        (lambda: gauge_rr(PARTS[0]), "values"),
        (lambda: gauge_rr(np.where(PARTS > 2, np.nan, PARTS)), "values"),
        (lambda: gauge_rr(PARTS, method="x"), "method"),
        (lambda: gauge_rr(PARTS, tolerance=0), "tolerance"),
        (lambda: gauge_rr(PARTS, multiplier=-1), "multiplier"),
        (lambda: gauge_rr(PARTS, alpha_interaction=2), "alpha_interaction"),
        (lambda: crossed([1, 1, 2], ["a", "b", "a"], [1, 2, 3]), "values"),
        (lambda: crossed([1, 1], ["a"], [1, 2]), "values"),
        (lambda: gauge_type1([[1, 2]], 1), "values"),
        (lambda: gauge_type1([1, 2], "x"), "reference"),
        (lambda: gauge_type1([1, 2], None), "reference"),
        (lambda: gauge_type1([1, 2], [1, 2]), "reference"),
        (lambda: gauge_type1([1, 2], 1, tolerance=-1), "tolerance"),
        (lambda: gauge_type1([1, 2], 1, tolerance=1, resolution=0), "resolution"),
        (lambda: gauge_type1([1, 2], 1, share=0), "share"),
        (lambda: gauge_type1([1, 2], 1, confidence=1), "confidence"),
        (lambda: gauge_linearity([1, None], [[1], [2]]), "references"),
        (lambda: gauge_linearity([1, 2], [[1], [2], [3]]), "values"),
        (lambda: gauge_linearity([1, 2], 3), "values"),
        (lambda: gauge_linearity([1, 2], [[1], [2]], process_variation=0), "process_variation"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named
