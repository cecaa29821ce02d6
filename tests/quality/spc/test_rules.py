"""Control rules: published outcomes, conventions as options, and a plain implementation to compare with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.spc import (
    PRESETS,
    Kind,
    Limits,
    Plan,
    Rule,
    Rules,
    SpcInputError,
    Subgroups,
    control_chart,
    rule_set,
)
from tests.oracles import spc_rules as oracle
from tests.quality.spc.spc_cases import case

UNIT = Limits(centre=0.0, sigma=1.0)


def fired(values, rules, **kwargs) -> dict[str, list[int]]:
    """Points (from 0) of each rule on a chart with centre 0 and sigma 1."""
    chart = control_chart(values, Plan(rules=rules), limits=UNIT, **kwargs)
    found: dict[str, list[int]] = {}
    for violation in chart.primary.violations:
        found.setdefault(violation.rule, []).append(violation.point)
    return found


@pytest.mark.parametrize(
    ("name", "preset"), [("nelson_rules_basic", "nelson"), ("western_electric_rules", "western_electric")]
)
def test_published_outcomes_are_met(name: str, preset: str) -> None:
    for series in case(name)["expected"]["series"]:
        got = {
            rule.removeprefix("WE"): [point + 1 for point in points]
            for rule, points in fired(series["x"], preset).items()
        }
        assert got == series["fires_at_1based"], series["name"]


def test_lengths_counted_in_steps_meet_the_other_convention() -> None:
    for series in case("nelson_rules_basic")["expected"]["series"]:
        got = fired(series["x"], "jasp")
        for name, points in series.get("under_other_convention", {}).items():
            rule = {"rule3_six_steps": "3", "rule4_fourteen_steps": "4"}[name]
            assert [point + 1 for point in got.get(rule, [])] == points, series["name"]


# Quarter steps of sigma: every boundary, centre and tie is hit often.
GRID = st.integers(-14, 14).map(lambda n: n / 4)
SERIES = st.lists(st.one_of(GRID, st.integers(-5, 5).map(float)), min_size=0, max_size=30)
POINTS = st.lists(st.one_of(GRID, st.none()), min_size=0, max_size=30)


def expected_of(rule: Rule, z, stage) -> list[tuple[int, str]]:
    """What the plain implementation says: (point, side)."""
    match rule.kind:
        case Kind.BEYOND:
            found = oracle.beyond(z, stage, width=rule.width or 3.0, inclusive=rule.inclusive)
        case Kind.RUN:
            found = oracle.run(z, stage, length=rule.length, inclusive=rule.inclusive)
        case Kind.TREND:
            found = oracle.trend(
                z, stage, length=rule.length, inclusive=rule.inclusive, in_steps=rule.in_steps
            )
        case Kind.ALTERNATION:
            found = oracle.alternation(z, stage, length=rule.length, in_steps=rule.in_steps)
        case Kind.K_OF_N:
            found = oracle.k_of_n(
                z,
                stage,
                count=rule.count,
                length=rule.length,
                width=rule.width,
                inclusive=rule.inclusive,
                last_outside=rule.last_outside,
            )
        case Kind.WITHIN:
            found = oracle.within(z, stage, length=rule.length, width=rule.width, inclusive=rule.inclusive)
        case Kind.OUTSIDE:
            found = oracle.outside(
                z,
                stage,
                length=rule.length,
                width=rule.width,
                inclusive=rule.inclusive,
                both_sides=rule.both_sides,
            )
    if isinstance(found, list):
        return [(point, "both") for point in found]
    high, low = found
    return sorted([(point, "high") for point in high] + [(point, "low") for point in low])


def found_by(rules: Rules, z, *, centre: float, sigma: float, **kwargs) -> dict[str, list[tuple[int, str]]]:
    """(point, side) of each rule for points given in sigma units, on a chart with this centre and sigma."""
    values = [None if value is None else centre + sigma * value for value in z]
    chart = control_chart(values, Plan(rules=rules), limits=Limits(centre=centre, sigma=sigma), **kwargs)
    found: dict[str, list[tuple[int, str]]] = {}
    for violation in chart.primary.violations:
        found.setdefault(violation.rule, []).append((violation.point, violation.side))
    return {rule: sorted(hits) for rule, hits in found.items()}


WIDTHS = st.sampled_from([0.5, 1.0, 1.25, 2.0, 3.0])
RULE = st.one_of(
    st.builds(
        Rule, st.just("r"), st.just(Kind.BEYOND), width=st.one_of(st.none(), WIDTHS), inclusive=st.booleans()
    ),
    st.builds(Rule, st.just("r"), st.just(Kind.RUN), length=st.integers(2, 9), inclusive=st.booleans()),
    st.builds(
        Rule,
        st.just("r"),
        st.just(Kind.TREND),
        length=st.integers(2, 7),
        inclusive=st.booleans(),
        in_steps=st.booleans(),
    ),
    st.builds(
        Rule, st.just("r"), st.just(Kind.ALTERNATION), length=st.integers(3, 15), in_steps=st.booleans()
    ),
    st.integers(1, 6).flatmap(
        lambda length: st.builds(
            Rule,
            st.just("r"),
            st.just(Kind.K_OF_N),
            length=st.just(length),
            count=st.integers(1, length),
            width=WIDTHS,
            inclusive=st.booleans(),
            last_outside=st.booleans(),
        )
    ),
    st.builds(
        Rule,
        st.just("r"),
        st.just(Kind.WITHIN),
        length=st.integers(1, 15),
        width=WIDTHS,
        inclusive=st.booleans(),
    ),
    st.builds(
        Rule,
        st.just("r"),
        st.just(Kind.OUTSIDE),
        length=st.integers(1, 9),
        width=WIDTHS,
        inclusive=st.booleans(),
        both_sides=st.booleans(),
    ),
)


SCALES = st.sampled_from([(0.0, 1.0), (10.0, 0.5), (-3.0, 4.0), (1000.0, 0.25)])


@settings(max_examples=250, deadline=None)
@given(z=POINTS, rule=RULE, scale=SCALES)
def test_any_rule_agrees_with_the_plain_implementation_through_missing_values(z, rule: Rule, scale) -> None:
    got = found_by(Rules("one", (rule,)), z, centre=scale[0], sigma=scale[1]).get("r", [])
    assert got == expected_of(rule, z, [0] * len(z))


@settings(max_examples=150, deadline=None)
@given(z=SERIES, rule=RULE, scale=SCALES, data=st.data())
def test_no_rule_looks_across_a_stage_or_an_excluded_point(z, rule: Rule, scale, data) -> None:
    cuts = data.draw(st.lists(st.booleans(), min_size=len(z), max_size=len(z)))
    stage = np.cumsum(cuts).tolist()
    out = data.draw(st.sets(st.integers(0, max(len(z) - 1, 0)), max_size=2)) if z else set()
    seen = [None if place in out else value for place, value in enumerate(z)]
    kwargs = {"stages": stage}
    if out:
        kwargs["excluded"] = dict.fromkeys(out, "broken gauge")
    got = found_by(Rules("one", (rule,)), z, centre=scale[0], sigma=scale[1], **kwargs).get("r", [])
    assert got == expected_of(rule, seen, stage)


# Windows just long enough, on and beside every boundary, on each side.
EDGES = [
    (Rule("r", Kind.BEYOND), 1, 3.0),
    (Rule("r", Kind.BEYOND, width=2.0), 1, 2.0),
    (Rule("r", Kind.RUN, length=4), 4, 0.0),
    (Rule("r", Kind.K_OF_N, length=4, count=3, width=2.0), 4, 2.0),
    (Rule("r", Kind.WITHIN, length=4, width=2.0), 4, 2.0),
    (Rule("r", Kind.OUTSIDE, length=4, width=2.0, both_sides=False), 4, 2.0),
]


@pytest.mark.parametrize(("rule", "window", "edge"), EDGES)
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift", [-0.25, 0.0, 0.25])
@pytest.mark.parametrize("short", [0, 1])
@pytest.mark.parametrize("scale", [(0.0, 1.0), (10.0, 0.5)])
def test_boundaries_of_every_rule(
    rule: Rule, window: int, edge: float, inclusive: bool, sign: int, shift: float, short: int, scale
) -> None:
    rule = replace(rule, inclusive=inclusive)
    z = [sign * (edge + shift)] * (window - short)
    got = found_by(Rules("one", (rule,)), z, centre=scale[0], sigma=scale[1]).get("r", [])
    assert got == expected_of(rule, z, [0] * len(z))


@pytest.mark.parametrize("length", [2, 3, 6])
@pytest.mark.parametrize("in_steps", [False, True])
def test_a_trend_needs_its_whole_length(length: int, in_steps: bool) -> None:
    rule = Rule("r", Kind.TREND, length=length, in_steps=in_steps)
    points = length + in_steps
    rising = [float(place) for place in range(points)]
    for z, side in ((rising, "high"), (rising[::-1], "low")):
        assert found_by(Rules("one", (rule,)), z, centre=0.0, sigma=9.0) == {"r": [(points - 1, side)]}
        assert found_by(Rules("one", (rule,)), z[1:], centre=0.0, sigma=9.0) == {}


def test_all_eight_rules_agree_with_the_plain_implementation_on_long_random_series() -> None:
    rng = np.random.default_rng(17)
    together = dict.fromkeys("12345678", 0)
    for _ in range(60):
        drift = rng.choice([0.0, 0.05, -0.05, 1.2])
        z = (rng.normal(0, rng.choice([0.4, 1.0, 1.6]), 60) + drift * np.arange(60) / 3).round(2)
        if rng.random() < 0.3:
            z = np.abs(z) * np.where(np.arange(60) % 2, 1, -1)
        got = found_by(PRESETS["nelson"], z.tolist(), centre=0.0, sigma=1.0)
        for rule in PRESETS["nelson"]:
            wanted = expected_of(rule, z.tolist(), [0] * 60)
            assert got.get(rule.id, []) == wanted, (rule.id, z.tolist())
            together[rule.id] += len(wanted)
    assert min(together.values()) > 5, together  # each rule was really put to the test


def test_a_run_ends_at_a_stage_even_when_nothing_is_missing() -> None:
    values = [0.5] * 12
    assert fired(values, "nelson")["2"] == [8, 9, 10, 11]
    assert "2" not in fired(values, "nelson", stages=["a"] * 6 + ["b"] * 6)
    assert fired(values, "nelson", stages=["a"] * 2 + ["b"] * 10)["2"] == [10, 11]


def test_rules_work_where_the_limits_differ_from_point_to_point() -> None:
    rows = [[float(place)] * (3 if place % 2 else 2) for place in range(8)]
    rows = [[*row[:-1], row[-1] + 0.5] for row in rows]
    chart = control_chart(Subgroups(rows), Plan("xbar_r", 3, rules="nelson"))
    assert [v.point for v in chart.primary.violations if v.rule == "3"] == [5, 6, 7]
    assert len(set(chart.primary.ucl)) == 2


def test_equality_allows_for_the_last_digits_of_large_numbers() -> None:
    # 1e9 has steps of 1.2e-7; a few of them are rounding, a thousandth of the width of a zone is not.
    centre, sigma = 1e9, 1e-3
    rules = Rules("one", (Rule("r", Kind.RUN, length=3), Rule("b", Kind.BEYOND)))
    hair = [centre + 2.4e-7] * 3
    over = [centre + 3 * sigma + 2.4e-7]
    limits = Limits(centre=centre, sigma=sigma)
    assert control_chart([*hair, *over], Plan(rules=rules), limits=limits).primary.violations == ()
    clear = control_chart([centre + 1e-4] * 3 + [centre + 3.1 * sigma], Plan(rules=rules), limits=limits)
    assert [v.rule for v in clear.primary.violations] == ["r", "r", "b"]


def test_equality_is_a_billionth_of_sigma_where_numbers_are_small() -> None:
    rules = Rules("one", (Rule("r", Kind.RUN, length=2),))
    for distance, fires in ((1e-10, False), (1e-8, True)):
        found = control_chart([distance] * 2, Plan(rules=rules), limits=UNIT).primary.violations
        assert bool(found) is fires


def test_two_of_three_does_not_ask_for_three() -> None:
    # A package on the index needs 3 of 3 here and finds nothing.
    assert fired([0, 0, 2.2, 0.1, 2.4], "nelson")["5"] == [4]


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("length", range(16))
def test_a_series_shorter_than_any_window_is_no_error(preset: str, length: int) -> None:
    assert isinstance(fired([0.5] * length, preset), dict)


def test_a_point_on_the_limit_is_inside_and_one_on_the_centre_breaks_a_run() -> None:
    assert "1" not in fired([3.0, -3.0], "nelson")
    nine = [0.5] * 9
    assert fired(nine, "nelson")["2"] == [8]
    assert "2" not in fired([*nine[:4], 0.0, *nine[5:]], "nelson")


def test_binary_noise_is_not_a_violation() -> None:
    limits = Limits(centre=10.0, ucl=10.05, lcl=9.95)
    noisy = [10.050000000000001, 9.949999999999999, 10.0, 0.1 + 0.2 + 9.7]
    chart = control_chart(
        noisy, Plan(rules=Rules("r", (Rule("1", Kind.BEYOND), Rule("2", Kind.RUN, 2)))), limits=limits
    )
    assert chart.primary.violations == ()


def test_a_tie_breaks_a_trend_even_when_it_carries_binary_noise() -> None:
    rising = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert fired(rising, "nelson")["3"] == [5]
    assert "3" not in fired([0.1, 0.2, 0.3, 0.1 + 0.2, 0.5, 0.6], "nelson")


def test_a_violation_tells_window_side_value_and_limit() -> None:
    chart = control_chart([0.0, 2.5, 0.0, 2.25, -3.5], Plan(rules="nelson"), limits=UNIT)
    five, one = chart.primary.violations
    assert (five.rule, five.kind, five.point, five.window) == ("5", Kind.K_OF_N, 3, (1, 2, 3))
    assert (five.side, five.value, five.limit) == ("high", 2.25, 2.0)
    assert (one.rule, one.point, one.window, one.side, one.value, one.limit) == (
        "1",
        4,
        (4,),
        "low",
        -3.5,
        -3.0,
    )
    run = control_chart([-0.5] * 9, Plan(rules="nelson"), limits=UNIT).primary.violations[0]
    assert (run.rule, run.side, run.window, run.limit) == ("2", "low", tuple(range(9)), 0.0)
    trend = control_chart([1, 2, 3, 4, 5, 6.0], Plan(), limits=Limits(centre=3, sigma=5)).violations[0]
    assert (trend.rule, trend.side, trend.limit) == ("3", "high", None)


def test_a_zone_limit_below_the_centre_uses_the_lower_sigma() -> None:
    limits = Limits(centre=0.0, ucl=3.0, lcl=-6.0)
    values = [0.0, -4.5, -4.5, 2.5]
    two = [v for v in control_chart(values, Plan(), limits=limits).primary.violations if v.rule == "5"]
    assert [(v.point, v.side, v.limit) for v in two] == [(2, "low", -4.0)]
    high = [
        v for v in control_chart([2.5, 2.5, 2.5], Plan(), limits=limits).primary.violations if v.rule == "5"
    ]
    assert [(v.point, v.limit) for v in high] == [(2, 2.0)]


def test_spread_charts_are_asked_for_points_beyond_their_limits_only() -> None:
    values = np.repeat([[1.0, 1.1]], 20, axis=0)
    values[19] = [1.0, 9.0]
    chart = control_chart(values.ravel(), Plan(subgroup_size=2))
    assert {violation.rule for violation in chart.secondary.violations} == {"1"}
    asked = control_chart(values.ravel(), Plan(subgroup_size=2, secondary_rules="nelson"))
    assert "2" in {violation.rule for violation in asked.secondary.violations}
    assert control_chart(values.ravel(), Plan(subgroup_size=2, rules="none")).violations == ()


def test_every_parameter_of_a_preset_can_be_changed() -> None:
    seven = rule_set("nelson").changed("2", length=7)
    assert fired([0.5] * 7, seven) == {"2": [6]}
    assert "2" not in fired([0.5] * 7, "nelson")
    assert [rule.id for rule in rule_set("nelson").only("1", "5")] == ["1", "5"]
    wide = rule_set("nelson").changed("1", width=4.0)
    assert fired([3.5], wide) == {}
    assert fired([4.5], wide) == {"1": [0]}


NELSON_TABLE = {
    "1": (Kind.BEYOND, 1, 0, None),
    "2": (Kind.RUN, 9, 0, None),
    "3": (Kind.TREND, 6, 0, None),
    "4": (Kind.ALTERNATION, 14, 0, None),
    "5": (Kind.K_OF_N, 3, 2, 2.0),
    "6": (Kind.K_OF_N, 5, 4, 1.0),
    "7": (Kind.WITHIN, 15, 0, 1.0),
    "8": (Kind.OUTSIDE, 8, 0, 1.0),
}


@pytest.mark.parametrize(
    ("preset", "run", "steps", "both_sides"),
    [
        ("nelson", 9, False, True),
        ("gb_t_4091", 9, False, True),
        ("aiag", 7, False, False),
        ("minitab", 9, False, False),
        ("jasp", 9, True, False),
    ],
)
def test_presets_have_the_lengths_of_their_source(
    preset: str, run: int, steps: bool, both_sides: bool
) -> None:
    rules = rule_set(preset)
    for rule_id, parameters in (NELSON_TABLE | {"2": (Kind.RUN, run, 0, None)}).items():
        rule = rules.rule(rule_id)
        assert (rule.kind, rule.length, rule.count, rule.width) == parameters, rule_id
        assert rule.inclusive is (rule_id == "7")
        assert rule.in_steps is (steps and rule_id in "34")
        assert rule.last_outside
    assert rules.rule("8").both_sides is both_sides
    assert [rule.id for rule in rules] == list("12345678")


def test_western_electric_has_its_four_tests() -> None:
    found = [(r.id, r.kind, r.length, r.count, r.width) for r in rule_set("western_electric")]
    assert found == [
        ("WE1", Kind.BEYOND, 1, 0, None),
        ("WE2", Kind.K_OF_N, 3, 2, 2.0),
        ("WE3", Kind.K_OF_N, 5, 4, 1.0),
        ("WE4", Kind.RUN, 8, 0, None),
    ]


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        (Kind.BEYOND, 1),
        (Kind.RUN, 2),
        (Kind.TREND, 2),
        (Kind.ALTERNATION, 3),
        (Kind.K_OF_N, 1),
        (Kind.WITHIN, 1),
        (Kind.OUTSIDE, 1),
    ],
)
def test_the_shortest_length_of_each_kind(kind: Kind, least: int) -> None:
    assert Rule("r", kind, length=least, count=1, width=1.0).length == least
    with pytest.raises(SpcInputError, match="length"):
        Rule("r", kind, length=least - 1, count=1, width=1.0)


def test_small_presets_hold_what_their_name_says() -> None:
    assert [rule.id for rule in rule_set("rule_1")] == ["1"]
    assert [rule.id for rule in rule_set("rule_1_2")] == ["1", "2"]
    assert list(rule_set("none")) == list(rule_set(None)) == []
    assert [(r.id, r.length) for r in rule_set("gb_t_17989_2")] == [("1", 1), ("2", 7), ("3", 7)]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rule_set("nelsen"),
        lambda: rule_set("nelson").rule("9"),
        lambda: rule_set("nelson").changed("2", length=1),
        lambda: Rule("a", Kind.K_OF_N, length=3, count=4, width=1.0),
        lambda: Rule("a", Kind.K_OF_N, length=3, count=0, width=1.0),
        lambda: Rule("a", Kind.WITHIN, length=3),
        lambda: Rule("a", Kind.BEYOND, width=-1.0),
        lambda: Rule("a", Kind.ALTERNATION, length=2),
        lambda: Rules("twice", (Rule("a", Kind.BEYOND), Rule("a", Kind.RUN, 9))),
        lambda: Plan(rules="nelsen"),
    ],
)
def test_a_rule_that_is_none_is_refused(wrong) -> None:
    with pytest.raises(SpcInputError) as refused:
        wrong()
    assert refused.value.argument == "rules"


def test_stable_series_signal_as_often_as_theory_says() -> None:
    # Rule 1 alone: 0.27 % of points. All eight on 25 points: about a quarter of the charts (known limits).
    rng = np.random.default_rng(1)
    all_eight = Plan(rules="nelson", secondary_rules="none")
    charts = control_chart(rng.normal(0, 1, (8000, 25)), all_eight, limits=UNIT)
    alone = control_chart(
        rng.normal(0, 1, (8000, 25)), Plan(rules="rule_1", secondary_rules="none"), limits=UNIT
    )
    share = 1 - (1 - 0.0026998) ** 25
    assert float(np.mean(alone.signals)) == pytest.approx(share, abs=4 * (share * (1 - share) / 8000) ** 0.5)
    assert 0.15 < float(np.mean(charts.signals)) < 0.35


@pytest.mark.parametrize("length", [127, 128, 300])
def test_windows_may_be_longer_than_small_numbers_count(length: int) -> None:
    """Flags are counted in 8 bits, which end at 127."""
    rules = rule_set("nelson").changed("5", length=length, count=length - 1).only("5")
    points = np.full(length + 1, 2.5)
    points[3] = 0.0
    assert fired(points, rules) == {"5": [length - 1, length]}
    points[4] = 0.0
    assert fired(points, rules) == {}


def test_a_missing_value_ends_every_window_without_stages_or_exclusions() -> None:
    gap = [None]
    assert fired([2.5, *gap, 2.5], "nelson") == {}
    assert fired([0.5] * 8 + gap + [0.5] * 6, "nelson") == {}  # nine of one side, fifteen inside
    assert fired([-1.5, 1.5] * 2 + gap + [-1.5, 1.5] * 2, rule_set("nelson").only("8")) == {}
    assert fired([1.0, 1.1, 1.2, *gap, 1.3, 1.4, 1.5], rule_set("nelson").only("3")) == {}


@pytest.mark.parametrize(("inclusive", "points"), [(True, [3, 4]), (False, [])])
@pytest.mark.parametrize("sign", [1, -1])
def test_an_equal_neighbour_carries_a_trend_on_only_where_it_counts(
    inclusive: bool, points: list[int], sign: int
) -> None:
    rule = Rule("T", Kind.TREND, length=4, inclusive=inclusive)
    values = [sign * value for value in (0.1, 0.2, 0.2, 0.3, 0.3, 0.1)]
    assert fired(values, Rules("t", (rule,))).get("T", []) == points


def test_two_points_with_limits_of_their_own_are_a_trend_of_two() -> None:
    rows = Subgroups([[0.1, 0.1], [0.2, 0.2, 0.2]])
    assert fired(rows, Rules("t", (Rule("T", Kind.TREND, length=2),))) == {"T": [1]}


def test_the_longest_and_the_narrowest_rule_that_are_possible() -> None:
    assert Rule("L", Kind.RUN, length=10_000).window == 10_000
    assert fired([0.01], Rules("n", (Rule("N", Kind.BEYOND, width=0.005),))) == {"N": [0]}
    for field in ({"length": 10_001}, {"width": 100.0}):
        with pytest.raises(SpcInputError, match="not possible"):
            Rule("X", Kind.BEYOND, **field)


@pytest.mark.parametrize("sigma", [1e-3, 1.0, 1e3])
def test_the_margin_of_equality_grows_with_sigma(sigma: float) -> None:
    limits = Limits(centre=0.0, sigma=sigma)
    for part, points in ((0.5e-9, []), (2e-9, [0])):
        chart = control_chart([3.0 * sigma + part * sigma], Plan(rules="rule_1"), limits=limits)
        assert [violation.point for violation in chart.primary.violations] == points


@pytest.mark.parametrize("length", [127, 128])
def test_a_count_at_the_end_of_small_numbers_is_right(length: int) -> None:
    rule = Rule("K", Kind.K_OF_N, length=length, count=length, width=1.0)
    assert fired([1.5] * length, Rules("k", (rule,))) == {"K": [length - 1]}
