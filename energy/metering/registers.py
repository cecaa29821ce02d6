"""From the readings of a register to its course: what was counted up to each moment.

A register only ever counts up, but what arrives says otherwise: it rolls over, is reset, is
changed for another, jumps for one reading, trembles backwards. `course` decides reading by
reading and returns an unbroken, never falling count, so that any two moments have an exact
difference. The rules, first that fits (`last` is the last usable reading, `step` the change
since it, `fits` says that a use is possible at the register's largest rate in the time gone):

    step ≥ 0, fits                                   counted
    step ≥ 0, does not fit                           dropped (spike); `last` stays
    step < 0, at most `jitter`                       nothing used, the high mark stays (jitter)
    step < 0, the next reading is back and fits      dropped (glitch)
    step < 0, so it is after the same value sent     all of these dropped (glitch)
              again and again, within `GLITCH_S`
    step < 0, step + modulus fits                    step + modulus used (rollover)
    step < 0, the reading counted from zero fits     the reading used (reset)
    step < 0, nothing fits, the next goes on there   a new start of unknown use (reset, uncovered)
    step < 0, nothing fits                           dropped (spike)

Source: the anomalies collected in the project's energy reference, each with its real case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from energy.metering.days import Moments
from energy.metering.errors import MeterError

GLITCH_S = 22 * 3600
"""So long a register may send one lower value again and again and come back.

Less than the shortest day has: days are computed piece by piece, from a day before what changed, and
what is judged together must not reach further.
"""

COUNT_LIMIT = 2**53
"""Counts lie below this, so that sums over all meters of a plant stay exact in 64 bits."""


class Flag(IntFlag):
    """What happened on a day; several may have."""

    GAP = 1
    SPLIT = 2
    ROLLOVER = 4
    RESET = 8
    JITTER = 16
    GLITCH_DROPPED = 32
    SPIKE_DROPPED = 64
    METER_CHANGE = 128

    @property
    def words(self) -> list[str]:
        """Return the names of the flags that are set, sorted."""
        return sorted(flag.name.lower() for flag in Flag if flag in self and flag.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What is known of a meter's register.

    interval_s    the usual time between two readings, seconds
    modulus       where it starts again at zero; None if it does not, or nobody knows; with one
                  `max_per_hour` is needed, which alone tells a rollover from a reset
    max_per_hour  the largest plausible use, counts per hour; None if unknown: everything fits
    jitter        counts that it may fall without meaning anything
    """

    interval_s: int
    modulus: int | None = None
    max_per_hour: int | None = None
    jitter: int = 0

    def __post_init__(self) -> None:
        if self.interval_s <= 0:
            raise MeterError("interval_s", "must be positive")
        if self.modulus is not None and not 1 < self.modulus <= COUNT_LIMIT:
            raise MeterError("modulus", f"must lie between 2 and {COUNT_LIMIT}")
        if self.modulus is not None and self.max_per_hour is None:
            raise MeterError("max_per_hour", "is needed with a modulus: it tells a rollover from a reset")
        if self.max_per_hour is not None and not 0 < self.max_per_hour <= COUNT_LIMIT:
            raise MeterError("max_per_hour", f"must lie between 1 and {COUNT_LIMIT}")
        if self.jitter < 0:
            raise MeterError("jitter", "must not be negative")

    def fits(self, use: int, seconds: int) -> bool:
        """Say whether so much can have been used in that time."""
        return self.max_per_hour is None or use * 3600 <= self.max_per_hour * seconds


@dataclass(frozen=True, slots=True)
class Change:
    """A meter taken off at `old_end` and another put on at `new_start`, at `time` (seconds)."""

    time: int
    old_end: int
    new_start: int


@dataclass(frozen=True, slots=True)
class Course:
    """The usable readings of one meter and what its register had counted at each.

    times    (n,) seconds, strictly increasing
    total    (n,) counts since the first reading, never falling
    flags    (n,) `Flag` bits of the step that ends at each reading; 0 for the first
    covered  (n,) False where the step's use is unknown
    shown    (n,) what the register showed then, or its high mark: where it goes on from
    dropped  (k,) moments of the readings that were left out
    why      (k,) their `Flag` bit
    """

    times: Moments
    total: Moments
    flags: Moments
    covered: np.ndarray
    shown: Moments
    dropped: Moments
    why: Moments


