"""Take back what a batch wrote."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from energy.metering import pack, unpack
from energy.models import Device, ReadingBatch, ReadingDay
from energy.services.days import mark_dirty
from energy.services.readings.batches import Undone
from energy.services.readings.kept import history_of, lock_devices, stored_days
from energy.services.readings.merging import NOTHING, by_day, midnight_of, spans_of, with_moments
from spc_site import clock
from spc_site.bulk import insert_many, update_many
from spc_site.errors import AppError, Conflict


@transaction.atomic
def undo(batch: ReadingBatch, *, who: User | None) -> Undone:
    """Take back what a batch wrote, but for readings that were overwritten since.

    Raises AppError: `not_undoable` for a batch of a device, Conflict if it is undone already.
    """
    row = ReadingBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    if row.undone_at is not None:
        raise Conflict(_("这个批次已经撤销。"))
    if not row.written:
        raise AppError("not_undoable", _("只有文件导入和人工抄表可以撤销。"))
    table = np.frombuffer(zlib.decompress(row.written), dtype=np.int64).reshape(4, -1).T
    reverted = _revert(table)
    insert_many(history_of(row, reverted[:, [0, 1, 2, 3]].tolist(), who=who))
    row.undone_at, row.undone_by = clock.now(), who
    row.batch_id = f"{row.batch_id}#{row.pk}"  # the same file may come again
    row.save(update_fields=["undone_at", "undone_by", "batch_id"])
    mark_dirty(spans_of(reverted))
    return Undone(len(reverted), len(table) - len(reverted))


def _revert(table: np.ndarray) -> np.ndarray:
    """Put the counts before back where a batch's own count still stands; return those rows."""
    if not len(table):
        return table
    devices = lock_devices(table[:, 0].tolist())
    table = table[np.isin(table[:, 0], list(devices))]
    groups = by_day(*table.T)
    stored = stored_days(groups)
    changed, gone, reverted = [], [], []
    for (device, day), (at, written, before) in groups.items():
        known = stored.get((device, day))
        seconds, counts = unpack(known.packed) if known else (NOTHING, NOTHING)
        place = np.searchsorted(seconds, at)
        inside = np.flatnonzero(place < len(seconds))
        stands = inside[(seconds[place[inside]] == at[inside]) & (counts[place[inside]] == written[inside])]
        if known is None or not len(stands):
            continue
        reverted.append(with_moments(device, day, np.column_stack([at, written, before])[stands]))
        counts = counts.copy()
        counts[place[stands]] = before[stands]
        stays = counts >= 0
        if stays.any():
            known.packed, known.size = pack(seconds[stays], counts[stays]), int(stays.sum())
            known.version += 1
            changed.append(known)
        else:
            gone.append(known.pk)
    update_many(changed, ["packed", "size", "version"])
    ReadingDay.objects.filter(pk__in=gone).delete()
    _find_latest(devices)
    return np.concatenate(reverted) if reverted else np.zeros((0, 4), dtype=np.int64)


def _find_latest(devices: dict[int, Device]) -> None:
    """Set the moment of each device's latest reading anew. Two statements."""
    latest = ReadingDay.objects.filter(device=OuterRef("pk")).order_by("-day").values("day", "packed")[:1]
    for pk, day, packed in Device.objects.filter(pk__in=devices).values_list(
        "pk", Subquery(latest.values("day")), Subquery(latest.values("packed"))
    ):
        at = None
        if day is not None:
            at = datetime.fromtimestamp(midnight_of(day) + int(unpack(packed)[0][-1]), UTC)
        devices[pk].last_reading_at = at
    update_many(list(devices.values()), ["last_reading_at"])
