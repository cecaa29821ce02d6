"""One plot of a control chart: lines, points, and the marks on points that violate a rule."""

from __future__ import annotations

from collections.abc import Sequence

from spc_site.lib.svg.control.panels import Names, Prepared, needs_axis
from spc_site.lib.svg.limits import (
    Edges,
    place_labels,
    step_line,
    zone_bands,
)
from spc_site.lib.svg.place import Box
from spc_site.lib.svg.scales import Scale, linear, nice_ticks
from spc_site.lib.svg.spec import (
    Dots,
    Frame,
    Group,
    Layout,
    Mark,
    Point,
    Polyline,
    Ring,
    Text,
    line,
    unbroken,
)
from spc_site.lib.svg.text import format_value
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


def frame_of(item: Prepared, box: Box, edges: Edges, measures: Layout) -> Frame:
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


def draw_panel(
    number: int,
    item: Prepared,
    frame: Frame,
    edges: Edges,
    starts: frozenset[int],
    names: Names,
    measures: Layout,
) -> list[Mark]:
    """Return everything inside and beside one plot."""
    box, y = frame.box, frame.y
    marks: list[Mark] = []
    zoom: list[Mark] = []
    if item.panel.zones:
        zoom.extend(zone_bands(item.centre, item.ucl, item.lcl, edges, y, box))
    if needs_axis(item):
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


def _is_up(item: Prepared, index: int) -> bool:
    """Say on which side of the centre line a point is marked."""
    value, centre = item.values[index], item.centre[index]
    if value is None:
        return True
    return value >= (centre if centre is not None else (item.lo + item.hi) / 2)


def _series(item: Prepared, edges: Edges, y: Scale, names: Names, measures: Layout, box: Box) -> list[Mark]:
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


def _marked(item: Prepared, places: Sequence[Point | None], names: Names) -> list[Marked]:
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
