"""The bands of a tariff over a day, and the use in each of them.

A timetable says from which minute of a day to which a band lasts. The use of a band is the
difference of the register's counts at its borders, like that of a day: a step across a border is
divided by time, and the bands of a day add up to its use exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

import numpy as np

from energy.metering.daily import total_at
from energy.metering.days import Moments, midnights
from energy.metering.errors import MeterError
from energy.metering.registers import Course

DAY_MIN = 1440


@dataclass(frozen=True, slots=True)
class Span:
    """A band that lasts from a minute of the day to another, in some months, on some days.

    months      first and last, 1 to 12; from November to February if the first is 11
    on_workdays True or False on those days only, None on all
    """

    band: int
    begin: int
    end: int
    months: tuple[int, int] = (1, 12)
    on_workdays: bool | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.end <= DAY_MIN:
            raise MeterError("begin", "must lie before end, both within a day")
        if not all(1 <= month <= 12 for month in self.months):
            raise MeterError("months", "must lie between 1 and 12")

    def holds(self, month: int, *, is_workday: bool) -> bool:
        """Say whether it counts on such a day."""
        first, last = self.months
        is_in = first <= month <= last if first <= last else month >= first or month <= last
        return is_in and self.on_workdays in (None, is_workday)


@dataclass(frozen=True, slots=True)
class Timetable:
    """What band each minute has; `rest` where no span says.

    A span for workdays or for days of rest goes before one for all days; of two alike the later.
    """

    spans: Sequence[Span] = ()
    rest: int = 0

    def minutes(self, month: int, *, is_workday: bool) -> np.ndarray:
        """Return (1440,) the band of each minute."""
        bands = np.full(DAY_MIN, self.rest, dtype=np.int8)
        holding = [span for span in self.spans if span.holds(month, is_workday=is_workday)]
        for span in sorted(holding, key=lambda one: one.on_workdays is not None):
            bands[span.begin : span.end] = span.band
        return bands


@dataclass(frozen=True, slots=True)
class Cuts:
    """Moments that part some days into pieces, each of one day, one band, one quarter of an hour.

    moments  (k + 1,) increasing, the first and the last are midnights
    day      (k,) the day of each piece, from 0 on
    band     (k,) its band
    quarter  (k,) its quarter of an hour, counted from the first midnight
    """

    moments: Moments
    day: Moments
    band: Moments
    quarter: Moments


QUARTER_S = 900


def cuts_of(
    first: date,
    last: date,
    zone: tzinfo,
    bands: Sequence[np.ndarray],
    *,
    more: Sequence[int] = (),
) -> Cuts:
    """Return how the days first…last are parted; `bands[i]` has the minutes of day i.

    `more` are moments at which something else changes (what a count means). The clock of the
    wall decides: where an hour is left out or comes twice, its minutes are.
    """
    borders = midnights(first, last, zone)
    if len(bands) != len(borders) - 1:
        raise MeterError("bands", f"there are {len(bands)} of them for {len(borders) - 1} days")
    minutes = np.concatenate(
        [
            _by_the_wall(one, int(start), int(end), zone)
            for one, start, end in zip(bands, borders[:-1], borders[1:], strict=True)
        ]
    )
    turns = borders[0] + 60 * (np.flatnonzero(np.diff(minutes)) + 1)
    quarters = np.arange(borders[0], borders[-1], QUARTER_S)
    inside = np.array([moment for moment in more if borders[0] < moment < borders[-1]], dtype=np.int64)
    moments = np.unique(np.concatenate([borders, quarters, turns, inside]))
    starts = moments[:-1]
    gone = starts - borders[0]
    return Cuts(
        moments,
        np.searchsorted(borders, starts, side="right") - 1,
        minutes[gone // 60].astype(np.int64),
        gone // QUARTER_S,
    )


def _by_the_wall(bands: np.ndarray, start: int, end: int, zone: tzinfo) -> np.ndarray:
    """Return the band of each minute that passes between two midnights."""
    if end - start == DAY_MIN * 60:
        return bands
    clocks = (datetime.fromtimestamp(moment, zone) for moment in range(start, end, 60))
    return bands[[clock.hour * 60 + clock.minute for clock in clocks]]


def used_between(found: Course, moments: Moments) -> Moments:
    """Return (k,) the counts used between moment and moment; none outside of the readings.

    What is used between the first and the last moment is the sum, exactly.
    """
    if len(found.times) < 2:
        return np.zeros(len(moments) - 1, dtype=np.int64)
    inner = np.clip(moments, found.times[0], found.times[-1])
    right = np.clip(np.searchsorted(found.times, inner, side="left"), 1, len(found.times) - 1)
    return np.diff(total_at(inner, found.times, found.total, right))


def summed(pieces: Moments, places: Moments, number: int) -> Moments:
    """Return (number,) the sums of the pieces that have the same place."""
    sums = np.zeros(number, dtype=np.int64)
    np.add.at(sums, places, pieces)
    return sums


def apportioned(total: int, weights: Moments) -> Moments:
    """Return whole shares of `total` in proportion to the weights, which add up to it exactly.

    Largest remainders are rounded up, the first of equal ones. Where all weights are 0 the first
    share has it all. The weights themselves come back where they make the total already.
    """
    weight = [int(one) for one in weights]
    whole = sum(weight)
    if whole == total:
        return np.array(weight, dtype=np.int64)
    if whole <= 0:
        weight, whole = [1] + [0] * (len(weight) - 1), 1
    shares = [total * one // whole for one in weight]
    missing = total - sum(shares)
    by_rest = sorted(range(len(weight)), key=lambda place: -(total * weight[place] % whole))
    for place in by_rest[:missing]:
        shares[place] += 1
    return np.array(shares, dtype=np.int64)
