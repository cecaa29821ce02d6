"""Workbook → cells: fast, bounded before it is opened, and exact about what is blank.

python-calamine reads the values of an .xlsx. It shows an Excel error (`#DIV/0!`) and a formula
without a stored result as blanks, and a percentage as its bare fraction. So every sheet is
looked at a second time (`ooxml`), and those cells become an `ExcelError`, `UNCACHED` or the
text that a person sees (`95.2%`). Old .xls files are read by `biff`.

Bounds are checked on the true inflated bytes, not on what an archive claims about itself,
and before the reader allocates a grid: two cells at opposite corners of a sheet would
otherwise ask for gigabytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeAlias, cast

import python_calamine as calamine

from spc_site.lib import biff, ooxml
from spc_site.lib.looks import UNCACHED, ExcelError, Limits, Uncached, WorkbookError
from spc_site.lib.text import percent_text

__all__ = [
    "BLANK",
    "UNCACHED",
    "CellValue",
    "ExcelError",
    "Limits",
    "Sheet",
    "Span",
    "Uncached",
    "WorkbookError",
    "address",
    "column_letters",
    "is_blank",
    "open_workbook",
    "read_bytes",
]

CellValue: TypeAlias = "str | float | int | bool | date | datetime | time | timedelta | ExcelError | Uncached"
Span: TypeAlias = tuple[int, int, int, int]
"""First row, first column, last row, last column; all counted from 0 and included."""

BLANK = ""
"""What a cell without content holds."""


@dataclass(slots=True)
class Sheet:
    """One visible worksheet. Rows and columns are counted from 0, from cell A1 on.

    `rows` has every row down to the last one with a value, all equally long. In a merged range
    only the first cell holds the value; `anchor` leads there.
    """

    name: str
    rows: list[list[CellValue]]
    spans: tuple[Span, ...] = ()
    number_format: Callable[[int, int], str | None] = field(default=lambda row, column: None, repr=False)
    is_transposed: bool = False
    _by_row: dict[int, list[Span]] | None = field(default=None, repr=False)

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    def at(self, row: int, column: int) -> CellValue:
        """Return the value of a cell; beyond the last cell everything is blank."""
        if 0 <= row < len(self.rows) and 0 <= column < self.width:
            return self.rows[row][column]
        return BLANK

    def span(self, row: int, column: int) -> Span:
        """Return the merged range that a cell is part of, or the cell alone."""
        if self._by_row is None:
            self._by_row = {}
            for span in self.spans:
                for covered in range(span[0], min(span[2], len(self.rows)) + 1):
                    self._by_row.setdefault(covered, []).append(span)
        for span in self._by_row.get(row, ()):
            if span[1] <= column <= span[3]:
                return span
        return row, column, row, column

    def address(self, row: int, column: int) -> str:
        """Return the address of a cell as the file has it."""
        return address(column, row) if self.is_transposed else address(row, column)

    def transposed(self) -> Sheet:
        """Return the sheet with rows and columns exchanged; addresses stay those of the file."""
        return Sheet(
            name=self.name,
            rows=[list(column) for column in zip(*self.rows, strict=True)],
            spans=tuple((left, top, right, bottom) for top, left, bottom, right in self.spans),
            number_format=lambda row, column: self.number_format(column, row),
            is_transposed=not self.is_transposed,
        )

    def anchor(self, row: int, column: int) -> CellValue:
        """Return the value that a cell shows, also inside a merged range."""
        top, left, _, _ = self.span(row, column)
        return self.at(top, left)


def is_blank(value: CellValue) -> bool:
    """Say whether a cell holds nothing; blanks in it are nothing, an Excel error is something."""
    return isinstance(value, str) and not value.strip()


@lru_cache(maxsize=1024)
def column_letters(column: int) -> str:
    """Return the letters of a column counted from 0: `A`, `Z`, `AA`."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def address(row: int, column: int) -> str:
    """Return the address that Excel shows for a cell counted from 0: `address(11, 5)` is `F12`."""
    return f"{column_letters(column)}{row + 1}"


