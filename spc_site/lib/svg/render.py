"""Chart spec → SVG text: one deterministic string, no style, no script, no ids.

Neighbouring marks of one role share a `<g>` that carries class and colours, and all lines or dots of a
role share a path: a pair of control charts with 25 points stays near 5 KB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from spc_site.lib.svg.spec import (
    ChartSpec,
    Dots,
    Group,
    LayoutName,
    Mark,
    Polyline,
    Rect,
    Ring,
    Text,
    ThemeName,
    Triangle,
)
from spc_site.lib.svg.text import clean, coordinate, escape
from spc_site.lib.svg.theme import CLASS_PREFIX, attributes

_c = coordinate


def render_svg(spec: ChartSpec) -> str:
    """Write the chart as one SVG element that stands alone or inside a page."""
    title = escape(clean(spec.title))
    desc = f"<desc>{escape(clean(spec.desc))}</desc>" if spec.desc else ""
    data = f" data-chart='{_attribute(spec.data)}'" if spec.data else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart-svg chart-{spec.layout}"'
        f' viewBox="0 0 {_c(spec.width)} {_c(spec.height)}" width="100%" role="img" aria-label="{title}"'
        f' fill="none" font-family="sans-serif"{data}>'
        f"<title>{title}</title>{desc}{_marks(spec.marks, spec.theme)}</svg>"
    )


def render_responsive(
    build: Callable[[LayoutName], ChartSpec], layouts: Sequence[LayoutName] = ("narrow", "wide")
) -> str:
    """Write the chart once per layout in one box; `chart.css` shows the one that fits the box's width.

    Two layouts, the narrower one first.
    """
    svgs = "".join(render_svg(build(layout)) for layout in layouts)
    return f'<div class="chart chart-{"-".join(layouts)}">{svgs}</div>'


def _attribute(text: str) -> str:
    """Escape for a single-quoted attribute; JSON's many double quotes stay as they are."""
    return escape(text).replace("&quot;", '"')


def _attributes(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f' {name}="{value}"' for name, value in pairs)


def _marks(marks: Sequence[Mark], theme: ThemeName) -> str:
    out: list[str] = []
    for (role, kind), run in groupby(marks, key=lambda mark: (mark.role, type(mark))):
        pairs = [("class", CLASS_PREFIX + role), *attributes(role, theme).items()]
        members = list(run)
        if kind is Group:
            out.extend(_group(group, pairs, theme) for group in members if isinstance(group, Group))
        elif kind is Polyline:
            parts = [part for mark in members if isinstance(mark, Polyline) for part in mark.parts]
            if parts:
                out.append(f'<path{_attributes(pairs)} d="{"".join(map(_part, parts))}"/>')
        elif kind is Dots:
            out.extend(_dots(mark, pairs) for mark in members if isinstance(mark, Dots) and mark.at)
        elif kind is Text:
            texts = [mark for mark in members if isinstance(mark, Text)]
            for size, same in groupby(texts, key=lambda text: text.size):
                inner = "".join(map(_text, same))
                out.append(f"<g{_attributes([*pairs, ('font-size', f'{size:g}')])}>{inner}</g>")
        else:
            shapes = "".join(_shape(mark) for mark in members if isinstance(mark, Ring | Rect | Triangle))
            out.append(f"<g{_attributes(pairs)}>{shapes}</g>")
    return "".join(out)


def _group(group: Group, pairs: list[tuple[str, str]], theme: ThemeName) -> str:
    place = [("transform", f"translate({_c(group.x)} {_c(group.y)})")] if group.x or group.y else []
    index = [("data-i", str(group.index))] if group.index is not None else []
    lines = "\n".join(clean(row) for row in group.title.split("\n"))
    title = f"<title>{escape(lines)}</title>" if group.title else ""
    return f"<g{_attributes([*pairs, *place, *index])}>{title}{_marks(group.marks, theme)}</g>"


def _part(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " ".join(f"{_c(x)} {_c(y)}" for x, y in points)


def _dots(mark: Dots, pairs: list[tuple[str, str]]) -> str:
    # A line of no length with round ends is a dot.
    d = "".join(f"M{_c(x)} {_c(y)}h0" for x, y in mark.at)
    return f'<path{_attributes([*pairs, ("stroke-width", _c(mark.size))])} d="{d}"/>'


def _text(mark: Text) -> str:
    anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
    return f'<text x="{_c(mark.x)}" y="{_c(mark.y)}"{anchor}>{escape(clean(mark.text))}</text>'


def _shape(mark: Ring | Rect | Triangle) -> str:
    if isinstance(mark, Ring):
        return f'<circle cx="{_c(mark.x)}" cy="{_c(mark.y)}" r="{_c(mark.radius)}"/>'
    if isinstance(mark, Rect):
        corner = f' rx="{_c(mark.radius)}"' if mark.radius else ""
        return (
            f'<rect x="{_c(mark.x)}" y="{_c(mark.y)}" width="{_c(mark.width)}"'
            f' height="{_c(mark.height)}"{corner}/>'
        )
    r = mark.radius if mark.up else -mark.radius
    return f'<path d="M{_c(mark.x)} {_c(mark.y - r)}l{_c(r)} {_c(1.8 * r)}h{_c(-2 * r)}z"/>'
