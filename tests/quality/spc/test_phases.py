"""Baselines, stages, excluded points and given limits."""

from __future__ import annotations

import numpy as np
import pytest

from quality.spc import Limits, Plan, SpcInputError, Subgroups, control_chart
from quality.spc.constants import constant
from tests.oracles import spc_charts as oracle

VALUES = np.random.default_rng(8).normal(10.0, 0.5, 40).round(3).tolist()


def sigma_of(chart, stage: int = 0) -> float:
    return chart.stages[stage].sigma_within


def test_limits_come_from_the_baseline_and_reach_over_later_points() -> None:
    chart = control_chart(VALUES, baseline=25)
    assert sigma_of(chart) == pytest.approx(oracle.mr_sigma(VALUES[:25]), rel=1e-12)
    assert chart.stages[0].centre == pytest.approx(np.mean(VALUES[:25]), rel=1e-14)
    assert chart.stages[0].points_used == 25
    assert len(set(chart.primary.ucl)) == 1
    assert len(chart.primary) == 40


def test_changing_later_points_does_not_move_limits() -> None:
    moved = VALUES[:25] + [value + 100 for value in VALUES[25:]]
    one, other = control_chart(VALUES, baseline=25), control_chart(moved, baseline=25)
    assert other.primary.ucl.tolist() == one.primary.ucl.tolist()
    assert [v.point for v in other.primary.violations if v.rule == "1"] == list(range(25, 40))


@pytest.mark.parametrize(
    "baseline", [range(5, 20), [place in range(5, 20) for place in range(40)], np.arange(5, 20)]
)
def test_a_baseline_may_be_indices_or_flags(baseline) -> None:
    chart = control_chart(VALUES, baseline=baseline)
    assert sigma_of(chart) == pytest.approx(oracle.mr_sigma(VALUES[5:20]), rel=1e-12)


def test_moving_range_crosses_from_baseline_to_monitored_points_but_does_not_count() -> None:
    chart = control_chart(VALUES, baseline=25)
    assert chart.secondary.points[25] == pytest.approx(abs(VALUES[25] - VALUES[24]))
    assert chart.stages[0].df == 24


def test_a_missing_value_of_the_baseline_is_left_out_of_its_mean() -> None:
    values = [*VALUES[:4], None, *VALUES[5:]]
    chart = control_chart(values, baseline=10)
    assert chart.stages[0].centre == pytest.approx(np.mean([*VALUES[:4], *VALUES[5:10]]), rel=1e-14)
    assert chart.stages[0].points_used == 9


def test_one_point_is_a_baseline_for_the_centre() -> None:
    stage = control_chart(VALUES, baseline=1).stages[0]
    assert (stage.centre, stage.points_used) == (VALUES[0], 1)


def test_a_baseline_of_all_points_has_the_bits_of_none() -> None:
    for shift in range(20):
        values = [value + shift / 7 for value in VALUES]
        values[shift] = None
        (all_of_them,) = control_chart(values, baseline=40).stages
        assert all_of_them.centre == control_chart(values).stages[0].centre


def test_each_stage_has_limits_of_its_own_and_nothing_crosses() -> None:
    labels = ["old"] * 18 + ["new"] * 22
    chart = control_chart(VALUES, stages=labels)
    for stage, part in ((0, slice(0, 18)), (1, slice(18, 40))):
        assert sigma_of(chart, stage) == pytest.approx(oracle.mr_sigma(VALUES[part]), rel=1e-12)
        assert set(chart.primary.centre[part]) == {chart.stages[stage].centre}
    assert np.isnan(chart.secondary.points[18])
    assert chart.primary.stage.tolist() == [0] * 18 + [1] * 22
    alone = control_chart(VALUES[18:])
    shifted = [(v.rule, v.point + 18) for v in alone.violations]
    assert [(v.rule, v.point) for v in chart.violations if v.point >= 18] == shifted


def test_stages_of_a_subgrouped_chart_do_not_share_ranges() -> None:
    rows = np.array(VALUES).reshape(10, 4)
    chart = control_chart(rows.ravel(), Plan(subgroup_size=4), stages=[1] * 6 + [2] * 4)
    assert sigma_of(chart, 0) == pytest.approx(oracle.rbar_sigma(rows[:6].tolist()), rel=1e-9)
    assert sigma_of(chart, 1) == pytest.approx(oracle.rbar_sigma(rows[6:].tolist()), rel=1e-9)


