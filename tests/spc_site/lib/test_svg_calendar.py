"""The calendar of a year: every day has its place, shades are fifths, no value is not the least value."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spc_site.lib.svg import ChartSpec, DayValue, LayoutName, calendar_chart, render_svg
from spc_site.lib.svg.calendar import SHADES, shade
from spc_site.lib.svg.spec import Group, Rect, Triangle
from tests.spc_site.lib.charts import parse_svg

MONTHS = [f"{number}月" for number in range(1, 13)]
WEEKDAYS = list("一二三四五六日")


def chart(
    values: list[float | None], first: date = date(2026, 1, 1), layout: LayoutName = "wide"
) -> ChartSpec:
    days = [
        DayValue(first + timedelta(days=n), value, f"day {n}", marked=n == 3)
        for n, value in enumerate(values)
    ]
    words = {"months": MONTHS, "weekdays": WEEKDAYS, "legend": ("少", "多"), "no_value": "无数据"}
    return calendar_chart(days, title="年", layout=layout, **words)  # type: ignore[arg-type]


def fields(spec: ChartSpec) -> list[Rect]:
    groups = [mark for mark in spec.marks if isinstance(mark, Group)]
    return [part for group in groups for part in group.marks if isinstance(part, Rect)]


def test_a_column_is_a_week_and_a_row_a_weekday() -> None:
    monday = date(2026, 3, 2)
    spec = chart([float(n) for n in range(15)], monday)
    places = [(round(one.x, 1), round(one.y, 1)) for one in fields(spec)]
    assert len({x for x, _y in places[:7]}) == 1 and len({y for _x, y in places[:7]}) == 7
    assert places[7][1] == places[0][1] and places[7][0] > places[0][0]
    assert [group.title for group in spec.marks if isinstance(group, Group)][2] == "day 2"


def test_no_value_is_an_empty_field_and_zero_is_not() -> None:
    roles = [one.role for one in fields(chart([None, 0.0, 5.0, float("nan")]))]
    assert roles[0] == roles[3] == "heat0" and roles[1] in SHADES


def test_a_marked_day_has_a_triangle() -> None:
    marks = [mark for mark in chart([1.0] * 5).walk() if isinstance(mark, Triangle)]
    assert len(marks) == 1


def test_one_extreme_day_leaves_the_others_apart() -> None:
    counts = Counter(one.role for one in fields(chart([float(n) for n in range(99)] + [1e9])))
    assert [counts[role] for role in SHADES] == [20] * 5


def test_equal_values_have_equal_shades() -> None:
    assert {one.role for one in fields(chart([7.0] * 30))} == {"heat3"}
    assert shade(1.0, [1.0, 1.0, 1.0, 2.0]) == 0


@pytest.mark.parametrize(("layout", "bands"), [("narrow", 3), ("medium", 2), ("wide", 1)])
def test_a_year_is_cut_to_the_width(layout: LayoutName, bands: int) -> None:
    spec = chart([1.0] * 365, layout=layout)
    assert len({round(one.y, 1) for one in fields(spec)}) == 7 * bands
    assert all(one.x >= 0 and one.x + one.width <= spec.width for one in fields(spec))
    assert {"1月", "6月", "12月"} <= {text.text for text in spec.texts()}


def test_nothing_to_draw_says_so() -> None:
    assert chart([None] * 9).kind == "empty"


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=40), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
@settings(max_examples=40)
def test_whatever_the_values_it_is_drawn_inside(values: list[float | None], first: date) -> None:
    spec = chart(values or [None], first)
    for text in spec.texts():
        assert text.box.right <= spec.width + 1
    parse_svg(render_svg(spec))