def ordered(times: Moments, counts: Moments) -> tuple[Moments, Moments]:
    """Return readings by time; of several for one moment the one that came last."""
    order = np.argsort(times, kind="stable")
    times, counts = times[order], counts[order]
    is_last = np.ones(len(times), dtype=bool)
    is_last[:-1] = times[1:] != times[:-1]
    return times[is_last], counts[is_last]


def checked(times: object, counts: object) -> tuple[Moments, Moments]:
    """Return both as whole numbers of one length.

    Raises MeterError naming the argument: not one-dimensional, not whole, of unequal length, a
    count below zero or at `COUNT_LIMIT` and above.
    """
    arrays = []
    for name, given in (("times", times), ("counts", counts)):
        array = np.asarray(given)
        if array.ndim != 1:
            raise MeterError(name, "must be one-dimensional")
        if array.size and array.dtype.kind not in "iu":
            raise MeterError(name, "must be whole numbers")
        if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
            raise MeterError(name, "must be below 2 to the power of 63")
        arrays.append(array.astype(np.int64, copy=False))
    if len(arrays[0]) != len(arrays[1]):
        raise MeterError("counts", f"there are {len(arrays[1])} of them for {len(arrays[0])} times")
    if len(arrays[1]) and not (arrays[1].min() >= 0 and arrays[1].max() < COUNT_LIMIT):
        raise MeterError("counts", f"must lie between 0 and {COUNT_LIMIT - 1}")
    return arrays[0], arrays[1]


def fitting(steps: Moments, seconds: Moments, max_per_hour: float | np.ndarray) -> np.ndarray:
    """Say of each step whether it certainly needs no decision: no fall, and a use that fits. Quick.

    In floating point with a margin: of a step near the limit it says no, and who asked decides it
    exactly. `max_per_hour` is one for all or one for each step, infinite where everything fits.
    """
    return (steps >= 0) & (steps <= seconds * (max_per_hour * ((1 - 1e-9) / 3600)))


def course(times: Moments, counts: Moments, register: Register, *, changes: Sequence[Change] = ()) -> Course:
    """Return the course of one register.

    Parameters
        times    (n,) moments of the readings, seconds, in order of arrival
        counts   (n,) what the register showed
        changes  the times at which the meter was changed for another

    A reading at the very moment of a change counts for the old meter if it is at or above the
    last reading, which is what its clerk saw; the new meter starts at `new_start`.

    Raises MeterError as `checked` does.
    """
    times, counts = ordered(*checked(times, counts))
    return _Walk(register, len(times) + len(changes)).run(
        times, counts, sorted(changes, key=lambda c: c.time)
    )


