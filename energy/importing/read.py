"""Read a file of readings, whatever its shape.

    long     表号 | 时间 (or 日期 and 时间) | 读数           a row for each reading
    down     时间 | M01 | M02 | …                         a column for each meter
    across   表号 | 2026-03-01 00:15 | …                   a row for each meter
    days     表号 | 日期 | 00:15 | 00:30 | … | 24:00         a row for each meter and day

The shape follows from the titles, which may stand below some lines of heading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from energy.importing.moments import moment_of, time_of
from energy.importing.profiles import Profile
from energy.services.readings import Reading
from spc_site.lib.columns import CellFault, clean_number, clean_text
from spc_site.lib.delimited import read_delimited
from spc_site.lib.hashing import content_hash
from spc_site.lib.looks import Limits, WorkbookError
from spc_site.lib.problems import Problem
from spc_site.lib.sheets import CellValue, Sheet, is_blank, open_workbook
from spc_site.lib.text import label_keys

SUFFIXES = (".xlsx", ".xlsm", ".xls", ".csv", ".txt")
LIMITS = Limits(columns=4096)
"""A column for each of some thousand meters."""
MOST_PROBLEMS = 5_000

_TITLES = {
    "meter": (
        "表号",
        "表计",
        "仪表",
        "仪表编号",
        "设备编号",
        "设备代码",
        "代码",
        "meter",
        "device",
        "code",
        "tag",
    ),
    "time": ("时间", "时刻", "读数时间", "采集时间", "抄表时间", "日期时间", "time", "timestamp", "datetime"),
    "date": ("日期", "抄表日期", "date", "day"),
    "value": ("读数", "示数", "表码", "数值", "用量", "电量", "value", "reading", "usage"),
}
_TITLE_ROWS = 30


@dataclass(slots=True)
class ParsedReadings:
    """What a file holds. It may be stored if, and only if, it has no problems.

    `places` are the cells of the readings: sheet, row, column.
    """

    file_name: str
    content_hash: str
    profile: Profile
    readings: list[Reading] = field(default_factory=list)
    places: list[tuple[str, int, int]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    data: bytes = field(default=b"", repr=False)

    @property
    def is_clean(self) -> bool:
        return not self.problems

    def add(self, fault: CellFault, sheet: Sheet, row: int, column: int) -> None:
        """Note a cell that cannot be taken as it is."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(fault.code, sheet.name, row, column, params=fault.params))


@dataclass(frozen=True, slots=True)
class _Titles:
    """The row of titles of a sheet: where the known columns are, and all others."""

    row: int
    columns: dict[str, int]
    others: tuple[int, ...]


def read_readings(data: bytes, *, file_name: str, profile: Profile) -> ParsedReadings:
    """Read a file; everything that is wrong with it stands in `problems`."""
    parsed = ParsedReadings(file_name, content_hash(data), profile, data=data)
    try:
        sheets = list(_sheets(data, file_name))
    except WorkbookError as error:
        parsed.problems.append(Problem(error.code, params=error.params))
        return parsed
    is_found = False
    for sheet in sheets:
        titles = _find_titles(sheet, profile)
        if titles is not None:
            is_found = True
            _read_sheet(sheet, titles, parsed)
    if not parsed.problems and not parsed.readings:
        parsed.problems.append(Problem("nothing_filled_in" if is_found else "no_readings_found"))
    return parsed


def _sheets(data: bytes, file_name: str) -> Iterator[Sheet]:
    is_text = file_name.lower().endswith((".csv", ".txt")) and not data.startswith((b"PK", b"\xd0\xcf"))
    if is_text:
        yield read_delimited(data, limits=LIMITS)
    else:
        yield from open_workbook(data, LIMITS)


# --- titles -----------------------------------------------------------------------------------


def _find_titles(sheet: Sheet, profile: Profile) -> _Titles | None:
    """Return the first row that can be the titles of one of the shapes."""
    keys = {
        key: {one for word in (*profile.titles.get(key, ()), *words) for one in label_keys(word)}
        for key, words in _TITLES.items()
    }
    for row in range(min(len(sheet.rows), _TITLE_ROWS)):
        columns: dict[str, int] = {}
        others = []
        for column, value in enumerate(sheet.rows[row]):
            key = _key_of(value, keys)
            if key and key not in columns:
                columns[key] = column
            elif not is_blank(value):
                others.append(column)
        titles = _Titles(row, columns, tuple(others))
        if _shape(titles, sheet, profile):
            return titles
    return None


def _key_of(value: CellValue, keys: dict[str, set[str]]) -> str:
    if not isinstance(value, str) or not value.strip():
        return ""
    whole = label_keys(value)
    return next((key for key, known in keys.items() if any(one in known for one in whole)), "")


def _shape(titles: _Titles, sheet: Sheet, profile: Profile) -> str:
    """Return the shape of a sheet with these titles; blank if they are none."""
    has = titles.columns.keys()
    if "value" in has and ("meter" in has or profile.meter) and ("time" in has or "date" in has):
        return "long"
    if not titles.others:
        return ""
    if "meter" in has:
        cells = [sheet.at(titles.row, column) for column in titles.others]
        if "date" in has and _any(time_of, cells):
            return "days"
        return "across" if _any(moment_of, cells, profile.date_order) else ""
    return "down" if "time" in has else ""


def _any(read: Callable[..., object], cells: Sequence[CellValue], *more: str) -> bool:
    """Say whether one of the cells at least can be read so."""
    for cell in cells:
        try:
            read(cell, *more)
        except CellFault:
            continue
        return True
    return False