def test_a_label_that_returns_is_a_stage_of_its_own() -> None:
    chart = control_chart(VALUES, stages=["a"] * 10 + ["b"] * 10 + ["a"] * 20)
    assert chart.primary.stage.tolist() == [0] * 10 + [1] * 10 + [2] * 20
    assert sigma_of(chart, 2) == pytest.approx(oracle.mr_sigma(VALUES[20:]), rel=1e-12)


def test_a_number_of_baseline_points_counts_in_every_stage() -> None:
    chart = control_chart(VALUES, stages=["a"] * 15 + ["b"] * 25, baseline=10)
    assert sigma_of(chart, 0) == pytest.approx(oracle.mr_sigma(VALUES[:10]), rel=1e-12)
    assert sigma_of(chart, 1) == pytest.approx(oracle.mr_sigma(VALUES[15:25]), rel=1e-12)


def test_freeze_exclude_and_stage_work_together() -> None:
    chart = control_chart(
        VALUES,
        stages=["a"] * 15 + ["b"] * 25,
        baseline=10,
        excluded={3: "burr on the gauge", 17: "wrong part", 30: "power cut"},
    )
    first = [None if place == 3 else value for place, value in enumerate(VALUES[:10])]
    second = [None if place == 2 else value for place, value in enumerate(VALUES[15:25])]
    assert sigma_of(chart, 0) == pytest.approx(oracle.mr_sigma(first), rel=1e-12)
    assert sigma_of(chart, 1) == pytest.approx(oracle.mr_sigma(second), rel=1e-12)
    assert chart.stages[0].centre == pytest.approx(np.mean([v for v in first if v is not None]), rel=1e-14)
    assert chart.stages[0].points_used == 9
    assert dict(chart.excluded) == {3: "burr on the gauge", 17: "wrong part", 30: "power cut"}


def test_an_excluded_point_is_shown_but_neither_counted_nor_tested() -> None:
    values = [*VALUES[:10], 99.0, *VALUES[10:20]]
    chart = control_chart(values, excluded={10: "typing error"})
    assert chart.primary.points[10] == 99.0
    assert chart.primary.excluded.tolist() == [place == 10 for place in range(21)]
    assert max(chart.primary.ucl) < 20
    assert chart.secondary.points[10] > 80
    assert not {10, 11} & {violation.point for violation in chart.violations}
    counted = control_chart(values)
    assert 10 in {violation.point for violation in counted.violations}


@pytest.mark.parametrize("kind", ["xbar_r", "xbar_s", "three_way"])
def test_the_spread_of_an_excluded_subgroup_is_not_tested(kind: str) -> None:
    rows = [VALUES[start : start + 4] for start in range(0, 40, 4)]
    rows[6] = [5.0, 15.0, 5.0, 15.0]
    plan = Plan(kind, 4)
    spread = 2 if kind == "three_way" else 1

    def beyond(**choice) -> list[int]:
        series = control_chart(Subgroups(rows), plan, **choice).series[spread]
        return [violation.point for violation in series.violations]

    assert beyond() == [6]
    assert beyond(excluded={6: "two parts mixed up"}) == []


def test_nothing_is_excluded_by_itself() -> None:
    values = [*VALUES[:10], 99.0, *VALUES[10:20]]
    chart = control_chart(values)
    assert chart.stages[0].points_used == 21
    assert not chart.primary.excluded.any()
    assert dict(chart.excluded) == {}


def test_excluding_everything_leaves_no_limits_and_says_why() -> None:
    chart = control_chart([1.0, 2.0], excluded={0: "a", 1: "b"})
    assert chart.missing["limits"] == "no_baseline"
    empty = control_chart(VALUES, stages=["a"] * 20 + ["b"] * 20, baseline=range(10))
    assert np.isnan(empty.primary.ucl[20:]).all()
    assert np.isfinite(empty.primary.ucl[:20]).all()


