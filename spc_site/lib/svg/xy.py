"""Lines over a numeric axis: operating characteristics, trends, fits. Either axis may be logarithmic."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from spc_site.lib.svg.notes import draw_heading
from spc_site.lib.svg.place import Box, crosses, free
from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.scales import (
    Scale,
    Ticks,
    finite,
    linear,
    log_ticks,
    logarithmic,
    nice_step,
    nice_ticks,
)
from spc_site.lib.svg.spec import (
    LAYOUTS,
    Anchor,
    ChartSpec,
    Dots,
    Frame,
    Labels,
    Layout,
    LayoutName,
    Mark,
    Point,
    Polyline,
    Text,
    ThemeName,
    line,
    unbroken,
)
from spc_site.lib.svg.text import ellipsize, text_width

BESIDE: tuple[tuple[float, Anchor], ...] = ((4, "start"), (-4, "end"))
SERIES_ROLES = ("series1", "series2", "series3", "series4")


@dataclass(frozen=True, slots=True)
class Series:
    """A named line through points; a missing coordinate breaks it. `dots` marks the points themselves."""

    name: str
    points: Sequence[tuple[float | None, float | None]]
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """A marked value on an axis: AQL on x, producer's risk on y."""

    axis: Literal["x", "y"]
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Name, optional ends and kind of an axis."""

    name: str = ""
    lo: float | None = None
    hi: float | None = None
    log: bool = False


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_axis: Axis = Axis(),
    y_axis: Axis = Axis(),
    references: Sequence[Reference] = (),
    layout: LayoutName = "narrow",
    theme: ThemeName = "light",
    labels: Labels = Labels(),  # noqa: B008 - frozen
    heading: bool = False,
    desc: str = "",
) -> ChartSpec:
    """Lay out lines over axes with ticks; more than one series gets a legend.

    On a logarithmic axis values that are not positive count as missing. At most four series are told apart.
    """
    if len(series) > len(SERIES_ROLES):
        raise ValueError(f"{len(series)} lines cannot be told apart; {len(SERIES_ROLES)} can")
    measures = LAYOUTS[layout]
    cleaned = [_clean(one, x_axis, y_axis) for one in series]
    points = [point for one in cleaned for point in one if point is not None]
    if not points:
        return empty_chart(title=title, message=labels.no_data, layout=layout, theme=theme)
    size = measures.font
    marks: list[Mark] = []
    top = draw_heading(marks, title if heading else "", measures)
    top = _legend(marks, series, top, measures)
    if y_axis.name:
        top += size
        marks.append(Text("text", 2, top, ellipsize(y_axis.name, size, measures.width - 4), size))
        top += 0.3 * size
    top += 0.5 * size
    bottom = top + measures.lone

    on_x = [ref.value for ref in references if ref.axis == "x" and _usable(ref.value, x_axis)]
    on_y = [ref.value for ref in references if ref.axis == "y" and _usable(ref.value, y_axis)]
    y = _scale(y_axis, [p[1] for p in points] + on_y, bottom - 2, top + 2, rounded=True)
    y_ticks = _ticks(y_axis, y, 5)
    left = max((text_width(text, size) for text in y_ticks.labels), default=0.0) + 10
    left = min(left, 0.4 * measures.width)
    right = measures.width - 1.5 * size
    x = _scale(x_axis, [p[0] for p in points] + on_x, left + 2, right - 2)

    for value in y_ticks.values:
        marks.append(line("grid", left, y(value), right, y(value)))
    for value, text in zip(y_ticks.values, y_ticks.labels, strict=True):
        marks.append(Text("text", left - 6, y(value) + 0.35 * size, text, size, "end"))
    marks.append(line("axis", left, bottom, right, bottom))
    marks.extend(_x_axis(x_axis, x, bottom, right, measures))
    plot = Box(left, top, right, bottom)
    series_places = [[_place(point, x, y) for point in one] for one in cleaned]
    drawn = [part for places in series_places for part in unbroken(places)]
    marks.extend(_references(references, {"x": x_axis, "y": y_axis}, x, y, plot, drawn, measures))
    for role, places, source in zip(SERIES_ROLES, series_places, series, strict=False):
        marks.append(Polyline(role, unbroken(places)))
        if source.dots or sum(place is not None for place in places) == 1:
            marks.append(Dots(f"{role}-dots", tuple(place for place in places if place), measures.dot))
    height = bottom + 1.6 * size + (1.4 * size if x_axis.name else 0)
    return ChartSpec(
        "xy",
        measures.width,
        math.ceil(height),
        title,
        desc or "; ".join(one.name for one in series if one.name),
        tuple(marks),
        (Frame("", plot, x, y),),
        _data(series, cleaned, x, y, x_axis, y_axis),
        layout,
        theme,
    )


def _usable(value: float | None, axis: Axis) -> bool:
    number = finite(value)
    return number is not None and (number > 0 or not axis.log)


def _clean(series: Series, x_axis: Axis, y_axis: Axis) -> list[Point | None]:
    return [
        (float(px), float(py))
        if px is not None and py is not None and _usable(px, x_axis) and _usable(py, y_axis)
        else None
        for px, py in series.points
    ]


def _place(point: Point | None, x: Scale, y: Scale) -> Point | None:
    """Return where a point is drawn; None outside of ends that the caller gave."""
    if point is None or not (x.lo <= point[0] <= x.hi and y.lo <= point[1] <= y.hi):
        return None
    return x(point[0]), y(point[1])


def _scale(axis: Axis, values: Sequence[float], start: float, end: float, *, rounded: bool = False) -> Scale:
    """Return the scale of an axis; `rounded` moves ends that the caller left open to round values."""
    lo = axis.lo if axis.lo is not None and _usable(axis.lo, axis) else min(values)
    hi = axis.hi if axis.hi is not None and _usable(axis.hi, axis) else max(values)
    if hi < lo:
        lo, hi = hi, lo
    if axis.log:
        return logarithmic(lo, hi, start, end)
    scale = linear(lo, hi, start, end)
    if not rounded:
        return scale
    step, _ = nice_step(scale.hi - scale.lo, 5)
    lo = scale.lo if axis.lo is not None else math.floor(scale.lo / step + 1e-9) * step
    hi = scale.hi if axis.hi is not None else math.ceil(scale.hi / step - 1e-9) * step
    return linear(lo, hi, start, end)


def _ticks(axis: Axis, scale: Scale, count: int) -> Ticks:
    return log_ticks(scale.lo, scale.hi) if axis.log else nice_ticks(scale.lo, scale.hi, count)


def _x_axis(axis: Axis, x: Scale, bottom: float, right: float, measures: Layout) -> list[Mark]:
    size = measures.font
    ticks = _ticks(axis, x, 8 if measures.name == "wide" else 5)
    lines: list[Mark] = []
    texts: list[Mark] = []
    taken: list[Box] = []
    for value, label in zip(ticks.values, ticks.labels, strict=True):
        text = Text("text", x(value), bottom + 1.35 * size, label, size, "middle")
        if text.box.left >= 0 and text.box.right <= measures.width and free(text.box, taken, 6):
            taken.append(text.box)
            texts.append(text)
            lines.append(line("axis", text.x, bottom, text.x, bottom + 3))
    if axis.name:
        name = ellipsize(axis.name, size, measures.width - 4)
        texts.append(Text("text", right, bottom + 2.75 * size, name, size, "end"))
    return [*lines, *texts]


def _references(
    references: Sequence[Reference],
    axes: Mapping[str, Axis],
    x: Scale,
    y: Scale,
    plot: Box,
    drawn: Sequence[tuple[Point, ...]],
    measures: Layout,
) -> list[Mark]:
    """Return dashed lines at marked values, each named where the fewest lines run through the words.

    A label that finds no place beside the others is left out.
    """
    lines: list[Polyline] = []
    shown: list[Reference] = []
    for ref in references:
        scale = x if ref.axis == "x" else y
        if not _usable(ref.value, axes[ref.axis]) or not scale.lo <= ref.value <= scale.hi:
            continue
        at = scale(ref.value)
        upright = ref.axis == "x"
        lines.append(
            line("limit", at, plot.top, at, plot.bottom)
            if upright
            else line("limit", plot.left, at, plot.right, at)
        )
        shown.append(ref)
    segments = [pair for part in drawn for pair in pairwise(part)]
    segments += [(part[0], part[1]) for mark in lines for part in mark.parts]
    texts: list[Text] = []
    for ref in shown:
        at = (x if ref.axis == "x" else y)(ref.value)
        spots = [
            spot
            for spot in _spots(ref, at, plot, measures.font)
            if spot.box.inside(plot) and free(spot.box, [text.box for text in texts], 3)
        ]
        if spots:
            texts.append(min(spots, key=lambda spot: _crossings(spot.box, segments)))
    return [*lines, *texts]


def _crossings(box: Box, segments: Sequence[tuple[Point, Point]]) -> int:
    """Count the lines that run through a box."""
    return sum(crosses(box, start, end) for start, end in segments)


def _spots(ref: Reference, at: float, plot: Box, size: float) -> list[Text]:
    """Return the places for a reference's name along its line, best first."""
    if ref.axis == "x":
        rows = int((plot.bottom - plot.top) / (1.2 * size))
        return [
            Text("text-warn", at + dx, plot.top + (row + 0.8) * 1.2 * size, ref.text, size, anchor)
            for row in range(rows)
            for dx, anchor in BESIDE
        ]
    width = text_width(ref.text, size)
    room = plot.right - plot.left - width - 6
    return [
        Text("text-warn", plot.right - 3 - share / 8 * room, at + dy, ref.text, size, "end")
        for share in range(9)
        for dy in (-4, size + 2)
    ]


