"""Shifts of work over the days, and the use in each of them.

A shift belongs to the day on which it begins, also where it ends on the next. The use of a shift
is the difference of the register's counts at its borders, like that of a day: the shifts and what
lies between them add up exactly to the use from the first border to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

import numpy as np

from energy.metering.daily import unknown_seconds
from energy.metering.days import Moments
from energy.metering.registers import Course

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Shift:
    """From when to when by the clock of the wall, on the days first ≤ day < last.

    An end that is not after the begin is on the next day.
    """

    begins: time
    ends: time
    first: date = date.min
    last: date = date.max


@dataclass(frozen=True, slots=True)
class Turns:
    """The shifts of some days in the order of time.

    day, shift   (n,) the day that each belongs to, from 0 on, and which of the given shifts it is
    begin, end   (n,) its borders, seconds since 1970 UTC
    """

    day: Moments
    shift: Moments
    begin: Moments
    end: Moments

    def owners(self, starts: Moments) -> Moments:
        """Return (k,) in which turn a moment lies, -1 where in none."""
        place = np.searchsorted(self.begin, starts, side="right") - 1
        return np.where((place >= 0) & (starts < self.end[place]), place, -1)


def turns(shifts: Sequence[Shift], first: date, last: date, zone: tzinfo) -> Turns:
    """Return the turns that begin on the days first…last; the clock of the wall decides."""
    rows = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for place, shift in enumerate(shifts):
            if shift.first <= day < shift.last:
                following = day if shift.ends > shift.begins else day + timedelta(days=1)
                begin = datetime.combine(day, shift.begins, tzinfo=zone).timestamp()
                end = datetime.combine(following, shift.ends, tzinfo=zone).timestamp()
                rows.append((int(begin), number, place, int(end)))
    table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 4)
    return Turns(table[:, 1], table[:, 2], table[:, 0], table[:, 3])


def clash(one: Shift, other: Shift) -> bool:
    """Say whether two shifts would run at the same time on some day."""
    return any(
        max(left.begins, right.begins) < min(left.ends, right.ends)
        and max(left.first, right.first) < min(left.last, right.last)
        for left in _parts(one)
        for right in _parts(other)
    )


class _Part(NamedTuple):
    """What runs of a shift within a day, in seconds since its midnight, on the days first ≤ day < last."""

    begins: int
    ends: int
    first: int
    last: int


def _parts(shift: Shift) -> list[_Part]:
    begins, ends = (one.hour * 3600 + one.minute * 60 + one.second for one in (shift.begins, shift.ends))
    first, last = shift.first.toordinal(), shift.last.toordinal()
    if ends > begins:
        return [_Part(begins, ends, first, last)]
    return [_Part(begins, _DAY_S, first, last), _Part(0, ends, first + 1, last + 1)]


def read_between(found: Course, moments: Moments, *, longest_s: int) -> Moments:
    """Return (k,) seconds between moment and moment in which the register was read.

    What lies in a step of unknown use, or in one longer than `longest_s`, is not: its use is known
    as a whole at best.
    """
    if len(found.times) < 2:
        return np.zeros(len(moments) - 1, dtype=np.int64)
    inner = np.clip(moments, found.times[0], found.times[-1])
    silent = unknown_seconds(found, inner)
    starts, ends = found.times[:-1], found.times[1:]
    for place in np.flatnonzero((ends - starts > longest_s) & found.covered[1:]):
        silent += np.clip(np.minimum(inner[1:], ends[place]) - np.maximum(inner[:-1], starts[place]), 0, None)
    return np.diff(inner) - silent


__all__ = ["Shift", "Turns", "clash", "read_between", "turns"]
