"""EWMA and CUSUM charts: published examples, plain second implementations, phases and gaps."""

from __future__ import annotations

import json
import math
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.spc.charts import control_chart
from quality.spc.errors import SpcInputError
from quality.spc.inputs import Subgroups
from quality.spc.missing import Missing
from quality.spc.plans import Plan
from quality.spc.timeweighted import CusumPlan, EwmaPlan, cusum_chart, ewma_chart
from tests.oracles import time_weighted as oracle


def case(name: str) -> dict:
    path = files("quality.spc") / "cases" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


MONTGOMERY = case("montgomery_cusum")["data"]["x"]


def test_nist_example_with_exact_and_final_limits() -> None:
    reference = case("nist_ewma")
    data, expected = reference["data"], reference["expected"]
    known = {"target": data["target"], "sigma": data["sigma"]}
    chart = ewma_chart(data["x"], EwmaPlan(data["lambda"], data["L"]), **known)
    assert chart.series.points == pytest.approx(expected["ewma"], rel=1e-8)
    assert chart.series.ucl == pytest.approx(expected["ucl_exact"], rel=1e-8)
    assert chart.violations == ()
    final = ewma_chart(data["x"], EwmaPlan(data["lambda"], data["L"], exact=False), **known)
    assert final.series.ucl == pytest.approx(np.full(20, expected["ucl_asymptotic"]), rel=1e-8)
    assert final.series.lcl == pytest.approx(np.full(20, expected["lcl_asymptotic"]), rel=1e-8)


def test_montgomerys_ewma_signals_at_29_and_30() -> None:
    reference = case("montgomery_ewma")
    published = reference["expected"]["published"]
    chart = ewma_chart(MONTGOMERY, EwmaPlan(0.1, 2.7), target=10, sigma=1)
    assert chart.series.points[:2] == pytest.approx(published["first_ewma"], abs=1e-9)
    assert chart.series.ucl[:2] == pytest.approx(published["first_ucl"], abs=5.1e-3)
    assert [v.point + 1 for v in chart.violations] == reference["expected"]["beyond_1based"]


def test_montgomerys_cusum_table() -> None:
    reference = case("montgomery_cusum")
    published = reference["expected"]["published"]
    chart = cusum_chart(MONTGOMERY, target=10, sigma=1)
    assert chart.upper == pytest.approx(published["upper"], abs=5.1e-3)
    assert chart.lower == pytest.approx(published["lower"], abs=5.1e-3)
    first = chart.signals[0]
    assert (first.point + 1, first.side, first.start) == (29, "high", 22)
    assert first.mean == pytest.approx(published["mean_after_shift"], abs=5.1e-3)


values = st.lists(st.one_of(st.none(), st.floats(-4, 4)), min_size=1, max_size=25)


@settings(max_examples=60)
@given(xs=values, weight=st.floats(0.02, 1.0))
def test_ewma_agrees_with_explicit_weights(xs: list, weight: float) -> None:
    chart = ewma_chart(xs, EwmaPlan(weight), target=0.5, sigma=1.3)
    expected = [np.nan if z is None else z for z in oracle.ewma(xs, 0.5, weight)]
    assert chart.series.points == pytest.approx(expected, nan_ok=True, abs=1e-12)
    present = 0
    for x, ucl in zip(xs, chart.series.ucl, strict=True):
        if x is not None:
            present += 1
            assert ucl == pytest.approx(0.5 + 3 * oracle.ewma_deviation([1] * present, 1.3, weight))


@settings(max_examples=60)
@given(xs=st.lists(st.floats(-4, 4), min_size=1, max_size=40), k=st.floats(0, 1.5))
def test_cusum_agrees_with_the_sum_minus_its_minimum(xs: list, k: float) -> None:
    chart = cusum_chart(xs, CusumPlan(k, 3.0), target=0.2, sigma=2.0)
    assert chart.upper == pytest.approx(oracle.upper_cusum([x / 2 for x in xs], 0.1, k), abs=1e-10)
    mirrored = cusum_chart([-x for x in xs], CusumPlan(k, 3.0), target=-0.2, sigma=2.0)
    assert mirrored.lower == pytest.approx(chart.upper, abs=1e-12)
    in_data = cusum_chart(xs, CusumPlan(2 * k, 6.0, unit="data"), target=0.2)
    assert in_data.upper == pytest.approx(2 * chart.upper, abs=1e-10)
    if not np.isclose(chart.upper, 3.0).any():
        assert [s.point for s in in_data.signals] == [s.point for s in chart.signals]


