"""The layout of a control chart: its plots above each other, over a shared axis of points."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spc_site.lib.svg.control.axis import draw_x_axis, fitted_name
from spc_site.lib.svg.control.panels import (
    ControlPanel,
    Names,
    Prepared,
    Stage,
    needs_axis,
    panel_title,
    prepare,
)
from spc_site.lib.svg.control.plots import draw_panel, frame_of
from spc_site.lib.svg.control.stages import draw_stages, stage_names
from spc_site.lib.svg.control.telling import data_of, describe
from spc_site.lib.svg.limits import (
    Edges,
    label_width,
)
from spc_site.lib.svg.notes import Note, draw_heading, draw_notes
from spc_site.lib.svg.place import Box, free
from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.scales import nice_ticks
from spc_site.lib.svg.spec import (
    LAYOUTS,
    ChartSpec,
    Frame,
    Labels,
    Layout,
    LayoutName,
    Mark,
    Text,
    ThemeName,
)
from spc_site.lib.svg.text import text_width


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
    prepared = [prepare(panel, count, labels, measures) for panel in panels]
    if not any(value is not None for item in prepared for value in item.values):
        return empty_chart(title=title, message=labels.no_data, layout=layout, theme=theme)
    names = Names(tuple(point_labels), labels)
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
        frame = frame_of(item, Box(left, y, right, y + height), edges, measures)
        frames.append(frame)
        top = stage_row[0] if number == 0 else y - 0.5 * measures.font
        marks.append(Text("text-ink", 2, top, panel_title(item.panel, measures.width), measures.font))
        plots.extend(draw_panel(number, item, frame, edges, starts, names, measures))
        y += height
    marks.extend(draw_stages(stages, edges, count, stage_row[1], frames, measures))
    marks.extend(plots)
    marks.extend(draw_x_axis(names, count, edges, x_name, y, measures))
    y += 1.65 * measures.font
    y = draw_notes(marks, notes, y, measures)
    return ChartSpec(
        "control",
        measures.width,
        math.ceil(y + 2),
        title,
        desc or describe(prepared, names, labels),
        tuple(marks),
        tuple(frames),
        data_of(prepared, frames, edges, names, point_labels),
        layout,
        theme,
    )


def _columns(prepared: Sequence[Prepared], x_name: str, measures: Layout) -> tuple[float, float]:
    """Return the left and right edge of the plots: room for labels at the right, for ticks only if needed."""
    labels = [label for item in prepared for label in item.references]
    x_name_width = text_width(fitted_name(x_name, measures), measures.font)
    right_room = max(label_width(labels, measures.font), x_name_width)
    left = measures.edge
    for item in prepared:
        if needs_axis(item):
            ticks = nice_ticks(item.lo, item.hi, 4)
            widest = max(text_width(text, measures.font) for text in ticks.labels)
            left = max(left, widest + 8)
    room = right_room + 12 if right_room else measures.edge
    return left, measures.width - room


def _edges(count: int, left: float, right: float, measures: Layout) -> Edges:
    """Return the points' places, evenly spaced with a little room at both ends."""
    inner_left, inner_right = left + measures.dot + 2, right - measures.dot - 2
    if count == 1:
        return Edges(left, right, ((left + right) / 2,))
    gap = (inner_right - inner_left) / (count - 1)
    return Edges(left, right, tuple(inner_left + i * gap for i in range(count)))


def _header_rows(
    item: Prepared, stages: Sequence[Stage], edges: Edges, measures: Layout, y: float, count: int
) -> tuple[float, tuple[float, float]]:
    """Return the top of the first plot, and the base lines of its title and of the stages' names.

    Both share a row where they keep clear of each other.
    """
    first = y + measures.font
    names = [mark for mark in stage_names(stages, edges, count, first, measures) if isinstance(mark, Text)]
    title = Text("text-ink", 2, first, panel_title(item.panel, measures.width), measures.font).box
    row = 1.35 * measures.font
    second = first if all(free(title, [name.box], 6) for name in names) else first + row
    if not item.panel.name:
        second = first
    return second + 0.5 * measures.font, (first, second)
