"""The period a page shows: a day, a month or a year of the calendar, and its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext as _

KINDS = ("day", "month", "year")


@dataclass(frozen=True, slots=True)
class Period:
    """The days first…last; `today` bounds what can have been read."""

    kind: str
    first: date
    last: date
    today: date

    @property
    def at(self) -> str:
        """Return how an address names it."""
        return self._name(self.first)

    @property
    def label(self) -> str:
        if self.kind == "day":
            return self.first.isoformat()
        if self.kind == "month":
            return _("%(year)s 年 %(month)s 月") % {"year": self.first.year, "month": self.first.month}
        return _("%(year)s 年") % {"year": self.first.year}

    @property
    def before(self) -> str:
        """Return the name of the period before."""
        return self._name(self.first - timedelta(days=1))

    @property
    def after(self) -> str:
        """Return the name of the next period; blank if that is in the future."""
        following = self.last + timedelta(days=1)
        return self._name(following) if following <= self.today else ""

    @property
    def so_far(self) -> date:
        """Return the last day that has been."""
        return min(self.last, self.today)

    @property
    def is_current(self) -> bool:
        return self.first <= self.today <= self.last

    def _name(self, day: date) -> str:
        return day.isoformat()[: {"day": 10, "month": 7, "year": 4}[self.kind]]

    def earlier(self, *, years: int = 0) -> Period:
        """Return the period before this one, or so many years before."""
        if not years:
            return period_of(self.kind, self.first - timedelta(days=1), self.today)
        day = self.first.replace(day=1) if self.kind != "day" else self.first
        return period_of(self.kind, _years_before(day, years), self.today)

    @property
    def elapsed(self) -> int:
        """Return how many of its days have been, the present one with them."""
        return max((self.so_far - self.first).days + 1, 0)

    def days_beside(self, other: Period) -> int:
        """Return how many days of both are compared: as many as have been of this one and the other has."""
        return min(self.elapsed, (other.last - other.first).days + 1)

    def first_days(self, number: int) -> tuple[date, date]:
        """Return its first so many days, or all if there are fewer."""
        return self.first, min(self.first + timedelta(days=max(number, 1) - 1), self.last)


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # February 29th
        return day.replace(year=day.year - years, day=28)


def period_of(kind: str, day: date, today: date) -> Period:
    """Return the period of a kind that a day lies in."""
    if kind == "day":
        return Period(kind, day, day, today)
    if kind == "month":
        first = day.replace(day=1)
        following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return Period(kind, first, following - timedelta(days=1), today)
    return Period("year", date(day.year, 1, 1), date(day.year, 12, 31), today)


def asked_period(
    kind: str, at: str, today: date, *, kinds: tuple[str, ...] = KINDS, default: str = "month"
) -> Period:
    """Return the period that an address asks for; anything odd in it means the present one."""
    kind = kind if kind in kinds else default
    parts = at.split("-")
    try:
        year, month, number = (int(part) for part in [*parts, "1", "1"][:3])
        day = date(year, month, number)
    except (ValueError, TypeError):
        day = today
    if not 2000 <= day.year <= today.year + 1:
        day = today
    return period_of(kind, day, today)
