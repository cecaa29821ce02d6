"""Local days as the moments of their midnights.

A day lasts from one local midnight to the next: 23 or 25 hours where clocks are moved.
Moments are whole seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from energy.metering.errors import MeterError

Moments = npt.NDArray[np.int64]

_MOST_DAYS = 100_000


@lru_cache(maxsize=256)
def midnights(first: date, last: date, zone: tzinfo) -> Moments:
    """Return the midnights that bound the days `first` to `last`, both included.

    Returns
        (d + 1,) seconds, increasing: day i is [result[i], result[i + 1]). Not to be written to:
        all meters of a plant ask for the same days, and get the same array.

    Raises MeterError if `last` lies before `first`, or more than 100,000 days after it.
    """
    count = (last - first).days + 1
    if not 1 <= count <= _MOST_DAYS:
        raise MeterError("last", f"must lie 0 to {_MOST_DAYS - 1} days after first")
    borders = [
        # A clock moved at midnight itself has no such hour: `fold` 0 takes the moment before.
        int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
        for day in (first + timedelta(days=n) for n in range(count + 1))
    ]
    result = np.array(borders, dtype=np.int64)
    result.flags.writeable = False
    return result


def days_around(start: int, end: int, zone: tzinfo) -> tuple[date, Moments]:
    """Return the first local day and the midnights of all days that lie in start…end.

    `end` belongs to the day that it closes: a reading at midnight opens no day of its own.
    """
    first = datetime.fromtimestamp(start, zone).date()
    last = datetime.fromtimestamp(max(end - 1, start), zone).date()
    return first, midnights(first, last, zone)
