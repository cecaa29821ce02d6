"""Placing labels so that they never overlap: along a line, and around points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its edges; y grows downwards as in SVG."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box, gap: float = 0.0) -> bool:
        """Say whether the two share area, or come closer than `gap`."""
        return (
            self.left < other.right + gap
            and other.left < self.right + gap
            and self.top < other.bottom + gap
            and other.top < self.bottom + gap
        )

    def inside(self, other: Box) -> bool:
        """Say whether this box lies wholly in the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )

    def moved(self, dx: float, dy: float) -> Box:
        """Return the box moved."""
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)


def crosses(box: Box, start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Say whether the straight line from start to end runs through the box (Liang and Barsky's clipping)."""
    enter, leave = 0.0, 1.0
    (x, y), dx, dy = start, end[0] - start[0], end[1] - start[1]
    for slope, distance in (
        (-dx, x - box.left),
        (dx, box.right - x),
        (-dy, y - box.top),
        (dy, box.bottom - y),
    ):
        if slope == 0:
            if distance < 0:
                return False
        elif slope < 0:
            enter = max(enter, distance / slope)
        else:
            leave = min(leave, distance / slope)
    return enter <= leave


def free(box: Box, taken: Iterable[Box], gap: float = 0.0) -> bool:
    """Say whether `box` keeps clear of all `taken` boxes."""
    return not any(box.overlaps(other, gap) for other in taken)


def spread(wanted: Sequence[float], sizes: Sequence[float], lo: float, hi: float) -> list[float]:
    """Return centres near the wanted ones, in the same order, that do not overlap and stay within lo…hi.

    The sum of squared moves is the least possible (isotonic regression over the labels' offsets in the
    packed stack, then clamped, which keeps them in order). Where the room is too small for all, the stack
    starts at `lo` and runs over `hi`: the caller drops labels first.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    offsets: list[float] = []
    total = 0.0
    for i in order:
        offsets.append(total + sizes[i] / 2)
        total += sizes[i]
    # Pool adjacent violators: blocks of (mean of wanted - offset, members).
    blocks: list[tuple[float, int]] = []
    for i, offset in zip(order, offsets, strict=True):
        mean, count = wanted[i] - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, members = blocks.pop()
            mean = (before * members + mean * count) / (members + count)
            count += members
        blocks.append((mean, count))
    shifts = [mean for mean, count in blocks for _ in range(count)]
    centres = [0.0] * len(wanted)
    for i, offset, shift in zip(order, offsets, shifts, strict=True):
        centres[i] = max(lo, min(shift, hi - total)) + offset
    return centres
