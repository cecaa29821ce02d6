"""Figures over equal steps of time: stacked columns, lines through the middles of the steps, or both.

The caller says how each step is called (`ticks`, blank for a step without a label) and what a hover tells
of it (`tips`); nothing here knows a calendar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from spc_site.lib.svg.notes import draw_heading
from spc_site.lib.svg.place import Box, free
from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.scales import Scale, Ticks, finite, linear, nice_step, nice_ticks
from spc_site.lib.svg.spec import (
    LAYOUTS,
    ChartSpec,
    Dots,
    Frame,
    Group,
    Labels,
    Layout,
    LayoutName,
    Mark,
    Point,
    Polyline,
    Rect,
    Text,
    ThemeName,
    line,
    unbroken,
)
from spc_site.lib.svg.text import ellipsize, format_value, text_width

Tone = Literal["plain", "warn", "bad"]
COLUMN_ROLES: dict[Tone, str] = {"plain": "bar", "warn": "warn", "bad": "bar-out"}
LINE_ROLES = ("series1", "series2", "series3", "series4")
_GAP = 0.26
"""So much of a step's width stays free between columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of thing that is counted per step; columns of a step stand on one another, the first below."""

    name: str
    values: Sequence[float | None]
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Trace:
    """One value per step, as a line; a missing value breaks it."""

    name: str
    values: Sequence[float | None]


def step_chart(
    *,
    title: str,
    ticks: Sequence[str],
    tips: Sequence[str] = (),
    columns: Sequence[Column] = (),
    traces: Sequence[Trace] = (),
    unit: str = "",
    whole: bool = False,
    limit: float | None = None,
    limit_text: str = "",
    layout: LayoutName = "narrow",
    theme: ThemeName = "light",
    labels: Labels = Labels(),  # noqa: B008 - frozen
    heading: bool = False,
    desc: str = "",
) -> ChartSpec:
    """Lay out columns and lines over steps, the vertical axis from zero; more than one kind gets a legend.

    `whole` puts ticks at whole numbers only (counts). Negative values count as zero. `limit` is a dashed
    line, drawn where it lies inside the range of the values. Without any value above zero the axes are
    drawn all the same: nothing happening is an answer. Without any value at all the chart says so.
    """
    if len(traces) > len(LINE_ROLES):
        raise ValueError(f"{len(traces)} lines cannot be told apart; {len(LINE_ROLES)} can")
    measures = LAYOUTS[layout]
    stacks = [_clean(one.values, len(ticks)) for one in columns]
    lines = [_clean(one.values, len(ticks)) for one in traces]
    if not ticks or all(value is None for values in (*stacks, *lines) for value in values):
        return empty_chart(title=title, message=labels.no_data, layout=layout, theme=theme)
    totals = [sum(value or 0.0 for value in step) for step in zip(*stacks, strict=True)] if stacks else []
    highest = max([*totals, *(value for values in lines for value in values if value is not None)])

    size = measures.font
    marks: list[Mark] = []
    top = draw_heading(marks, title if heading else "", measures)
    top = _legend(marks, columns, traces, top, measures)
    if unit:
        top += size
        marks.append(Text("text", 2, top, ellipsize(unit, size, measures.width - 4), size))
        top += 0.3 * size
    top += 0.5 * size
    bottom = top + 0.8 * measures.lone
    y, y_ticks = _vertical(highest, bottom, top, whole=whole)
    left = max(text_width(text, size) for text in y_ticks.labels) + 10
    right = measures.width - 0.5 * size
    pitch = (right - left) / len(ticks)
    middles = [left + pitch * (number + 0.5) for number in range(len(ticks))]

    for value in y_ticks.values[1:]:
        marks.append(line("grid", left, y(value), right, y(value)))
    for value, text in zip(y_ticks.values, y_ticks.labels, strict=True):
        marks.append(Text("text", left - 6, y(value) + 0.35 * size, text, size, "end"))
    marks.extend(_columns(columns, stacks, tips, middles, pitch, y))
    marks.append(line("axis", left, bottom, right, bottom))
    marks.extend(_step_names(ticks, middles, bottom, measures))
    edge = finite(limit)
    if edge is not None and 0 <= edge <= y.hi:
        marks.append(line("limit", left, y(edge), right, y(edge)))
        if limit_text:
            marks.append(Text("text-warn", right - 2, y(edge) - 4, limit_text, size, "end"))
    marks.extend(_traces(lines, tips, middles, y, measures))
    names = [*(one.name for one in columns), *(one.name for one in traces)]
    summary = "; ".join(name for name in names if name)
    return ChartSpec(
        "steps",
        measures.width,
        math.ceil(bottom + 1.7 * size),
        title,
        desc or summary,
        tuple(marks),
        (Frame("", Box(left, top, right, bottom), linear(0, len(ticks), left, right), y),),
        layout=layout,
        theme=theme,
    )


