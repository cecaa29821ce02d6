"""From the course of a meter to what its use amounts to on each day, and where it stands after it.

A count means a dated, whole number of steps of the energy type (transformers are changed). A
day in which it changes is parted at that moment, as days are parted at midnight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

import numpy as np

from energy.metering.daily import of_course, total_at
from energy.metering.days import Moments, midnights
from energy.metering.errors import MeterError
from energy.metering.registers import Course, Register


@dataclass(frozen=True, slots=True)
class Factors:
    """What a count means: `values[0]` before `moments[0]`, then `values[1]` before `moments[1]` …"""

    values: Sequence[int]
    moments: Sequence[int] = ()

    def __post_init__(self) -> None:
        if len(self.values) != len(self.moments) + 1:
            raise MeterError("values", "there is one more of them than moments")
        if any(later <= earlier for earlier, later in zip(self.moments, self.moments[1:], strict=False)):
            raise MeterError("moments", "must increase")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a meter stood: its last usable reading and what it showed then, or its high mark."""

    time: int
    shown: int


@dataclass(frozen=True, slots=True)
class DayAmounts:
    """What one meter used on each local day; the arrays have one place for each day from `first` on.

    amounts     steps of the energy type
    covered_s   seconds of the day that lie between usable readings
    length_s    seconds that the day has
    flags       `Flag` bits
    end_times   the time of the last usable reading before the day was over
    end_counts  what the register showed then (`Standing`)
    """

    first: date
    amounts: Moments
    covered_s: Moments
    length_s: Moments
    flags: Moments
    end_times: Moments
    end_counts: Moments

    def __len__(self) -> int:
        return len(self.amounts)

    def day(self, place: int) -> date:
        """Return the date of a place."""
        return self.first + timedelta(days=place)


def day_amounts(found: Course, register: Register, factors: Factors, *, zone: tzinfo) -> DayAmounts:
    """Return what the use of a meter amounts to on each day that its course touches."""
    use = of_course(found, register, zone=zone)
    if not len(use):
        return DayAmounts(use.first, *([use.counts] * 6))
    borders = midnights(use.first, use.days[-1], zone)
    # A reading at midnight closes one day and stands in the next: `end` is what is before it.
    last = np.searchsorted(found.times, borders[1:], side="left") - 1
    return DayAmounts(
        first=use.first,
        amounts=_amounts(found, use.counts, borders, factors),
        covered_s=use.covered_s,
        length_s=use.length_s,
        flags=use.flags,
        end_times=found.times[last],
        end_counts=found.shown[last],
    )


def _amounts(found: Course, counts: Moments, borders: Moments, factors: Factors) -> Moments:
    if not factors.moments:
        return counts * factors.values[0]
    moments = np.array(factors.moments, dtype=np.int64)
    inside = moments[(moments > borders[0]) & (moments < borders[-1])]
    cuts = np.union1d(borders, inside)
    clipped = np.clip(cuts, found.times[0], found.times[-1])
    right = np.clip(np.searchsorted(found.times, clipped, side="left"), 1, len(found.times) - 1)
    use = np.diff(total_at(clipped, found.times, found.total, right))
    meaning = np.array(factors.values, dtype=np.int64)[np.searchsorted(moments, cuts[:-1], side="right")]
    return np.add.reduceat(use * meaning, np.searchsorted(cuts, borders[:-1]))
