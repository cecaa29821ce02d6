"""Histogram of measured values against their specification, with fitted curves."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from spc_site.lib.svg.notes import draw_heading
from spc_site.lib.svg.place import Box, free
from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.scales import Scale, all_finite, finite, linear, nice_ticks
from spc_site.lib.svg.spec import (
    LAYOUTS,
    Anchor,
    ChartSpec,
    Frame,
    Labels,
    Layout,
    LayoutName,
    Mark,
    Polyline,
    Rect,
    Text,
    ThemeName,
    line,
)
from spc_site.lib.svg.text import decimals_for, ellipsize, format_value, text_width

MOST_BINS = 40

FAR = 12.0
"""A specification more than this many times as wide as the data is named at the edge, not drawn to scale."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A density over the values (its area is 1); the histogram scales it to its bars."""

    name: str
    points: tuple[tuple[float, float], ...]


def normal_curve(name: str, mean: float, sd: float, *, width: float = 4.0, count: int = 65) -> Curve | None:
    """Return the normal density over mean ± `width` sd, or None where there is none (sd zero or missing)."""
    m, s = finite(mean), finite(sd)
    if m is None or s is None or s <= 0 or m + s == m:
        return None
    zs = [-width + 2 * width * i / (count - 1) for i in range(count)]
    peak = 1 / (s * math.sqrt(2 * math.pi))
    return Curve(name, tuple((m + z * s, peak * math.exp(-z * z / 2)) for z in zs))


@dataclass(frozen=True, slots=True)
class Bin:
    """A class of the histogram: values in lo ≤ x < hi, of which `outside` break the specification."""

    lo: float
    hi: float
    count: int
    outside: int


def resolution_of(values: Sequence[float], decimals: int | None) -> float:
    """Return the step of the measurements: one unit of the last decimal, 0 where it is not known."""
    if decimals is not None:
        return 10.0**-decimals
    for places in range(9):
        if all(abs(value - round(value, places)) <= 1e-9 * max(1.0, abs(value)) for value in values):
            return 10.0**-places
    return 0.0


def bin_width(values: Sequence[float], resolution: float) -> float:
    """Return a class width after Freedman and Diaconis (at least Sturges' number of classes).

    It is a whole number of resolution steps: other widths hold now one, now two possible values and draw a
    comb that is not in the data.
    """
    ordered = sorted(values)
    n = len(ordered)
    span = ordered[-1] - ordered[0]
    sturges = math.ceil(math.log2(n)) + 1
    spread = _quantile(ordered, 0.75) - _quantile(ordered, 0.25)
    rough = 2 * spread / n ** (1 / 3) if spread > 0 else span / sturges
    rough = min(max(rough, span / MOST_BINS), span / min(sturges, 7))
    if resolution <= 0 or resolution > span:
        return rough
    steps = max(1, round(rough / resolution))
    while span / (steps * resolution) > MOST_BINS:
        steps += 1
    return steps * resolution


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def bins_of(
    values: Sequence[float],
    *,
    lsl: float | None = None,
    usl: float | None = None,
    decimals: int | None = None,
) -> list[Bin]:
    """Sort finite values into classes of equal width; equal values make one class.

    Edges lie half a resolution step beside possible values, so that none falls on an edge; where there is a
    lower limit, one edge lies just below it. A value equal to a limit is inside.
    """
    if not values:
        return []
    resolution = resolution_of(values, decimals)
    lo, hi = min(values), max(values)
    if hi - lo <= max(abs(lo), abs(hi)) * 1e-12:
        half = max(resolution, abs(lo) * 1e-9, 1e-9) / 2
        return [
            Bin(lo - half, lo + half, len(values), sum(_outside(v, lsl, usl, resolution) for v in values))
        ]
    width = bin_width(values, resolution)
    origin = (lsl if lsl is not None and abs(lsl - lo) < 1000 * width else lo) - resolution / 2
    first = math.floor((lo - origin) / width + 1e-9)
    counts: dict[int, list[int]] = {}
    for value in values:
        tally = counts.setdefault(math.floor((value - origin) / width + 1e-9), [0, 0])
        tally[0] += 1
        tally[1] += _outside(value, lsl, usl, resolution)
    last = max(counts)
    return [
        Bin(origin + k * width, origin + (k + 1) * width, *counts.get(k, (0, 0)))
        for k in range(min(first, *counts), last + 1)
    ]


