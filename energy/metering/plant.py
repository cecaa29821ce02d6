"""The daily use of many meters at once: one table, a row a meter, a column a day.

Meters that are read regularly are told together (`grid`); those with readings between their
times, with a change, or with a step that needs a decision go one by one (`registers.course`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

import numpy as np

from energy.metering.daily import of_course
from energy.metering.days import Moments, midnights
from energy.metering.errors import MeterError
from energy.metering.grid import Grid, grid_of, settle
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
    changed = changes or {}
    parts: list[_Part] = []
    alone = np.ones(len(registers), dtype=bool)

    def add(row: int, its_times: Moments, its_counts: Moments) -> None:
        way = course(its_times, its_counts, registers[row], changes=changed.get(row, ()))
        use = of_course(way, registers[row], zone=zone)
        parts.append(_Part(row, use.first, use.counts, use.covered_s, use.flags))

    for grid in _grids(meters, times, counts, registers, changed):
        found = settle(grid, [registers[row] for row in grid.rows.tolist()], zone)
        parts.append(_Part(found.rows, found.first, found.counts, found.covered_s, found.flags))
        for place in found.unsure.tolist():
            add(int(grid.rows[place]), *grid.readings(place))
        alone[grid.rows] = False
        alone[grid.strange] = True
    if alone.any():
        for row, places in _each(alone, meters):
            add(row, times[places], counts[places])
    return _table(len(registers), parts, zone)


@dataclass(frozen=True, slots=True)
class _Part:
    """The days of one meter, or of several that have a row each."""

    rows: int | Moments
    first: date
    counts: np.ndarray
    covered_s: np.ndarray
    flags: np.ndarray

    @property
    def days(self) -> int:
        return int(self.counts.shape[-1])


def _grids(
    meters: Moments,
    times: Moments,
    counts: Moments,
    registers: Sequence[Register],
    changes: Mapping[int, Sequence[Change]],
) -> Iterator[Grid]:
    """Yield a grid for each interval, of the meters that were not changed."""
    of_interval: dict[int, list[int]] = {}
    for row, register in enumerate(registers):
        if not changes.get(row):
            of_interval.setdefault(register.interval_s, []).append(row)
    for interval_s, rows in of_interval.items():
        readings = (meters, times, counts)
        if len(rows) < len(registers):
            place_of = np.full(len(registers), -1, dtype=np.int64)
            place_of[rows] = np.arange(len(rows))
            places = place_of[meters]
            mine = np.flatnonzero(places >= 0)
            readings = (places[mine], times[mine], counts[mine])
        grid = grid_of(np.array(rows, dtype=np.int64), interval_s, *readings)
        if grid is not None:
            yield grid


def _each(wanted: np.ndarray, meters: Moments) -> Iterator[tuple[int, Moments]]:
    """Yield each wanted meter that has readings, with their places in the order of arrival."""
    mine = np.flatnonzero(wanted[meters])
    order = mine[np.argsort(meters[mine], kind="stable")]
    rows, starts = np.unique(meters[order], return_index=True)
    yield from zip(rows.tolist(), np.split(order, starts[1:]), strict=True) if len(rows) else ()


def _table(meters: int, parts: Sequence[_Part], zone: tzinfo) -> PlantUse:
    """Put the days of all meters under one another."""
    known = [part for part in parts if part.days]
    if not known:
        empty = np.zeros((meters, 0), dtype=np.int64)
        return PlantUse(date(1970, 1, 1), empty, empty, np.zeros(0, dtype=np.int64), empty)
    first = min(part.first for part in known)
    last = max(part.first + timedelta(days=part.days - 1) for part in known)
    length = np.diff(midnights(first, last, zone))
    counts, covered, flags = np.zeros((3, meters, len(length)), dtype=np.int64)
    for part in known:
        start = (part.first - first).days
        here = slice(start, start + part.days)
        counts[part.rows, here] = part.counts
        covered[part.rows, here] = part.covered_s
        flags[part.rows, here] = part.flags
    return PlantUse(first, counts, covered, length, flags)
