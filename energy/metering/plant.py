"""The daily use of many meters at once: one table, a row a meter, a column a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

import numpy as np

from energy.metering.daily import DailyUse, of_course
from energy.metering.days import Moments, midnights
from energy.metering.errors import MeterError
from energy.metering.registers import Change, Register, checked, course


@dataclass(frozen=True, slots=True)
class PlantUse:
    """The use of m meters on d days.

    first      the first day; column i is `first` + i days
    counts     (m, d) counts used; 0 where nothing is covered
    covered_s  (m, d) seconds that lie between usable readings
    length_s   (d,) seconds of each day
    flags      (m, d) `Flag` bits
    """

    first: date
    counts: np.ndarray
    covered_s: np.ndarray
    length_s: Moments
    flags: np.ndarray

    @property
    def days(self) -> list[date]:
        """Return the dates, one for each column."""
        return [self.first + timedelta(days=n) for n in range(self.counts.shape[1])]


def plant_use(
    meters: object,
    times: object,
    counts: object,
    registers: Sequence[Register],
    *,
    zone: tzinfo,
    changes: Mapping[int, Sequence[Change]] | None = None,
) -> PlantUse:
    """Return the daily use of all meters, each exactly what `daily_use` says of it alone.

    Parameters
        meters     (n,) whose reading it is: a place in `registers`
        times      (n,) moments in order of arrival, whole seconds since 1970 UTC
        counts     (n,) what the register showed
        registers  (m,) what is known of each meter
        zone       the zone whose midnights part the days
        changes    by meter, when it was changed for another

    Raises MeterError naming the argument.
    """
    times, counts = checked(times, counts)
    meters, _ = checked(meters, counts)
    if len(meters) and meters.max() >= len(registers):
        raise MeterError("meters", f"{meters.max()} is no place among {len(registers)} registers")
    order = np.argsort(meters, kind="stable")  # the order of arrival stays within each meter
    ends = np.cumsum(np.bincount(meters, minlength=len(registers)))
    times, counts = times[order], counts[order]
    uses, start = [], 0
    for place, (register, end) in enumerate(zip(registers, ends.tolist(), strict=True)):
        its = (changes or {}).get(place, ())
        way = course(times[start:end], counts[start:end], register, changes=its)
        uses.append(of_course(way, register, zone=zone))
        start = end
    return _table(uses, zone)


def _table(uses: Sequence[DailyUse], zone: tzinfo) -> PlantUse:
    """Put the days of all meters under one another."""
    known = [use for use in uses if len(use)]
    if not known:
        empty = np.zeros((len(uses), 0), dtype=np.int64)
        return PlantUse(date(1970, 1, 1), empty, empty, np.zeros(0, dtype=np.int64), empty)
    first = min(use.first for use in known)
    last = max(use.first + timedelta(days=len(use) - 1) for use in known)
    length = np.diff(midnights(first, last, zone))
    shape = (len(uses), len(length))
    counts, covered, flags = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for row, use in enumerate(uses):
        start = (use.first - first).days if len(use) else 0
        here = slice(start, start + len(use))
        counts[row, here], covered[row, here], flags[row, here] = use.counts, use.covered_s, use.flags
    return PlantUse(first, counts, covered, length, flags)