def _outside(value: float, lsl: float | None, usl: float | None, resolution: float) -> bool:
    """Say whether a value breaks a limit by more than the noise of binary fractions."""
    slack = max(resolution * 1e-6, abs(value) * 1e-12)
    return (lsl is not None and value < lsl - slack) or (usl is not None and value > usl + slack)


def histogram(
    values: Sequence[float | None],
    *,
    title: str,
    lsl: float | None = None,
    usl: float | None = None,
    target: float | None = None,
    curves: Sequence[Curve | None] = (),
    unit: str = "",
    decimals: int | None = None,
    layout: LayoutName = "narrow",
    theme: ThemeName = "light",
    labels: Labels = Labels(),  # noqa: B008 - frozen
    heading: bool = False,
    desc: str = "",
) -> ChartSpec:
    """Lay out a histogram.

    Parameters
        values: measurements; missing ones (None, NaN) are left out.
        lsl, usl, target: the specification, any of it None.
        curves: fitted densities (`normal_curve`), the first solid, the second dashed; None is skipped.
        decimals: of the measurements, if known: decides classes and labels.
    """
    measures = LAYOUTS[layout]
    data = all_finite(values)
    if not data:
        return empty_chart(title=title, message=labels.no_data, layout=layout, theme=theme)
    lsl, usl, target = finite(lsl), finite(usl), finite(target)
    bins = bins_of(data, lsl=lsl, usl=usl, decimals=decimals)
    drawn = [curve for curve in curves if curve is not None]
    resolution = resolution_of(data, decimals)
    places = decimals if decimals is not None else _places(resolution, data)

    lo, hi, near = _range(bins, drawn, [v for v in (lsl, target, usl) if v is not None])
    left, right = measures.edge, measures.width - measures.edge
    x = linear(lo, hi, left, right)
    marks: list[Mark] = []
    y = draw_heading(marks, title if heading else "", measures)
    y = _legend(marks, drawn, y, measures)

    wanted = [
        _Flag(f"{word} {format_value(value, places)}", value, role)
        for word, value, role in (
            (labels.lsl, lsl, "spec"),
            (labels.target, target, "centre"),
            (labels.usl, usl, "spec"),
        )
        if value is not None
    ]
    flags = place_flags([flag.pointed(lo, hi, value_near=flag.value in near) for flag in wanted], x, measures)
    rows = 1 + max((flag.row for flag in flags), default=-1)
    row = 1.3 * measures.font
    top = y + rows * row + 2
    bottom = top + (150 if layout == "narrow" else 160 if layout == "medium" else 170)

    width = bins[0].hi - bins[0].lo
    total = len(data) * width
    curve_peaks = [d * total for curve in drawn for v, d in curve.points if lo <= v <= hi]
    peak = max([*(item.count for item in bins), *curve_peaks])
    height = Scale(0, peak, bottom, top + 6)
    frame = Frame("", Box(left, top, right, bottom), x, height)
    marks.extend(_bars(bins, x, height, bottom))
    marks.append(line("axis", left, bottom, right, bottom))
    for flag in flags:
        if flag.shown:
            marks.append(line(flag.role, x(flag.value), y + (flag.row + 1) * row - 1, x(flag.value), bottom))
    for number, curve in enumerate(drawn):
        marks.append(_curve(curve, "curve" if number == 0 else "curve2", total, x, height))
    for flag in flags:
        role = "text-bad" if flag.role == "spec" else "text"
        baseline = y + (flag.row + 1) * row - 0.35 * measures.font
        marks.append(Text(role, flag.x, baseline, flag.text, measures.font, flag.anchor))
    marks.extend(_x_axis(lo, hi, x, bottom, unit, measures))
    outside = sum(item.outside for item in bins)
    words = [labels.count.replace("{}", str(len(data))), *(flag.text for flag in flags)]
    if outside:
        words.append(f"▲ {outside}")
    return ChartSpec(
        "histogram",
        measures.width,
        math.ceil(bottom + 1.7 * measures.font),
        title,
        desc or " ".join(words),
        tuple(marks),
        (frame,),
        _data(bins, x, height, places, unit, labels),
        layout,
        theme,
    )


