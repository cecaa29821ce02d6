"""The names of stages over a control chart, and the borders between them."""

from __future__ import annotations

from collections.abc import Sequence

from spc_site.lib.svg.control.panels import Stage
from spc_site.lib.svg.limits import (
    Edges,
)
from spc_site.lib.svg.spec import (
    Frame,
    Group,
    Layout,
    Mark,
    Polyline,
    Text,
)
from spc_site.lib.svg.text import ellipsize


def stage_names(stages: Sequence[Stage], edges: Edges, count: int, y: float, measures: Layout) -> list[Mark]:
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


def draw_stages(
    stages: Sequence[Stage],
    edges: Edges,
    count: int,
    y: float,
    frames: Sequence[Frame],
    measures: Layout,
) -> list[Mark]:
    """Return the stages' names, and the dotted borders through all plots."""
    names = stage_names(stages, edges, count, y, measures)
    inner = [edges.start(stage.start) for stage in stages if 0 < stage.start < count]
    top = y - 0.8 * measures.font
    bounds = [(top if n == 0 else f.box.top, f.box.bottom) for n, f in enumerate(frames)]
    borders = Polyline("stage", tuple(((x, a), (x, b)) for x in inner for a, b in bounds))
    return [Group("zoom", (borders, *names))] if names or inner else []
