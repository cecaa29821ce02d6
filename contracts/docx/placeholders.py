"""Which pieces of a text are placeholders, and of which field.

${name}        spaces inside ignored; anything else than a name in the braces is an error
$name          the longest declared name at that place that does not cut an ASCII word in two
$list.field    a column of a list, in a table row
$$             a dollar sign; so is a `$` that no name follows
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contracts.docx.errors import FieldError

BARRIER = "\x00"
"""Stands in a text where no placeholder may go on: a break, a tab, a hyphen. XML cannot hold it."""

ANY_COLUMN = "*"
_WORD = re.compile(r"\w+")
_ASCII_WORD = re.compile(r"[A-Za-z0-9_]+")
_BRACED = re.compile(r"([^\W\d]\w*)(?:\.([^\W\d]\w*))?")


def is_name(text: str) -> bool:
    """Tell whether the text can name a field: letters, digits and underscores, no digit in front."""
    return bool(_BRACED.fullmatch(text)) and "." not in text and _starts_name(text[0])


class Fields:
    """The declared fields: single ones, and lists with their columns (None: any column).

    Raises FieldError for a name that no placeholder could have, or that is declared in two kinds.
    """

    __slots__ = ("_lengths", "lists", "singles")

    def __init__(
        self, singles: Iterable[str], lists: Mapping[str, Iterable[str] | None] | None = None
    ) -> None:
        self.singles = frozenset(singles)
        self.lists = {
            name: None if columns is None else frozenset(columns) for name, columns in (lists or {}).items()
        }
        names = [*self.singles, *self.lists]
        names += [column for columns in self.lists.values() for column in columns or ()]
        if bad := sorted(name for name in names if not is_name(name)):
            raise FieldError(f"no names: {', '.join(map(repr, bad))}")
        if both := sorted(self.singles & self.lists.keys()):
            raise FieldError(f"declared as a single field and as a list: {', '.join(both)}")
        self._lengths = sorted({len(name) for name in (*self.singles, *self.lists)}, reverse=True)

    @classmethod
    def of(cls, declared: Fields | Iterable[str] | Mapping[str, Iterable[str] | None]) -> Fields:
        """Return the fields of names (`a`, `list.column`, `list.*`), or of a mapping.

        The mapping has None for a single field and the columns for a list.
        """
        if isinstance(declared, Fields):
            return declared
        if isinstance(declared, Mapping):
            if texts := [name for name, columns in declared.items() if isinstance(columns, str)]:
                raise FieldError(f"a text where None or columns are expected: {', '.join(texts)}")
            names = [
                name if columns is None else f"{name}.{column}"
                for name, columns in declared.items()
                for column in (columns if columns is not None else ("",))
            ]
            empty = {name: set[str]() for name, columns in declared.items() if columns is not None}
        else:
            names, empty = list(declared), {}
        singles = {name for name in names if "." not in name}
        columns_of: dict[str, set[str]] = empty
        for name in names:
            if "." in name:
                head, _, column = name.partition(".")
                columns_of.setdefault(head, set()).add(column)
        return cls(
            singles,
            {name: None if ANY_COLUMN in columns else columns for name, columns in columns_of.items()},
        )

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Fields:
        """Return the fields that these values could fill; an empty list has any column.

        What no placeholder could name is left out: data may hold more than a template needs.
        """
        lists: dict[str, set[str] | None] = {}
        singles = set()
        for name, value in values.items():
            if not is_name(name):
                continue
            if isinstance(value, list | tuple):
                items = [item for item in value if isinstance(item, Mapping)]
                columns = {str(column) for item in items for column in item if is_name(str(column))}
                lists[name] = columns or None
            else:
                singles.add(name)
        return cls(singles, lists)

    def has(self, name: str, column: str | None) -> bool:
        """Tell whether this field is declared."""
        if column is None:
            return name in self.singles
        if name not in self.lists:
            return False
        columns = self.lists[name]
        return columns is None or column in columns

    def all(self) -> list[str]:
        """Return every declared name, columns as `list.column`."""
        columns = [f"{name}.{column}" for name, found in self.lists.items() for column in found or ()]
        return sorted((*self.singles, *columns))

    def longest_at(self, text: str, start: int) -> tuple[str, str | None, int] | None:
        """Return (name, column, end) of the longest declared field that stands at `start`."""
        best: tuple[str, str | None, int] | None = None
        for length in self._lengths:
            end = start + length
            if end > len(text):
                continue
            name = text[start:end]
            if name in self.singles:
                if not _cuts_word(text, end) and (best is None or end > best[2]):
                    best = (name, None, end)
            elif (
                name in self.lists
                and (found := self._column_at(text, end, name))
                and (best is None or found[1] > best[2])
            ):
                best = (name, *found)
        return best

    def bare_list_at(self, text: str, start: int) -> tuple[str, int] | None:
        """Return (name, end) of the longest list whose name stands at `start`."""
        for length in self._lengths:
            end = start + length
            if end <= len(text) and text[start:end] in self.lists and not _cuts_word(text, end):
                return text[start:end], end
        return None

    def _column_at(self, text: str, dot: int, name: str) -> tuple[str, int] | None:
        if text[dot : dot + 1] != ".":
            return None
        columns = self.lists[name]
        if columns is None:
            end = _guessed_end(text, dot + 1)
            return (text[dot + 1 : end], end) if end > dot + 1 else None
        fitting = (
            column
            for column in columns
            if text.startswith(column, dot + 1) and not _cuts_word(text, dot + 1 + len(column))
        )
        column = max(fitting, key=len, default=None)
        return None if column is None else (column, dot + 1 + len(column))


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that a `$` starts, at [start, stop) of the text.

    kind    field: declared; unknown: a name that is not declared; escape: `$$`; lone: a `$` alone;
            bad: an error, told by `reason`
    braced  written with braces
    """

    kind: Literal["field", "unknown", "escape", "lone", "bad"]
    start: int
    stop: int
    name: str = ""
    column: str | None = None
    reason: str = ""
    braced: bool = False

    @property
    def full_name(self) -> str:
        return self.name if self.column is None else f"{self.name}.{self.column}"