def read_bytes(path: Path, limits: Limits = Limits()) -> bytes:  # noqa: B008 — frozen
    """Return the bytes of a file that is not too large to be a report."""
    if path.stat().st_size > limits.file_bytes:
        raise WorkbookError("file_too_large", limit=str(limits.file_bytes // 2**20))
    return path.read_bytes()


def open_workbook(data: bytes, limits: Limits = Limits()) -> Iterator[Sheet]:  # noqa: B008 — frozen
    """Yield the visible worksheets of an .xlsx, .xlsm or .xls file, recognised by content.

    Raises
    ------
    WorkbookError
        With one code that says why the file cannot be read: `empty_file`, `file_too_large`,
        `not_a_workbook`, `encrypted`, `damaged`, `unpacks_too_large`, `too_many_members`,
        `too_many_sheets`, `sheet_too_large`, `too_many_merged`.
    """
    if not data:
        raise WorkbookError("empty_file")
    if len(data) > limits.file_bytes:
        raise WorkbookError("file_too_large", limit=str(limits.file_bytes // 2**20))
    if data.startswith(biff.SIGNATURE):
        for raw in biff.read_sheets(data, limits):
            yield Sheet(
                raw.name,
                cast("list[list[CellValue]]", raw.rows),
                tuple(raw.spans),
                partial(_format_of, raw.formats),
            )
    elif data.startswith(b"PK"):
        yield from _read_package(data, limits)
    else:
        raise WorkbookError("not_a_workbook")


def _format_of(formats: dict[tuple[int, int], str], row: int, column: int) -> str | None:
    return formats.get((row, column))


def _read_package(data: bytes, limits: Limits) -> Iterator[Sheet]:
    package = ooxml.Package(data, limits)
    try:
        with calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            metadata = workbook.sheets_metadata
            if len(metadata) > limits.sheets:
                raise WorkbookError("too_many_sheets", limit=str(limits.sheets))
            for index, sheet in enumerate(metadata):
                if (
                    sheet.typ == calamine.SheetTypeEnum.WorkSheet
                    and sheet.visible == calamine.SheetVisibleEnum.Visible
                ):
                    yield _read_sheet(workbook, index, sheet.name, package, limits)
    except calamine.PasswordError as error:
        raise WorkbookError("encrypted") from error
    except calamine.CalamineError as error:
        raise WorkbookError("damaged") from error
    except BaseException as error:
        # The reader is Rust; where it panics over a damaged file, it raises outside of Exception.
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise WorkbookError("damaged") from error


def _read_sheet(
    workbook: calamine.CalamineWorkbook, index: int, name: str, package: ooxml.Package, limits: Limits
) -> Sheet:
    look = package.look(index)
    if not limits.allow(look.height, look.width):
        raise WorkbookError("sheet_too_large", **limits.extent(name))
    grid = workbook.get_sheet_by_index(index)
    rows = cast("list[list[CellValue]]", grid.to_python(skip_empty_area=False))
    for (row, column), code in look.errors.items():
        _put(rows, row, column, ExcelError(code))
    for row, column in look.uncached:
        _put(rows, row, column, UNCACHED)
    for row, column in look.percents:
        if row < len(rows) and column < len(rows[row]) and type(value := rows[row][column]) is float:
            rows[row][column] = percent_text(value)
    merged = grid.merged_cell_ranges or []
    if len(merged) > limits.merged:
        raise WorkbookError("too_many_merged", sheet=name, limit=str(limits.merged))
    spans = tuple((top, left, bottom, right) for (top, left), (bottom, right) in merged)
    return Sheet(
        name=name,
        rows=rows,
        spans=spans,
        number_format=partial(package.number_format, index),
    )


def _put(rows: list[list[CellValue]], row: int, column: int, value: CellValue) -> None:
    """Set a cell that the reader may have left out, because it ends the sheet and looked blank."""
    width = max(len(rows[0]) if rows else 0, column + 1)
    while len(rows) <= row:
        rows.append([])
    for cells in rows:
        if len(cells) < width:
            cells.extend([BLANK] * (width - len(cells)))
    rows[row][column] = value
