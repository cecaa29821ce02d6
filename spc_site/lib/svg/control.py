"""Control charts: panels over a shared axis of points (mean over range, value over moving range)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from spc_site.lib.svg.limits import (
    Edges,
    Limit,
    ReferenceLabel,
    label_width,
    last_value,
    per_point,
    place_labels,
    step_line,
    zone_bands,
)
from spc_site.lib.svg.notes import Note, draw_heading, draw_notes
from spc_site.lib.svg.place import Box, free
from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.scales import Scale, finite, linear, nice_ticks, widen
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
    Ring,
    Text,
    ThemeName,
    line,
    unbroken,
)
from spc_site.lib.svg.text import decimals_for, ellipsize, fit_value, format_value, text_width
from spc_site.lib.svg.violations import (
    Marked,
    Violation,
    clusters,
    draw_badge,
    draw_triangle,
    place_badges,
)

MANY = 150
"""From here on the line is drawn without a dot on every point."""

FAR = 0.75
"""A point this many widths of the limits beyond them is drawn at the edge, with its value."""

SPEC_FAR = 2.0
"""Specification limits farther than this many heights of the data are named at the edge, not drawn."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A named stretch of points (baseline, monitoring) that begins at point `start` (from 0)."""

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class ControlPanel:
    """One plot of a control chart, as plain numbers.

    Missing values (None, NaN) break the line. Limits are one number, one per point, or None. The
    specification (`usl`, `lsl`, `target`) belongs on charts of single values only. Indices count from 0.
    """

    name: str
    points: Sequence[float | None]
    centre: Limit = None
    ucl: Limit = None
    lcl: Limit = None
    usl: float | None = None
    lsl: float | None = None
    target: float | None = None
    zones: bool = True
    violations: Sequence[Violation] = ()
    excluded: frozenset[int] = frozenset()
    unit: str = ""
    decimals: int | None = None


