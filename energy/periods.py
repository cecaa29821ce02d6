"""The periods of quotas: months, quarters, years of local dates, also with a settlement day of their own.

A settlement month "March" with settlement day 26 runs from 26 February to 25 March: with a
settlement day other than the 1st a period bears the name of the month in which it ends, and
quarters and years begin so many days before the calendar's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

LATEST_SETTLEMENT_DAY = 28
"""Every month has this day."""

_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The local days first…last, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def overlaps(self, first: date, last: date) -> bool:
        """Say whether a day of first…last lies in it."""
        return self.first <= last and first <= self.last


def period_of(day: date, period: str, settlement_day: int = 1) -> Span:
    """Return the period in which a day lies.

    Raises ValueError for a period or a settlement day that does not exist.
    """
    return _span(_number(day, period, settlement_day), period, settlement_day)


def periods_within(first: date, last: date, period: str, settlement_day: int = 1) -> Iterator[Span]:
    """Yield every period that has a day of first…last, the earliest first."""
    start, end = (_number(day, period, settlement_day) for day in (first, last))
    for number in range(start, end + 1):
        yield _span(number, period, settlement_day)


def moved(span: Span, periods: int, period: str, settlement_day: int = 1) -> Span:
    """Return the period so many periods later (earlier if negative)."""
    return _span(_number(span.first, period, settlement_day) + periods, period, settlement_day)


def a_year_before(span: Span, period: str, settlement_day: int = 1) -> Span:
    """Return the same period of the year before."""
    return moved(span, -12 // _MONTHS[period], period, settlement_day)


def of_year(year: int, period: str, settlement_day: int = 1) -> list[Span]:
    """Return the periods that bear the name of a year: 12 months, 4 quarters, or the year."""
    each = 12 // _MONTHS[period]
    return [_span(year * each + number, period, settlement_day) for number in range(each)]


def named_by(span: Span) -> date:
    """Return the first day of the month whose name a period bears first: a quarter's first month."""
    after = span.last + timedelta(days=1)
    months = round(span.days / 30.4)
    first = _month(after) - months + (after.day > 1)
    return date(first // 12, first % 12 + 1, 1)


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _number(day: date, period: str, settlement_day: int) -> int:
    if period not in _MONTHS:
        raise ValueError(f"period {period!r} is none of {', '.join(_MONTHS)}")
    if not 1 <= settlement_day <= LATEST_SETTLEMENT_DAY:
        raise ValueError(f"settlement day {settlement_day} must lie between 1 and {LATEST_SETTLEMENT_DAY}")
    month = _month(day) + (settlement_day > 1 and day.day >= settlement_day)
    return month // _MONTHS[period]


def _span(number: int, period: str, settlement_day: int) -> Span:
    months = _MONTHS[period]
    first, after = (_start(number * months + further, settlement_day) for further in (0, months))
    return Span(first, after - timedelta(days=1))


def _start(month: int, settlement_day: int) -> date:
    month -= settlement_day > 1
    return date(month // 12, month % 12 + 1, settlement_day)
