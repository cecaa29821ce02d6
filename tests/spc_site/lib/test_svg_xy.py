from __future__ import annotations

import json
import math
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from spc_site.lib.svg import Axis, ChartSpec, LayoutName, Reference, Series, line_chart, render_svg
from spc_site.lib.svg.place import Box, crosses
from spc_site.lib.svg.spec import Dots, Polyline
from tests.spc_site.lib.charts import parse_svg

LAYOUTS: list[LayoutName] = ["narrow", "medium", "wide"]
GRID = [k / 1000 for k in range(1, 160, 3)]


def oc(layout: LayoutName = "narrow") -> ChartSpec:
    """Return the operating characteristics of two sampling plans."""
    return line_chart(
        [
            Series("n=125 Ac=7", [(p, float(binom.cdf(7, 125, p))) for p in GRID]),
            Series("n=50 Ac=3", [(p, float(binom.cdf(3, 50, p))) for p in GRID]),
        ],
        title="OC",
        x_axis=Axis("批不合格品率 p"),
        y_axis=Axis("接收概率", 0, 1),
        references=[
            Reference("x", 0.025, "AQL 2.5 %"),
            Reference("y", 0.95, "95 %"),
            Reference("y", 0.1, "10 %"),
        ],
        layout=layout,
    )


def lines(spec: ChartSpec, role: str) -> list[Polyline]:
    return [mark for mark in spec.walk() if isinstance(mark, Polyline) and mark.role == role]


def words(spec: ChartSpec) -> list[str]:
    return [text.text for text in spec.texts()]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reference_labels_stand_where_no_curve_runs_through_them(layout: LayoutName) -> None:
    spec = oc(layout)
    labels = [text for text in spec.texts() if text.role == "text-warn"]
    assert [text.text for text in labels] == ["AQL 2.5 %", "95 %", "10 %"]
    curves = [part for role in ("series1", "series2") for mark in lines(spec, role) for part in mark.parts]
    for text in labels:
        assert not any(crosses(text.box, a, b) for part in curves for a, b in pairwise(part))


def test_points_lie_where_their_scales_put_them() -> None:
    spec = oc()
    frame = spec.frames[0]
    curve = lines(spec, "series1")[-1]  # the first one is the legend's
    assert [x for x, _ in curve.parts[0]] == pytest.approx([frame.x(p) for p in GRID])
    accepted = [float(binom.cdf(7, 125, p)) for p in GRID]
    assert [y for _, y in curve.parts[0]] == pytest.approx([frame.y(value) for value in accepted])


def test_two_series_are_named_one_is_not() -> None:
    assert {"n=125 Ac=7", "n=50 Ac=3"} <= set(words(oc()))
    assert "only" not in words(line_chart([Series("only", [(1, 1), (2, 2)])], title="t"))


def test_more_series_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="5 lines"):
        line_chart([Series(str(i), [(1, 1)]) for i in range(5)], title="t")


def test_a_logarithmic_axis_leaves_out_what_it_cannot_show() -> None:
    spec = line_chart(
        [Series("", [(0.0, 1.0), (1.0, 1.0), (10.0, 2.0), (100.0, 3.0)])], title="t", x_axis=Axis(log=True)
    )
    (line,) = lines(spec, "series1")
    xs = [x for x, _ in line.parts[0]]
    assert len(xs) == 3
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1])
    assert {"1", "10", "100"} <= set(words(spec))


def test_open_ends_of_the_upright_axis_are_round_and_given_ends_are_kept() -> None:
    points = [(1.0, 0.13), (2.0, 3.87)]
    spec = line_chart([Series("", points)], title="t")
    assert (spec.frames[0].y.lo, spec.frames[0].y.hi) == (0, 4)
    spec = line_chart([Series("", points)], title="t", y_axis=Axis(lo=0.1, hi=3.9))
    assert (spec.frames[0].y.lo, spec.frames[0].y.hi) == (0.1, 3.9)


def test_points_beyond_given_ends_are_left_out_not_bent_to_the_edge() -> None:
    spec = line_chart([Series("", [(0, 0), (1, 1), (2, 2), (9, 9)])], title="t", x_axis=Axis(hi=2.5))
    assert len(lines(spec, "series1")[0].parts[0]) == 3
    assert len(json.loads(spec.data)["s"][0]["p"]) == 3
    low = line_chart([Series("", [(-9, -9), (1, 1), (2, 2)])], title="t", x_axis=Axis(lo=0.5))
    assert len(lines(low, "series1")[0].parts[0]) == 2


def test_a_lone_point_is_a_dot() -> None:
    spec = line_chart([Series("", [(5, 5)])], title="t")
    assert [len(mark.at) for mark in spec.walk() if isinstance(mark, Dots)] == [1]


@pytest.mark.parametrize("series", [[], [Series("a", [])], [Series("a", [(None, 1), (1, math.nan)])]])
def test_nothing_to_draw_is_said_in_words(series: list[Series]) -> None:
    assert words(line_chart(series, title="t")) == ["没有可画的数据"]


NUMBERS = st.one_of(st.none(), st.floats(-100, 100), st.sampled_from([math.nan, 1e9, 1e-9, 0.0, -1e12]))
AXES = st.builds(Axis, st.sampled_from(["", "频率 Hz"]), NUMBERS, NUMBERS, st.booleans())
WORDS = st.sampled_from(["", "AQL 2.5 %", "一条很长很长很长很长的说明文字", "95 %"])


@given(
    st.lists(
        st.builds(Series, WORDS, st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20), st.booleans()),
        max_size=4,
    ),
    AXES,
    AXES,
    st.lists(st.builds(Reference, st.sampled_from(["x", "y"]), st.floats(-100, 100), WORDS), max_size=4),
    st.sampled_from(LAYOUTS),
)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_drawn_readable_and_inside_the_picture(
    series: list[Series], x_axis: Axis, y_axis: Axis, references: list[Reference], layout: LayoutName
) -> None:
    spec = line_chart(
        series, title="t", x_axis=x_axis, y_axis=y_axis, references=references, layout=layout, heading=True
    )
    text = render_svg(spec)
    parse_svg(text)
    assert "nan" not in text
    texts = spec.texts()
    boxes = [Box(t.box.left + 0.2, t.box.top + 0.2, t.box.right - 0.2, t.box.bottom - 0.2) for t in texts]
    assert [
        (texts[a].text, texts[b].text)
        for a, b in combinations(range(len(texts)), 2)
        if boxes[a].overlaps(boxes[b])
    ] == []
    picture = Box(-0.5, -0.5, spec.width + 0.5, spec.height + 0.5)
    assert [t.text for t in texts if not t.box.inside(picture)] == []
    for mark in spec.walk():
        if isinstance(mark, Polyline) and mark.role.startswith("series") and spec.frames:
            plot = spec.frames[0].box
            assert all(plot.left - 1 <= x for part in mark.parts for x, _ in part if part[0][1] > plot.top)
