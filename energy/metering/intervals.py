"""From the use of intervals, as some devices send it, to the same course as a register's.

Each value is the use of the time before its moment, as long as the device's interval but not
before the value that precedes it. Between two intervals that do not touch nothing is known: no
use, not covered. Nothing carries over from one value to the next, so a wrong one does no harm
beyond itself; one above the largest rate is dropped.
"""

from __future__ import annotations

import numpy as np

from energy.metering.registers import Course, Flag, Register, checked, ordered


def interval_course(times: object, counts: object, register: Register, *, since: int | None = None) -> Course:
    """Return the course of a device that sends the use of intervals.

    Parameters
        times   (n,) moments at which the intervals ended, seconds, in order of arrival
        counts  (n,) counts used in each
        since   the end of an interval before the first of these, which is known already

    Raises MeterError as `registers.checked` does.
    """
    times, counts = ordered(*checked(times, counts))
    fits = np.ones(len(times), dtype=bool)
    if register.max_per_hour is not None:
        fits = counts * 3600 <= register.max_per_hour * register.interval_s
    dropped = times[~fits]
    times, counts = times[fits], counts[fits]
    before = np.empty_like(times)
    if len(times):
        before[0] = times[0] - register.interval_s if since is None else since
        before[1:] = times[:-1]
    starts = np.maximum(times - register.interval_s, before)
    points = np.stack([starts, times], axis=1).ravel()
    uses = np.stack([np.zeros_like(counts), counts], axis=1).ravel()
    is_gap = np.tile([True, False], len(times)).astype(bool)
    if since is not None:
        points, uses = np.append(since, points), np.append(0, uses)
        is_gap = np.append(True, is_gap)
    # Where one interval begins as the last one ends there is no step between them.
    is_step = np.ones(len(points), dtype=bool)
    is_step[1:] = points[1:] != points[:-1]
    points, uses, is_gap = points[is_step], uses[is_step], is_gap[is_step]
    flags = np.where(is_gap, int(Flag.GAP), 0)
    flags[:1] = 0
    return Course(
        times=points,
        total=np.cumsum(uses),
        flags=flags,
        covered=~is_gap,
        shown=np.zeros(len(points), dtype=np.int64),
        dropped=dropped,
        why=np.full(len(dropped), int(Flag.SPIKE_DROPPED), dtype=np.int64),
    )
