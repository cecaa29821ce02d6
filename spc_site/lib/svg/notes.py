"""Sentences around a chart, for pictures without a page: a heading above, notes on rules below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spc_site.lib.svg.spec import Group, Layout, Mark, Text
from spc_site.lib.svg.text import clean, wrap
from spc_site.lib.svg.violations import pills, pills_width


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about rules, drawn after their names: "① one point beyond the limits: …"."""

    rules: tuple[str, ...]
    text: str
    alarm: bool = True


def draw_heading(marks: list[Mark], text: str, measures: Layout) -> float:
    """Add the heading's lines to `marks` and return the y below them."""
    size = measures.font + 2
    y = 4.0
    for row in wrap(clean(text), size, measures.width - 4):
        y += 1.3 * size
        marks.append(Text("text-ink", 2, y - 0.25 * size, row, size))
    return y + 6 if text else y


def draw_notes(marks: list[Mark], notes: Sequence[Note], y: float, measures: Layout) -> float:
    """Add the notes to `marks` and return the y below them."""
    size = measures.font
    for note in notes:
        y += 1.55 * size
        x = 2.0
        if note.rules:
            badge = pills(note.rules, x, y - 0.36 * size, measures.badge_font, alarm=note.alarm)
            marks.append(Group("at", badge))
            x += pills_width(note.rules, measures.badge_font) + 4
        rows = wrap(clean(note.text), size, measures.width - x - 2)
        for number, row in enumerate(rows):
            if number:
                y += 1.3 * size
            marks.append(Text("text", x, y, row, size))
    return y + (0.4 * size if notes else 0)
