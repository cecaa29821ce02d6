"""Output of production from a table: one row a day, group and product. Whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from spc_site.lib.columns import CellFault, Column, clean_day, clean_number
from spc_site.lib.problems import Problem, Wording
from spc_site.lib.sheets import CellValue, Sheet, WorkbookError, is_blank, open_workbook

COLUMNS: tuple[Column, ...] = (
    Column("day", "日期", "Date", ("生产日期",), required=True, clean=clean_day),
    Column("group", "设备组", "Group", ("组", "车间", "产线"), required=True, max_length=120),
    Column("product", "产品", "Product", ("品名",), max_length=80),
    Column("amount", "产量", "Output", ("数量",), required=True, clean=clean_number),
    Column("unit", "单位", "Unit", (), required=True, max_length=20),
)

WORDING = Wording(
    {
        "not_a_workbook": (
            "不是 Excel 工作簿，也不是 UTF-8 或 GBK 编码的 CSV。",
            "Neither an Excel workbook nor a CSV file in UTF-8 or GBK.",
        ),
        "no_columns": (
            "没有找到标题行。需要这些列：{columns}。",
            "No row of titles found. These columns are needed: {columns}.",
        ),
        "missing": ("必填。", "Must be filled in."),
        "not_a_number": ("“{value}”不是数字。", "“{value}” is not a number."),
        "censored": ("“{value}”不是一个确定的数。", "“{value}” is not one definite number."),
        "too_long": ("“{value}”位数太多。", "“{value}” has too many digits."),
        "negative": ("产量不能为负。", "Output cannot be negative."),
        "unknown_group": (
            "没有代码或名称为“{value}”的设备组，或有几个。",
            "There is no group of the code or name “{value}”, or more than one.",
        ),
        "twice": ("与第 {row} 行是同一天、同一组、同一产品。", "Same day, group and product as row {row}."),
        "nothing": ("没有数据行。", "There is no row of data."),
    },
    COLUMNS,
)
_TITLE_ROWS = 10


@dataclass(frozen=True, slots=True)
class Output:
    """One row: what a group made of a product on a day."""

    group: int
    day: date
    product: str
    amount: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of a file, or what is wrong with it."""

    rows: Sequence[Output]
    problems: Sequence[Problem]


def parse(data: bytes, groups: Mapping[str, int]) -> Parsed:
    """Read a workbook or CSV; `groups` leads from codes and names to primary keys."""
    try:
        sheets = sheets_of(data)
    except WorkbookError as error:
        return Parsed([], [Problem(error.code, params=error.params)])
    rows: list[Output] = []
    problems: list[Problem] = []
    for sheet in sheets:
        if any(not is_blank(value) for row in sheet.rows for value in row):
            _read(sheet, groups, rows, problems)
    if not rows and not problems:
        problems.append(Problem("nothing"))
    return Parsed([] if problems else rows, problems)


def sheets_of(data: bytes) -> list[Sheet]:
    """Return the sheets of a workbook, or the one of a CSV file."""
    if not data:
        raise WorkbookError("empty_file")
    return list(open_workbook(data)) if data[:2] == b"PK" or data[:1] == b"\xd0" else [_csv(data)]


def _csv(data: bytes) -> Sheet:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            rows: list[list[CellValue]] = [list(row) for row in csv.reader(io.StringIO(text))]
            wide = max((len(row) for row in rows), default=0)
            return Sheet("CSV", [[*row, *[""] * (wide - len(row))] for row in rows])
    raise WorkbookError("not_a_workbook")


def _read(sheet: Sheet, groups: Mapping[str, int], rows: list[Output], problems: list[Problem]) -> None:
    top, places = _titles(sheet)
    if not places:
        needed = "、".join(column.title for column in COLUMNS if column.required)
        problems.append(Problem("no_columns", sheet.name, params={"columns": needed}))
        return
    seen: dict[tuple[int, str, str], int] = {}
    for number in range(top + 1, len(sheet.rows)):
        if all(is_blank(value) for value in sheet.rows[number]):
            continue
        found, wrong = _row(sheet, number, places, groups)
        problems.extend(wrong)
        if found is None:
            continue
        key = (found.group, found.day.isoformat(), found.product)
        if key in seen:
            params = {"row": str(seen[key] + 1)}
            problems.append(Problem("twice", sheet.name, number, places["day"], "日期", params))
        seen[key] = number
        rows.append(found)


def _titles(sheet: Sheet) -> tuple[int, dict[str, int]]:
    """Return the row of titles and the place of each column; nothing where a needed one is missing."""
    for number, row in enumerate(sheet.rows[:_TITLE_ROWS]):
        named = {str(value).strip(): place for place, value in reversed(list(enumerate(row)))}
        places = {
            column.key: named[label]
            for column in COLUMNS
            for label in reversed(column.labels)
            if label in named
        }
        if all(column.key in places for column in COLUMNS if column.required):
            return number, places
    return 0, {}


def _row(
    sheet: Sheet, number: int, places: Mapping[str, int], groups: Mapping[str, int]
) -> tuple[Output | None, list[Problem]]:
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for column in COLUMNS:
        place = places.get(column.key)
        if place is None:
            values[column.key] = ""
            continue
        try:
            text = column.read(sheet.at(number, place))
            if column.required and not text:
                raise CellFault("missing")
            if column.key == "group" and text not in groups:
                raise CellFault("unknown_group", value=text)
            if column.key == "amount" and Decimal(text) < 0:
                raise CellFault("negative")
        except CellFault as fault:
            problems.append(Problem(fault.code, sheet.name, number, place, column.title, fault.params))
            continue
        values[column.key] = text
    if problems:
        return None, problems
    return (
        Output(
            groups[values["group"]],
            date.fromisoformat(values["day"]),
            values["product"],
            Decimal(values["amount"]),
            values["unit"],
        ),
        [],
    )