# --- the readings -----------------------------------------------------------------------------


def _read_sheet(sheet: Sheet, titles: _Titles, parsed: ParsedReadings) -> None:
    shape = _shape(titles, sheet, parsed.profile)
    if shape == "long":
        _read_long(sheet, titles, parsed)
    elif shape == "down":
        _read_down(sheet, titles, parsed)
    else:
        _read_across(sheet, titles, parsed, by_day=shape == "days")


def _read_long(sheet: Sheet, titles: _Titles, parsed: ParsedReadings) -> None:
    where = titles.columns
    value_at = where["value"]
    for row in range(titles.row + 1, len(sheet.rows)):
        cells = sheet.rows[row]
        if is_blank(cells[value_at]):
            continue
        meter = _meter(sheet, row, where.get("meter"), parsed)
        at = _moment(sheet, row, where, parsed)
        if meter and at is not None:
            _take(sheet, row, value_at, meter, at, parsed)


def _read_down(sheet: Sheet, titles: _Titles, parsed: ParsedReadings) -> None:
    meters = _meters_of_titles(sheet, titles, parsed)
    for row in range(titles.row + 1, len(sheet.rows)):
        cells = sheet.rows[row]
        filled = [(column, meter) for column, meter in meters if not is_blank(cells[column])]
        if not filled:
            continue
        at = _moment(sheet, row, titles.columns, parsed)
        if at is not None:
            for column, meter in filled:
                _take(sheet, row, column, meter, at, parsed)


def _meters_of_titles(sheet: Sheet, titles: _Titles, parsed: ParsedReadings) -> list[tuple[int, str]]:
    found: dict[str, int] = {}
    for column in titles.others:
        try:
            name = clean_text(sheet.at(titles.row, column))
        except CellFault as fault:
            parsed.add(fault, sheet, titles.row, column)
            continue
        meter = parsed.profile.meters.get(name, name)
        if meter in found:
            other = sheet.address(titles.row, found[meter])
            parsed.add(CellFault("title_twice", value=name, other=other), sheet, titles.row, column)
        found.setdefault(meter, column)
    return [(column, meter) for meter, column in found.items()]


def _read_across(sheet: Sheet, titles: _Titles, parsed: ParsedReadings, *, by_day: bool) -> None:
    moments: list[tuple[int, datetime | timedelta]] = []
    for column in titles.others:
        cell = sheet.at(titles.row, column)
        try:
            moments.append((column, time_of(cell) if by_day else moment_of(cell, parsed.profile.date_order)))
        except CellFault as fault:
            if any(letter.isdigit() for letter in str(cell)):  # else it only describes: 位置, 备注
                parsed.add(fault, sheet, titles.row, column)
    for row in range(titles.row + 1, len(sheet.rows)):
        cells = sheet.rows[row]
        filled = [(column, moment) for column, moment in moments if not is_blank(cells[column])]
        if not filled:
            continue
        meter = _meter(sheet, row, titles.columns["meter"], parsed)
        day = _moment(sheet, row, {"date": titles.columns["date"]}, parsed) if by_day else None
        if not meter or (by_day and day is None):
            continue
        for column, moment in filled:
            at = day + moment if isinstance(moment, timedelta) and day is not None else moment
            assert isinstance(at, datetime)
            _take(sheet, row, column, meter, at, parsed)


def _meter(sheet: Sheet, row: int, column: int | None, parsed: ParsedReadings) -> str:
    if column is None:
        return parsed.profile.meter
    try:
        name = clean_text(sheet.anchor(row, column))
    except CellFault as fault:
        parsed.add(fault, sheet, row, column)
        return ""
    if not name:
        parsed.add(CellFault("meter_missing"), sheet, row, column)
    return parsed.profile.meters.get(name, name)


def _moment(sheet: Sheet, row: int, where: dict[str, int], parsed: ParsedReadings) -> datetime | None:
    """Return the moment of a row, from one column or from a date and a time; None after noting why not."""
    order = parsed.profile.date_order
    column = where["time"] if "time" in where else where["date"]
    cell = sheet.anchor(row, column)
    if is_blank(cell):
        parsed.add(CellFault("time_missing"), sheet, row, column)
        return None
    try:
        if "time" not in where or "date" not in where:
            return moment_of(cell, order)
        day = sheet.anchor(row, where["date"])
        try:
            passed = time_of(cell)
        except CellFault:
            return moment_of(cell, order)  # the column of times has the whole moment
        column = where["date"]
        return moment_of(day, order) + passed
    except CellFault as fault:
        parsed.add(fault, sheet, row, column)
        return None


def _take(sheet: Sheet, row: int, column: int, meter: str, at: datetime, parsed: ParsedReadings) -> None:
    cell = sheet.rows[row][column]
    value: float | int | str | Decimal
    if parsed.profile.scale == 1 and type(cell) is float:
        value = cell
    else:
        try:
            value = clean_number(cell)
        except CellFault as fault:
            parsed.add(fault, sheet, row, column)
            return
        if parsed.profile.scale != 1:
            value = Decimal(value) * parsed.profile.scale
    parsed.readings.append(Reading(meter, at, value, str(len(parsed.places))))
    parsed.places.append((sheet.name, row, column))


def place_of(parsed: ParsedReadings, where: str) -> tuple[str, int, int]:
    """Return the cell of a reading by its `where`."""
    return parsed.places[int(where)]
