from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spc_site.lib.svg import Bar, ChartSpec, bars, render_svg, sparkline
from spc_site.lib.svg.spec import Dots, Polyline, Rect, Text, Triangle
from tests.spc_site.lib.charts import parse_svg

NUMBERS = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, 1.0]))


def words(spec: ChartSpec) -> list[str]:
    return [text.text for text in spec.texts()]


def test_a_sparkline_ends_in_a_dot() -> None:
    spec = sparkline([1, 2, None, 4, 3], title="t")
    (line,) = [mark for mark in spec.walk() if isinstance(mark, Polyline)]
    (dots,) = [mark for mark in spec.walk() if isinstance(mark, Dots)]
    assert [len(part) for part in line.parts] == [2, 2]
    assert dots.at == (line.parts[-1][-1],)


def test_a_lone_value_of_a_sparkline_is_seen() -> None:
    (dots,) = [m for m in sparkline([1, None, 2, None, 3, 4], title="t").walk() if isinstance(m, Dots)]
    assert len(dots.at) == 3


def test_a_bad_last_value_is_a_triangle_instead_of_the_dot() -> None:
    spec = sparkline([1, 2, 9], title="t", bad=frozenset({2, 7}))
    assert len([mark for mark in spec.walk() if isinstance(mark, Triangle)]) == 1
    assert [mark.at for mark in spec.walk() if isinstance(mark, Dots)] == [()]


@given(st.lists(NUMBERS, max_size=30), NUMBERS, st.frozensets(st.integers(-2, 32), max_size=4))
@settings(max_examples=60)
def test_whatever_comes_the_sparkline_stays_in_its_frame(
    values: list[float | None], limit: float | None, bad: frozenset[int]
) -> None:
    spec = sparkline(values, title="t", limit=limit, bad=bad)
    assert "nan" not in render_svg(spec)
    for mark in spec.walk():
        points = [p for part in mark.parts for p in part] if isinstance(mark, Polyline) else []
        points += list(mark.at) if isinstance(mark, Dots) else []
        assert all(0 <= x <= spec.width and 0 <= y <= spec.height for x, y in points)


def test_bars_are_as_long_as_their_values_and_never_touch_their_text() -> None:
    spec = bars([Bar("内径", 14), Bar("厚度", 7, bad=True), Bar("平面度", 0)], title="t")
    first, second = [mark for mark in spec.walk() if isinstance(mark, Rect)]
    assert second.width == pytest.approx(first.width / 2)
    assert (first.role, second.role) == ("bar", "bar-out")
    names = [text for text in spec.texts() if text.anchor == "start"]
    values = [text for text in spec.texts() if text.anchor == "end"]
    assert max(name.box.right for name in names) <= first.x
    assert first.x + first.width <= min(value.box.left for value in values)


def test_a_pareto_list_says_the_share_so_far() -> None:
    spec = bars([Bar("a", 6), Bar("b", 3), Bar("c", 1)], title="t", cumulative=True)
    assert [text for text in words(spec) if "%" in text] == ["6 · 60 %", "3 · 90 %", "1 · 100 %"]


def test_a_long_name_is_cut_not_the_bar() -> None:
    spec = bars([Bar("很长的特性名称" * 9, 5), Bar("b", 1)], title="t")
    (name,) = [text for text in words(spec) if text.endswith("…")]
    assert name.startswith("很长的特性名称")
    assert max(mark.width for mark in spec.walk() if isinstance(mark, Rect)) > 100


@pytest.mark.parametrize("rows", [[], [Bar("a", math.nan)]])
def test_no_bars_are_said_in_words(rows: list[Bar]) -> None:
    assert words(bars(rows, title="t")) == ["没有可画的数据"]


@given(st.lists(st.builds(Bar, st.text(max_size=30), st.floats(), st.text(max_size=60)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_the_bars_stay_in_their_frame(rows: list[Bar]) -> None:
    spec = bars(rows, title="t", cumulative=True)
    parse_svg(render_svg(spec))
    for mark in spec.walk():
        if isinstance(mark, Rect):
            assert mark.x >= -1
            assert mark.x + mark.width <= spec.width + 1
        if isinstance(mark, Text):
            assert mark.box.left >= -0.5
            assert mark.box.right <= spec.width + 0.5