def _clean(values: Sequence[float | None], count: int) -> list[float | None]:
    numbers = [None if (number := finite(value)) is None else max(number, 0.0) for value in values[:count]]
    return numbers + [None] * (count - len(numbers))


def _vertical(highest: float, bottom: float, top: float, *, whole: bool) -> tuple[Scale, Ticks]:
    """Return a scale from zero to a round value at or above the highest, and its ticks."""
    if highest <= 0:
        highest = 1.0
    step, _ = nice_step(highest, 4)
    if whole:
        step = max(step, 1.0)
    hi = max(math.ceil(highest / step - 1e-9), 1) * step  # also for values far below one step
    ticks = nice_ticks(0, hi, round(hi / step))
    if whole and ticks.decimals:
        numbers = tuple(float(number) for number in range(int(hi) + 1))
        ticks = Ticks(numbers, tuple(format_value(number, 0) for number in numbers), 0)
    return Scale(0, hi, bottom, top), ticks


def _columns(
    columns: Sequence[Column],
    stacks: Sequence[Sequence[float | None]],
    tips: Sequence[str],
    middles: Sequence[float],
    pitch: float,
    y: Scale,
) -> list[Mark]:
    """Return one group per step that has anything, its parts on one another."""
    wide = max(pitch * (1 - _GAP), 1.0)
    groups: list[Mark] = []
    for number, middle in enumerate(middles):
        parts: list[Mark] = []
        below = 0.0
        for column, values in zip(columns, stacks, strict=True):
            value = values[number] or 0.0
            if value > 0:
                upper, lower = y(below + value), y(below)
                role = COLUMN_ROLES[column.tone]
                parts.append(Rect(role, middle - wide / 2, upper, wide, max(lower - upper, 1.0)))
                below += value
        if parts:
            tip = tips[number] if number < len(tips) else ""
            groups.append(Group("rows", tuple(parts), title=tip, index=number))
    return groups


def _traces(
    lines: Sequence[Sequence[float | None]],
    tips: Sequence[str],
    middles: Sequence[float],
    y: Scale,
    measures: Layout,
) -> list[Mark]:
    marks: list[Mark] = []
    for role, values in zip(LINE_ROLES, lines, strict=False):
        places: list[Point | None] = [
            None if value is None else (middle, y(value))
            for middle, value in zip(middles, values, strict=True)
        ]
        marks.append(Polyline(role, unbroken(places)))
        for number, place in enumerate(places):
            if place is not None:
                tip = tips[number] if number < len(tips) else ""
                dot = Dots(f"{role}-dots", (place,), measures.dot)
                marks.append(Group("at", (dot,), title=tip, index=number))
    return marks


def _step_names(
    ticks: Sequence[str], middles: Sequence[float], bottom: float, measures: Layout
) -> list[Mark]:
    """Return the names of steps that have one and find room beside those before them."""
    size = measures.font
    marks: list[Mark] = []
    taken: list[Box] = []
    for text, x in zip(ticks, middles, strict=True):
        name = Text("text", x, bottom + 1.35 * size, text, size, "middle")
        if text and name.box.left >= 0 and name.box.right <= measures.width and free(name.box, taken, 6):
            taken.append(name.box)
            marks.append(name)
            marks.append(line("axis", x, bottom, x, bottom + 3))
    return marks


def _legend(
    marks: list[Mark], columns: Sequence[Column], traces: Sequence[Trace], y: float, measures: Layout
) -> float:
    """Name what is shown, unless it is one thing only; return the y below."""
    if len(columns) + len(traces) < 2:
        return y
    size = measures.font
    x, baseline = 2.0, y + size
    entries: list[tuple[str, str]] = [(one.name, COLUMN_ROLES[one.tone]) for one in columns]
    entries += [(one.name, role) for one, role in zip(traces, LINE_ROLES, strict=False)]
    for name, role in entries:
        text = ellipsize(name, size, measures.width - 32)
        is_line = role in LINE_ROLES
        swatch = 22.0 if is_line else 0.8 * size
        if x + swatch + 5 + text_width(text, size) > measures.width and x > 2:
            x = 2.0
            baseline += 1.35 * size
        middle = baseline - 0.35 * size
        marks.append(
            line(role, x, middle, x + swatch, middle)
            if is_line
            else Rect(role, x, middle - swatch / 2, swatch, swatch, 2)
        )
        marks.append(Text("text-ink", x + swatch + 5, baseline, text, size))
        x += swatch + 5 + text_width(text, size) + 14
    return baseline + 0.4 * size
