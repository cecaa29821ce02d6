"""Output of production from a table: one row a day, group and product. Whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from energy.importing.titled import Titles, read_tables, rows_below
from spc_site.lib.columns import CellFault, Column, clean_day, clean_number
from spc_site.lib.problems import Problem, Wording
from spc_site.lib.sheets import Sheet

COLUMNS: tuple[Column, ...] = (
    Column("day", "日期", "Date", ("生产日期",), required=True, clean=clean_day),
    Column("group", "设备组", "Group", ("组", "车间", "产线"), required=True, max_length=120),
    Column("product", "产品", "Product", ("品名",), max_length=80),
    Column("amount", "产量", "Output", ("数量",), required=True, clean=clean_number),
    Column("unit", "单位", "Unit", (), required=True, max_length=20),
)

_NEEDED = tuple(column.key for column in COLUMNS if column.required)

_NEITHER = (
    "不是 Excel 工作簿，也不是 UTF-8 或 GBK 编码的 CSV。",
    "Neither an Excel workbook nor a CSV file in UTF-8 or GBK.",
)

WORDING = Wording(
    {
        "not_a_workbook": _NEITHER,
        "not_text": _NEITHER,
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
    rows: list[Output] = []

    def take(sheet: Sheet, titles: Titles, problems: list[Problem]) -> None:
        _read(sheet, titles, groups, rows, problems)

    problems = read_tables(data, COLUMNS, _NEEDED, take, rows)
    return Parsed([] if problems else rows, problems)


def _read(
    sheet: Sheet, titles: Titles, groups: Mapping[str, int], rows: list[Output], problems: list[Problem]
) -> None:
    places = titles.places
    seen: dict[tuple[int, str, str], int] = {}
    for number in rows_below(sheet, titles):
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
