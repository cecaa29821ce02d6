"""Tariffs from a table: a row for each band, or for each stretch of the day that a band lasts.

What belongs to the whole tariff (name, dates, capacity charge) stands in its first row and may be
left blank in those below it. Whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal

from energy.choices import Band, DayClass, DemandBasis
from energy.importing.output import WORDING as OUTPUT_WORDING
from energy.importing.titled import Titles, read_tables, rows_below
from spc_site.lib.columns import CellFault, Column, clean_day, clean_number, clean_text
from spc_site.lib.problems import Problem, Wording
from spc_site.lib.sheets import CellValue, Sheet

_TIME = re.compile(r"(\d{1,2})[:：](\d{2})(?:[:：]00)?")
_NEEDED = ("name", "energy", "start", "band", "price")


def clean_time(value: CellValue) -> str:
    """Return a time of day as HH:MM, 24:00 as 00:00; blank if it is blank."""
    if isinstance(value, datetime):
        value = value.time()
    if isinstance(value, time):
        return f"{value:%H:%M}"
    text = clean_text(value)
    match = _TIME.fullmatch(text)
    if not text:
        return ""
    if match is None or int(match[1]) > 24 or int(match[2]) > 59 or (match[1] == "24" and match[2] != "00"):
        raise CellFault("not_a_time", value=text)
    return f"{int(match[1]) % 24:02}:{match[2]}"


def _clean_month(value: CellValue) -> str:
    text = clean_number(value).removesuffix(".0")
    if text and (not text.isdigit() or not 1 <= int(text) <= 12):
        raise CellFault("not_a_month", value=text)
    return text


BANDS = {"尖": Band.SHARP, "峰": Band.PEAK, "平": Band.FLAT, "谷": Band.VALLEY, "深谷": Band.DEEP}
DAYS = {"每天": DayClass.ALL, "工作日": DayClass.WORKDAY, "休息日": DayClass.REST}
BASES = {"不收": DemandBasis.NONE, "最大需量": DemandBasis.MAXIMUM, "变压器容量": DemandBasis.CAPACITY}
FACTORS = ("0.90", "0.85", "0.80", "0.9", "0.8")

COLUMNS: tuple[Column, ...] = (
    Column("name", "名称", "Name", ("电价名称",), max_length=120),
    Column("energy", "能源种类", "Energy type", (), max_length=60),
    Column("start", "生效日", "Valid from", ("起始日",), clean=clean_day),
    Column("end", "失效日", "Valid to", ("终止日",), clean=clean_day),
    Column("band", "时段", "Band", (), required=True, choices=tuple(BANDS)),
    Column("price", "单价", "Price", ("单价（元）",), clean=clean_number),
    Column("begins", "开始", "Begins", (), clean=clean_time),
    Column("ends", "结束", "Ends", (), clean=clean_time),
    Column("first_month", "从月", "From month", (), clean=_clean_month),
    Column("last_month", "到月", "To month", (), clean=_clean_month),
    Column("days", "适用日", "Days", (), choices=tuple(DAYS)),
    Column("basis", "基本电费", "Capacity charge", (), choices=tuple(BASES)),
    Column("demand_price", "基本电价", "Capacity price", (), clean=clean_number),
    Column("capacity", "变压器容量", "Transformer size", (), clean=clean_number),
    Column("factor", "功率因数标准", "Power factor", (), clean=clean_number, choices=FACTORS),
    Column("source", "出处", "Source", (), max_length=200),
)
WORDING = Wording(
    {
        **OUTPUT_WORDING.sentences,
        "not_a_time": ("“{value}”不是时刻，请写成 8:00。", "“{value}” is not a time. Write it as 8:00."),
        "not_a_month": ("“{value}”不是月份（1–12）。", "“{value}” is not a month (1 to 12)."),
        "unknown_energy": ("没有能源种类“{value}”。", "There is no energy type “{value}”."),
        "negative": ("不能为负。", "Cannot be negative."),
        "half_span": ("开始与结束要一起填写。", "Begin and end belong together."),
        "span_order": (
            "结束必须晚于开始；跨过零点的时段请分成两行。",
            "The end must lie after the begin; divide a span across midnight into two rows.",
        ),
        "two_prices": ("时段“{band}”有两个不同的单价。", "Band “{band}” has two different prices."),
        "no_price": ("时段“{band}”没有单价。", "Band “{band}” has no price."),
    },
    COLUMNS,
)


@dataclass(slots=True)
class SpanIn:
    """From when to when a band lasts."""

    band: Band
    begins: time
    ends: time
    first_month: int
    last_month: int
    day_class: DayClass


@dataclass(slots=True)
class TariffIn:
    """One tariff as the table has it."""

    name: str
    energy_type: int
    start: date
    end: date | None
    basis: DemandBasis
    demand_price: Decimal
    capacity: Decimal | None
    factor: Decimal | None
    source: str
    prices: dict[Band, Decimal] = field(default_factory=dict)
    spans: list[SpanIn] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tariffs of a file, or what is wrong with it."""

    tariffs: Sequence[TariffIn]
    problems: Sequence[Problem]


