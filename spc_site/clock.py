"""The one clock for leases, beats and schedules."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection
from django.utils import timezone


def now() -> datetime:
    """Return the time that every process of the system agrees on, in UTC.

    Several hosts share a PostgreSQL and their clocks differ, so its clock counts there (one
    query). SQLite means one host, whose own clock is the same for everybody.
    """
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment.astimezone(UTC)
