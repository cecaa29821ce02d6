"""Measured values as people paste or type them → the list that an entry stores, pure.

A row or column copied from Excel, numbers with blanks, commas or ideographic marks between:
each becomes decimal text as written, `OK`, `NG`, or None for a sample left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from quality.importing.meanings import ABSENT_WORDS, NG_WORDS, OK_WORDS
from spc_site.lib.text import NumberError, parse_number, tidy

MAX_VALUES = 1000
_WORDS = (
    {word.casefold(): "OK" for word in OK_WORDS}
    | {word.casefold(): "NG" for word in NG_WORDS}
    | {word.casefold(): None for word in ABSENT_WORDS}
)
_BETWEEN = re.compile(r"[\s;；、]+")
_COMMAS = re.compile(r"[,，]")


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value that cannot be read: which one (from 1), what was written, in which way it is wrong."""

    position: int
    text: str
    code: str


class PasteError(ValueError):
    """Text that is no list of values; `bad` names every one of them."""

    def __init__(self, bad: list[BadValue]) -> None:
        super().__init__(", ".join(f"{one.position}: {one.text!r} {one.code}" for one in bad))
        self.bad = bad


def parse(text: str, unit: str = "") -> list[Any]:
    """Return the values that a text holds, in order.

    Between tabs an empty cell is a sample left out; elsewhere blanks only separate. A comma
    separates where at least one side has a decimal point; `10,05` alone is refused, since it
    may be a decimal comma.

    Raises PasteError naming every value that cannot be read, a mixture of numbers with OK/NG
    (`mixed`) and too many values (`too_many`).
    """
    cells = _cells(text)
    if len(cells) > MAX_VALUES:
        raise PasteError([BadValue(MAX_VALUES + 1, cells[MAX_VALUES], "too_many")])
    values: list[str | None] = []
    bad: list[BadValue] = []
    for position, cell in enumerate(cells, start=1):
        word = tidy(cell).casefold()
        if not word or word in _WORDS:
            values.append(_WORDS.get(word))
            continue
        try:
            values.append(parse_number(cell, unit))
        except NumberError as error:
            bad.append(BadValue(position, cell, error.code))
    if bad:
        raise PasteError(bad)
    words = [position for position, value in enumerate(values, start=1) if value in ("OK", "NG")]
    if words and any(value not in ("OK", "NG", None) for value in values):
        raise PasteError([BadValue(position, cells[position - 1], "mixed") for position in words])
    return values


def _cells(text: str) -> list[str]:
    text = text.strip("\r\n ")
    if "\t" in text:
        lines = text.splitlines()
        return [cell.strip() for line in lines for cell in line.split("\t")]
    cells: list[str] = []
    for piece in _BETWEEN.split(text.replace("NO GO", "NOGO")):
        parts = _COMMAS.split(piece)
        is_list = len(parts) > 1 and any("." in part for part in parts)
        cells.extend(part for part in (parts if is_list else [piece]) if part)
    return cells


def to_text(values: list[Any]) -> str:
    """Return values as a text that `parse` reads back: ten to a line, `-` where one is missing."""
    cells = ["-" if value is None else str(value) for value in values]
    return "\n".join("  ".join(cells[start : start + 10]) for start in range(0, len(cells), 10))