def _legend(marks: list[Mark], series: Sequence[Series], y: float, measures: Layout) -> float:
    if len(series) < 2:
        return y
    size = measures.font
    x, baseline = 2.0, y + size
    lines: list[Mark] = []
    for role, one in zip(SERIES_ROLES, series, strict=False):
        text = ellipsize(one.name, size, measures.width - 32)
        if x + 27 + text_width(text, size) > measures.width and x > 2:
            x = 2.0
            baseline += 1.35 * size
        lines.append(line(role, x, baseline - 0.35 * size, x + 22, baseline - 0.35 * size))
        marks.append(Text("text-ink", x + 27, baseline, text, size))
        x += 27 + text_width(text, size) + 14
    marks.extend(lines)
    return baseline + 0.4 * size


def _data(
    series: Sequence[Series],
    cleaned: Sequence[Sequence[Point | None]],
    x: Scale,
    y: Scale,
    x_axis: Axis,
    y_axis: Axis,
) -> str:
    """Return the points with their places for the script."""
    rows = [
        {
            "t": one.name,
            "p": [
                [round(place[0], 1), round(place[1], 1), float(f"{p[0]:.5g}"), float(f"{p[1]:.5g}")]
                for p in points
                if p is not None and (place := _place(p, x, y)) is not None
            ],
        }
        for one, points in zip(series, cleaned, strict=True)
    ]
    data = {"xn": x_axis.name, "yn": y_axis.name, "s": rows}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
