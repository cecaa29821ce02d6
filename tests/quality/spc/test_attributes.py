"""Attribute charts: published examples, a plain second implementation, and what must not happen."""

from __future__ import annotations

import json
import math
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quality.spc.attributes import AttributeLimits, AttributePlan, attribute_chart
from quality.spc.errors import SpcInputError
from quality.spc.missing import Missing
from quality.spc.rules import rule_set
from tests.oracles import attribute_charts as oracle


def case(name: str) -> dict:
    path = files("quality.spc") / "cases" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def beyond(chart) -> list[int]:
    return [v.point + 1 for v in chart.violations if v.rule == "1"]


def test_orange_juice_limits_with_causes_removed_and_new_samples() -> None:
    reference = case("orangejuice_p_with_exclusion")
    data, expected = reference["data"], reference["expected"]
    first = attribute_chart(data["defectives_phase1"], 50)
    assert first.stages[0].rate == pytest.approx(expected["pbar"], abs=1e-9)
    assert first.series.ucl[0] == pytest.approx(expected["ucl"], abs=1e-9)
    assert first.series.lcl[0] == pytest.approx(expected["lcl"], abs=1e-9)
    assert beyond(first) == expected["beyond_1based"]

    causes = {index - 1: "cause found" for index in data["exclude_1based"]}
    counts = data["defectives_phase1"] + data["defectives_phase2"]
    revised = attribute_chart(counts, 50, baseline=30, excluded=causes)
    after = expected["after_excluding_15_and_23"]
    assert revised.stages[0].rate == pytest.approx(after["pbar"], abs=1e-9)
    assert revised.series.ucl[40] == pytest.approx(after["ucl"], abs=1e-9)
    assert revised.series.lcl[40] == pytest.approx(after["lcl"], abs=1e-9)
    assert (
        beyond(revised) == after["still_beyond_original_numbers"] + expected["phase2_beyond_revised_1based"]
    )
    assert revised.excluded == {14: "cause found", 22: "cause found"}
    assert revised.series.points[14] == 22 / 50  # still drawn


def test_a_count_at_the_limit_is_inside() -> None:
    reference = case("nist_wafer_defects_c")
    chart = attribute_chart(reference["data"]["defects"], plan=AttributePlan("c"))
    assert (chart.stages[0].rate, chart.series.ucl[0], chart.series.lcl[0]) == pytest.approx((16, 28, 4))
    assert beyond(chart) == reference["expected"]["beyond_strict_1based"]


def test_limits_follow_each_sample_size() -> None:
    reference = case("montgomery_p_variable_size")
    data = reference["data"]
    chart = attribute_chart(data["defectives_phase1"], data["n"])
    assert chart.stages[0].rate == pytest.approx(234 / 2450, abs=1e-15)
    assert beyond(chart) == reference["expected"]["beyond_1based"]
    same = attribute_chart(data["defectives_phase1"], data["n"], AttributePlan("np"))
    assert same.series.ucl == pytest.approx(chart.series.ucl * data["n"])
    assert same.series.centre == pytest.approx(chart.series.centre * data["n"])
    assert [v.point for v in same.violations] == [v.point for v in chart.violations]


def test_nonconformities_per_unit_of_cloth() -> None:
    reference = case("montgomery_u_cloth")
    data, published = reference["data"], reference["expected"]["published"]
    chart = attribute_chart(data["defects"], data["units"], AttributePlan("u"))
    assert chart.stages[0].rate == pytest.approx(153 / 107.5, abs=1e-15)
    assert chart.series.ucl == pytest.approx(published["ucl"], abs=0.011)
    assert chart.series.lcl == pytest.approx(published["lcl"], abs=0.011)
    assert beyond(chart) == []


def test_circuit_boards_before_and_after_removing_the_causes() -> None:
    reference = case("montgomery_c_boards")
    published = reference["expected"]["published"]
    for prefix, excluded in (("", {}), ("revised_", {5: "inspector", 19: "temperature"})):
        chart = attribute_chart(reference["data"]["defects"], plan=AttributePlan("c"), excluded=excluded)
        found = chart.stages[0].rate, chart.series.ucl[0], chart.series.lcl[0]
        assert found == pytest.approx(
            [published[prefix + name] for name in ("cbar", "ucl", "lcl")], abs=0.011
        )
        assert beyond(chart) == ([] if excluded else [6, 20])


