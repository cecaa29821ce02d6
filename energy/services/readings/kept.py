"""The rows that readings are kept in: packed days under the lock of their meter, and the history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np
from django.contrib.auth.models import User

from energy.metering import unpack_all
from energy.models import Device, ReadingBatch, ReadingCorrection, ReadingDay
from energy.services.readings.merging import Key
from spc_site import clock


def lock_devices(pks: Iterable[int]) -> dict[int, Device]:
    """Lock devices in one order, so that two batches on the same meters wait for one another."""
    rows = (
        Device.objects.select_for_update(no_key=True)
        .filter(pk__in=set(pks))
        .only("code", "last_reading_at")
        .order_by("pk")
    )
    return {row.pk: row for row in rows}


def stored_days(keys: Iterable[Key]) -> dict[Key, ReadingDay]:
    """Return the stored days of devices that are locked. One query."""
    keys = set(keys)
    rows = ReadingDay.objects.filter(
        device__in={device for device, _day in keys}, day__in={day for _device, day in keys}
    )
    return {key: row for row in rows if (key := (row.device_id, row.day)) in keys}


def columns_of(stored: dict[Key, ReadingDay]) -> dict[Key, tuple[np.ndarray, np.ndarray]]:
    """Return the seconds and counts of stored days."""
    seconds, counts, sizes = unpack_all([row.packed for row in stored.values()])
    ends = np.cumsum(sizes).tolist()
    return {
        key: (seconds[end - size : end], counts[end - size : end])
        for key, end, size in zip(stored, ends, sizes.tolist(), strict=True)
    }


def history_of(
    row: ReadingBatch, changes: Iterable[Sequence[int]], *, who: User | None
) -> list[ReadingCorrection]:
    """Return the history of changes: device, moment, old count, new count (-1: taken away)."""
    now = clock.now()
    return [
        ReadingCorrection(
            device_id=device,
            at=datetime.fromtimestamp(moment, UTC),
            old_count=old,
            new_count=new if new >= 0 else None,
            batch=row,
            who=who,
            corrected_at=now,
        )
        for device, moment, old, new in changes
    ]