def test_given_mean_and_sigma_replace_the_estimates_for_every_size() -> None:
    rows = [VALUES[:5], VALUES[5:8], VALUES[8:12]]
    chart = control_chart(Subgroups(rows), limits=Limits(centre=10.0, sigma=0.5))
    for point, row in enumerate(rows):
        line = oracle.mean_line(10.0, 0.5, len(row))
        assert chart.primary.ucl[point] == pytest.approx(line.ucl, rel=1e-12)
        assert chart.secondary.ucl[point] == pytest.approx(oracle.range_line(0.5, len(row)).ucl, rel=1e-9)
    assert chart.limits_given


def test_zones_of_means_are_those_of_the_mean_where_sigma_is_given() -> None:
    """Of means of four a zone is half of sigma wide: 1.1 and 1.2 are beyond two of them, 0.9 is not."""

    def rules_of(*means: float) -> set[str]:
        rows = Subgroups([[mean - 0.1, mean, mean, mean + 0.1] for mean in means])
        chart = control_chart(rows, Plan(rules="nelson"), limits=Limits(centre=0.0, sigma=1.0))
        return {violation.rule for violation in chart.primary.violations}

    assert rules_of(1.1, -0.1, 1.2) == {"5"}
    assert rules_of(0.9, -0.1, 1.2) == set()


def test_a_given_mean_alone_keeps_the_estimated_sigma() -> None:
    chart = control_chart(VALUES, limits=Limits(centre=9.0))
    assert chart.primary.centre[0] == 9.0
    assert sigma_of(chart) == pytest.approx(oracle.mr_sigma(VALUES), rel=1e-12)


def test_locked_lines_win_over_computed_ones() -> None:
    limits = Limits(
        centre=10.0, ucl=11.0, lcl=9.5, secondary_centre=0.5, secondary_ucl=1.6, secondary_lcl=0.0
    )
    chart = control_chart(VALUES, limits=limits)
    assert (set(chart.primary.ucl), set(chart.primary.lcl), set(chart.primary.centre)) == (
        {11.0},
        {9.5},
        {10.0},
    )
    assert (set(chart.secondary.ucl), set(chart.secondary.lcl)) == ({1.6}, {0.0})
    beyond = [place for place, value in enumerate(VALUES) if value > 11.0 or value < 9.5]
    assert [v.point for v in chart.primary.violations if v.rule == "1"] == beyond


def test_locked_lines_make_the_zones_of_their_own_side() -> None:
    """Three above and one and a half below the centre: zones of 1 and of 0.5."""
    limits = Limits(centre=10.0, ucl=13.0, lcl=8.5)

    def rules_of(*values: float) -> list[tuple[str, str]]:
        chart = control_chart(list(values), limits=limits)
        return [(violation.rule, violation.side) for violation in chart.primary.violations]

    assert rules_of(12.1, 10.1, 12.1) == [("5", "high")]
    assert rules_of(11.9, 10.1, 12.1) == []
    assert rules_of(8.9, 10.1, 8.9) == [("5", "low")]
    assert rules_of(9.1, 10.1, 8.9) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_a_locked_line_on_the_centre_has_the_zones_of_the_other_side(sign: int) -> None:
    """Two points just beyond it are beyond the limit, not beyond two sigma of no width."""
    far, near = sign * 3.0, 0.0
    limits = Limits(centre=0.0, ucl=max(far, near), lcl=min(far, near))
    chart = control_chart([sign * z for z in (0.1, -0.5, -0.5, 2.1, 0.1, 2.1)], limits=limits)
    outer, inner = ("high", "low") if sign > 0 else ("low", "high")
    assert [(v.rule, v.side, v.point) for v in chart.primary.violations] == [
        ("1", inner, 1),
        ("1", inner, 2),
        ("5", outer, 5),
    ]


def test_one_of_many_with_locked_lines_leaves_the_lines_of_the_others_alone() -> None:
    locked = Limits(centre=10.0, ucl=11.0, lcl=9.5, secondary_centre=0.5, secondary_ucl=1.6)
    other = VALUES[::-1]
    together = control_chart([VALUES, other], limits=[locked, None])
    for chart, alone in zip(
        together, (control_chart(VALUES, limits=locked), control_chart(other)), strict=True
    ):
        for series, expected in zip(chart.series, alone.series, strict=True):
            for name in ("centre", "ucl", "lcl", "sigma"):
                np.testing.assert_array_equal(getattr(series, name), getattr(expected, name))
            assert [v.point for v in series.violations] == [v.point for v in expected.violations]


