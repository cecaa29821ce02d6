"""Cells → moments: dates, times of day, and both together, as people and systems write them."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from spc_site.lib.columns import CellFault
from spc_site.lib.sheets import CellValue, ExcelError, Uncached
from spc_site.lib.text import tidy

_MOMENT = re.compile(
    r"(?P<a>\d{1,4})\s*[-/.年]\s*(?P<b>\d{1,2})\s*[-/.月]\s*(?P<c>\d{1,4})\s*日?"
    r"(?:[T\s]\s*(?P<time>\d{1,2}[:时].*))?"
)
_COMPACT = re.compile(
    r"(?P<a>\d{4})(?P<b>\d{2})(?P<c>\d{2})(?:\s*(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?)?"
)
_TIME = re.compile(
    r"(?P<hour>\d{1,2})\s*[:时]\s*(?:(?P<minute>\d{1,2})\s*(?:[:分]\s*(?:(?P<second>\d{1,2})(?:\.\d+)?\s*秒?)?)?)?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?"
)
_PLACES = {"ymd": "abc", "dmy": "cba", "mdy": "cab"}
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 — local, as a sheet has it
_SERIALS = (32874.0, 73415.0)
"""1990 to 2100: a moment whose cell lost its format."""


def moment_of(value: CellValue, order: str = "ymd") -> datetime:
    """Return the moment of a cell, without a zone unless it names one; whole seconds.

    A date alone is its midnight, 24:00 the midnight that follows.

    Raises
    ------
    CellFault
        `excel_error`, `uncached`, `not_a_moment`.
    """
    if isinstance(value, datetime):
        return _rounded(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 — local, as a sheet has it
    if isinstance(value, float | int) and not isinstance(value, bool) and _SERIALS[0] <= value < _SERIALS[1]:
        return _rounded(_EXCEL_EPOCH + timedelta(days=float(value)))
    if isinstance(value, str):
        return _moment_of_text(value, order)
    raise _fault(value, "not_a_moment")


def time_of(value: CellValue) -> timedelta:
    """Return the time of day of a cell as what has passed since midnight, up to 24:00.

    Raises
    ------
    CellFault
        `excel_error`, `uncached`, `not_a_time`.
    """
    if isinstance(value, datetime):  # Excel shows 24:00 as the first day of its calendar
        if value.year > 1900:
            raise _fault(value, "not_a_time")
        passed = value - datetime(value.year, value.month, value.day)  # noqa: DTZ001
        return passed if passed or value.year < 1900 else timedelta(days=1)
    if isinstance(value, time):
        passed = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
        return passed + timedelta(seconds=round(value.microsecond / 1e6))
    if isinstance(value, timedelta):
        passed = timedelta(seconds=round(value.total_seconds()))
    elif isinstance(value, float | int) and not isinstance(value, bool) and 0 <= value <= 1:
        passed = timedelta(seconds=round(value * 86400))
    elif isinstance(value, str) and (match := _TIME.fullmatch(tidy(value))) and not match["zone"]:
        passed = _passed(match)
    else:
        raise _fault(value, "not_a_time")
    if not timedelta(0) <= passed <= timedelta(days=1):
        raise _fault(value, "not_a_time")
    return passed


@lru_cache(maxsize=20_000)
def _moment_of_text(text: str, order: str) -> datetime:
    clean = tidy(text)
    match = _MOMENT.fullmatch(clean) or _COMPACT.fullmatch(clean)
    try:
        if match is None:
            raise ValueError(text)
        places = "abc" if len(match["a"]) == 4 else _PLACES[order]
        year, month, day = (match[place] for place in places)
        if len(year) != 4:
            raise ValueError(text)
        moment = datetime(int(year), int(month), int(day))  # noqa: DTZ001 — local unless a zone follows
        parts = match.groupdict()
        if parts.get("time"):
            clock = _TIME.fullmatch(parts["time"])
            if clock is None:
                raise ValueError(text)
            moment += _passed(clock)
            if clock["zone"]:
                moment = moment.replace(tzinfo=datetime.strptime(_zone(clock["zone"]), "%z").tzinfo)
        elif parts.get("hour"):
            moment += _passed(match)
    except ValueError as error:
        raise CellFault("not_a_moment", value=clean[:40]) from error
    return moment


def _zone(text: str) -> str:
    return "+0000" if text == "Z" else text.replace(":", "")


def _passed(match: re.Match[str]) -> timedelta:
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    passed = timedelta(hours=hour, minutes=minute, seconds=second)
    if minute > 59 or second > 59 or passed > timedelta(days=1):
        raise ValueError(match[0])
    return passed


def _rounded(moment: datetime) -> datetime:
    """Return whole seconds: 08:15 in Excel is a fraction that may end a little before."""
    return (moment + timedelta(microseconds=500_000)).replace(microsecond=0)


def _fault(value: CellValue, code: str) -> CellFault:
    if isinstance(value, ExcelError):
        return CellFault("excel_error", value=value.code)
    if isinstance(value, Uncached):
        return CellFault("uncached")
    return CellFault(code, value=str(value).strip()[:40])