def find(text: str, fields: Fields, *, in_row: bool) -> list[Mark]:
    """Return what the dollar signs of a text mean; `in_row`: the text stands in a table row."""
    marks: list[Mark] = []
    place = text.find("$")
    while place >= 0:
        mark = _mark_at(text, place, fields, in_row)
        if mark.kind in ("field", "unknown") and mark.column is not None and not in_row:
            mark = Mark("bad", mark.start, mark.stop, reason="a column of a list outside a table row")
        marks.append(mark)
        place = text.find("$", mark.stop)
    return marks


def _mark_at(text: str, place: int, fields: Fields, in_row: bool) -> Mark:
    following = text[place + 1 : place + 2]
    if following == "$":
        return Mark("escape", place, place + 2)
    if following == "{":
        return _braced(text, place, fields)
    if not following or not _starts_name(following):
        return Mark("lone", place, place + 1)
    if found := fields.longest_at(text, place + 1):
        name, column, end = found
        return Mark("field", place, end, name, column)
    if bare := fields.bare_list_at(text, place + 1):
        name, end = bare
        if text[end : end + 1] == "." and (column_end := _guessed_end(text, end + 1)) > end + 1:
            return Mark("unknown", place, column_end, name, text[end + 1 : column_end])
        return Mark("bad", place, end, reason="a list without a column")
    end = _guessed_end(text, place + 1)
    name = text[place + 1 : end]
    if in_row and text[end : end + 1] == "." and (column_end := _guessed_end(text, end + 1)) > end + 1:
        return Mark("unknown", place, column_end, name, text[end + 1 : column_end])
    return Mark("unknown", place, end, name)


def _braced(text: str, place: int, fields: Fields) -> Mark:
    close = text.find("}", place)
    barrier = text.find(BARRIER, place)
    if close < 0 or 0 <= barrier < close:
        stop = barrier if barrier >= 0 else len(text)
        return Mark("bad", place, stop, reason="a brace that is not closed")
    inside = text[place + 2 : close].strip()
    if not inside:
        return Mark("bad", place, close + 1, reason="empty braces")
    found = _BRACED.fullmatch(inside)
    if not found or not _starts_name(inside[0]) or (found[2] and not _starts_name(found[2][0])):
        return Mark("bad", place, close + 1, reason="no name in the braces")
    if found[2] is None and found[1] in fields.lists:
        return Mark("bad", place, close + 1, reason="a list without a column")
    kind: Literal["field", "unknown"] = "field" if fields.has(found[1], found[2]) else "unknown"
    return Mark(kind, place, close + 1, found[1], found[2], braced=True)


def _starts_name(character: str) -> bool:
    return character == "_" or character.isalpha()


def _cuts_word(text: str, end: int) -> bool:
    return bool(_ASCII_WORD.fullmatch(text[end - 1 : end + 1])) and end < len(text)


def _guessed_end(text: str, start: int) -> int:
    """Return where a name that nobody declared ends: an ASCII word with ASCII, others with their letters."""
    if start >= len(text) or not _starts_name(text[start]):
        return start
    found = (_ASCII_WORD if text[start].isascii() else _WORD).match(text, start)
    return found.end() if found else start
