"""From readings to the use of each local day, in whole counts of the register.

The register's count at a midnight is interpolated between the two usable readings around it and
rounded to a whole count; a day's use is the difference of its two midnights. So the days add up
to the total exactly, whatever is rounded at a border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

import numpy as np

from energy.metering.days import Moments, days_around
from energy.metering.errors import MeterError
from energy.metering.registers import Change, Course, Flag, Register, checked, course

_STEP_FLAGS = Flag.GAP | Flag.ROLLOVER | Flag.RESET | Flag.JITTER


@dataclass(frozen=True, slots=True)
class DailyUse:
    """The use of one meter on each local day that its readings touch.

    first      the first day; day i is `first` + i days
    counts     (d,) counts used
    covered_s  (d,) seconds of the day that lie between usable readings
    length_s   (d,) seconds that the day has
    flags      (d,) `Flag` bits
    """

    first: date
    counts: Moments
    covered_s: Moments
    length_s: Moments
    flags: Moments

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def days(self) -> list[date]:
        """Return the dates, one for each day."""
        return [self.first + timedelta(days=n) for n in range(len(self))]

    @property
    def coverage(self) -> np.ndarray:
        """Return the share of each day that is covered, 0 to 1."""
        return self.covered_s / self.length_s


_NO_DAY = date(1970, 1, 1)


def _nothing() -> DailyUse:
    empty = np.zeros(0, dtype=np.int64)
    return DailyUse(_NO_DAY, empty, empty, empty, empty)


def daily_use(
    times: object,
    counts: object,
    register: Register,
    *,
    zone: tzinfo,
    changes: Sequence[Change] = (),
) -> DailyUse:
    """Return the daily use of one register.

    Parameters
        times     (n,) moments of the readings in order of arrival, whole seconds since 1970 UTC
        counts    (n,) what the register showed, whole counts
        register  what is known of it
        zone      the zone whose midnights part the days
        changes   when the meter was changed for another

    Returns the days from the first to the last usable reading; no day where fewer than two
    readings are usable. A day without a reading of its own lies in a gap: it has its share of the
    step across it, by time, and says so (`gap`, `split`).

    Raises MeterError naming the argument (see `registers.checked`).
    """
    times, counts = checked(times, counts)
    return of_course(course(times, counts, register, changes=changes), register, zone=zone)


def of_course(found: Course, register: Register, *, zone: tzinfo) -> DailyUse:
    """Return the daily use of a register whose course is known."""
    if len(found.times) < 2:
        return _nothing()
    times, total = found.times, found.total
    first, borders = days_around(int(times[0]), int(times[-1]), zone)
    inner = np.clip(borders, times[0], times[-1])
    right = np.clip(np.searchsorted(times, inner, side="left"), 1, len(times) - 1)
    at_border = total_at(inner, times, total, right)
    use = np.diff(at_border)
    covered = np.diff(inner) - unknown_seconds(found, inner)
    flags = np.zeros(len(use), dtype=np.int64)
    _mark_steps(flags, found, register, borders)
    _mark_dropped(flags, found, borders)
    return DailyUse(first, use, covered, np.diff(borders), flags)


def total_at(moments: Moments, times: Moments, total: Moments, right: Moments) -> Moments:
    """Return the counts at moments, interpolated between readings and rounded to whole counts.

    `right[i]` is the place of the first reading at or after `moments[i]`, at least 1.
    """
    left = right - 1
    return total[left] + between(
        moments - times[left], times[right] - times[left], total[right] - total[left]
    )


def between(gone: Moments, span: Moments, step: Moments) -> Moments:
    """Return the part of a step that was done when `gone` of its `span` seconds were, rounded half up.

    In whole numbers: the quotient and the remainder of the step apart keep every product below 2^63.
    """
    whole, rest = np.divmod(step, span)
    return whole * gone + (2 * rest * gone + span) // (2 * span)


def _day_of(moments: Moments, borders: Moments) -> Moments:
    """Return the day of each moment; a midnight belongs to the day that it closes."""
    return np.clip(np.searchsorted(borders, moments, side="left") - 1, 0, len(borders) - 2)


def _opening_day(moments: Moments, borders: Moments) -> Moments:
    """Return the day of each moment; a midnight belongs to the day that it opens."""
    return np.clip(np.searchsorted(borders, moments, side="right") - 1, 0, len(borders) - 2)


def _mark_steps(flags: Moments, found: Course, register: Register, borders: Moments) -> None:
    """Flag the days that a step touches with what it is: a gap, divided, a rollover …"""
    starts, ends = found.times[:-1], found.times[1:]
    use, bits = np.diff(found.total), found.flags[1:]
    opened, closed = _opening_day(starts, borders), _day_of(ends, borders)
    step_bits = (bits & int(_STEP_FLAGS)) | np.where(ends - starts > register.interval_s, int(Flag.GAP), 0)
    step_bits |= np.where((closed > opened) & (use > 0), int(Flag.SPLIT), 0)
    for place in np.flatnonzero(step_bits):
        flags[opened[place] : closed[place] + 1] |= step_bits[place]
    # The change itself is a moment, not a step.
    changed = (found.flags & int(Flag.METER_CHANGE)) != 0
    np.bitwise_or.at(flags, _day_of(found.times[changed], borders), int(Flag.METER_CHANGE))


def _mark_dropped(flags: Moments, found: Course, borders: Moments) -> None:
    inside = found.dropped <= borders[-1]  # none is before: the first reading is never dropped
    np.bitwise_or.at(flags, _day_of(found.dropped[inside], borders), found.why[inside])


def unknown_seconds(found: Course, inner: Moments) -> Moments:
    """Return the seconds of each day that lie in steps of unknown use."""
    unknown = np.zeros(len(inner) - 1, dtype=np.int64)
    for place in np.flatnonzero(~found.covered):
        start, end = found.times[place - 1], found.times[place]
        unknown += np.clip(np.minimum(inner[1:], end) - np.maximum(inner[:-1], start), 0, None)
    return unknown


__all__ = ["DailyUse", "MeterError", "between", "daily_use", "of_course", "total_at", "unknown_seconds"]
