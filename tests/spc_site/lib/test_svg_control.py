from __future__ import annotations

import json
import math
from itertools import combinations, pairwise
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spc_site.lib.svg import (
    ENGLISH,
    ChartSpec,
    ControlPanel,
    Labels,
    LayoutName,
    Note,
    Stage,
    Violation,
    control_chart,
    render_svg,
)
from spc_site.lib.svg.limits import Step, steps
from spc_site.lib.svg.place import Box
from spc_site.lib.svg.spec import Dots, Group, Mark, Polyline, Rect, Ring, Text, Triangle
from tests.spc_site.lib.charts import MEANS, RINGS, RULE_1, parse_svg, rings, viscosity

M = TypeVar("M", bound=Mark)

LAYOUTS: list[LayoutName] = ["narrow", "medium", "wide"]


def one_panel(panel: ControlPanel, layout: LayoutName = "narrow", **more: object) -> ChartSpec:
    return control_chart([panel], title="t", layout=layout, **more)  # type: ignore[arg-type]


def of(spec: ChartSpec, kind: type[M], role: str = "") -> list[M]:
    return [mark for mark in spec.walk() if isinstance(mark, kind) and role in ("", mark.role)]


def words(spec: ChartSpec) -> list[str]:
    return [text.text for text in spec.texts()]


def heights(spec: ChartSpec, role: str) -> list[float]:
    """Return the heights of the straight lines of a role."""
    return [part[0][1] for mark in of(spec, Polyline, role) for part in mark.parts]


def overlapping(spec: ChartSpec) -> list[tuple[str, str]]:
    """Return pairs of texts whose areas share more than a hairline."""
    texts = spec.texts()
    boxes = [Box(t.box.left + 0.2, t.box.top + 0.2, t.box.right - 0.2, t.box.bottom - 0.2) for t in texts]
    return [
        (texts[a].text, texts[b].text)
        for a, b in combinations(range(len(texts)), 2)
        if boxes[a].overlaps(boxes[b])
    ]


def outside(spec: ChartSpec) -> list[str]:
    """Return texts that stick out of the picture."""
    picture = Box(-0.5, -0.5, spec.width + 0.5, spec.height + 0.5)
    return [text.text for text in spec.texts() if not text.box.inside(picture)]


# --- the piston rings ---------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_piston_rings_show_limits_stages_and_the_three_points_beyond(layout: LayoutName) -> None:
    spec = rings(layout)
    assert {"UCL 74.014", "CL 74.001", "LCL 73.988", "UCL 0.048", "CL 0.023", "基线", "监控"} <= set(
        words(spec)
    )
    marked = [group for group in of(spec, Group) if group.index is not None and group.title]
    assert [group.index for group in marked] == [36, 37, 38]  # groups 37, 38, 39
    assert all(RULE_1 in group.title for group in marked)
    assert marked[0].title.startswith("第 37 组 74.017 mm\n")
    assert words(spec).count("1") == 1 + (3 if layout == "wide" else 1)  # the axis' 1, and the rule's


def test_points_lie_where_their_scale_puts_them() -> None:
    spec = rings("wide")
    frame = spec.frames[0]
    line = of(spec, Polyline, "line")[0].parts[0]
    assert [y for _, y in line] == pytest.approx([frame.y(mean) for mean in MEANS])
    gaps = [b[0] - a[0] for a, b in pairwise(line)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps))
    ucl, lcl, *_ = sorted(set(heights(spec, "limit")))
    assert (ucl, lcl) == pytest.approx(
        (frame.y(RINGS["expected"]["xbar_ucl"]), frame.y(RINGS["expected"]["xbar_lcl"]))
    )
    assert [t.y for t in of(spec, Triangle)] == pytest.approx([frame.y(MEANS[i]) for i in (36, 37, 38)])


def test_a_violating_point_has_a_triangle_instead_of_a_dot() -> None:
    spec = rings()
    assert len(of(spec, Triangle, "bad")) == 3
    assert [len(dots.at) for dots in of(spec, Dots, "dots")] == [37, 40]


