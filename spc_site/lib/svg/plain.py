"""A chart of nothing: says in words that there is nothing to draw."""

from __future__ import annotations

from spc_site.lib.svg.spec import LAYOUTS, ChartSpec, LayoutName, Mark, Rect, Text, ThemeName
from spc_site.lib.svg.text import clean, wrap


def empty_chart(*, title: str, message: str, layout: LayoutName, theme: ThemeName) -> ChartSpec:
    """Return a quiet frame with the message in its middle."""
    measures = LAYOUTS[layout]
    height = 96.0
    rows = wrap(clean(message), measures.font, measures.width - 32)
    top = height / 2 - 0.65 * measures.font * (len(rows) - 1) + 0.35 * measures.font
    marks: list[Mark] = [Rect("empty", 0.5, 0.5, measures.width - 1, height - 1, 8)]
    for number, row in enumerate(rows):
        y = top + 1.3 * measures.font * number
        marks.append(Text("text", measures.width / 2, y, row, measures.font, "middle"))
    return ChartSpec(
        "empty", measures.width, height, title, message, tuple(marks), layout=layout, theme=theme
    )
