"""The use of groups and single meters over days, and what it means for a quota.

All sums are of whole steps and exact; only the forecast by weekday is an estimate in binary
numbers, and nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

import numpy as np

from energy.metering.errors import MeterError
from energy.metering.quotas import COMPLETE_DAYS_NEEDED, Level, Limits, forecast, level, rate_pct
from energy.metering.tree import Plant, Shares, product, shares, with_virtual

WEEKDAY_WEEKS = 8
"""So far back the forecast by weekday looks."""

_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Readings:
    """What is known of m meters on d days: column i is `first` + i days.

    amounts    (m, d) whole steps
    covered_s  (m, d) seconds that lie between usable readings
    known      (m, d) whether anything was read
    length_s   (d,) seconds of each day
    """

    first: date
    amounts: np.ndarray
    covered_s: np.ndarray
    known: np.ndarray
    length_s: np.ndarray


@dataclass(frozen=True, slots=True)
class Days:
    """The days of one target: a window into the days of all.

    use         (d,) whole steps; object where they do not fit into 64 bits
    expected_s  (d,) seconds in which its meters should have been read
    covered_s   (d,) seconds in which they were
    known       (d,) whether any of them was read at all
    """

    first: date
    use: np.ndarray
    expected_s: np.ndarray
    covered_s: np.ndarray
    known: np.ndarray

    def window(self, first: date, last: date) -> Days:
        """Return the days first…last; they must lie within."""
        here = slice((first - self.first).days, (last - self.first).days + 1)
        return Days(first, self.use[here], self.expected_s[here], self.covered_s[here], self.known[here])


class Targets:
    """The days of groups and of single meters, from one pass over the readings of all meters."""

    def __init__(
        self, plant: Plant, readings: Readings, *, groups: Sequence[int], meters: Sequence[int] = ()
    ) -> None:
        """Raises MeterError as `tree.group_use` does."""
        amounts = with_virtual(plant, readings.amounts)
        covered, known = _parts_covered(plant, readings)
        self._first = readings.first
        self._group_rows = {group: row for row, group in enumerate(groups)}
        self._meter_rows = {meter: len(groups) + row for row, meter in enumerate(meters)}
        shape = (len(groups) + len(meters), amounts.shape[1])
        self._use, self._expected, self._covered = np.zeros((3, *shape), dtype=np.int64)
        self._known = np.zeros(shape, dtype=bool)
        self._spans: list[Shares] = []
        if not shape[1]:
            return
        if groups:
            last = readings.first + timedelta(days=shape[1] - 1)
            self._spans = shares(plant, readings.first, last, groups=groups)
            for span in self._spans:
                here = slice((span.start - readings.first).days, (span.end - readings.first).days)
                rows, counted = slice(0, len(groups)), np.abs(span.signs)
                self._use[rows, here] = product(span.signs, amounts[:, here])
                self._covered[rows, here] = product(counted, covered[:, here])
                self._known[rows, here] = product(counted, known[:, here]) > 0
                self._expected[rows, here] = (
                    counted.sum(axis=1, dtype=np.int64)[:, None] * readings.length_s[here]
                )
        if meters:
            rows, places = slice(len(groups), None), list(meters)
            self._use[rows], self._covered[rows] = amounts[places], covered[places]
            self._known[rows], self._expected[rows] = known[places], readings.length_s
        self._so_far = np.zeros((amounts.shape[0], shape[1] + 1), dtype=np.int64)
        np.cumsum(amounts, axis=1, out=self._so_far[:, 1:])

    def of_group(self, group: int) -> Days:
        return self._days(self._group_rows[group])

    def of_meter(self, meter: int) -> Days:
        return self._days(self._meter_rows[meter])

    def largest(self, group: int, first: date, last: date, *, count: int = 3) -> list[tuple[int, int]]:
        """Return the meters that used most for a group on some days: pairs of meter and steps."""
        total = np.zeros(len(self._so_far), dtype=np.int64)
        row = self._group_rows[group]
        for span in self._spans:
            start, stop = max(span.start, first), min(span.end, last + timedelta(days=1))
            if start < stop:
                columns = [(day - self._first).days for day in (start, stop)]
                counted = span.signs[row] > 0
                total[counted] += (self._so_far[:, columns[1]] - self._so_far[:, columns[0]])[counted]
        places = np.argsort(-total, kind="stable")[:count]
        return [(int(place), int(total[place])) for place in places if total[place] > 0]

    def _days(self, row: int) -> Days:
        return Days(self._first, self._use[row], self._expected[row], self._covered[row], self._known[row])


def _parts_covered(plant: Plant, readings: Readings) -> tuple[np.ndarray, np.ndarray]:
    """Return covered seconds and known days in which a virtual meter is as covered as its worst part."""
    covered, known = readings.covered_s, readings.known
    if not plant.virtual:
        return covered, known
    covered, known = covered.copy(), known.copy()
    done: set[int] = set()

    def fill(whole: int) -> None:
        if whole in done:
            return
        done.add(whole)
        parts = sorted(plant.virtual[whole])
        for part in parts:
            if part in plant.virtual:
                fill(part)
        covered[whole], known[whole] = covered[parts].min(axis=0), known[parts].any(axis=0)

    for whole in plant.virtual:
        fill(whole)
    return covered, known


# --- one quota in one period ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Marks:
    """The fewest whole steps of use at which each level is reached; None where it never is."""

    warning: int | None
    alert: int | None
    exceeded: int

    def of(self, found: Level) -> int | None:
        return {Level.WARNING: self.warning, Level.ALERT: self.alert, Level.EXCEEDED: self.exceeded}[found]


def marks(limits: Limits, step: Decimal) -> Marks:
    """Return at how many steps of use a quota reaches its levels, as `level` says of them."""
    with localcontext(prec=60):
        exceeded = int(limits.value // step) + 1
        if not limits.value:
            return Marks(None, None, exceeded)
        warning, alert = (
            _ceiling(limits.value * percent, 100 * step) for percent in (limits.warning_pct, limits.alert_pct)
        )
    return Marks(warning, alert, exceeded)


def _ceiling(value: Decimal, unit: Decimal) -> int:
    whole, rest = divmod(value, unit)
    return int(whole) + bool(rest)


LEVELS = (Level.WARNING, Level.ALERT, Level.EXCEEDED)


@dataclass(frozen=True, slots=True)
class Figures:
    """How a quota stands in a period.

    use             in the unit; None where nothing was read
    reached         by level, the first day on which the use so far had reached it
    peak            the highest level reached on any day
    coverage        share of the seconds of complete days that was covered; None before there is one
    complete_days   past days that are covered well enough to project from
    projected       at the end of the period by the mean of the complete days; None too early or too late
    by_weekday      likewise, each day by its weekday in the last eight weeks
    exhausted_on    the day on which the quota was reached or is going to be
    """

    use: Decimal | None
    status: Level
    rate: Decimal | None
    reached: dict[Level, date]
    peak: Level
    coverage: Decimal | None
    complete_days: int
    projected: Decimal | None
    by_weekday: Decimal | None
    exhausted_on: date | None


def figures(
    days: Days, limits: Limits, *, first: date, last: date, as_of: date, step: Decimal, min_coverage: Decimal
) -> Figures:
    """Judge a quota in the period first…last by what is known as of a day.

    `days` holds at least the days first…min(last, as_of); days before them serve the forecast by
    weekday. The day `as_of` itself counts, but is not complete. Raises MeterError if the period
    begins after `as_of`.
    """
    if first > as_of:
        raise MeterError("as_of", "lies before the period")
    here = days.window(first, min(last, as_of))
    so_far = np.cumsum(here.use)
    is_known = bool(here.known.any())
    with localcontext(prec=60):
        use = int(so_far[-1]) * step if is_known else None
    found = level(use, limits)
    reached = dict(_reached(so_far, marks(limits, step), first)) if is_known else {}
    peak = max(reached, key=lambda one: one.height, default=Level.NORMAL if is_known else Level.NO_DATA)
    elapsed = min((as_of - first).days, len(so_far))
    complete = _complete(here, elapsed, min_coverage)
    expected, covered = int(here.expected_s[:elapsed].sum()), int(here.covered_s[:elapsed].sum())
    projected = by_weekday = exhausted_on = None
    full = _first_at(so_far, _full_at(limits, step)) if is_known and limits.value else None
    if full is not None:
        exhausted_on = first + timedelta(days=full)
    if is_known and as_of <= last:
        with localcontext(prec=60):
            sure = int(here.use[complete].sum()) * step if complete.any() else Decimal(0)
        straight = forecast(sure, limits, first=first, last=last, complete_days=int(complete.sum()))
        if straight is not None:
            projected = straight.projected
            means = _weekday_means(days, as_of, min_coverage)
            estimate = _estimate(here, complete, means, first, last)
            coming = straight.reached_on
            if estimate is not None:
                by_weekday = _decimal(float(estimate[-1]), step)
                passed = np.flatnonzero(estimate >= float(limits.value / step))
                coming = first + timedelta(days=int(passed[0])) if len(passed) else None
            # A day that is over did not exhaust it, whatever the mean says.
            exhausted_on = exhausted_on or (max(coming, as_of) if coming else None)
    return Figures(
        use=use,
        status=found,
        rate=rate_pct(use, limits),
        reached=reached,
        peak=peak,
        coverage=_share(covered, expected),
        complete_days=int(complete.sum()),
        projected=projected,
        by_weekday=by_weekday,
        exhausted_on=exhausted_on,
    )


def _reached(so_far: np.ndarray, at: Marks, first: date) -> Iterator[tuple[Level, date]]:
    for one in LEVELS:
        mark = at.of(one)
        place = _first_at(so_far, mark) if mark is not None else None
        if place is not None:
            yield one, first + timedelta(days=place)


def _first_at(so_far: np.ndarray, mark: int) -> int | None:
    """Return the first day on which a sum has come to a mark."""
    places = np.flatnonzero(so_far >= mark)
    return int(places[0]) if len(places) else None


def _full_at(limits: Limits, step: Decimal) -> int:
    """Return the fewest steps of use that a quota is used up by."""
    with localcontext(prec=60):
        return _ceiling(limits.value, step)


def _complete(here: Days, elapsed: int, min_coverage: Decimal) -> np.ndarray:
    """Return which days are over and covered well enough; places of days."""
    over = np.zeros(len(here.use), dtype=bool)
    over[:elapsed] = True
    return over & (here.expected_s > 0) & _well_covered(here, min_coverage)


def _well_covered(days: Days, min_coverage: Decimal) -> np.ndarray:
    # Thousandths of a percent and seconds: whole numbers, so that the border is exact.
    return days.covered_s * 100_000 >= days.expected_s * int(min_coverage * 1000)


def _weekday_means(days: Days, as_of: date, min_coverage: Decimal) -> np.ndarray:
    """Return (7,) the mean use by weekday, Monday first, in the weeks before a day; NaN where unknown."""
    start = max(days.first, as_of - timedelta(weeks=WEEKDAY_WEEKS))
    if start >= as_of:
        return np.full(7, np.nan)
    past = days.window(start, as_of - timedelta(days=1))
    good = (past.expected_s > 0) & _well_covered(past, min_coverage)
    weekdays = ((start.weekday() + np.arange(len(past.use))) % 7)[good]
    counts = np.bincount(weekdays, minlength=7).astype(float)
    sums = np.bincount(weekdays, weights=past.use[good].astype(float), minlength=7)
    counts[counts == 0] = np.nan
    return sums / counts


def _estimate(
    here: Days, complete: np.ndarray, means: np.ndarray, first: date, last: date
) -> np.ndarray | None:
    """Return (d,) the use so far on every day of a period: as read, else by weekday."""
    length = (last - first).days + 1
    each = means[(first.weekday() + np.arange(length)) % 7]
    places = np.flatnonzero(complete)
    each[places] = here.use[places].astype(float)
    return None if np.isnan(each).any() else np.cumsum(each)


def _decimal(steps: float, step: Decimal) -> Decimal:
    with localcontext(prec=60):
        return (Decimal(steps) * step).quantize(_MICRO, ROUND_HALF_UP)


def _share(part: int, whole: int) -> Decimal | None:
    if not whole:
        return None
    with localcontext(prec=30):
        return Decimal(part) / Decimal(whole)


__all__ = [
    "COMPLETE_DAYS_NEEDED",
    "LEVELS",
    "WEEKDAY_WEEKS",
    "Days",
    "Figures",
    "Marks",
    "Readings",
    "Targets",
    "figures",
    "marks",
]
