"""Small charts of a dashboard: sparkline, ranked bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.scales import finite, linear
from spc_site.lib.svg.spec import (
    LAYOUTS,
    ChartSpec,
    Dots,
    Group,
    Labels,
    LayoutName,
    Mark,
    Point,
    Polyline,
    Rect,
    Text,
    ThemeName,
    Triangle,
    line,
    unbroken,
)
from spc_site.lib.svg.text import ellipsize, text_width


def sparkline(
    values: Sequence[float | None],
    *,
    title: str,
    limit: float | None = None,
    bad: frozenset[int] = frozenset(),
    width: float = 120,
    height: float = 28,
    theme: ThemeName = "light",
    desc: str = "",
) -> ChartSpec:
    """Lay out a line without axes: a dot on the last value, triangles on those of `bad`, one dashed limit."""
    numbers = [finite(value) for value in values]
    drawn = [value for value in numbers if value is not None]
    edge = finite(limit)
    marks: list[Mark] = []
    if drawn:
        ends = [*drawn, *([edge] if edge is not None else [])]
        y = linear(min(ends), max(ends), height - 5, 5)
        x = linear(0, max(len(numbers) - 1, 1), 5, width - 5)
        if edge is not None:
            marks.append(line("limit", 0, y(edge), width, y(edge)))
        places = [None if value is None else (x(index), y(value)) for index, value in enumerate(numbers)]
        marks.append(Polyline("line", unbroken(places)))
        last = max(index for index, place in enumerate(places) if place)
        dots = [
            place
            for index, place in enumerate(places)
            if place and index not in bad and _dotted(places, index, last)
        ]
        marks.append(Dots("dots", tuple(dots), 4))
        for index in sorted(bad):
            value = numbers[index] if 0 <= index < len(numbers) else None
            if value is not None:
                marks.append(Triangle("bad", x(index), y(value), 3.4))
    return ChartSpec("sparkline", width, height, title, desc, tuple(marks), theme=theme)


def _dotted(places: Sequence[Point | None], index: int, last: int) -> bool:
    """Say whether a value needs a dot: the last one, and one that no line reaches."""
    before = places[index - 1] if index else None
    after = places[index + 1] if index + 1 < len(places) else None
    return index == last or (before is None and after is None)


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of ranked bars."""

    name: str
    value: float
    text: str = ""
    bad: bool = False


def bars(
    rows: Sequence[Bar],
    *,
    title: str,
    layout: LayoutName = "narrow",
    theme: ThemeName = "light",
    labels: Labels = Labels(),  # noqa: B008 - frozen
    cumulative: bool = False,
    desc: str = "",
) -> ChartSpec:
    """Lay out horizontal bars in the given order: name, bar, value at the right, a hairline between rows.

    With `cumulative` each value is followed by the share of all rows so far (a Pareto list).
    """
    measures = LAYOUTS[layout]
    shown = [(row, value) for row in rows if (value := finite(row.value)) is not None]
    if not shown:
        return empty_chart(title=title, message=labels.no_data, layout=layout, theme=theme)
    size = measures.font + 1
    pitch = 2.4 * size
    total = sum(max(value, 0.0) for _, value in shown)
    texts: list[str] = []
    so_far = 0.0
    for row, value in shown:
        so_far += max(value, 0.0)
        share = f" · {100 * so_far / total:.0f} %" if cumulative and total > 0 else ""
        room = 0.55 * measures.width - text_width(share, size)
        texts.append(ellipsize(row.text or f"{value:g}", size, room) + share)
    name_room = min(max(text_width(row.name, size) for row, _ in shown), 0.4 * measures.width)
    value_room = max(text_width(text, size) for text in texts)
    left, right = name_room + 14, measures.width - value_room - 12
    largest = max([0.0, *(value for _, value in shown)]) or 1.0
    rects: list[Mark] = []
    words: list[Mark] = []
    rules: list[Mark] = []
    for number, ((row, value), text) in enumerate(zip(shown, texts, strict=True)):
        middle = pitch * (number + 0.5)
        name = ellipsize(row.name, size, name_room)
        words.append(Text("text-ink", 0, middle + 0.35 * size, name, size))
        long = max(right - left, 10.0) * max(value, 0.0) / largest
        if long > 0:
            role = "bar-out" if row.bad else "bar"
            rects.append(Rect(role, left, middle - 0.5 * size, max(long, 1.5), size, 2))
        words.append(Text("text-ink", measures.width, middle + 0.35 * size, text, size, "end"))
        if number:
            rules.append(line("grid", 0, pitch * number, measures.width, pitch * number))
    summary = "; ".join(f"{row.name} {text}" for (row, _), text in zip(shown, texts, strict=True))
    marks = (*rules, Group("rows", tuple(rects)), *words)
    return ChartSpec(
        "bars",
        measures.width,
        math.ceil(pitch * len(shown)),
        title,
        desc or summary,
        marks,
        layout=layout,
        theme=theme,
    )
