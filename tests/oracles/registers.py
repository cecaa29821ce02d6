"""Registers to daily use, the slow and obvious way: second by second thinking in exact fractions.

Knows no anomaly but the duplicate; the tests of anomalies state their expectations themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction
from itertools import pairwise


def midnight(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def daily_use(readings: Sequence[tuple[int, int]], zone: tzinfo) -> dict[date, tuple[int, int]]:
    """Return counts and covered seconds of each local day; readings in order of arrival, never falling."""
    latest: dict[int, int] = {}
    for moment, count in readings:
        latest[moment] = count
    known = sorted(latest.items())
    if len(known) < 2:
        return {}

    def register(moment: int) -> int:
        """The count at a moment, half rounded up; outside of the readings the nearest one's."""
        if moment <= known[0][0]:
            return known[0][1]
        for (t0, c0), (t1, c1) in pairwise(known):
            if t0 <= moment <= t1:
                exact = c0 + Fraction(c1 - c0) * (moment - t0) / (t1 - t0)
                return math.floor(exact + Fraction(1, 2))
        return known[-1][1]

    days: dict[date, tuple[int, int]] = {}
    day = datetime.fromtimestamp(known[0][0], zone).date()
    while (start := midnight(day, zone)) < known[-1][0]:
        end = midnight(day + timedelta(days=1), zone)
        covered = min(end, known[-1][0]) - max(start, known[0][0])
        days[day] = (register(end) - register(start), covered)
        day += timedelta(days=1)
    return days


def course(
    readings: Sequence[tuple[int, int]], *, max_per_hour: int | None, modulus: int | None, jitter: int
) -> list[tuple[int, int]]:
    """Return (moment, counted since the first) of each usable reading, by the table of rules, one at a time.

    Readings by time, one for a moment; no change of the meter.
    """

    def fits(use: int, seconds: int) -> bool:
        return max_per_hour is None or Fraction(use, 1) <= Fraction(max_per_hour * seconds, 3600)

    kept = [(readings[0][0], 0)]
    shown = readings[0][1]
    for place in range(1, len(readings)):
        (moment, count), after = readings[place], readings[place + 1 : place + 2]
        seconds, change = moment - kept[-1][0], count - shown
        others = [(t, c) for t, c in readings[place + 1 :] if c != count][:1]
        lasting = [(t, c) for t, c in others if t - kept[-1][0] <= 22 * 3600]
        is_back = any(c >= shown and fits(c - shown, t - kept[-1][0]) for t, c in [*after, *lasting])
        goes_on = any(c >= count and fits(c - count, t - moment) for t, c in after)
        used: int | None
        if change >= 0:
            used = change if fits(change, seconds) else None
        elif -change <= jitter:
            kept.append((moment, kept[-1][1]))
            continue
        elif is_back:
            used = None
        elif modulus and fits(change + modulus, seconds):
            used = change + modulus
        elif fits(count, seconds):
            used = count
        else:
            used = 0 if goes_on else None
        if used is not None:
            kept.append((moment, kept[-1][1] + used))
            shown = count
    return kept
