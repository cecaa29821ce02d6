"""Write a batch once, or say what writing it would do."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import numpy as np
from django.db import IntegrityError, transaction

from energy.choices import Way
from energy.metering import pack
from energy.models import Device, ReadingBatch, ReadingDay
from energy.services.days import mark_dirty
from energy.services.readings.batches import Batch, Checked, Compared, Recorded, Rejected
from energy.services.readings.checking import check
from energy.services.readings.kept import columns_of, history_of, lock_devices, stored_days
from energy.services.readings.merging import NOTHING, by_day, merge, spans_of, with_moments
from hooks import services as hooks
from spc_site import clock
from spc_site.bulk import collector_paused, insert_many, update_many

POINT = "on_energy_data_received"
_UNDOABLE = {Way.FILE, Way.MANUAL}


def record(batch: Batch) -> Recorded:
    """Take in a batch. Its number of statements does not depend on how many readings it has."""
    found = _known(batch)
    if found is not None:
        return found
    checked = check(batch.readings, label=batch.label)
    return record_checked(batch, checked)


@collector_paused()
def record_checked(batch: Batch, checked: Checked) -> Recorded:
    """Write what `check` found; a batch that came meanwhile by another way in is not taken twice."""
    try:
        with transaction.atomic():
            row = _new_row(batch, checked)
            _write(row, checked)
    except IntegrityError:
        found = _known(batch)
        if found is None:
            raise
        return found
    return Recorded(row, checked.rejected)


def _known(batch: Batch) -> Recorded | None:
    row = ReadingBatch.objects.filter(source=batch.source, batch_id=batch.batch_id).first()
    if row is None:
        return None
    return Recorded(row, [Rejected(*one) for one in row.rejections], is_repeated=True)


def _new_row(batch: Batch, checked: Checked) -> ReadingBatch:
    return ReadingBatch.objects.create(
        source=batch.source,
        batch_id=batch.batch_id,
        way=batch.way,
        file_name=batch.file_name[:255],
        profile=batch.profile,
        who=batch.who,
        rejected=len(checked.rejected),
        rejections=[list(one) for one in checked.rejected],
        received_at=clock.now(),
    )


def _write(row: ReadingBatch, checked: Checked) -> None:
    """Merge the readings into the packed days, under the lock of their devices."""
    if not checked.meters:
        return
    new = by_day(checked.meters, checked.moments, checked.counts)
    devices = lock_devices(checked.meters)
    stored = stored_days(new)
    made: list[ReadingDay] = []
    changed: list[ReadingDay] = []
    written: list[np.ndarray] = []
    olds = columns_of(stored)
    for (device, day), (new_seconds, new_counts) in new.items():
        known = stored.get((device, day))
        seconds, counts = olds.get((device, day), (NOTHING, NOTHING))
        merged = merge(seconds, counts, new_seconds, new_counts)
        row.unchanged += merged.unchanged
        if not len(merged.written):
            continue
        written.append(with_moments(device, day, merged.written))
        if known is None:
            known = ReadingDay(device_id=device, day=day)
            made.append(known)
        else:
            known.version += 1
            changed.append(known)
        known.packed, known.size = pack(merged.seconds, merged.counts), len(merged.seconds)
    insert_many(made)
    update_many(changed, ["packed", "size", "version"])
    table = np.concatenate(written) if written else np.zeros((0, 4), dtype=np.int64)
    corrected = table[table[:, 3] >= 0]
    insert_many(history_of(row, corrected[:, [0, 1, 3, 2]].tolist(), who=row.who))
    _note_latest(devices, checked)
    row.taken, row.corrected = len(table), len(corrected)
    row.first_at = datetime.fromtimestamp(min(checked.moments), UTC)
    row.last_at = datetime.fromtimestamp(max(checked.moments), UTC)
    if row.way in _UNDOABLE:
        row.written = zlib.compress(np.ascontiguousarray(table.T).tobytes())
    row.save()
    mark_dirty(spans_of(table))
    _fire(row, devices, table)


def _fire(row: ReadingBatch, devices: dict[int, Device], table: np.ndarray) -> None:
    """Tell the customer's hook of a batch that changed something; free where there is none."""
    if not len(table) or not hooks.is_wanted(POINT):
        return
    meters = []
    for pk in np.unique(table[:, 0]).tolist():
        moments = table[table[:, 0] == pk, 1]
        first, last = (datetime.fromtimestamp(int(one), UTC) for one in (moments.min(), moments.max()))
        about = {"device_id": pk, "code": devices[pk].code, "count": len(moments)}
        meters.append({**about, "first_at": first, "last_at": last})
    payload = {
        "batch_id": row.pk,
        "source": row.source,
        "way": row.way,
        "taken": row.taken,
        "corrected": row.corrected,
        "rejected": row.rejected,
        "first_at": row.first_at,
        "last_at": row.last_at,
        "meters": meters,
    }
    hooks.fire(POINT, payload, event_id=f"energy.batch.{row.pk}")


def _note_latest(devices: dict[int, Device], checked: Checked) -> None:
    """Keep the moment of each device's latest reading."""
    owners, moments = np.array(checked.meters, dtype=np.int64), np.array(checked.moments, dtype=np.int64)
    order = np.lexsort((moments, owners))
    is_last = np.append(np.diff(owners[order]) != 0, True)
    later = []
    for pk, moment in zip(owners[order][is_last].tolist(), moments[order][is_last].tolist(), strict=True):
        at = datetime.fromtimestamp(moment, UTC)
        device = devices[pk]
        if device.last_reading_at is None or device.last_reading_at < at:
            device.last_reading_at = at
            later.append(device)
    update_many(later, ["last_reading_at"])


def compare(checked: Checked) -> Compared:
    """Say what writing would do; changes nothing. One query."""
    if not checked.meters:
        return Compared(0, 0, 0, 0, None, None)
    new = by_day(checked.meters, checked.moments, checked.counts)
    olds = columns_of(stored_days(new))
    added = changed = same = 0
    for key, (new_seconds, new_counts) in new.items():
        seconds, counts = olds.get(key, (NOTHING, NOTHING))
        merged = merge(seconds, counts, new_seconds, new_counts)
        overwritten = int((merged.written[:, 2] >= 0).sum())
        changed += overwritten
        added += len(merged.written) - overwritten
        same += merged.unchanged
    return Compared(
        added,
        changed,
        same,
        len(set(checked.meters)),
        datetime.fromtimestamp(min(checked.moments), UTC),
        datetime.fromtimestamp(max(checked.moments), UTC),
    )