def test_subgroups_of_unequal_size_count_by_their_own_deviation() -> None:
    rows = Subgroups([[1.0, 2.0, 3.0], [2.0, 2.5], [1.5, 3.0, 2.2, 2.1]])
    chart = ewma_chart(rows, EwmaPlan(0.3), target=2.0, sigma=0.5)
    assert chart.observed == pytest.approx([2.0, 2.25, 2.2])
    assert chart.series.ucl[2] == pytest.approx(2.0 + 3 * oracle.ewma_deviation([3, 2, 4], 0.5, 0.3))
    sums = cusum_chart(rows, CusumPlan(0.1, 4), target=2.0, sigma=0.5)
    assert sums.upper[1] == pytest.approx(0.25 / (0.5 / np.sqrt(2)) - 0.1)


def test_target_and_sigma_are_estimated_like_the_shewhart_chart_does() -> None:
    shewhart = control_chart(MONTGOMERY, Plan(), baseline=20).stages[0]
    chart = ewma_chart(MONTGOMERY, baseline=20)
    assert chart.stages[0].target == shewhart.centre
    assert chart.stages[0].sigma == shewhart.sigma_within
    pairs = ewma_chart(MONTGOMERY, EwmaPlan(subgroup_size=2))
    assert pairs.stages[0].sigma == control_chart(MONTGOMERY, Plan(subgroup_size=2)).stages[0].sigma_within


def test_weight_one_is_the_shewhart_chart() -> None:
    shewhart = control_chart(MONTGOMERY, Plan(rules="rule_1"))
    chart = ewma_chart(MONTGOMERY, EwmaPlan(1.0))
    assert chart.series.points == pytest.approx(MONTGOMERY)
    assert chart.series.ucl == pytest.approx(shewhart.primary.ucl)


def test_a_stage_starts_with_an_empty_memory() -> None:
    stages = ["a"] * 15 + ["b"] * 15
    for call, row in ((ewma_chart, lambda c: c.series.points), (cusum_chart, lambda c: c.upper)):
        whole = call(MONTGOMERY, target=10, sigma=1, stages=stages)
        second = call(MONTGOMERY[15:], target=10, sigma=1)
        assert row(whole)[15:] == pytest.approx(row(second))
    known = {"target": 10, "sigma": 1}
    widths = ewma_chart(MONTGOMERY, stages=stages, **known).series.ucl
    assert widths[15:] == pytest.approx(widths[:15])
    own = ewma_chart(MONTGOMERY, stages=stages)
    assert own.stages[1] == ewma_chart(MONTGOMERY[15:]).stages[0]


def test_excluded_and_missing_points_leave_the_memory_as_it_is() -> None:
    with_gap = [*MONTGOMERY[:5], 99.0, None, *MONTGOMERY[5:]]
    chart = ewma_chart(with_gap, target=10, sigma=1, excluded={5: "typing error"})
    plain = ewma_chart(MONTGOMERY, target=10, sigma=1)
    assert np.delete(chart.series.points, [5, 6]) == pytest.approx(plain.series.points)
    assert np.delete(chart.series.ucl, [5, 6]) == pytest.approx(plain.series.ucl)
    assert np.isnan(chart.series.points[5:7]).all()
    assert chart.observed[5] == 99.0 and chart.excluded == {5: "typing error"}
    sums = cusum_chart(with_gap, target=10, sigma=1, excluded={5: "typing error"})
    assert np.delete(sums.upper, [5, 6]) == pytest.approx(cusum_chart(MONTGOMERY, target=10, sigma=1).upper)
    late = sums.signals[0]
    assert late.mean == pytest.approx(11.25, abs=5.1e-3)  # gaps do not count as points of the run


