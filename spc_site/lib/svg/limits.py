"""Reference lines of a control chart: limits that may change from point to point, their zones and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from spc_site.lib.svg.place import Box, spread
from spc_site.lib.svg.scales import Scale, finite
from spc_site.lib.svg.spec import Mark, Polyline, Rect, Text, line
from spc_site.lib.svg.text import text_width

Limit = float | None | Sequence[float | None]
"""One value for all points, one per point (drawn as steps), or none."""


@dataclass(frozen=True, slots=True)
class Step:
    """A run of points, first…last, that share one value."""

    first: int
    last: int
    value: float


def per_point(limit: Limit, count: int) -> tuple[float | None, ...]:
    """Return the limit at each of `count` points; a list that is too short ends in None."""
    if limit is None or isinstance(limit, int | float):
        return (finite(limit),) * count
    values = [finite(value) for value in limit][:count]
    return (*values, *[None] * (count - len(values)))


def steps(values: Sequence[float | None], breaks: frozenset[int] = frozenset()) -> list[Step]:
    """Return the runs of equal values; a run also ends before every index in `breaks`."""
    found: list[Step] = []
    for index, value in enumerate(values):
        if value is None:
            continue
        joined = found and found[-1].last == index - 1 and found[-1].value == value and index not in breaks
        if joined:
            found[-1] = Step(found[-1].first, index, value)
        else:
            found.append(Step(index, index, value))
    return found


def last_value(values: Sequence[float | None]) -> float | None:
    """Return the value that holds at the end: what the label at the right says."""
    return next((value for value in reversed(values) if value is not None), None)


@dataclass(frozen=True, slots=True)
class Edges:
    """Where the area of each point begins and ends: halfway to its neighbours, the frame at both ends."""

    left: float
    right: float
    x: tuple[float, ...]

    def start(self, index: int) -> float:
        """Return the left edge of a point's area."""
        return self.left if index == 0 else (self.x[index - 1] + self.x[index]) / 2

    def end(self, index: int) -> float:
        """Return the right edge of a point's area."""
        return self.right if index == len(self.x) - 1 else (self.x[index] + self.x[index + 1]) / 2


def step_line(
    role: str, values: Sequence[float | None], breaks: frozenset[int], edges: Edges, y: Scale
) -> Polyline:
    """Return a limit as horizontal runs; within a stage they are joined by risers."""
    parts: list[tuple[tuple[float, float], ...]] = []
    previous: Step | None = None
    for step in steps(values, breaks):
        run = ((edges.start(step.first), y(step.value)), (edges.end(step.last), y(step.value)))
        if previous and previous.last == step.first - 1 and step.first not in breaks:
            parts[-1] += run
        else:
            parts.append(run)
        previous = step
    return Polyline(role, tuple(parts))


def zone_bands(
    centre: Sequence[float | None],
    ucl: Sequence[float | None],
    lcl: Sequence[float | None],
    edges: Edges,
    y: Scale,
    plot: Box,
) -> list[Mark]:
    """Return the zones (to 1, 2 and 3 sigma) as three pale bands on top of each other.

    Sigma is a third of the way from the centre line to a limit, on each side for itself; a side without a
    limit borrows the other's.
    """
    bands: list[Mark] = []
    triples = [
        None if c is None or (u is None and low is None) else (c, u, low)
        for c, u, low in zip(centre, ucl, lcl, strict=True)
    ]
    starts = [i for i, t in enumerate(triples) if i == 0 or t != triples[i - 1]]
    for first, after in pairwise([*starts, len(triples)]):
        triple = triples[first]
        if triple is None:
            continue
        c, u, low = triple
        above = (u - c) / 3 if u is not None else (c - low) / 3 if low is not None else 0.0
        below = (c - low) / 3 if low is not None else above
        left, right = edges.start(first), edges.end(after - 1)
        for k in (3, 2, 1):
            top = min(max(y(c + k * above), plot.top), plot.bottom)
            bottom = min(max(y(c - k * below), plot.top), plot.bottom)
            if bottom - top > 0.05:
                bands.append(Rect("zone", left, top, right - left, bottom - top))
    return bands


@dataclass(frozen=True, slots=True)
class ReferenceLabel:
    """A word and a value at the right end of a line."""

    text: str
    value: float
    role: str


def label_width(labels: Sequence[ReferenceLabel], size: float) -> float:
    """Return the room that the widest label takes."""
    return max((text_width(label.text, size) for label in labels), default=0.0)


def place_labels(
    labels: Sequence[ReferenceLabel], y: Scale, *, at: float, top: float, bottom: float, size: float
) -> list[Mark]:
    """Return the labels right of the plot, moved apart; a moved one gets a thin line to its own line.

    The lowest plot has room for the six labels that a panel can have.
    """
    height = size * 1.15
    ordered = sorted(labels, key=lambda label: -label.value)
    wanted = [y.clamp(label.value) for label in ordered]
    centres = spread(wanted, [height] * len(ordered), top, bottom)
    marks: list[Mark] = [
        line("leader", at + 1, want, at + 8, centre)
        for want, centre in zip(wanted, centres, strict=True)
        if abs(want - centre) > 1.5
    ]
    for label, centre in zip(ordered, centres, strict=True):
        marks.append(Text(label.role, at + 10, centre + 0.35 * size, label.text, size))
    return marks
