"""Charging orders from a table as charging systems export it: one row an order. Whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from decimal import Decimal

from energy.importing.moments import moment_of
from energy.importing.output import WORDING as OUTPUT_WORDING
from energy.importing.titled import Titles, read_tables, rows_below
from spc_site.lib.columns import CellFault, Column, clean_number
from spc_site.lib.problems import Problem, Wording
from spc_site.lib.sheets import CellValue, Sheet, is_blank

PLACES = {"energy": 4, "price": 2}
"""So many decimals the two numbers may have."""
MOST = Decimal(10) ** 8
"""What energy and price stay below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the charging system tells it; with `ended_at` and `energy_kwh` it is complete."""

    order_number: str
    station: str
    plug: str
    started_at: datetime
    ended_at: datetime | None = None
    energy_kwh: Decimal | None = None
    price: Decimal | None = None

    @property
    def is_complete(self) -> bool:
        return self.ended_at is not None

    @property
    def begun(self) -> Order:
        """Return the order as it was while it was charging."""
        return replace(self, ended_at=None, energy_kwh=None, price=None)


def _clean_moment(value: CellValue) -> str:
    return "" if is_blank(value) else moment_of(value).isoformat()


COLUMNS: tuple[Column, ...] = (
    Column(
        "number",
        "订单号",
        "Order number",
        ("订单编号", "充电订单号", "交易流水号", "流水号", "Order No.", "Order ID", "order_number"),
        required=True,
        max_length=60,
    ),
    Column(
        "station",
        "充电站",
        "Station",
        ("充电站名称", "站点", "站点名称", "电站名称", "场站", "station"),
        required=True,
        max_length=80,
    ),
    Column(
        "plug",
        "充电枪",
        "Plug",
        ("枪号", "充电枪编号", "枪编号", "充电桩", "充电桩编号", "桩号", "Connector", "plug"),
        required=True,
        max_length=40,
    ),
    Column(
        "started",
        "开始时间",
        "Start",
        ("充电开始时间", "开始充电时间", "Start time", "Started at", "started_at"),
        required=True,
        clean=_clean_moment,
    ),
    Column(
        "ended",
        "结束时间",
        "End",
        ("充电结束时间", "结束充电时间", "End time", "Ended at", "ended_at"),
        clean=_clean_moment,
    ),
    Column(
        "energy",
        "电量",
        "Energy",
        (
            *("电量（kWh）", "电量(kWh)", "电量（度）", "电量(度)", "充电量", "充电量（kWh）", "充电量(kWh)"),
            *("充电电量", "充电电量（kWh）", "充电电量(kWh)", "充电电量（度）", "充电电量(度)"),
            *("Energy (kWh)", "kWh", "energy_kwh"),
        ),
        clean=lambda value: clean_number(value, "kWh"),
    ),
    Column(
        "price",
        "金额",
        "Amount",
        (
            *("金额（元）", "金额(元)", "总金额", "总金额（元）", "总金额(元)", "订单金额", "订单金额（元）"),
            *("订单金额(元)", "费用", "费用（元）", "费用(元)"),
            *("Amount (CNY)", "Price", "Price (CNY)", "price"),
        ),
        clean=lambda value: clean_number(value, "元"),
    ),
)
_NEEDED = ("number", "station", "plug", "started", "ended", "energy")
_BY_KEY = {column.key: column for column in COLUMNS}

WORDING = Wording(
    {
        **OUTPUT_WORDING.sentences,
        "not_a_moment": (
            "“{value}”不是时间。请写成 2026-03-01 08:15。",
            "“{value}” is no date and time. Write it as 2026-03-01 08:15.",
        ),
        "negative": ("“{value}”小于零。请核对。", "“{value}” is below zero. Check it."),
        "too_large": ("“{value}”太大。请核对单位。", "“{value}” is too large. Check the unit."),
        "decimals": (
            "“{value}”的小数超过 {limit} 位。请填写充电系统给出的数值。",
            "“{value}” has more than {limit} decimals. Write the number that the charging system gives.",
        ),
        "too_many": (
            "一次最多 {limit} 个订单。请拆成几个文件。",
            "At most {limit} orders at a time. Split the file.",
        ),
        "in_future": ("时间在将来。请核对日期和时区。", "Lies in the future. Check date and time zone."),
        "incomplete": (
            "已完成的订单要有结束时间和电量；还在充电的，结束时间、电量、金额都留空。",
            "A completed order has end and energy; leave end, energy and amount blank while it is charging.",
        ),
        "bad_end": (
            "结束时间须在开始时间之后、七天之内。请核对这两个时间。",
            "The end must lie within seven days after the start. Check both.",
        ),
        "other_start": (
            "订单号已有，但充电站、充电枪或开始时间不同（{known}）。请核对订单号。",
            "The number exists with another station, plug or start ({known}). Check the number.",
        ),
        "other_end": (
            "订单已完成，但结束时间、电量或金额不同（{known}）。已完成的订单不会改写，请核对。",
            "The order is completed with another end, energy or amount ({known}). It stays as it is; check.",
        ),
    },
    COLUMNS,
)

_CELL_OF = {
    "in_future": "started",
    "incomplete": "ended",
    "bad_end": "ended",
    "other_start": "number",
    "other_end": "number",
}
"""The column that a refusal of a whole order is shown at."""


@dataclass(frozen=True, slots=True)
class Row:
    """An order and where it stands."""

    order: Order
    sheet: str
    number: int
    places: Mapping[str, int]

    def problem(self, code: str, **params: str) -> Problem:
        """Return what is wrong with the order, at the cell that says so."""
        return _at(self.sheet, self.number, self.places, _CELL_OF[code], code, **params)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The orders of a file, in its order, or what is wrong with it."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def parse(data: bytes, zone: tzinfo) -> Parsed:
    """Read a workbook or CSV; moments without a zone are of `zone`."""
    rows: list[Row] = []

    def take(sheet: Sheet, titles: Titles, problems: list[Problem]) -> None:
        for number in rows_below(sheet, titles):
            values = _values(sheet, number, titles.places, problems)
            if values is not None:
                rows.append(Row(_order(values, zone), sheet.name, number, titles.places))

    return Parsed(rows, read_tables(data, COLUMNS, _NEEDED, take, rows))


def _values(
    sheet: Sheet, number: int, places: Mapping[str, int], problems: list[Problem]
) -> dict[str, str] | None:
    values = dict.fromkeys(_BY_KEY, "")
    before = len(problems)
    for key, place in places.items():
        column = _BY_KEY[key]
        try:
            values[key] = column.read(sheet.at(number, place))
            _check(column, values[key])
        except CellFault as fault:
            problems.append(_at(sheet.name, number, places, key, fault.code, **fault.params))
    return values if len(problems) == before else None


def _check(column: Column, text: str) -> None:
    if column.required and not text:
        raise CellFault("missing")
    if column.key not in PLACES or not text:
        return
    value, decimals = Decimal(text), PLACES[column.key]
    if value < 0:
        raise CellFault("negative", value=text)
    if value >= MOST:
        raise CellFault("too_large", value=text)
    if value != round(value, decimals):
        raise CellFault("decimals", value=text, limit=str(decimals))


def _order(values: Mapping[str, str], zone: tzinfo) -> Order:
    def moment(text: str) -> datetime:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=zone)

    return Order(
        order_number=values["number"],
        station=values["station"],
        plug=values["plug"],
        started_at=moment(values["started"]),
        ended_at=moment(values["ended"]) if values["ended"] else None,
        energy_kwh=Decimal(values["energy"]) if values["energy"] else None,
        price=Decimal(values["price"]) if values["price"] else None,
    )


def _at(sheet: str, row: int, places: Mapping[str, int], key: str, code: str, **params: str) -> Problem:
    return Problem(code, sheet, row, places.get(key, -1), _BY_KEY[key].title, params)


def told(order: Order, zone: tzinfo) -> str:
    """Write what an order with the same number says, in the words of any language."""
    parts: Sequence[str] = (order.station, order.plug, f"{order.started_at.astimezone(zone):%Y-%m-%d %H:%M}")
    if order.ended_at is not None:
        price = "" if order.price is None else f"¥{order.price}"
        parts = (*parts, f"– {order.ended_at.astimezone(zone):%m-%d %H:%M}", f"{order.energy_kwh} kWh", price)
    return " ".join(part for part in parts if part)