def test_the_stage_border_lies_between_its_points_through_both_plots() -> None:
    spec = rings()
    (border,) = of(spec, Polyline, "stage")
    line = of(spec, Polyline, "line")[0].parts[0]
    assert {x for part in border.parts for x, _ in part} == {(line[24][0] + line[25][0]) / 2}
    assert [part[1][1] for part in border.parts] == [frame.box.bottom for frame in spec.frames]


def test_zones_reach_one_two_and_three_sigma() -> None:
    spec = rings()
    expected = RINGS["expected"]
    frame = spec.frames[0]
    sigma = (expected["xbar_ucl"] - expected["center"]) / 3
    zones = of(spec, Rect, "zone")[:3]
    assert [zone.y for zone in zones] == pytest.approx(
        [frame.y(expected["center"] + k * sigma) for k in (3, 2, 1)]
    )
    assert [zone.y + zone.height for zone in zones] == pytest.approx(
        [frame.y(expected["center"] - k * sigma) for k in (3, 2, 1)]
    )


@pytest.mark.parametrize(("count", "most"), [(25, 5_500), (40, 8_500), (125, 12_500), (1000, 42_000)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_chart_stays_small(count: int, most: int, layout: LayoutName) -> None:
    spec = rings(layout, count=count)
    more_than_three = max(0, len(of(spec, Triangle)) - 3)  # each has a title and often a badge
    assert len(render_svg(spec).encode()) <= most + 400 * more_than_three


# --- labels never overlap -----------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_crowded_chart_has_no_overlapping_text(layout: LayoutName) -> None:
    for spec in (viscosity(layout), rings(layout), rings(layout, count=125), rings(layout, count=1000)):
        assert overlapping(spec) == []
        assert outside(spec) == []


VALUES = st.one_of(st.none(), st.floats(-50, 50), st.sampled_from([math.nan, math.inf, 0.0, 1e9, -1e9]))
LIMITS = st.one_of(st.none(), st.floats(-60, 60), st.lists(st.floats(-60, 60), max_size=30))
WORDS = st.text(alphabet="均值极差ABCx-1 &<", max_size=14)


@st.composite
def panels(draw: st.DrawFn) -> ControlPanel:
    count = draw(st.integers(0, 40))
    rule = st.lists(st.sampled_from(["1", "2", "5", "12", "WE4"]), max_size=5).map(tuple)
    return ControlPanel(
        draw(WORDS),
        draw(st.lists(VALUES, min_size=count, max_size=count)),
        centre=draw(LIMITS),
        ucl=draw(LIMITS),
        lcl=draw(LIMITS),
        usl=draw(VALUES),
        lsl=draw(VALUES),
        target=draw(VALUES),
        zones=draw(st.booleans()),
        violations=draw(
            st.lists(st.builds(Violation, st.integers(-2, 42), rule, WORDS, st.booleans()), max_size=12)
        ),
        excluded=draw(st.frozensets(st.integers(-2, 42), max_size=3)),
        unit=draw(st.sampled_from(["", "mm", "Pa·s"])),
        decimals=draw(st.sampled_from([None, 0, 3])),
    )


@given(
    st.lists(panels(), max_size=3),
    st.sampled_from(LAYOUTS),
    st.lists(st.builds(Stage, st.integers(0, 30), WORDS), max_size=3, unique_by=lambda stage: stage.start),
    st.sampled_from([(), tuple(f"B{i}" for i in range(40)), tuple(str(i) for i in range(98, 138))]),
    st.sampled_from(["", "组", "批号"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_drawn_readable_and_inside_the_picture(
    drawn: list[ControlPanel],
    layout: LayoutName,
    stages: list[Stage],
    names: tuple[str, ...],
    x_name: str,
    heading: bool,
) -> None:
    spec = control_chart(
        drawn,
        title="标题 <&> " * 6,
        layout=layout,
        stages=sorted(stages, key=lambda stage: stage.start),
        point_labels=names,
        x_name=x_name,
        heading=heading,
        notes=[Note(("1", "2"), "一点超出控制界限 " * 5)],
    )
    assert overlapping(spec) == []
    assert outside(spec) == []
    text = render_svg(spec)
    root = parse_svg(text)
    assert "nan" not in text
    assert "inf" not in text
    if spec.data:
        json.loads(root.attrib["data-chart"])
    triangles = [mark for mark in spec.walk() if isinstance(mark, Triangle)]
    badges = [mark for mark in of(spec, Rect) if mark.role.endswith("-badge")]
    for mark in triangles:
        inner = Box(mark.x - 2, mark.y - 2, mark.x + 2, mark.y + 2)
        assert not any(inner.overlaps(Box(b.x, b.y, b.x + b.width, b.y + b.height)) for b in badges)
        assert any(frame.box.top - 1 <= mark.y <= frame.box.bottom + 1 for frame in spec.frames)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_six_labels_of_a_panel_fit_beside_the_lowest_plot(layout: LayoutName) -> None:
    panel = ControlPanel(
        "x", [1.0, 9.0], centre=1.5, ucl=1.51, lcl=1.49, usl=1.52, lsl=1.48, target=1.5, decimals=2
    )
    spec = control_chart([ControlPanel("p", [1.0, 2.0]), panel], title="t", layout=layout)
    assert {"UCL 1.51", "CL 1.50", "LCL 1.49", "USL 1.52", "目标 1.50", "LSL 1.48"} <= set(words(spec))
    assert overlapping(spec) == []
    assert of(spec, Polyline, "leader")


# --- limits -------------------------------------------------------------------------------------


def test_runs_of_equal_limits_end_at_gaps_and_stage_borders() -> None:
    assert steps([1.0, 1.0, None, 1.0, 2.0, 2.0]) == [Step(0, 1, 1.0), Step(3, 3, 1.0), Step(4, 5, 2.0)]
    assert steps([1.0, 1.0, 1.0], frozenset({2})) == [Step(0, 1, 1.0), Step(2, 2, 1.0)]


def test_limits_that_change_from_point_to_point_are_one_stepped_line() -> None:
    spec = one_panel(ControlPanel("p", [0.1, 0.2, 0.1], centre=0.1, ucl=[0.3, 0.3, 0.25], zones=False))
    (limit,) = [mark for mark in of(spec, Polyline, "limit") if mark.parts]
    y = spec.frames[0].y
    assert [point[1] for point in limit.parts[0]] == pytest.approx([y(0.3), y(0.3), y(0.25), y(0.25)])
    assert limit.parts[0][1][0] == limit.parts[0][2][0]  # the riser is upright
    assert "UCL 0.250" in words(spec)  # the label says what holds at the end


def test_limits_of_two_stages_are_not_joined() -> None:
    panel = ControlPanel("x", [1.0, 2.0, 1.0, 2.0], centre=1.5, ucl=[3.0, 3.0, 4.0, 4.0])
    spec = one_panel(panel, stages=[Stage(0, "a"), Stage(2, "b")])
    assert [len(mark.parts) for mark in of(spec, Polyline, "limit") if mark.parts] == [2]


def test_a_chart_without_limits_has_ticks_to_read_values_from() -> None:
    spec = one_panel(ControlPanel("单值", [5.02, 5.01, None, 5.04], unit="mm"))
    assert {"5.01", "5.02", "5.03", "5.04"} <= set(words(spec))
    assert "5.01" not in words(one_panel(ControlPanel("单值", [5.02, 5.01], ucl=5.1, lcl=5.0, decimals=3)))


def test_missing_values_break_the_line_and_a_lone_value_is_still_seen() -> None:
    spec = one_panel(ControlPanel("x", [1.0, 2.0, None, 3.0, math.nan, 2.0, 1.0]))
    assert [len(part) for part in of(spec, Polyline, "line")[0].parts] == [2, 2]
    assert len(of(spec, Dots, "dots")[0].at) == 5
    long = [1.0] * 200
    long[99:102] = [None, 5.0, None]  # type: ignore[list-item]
    assert len(of(one_panel(ControlPanel("x", long)), Dots, "dots")[0].at) == 1


def test_a_far_off_point_is_drawn_at_the_edge_with_its_value() -> None:
    panel = ControlPanel("x", [0.0, 1.0, 740.0, -1.0], centre=0.0, ucl=3.0, lcl=-3.0, decimals=1)
    spec = one_panel(panel)
    frame = spec.frames[0]
    assert "740.0" in words(spec)
    assert len(of(spec, Triangle, "bad")) == 1
    assert heights(spec, "limit")[1] - heights(spec, "limit")[0] > 0.3 * (frame.box.bottom - frame.box.top)
    assert "740.0" not in words(one_panel(ControlPanel("x", [0.0, 1.0, 740.0])))  # no limits, no "far"


def test_far_is_also_measured_where_only_one_limit_stands() -> None:
    spec = one_panel(ControlPanel("极差", [0.1, 0.2, 9.0, 0.1], centre=0.15, ucl=0.4, decimals=1))
    frame = spec.frames[0]
    assert "9.0" in words(spec)
    assert frame.y(0.15) - frame.y(0.4) > 50
    low = one_panel(ControlPanel("x", [0.1, 0.2, -9.0, 0.1], centre=0.15, lcl=0.0, decimals=1))
    assert "-9.0" in words(low)


def test_a_far_specification_is_named_with_an_arrow_and_does_not_flatten_the_points() -> None:
    panel = ControlPanel(
        "x", [0.0, 1.0, -1.0], centre=0.0, ucl=3.0, lcl=-3.0, usl=500.0, lsl=-4.0, decimals=1
    )
    spec = one_panel(panel)
    assert "USL 500.0 ↑" in words(spec)
    assert len(heights(spec, "spec")) == 1
    assert heights(spec, "limit")[1] - heights(spec, "limit")[0] > 80


# --- violations ---------------------------------------------------------------------------------


def badge_names(spec: ChartSpec) -> list[str]:
    return [t.text for t in of(spec, Text) if t.role in ("text-bad", "text-warn")]


def test_neighbours_that_break_the_same_rule_share_a_badge_where_two_would_touch() -> None:
    values = [0.0] * 100
    panel = ControlPanel(
        "x", values, centre=0.5, ucl=1.0, lcl=-1.0, violations=[Violation(i, ("2",)) for i in range(40, 49)]
    )
    spec = one_panel(panel)
    assert badge_names(spec) == ["2"]
    assert len(of(spec, Triangle)) == 9
    ((bracket,),) = [mark.parts for mark in of(spec, Polyline, "bad-mark")]
    first, last = of(spec, Triangle)[0].x, of(spec, Triangle)[-1].x
    assert bracket[0][0] < first < last < bracket[1][0]


def test_neighbours_on_both_sides_keep_their_own_badges_unless_they_follow_each_other() -> None:
    values = [0.0] * 100
    values[50], values[52] = 5.0, -5.0
    panel = ControlPanel(
        "x", values, centre=0.0, ucl=3.0, lcl=-3.0, violations=[Violation(50, ("1",)), Violation(52, ("1",))]
    )
    assert badge_names(one_panel(panel)) == ["1", "1"]
    alternating = [1.0 if i % 2 else -1.0 for i in range(100)]
    run = [Violation(i, ("4",)) for i in range(40, 54)]
    panel = ControlPanel("x", alternating, centre=0.0, ucl=3.0, lcl=-3.0, violations=run)
    assert badge_names(one_panel(panel)) == ["4"]


def test_badges_of_different_rules_on_one_point_stand_side_by_side() -> None:
    spec = one_panel(
        ControlPanel(
            "x",
            [0.0, 5.0, 0.0],
            centre=0.0,
            ucl=3.0,
            lcl=-3.0,
            violations=[Violation(1, ("1",), "eins"), Violation(1, ("5", "1"), "fünf")],
        )
    )
    assert badge_names(spec) == ["1", "5"]
    (mark,) = [group for group in of(spec, Group) if group.title]
    assert mark.title.split("\n")[1:] == ["eins", "fünf"]


def test_many_rules_on_one_point_are_cut_short_on_the_chart_only() -> None:
    rules = ("1", "2", "3", "5", "6")
    spec = one_panel(
        ControlPanel("x", [0.0, 5.0], centre=0.0, ucl=3.0, violations=[Violation(1, rules, "s")])
    )
    assert badge_names(spec) == ["1", "2", "…"]


def test_a_point_under_the_centre_line_points_down_with_its_badge_below() -> None:
    spec = one_panel(
        ControlPanel("x", [0.0, -5.0, 0.0], centre=0.0, ucl=3.0, lcl=-3.0, violations=[Violation(1, ("1",))])
    )
    (triangle,) = of(spec, Triangle)
    (badge,) = [t for t in of(spec, Text) if t.role == "text-bad"]
    assert not triangle.up
    assert badge.y > triangle.y


def test_a_signal_that_alarms_nobody_is_amber() -> None:
    spec = one_panel(
        ControlPanel("x", [0.0, 5.0], centre=0.0, ucl=3.0, violations=[Violation(1, ("2",), alarm=False)])
    )
    assert len(of(spec, Triangle, "warn")) == 1
    assert not of(spec, Triangle, "bad")


def test_an_excluded_point_is_a_ring() -> None:
    spec = one_panel(ControlPanel("x", [0.0, 1.0, 2.0], excluded=frozenset({1, 77})))
    assert len(of(spec, Ring, "excluded")) == 1
    assert json.loads(spec.data)["e"]["i"] == [1]


def test_every_violation_of_a_thousand_points_is_marked() -> None:
    spec = rings(count=1000)
    assert len(of(spec, Triangle)) == 3 * 25
    assert sum(len(dots.at) for dots in of(spec, Dots)) == 0


# --- axis and words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "names", "shown"),
    [
        (8, (), ["1", "2", "3", "4", "5", "6", "7", "8"]),
        (25, (), ["1", "5", "10", "15", "20", "25"]),
        (12, tuple(str(i) for i in range(94, 106)), ["94", "96", "98", "100", "102", "104"]),
        (16, (), ["2", "4", "6", "8", "10", "12", "14", "16"]),  # no 1 squeezed before the 2
        (3, ("早", "中", "晚"), ["早", "中", "晚"]),
    ],
)
def test_the_axis_names_round_points(count: int, names: tuple[str, ...], shown: list[str]) -> None:
    spec = one_panel(ControlPanel("", [1.0] * count, ucl=2.0, lcl=0.0), point_labels=names)
    (ticks,) = of(spec, Group, "ticks")
    assert sorted(mark.text for mark in ticks.marks if isinstance(mark, Text)) == sorted(shown)


def test_the_name_of_the_axis_has_room_beside_plots_without_limits() -> None:
    spec = one_panel(ControlPanel("", [1.0, 2.0]), x_name="检验批次")
    assert "检验批次" in words(spec)
    assert outside(spec) == []


def test_all_words_of_the_chart_come_from_the_caller() -> None:
    german = Labels("OEG", "M", "UEG", "OTG", "UTG", "Soll", "Nr. {}", "raus", "{} St.", "nichts")
    panel = ControlPanel(
        "Wert", [1.0, 9.0], 1.0, 2.0, 0.0, 3.0, -1.0, 1.5, decimals=0, violations=[Violation(1, ("1",))]
    )
    spec = one_panel(panel, labels=german)
    assert {"OEG 2", "M 1", "UEG 0", "OTG 3", "UTG -1", "Soll 2"} <= set(words(spec))
    assert "Nr. 2 9" in {group.title for group in of(spec, Group)}
    assert words(control_chart([], title="t", labels=german)) == ["nichts"]
    assert words(one_panel(ControlPanel("x", [None, math.nan]), labels=ENGLISH)) == ["No data to draw"]


def test_the_description_says_limits_and_violating_points() -> None:
    assert rings().desc == (
        "均值 40 个 UCL 74.014 CL 74.001 LCL 73.988 ▲ 37, 38, 39; 极差 40 个 UCL 0.048 CL 0.023"
    )
    assert one_panel(ControlPanel("x", [1.0]), desc="own").desc == "own"


def test_notes_stand_below_with_their_rule() -> None:
    spec = rings(notes=(Note(("1",), "一点超出控制界限：" * 5),))
    below = [text for text in spec.texts() if text.y > spec.frames[-1].box.bottom + 25]
    assert below[0].text == "1"
    assert "".join(text.text for text in below[1:]) == "一点超出控制界限：" * 5
    assert len(below) > 2
    assert outside(spec) == []


def test_the_script_gets_values_as_displayed() -> None:
    data = json.loads(rings().data)
    assert data["c"] == 40
    assert data["p"][0]["v"][36] == 74.017
    assert [panel["t"] for panel in data["p"]] == ["均值", "极差"]
    line = of(rings(), Polyline, "line")[0].parts[0]
    assert data["x"][0] + 39 * data["x"][1] == pytest.approx(line[39][0], abs=0.05)
