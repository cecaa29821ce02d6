"""Limits of variables charts: published data sets and a plain second implementation."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from quality import spc
from quality.spc import Limits, Plan, Subgroups, control_chart
from quality.spc.constants import constant
from tests.oracles import spc_charts as oracle
from tests.quality.spc.spc_cases import case

RNG_SEED = 20260501


def normal(shape: tuple[int, ...], seed: int = RNG_SEED) -> np.ndarray:
    return np.random.default_rng(seed).normal(10.0, 0.02, shape).round(3)


def assert_line(series: spc.Series, point: int, line: oracle.Line) -> None:
    assert series.centre[point] == pytest.approx(line.centre, rel=1e-9)
    assert series.ucl[point] == pytest.approx(line.ucl, rel=1e-9)
    assert series.lcl[point] == pytest.approx(line.lcl, rel=1e-9, abs=1e-12)


def test_piston_rings_limits_and_new_samples_beyond_them() -> None:
    reference = case("pistonrings_xbar_r_phase1_phase2")
    data, expected = reference["data"], reference["expected"]
    chart = control_chart(Subgroups(data["subgroups_phase1"] + data["subgroups_phase2"]), baseline=25)
    assert (chart.chart, chart.estimator) == ("xbar_r", "rbar")
    for got, name in (
        (chart.stages[0].centre, "center"),
        (chart.stages[0].sigma_within, "sigma_within"),
        (chart.primary.ucl[0], "xbar_ucl"),
        (chart.primary.lcl[0], "xbar_lcl"),
        (chart.secondary.centre[0], "R_center"),
        (chart.secondary.ucl[0], "R_ucl"),
        (chart.secondary.lcl[0], "R_lcl"),
    ):
        assert got == pytest.approx(expected[name], rel=1e-9), name
    assert chart.primary.points[25:] == pytest.approx(expected["phase2_xbar"], rel=1e-12)
    beyond = [violation.point + 1 for violation in chart.primary.violations if violation.rule == "1"]
    assert beyond == expected["phase2_beyond_limits_1based"]


def test_viscosity_single_values_and_moving_ranges() -> None:
    reference = case("viscosity_imr_phase1_phase2")
    data, expected = reference["data"], reference["expected"]
    chart = control_chart(data["x_phase1"] + data["x_phase2"], baseline=20)
    assert chart.chart == "i_mr"
    assert chart.stages[0].centre == pytest.approx(expected["center"], rel=1e-12)
    assert chart.stages[0].sigma_within == pytest.approx(expected["sigma_within"], rel=1e-12)
    assert chart.primary.ucl[0] == pytest.approx(expected["x_ucl"], rel=1e-11)
    assert chart.primary.lcl[0] == pytest.approx(expected["x_lcl"], rel=1e-11)
    assert chart.secondary.centre[0] == pytest.approx(expected["mr_bar"], rel=1e-11)
    assert chart.secondary.ucl[0] == pytest.approx(expected["mr_ucl"], rel=1e-11)
    assert chart.secondary.lcl[0] == expected["mr_lcl"]
    beyond = [violation.point + 1 for violation in chart.primary.violations if violation.rule == "1"]
    assert beyond == expected["phase1_beyond_1based"] + expected["phase2_beyond_1based"]
    overall = control_chart(data["x_phase1"], Plan(estimator="sd"))
    assert overall.stages[0].sigma_within == pytest.approx(expected["sigma_sd_over_c4"], rel=1e-9)


def test_deviation_of_all_single_values_leaves_missing_ones_out_of_sum_and_freedom() -> None:
    values = [10.0, None, 10.3, 9.8, None, 10.1, 10.05]
    present = [value for value in values if value is not None]
    stage = control_chart(values, Plan(estimator="sd")).stages[0]
    assert stage.sigma_within == pytest.approx(statistics.stdev(present) / constant("c4", 5), rel=1e-12)
    assert stage.df == 4


def test_individuals_factors_are_exact_and_not_those_of_ranges() -> None:
    chart = control_chart([10.0, 11.0, 10.0, 11.0, 10.0])
    assert chart.primary.ucl[0] - chart.primary.centre[0] == pytest.approx(2.6586807763582736, rel=1e-12)
    assert chart.secondary.ucl[0] == pytest.approx(3.2665319192892847, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5, 7, 10])
@pytest.mark.parametrize("estimator", ["rbar", "sbar", "pooled", "pooled_unbiased"])
@pytest.mark.parametrize("kind", ["xbar_r", "xbar_s"])
def test_equal_subgroups_agree_with_the_plain_implementation(n: int, estimator: str, kind: str) -> None:
    rows = normal((12, n)).tolist()
    sigma = {
        "rbar": oracle.rbar_sigma,
        "sbar": oracle.sbar_sigma,
        "pooled": lambda data: oracle.pooled_sigma(data, unbiased=False),
        "pooled_unbiased": lambda data: oracle.pooled_sigma(data, unbiased=True),
    }[estimator](rows)
    chart = control_chart(np.array(rows).ravel(), Plan(kind, n, estimator))
    assert chart.estimator == estimator
    assert chart.stages[0].sigma_within == pytest.approx(sigma, rel=1e-9)
    for point, row in enumerate(rows):
        assert chart.primary.points[point] == pytest.approx(statistics.fmean(row), rel=1e-14)
        assert_line(chart.primary, point, oracle.mean_line(oracle.grand_mean(rows), sigma, n))
    if kind == "xbar_r":
        assert_line(chart.secondary, 0, oracle.range_line(sigma, n))
        assert chart.secondary.points == pytest.approx([max(row) - min(row) for row in rows])
    else:
        assert_line(chart.secondary, 0, oracle.deviation_line(sigma, n))
        assert chart.secondary.points == pytest.approx([statistics.stdev(row) for row in rows], rel=1e-9)


def test_rbar_over_d2_and_sbar_over_c4_are_what_equal_sizes_give() -> None:
    rows = normal((20, 4))
    chart = control_chart(rows.ravel(), Plan(subgroup_size=4))
    rbar = float(np.mean(rows.max(axis=1) - rows.min(axis=1)))
    assert chart.secondary.centre[0] == pytest.approx(rbar, rel=1e-12)
    assert chart.primary.ucl[0] == pytest.approx(rows.mean() + constant("A2", 4) * rbar, rel=1e-12)
    sbar = float(np.mean(rows.std(axis=1, ddof=1)))
    chart = control_chart(rows.ravel(), Plan("xbar_s", 4))
    assert chart.secondary.ucl[0] == pytest.approx(constant("B4", 4) * sbar, rel=1e-12)
    assert chart.primary.lcl[0] == pytest.approx(rows.mean() - constant("A3", 4) * sbar, rel=1e-12)


@pytest.mark.parametrize("estimator", ["rbar", "sbar", "pooled", "pooled_unbiased"])
def test_unequal_subgroups_have_weighted_sigma_and_limits_of_their_own(estimator: str) -> None:
    flat = normal((60,)).tolist()
    sizes = [5, 3, 1, 4, 5, 2, 5, 0, 6, 4]
    rows, start = [], 0
    for size in sizes:
        rows.append(flat[start : start + size])
        start += size
    sigma = {
        "rbar": oracle.rbar_sigma,
        "sbar": oracle.sbar_sigma,
        "pooled": lambda data: oracle.pooled_sigma(data, unbiased=False),
        "pooled_unbiased": lambda data: oracle.pooled_sigma(data, unbiased=True),
    }[estimator](rows)
    chart = control_chart(Subgroups(rows), Plan("xbar_r", 5, estimator))
    assert chart.stages[0].sigma_within == pytest.approx(sigma, rel=1e-9)
    centre = oracle.grand_mean(rows)
    for point, row in enumerate(rows):
        assert chart.primary.sizes[point] == len(row)
        if not row:
            assert math.isnan(chart.primary.points[point])
            assert math.isnan(chart.primary.ucl[point])
            continue
        assert_line(chart.primary, point, oracle.mean_line(centre, sigma, len(row)))
        if len(row) == 1:
            assert math.isnan(chart.secondary.points[point])
            assert math.isnan(chart.secondary.ucl[point])
        else:
            assert_line(chart.secondary, point, oracle.range_line(sigma, len(row)))


def test_unweighted_mean_of_ranges_is_not_what_unequal_sizes_get() -> None:
    rows = [[0.0, 1.0], [0.0, 0.5, 0.2, 0.9, 3.0, 0.1]]
    chart = control_chart(Subgroups(rows))
    naive = statistics.fmean((max(row) - min(row)) / constant("d2", len(row)) for row in rows)
    assert chart.stages[0].sigma_within == pytest.approx(oracle.rbar_sigma(rows), rel=1e-9)
    assert abs(chart.stages[0].sigma_within - naive) > 0.02


def test_missing_values_are_left_out_of_subgroups_not_counted_as_zero() -> None:
    rows = [[10.0, 10.2, None], [10.1, None, None], [None, None, None], [10.3, 10.1, 10.2]]
    present = [[value for value in row if value is not None] for row in rows]
    chart = control_chart(Subgroups(rows))
    sigma = oracle.rbar_sigma(present)
    assert chart.stages[0].sigma_within == pytest.approx(sigma, rel=1e-9)
    assert chart.stages[0].centre == pytest.approx(oracle.grand_mean(present))
    assert chart.primary.sizes.tolist() == [2, 1, 0, 3]
    assert_line(chart.primary, 1, oracle.mean_line(oracle.grand_mean(present), sigma, 1))


@pytest.mark.parametrize("kind", ["xbar_r", "xbar_s", "median_r", "three_way"])
@pytest.mark.parametrize("baseline", [None, 6])
def test_an_empty_subgroup_counts_for_nothing(kind: str, baseline: int | None) -> None:
    rows = normal((8, 3)).tolist()
    rows[2] = [None] * 3
    middle = statistics.median if kind == "median_r" else statistics.fmean
    used = [middle(row) for row in rows[:baseline] if row[0] is not None]
    stage = control_chart(Subgroups(rows), Plan(chart=kind), baseline=baseline).stages[0]
    assert stage.centre == pytest.approx(statistics.fmean(used), rel=1e-12)
    assert stage.points_used == len(used)


def test_a_left_over_last_group_is_a_smaller_subgroup() -> None:
    values = normal((13,)).tolist()
    chart = control_chart(values, Plan(subgroup_size=5))
    rows = [values[0:5], values[5:10], values[10:13]]
    assert chart.primary.sizes.tolist() == [5, 5, 3]
    assert chart.stages[0].sigma_within == pytest.approx(oracle.rbar_sigma(rows), rel=1e-9)


def test_subgroups_of_one_do_not_stop_a_report() -> None:
    chart = control_chart(Subgroups([[1.0], [2.0], [3.0]]), Plan("xbar_r", 5))
    assert chart.primary.points.tolist() == [1.0, 2.0, 3.0]
    assert chart.missing["limits"] == spc.Missing.NO_WITHIN_SPREAD
    assert chart.violations == ()
    assert control_chart(Subgroups([[1.0], [2.0], [3.0]])).chart == "i_mr"


@pytest.mark.parametrize("estimator", ["mr", "median_mr"])
def test_moving_range_through_a_missing_value_is_missing(estimator: str) -> None:
    values = [5.0, 5.4, None, 9.0, 8.7, 8.8, None, None, 5.0, 5.3]
    chart = control_chart(values, Plan(estimator=estimator))
    expected = oracle.moving_ranges(values)
    for got, wanted in zip(chart.secondary.points, expected, strict=True):
        assert math.isnan(got) if wanted is None else got == pytest.approx(wanted)
    sigma = oracle.mr_sigma(values, median=estimator == "median_mr")
    assert chart.stages[0].sigma_within == pytest.approx(sigma, rel=1e-12)
    assert chart.stages[0].df == 4
    assert_line(chart.primary, 0, oracle.mean_line(statistics.fmean(v for v in values if v), sigma, 1))


def test_median_moving_range_withstands_a_jump() -> None:
    values = normal((40,)).tolist()
    jumped = values[:20] + [value + 1 for value in values[20:]]
    growth = {
        estimator: control_chart(jumped, Plan(estimator=estimator)).stages[0].sigma_within
        / control_chart(values, Plan(estimator=estimator)).stages[0].sigma_within
        for estimator in ("mr", "median_mr")
    }
    assert growth["median_mr"] < 1.5 < growth["mr"]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_median_chart_uses_the_deviation_of_medians(n: int) -> None:
    rows = normal((9, n)).tolist()
    chart = control_chart(Subgroups(rows), Plan("median_r", n))
    medians = [statistics.median(row) for row in rows]
    sigma = oracle.rbar_sigma(rows)
    assert chart.primary.points == pytest.approx(medians, rel=1e-14)
    assert chart.primary.centre[0] == pytest.approx(statistics.fmean(medians), rel=1e-12)
    reach = 3 * sigma * constant("em", n)
    assert chart.primary.ucl[0] - chart.primary.centre[0] == pytest.approx(reach, rel=1e-9)
    assert_line(chart.secondary, 0, oracle.range_line(sigma, n))


def test_median_chart_weighs_unequal_subgroups_by_their_precision() -> None:
    rows = [[1.0, 2.0, 3.0], [5.0], [4.0, 6.0]]
    weights = [1 / constant("em", len(row)) ** 2 for row in rows]
    expected = sum(w * statistics.median(r) for w, r in zip(weights, rows, strict=True)) / sum(weights)
    assert control_chart(Subgroups(rows), Plan("median_r", 3)).stages[0].centre == pytest.approx(expected)


@pytest.mark.parametrize(("n", "spread_kind"), [(5, "r"), (12, "s")])
def test_three_way_chart_takes_limits_of_lots_from_their_moving_range(n: int, spread_kind: str) -> None:
    rng = np.random.default_rng(3)
    lots = rng.normal(10, 0.05, (20, 1)) + rng.normal(0, 0.01, (20, n))
    chart = control_chart(lots[None], Plan("three_way", n))[0]
    means = lots.mean(axis=1).tolist()
    sigma_points = oracle.mr_sigma(means)
    assert [series.kind for series in chart.series] == ["xbar", "mr", spread_kind]
    assert_line(chart.primary, 0, oracle.mean_line(statistics.fmean(means), sigma_points, 1))
    assert chart.secondary.ucl[0] == pytest.approx(
        constant("D4", 2) * statistics.fmean(r for r in oracle.moving_ranges(means) if r is not None)
    )
    rows = lots.tolist()
    within = oracle.rbar_sigma(rows) if spread_kind == "r" else oracle.sbar_sigma(rows)
    stage = chart.stages[0]
    assert stage.sigma_within == pytest.approx(within, rel=1e-9)
    assert stage.sigma_between == pytest.approx(math.sqrt(sigma_points**2 - within**2 / n), rel=1e-9)
    assert stage.sigma_total == pytest.approx(math.hypot(stage.sigma_between, within), rel=1e-12)
    expected = oracle.range_line(within, n) if n == 5 else oracle.deviation_line(within, n)
    assert_line(chart.within, 0, expected)


def test_lots_that_differ_do_not_alarm_on_the_three_way_chart_but_do_on_the_classical_one() -> None:
    rng = np.random.default_rng(11)
    lots = rng.normal(10, 0.05, (20, 1)) + rng.normal(0, 0.005, (20, 5))
    classical, three_way = (
        control_chart(lots[None], Plan(kind, 5, rules="rule_1"))[0] for kind in ("xbar_r", "three_way")
    )
    assert len(classical.primary.violations) > 10
    assert three_way.primary.violations == ()


def test_between_sigma_is_zero_when_lots_differ_less_than_chance() -> None:
    rows = [[1.0, 2.0, 3.0], [1.1, 2.0, 2.9], [0.9, 2.0, 3.1]]
    stage = control_chart(Subgroups(rows), Plan("three_way", 3)).stages[0]
    assert stage.sigma_between == 0.0
    assert stage.sigma_total == stage.sigma_within


def test_three_way_between_uses_the_modal_size() -> None:
    rng = np.random.default_rng(5)
    rows = [(rng.normal(0, 1) + rng.normal(0, 0.3, size)).tolist() for size in (4, 4, 4, 2, 3, 4, 2)]
    stage = control_chart(Subgroups(rows), Plan("three_way", 4)).stages[0]
    assert stage.sigma_between == pytest.approx(math.sqrt(stage.sigma_points**2 - stage.sigma_within**2 / 4))


def test_limits_stand_at_the_asked_number_of_sigma() -> None:
    values = normal((30,)).tolist()
    chart = control_chart(values, Plan(nsigma=2.0))
    sigma = oracle.mr_sigma(values)
    assert_line(chart.primary, 0, oracle.mean_line(statistics.fmean(values), sigma, 1, width=2.0))
    assert_line(chart.secondary, 0, oracle.range_line(sigma, 2, width=2.0))


@pytest.mark.parametrize(
    ("size", "chart", "estimator"),
    [(1, "i_mr", "mr"), (2, "xbar_r", "rbar"), (10, "xbar_r", "rbar"), (11, "xbar_s", "sbar")],
)
def test_auto_chooses_chart_and_estimator_by_subgroup_size(size: int, chart: str, estimator: str) -> None:
    drawn = control_chart(normal((44,)), Plan(subgroup_size=size))
    assert (drawn.chart, drawn.estimator) == (chart, estimator)
    assert spc.capability(normal((44,)), subgroup_size=size).sd_within == drawn.stages[0].sigma_within


@pytest.mark.parametrize("values", [[], [None], [7.0], [7.0, 7.0, 7.0], [None, 3.0, None], [10.1] * 3])
@pytest.mark.parametrize("plan", [Plan(), Plan(subgroup_size=3), Plan("three_way", 2), Plan("median_r", 2)])
def test_poor_data_have_no_limits_but_a_reason(values: list[float | None], plan: Plan) -> None:
    chart = control_chart(values, plan)
    assert set(chart.missing) == {"limits", "secondary_limits"}
    assert np.isnan(chart.primary.ucl).all()
    assert chart.violations == ()


def test_reasons_for_missing_limits_name_the_cause() -> None:
    assert control_chart([]).missing["limits"] == "no_values"
    assert control_chart([7.0]).missing["limits"] == "one_value"
    assert control_chart([7.0, None, 8.0]).missing["limits"] == "no_within_spread"
    assert control_chart([7.0, 7.0, 7.0]).missing["limits"] == "zero_variance"


def test_mean_of_equal_values_is_that_value_and_is_not_above_it() -> None:
    # 10.1 + 10.1 + 10.1 is not three times 10.1 in binary.
    chart = control_chart([10.1] * 45, Plan(subgroup_size=3), limits=Limits(centre=10.1, sigma=0.01))
    assert set(chart.primary.points) == {10.1}
    assert {violation.rule for violation in chart.violations} == {"7"}


def test_ten_leading_digits_cost_no_precision() -> None:
    data = case("strd_numacc1_2_3")
    for name in ("numacc1", "numacc2", "numacc3"):
        source, expected = data["data"][name], data["expected"][name]
        if isinstance(source, dict):
            source = [source["first"]] + source["then_alternating"] * source["repeats"]
        result = spc.capability(source)
        assert result.mean == pytest.approx(expected["mean"], rel=data["tolerance"]["mean_rel"])
        assert result.sd_overall == pytest.approx(expected["sd"], rel=data["tolerance"]["sd_rel"])


def test_ten_leading_digits_do_not_change_chart_limits() -> None:
    values = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], dtype=float)
    low = control_chart(values, Plan(subgroup_size=3))
    high = control_chart(values + 2.0**40, Plan(subgroup_size=3))
    assert high.stages[0].sigma_within == low.stages[0].sigma_within
    assert high.secondary.ucl.tolist() == low.secondary.ucl.tolist()
    assert high.primary.ucl - 2.0**40 == pytest.approx(low.primary.ucl, abs=1e-3)


@pytest.mark.parametrize("factor", [0.25, 8.0])
def test_limits_shift_and_scale_with_the_values(factor: float) -> None:
    values = normal((50,))
    base = control_chart(values, Plan(subgroup_size=5))
    scaled = control_chart(values * factor, Plan(subgroup_size=5))
    shifted = control_chart(values + 4.0, Plan(subgroup_size=5))
    assert scaled.primary.ucl == pytest.approx(base.primary.ucl * factor, rel=1e-12)
    assert scaled.secondary.ucl == pytest.approx(base.secondary.ucl * factor, rel=1e-12)
    assert shifted.primary.lcl == pytest.approx(base.primary.lcl + 4.0, rel=1e-12)
    assert shifted.secondary.ucl == pytest.approx(base.secondary.ucl, rel=1e-9)


def test_order_of_subgroups_does_not_move_the_limits_of_subgrouped_charts() -> None:
    rows = normal((15, 4))
    order = np.random.default_rng(1).permutation(15)
    one, other = (control_chart(data.ravel(), Plan(subgroup_size=4)) for data in (rows, rows[order]))
    assert other.primary.ucl[0] == pytest.approx(one.primary.ucl[0], rel=1e-13)
    assert other.secondary.ucl[0] == pytest.approx(one.secondary.ucl[0], rel=1e-13)
    assert other.primary.points == pytest.approx(one.primary.points[order], rel=1e-15)


def test_order_within_a_subgroup_does_not_matter() -> None:
    rows = normal((15, 4))
    one = control_chart(rows.ravel(), Plan(subgroup_size=4))
    other = control_chart(rows[:, ::-1].ravel(), Plan(subgroup_size=4))
    assert other.primary.ucl[0] == pytest.approx(one.primary.ucl[0], rel=1e-13)
    assert other.secondary.points.tolist() == one.secondary.points.tolist()


def test_mirrored_values_have_mirrored_limits_and_violations() -> None:
    values = normal((60,))
    one, mirror = (control_chart(v, Plan()) for v in (values, -values))
    assert mirror.primary.ucl.tolist() == (-one.primary.lcl).tolist()
    flip = {"high": "low", "low": "high", "both": "both"}
    mirrored = [(v.rule, v.point, flip[v.side]) for v in one.primary.violations]
    assert sorted((v.rule, v.point, v.side) for v in mirror.primary.violations) == sorted(mirrored)
    assert mirror.secondary.points[1:].tolist() == one.secondary.points[1:].tolist()


@pytest.mark.parametrize(
    ("sizes", "modal"),
    [([2, 2, 4, 4, 4], 4), ([4, 4, 2, 2, 2, 2], 2), ([3, 5, 3, 5], 5), ([1, 1, 1, 2, 2], 1)],
)
def test_between_lots_counts_with_the_usual_size(sizes: list[int], modal: int) -> None:
    """Of equally frequent sizes the larger one."""
    rng = np.random.default_rng(12)
    lots = [(rng.normal(10, 1) + rng.normal(0, 0.05, size)).tolist() for size in sizes]
    (stage,) = control_chart(Subgroups(lots), Plan(chart="three_way", subgroup_size=5)).stages
    expected = stage.sigma_points**2 - stage.sigma_within**2 / modal
    assert stage.sigma_between == pytest.approx(math.sqrt(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("sizes", "baseline", "modal"), [([4, 4, 3, 2, 2, 2, 2], 3, 4), ([2, 3, 4, 5, 2, 2], 4, 5)]
)
def test_the_usual_size_is_that_of_the_baseline(sizes: list[int], baseline: int, modal: int) -> None:
    """Later lots have no say, and of sizes that occur once each the largest is taken."""
    rng = np.random.default_rng(12)
    lots = [(rng.normal(10, 1) + rng.normal(0, 0.2, size)).tolist() for size in sizes]
    plan = Plan(chart="three_way", subgroup_size=5)
    (stage,) = control_chart(Subgroups(lots), plan, baseline=baseline).stages
    expected = stage.sigma_points**2 - stage.sigma_within**2 / modal
    assert stage.sigma_between == pytest.approx(math.sqrt(expected), rel=1e-12)


@pytest.mark.parametrize(("size", "kind"), [(10, "r"), (11, "s")])
def test_the_spread_within_lots_is_drawn_as_ranges_up_to_ten(size: int, kind: str) -> None:
    chart = control_chart(normal((12 * size,)), Plan("three_way", size))
    assert [series.kind for series in chart.series] == ["xbar", "mr", kind]