class _Walk:
    """Decides one reading after the other; see the table on top of the module.

    Only where there is something to decide: a stretch of rising counts that fit is kept at once.
    """

    def __init__(self, register: Register, most: int) -> None:
        self._register = register
        self._kept = 0
        self._times, self._total, self._flags, self._marks = np.zeros((4, most), dtype=np.int64)
        self._covered = np.ones(most, dtype=bool)
        self._dropped: list[int] = []
        self._why: list[int] = []
        self._last = self._shown = 0
        """When the last usable reading was, and what the register showed then, or its high mark."""

    def run(self, times: Moments, counts: Moments, changes: list[Change]) -> Course:
        waiting = iter(changes)
        change = next(waiting, None)
        stops = self._stops(times, counts, changes)
        others = np.append(np.flatnonzero(np.diff(counts)) + 1, len(times))
        place = 0
        while place < len(times):
            time, count, after = int(times[place]), int(counts[place]), place + 1
            while change is not None and change.time < time:
                self._change(change)
                change = next(waiting, None)
            # The next reading says nothing about a glitch if the meter was changed before it.
            has_next = after < len(times) and (change is None or change.time >= times[after])
            following = (int(times[after]), int(counts[after])) if has_next else None
            back = following
            if following is not None and following[1] == count < self._shown:
                end = int(others[np.searchsorted(others, place, side="right")])
                is_known = end < len(times) and (change is None or change.time >= times[end])
                back = (int(times[end]), int(counts[end])) if is_known else None
                if back is not None and back[0] - self._last > GLITCH_S:
                    back = None
            self._read(time, count, following, back)
            place = after
            if self._last == time and self._shown == count:
                place = int(stops[np.searchsorted(stops, after)])
                self._keep_all(times[after:place], counts[after:place])
        while change is not None:
            self._change(change)
            change = next(waiting, None)
        kept = slice(self._kept)
        return Course(
            self._times[kept],
            self._total[kept],
            self._flags[kept],
            self._covered[kept],
            self._marks[kept],
            np.array(self._dropped, dtype=np.int64),
            np.array(self._why, dtype=np.int64),
        )

    def _stops(self, times: Moments, counts: Moments, changes: list[Change]) -> Moments:
        """Return the places of the readings that need a decision, and the end.

        Every other one only goes on from the reading before it, if that one was usable.
        """
        rate = self._register.max_per_hour
        plain = fitting(np.diff(counts), np.diff(times), np.inf if rate is None else float(rate))
        changed = np.searchsorted(times, [change.time for change in changes], side="right")
        return np.unique(np.concatenate([np.flatnonzero(~plain) + 1, changed, [len(times)]]))

    def _keep_all(self, times: Moments, counts: Moments) -> None:
        """Keep readings that only go on from the last usable one."""
        if not len(times):
            return
        here = slice(self._kept, self._kept + len(times))
        self._times[here] = times
        self._total[here] = counts - self._shown + self._total[self._kept - 1]
        self._marks[here] = counts
        self._kept = here.stop
        self._last, self._shown = int(times[-1]), int(counts[-1])

    def _keep(self, time: int, shown: int, use: int, flag: int = 0, *, covered: bool = True) -> None:
        place = self._kept
        if place and self._last == time:  # a reading at the moment of a change
            self._total[place - 1] += use
            self._flags[place - 1] |= flag
            self._marks[place - 1] = shown
        else:
            self._times[place] = time
            self._total[place] = use + (self._total[place - 1] if place else 0)
            self._flags[place] = flag
            self._covered[place] = covered
            self._marks[place] = shown
            self._kept += 1
        self._last, self._shown = time, shown

    def _drop(self, time: int, why: Flag) -> None:
        self._dropped.append(time)
        self._why.append(why)

    def _change(self, change: Change) -> None:
        """Let the old meter end and the new one begin, both at the moment of the change."""
        if not self._kept:
            self._keep(change.time, change.new_start, 0, Flag.METER_CHANGE)
            return
        seconds = change.time - self._last
        use = change.old_end - self._shown
        flag = Flag.METER_CHANGE
        if use < 0 and self._register.modulus and self._register.fits(use + self._register.modulus, seconds):
            use, flag = use + self._register.modulus, flag | Flag.ROLLOVER
        self._keep(change.time, change.new_start, max(use, 0), flag)

    def _read(
        self, time: int, count: int, following: tuple[int, int] | None, back: tuple[int, int] | None
    ) -> None:
        """Decide one reading by the one that follows it, and by the next one of another value."""
        if not self._kept:
            self._keep(time, count, 0)
            return
        register, seconds, step = self._register, time - self._last, count - self._shown
        if step >= 0:
            if register.fits(step, seconds):
                self._keep(time, count, step)
            else:
                self._drop(time, Flag.SPIKE_DROPPED)
        elif -step <= register.jitter:
            self._keep(time, self._shown, 0, Flag.JITTER)
        elif back is not None and self._is_back(back):
            self._drop(time, Flag.GLITCH_DROPPED)
        elif register.modulus and register.fits(step + register.modulus, seconds):
            self._keep(time, count, step + register.modulus, Flag.ROLLOVER)
        elif register.fits(count, seconds):
            self._keep(time, count, count, Flag.RESET)
        elif following is not None and self._goes_on(time, count, following):
            self._keep(time, count, 0, Flag.RESET, covered=False)
        else:
            self._drop(time, Flag.SPIKE_DROPPED)

    def _is_back(self, following: tuple[int, int]) -> bool:
        """Say whether a later reading goes on from the last usable one, as if nothing had been."""
        time, count = following
        return count >= self._shown and self._register.fits(count - self._shown, time - self._last)

    def _goes_on(self, time: int, count: int, following: tuple[int, int]) -> bool:
        """Say whether the next reading goes on from this one."""
        return following[1] >= count and self._register.fits(following[1] - count, following[0] - time)