def control_chart(
    panels: Sequence[ControlPanel],
    *,
    title: str,
    layout: LayoutName = "narrow",
    theme: ThemeName = "light",
    labels: Labels = Labels(),  # noqa: B008 - frozen
    stages: Sequence[Stage] = (),
    point_labels: Sequence[str] = (),
    x_name: str = "",
    notes: Sequence[Note] = (),
    heading: bool = False,
    desc: str = "",
) -> ChartSpec:
    """Lay out a control chart.

    Parameters
        panels: the plots, primary first; points with the same index stand above each other.
        title: what the picture shows, for screen readers; drawn on it where `heading` is set.
        stages: named stretches, by rising start; the first should start at 0.
        point_labels: names of the points (default 1, 2, 3 …), as on the axis and in `labels.point`.
        notes: sentences drawn below, each after its rules' names (a picture in a message has no page).
        desc: text alternative; by default the limits and the violating points.
    """
    measures = LAYOUTS[layout]
    count = max((len(panel.points) for panel in panels), default=0)
    prepared = [_prepare(panel, count, labels, measures) for panel in panels]
    if not any(value is not None for item in prepared for value in item.values):
        return empty_chart(title=title, message=labels.no_data, layout=layout, theme=theme)
    names = _Names(tuple(point_labels), labels)
    starts = frozenset(stage.start for stage in stages if 0 < stage.start < count)

    marks: list[Mark] = []
    y = draw_heading(marks, title if heading else "", measures)
    left, right = _columns(prepared, x_name, measures)
    edges = _edges(count, left, right, measures)
    y, stage_row = _header_rows(prepared[0], stages, edges, measures, y, count)

    frames: list[Frame] = []
    plots: list[Mark] = []
    for number, item in enumerate(prepared):
        if number:
            y += 2.1 * measures.font
        height = measures.lone if len(prepared) == 1 else measures.secondary if number else measures.primary
        frame = _frame(item, Box(left, y, right, y + height), edges, measures)
        frames.append(frame)
        top = stage_row[0] if number == 0 else y - 0.5 * measures.font
        marks.append(Text("text-ink", 2, top, _panel_title(item.panel, measures.width), measures.font))
        plots.extend(_panel(number, item, frame, edges, starts, names, measures))
        y += height
    marks.extend(_stages(stages, edges, count, stage_row[1], frames, measures))
    marks.extend(plots)
    marks.extend(_x_axis(names, count, edges, x_name, y, measures))
    y += 1.65 * measures.font
    y = draw_notes(marks, notes, y, measures)
    return ChartSpec(
        "control",
        measures.width,
        math.ceil(y + 2),
        title,
        desc or _describe(prepared, names, labels),
        tuple(marks),
        tuple(frames),
        _data(prepared, frames, edges, names, point_labels),
        layout,
        theme,
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """How points are called."""

    given: tuple[str, ...]
    labels: Labels

    def short(self, index: int) -> str:
        return self.given[index] if index < len(self.given) else str(index + 1)

    def number(self, index: int) -> int:
        """Return what decides whether a name is round: the name itself if it is a number, else the place."""
        if not self.given:
            return index + 1
        name = self.short(index)
        return int(name) if self.numeric and name.isdecimal() else index

    @property
    def numeric(self) -> bool:
        """Whether the given names are whole numbers that count up by one."""
        if not all(name.isdecimal() and len(name) < 10 for name in self.given):
            return False
        return all(int(b) == int(a) + 1 for a, b in pairwise(self.given))

    def long(self, index: int) -> str:
        return self.labels.point.replace("{}", self.short(index))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A panel with clean numbers: per point values and limits, labels, range of the axis."""

    panel: ControlPanel
    values: tuple[float | None, ...]
    centre: tuple[float | None, ...]
    ucl: tuple[float | None, ...]
    lcl: tuple[float | None, ...]
    decimals: int
    lo: float
    hi: float
    references: tuple[ReferenceLabel, ...]
    specs: tuple[tuple[str, float], ...]
    far: Mapping[int, str] = field(default_factory=dict)


def _prepare(panel: ControlPanel, count: int, labels: Labels, measures: Layout) -> _Prepared:
    """Clean the numbers of a panel and decide what its axis spans."""
    values = per_point(panel.points, count)
    centre, ucl, lcl = (per_point(limit, count) for limit in (panel.centre, panel.ucl, panel.lcl))
    drawn = [value for value in values if value is not None]
    lo, hi = _without_far(drawn, centre, ucl, lcl)
    far = {i for i, v in enumerate(values) if v is not None and not lo <= v <= hi}
    span = hi - lo
    specs: list[tuple[str, float]] = []
    named: list[ReferenceLabel] = []
    decimals = panel.decimals if panel.decimals is not None else decimals_for(span)
    for word, raw, role in (
        (labels.usl, panel.usl, "spec"),
        (labels.target, panel.target, "target"),
        (labels.lsl, panel.lsl, "spec"),
    ):
        value = finite(raw)
        if value is None:
            continue
        near = span == 0 or lo - SPEC_FAR * span <= value <= hi + SPEC_FAR * span
        arrow = "" if near else " ↑" if value > hi else " ↓"
        text = _label(f"{word} ", value, decimals, arrow, measures)
        named.append(ReferenceLabel(text, value, "text-bad" if role == "spec" else "text"))
        if near:
            specs.append((role, value))
    lo, hi = min([lo, *(v for _, v in specs)]), max([hi, *(v for _, v in specs)])
    for word, series in ((labels.ucl, ucl), (labels.centre, centre), (labels.lcl, lcl)):
        value = last_value(series)
        if value is not None:
            text = _label(f"{word} ", value, decimals, "", measures)
            named.append(ReferenceLabel(text, value, "text"))
    lo, hi = widen(lo, hi, least=2 * 10.0**-decimals if lo == hi else 0.0)
    return _Prepared(
        panel,
        values,
        centre,
        ucl,
        lcl,
        decimals,
        lo,
        hi,
        tuple(named),
        tuple(specs),
        {i: format_value(v, decimals) for i in far if (v := values[i]) is not None},
    )


def _label(word: str, value: float, decimals: int, arrow: str, measures: Layout) -> str:
    """Return the words beside a line, never wider than a third of the picture."""
    size, room = measures.font, measures.width / 3
    left = room - text_width(word + arrow, size)
    return ellipsize(word + fit_value(value, decimals, size, left) + arrow, size, room)


def _without_far(
    drawn: Sequence[float],
    centre: Sequence[float | None],
    ucl: Sequence[float | None],
    lcl: Sequence[float | None],
) -> tuple[float, float]:
    """Return the range of the axis without points so far off that they would flatten the rest.

    A typing error of a factor ten must not turn the chart into a straight line. Where one limit is missing
    the other is mirrored at the centre line; without both there is no measure of "far", and all is shown.
    """
    middles, uppers, lowers = ([v for v in series if v is not None] for series in (centre, ucl, lcl))
    everything = [*drawn, *middles, *uppers, *lowers]
    lo, hi = min(everything, default=0.0), max(everything, default=0.0)
    top, bottom = max(uppers, default=None), min(lowers, default=None)
    if middles and top is not None and bottom is None:
        bottom = 2 * min(middles) - top
    elif middles and bottom is not None and top is None:
        top = 2 * max(middles) - bottom
    if top is None or bottom is None or top <= bottom:
        return lo, hi
    room = FAR * (top - bottom)
    return max(lo, bottom - room), min(hi, top + room)


def _columns(prepared: Sequence[_Prepared], x_name: str, measures: Layout) -> tuple[float, float]:
    """Return the left and right edge of the plots: room for labels at the right, for ticks only if needed."""
    labels = [label for item in prepared for label in item.references]
    x_name_width = text_width(_x_name(x_name, measures), measures.font)
    right_room = max(label_width(labels, measures.font), x_name_width)
    left = measures.edge
    for item in prepared:
        if _needs_axis(item):
            ticks = nice_ticks(item.lo, item.hi, 4)
            widest = max(text_width(text, measures.font) for text in ticks.labels)
            left = max(left, widest + 8)
    room = right_room + 12 if right_room else measures.edge
    return left, measures.width - room


def _x_name(name: str, measures: Layout) -> str:
    return ellipsize(name, measures.font, measures.width / 4)


def _needs_axis(item: _Prepared) -> bool:
    """Say whether the lines at the right are too few to read values from."""
    return len({label.value for label in item.references}) < 2


def _edges(count: int, left: float, right: float, measures: Layout) -> Edges:
    """Return the points' places, evenly spaced with a little room at both ends."""
    inner_left, inner_right = left + measures.dot + 2, right - measures.dot - 2
    if count == 1:
        return Edges(left, right, ((left + right) / 2,))
    gap = (inner_right - inner_left) / (count - 1)
    return Edges(left, right, tuple(inner_left + i * gap for i in range(count)))


def _panel_title(panel: ControlPanel, width: float) -> str:
    text = f"{panel.name} / {panel.unit}" if panel.unit and panel.name else panel.name
    return ellipsize(text, 13, width * 0.6)


def _header_rows(
    item: _Prepared, stages: Sequence[Stage], edges: Edges, measures: Layout, y: float, count: int
) -> tuple[float, tuple[float, float]]:
    """Return the top of the first plot, and the base lines of its title and of the stages' names.

    Both share a row where they keep clear of each other.
    """
    first = y + measures.font
    names = [mark for mark in _stage_names(stages, edges, count, first, measures) if isinstance(mark, Text)]
    title = Text("text-ink", 2, first, _panel_title(item.panel, measures.width), measures.font).box
    row = 1.35 * measures.font
    second = first if all(free(title, [name.box], 6) for name in names) else first + row
    if not item.panel.name:
        second = first
    return second + 0.5 * measures.font, (first, second)


def _stage_names(stages: Sequence[Stage], edges: Edges, count: int, y: float, measures: Layout) -> list[Mark]:
    """Return the stages' names: the first before its end, the others after their start, cut to their room."""
    shown = [stage for stage in stages if 0 <= stage.start < count]
    borders = [edges.start(stage.start) for stage in shown]
    marks: list[Mark] = []
    for number, (stage, border) in enumerate(zip(shown, borders, strict=True)):
        following = borders[number + 1] if number + 1 < len(borders) else None
        end = measures.width if following is None else following
        text = ellipsize(stage.name, measures.font, end - border - 8)
        if not text:
            continue
        if number == 0 and following is not None:
            marks.append(Text("text", following - 4, y, text, measures.font, "end"))
        else:
            marks.append(Text("text", border + 4, y, text, measures.font))
    return marks


def _stages(
    stages: Sequence[Stage],
    edges: Edges,
    count: int,
    y: float,
    frames: Sequence[Frame],
    measures: Layout,
) -> list[Mark]:
    """Return the stages' names, and the dotted borders through all plots."""
    names = _stage_names(stages, edges, count, y, measures)
    inner = [edges.start(stage.start) for stage in stages if 0 < stage.start < count]
    top = y - 0.8 * measures.font
    bounds = [(top if n == 0 else f.box.top, f.box.bottom) for n, f in enumerate(frames)]
    borders = Polyline("stage", tuple(((x, a), (x, b)) for x in inner for a, b in bounds))
    return [Group("zoom", (borders, *names))] if names or inner else []


def _frame(item: _Prepared, box: Box, edges: Edges, measures: Layout) -> Frame:
    """Return the plot area with its scales; badges get room on the side where they are needed."""
    marked = {violation.index for violation in item.panel.violations} | set(item.far)
    sides = {_is_up(item, i) for i in marked if 0 <= i < len(item.values)}
    badge = measures.badge_font + 12
    y = linear(
        item.lo,
        item.hi,
        box.bottom - (badge if False in sides else 7),
        box.top + (badge if True in sides else 7),
    )
    x = Scale(0, max(len(edges.x) - 1, 1), edges.x[0], edges.x[-1] if len(edges.x) > 1 else edges.x[0] + 1)
    return Frame(item.panel.name, box, x, y)


def _is_up(item: _Prepared, index: int) -> bool:
    """Say on which side of the centre line a point is marked."""
    value, centre = item.values[index], item.centre[index]
    if value is None:
        return True
    return value >= (centre if centre is not None else (item.lo + item.hi) / 2)


def _panel(
    number: int,
    item: _Prepared,
    frame: Frame,
    edges: Edges,
    starts: frozenset[int],
    names: _Names,
    measures: Layout,
) -> list[Mark]:
    """Return everything inside and beside one plot."""
    box, y = frame.box, frame.y
    marks: list[Mark] = []
    zoom: list[Mark] = []
    if item.panel.zones:
        zoom.extend(zone_bands(item.centre, item.ucl, item.lcl, edges, y, box))
    if _needs_axis(item):
        ticks = nice_ticks(item.lo, item.hi, 4)
        for value, text in zip(ticks.values, ticks.labels, strict=True):
            marks.append(line("grid", box.left, y(value), box.right, y(value)))
            size = measures.font
            marks.append(Text("text", box.left - 5, y(value) + 0.35 * size, text, size, "end"))
        marks.sort(key=lambda mark: mark.role)
    zoom.append(step_line("centre", item.centre, starts, edges, y))
    zoom.append(step_line("limit", item.ucl, starts, edges, y))
    zoom.append(step_line("limit", item.lcl, starts, edges, y))
    for role, value in item.specs:
        zoom.append(line(role, box.left, y(value), box.right, y(value)))
    zoom.extend(_series(item, edges, y, names, measures, box))
    marks.append(Group("zoom", tuple(zoom), index=number))
    marks.extend(
        place_labels(
            item.references, y, at=box.right, top=box.top - 2, bottom=box.bottom + 1, size=measures.font
        )
    )
    return marks


def _series(item: _Prepared, edges: Edges, y: Scale, names: _Names, measures: Layout, box: Box) -> list[Mark]:
    """Return the line, the dots and all marks on points."""
    count = len(item.values)
    places: list[Point | None] = [
        None if value is None else (edges.x[i], y.clamp(value)) for i, value in enumerate(item.values)
    ]
    gap = edges.x[1] - edges.x[0] if count > 1 else 40.0
    radius = min(5.4, max(3.2, gap * 0.75))
    marked = _marked(item, places, names)
    special = {mark.index for mark in marked} | item.panel.excluded
    shown = [place for place in places if place is not None]
    marks: list[Mark] = [Polyline("line", unbroken(places))]
    if count <= MANY:
        dots = tuple(place for i, place in enumerate(places) if place and i not in special)
    else:
        dots = tuple(
            place for i, place in enumerate(places) if place and i not in special and _alone(places, i)
        )
    marks.append(Dots("dots", dots, round(min(measures.dot, max(2.4, gap * 0.7)), 1)))
    drawn = {mark.index for mark in marked}
    for i in sorted(item.panel.excluded):
        place = places[i] if 0 <= i < count else None
        if place and i not in drawn:
            marks.append(Ring("excluded", *place, radius=round(max(1.8, measures.dot / 2), 1)))
    found = clusters(marked, shown, measures.badge_font)
    bounds = Box(box.left, box.top - 3, box.right, box.bottom + 2)
    badges = place_badges(found, shown, bounds=bounds, font=measures.badge_font, radius=radius)
    for cluster, spot in badges:
        marks.extend(draw_badge(cluster, spot, measures.badge_font, radius))
    marks.extend(draw_triangle(mark, radius) for mark in marked)
    return marks


def _alone(places: Sequence[Point | None], index: int) -> bool:
    """Say whether a point has no neighbour, so that no line shows it."""
    before = places[index - 1] if index else None
    after = places[index + 1] if index + 1 < len(places) else None
    return before is None and after is None


def _marked(item: _Prepared, places: Sequence[Point | None], names: _Names) -> list[Marked]:
    """Return one mark per violating or far-off point, by index; rules of one point come together."""
    together: dict[int, list[Violation]] = {}
    for violation in item.panel.violations:
        if 0 <= violation.index < len(places) and places[violation.index] is not None:
            together.setdefault(violation.index, []).append(violation)
    for index in item.far:
        together.setdefault(index, [])
    marks: list[Marked] = []
    for index in sorted(together):
        place, value = places[index], item.values[index]
        if place is None or value is None:
            continue
        rules = tuple(dict.fromkeys(rule for violation in together[index] for rule in violation.rules))
        sentences = [violation.text for violation in together[index] if violation.text]
        head = f"{names.long(index)} {format_value(value, item.decimals)}"
        title = "\n".join([" ".join([head, item.panel.unit]).strip(), *sentences])
        badge = (*rules, item.far[index]) if index in item.far else rules
        alarm = any(violation.alarm for violation in together[index]) or not together[index]
        marks.append(Marked(index, *place, _is_up(item, index), alarm, badge, title))
    return marks


def _x_axis(
    names: _Names, count: int, edges: Edges, x_name: str, bottom: float, measures: Layout
) -> list[Mark]:
    """Return as many point names as fit under the last plot, at round numbers, and the axis' name."""
    size = measures.font
    widest = max(text_width(names.short(i), size) for i in range(count))
    gap = edges.x[1] - edges.x[0] if count > 1 else widest
    stride = _stride(max(widest + 10, 0.045 * measures.width) / gap)
    y = bottom + 1.35 * size
    room = edges.right + 6 if x_name else measures.width
    texts: list[Mark] = []
    taken: list[Box] = []
    multiples = [i for i in range(count) if names.number(i) % stride == 0]
    # Round numbers first, then the first point where it is not squeezed against the next.
    first = [0] if multiples and multiples[0] >= 0.6 * stride else [] if multiples else [0, count - 1]
    for i in [*multiples, *first]:
        text = Text("text", edges.x[i], y, names.short(i), size, "middle")
        if text.box.left < 0:
            text = Text("text", 0, y, text.text, size)
        if text.box.right <= room and free(text.box, taken, 5):
            taken.append(text.box)
            texts.append(text)
    marks: list[Mark] = [Group("ticks", tuple(texts))]
    if x_name:
        marks.append(Text("text", edges.right + 10, y, _x_name(x_name, measures), size))
    return marks


def _stride(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20 … that is not less than `least`."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10


def _describe(prepared: Sequence[_Prepared], names: _Names, labels: Labels) -> str:
    """Say in words what the chart shows: limits, number of points, violating points."""
    sentences: list[str] = []
    for item in prepared:
        panel = item.panel
        number = sum(value is not None for value in item.values)
        words = [panel.name, labels.count.replace("{}", str(number))]
        words += [label.text for label in item.references]
        points = sorted({v.index for v in panel.violations if 0 <= v.index < len(item.values)})
        if points:
            words.append("▲ " + ", ".join(names.short(i) for i in points))
        sentences.append(" ".join(words))
    return "; ".join(sentences)


def _data(
    prepared: Sequence[_Prepared],
    frames: Sequence[Frame],
    edges: Edges,
    names: _Names,
    point_labels: Sequence[str],
) -> str:
    """Return what the script needs to answer a finger: places and values, compact.

    x: first place and distance; r: left and right edge; w: how a point is called; n: names (absent: 1, 2 …);
    p: per plot title, unit, decimals, top and bottom, values; e: excluded points.
    """
    count = len(edges.x)
    gap = edges.x[1] - edges.x[0] if count > 1 else 0.0
    data: dict[str, object] = {
        "x": [round(edges.x[0], 2), round(gap, 4)],
        "r": [round(edges.left, 1), round(edges.right, 1)],
        "c": count,
        "w": names.labels.point,
    }
    if point_labels:
        data["n"] = [names.short(i) for i in range(count)]
    excluded = sorted({i for item in prepared for i in item.panel.excluded if 0 <= i < count})
    if excluded:
        data["e"] = {"w": names.labels.excluded, "i": excluded}
    data["p"] = [
        {
            "t": item.panel.name,
            "u": item.panel.unit,
            "d": item.decimals,
            "y": [round(frame.box.top, 1), round(frame.box.bottom, 1)],
            "v": [None if v is None else _short(v, item.decimals) for v in item.values],
        }
        for item, frame in zip(prepared, frames, strict=True)
    ]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _short(value: float, decimals: int) -> float | int:
    """Return the value as displayed, as the shortest number."""
    shown = round(value, decimals) if decimals <= 9 and 1e-9 <= abs(value) < 1e10 else float(f"{value:.5g}")
    return int(shown) if shown.is_integer() and abs(shown) < 1e15 else shown