def test_head_start_is_there_at_once_and_gone_when_all_is_well() -> None:
    """Montgomery, tables 9.5 and 9.6: K = 3, H = 12, head start 6, data at the target 100 and at 105."""
    xs = [102, 97, 104, 93, 100, 105, 96, 98, 105, 99]
    chart = cusum_chart(xs, CusumPlan(3, 12, unit="data", head_start=0.5), target=100)
    assert chart.upper == pytest.approx([5, 0, 1, 0, 0, 2, 0, 0, 2, 0])
    assert chart.lower == pytest.approx([1, 1, 0, 4, 1, 0, 1, 0, 0, 0])
    shifted = [x + 5 for x in xs]
    fast = cusum_chart(shifted, CusumPlan(3, 12, unit="data", head_start=0.5), target=100)
    slow = cusum_chart(shifted, CusumPlan(3, 12, unit="data"), target=100)
    assert fast.upper[:3] == pytest.approx([10, 9, 15])
    assert fast.signals[0].point == 2 < slow.signals[0].point
    assert fast.signals[0].mean == pytest.approx(100 + 3 + (15 - 6) / 3)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("continue", [2, 4, 6, 8]), ("zero", [2, 4, 2, 4]), ("head_start", [3.5, 3.5, 3.5, 3.5])],
)
def test_policy_after_a_signal(policy: str, expected: list[float]) -> None:
    start = 0.5 if policy == "head_start" else 0.0
    plan = CusumPlan(1, 3, unit="data", head_start=start, after_signal=policy)
    chart = cusum_chart([3.0] * 4, plan, target=0)
    assert chart.upper == pytest.approx(expected)
    assert [s.point for s in chart.signals] == [i for i, c in enumerate(expected) if c > 3]
    if policy == "zero":
        assert [s.start for s in chart.signals] == [0, 2]
    if policy == "head_start":
        assert [s.mean for s in chart.signals] == pytest.approx([3.0] * 4)


def test_a_sum_begun_again_at_zero_owes_nothing_to_the_head_start() -> None:
    plan = CusumPlan(1, 3, unit="data", head_start=0.5, after_signal="zero")
    chart = cusum_chart([3.0] * 3, plan, target=0)
    assert chart.upper == pytest.approx([3.5, 2.0, 4.0])
    assert [s.mean for s in chart.signals] == pytest.approx([3.0, 3.0])


def test_a_sum_equal_to_h_is_inside() -> None:
    assert cusum_chart([0.1] * 30, CusumPlan(0, 3.0, unit="data"), target=0).signals == ()
    assert cusum_chart([0.1] * 31, CusumPlan(0, 3.0, unit="data"), target=0).signals[0].point == 30


def test_low_side_signals_and_estimates_downwards() -> None:
    chart = cusum_chart([-2.0] * 4, CusumPlan(0.5, 4.0), target=0, sigma=1)
    assert [(s.point, s.side) for s in chart.signals] == [(2, "low"), (3, "low")]
    assert chart.signals[0].mean == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("xs", "known", "reason"),
    [
        ([], {}, Missing.NO_VALUES),
        ([None, None], {}, Missing.NO_VALUES),
        ([3.0], {}, Missing.ONE_VALUE),
        ([3.0, 3.0, 3.0], {}, Missing.ZERO_VARIANCE),
        ([3.0, None, 4.0], {}, Missing.NO_WITHIN_SPREAD),
    ],
)
def test_what_does_not_exist_is_missing_with_a_reason(xs, known, reason) -> None:
    assert ewma_chart(xs, **known).missing == {"limits": reason}
    assert cusum_chart(xs, **known).missing == {"sums": reason}


def test_without_a_baseline_point_nothing_is_computed() -> None:
    chart = ewma_chart([1.0, 2.0], baseline=[False, False])
    assert chart.missing == {"limits": Missing.NO_BASELINE}
    assert np.isnan(chart.series.points).all()
    assert chart.violations == ()


