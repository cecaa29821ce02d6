"""Columns and lines over steps of time: where they stand, what they say, that nothing leaves the frame."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spc_site.lib.svg import ChartSpec, Column, Trace, render_svg, step_chart
from spc_site.lib.svg.spec import Dots, Group, Polyline, Rect, Text
from tests.spc_site.lib.charts import parse_svg

NUMBERS = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, 1.0, 1e9]))


def rects(spec: ChartSpec) -> list[Rect]:
    """The columns, without the squares of the legend."""
    frame = spec.frames[0].box
    return [mark for mark in spec.walk() if isinstance(mark, Rect) and mark.y >= frame.top - 0.01]


def words(spec: ChartSpec) -> list[str]:
    return [text.text for text in spec.texts()]


def test_columns_of_a_step_stand_on_one_another_on_the_axis() -> None:
    spec = step_chart(
        title="t",
        ticks=["1", "2"],
        columns=[Column("送达", [30, 10]), Column("死信", [10, 0], tone="bad")],
        whole=True,
    )
    sent, dead, other = rects(spec)
    frame = spec.frames[0].box
    assert (sent.role, dead.role) == ("bar", "bar-out")
    assert sent.y + sent.height == pytest.approx(frame.bottom)
    assert dead.y + dead.height == pytest.approx(sent.y)
    assert sent.height == pytest.approx(3 * dead.height)
    assert other.x - sent.x == pytest.approx((frame.right - frame.left) / 2)


def test_each_step_tells_its_figures_on_hover() -> None:
    spec = step_chart(title="t", ticks=["", ""], tips=["08:00 3 条", "09:00"], columns=[Column("a", [3, 0])])
    (group,) = [mark for mark in spec.walk() if isinstance(mark, Group)]
    assert (group.title, group.index) == ("08:00 3 条", 0)
    assert "<title>08:00 3 条</title>" in render_svg(spec)


def test_a_missing_value_breaks_the_line_and_a_lone_one_is_still_seen() -> None:
    spec = step_chart(title="t", ticks=["a", "b", "c", "d"], traces=[Trace("p95", [1, 2, None, 4])])
    (trace,) = [mark for mark in spec.walk() if isinstance(mark, Polyline) and mark.role == "series1"]
    assert [len(part) for part in trace.parts] == [2]
    assert len([mark for mark in spec.walk() if isinstance(mark, Dots)]) == 3


def test_counts_have_ticks_at_whole_numbers_from_zero() -> None:
    spec = step_chart(title="t", ticks=["a"], columns=[Column("a", [2])], whole=True)
    assert words(spec)[:3] == ["0", "1", "2"]


def test_several_kinds_are_named_in_a_legend_and_one_alone_is_not() -> None:
    one = step_chart(title="t", ticks=["a"], columns=[Column("送达", [2])])
    two = step_chart(title="t", ticks=["a"], columns=[Column("送达", [2])], traces=[Trace("等待", [1])])
    assert "送达" not in words(one)
    assert {"送达", "等待"} <= set(words(two))


def test_a_limit_is_drawn_where_the_values_come_near_it() -> None:
    near = step_chart(title="t", ticks=["a"], traces=[Trace("a", [600])], limit=500, limit_text="上限 500")
    far = step_chart(title="t", ticks=["a"], traces=[Trace("a", [6])], limit=500, limit_text="上限 500")
    assert [mark.role for mark in near.walk() if isinstance(mark, Polyline)].count("limit") == 1
    assert "上限 500" in words(near)
    assert "上限 500" not in words(far)


def test_nothing_happening_is_drawn_and_nothing_known_is_said() -> None:
    assert step_chart(title="t", ticks=["a", "b"], columns=[Column("a", [0, 0])]).kind == "steps"
    assert step_chart(title="t", ticks=["a"], columns=[Column("a", [None])]).kind == "empty"
    assert step_chart(title="t", ticks=[], columns=[Column("a", [])]).kind == "empty"


def test_five_lines_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match="told apart"):
        step_chart(title="t", ticks=["a"], traces=[Trace(str(number), [1]) for number in range(5)])


def test_crowded_names_of_steps_give_way() -> None:
    spec = step_chart(
        title="t", ticks=[f"{hour:02}:00" for hour in range(24)], columns=[Column("a", [1] * 24)]
    )
    names = [text for text in spec.texts() if ":" in text.text]
    assert 3 <= len(names) < 24
    boxes = sorted((text.box for text in names), key=lambda box: box.left)
    assert all(one.right < other.left for one, other in pairwise(boxes))


@given(
    st.lists(NUMBERS, min_size=1, max_size=40),
    st.lists(NUMBERS, max_size=40),
    st.sampled_from(["narrow", "wide"]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_it_is_xml_inside_its_frame(
    counts: list[float | None], values: list[float | None], layout: str, whole: bool
) -> None:
    spec = step_chart(
        title="<t>",
        ticks=["刻度"] * len(counts),
        tips=["提示"] * len(counts),
        columns=[Column("甲", counts), Column("乙", values, tone="warn")],
        traces=[Trace("丙", values)],
        whole=whole,
        layout=layout,  # type: ignore[arg-type]
    )
    parse_svg(render_svg(spec))
    for mark in spec.walk():
        if isinstance(mark, Rect):
            assert 0 <= mark.x <= spec.width
            assert -0.01 <= mark.y <= spec.height
            assert mark.y + mark.height <= spec.height + 0.01
        if isinstance(mark, Text):
            assert mark.box.right <= spec.width + 0.01
