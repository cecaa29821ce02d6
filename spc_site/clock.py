"""The one clock for leases, beats and schedules."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

GOOD_FOR_S = 5.0
"""So long a process goes on from the last time it was told: no clock drifts noticeably in that."""

_told: dict[str, tuple[datetime, float]] = {}


def now() -> datetime:
    """Return the time that every process of the system agrees on, in UTC.

    Several hosts share a PostgreSQL and their clocks differ, so its clock counts there; it is
    asked every few seconds, between which the process's own steady clock goes on. SQLite means one
    host, whose own clock is the same for everybody.
    """
    if connection.vendor != "postgresql":
        return timezone.now()
    server = f"{connection.settings_dict['HOST']}:{connection.settings_dict['PORT']}"
    steady = time.monotonic()
    told = _told.get(server)
    if told is None or steady - told[1] > GOOD_FOR_S:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
        told = _told[server] = (moment.astimezone(UTC), time.monotonic())
        steady = told[1]
    return told[0] + timedelta(seconds=steady - told[1])
