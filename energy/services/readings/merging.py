"""Readings as columns: sorted into local days, put into those that a day has. No query."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings

from energy.metering import midnights

NOTHING = np.zeros(0, dtype=np.int64)

Key: TypeAlias = tuple[int, date]
Columns: TypeAlias = "tuple[np.ndarray, ...]"


class Merged(NamedTuple):
    """One stored day after new readings were put into it.

    `written` has a row for each reading that is new or has another count: second, count, and the
    count that it had, or -1.
    """

    seconds: np.ndarray
    counts: np.ndarray
    written: np.ndarray
    unchanged: int


def merge(seconds: np.ndarray, counts: np.ndarray, new_seconds: np.ndarray, new_counts: np.ndarray) -> Merged:
    """Put readings into those of a day; the last of several for one second wins."""
    is_ordered = bool((new_seconds[1:] > new_seconds[:-1]).all())
    if is_ordered and (not len(seconds) or new_seconds[0] > seconds[-1]):  # they only go on: nearly always
        written = np.empty((len(new_seconds), 3), dtype=np.int64)
        written[:, 0], written[:, 1], written[:, 2] = new_seconds, new_counts, -1
        return Merged(
            np.concatenate([seconds, new_seconds]), np.concatenate([counts, new_counts]), written, 0
        )
    order = np.argsort(new_seconds, kind="stable")
    new_seconds, new_counts = new_seconds[order], new_counts[order]
    is_last = np.ones(len(new_seconds), dtype=bool)
    is_last[:-1] = new_seconds[1:] != new_seconds[:-1]
    repeated = int((~is_last).sum())
    new_seconds, new_counts = new_seconds[is_last], new_counts[is_last]
    place = np.searchsorted(seconds, new_seconds)
    before = np.full(len(new_seconds), -1, dtype=np.int64)
    inside = np.flatnonzero(place < len(seconds))
    there = inside[seconds[place[inside]] == new_seconds[inside]]
    before[there] = counts[place[there]]
    counts = counts.copy()
    counts[place[there]] = new_counts[there]
    is_new, is_other = before < 0, before != new_counts
    return Merged(
        np.insert(seconds, place[is_new], new_seconds[is_new]),
        np.insert(counts, place[is_new], new_counts[is_new]),
        np.stack([new_seconds, new_counts, before], axis=1)[is_other],
        repeated + int((~is_other).sum()),
    )


def by_day(meters: object, moments: object, *columns: object) -> dict[Key, Columns]:
    """Return for each meter and local day the seconds of the day and the columns, in order of arrival."""
    owners, times = np.array(meters, dtype=np.int64), np.array(moments, dtype=np.int64)
    zone = ZoneInfo(settings.TIME_ZONE)
    first, last = (datetime.fromtimestamp(int(time), zone).date() for time in (times.min(), times.max()))
    borders = midnights(first, last, zone)
    day = np.searchsorted(borders, times, side="right") - 1
    order = np.lexsort((day, owners))  # stable: the order of arrival stays within a day
    owners, day, seconds = owners[order], day[order], (times - borders[day])[order]
    arrays = [np.array(column, dtype=np.int64)[order] for column in columns]
    cuts = np.flatnonzero((np.diff(owners) != 0) | (np.diff(day) != 0)) + 1
    starts, ends = np.append(0, cuts).tolist(), np.append(cuts, len(owners)).tolist()
    return {
        (int(owners[start]), first + timedelta(days=int(day[start]))): (
            seconds[start:end],
            *(array[start:end] for array in arrays),
        )
        for start, end in zip(starts, ends, strict=True)
    }


def midnight_of(day: date) -> int:
    """Return the moment at which a local day begins, in seconds."""
    return int(midnights(day, day, ZoneInfo(settings.TIME_ZONE))[0])


def with_moments(device: int, day: date, written: np.ndarray) -> np.ndarray:
    """Return rows of device, moment, count, count before."""
    placed = np.empty((len(written), 4), dtype=np.int64)
    placed[:, 0], placed[:, 1:] = device, written
    placed[:, 1] += midnight_of(day)
    return placed


def spans_of(table: np.ndarray) -> list[tuple[int, date, date]]:
    """Return the first and last local day of each device in rows of device, moment, …"""
    zone = ZoneInfo(settings.TIME_ZONE)
    spans: dict[int, tuple[int, int]] = {}
    for device, moment in table[:, :2].tolist():
        low, high = spans.get(device, (moment, moment))
        spans[device] = (min(low, moment), max(high, moment))
    return [
        (device, *(datetime.fromtimestamp(moment, zone).date() for moment in span))  # type: ignore[misc]
        for device, span in spans.items()
    ]
