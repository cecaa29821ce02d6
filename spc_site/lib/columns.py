"""Columns and header fields of sheets as objects.

One list of `Column` draws the empty form (titles, comments, drop-downs, instructions), finds
its columns again in a filled one, cleans the cells and names them in errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from spc_site.lib.sheets import CellValue, ExcelError, Uncached, is_blank
from spc_site.lib.text import NumberError, decimal_text, parse_number, tidy

_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T\s].*)?")
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_EXCEL_EPOCH = date(1899, 12, 30)
_SERIAL_DAYS = range(32874, 73415)  # 1990 to 2100: a date whose cell lost its date format


class CellFault(ValueError):
    """A cell that cannot be taken as it is; `code` and `params` say why."""

    def __init__(self, code: str, **params: str) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def clean_text(value: CellValue) -> str:
    """Return a cell as tidy text; a number as its shortest decimal.

    Raises
    ------
    CellFault
        `excel_error`, `uncached`, or `date_not_text` for what Excel took for a date.
    """
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return clean_number(value)
    if isinstance(value, ExcelError):
        raise CellFault("excel_error", value=value.code)
    if isinstance(value, Uncached):
        raise CellFault("uncached")
    raise CellFault("date_not_text", value=str(value))


def clean_number(value: CellValue, unit: str = "") -> str:
    """Return a cell as plain decimal text, blank if it is blank.

    Raises
    ------
    CellFault
        `excel_error`, `uncached`, `not_a_number`, `comma_decimal`, `censored`, `too_long`.
    """
    if is_blank(value):
        return ""
    if isinstance(value, ExcelError):
        raise CellFault("excel_error", value=value.code)
    if isinstance(value, Uncached):
        raise CellFault("uncached")
    try:
        if isinstance(value, str):
            return parse_number(value, unit)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return decimal_text(value)
    except NumberError as error:
        raise CellFault(error.code, value=str(value).strip()) from error
    raise CellFault("not_a_number", value=str(value))


def clean_count(value: CellValue) -> str:
    """Return a cell as a whole number from 1 on, as text; blank if it is blank.

    Raises
    ------
    CellFault
        As `clean_number`, and `not_a_count` for fractions, zero and less.
    """
    text = clean_number(value)
    whole, _, fraction = text.partition(".")
    if text and (fraction.strip("0") or not whole.isdigit() or int(whole) < 1):
        raise CellFault("not_a_count", value=text)
    return whole


def clean_day(value: CellValue) -> str:
    """Return a cell as a date in ISO form; blank if it is blank.

    A true date, `2024-01-15`, `2024/1/15`, `2024.1.15`, `2024年1月15日`, `20240115`, and the
    serial number of a date whose cell lost its format are understood. Two-digit years are not.

    Raises
    ------
    CellFault
        `excel_error`, `uncached`, `not_a_date`.
    """
    if is_blank(value):
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = clean_text(value)
    if text.isdigit() and int(text) in _SERIAL_DAYS:
        return (_EXCEL_EPOCH + timedelta(days=int(text))).isoformat()
    match = _DAY.fullmatch(text) or _COMPACT_DAY.fullmatch(text)
    try:
        return date(*map(int, match.groups())).isoformat() if match else _no_day(text)
    except ValueError as error:
        raise CellFault("not_a_date", value=text) from error


def _no_day(text: str) -> str:
    raise ValueError(text)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, or one field of a form's header.

    `title` and `english` are printed, `aliases` are other names under which it is recognised,
    `note` tells the person at the form what belongs here, `example` fills the sample row.
    """

    key: str
    title: str
    english: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    clean: Callable[[CellValue], str] = clean_text
    max_length: int = 120
    choices: tuple[str, ...] = ()
    width: float = 10
    note: str = ""
    note_english: str = ""
    example: str | float = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every name under which the column is recognised, the printed ones first."""
        return (self.title, self.english, *self.aliases)

    def read(self, value: CellValue) -> str:
        """Return the cleaned text of a cell that fits the column.

        Raises
        ------
        CellFault
            As `clean`, and `text_too_long`, `not_a_choice`.
        """
        text = self.clean(value)
        if len(text) > self.max_length:
            raise CellFault("text_too_long", value=text[:20] + "…", limit=str(self.max_length))
        if text and self.choices and text not in self.choices:
            raise CellFault("not_a_choice", value=text, choices=" / ".join(self.choices))
        return text
