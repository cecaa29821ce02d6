"""Lines over a numeric axis: operating characteristics, trends, fits. Either axis may be logarithmic."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from spc_site.lib.svg.notes import draw_heading
from spc_site.lib.svg.place import Box, free
from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.scales import Scale, Ticks, finite, linear, log_ticks, logarithmic, nice_ticks
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

    axis: str
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
    y = _scale(y_axis, [p[1] for p in points] + on_y, bottom - 2, top + 2)
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
    marks.extend(_references(references, x_axis, y_axis, x, y, Box(left, top, right, bottom), measures))
    for role, one, source in zip(SERIES_ROLES, cleaned, series, strict=False):
        places = [None if p is None else (x.clamp(p[0]), y.clamp(p[1])) for p in one]
        marks.append(Polyline(role, unbroken(places)))
        if source.dots or sum(p is not None for p in places) == 1:
            marks.append(Dots(f"{role}-dots", tuple(p for p in places if p), measures.dot))
    height = bottom + 1.6 * size + (1.4 * size if x_axis.name else 0)
    return ChartSpec(
        "xy",
        measures.width,
        math.ceil(height),
        title,
        desc or "; ".join(one.name for one in series if one.name),
        tuple(marks),
        (Frame("", Box(left, top, right, bottom), x, y),),
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


def _scale(axis: Axis, values: Sequence[float], start: float, end: float) -> Scale:
    lo = axis.lo if axis.lo is not None and _usable(axis.lo, axis) else min(values)
    hi = axis.hi if axis.hi is not None and _usable(axis.hi, axis) else max(values)
    if hi < lo:
        lo, hi = hi, lo
    return logarithmic(lo, hi, start, end) if axis.log else linear(lo, hi, start, end)


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
    x_axis: Axis,
    y_axis: Axis,
    x: Scale,
    y: Scale,
    plot: Box,
    measures: Layout,
) -> list[Mark]:
    """Return dashed lines at marked values; a label that would touch another one is left out."""
    lines: list[Mark] = []
    texts: list[Mark] = []
    taken: list[Box] = []
    size = measures.font
    for ref in references:
        if ref.axis == "x" and _usable(ref.value, x_axis) and x.lo <= ref.value <= x.hi:
            at = x(ref.value)
            lines.append(line("limit", at, plot.top, at, plot.bottom))
            spots = [
                Text("text-warn", at + dx, plot.top + (row + 0.8) * 1.2 * size, ref.text, size, anchor)
                for row in range(6)
                for dx, anchor in BESIDE
            ]
        elif ref.axis == "y" and _usable(ref.value, y_axis) and y.lo <= ref.value <= y.hi:
            at = y(ref.value)
            lines.append(line("limit", plot.left, at, plot.right, at))
            ends: tuple[tuple[float, Anchor], ...] = ((plot.right - 2, "end"), (plot.left + 4, "start"))
            spots = [
                Text("text-warn", where, at + dy, ref.text, size, anchor)
                for dy in (-4, size + 2)
                for where, anchor in ends
            ]
        else:
            continue
        for spot in spots:
            if spot.box.inside(plot) and free(spot.box, taken, 3):
                taken.append(spot.box)
                texts.append(spot)
                break
    return [*lines, *texts]


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
                [round(x.clamp(p[0]), 1), round(y.clamp(p[1]), 1), float(f"{p[0]:.5g}"), float(f"{p[1]:.5g}")]
                for p in points
                if p is not None
            ],
        }
        for one, points in zip(series, cleaned, strict=True)
    ]
    data = {"xn": x_axis.name, "yn": y_axis.name, "s": rows}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
