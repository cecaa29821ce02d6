"""The days of a year as a calendar of shades: a column a week, a row a weekday.

The caller says what a hover tells of each day and how months and weekdays are called; a day
without a value is an empty field, which is not the same as the lightest shade.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from spc_site.lib.svg.notes import draw_heading
from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.scales import finite
from spc_site.lib.svg.spec import (
    LAYOUTS,
    ChartSpec,
    Group,
    Labels,
    LayoutName,
    Mark,
    Rect,
    Text,
    ThemeName,
    Triangle,
)
from spc_site.lib.svg.text import ellipsize, text_width

SHADES = ("heat1", "heat2", "heat3", "heat4", "heat5")
_WEEK = 7
_BANDS = {"narrow": 3, "medium": 2, "wide": 1}
"""On a narrow page the year is cut into so many stretches, one below the other."""


@dataclass(frozen=True, slots=True)
class DayValue:
    """One day; `tip` is what a hover tells, `marked` says that something is odd about it."""

    day: date
    value: float | None
    tip: str = ""
    marked: bool = False


def calendar_chart(
    days: Sequence[DayValue],
    *,
    title: str,
    months: Sequence[str],
    weekdays: Sequence[str],
    legend: tuple[str, str],
    no_value: str,
    layout: LayoutName = "narrow",
    theme: ThemeName = "light",
    labels: Labels = Labels(),  # noqa: B008 - frozen
    heading: bool = False,
    desc: str = "",
) -> ChartSpec:
    """Lay out consecutive days, weeks from Monday on.

    Parameters
        months, weekdays  12 and 7 names, January and Monday first
        legend            how the least and the most are called
        no_value          what an empty field means, for the legend

    Shades are fifths of the days with a value: as many days have each of them, so that one extreme
    day does not make all others look alike. Equal values have equal shades.
    """
    known = sorted(value for one in days if (value := finite(one.value)) is not None)
    if not known:
        return empty_chart(title=title, message=labels.no_data, layout=layout, theme=theme)
    measures = LAYOUTS[layout]
    size = measures.font
    first_week = _monday(days[0].day)
    weeks = (_monday(days[-1].day) - first_week).days // _WEEK + 1
    bands = min(_BANDS[layout], weeks)
    per_band = math.ceil(weeks / bands)
    left = max(text_width(name, size) for name in weekdays) + 6
    pitch = min((measures.width - left - 2) / per_band, 26.0)
    gap = max(1.0, 0.12 * pitch)
    marks: list[Mark] = []
    top = draw_heading(marks, title if heading else "", measures)
    height = 1.5 * size + _WEEK * pitch + 0.5 * size
    fields: list[Mark] = []
    for band in range(bands):
        origin = top + band * height + 1.5 * size
        for row in (0, 2, 4, 6):
            marks.append(
                Text("text", left - 6, origin + (row + 0.5) * pitch + 0.35 * size, weekdays[row], size, "end")
            )
        marks.extend(_month_names(days, first_week, band, per_band, left, pitch, origin, months, size))
    for number, one in enumerate(days):
        week = (one.day - first_week).days // _WEEK
        band, column = divmod(week, per_band)
        x = left + column * pitch
        y = top + band * height + 1.5 * size + one.day.weekday() * pitch
        fields.append(_field(one, number, x, y, pitch - gap, known))
    bottom = top + bands * height
    return ChartSpec(
        "calendar",
        measures.width,
        math.ceil(bottom + 1.6 * size),
        title,
        desc,
        (*marks, *fields, *_legend(legend, no_value, left, bottom, measures.width, size)),
        layout=layout,
        theme=theme,
    )


def shade(value: float, known: Sequence[float]) -> int:
    """Return which of five shades a value has among all, which are sorted; equal ones have the same."""
    if known[0] == known[-1]:
        return 2 if value else 0
    below = bisect_left(known, value)
    return min(len(SHADES) * below // len(known), len(SHADES) - 1)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _field(one: DayValue, number: int, x: float, y: float, side: float, known: Sequence[float]) -> Group:
    value = finite(one.value)
    role = "heat0" if value is None else SHADES[shade(value, known)]
    parts: list[Mark] = [Rect(role, x, y, side, side, min(2.0, side / 5))]
    if one.marked:
        parts.append(Triangle("warn", x + 0.5 * side, y + 0.5 * side, 0.24 * side))
    return Group("rows", tuple(parts), title=one.tip, index=number)


def _month_names(
    days: Sequence[DayValue],
    first_week: date,
    band: int,
    per_band: int,
    left: float,
    pitch: float,
    origin: float,
    months: Sequence[str],
    size: float,
) -> list[Mark]:
    """Name each month above the week in which it begins, where there is room before the next."""
    names: list[Mark] = []
    free_from = 0.0
    for one in days:
        begins = one.day.day == 1 or one is days[0]
        week = (one.day - first_week).days // _WEEK
        if not begins or week // per_band != band:
            continue
        x = left + (week % per_band) * pitch
        name = months[one.day.month - 1]
        end = x + text_width(name, size)
        if x >= free_from and end <= left + per_band * pitch + 2:
            names.append(Text("text", x, origin - 0.5 * size, name, size))
            free_from = end + 4
    return names


def _legend(
    legend: tuple[str, str], no_value: str, left: float, y: float, width: float, size: float
) -> list[Mark]:
    least, most = legend
    baseline = y + 1.1 * size
    side = 0.85 * size
    x = left
    marks: list[Mark] = [Text("text", x, baseline, least, size)]
    x += text_width(least, size) + 5
    for role in SHADES:
        marks.append(Rect(role, x, baseline - side, side, side, 2))
        x += side + 2
    marks.append(Text("text", x + 3, baseline, most, size))
    x += text_width(most, size) + 16
    marks.append(Rect("heat0", x, baseline - side, side, side, 2))
    marks.append(Text("text", x + side + 4, baseline, ellipsize(no_value, size, width - x - side - 6), size))
    return marks