counts_and_sizes = st.lists(
    st.tuples(st.integers(0, 12), st.integers(12, 60), st.booleans(), st.integers(0, 9)),
    min_size=4,
    max_size=20,
)


@settings(max_examples=60)
@given(rows=counts_and_sizes, chart=st.sampled_from(["p", "np", "u"]))
def test_centre_sigma_and_sigma_z_agree_with_plain_python(rows: list, chart: str) -> None:
    counts = [None if gap == 0 else c for c, _, _, gap in rows]
    sizes = [n for _, n, _, _ in rows]
    used = [keep for _, _, keep, _ in rows]
    excluded = {i: "cause" for i, keep in enumerate(used) if not keep}
    found = attribute_chart(counts, sizes, AttributePlan(chart), excluded=excluded)
    if not any(keep and c is not None for c, keep in zip(counts, used, strict=True)):
        assert found.stages[0].rate is None
        assert found.missing["limits"] in (Missing.NO_BASELINE, Missing.NO_VALUES)
        return
    r = oracle.rate(counts, sizes, used)
    assert found.stages[0].rate == pytest.approx(r)
    if not 0 < r < 1:
        assert found.missing["limits"] is Missing.ZERO_VARIANCE
        return
    for i, (c, n) in enumerate(zip(counts, sizes, strict=True)):
        if c is not None:
            assert found.series.sigma[i] == pytest.approx(oracle.one_sigma(chart, r, n))
            top = found.series.centre[i] + 3 * found.series.sigma[i]
            assert found.series.ucl[i] == pytest.approx(min(top, {"p": 1, "np": n, "u": math.inf}[chart]))
    if found.stages[0].sigma_z is not None:
        assert found.stages[0].sigma_z == pytest.approx(oracle.sigma_z(chart, counts, sizes, used))


def test_laney_widens_the_limits_by_sigma_z_and_shows_it() -> None:
    counts, sizes = (
        [400, 520, 610, 480, 390, 700, 505],
        [10_000, 10_500, 11_000, 10_200, 9_900, 10_800, 10_100],
    )
    plain = attribute_chart(counts, sizes)
    laney = attribute_chart(counts, sizes, AttributePlan("p", "laney"))
    sigma_z = oracle.sigma_z("p", counts, sizes, [True] * 7)
    assert sigma_z > 3  # far from binomial: the plain chart calls most points out of control
    assert laney.stages[0].sigma_z == pytest.approx(sigma_z)
    assert laney.series.ucl - laney.series.centre == pytest.approx(
        sigma_z * (plain.series.ucl - plain.series.centre)
    )
    assert len(beyond(plain)) > len(beyond(laney))


def test_laney_on_binomial_counts_changes_little() -> None:
    rng = np.random.default_rng(7)
    counts = rng.binomial(500, 0.1, size=400)
    assert attribute_chart(counts, 500).stages[0].sigma_z == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize(
    ("chart", "n", "r"), [("np", 20, 0.05), ("np", 50, 0.4), ("c", 1, 1.7), ("c", 1, 25.0)]
)
def test_exact_limits_keep_the_normal_risk_and_the_next_count_does_not(chart: str, n: int, r: float) -> None:
    sizes = None if chart == "c" else n
    found = attribute_chart([1, 2], sizes, AttributePlan(chart, "exact"), limits=AttributeLimits(rate=r))
    ucl, lcl = int(found.series.ucl[0]), int(found.series.lcl[0])
    risk = stats.norm.sf(3)

    def above(count: int) -> float:
        return oracle.binomial_tail(n, r, count) if chart == "np" else oracle.poisson_tail(r, count)

    assert above(ucl) <= risk < above(ucl - 1)
    assert 1 - above(lcl - 1) <= risk if lcl else True
    assert 1 - above(lcl) > risk


def test_exact_proportions_are_counts_over_n() -> None:
    found = attribute_chart([1, 3, 2], [20, 30, 25], AttributePlan("p", "exact"))
    scaled = found.series.ucl * found.series.sizes
    assert scaled == pytest.approx(np.round(scaled))


def test_a_clipped_lower_limit_tests_nothing() -> None:
    found = attribute_chart([3, 0, 4, 0, 2], 50, AttributePlan("np"))
    assert (found.series.lcl == 0).all()
    assert found.is_in_control


def test_an_upper_limit_is_never_above_the_possible() -> None:
    assert (attribute_chart([19, 20, 18], 20).series.ucl == 1).all()
    assert (attribute_chart([19, 20, 18], 20, AttributePlan("np")).series.ucl == 20).all()


