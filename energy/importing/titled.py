"""Tables under a row of titles, in a workbook or in delimited text: what all tables but readings share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence, Sized
from typing import NamedTuple

from spc_site.lib.columns import Column
from spc_site.lib.delimited import read_delimited
from spc_site.lib.looks import WorkbookError
from spc_site.lib.problems import Problem
from spc_site.lib.sheets import Sheet, is_blank, open_workbook

_TITLE_ROWS = 10
"""The titles stand in one of these."""


class Titles(NamedTuple):
    """The row of titles, and the place of each known column; no place where a needed one is missing."""

    row: int
    places: dict[str, int]


def read_tables(
    data: bytes,
    columns: Sequence[Column],
    needed: Collection[str],
    take: Callable[[Sheet, Titles, list[Problem]], None],
    rows: Sized,
) -> list[Problem]:
    """Have `take` fill `rows` from the table of each sheet; return its problems and those of the file.

    One of them is that there is no row at all.
    """
    problems: list[Problem] = []
    try:
        for sheet in _sheets_of(data):
            titles = find_titles(sheet, columns, needed)
            if titles.places:
                take(sheet, titles, problems)
            else:
                names = "、".join(column.title for column in columns if column.key in needed)
                problems.append(Problem("no_columns", sheet.name, params={"columns": names}))
    except WorkbookError as error:
        return [Problem(error.code, params=error.params)]
    return problems if len(rows) or problems else [Problem("nothing")]


def _sheets_of(data: bytes) -> list[Sheet]:
    """Return the sheets of a workbook, or the one of a CSV file, that hold anything.

    Raises WorkbookError for what is neither.
    """
    is_workbook = data.startswith((b"PK", b"\xd0"))
    sheets = open_workbook(data) if is_workbook else [read_delimited(data)]
    return [sheet for sheet in sheets if any(True for _row in _filled(sheet, 0))]


def find_titles(sheet: Sheet, columns: Sequence[Column], needed: Collection[str]) -> Titles:
    """Return where the titles are: the first row that has all columns that are needed."""
    for number, row in enumerate(sheet.rows[:_TITLE_ROWS]):
        named = {str(value).strip(): place for place, value in reversed(list(enumerate(row)))}
        places = {
            column.key: named[label]
            for column in columns
            for label in reversed(column.labels)
            if label in named
        }
        if places.keys() >= set(needed):
            return Titles(number, places)
    return Titles(0, {})


def rows_below(sheet: Sheet, titles: Titles) -> Iterator[int]:
    """Yield the numbers of the rows below the titles that hold anything."""
    return _filled(sheet, titles.row + 1)


def _filled(sheet: Sheet, start: int) -> Iterator[int]:
    for number in range(start, len(sheet.rows)):
        if not all(is_blank(value) for value in sheet.rows[number]):
            yield number
