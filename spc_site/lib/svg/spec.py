"""What a chart is before it is text: marks at coordinates, with the role that decides their look.

Every builder (`control`, `histogram`, …) ends in a `ChartSpec`; `render` writes it as SVG. Tests look at
the marks, not at the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from spc_site.lib.svg.place import Box
from spc_site.lib.svg.scales import Scale
from spc_site.lib.svg.text import text_width

LayoutName = Literal["narrow", "medium", "wide"]
ThemeName = Literal["light", "dark"]
Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Labels:
    """Words on charts. The defaults are Chinese; a caller with another language passes its own.

    `point` names one point of a control chart; {} is its label.
    """

    ucl: str = "UCL"
    centre: str = "CL"
    lcl: str = "LCL"
    usl: str = "USL"
    lsl: str = "LSL"
    target: str = "目标"
    point: str = "第 {} 组"
    excluded: str = "已剔除"
    count: str = "{} 个"
    no_data: str = "没有可画的数据"


ENGLISH = Labels(
    target="Target", point="No. {}", excluded="excluded", count="{} pcs", no_data="No data to draw"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The measures of one width class, in units of its view box."""

    name: LayoutName
    width: float
    font: float
    badge_font: float
    stroke: float
    dot: float
    primary: float
    secondary: float
    lone: float
    edge: float


LAYOUTS: dict[LayoutName, Layout] = {
    "narrow": Layout("narrow", 360, 12, 10, 1.3, 4.6, 176, 92, 200, 6),
    "medium": Layout("medium", 600, 12.5, 10.5, 1.3, 5, 180, 100, 210, 8),
    "wide": Layout("wide", 900, 13, 11, 1.4, 5.4, 210, 116, 230, 10),
}


@dataclass(frozen=True, slots=True)
class Polyline:
    """One or more broken lines; a gap in the data ends a part."""

    role: str
    parts: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True, slots=True)
class Dots:
    """Round dots of one size, all in one path (some ten bytes each)."""

    role: str
    at: tuple[Point, ...]
    size: float


@dataclass(frozen=True, slots=True)
class Ring:
    """A hollow circle."""

    role: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle; `radius` rounds its corners."""

    role: str
    x: float
    y: float
    width: float
    height: float
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Triangle:
    """A filled triangle around x, y that points up or down."""

    role: str
    x: float
    y: float
    radius: float
    up: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; y is the base line."""

    role: str
    x: float
    y: float
    text: str
    size: float
    anchor: Anchor = "start"

    @property
    def box(self) -> Box:
        """The estimated area of the ink's line: cap height and a little for descenders."""
        width = text_width(self.text, self.size)
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return Box(left, self.y - 0.78 * self.size, left + width, self.y + 0.14 * self.size)


@dataclass(frozen=True, slots=True)
class Group:
    """Marks that belong together, moved by x, y, with a title (shown on hover without any script).

    `index` tells the script what the group stands for: the number of a data point, or of a plot.
    """

    role: str
    marks: tuple[Mark, ...]
    x: float = 0.0
    y: float = 0.0
    title: str = ""
    index: int | None = None


Mark = Polyline | Dots | Ring | Rect | Triangle | Text | Group


@dataclass(frozen=True, slots=True)
class Frame:
    """One plot area with its scales."""

    name: str
    box: Box
    x: Scale
    y: Scale


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """A finished chart: size, words for those who cannot see it, plot areas, marks, data for the script."""

    kind: str
    width: float
    height: float
    title: str
    desc: str
    marks: tuple[Mark, ...]
    frames: tuple[Frame, ...] = ()
    data: str = ""
    layout: LayoutName = "narrow"
    theme: ThemeName = "light"

    def walk(self) -> Iterator[Mark]:
        """Yield every mark outside of groups, at its absolute place; groups themselves come before theirs."""
        return _walk(self.marks, 0.0, 0.0)

    def texts(self) -> list[Text]:
        """Return all texts at their absolute place."""
        return [mark for mark in self.walk() if isinstance(mark, Text)]


def _walk(marks: tuple[Mark, ...], dx: float, dy: float) -> Iterator[Mark]:
    for mark in marks:
        if isinstance(mark, Group):
            yield replace(mark, x=mark.x + dx, y=mark.y + dy)
            yield from _walk(mark.marks, mark.x + dx, mark.y + dy)
        elif isinstance(mark, Polyline):
            yield replace(mark, parts=tuple(tuple((x + dx, y + dy) for x, y in part) for part in mark.parts))
        elif isinstance(mark, Dots):
            yield replace(mark, at=tuple((x + dx, y + dy) for x, y in mark.at))
        else:
            yield replace(mark, x=mark.x + dx, y=mark.y + dy)


def unbroken(places: Sequence[Point | None]) -> tuple[tuple[Point, ...], ...]:
    """Return the stretches without gaps; a lone point makes no line."""
    parts: list[tuple[Point, ...]] = []
    run: list[Point] = []
    for place in [*places, None]:
        if place is not None:
            run.append(place)
            continue
        if len(run) > 1:
            parts.append(tuple(run))
        run = []
    return tuple(parts)


def line(role: str, x1: float, y1: float, x2: float, y2: float) -> Polyline:
    """Return a straight line."""
    return Polyline(role, (((x1, y1), (x2, y2)),))
