"""The axis of points below the last plot of a control chart."""

from __future__ import annotations

from spc_site.lib.svg.control.panels import Names
from spc_site.lib.svg.limits import (
    Edges,
)
from spc_site.lib.svg.place import Box, free
from spc_site.lib.svg.spec import (
    Group,
    Layout,
    Mark,
    Text,
)
from spc_site.lib.svg.text import ellipsize, text_width


def draw_x_axis(
    names: Names, count: int, edges: Edges, x_name: str, bottom: float, measures: Layout
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
        marks.append(Text("text", edges.right + 10, y, fitted_name(x_name, measures), size))
    return marks


def fitted_name(name: str, measures: Layout) -> str:
    return ellipsize(name, measures.font, measures.width / 4)


def _stride(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20 … that is not less than `least`."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if digit * power >= least:
                return digit * power
        power *= 10