def test_stages_have_limits_of_their_own_and_no_moving_range_between() -> None:
    counts = [2, 3, 2, 3, 20, 22, 21, 19]
    chart = attribute_chart(counts, 100, stages=list("aaaabbbb"))
    assert [s.rate for s in chart.stages] == pytest.approx([0.025, 0.205])
    alone = attribute_chart(counts[4:], 100)
    assert chart.stages[1] == alone.stages[0]
    assert chart.series.ucl[5] == alone.series.ucl[1]
    assert chart.is_in_control


def test_given_rate_and_sigma_z_win_over_the_data() -> None:
    locked = attribute_chart([5, 6, 7, 5, 6], 100, AttributePlan("p", "laney")).limits
    later = attribute_chart([30, 24], [200, 400], AttributePlan("p", "laney"), limits=locked)
    assert later.limits_given
    assert later.stages[0].rate == locked.rate and later.stages[0].sigma_z == locked.sigma_z
    width = 3 * locked.sigma_z * math.sqrt(locked.rate * (1 - locked.rate) / 200)
    assert later.series.ucl[0] == pytest.approx(locked.rate + width)
    assert [v.point for v in later.violations] == [0]


def test_run_of_nine_is_found_across_different_sizes() -> None:
    counts = [6, 6, 7, 6, 6, 7, 6, 7, 6, 0, 0, 0]
    chart = attribute_chart(counts, [100] * 12, AttributePlan("p", rules=rule_set("nelson").only("2")))
    assert [v.point for v in chart.violations] == [8]


@pytest.mark.parametrize(
    ("counts", "sizes", "plan", "reason"),
    [
        ([], 50, AttributePlan("p"), Missing.NO_VALUES),
        ([None, None], 50, AttributePlan("p"), Missing.NO_VALUES),
        ([0, 0, 0], 50, AttributePlan("p"), Missing.ZERO_VARIANCE),
        ([50, 50], 50, AttributePlan("np"), Missing.ZERO_VARIANCE),
        ([0, 0], None, AttributePlan("c", "exact"), Missing.ZERO_VARIANCE),
        ([3], 50, AttributePlan("p", "laney"), Missing.NO_WITHIN_SPREAD),
        ([3, 3, 3], 50, AttributePlan("p", "laney"), Missing.ZERO_VARIANCE),
    ],
)
def test_limits_that_do_not_exist_are_missing_with_a_reason(counts, sizes, plan, reason) -> None:
    chart = attribute_chart(counts, sizes, plan)
    assert chart.missing == {"limits": reason}
    assert np.isnan(chart.series.ucl).all()
    assert chart.is_in_control


def test_every_point_excluded_leaves_no_baseline() -> None:
    chart = attribute_chart([1, 2], 50, excluded={0: "a", 1: "b"})
    assert chart.missing == {"limits": Missing.NO_BASELINE}


