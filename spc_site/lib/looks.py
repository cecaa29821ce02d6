"""What the readers of all file formats share: values that are none, limits, number formats."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExcelError:
    """An error value such as `#DIV/0!`."""

    code: str


@dataclass(frozen=True, slots=True)
class Uncached:
    """A formula whose result is not stored in the file: no spreadsheet program computed it."""


UNCACHED = Uncached()


class WorkbookError(ValueError):
    """A file that cannot be read as a workbook; `code` and `params` say why."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a workbook may be. Generous: 10,000 characteristics of 125 values fit."""

    file_bytes: int = 32 * 2**20
    unpacked_bytes: int = 384 * 2**20
    members: int = 5000
    sheets: int = 1000
    rows: int = 100_000
    columns: int = 702  # column ZZ
    cells: int = 4_000_000
    merged: int = 200_000

    def allow(self, height: int, width: int) -> bool:
        """Say whether a grid of this extent may be allocated."""
        return height <= self.rows and width <= self.columns and height * width <= self.cells

    def extent(self, sheet: str) -> dict[str, str]:
        """Return what the error about a sheet that is too large tells."""
        return {"sheet": sheet, "rows": str(self.rows), "columns": str(self.columns)}


@dataclass(slots=True)
class Look:
    """Cells of one sheet that the fast reader does not show as they are, and its extent."""

    height: int = 0
    width: int = 0
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    uncached: set[tuple[int, int]] = field(default_factory=set)
    percents: set[tuple[int, int]] = field(default_factory=set)


def is_percent_format(code: str) -> bool:
    """Say whether a number format shows the hundredfold with a percent sign."""
    return "%" in re.sub(r'"[^"]*"|\\.', "", code.split(";")[0])


def is_date_format(code: str) -> bool:
    """Say whether a number format shows a date or a time."""
    return bool(
        re.search(
            r"[ymdhs]", re.sub(r'"[^"]*"|\\.|\[[^\]]*\]|General', "", code.split(";")[0], flags=re.I), re.I
        )
    )