def _places(resolution: float, data: Sequence[float]) -> int:
    """Return the decimals for labels where the caller does not know them."""
    if resolution > 0:
        return max(0, round(-math.log10(resolution)))
    return decimals_for(max(data) - min(data))


def _range(
    bins: Sequence[Bin], curves: Sequence[Curve], limits: Sequence[float]
) -> tuple[float, float, frozenset[float]]:
    """Return the ends of the axis, and the limits that lie on it."""
    lo, hi = bins[0].lo, bins[-1].hi
    span = hi - lo
    near = frozenset(limit for limit in limits if lo - FAR * span <= limit <= hi + FAR * span)
    lo, hi = min([lo, *near]), max([hi, *near])
    pad = 0.05 * (hi - lo)
    curve_lo = min((curve.points[0][0] for curve in curves), default=lo)
    curve_hi = max((curve.points[-1][0] for curve in curves), default=hi)
    # A curve may widen the axis a little, never rule it.
    lo, hi = max(min(lo, curve_lo), lo - 3 * pad), min(max(hi, curve_hi), hi + 3 * pad)
    return lo - pad, hi + pad, near


@dataclass(frozen=True, slots=True)
class _Flag:
    """A limit with its label: where the text stands and in which row above the plot."""

    text: str
    value: float
    role: str
    shown: bool = True
    row: int = 0
    x: float = 0.0
    anchor: Anchor = "middle"

    def pointed(self, lo: float, hi: float, *, value_near: bool) -> _Flag:
        """Return the flag, with an arrow in its text where its line lies off the axis."""
        if value_near:
            return self
        text = f"← {self.text}" if self.value < lo else f"{self.text} →"
        return _Flag(text, self.value, self.role, shown=False)

    def box(self, row_height: float, size: float) -> Box:
        """Return the label's area, rows counted from zero at the top."""
        width = text_width(self.text, size)
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return Box(left, self.row * row_height, left + width, self.row * row_height + size)


def place_flags(flags: Sequence[_Flag], x: Scale, measures: Layout) -> list[_Flag]:
    """Place the labels above their lines: centred in one row if they fit, else beside, else in more rows.

    No label touches another one, nor is it crossed by another label's line.
    """
    for rows in range(1, len(flags) + 1):
        best = _best_places([], list(flags), x, measures, rows)
        if best:
            return best[1]
    return []


def _best_places(
    placed: list[_Flag], rest: list[_Flag], x: Scale, measures: Layout, rows: int
) -> tuple[int, list[_Flag]] | None:
    """Return the way to place the rest with the fewest labels off their lines."""
    if not rest:
        return sum(flag.anchor != "middle" for flag in placed), placed
    best: tuple[int, list[_Flag]] | None = None
    for flag in _flag_places(rest[0], x, measures, rows):
        if all(_clear(flag, other, x, measures) for other in placed):
            found = _best_places([*placed, flag], rest[1:], x, measures, rows)
            if found and (best is None or found[0] < best[0]):
                best = found
    return best


def _flag_places(flag: _Flag, x: Scale, measures: Layout, rows: int) -> Iterator[_Flag]:
    size = measures.font
    at = x.clamp(flag.value)
    width = text_width(flag.text, size)
    for row in range(rows):
        if at - width / 2 >= 0 and at + width / 2 <= measures.width:
            yield _Flag(flag.text, flag.value, flag.role, flag.shown, row, at, "middle")
        if at - 3 - width >= 0:
            yield _Flag(flag.text, flag.value, flag.role, flag.shown, row, at - 3, "end")
        if at + 3 + width <= measures.width:
            yield _Flag(flag.text, flag.value, flag.role, flag.shown, row, at + 3, "start")
        edge = max(0.0, min(at - width / 2, measures.width - width))
        yield _Flag(flag.text, flag.value, flag.role, flag.shown, row, edge, "start")


def _clear(one: _Flag, other: _Flag, x: Scale, measures: Layout) -> bool:
    row, size = 1.3 * measures.font, measures.font
    if one.box(row, size).overlaps(other.box(row, size), 4):
        return False
    return not (_crosses(one, other, x, row, size) or _crosses(other, one, x, row, size))