def test_many_are_exactly_one_by_one() -> None:
    rng = np.random.default_rng(3)
    rows = [rng.poisson(5, size=k).tolist() for k in (12, 7, 12, 1, 7)]
    sizes = [50, [40] * 7, rng.integers(30, 60, 12).tolist(), 20, 35]
    many = attribute_chart(
        rows, sizes, AttributePlan("p", "laney"), excluded=[{0: "x"}, None, None, None, {6: "y"}]
    )
    for i, chart in enumerate(many):
        one = attribute_chart(
            rows[i], sizes[i], AttributePlan("p", "laney"), excluded={0: {0: "x"}, 4: {6: "y"}}.get(i)
        )
        assert one.stages == chart.stages and one.violations == chart.violations
        assert np.array_equal(one.series.ucl, chart.series.ucl, equal_nan=True)
        assert many.signals[i] == bool(chart.violations)
    assert len(many[1:3]) == 2


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: attribute_chart([1, -1], 50), "counts"),
        (lambda: attribute_chart([1, 1.5], 50), "counts"),
        (lambda: attribute_chart([51], 50), "counts"),
        (lambda: attribute_chart("12", 50), "counts"),
        (lambda: attribute_chart(np.ones((2, 3, 4)), 50), "counts"),
        (lambda: attribute_chart([1, 2], 0), "sizes"),
        (lambda: attribute_chart([1, 2], 50.5), "sizes"),
        (lambda: attribute_chart([1, 2], [50, 50, 50]), "sizes"),
        (lambda: attribute_chart([1, 2]), "sizes"),
        (lambda: attribute_chart([1, 2], 50, AttributePlan("c")), "sizes"),
        (lambda: attribute_chart([[1, 2], [3, 4]], [1, 2, 3]), "sizes"),
        (lambda: attribute_chart([1, 2], 50, limits=AttributeLimits(rate=1.1)), "rate"),
        (lambda: AttributeLimits(rate=-0.1), "rate"),
        (lambda: AttributeLimits(sigma_z=0.0), "sigma_z"),
        (lambda: AttributePlan("x"), "chart"),
        (lambda: AttributePlan("p", "poisson"), "method"),
        (lambda: AttributePlan("p", nsigma=0), "nsigma"),
        (lambda: AttributePlan("p", rules="none of these"), "rules"),
        (lambda: attribute_chart([1, 2], 50, excluded={0: ""}), "excluded"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named


COUNTS_OF_LIMITS = [(n, rate) for n in (1, 2, 7, 50, 400) for rate in (0.0005, 0.01, 0.2, 0.5, 0.93)]


@pytest.mark.parametrize(("n", "rate"), COUNTS_OF_LIMITS)
@pytest.mark.parametrize("chart", ["p", "np"])
def test_exact_limits_are_quantiles_of_the_binomial(chart: str, n: int, rate: float) -> None:
    found = attribute_chart(
        [0, 0], [n, n], AttributePlan(chart, method="exact"), limits=AttributeLimits(rate=rate)
    ).series
    low, high = (stats.binom.ppf(stats.norm.cdf(z), n, rate) for z in (-3, 3))
    scale = n if chart == "p" else 1
    assert found.ucl[0] * scale == pytest.approx(high, abs=1e-9)
    assert found.lcl[0] * scale == pytest.approx(max(low, 0), abs=1e-9)


@pytest.mark.parametrize("mean", [0.0005, 0.002, 0.05, 0.7, 3.0, 25.0])
def test_exact_limits_are_quantiles_of_the_poisson(mean: float) -> None:
    low, high = (stats.poisson.ppf(stats.norm.cdf(z), mean) for z in (-3, 3))
    of_c = attribute_chart([0, 0], plan=AttributePlan("c", method="exact"), limits=AttributeLimits(rate=mean))
    of_u = attribute_chart(
        [0, 0], [4, 4], AttributePlan("u", method="exact"), limits=AttributeLimits(rate=mean / 4)
    )
    for series, scale in ((of_c.series, 1), (of_u.series, 4)):
        assert series.ucl[0] * scale == pytest.approx(high, abs=1e-9)
        assert series.lcl[0] * scale == pytest.approx(max(low, 0), abs=1e-9)


def test_a_rate_of_one_may_be_given_and_one_above_may_not() -> None:
    whole = attribute_chart([4, 5], [5, 5], AttributePlan("p"), limits=AttributeLimits(rate=1.0))
    assert whole.missing["limits"] is Missing.ZERO_VARIANCE
    with pytest.raises(SpcInputError) as caught:
        attribute_chart([4, 5], [5, 5], AttributePlan("p"), limits=AttributeLimits(rate=1.0001))
    assert caught.value.argument == "rate"


def test_sizes_that_do_not_belong_to_the_chart_are_named_with_the_reason() -> None:
    for plan, sizes, words in (("c", [5, 5], "constant area"), ("p", None, "needs the sample sizes")):
        with pytest.raises(SpcInputError, match=words) as caught:
            attribute_chart([1, 2], sizes, AttributePlan(plan))
        assert caught.value.argument == "sizes"


def test_each_of_many_has_its_own_number_of_stages() -> None:
    charts = attribute_chart(
        [[1, 2, 3, 4], [2, 2, 3, 3]],
        [50, 50],
        AttributePlan("p"),
        stages=[["a", "a", "b", "b"], ["a", "a", "a", "a"]],
    )
    assert [len(chart.stages) for chart in charts] == [2, 1]


@pytest.mark.parametrize("sizes", [[[5, 5, 5]], [[5], [5], [5]], [5, 5]])
def test_sizes_of_another_shape_than_the_counts_are_refused(sizes: list) -> None:
    with pytest.raises(SpcInputError) as caught:
        attribute_chart([1, 2, 3], sizes, AttributePlan("p"))
    assert caught.value.argument == "sizes"