@pytest.mark.parametrize("kind", ["i_mr", "xbar_r", "xbar_s", "median_r", "three_way"])
def test_locked_lines_of_the_secondary_chart_are_drawn_on_it_and_on_no_other(kind: str) -> None:
    locked = Limits(secondary_centre=0.5, secondary_ucl=1.6, secondary_lcl=0.1)
    plan = Plan(kind, 1 if kind == "i_mr" else 4)
    chart, usual = control_chart(VALUES, plan, limits=locked), control_chart(VALUES, plan)
    secondary = chart.series[1]
    assert (set(secondary.centre), set(secondary.ucl), set(secondary.lcl)) == ({0.5}, {1.6}, {0.1})
    for place in {0, len(chart.series) - 1} - {1}:
        np.testing.assert_array_equal(chart.series[place].ucl, usual.series[place].ucl)


def test_a_given_sigma_decides_the_spread_chart_even_beside_locked_lines() -> None:
    both = control_chart(VALUES, limits=Limits(centre=10.0, ucl=11.5, lcl=8.5, sigma=0.4))
    assert both.secondary.ucl[0] == pytest.approx(oracle.range_line(0.4, 2).ucl, rel=1e-9)


def test_limits_that_say_nothing_of_the_spread_leave_its_estimate() -> None:
    usual = control_chart(VALUES)
    for limits in (Limits(centre=9.0), Limits(centre=10.0, ucl=10.0, lcl=10.0)):
        assert control_chart(VALUES, limits=limits).secondary.ucl[0] == usual.secondary.ucl[0]


def test_a_single_point_of_each_of_many_is_told_of_its_own() -> None:
    charts = control_chart([[20.0], [10.0], [1.0]], limits=[Limits(centre=10.0, ucl=11.0, lcl=9.0)] * 3)
    found = [[(v.rule, v.point, v.side) for v in chart.primary.violations] for chart in charts]
    assert found == [[("1", 0, "high")], [], [("1", 0, "low")]]
    assert charts.signals.tolist() == [True, False, True]


def test_a_locked_chart_without_lower_line_has_no_lower_test() -> None:
    chart = control_chart([1.0, -50.0, 3.5], limits=Limits(centre=0.0, ucl=3.0))
    assert np.isnan(chart.primary.lcl).all()
    assert [(v.rule, v.side, v.point) for v in chart.primary.violations if v.rule == "1"] == [
        ("1", "high", 2)
    ]


def test_secondary_lines_follow_from_locked_primary_lines() -> None:
    chart = control_chart(VALUES, limits=Limits(centre=10.0, ucl=11.5, lcl=8.5))
    assert chart.secondary.ucl[0] == pytest.approx(constant("D2", 2) * 0.5, rel=1e-12)
    rows = control_chart(VALUES, Plan(subgroup_size=4), limits=Limits(centre=10.0, ucl=10.75, lcl=9.25))
    assert rows.secondary.ucl[0] == pytest.approx(constant("D2", 4) * 0.5, rel=1e-12)


@pytest.mark.parametrize(
    "plan", [Plan(), Plan(subgroup_size=5), Plan("xbar_s", 5), Plan("median_r", 5), Plan("three_way", 5)]
)
def test_limits_of_a_chart_can_be_locked_and_give_the_same_lines_again(plan: Plan) -> None:
    first = control_chart(VALUES[:25], plan)
    again = control_chart(VALUES, plan, limits=first.limits)
    assert again.primary.ucl[0] == pytest.approx(first.primary.ucl[0], rel=1e-12)
    assert again.primary.lcl[-1] == pytest.approx(first.primary.lcl[0], rel=1e-12)
    assert again.secondary.ucl[-1] == pytest.approx(first.secondary.ucl[0], rel=1e-12)
    twice = control_chart(VALUES, plan, limits=again.limits)
    assert twice.primary.ucl.tolist() == again.primary.ucl.tolist()