def _crosses(high: _Flag, low: _Flag, x: Scale, row: float, size: float) -> bool:
    """Say whether the line of `high` runs through the text of `low`."""
    box = low.box(row, size)
    return high.shown and high.row <= low.row and box.left - 1.5 < x(high.value) < box.right + 1.5


def _bars(bins: Sequence[Bin], x: Scale, height: Scale, bottom: float) -> list[Mark]:
    """Return the bars, values outside the specification in red on top of those inside."""
    inside: list[Mark] = []
    outside: list[Mark] = []
    for item in bins:
        left, right = x(item.lo), x(item.hi)
        gap = min(1.0, 0.2 * (right - left))
        wide = max(right - left - gap, 0.5)
        good = item.count - item.outside
        if good:
            inside.append(Rect("bar", left + gap / 2, height(good), wide, bottom - height(good)))
        if item.outside:
            # A single bad value among thousands must still be seen.
            tall = max(height(good) - height(item.count), 3.0)
            outside.append(Rect("bar-out", left + gap / 2, height(good) - tall, wide, tall))
    return [*inside, *outside]


def _curve(curve: Curve, role: str, total: float, x: Scale, height: Scale) -> Polyline:
    points = tuple((x(v), height(d * total)) for v, d in curve.points if x.lo <= v <= x.hi)
    return Polyline(role, (points,) if len(points) > 1 else ())


def _legend(marks: list[Mark], curves: Sequence[Curve], y: float, measures: Layout) -> float:
    """Name the curves above the plot if there are several; return the y below."""
    named = [curve for curve in curves if curve.name]
    if len(curves) < 2 or not named:
        return y
    x = 2.0
    size = measures.font
    baseline = y + size
    for number, curve in enumerate(curves):
        text = ellipsize(curve.name, size, measures.width * 0.5)
        if x + 26 + text_width(text, size) > measures.width and x > 2:
            x = 2.0
            baseline += 1.3 * size
        role = "curve" if number == 0 else "curve2"
        marks.append(line(role, x, baseline - 0.35 * size, x + 20, baseline - 0.35 * size))
        marks.append(Text("text", x + 25, baseline, text, size))
        x += 25 + text_width(text, size) + 14
    return baseline + 6


def _x_axis(lo: float, hi: float, x: Scale, bottom: float, unit: str, measures: Layout) -> list[Mark]:
    """Return the tick labels that fit, and the unit at the right end."""
    size = measures.font
    y = bottom + 1.35 * size
    marks: list[Mark] = []
    taken: list[Box] = []
    if unit:
        name = Text("text", measures.width - 1, y, ellipsize(unit, size, measures.width / 3), size, "end")
        marks.append(name)
        taken.append(name.box)
    count = 8 if measures.name == "wide" else 5
    while count:
        ticks = nice_ticks(lo, hi, count)
        texts = [
            Text("text", x(value), y, label, size, "middle")
            for value, label in zip(ticks.values, ticks.labels, strict=True)
        ]
        fits = all(b.box.left - a.box.right > 6 for a, b in pairwise(texts))
        if fits or count == 1:
            break
        count -= 1
    kept: list[Mark] = []
    for text in texts:
        if text.box.left >= 0 and text.box.right <= measures.width and free(text.box, taken, 5):
            taken.append(text.box)
            kept.append(text)
            marks.append(line("axis", text.x, bottom, text.x, bottom + 3))
    marks.sort(key=lambda mark: isinstance(mark, Text))
    return [*marks, *kept]


def _data(bins: Sequence[Bin], x: Scale, height: Scale, places: int, unit: str, labels: Labels) -> str:
    """Return what the script shows under a finger: per class its edges on the screen, range and counts."""
    rows = [
        [
            round(x(item.lo), 1),
            round(x(item.hi), 1),
            f"{format_value(item.lo, places + 1)} – {format_value(item.hi, places + 1)}",
            item.count,
            item.outside,
        ]
        for item in bins
    ]
    data = {"u": unit, "w": labels.count, "y": [round(height.end, 1), round(height.start, 1)], "b": rows}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