def test_sums_in_data_units_need_no_spread() -> None:
    assert cusum_chart([3.0, 3.0], CusumPlan(0.5, 2, unit="data"), target=0).missing == {}


def test_many_are_exactly_one_by_one() -> None:
    rng = np.random.default_rng(9)
    rows = [rng.normal(5, 2, size=k) for k in (20, 8, 20, 3)]
    targets = [5.0, None, 4.0, None]
    ewmas = ewma_chart(rows, target=targets, baseline=[None, 5, None, None])
    sums = cusum_chart(rows, target=targets, baseline=[None, 5, None, None])
    for i, row in enumerate(rows):
        base = 5 if i == 1 else None
        one = ewma_chart(row, target=targets[i], baseline=base)
        assert np.array_equal(one.series.points, ewmas[i].series.points)
        assert np.array_equal(one.series.ucl, ewmas[i].series.ucl)
        single = cusum_chart(row, target=targets[i], baseline=base)
        assert np.array_equal(single.upper, sums[i].upper)
        assert single.signals == sums[i].signals


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: EwmaPlan(0.0), "weight"),
        (lambda: EwmaPlan(1.1), "weight"),
        (lambda: EwmaPlan(nsigma=0), "nsigma"),
        (lambda: EwmaPlan(subgroup_size=0), "subgroup_size"),
        (lambda: EwmaPlan(estimator="rbar"), "estimator"),
        (lambda: CusumPlan(k=-0.1), "k"),
        (lambda: CusumPlan(h=0), "h"),
        (lambda: CusumPlan(unit="mm"), "unit"),
        (lambda: CusumPlan(head_start=1.0), "head_start"),
        (lambda: CusumPlan(after_signal="stop"), "after_signal"),
        (lambda: ewma_chart([1, 2], sigma=0), "sigma"),
        (lambda: ewma_chart([1, 2], target="a"), "target"),
        (lambda: ewma_chart("ab"), "values"),
        (lambda: cusum_chart([[1, 2], [3, 4]], target=[1, 2, 3]), "target"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named


def test_sigma_of_an_ewma_is_the_deviation_of_its_points() -> None:
    found = ewma_chart([1.0, 2.0, 3.0], EwmaPlan(0.2, nsigma=2.7), target=0.0, sigma=1.0).series
    expected = [math.sqrt(0.2 / 1.8 * (1 - 0.8 ** (2 * point))) for point in (1, 2, 3)]
    np.testing.assert_allclose(found.sigma, expected, rtol=1e-12)
    np.testing.assert_allclose(found.ucl, 2.7 * np.array(expected), rtol=1e-12)


def test_a_weight_of_one_is_the_most() -> None:
    assert EwmaPlan(1.0).weight == 1.0
    with pytest.raises(SpcInputError) as caught:
        EwmaPlan(1.001)
    assert caught.value.argument == "weight"


@pytest.mark.parametrize("sigma", [0.0, [1.0, 0.0], [-1.0, 1.0]])
def test_a_sigma_that_is_none_is_refused_for_one_of_many(sigma: object) -> None:
    for chart in (ewma_chart, cusum_chart):
        with pytest.raises(SpcInputError) as caught:
            chart([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]], target=2.0, sigma=sigma)
        assert caught.value.argument == "sigma"


def test_each_of_many_has_the_stages_that_it_has() -> None:
    stages = [["a", "a", "b", "b"], ["a"] * 4]
    for chart in (ewma_chart, cusum_chart):
        found = chart([[1.0, 2.0, 5.0, 6.0], [1.0, 2.0, 1.5, 2.5]], stages=stages)
        assert [len(one.stages) for one in found] == [2, 1]


def test_subgroups_are_charted_as_the_series_that_is_cut_into_them() -> None:
    rows = np.random.default_rng(2).normal(10, 1, (12, 4)).round(2)
    cut = ewma_chart(rows.reshape(-1), EwmaPlan(subgroup_size=4))
    given = ewma_chart(Subgroups(rows))
    assert given.stages == cut.stages
    np.testing.assert_array_equal(given.series.points, cut.series.points)
    np.testing.assert_array_equal(given.series.ucl, cut.series.ucl)