def parse(data: bytes, energy_types: Mapping[str, int]) -> Parsed:
    """Read a workbook or CSV; `energy_types` leads from codes and names to primary keys."""
    tariffs: list[TariffIn] = []

    def take(sheet: Sheet, titles: Titles, problems: list[Problem]) -> None:
        _read(sheet, titles, energy_types, tariffs, problems)

    problems = read_tables(data, COLUMNS, _NEEDED, take, tariffs)
    return Parsed([] if problems else tariffs, problems)


def _read(
    sheet: Sheet,
    titles: Titles,
    energy_types: Mapping[str, int],
    tariffs: list[TariffIn],
    problems: list[Problem],
) -> None:
    places = titles.places
    open_one: TariffIn | None = None
    head: tuple[str, ...] = ()
    for number in rows_below(sheet, titles):
        values = _values(sheet, number, places, energy_types, problems)
        if values is None:
            continue
        its_head = tuple(values[name] for name in ("name", "energy", "start"))
        if open_one is None or (any(its_head) and its_head != head):
            missing = [name for name in ("name", "energy", "start") if not values[name]]
            if missing:
                problems.append(_at(sheet, number, places, missing[0], "missing"))
                continue
            head, open_one = its_head, _tariff(values, energy_types)
            tariffs.append(open_one)
        _add(open_one, values, sheet, number, places, problems)
    for one in tariffs:
        for band in {span.band for span in one.spans} - set(one.prices):
            problems.append(Problem("no_price", sheet.name, params={"band": str(band.label)}))


def _at(sheet: Sheet, number: int, places: Mapping[str, int], key: str, code: str, **params: str) -> Problem:
    title = next(column.title for column in COLUMNS if column.key == key)
    return Problem(code, sheet.name, number, places.get(key, -1), title, params)


def _values(
    sheet: Sheet,
    number: int,
    places: Mapping[str, int],
    energy_types: Mapping[str, int],
    problems: list[Problem],
) -> dict[str, str] | None:
    values = dict.fromkeys((column.key for column in COLUMNS), "")
    is_sound = True
    for column in COLUMNS:
        if column.key not in places:
            continue
        try:
            text = column.read(sheet.at(number, places[column.key]))
            if column.required and not text:
                raise CellFault("missing")
            if column.key == "energy" and text and text not in energy_types:
                raise CellFault("unknown_energy", value=text)
            if column.key in ("price", "demand_price", "capacity") and text and Decimal(text) < 0:
                raise CellFault("negative")
        except CellFault as fault:
            problems.append(_at(sheet, number, places, column.key, fault.code, **fault.params))
            is_sound = False
            continue
        values[column.key] = text
    return values if is_sound else None


def _tariff(values: Mapping[str, str], energy_types: Mapping[str, int]) -> TariffIn:
    return TariffIn(
        name=values["name"],
        energy_type=energy_types[values["energy"]],
        start=date.fromisoformat(values["start"]),
        end=date.fromisoformat(values["end"]) if values["end"] else None,
        basis=BASES[values["basis"] or "不收"],
        demand_price=Decimal(values["demand_price"] or 0),
        capacity=Decimal(values["capacity"]) if values["capacity"] else None,
        factor=Decimal(values["factor"]).quantize(Decimal("0.01")) if values["factor"] else None,
        source=values["source"],
    )


def _add(
    one: TariffIn,
    values: Mapping[str, str],
    sheet: Sheet,
    number: int,
    places: Mapping[str, int],
    problems: list[Problem],
) -> None:
    band = BANDS[values["band"]]
    if values["price"]:
        price = Decimal(values["price"])
        if one.prices.setdefault(band, price) != price:
            problems.append(_at(sheet, number, places, "price", "two_prices", band=values["band"]))
    if bool(values["begins"]) != bool(values["ends"]):
        problems.append(_at(sheet, number, places, "begins", "half_span"))
    elif values["begins"]:
        begins, ends = time.fromisoformat(values["begins"]), time.fromisoformat(values["ends"])
        if ends <= begins and ends != time(0):
            problems.append(_at(sheet, number, places, "ends", "span_order"))
        one.spans.append(
            SpanIn(
                band,
                begins,
                ends,
                int(values["first_month"] or 1),
                int(values["last_month"] or 12),
                DAYS[values["days"] or "每天"],
            )
        )