@pytest.mark.parametrize(
    ("argument", "kwargs"),
    [
        ("stages", {"stages": ["a"] * 39}),
        ("baseline", {"baseline": 0}),
        ("baseline", {"baseline": [True] * 3}),
        ("baseline", {"baseline": [40]}),
        ("baseline", {"baseline": [-1]}),
        ("baseline", {"baseline": [0.5]}),
        ("excluded", {"excluded": [3]}),
        ("excluded", {"excluded": {3: ""}}),
        ("excluded", {"excluded": {3: None}}),
        ("excluded", {"excluded": {"3": "x"}}),
        ("excluded", {"excluded": {40: "x"}}),
    ],
)
def test_phase_arguments_that_do_not_fit_are_named(argument: str, kwargs: dict) -> None:
    with pytest.raises(SpcInputError) as refused:
        control_chart(VALUES, **kwargs)
    assert refused.value.argument == argument


@pytest.mark.parametrize(
    ("argument", "fields"),
    [
        ("sigma", {"sigma": 0.0}),
        ("sigma", {"sigma": -1.0}),
        ("ucl", {"ucl": float("inf")}),
        ("lcl", {"lcl": 2.0, "ucl": 1.0}),
        ("lcl", {"lcl": 2.0, "centre": 1.0}),
        ("secondary_lcl", {"secondary_lcl": 2.0, "secondary_ucl": 1.0}),
    ],
)
def test_limits_that_cannot_be_are_named(argument: str, fields: dict) -> None:
    with pytest.raises(SpcInputError) as refused:
        Limits(**fields)
    assert refused.value.argument == argument


def test_arguments_for_many_need_one_entry_each() -> None:
    two = [VALUES, VALUES[:30]]
    charts = control_chart(
        two, stages=[["a"] * 20 + ["b"] * 20, None], baseline=[None, 12], excluded=[{2: "x"}, None]
    )
    assert charts[0] == control_chart_equal(VALUES, stages=["a"] * 20 + ["b"] * 20, excluded={2: "x"})
    assert charts[1] == control_chart_equal(VALUES[:30], baseline=12)
    for argument, kwargs in (("stages", {"stages": ["a"] * 40}), ("excluded", {"excluded": {1: "x"}})):
        with pytest.raises(SpcInputError) as refused:
            control_chart(two, **kwargs)
        assert refused.value.argument == argument
    with pytest.raises(SpcInputError, match="limits"):
        control_chart(two, limits=[None])


class control_chart_equal:
    """Equals a chart with the same lines, points and violations."""

    def __init__(self, values, **kwargs) -> None:
        self.chart = control_chart(values, **kwargs)

    def __eq__(self, other: object) -> bool:
        same = [
            np.array_equal(getattr(one, name), getattr(two, name), equal_nan=True)
            for one, two in zip(self.chart.series, other.series, strict=True)
            for name in ("points", "centre", "ucl", "lcl", "sigma", "sizes", "stage", "excluded")
        ]
        return (
            all(same) and self.chart.violations == other.violations and self.chart.excluded == other.excluded
        )

    __hash__ = None


@pytest.mark.parametrize("name", ["ucl", "lcl"])
def test_one_given_line_is_a_limit(name: str) -> None:
    chart = control_chart(VALUES, Plan(), limits=Limits(**{name: 10.0}))
    assert "limits" not in chart.missing
    assert np.isnan(getattr(chart.primary, "lcl" if name == "ucl" else "ucl")).all()
    assert (getattr(chart.primary, name) == 10.0).all()


def test_one_set_of_reasons_is_not_taken_for_one_per_characteristic() -> None:
    """Two characteristics and two excluded points: the mapping has the length of a list with one for each."""
    with pytest.raises(SpcInputError) as caught:
        control_chart([VALUES, VALUES], excluded={0: "a", 1: "b"})
    assert caught.value.argument == "excluded"


@pytest.mark.parametrize("points", [[0, 40], [-1, 3], [0.5]])
def test_a_baseline_outside_of_the_points_is_refused(points: list[float]) -> None:
    with pytest.raises(SpcInputError) as caught:
        control_chart(VALUES, baseline=points)
    assert caught.value.argument == "baseline"
