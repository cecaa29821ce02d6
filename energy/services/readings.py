"""Take in readings, whatever way they come. One verb: `record`.

A batch is known by its source and number and is taken once. A reading is known by its meter and
moment; the last one that comes for a moment wins, and what it overwrote is kept. What cannot be
taken is listed with its reason, and does not keep the rest out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from energy.choices import DeviceKind, DeviceStatus, Label, ReadingKind, Way
from energy.metering import COUNT_LIMIT, midnights, pack, unpack, unpack_all
from energy.models import Device, ReadingBatch, ReadingCorrection, ReadingDay
from energy.services.days import mark_dirty
from hooks import services as hooks
from spc_site import clock
from spc_site.bulk import collector_paused, insert_many, update_many
from spc_site.errors import AppError, Conflict
from spc_site.lib.text import NumberError, decimal_text

POINT = "on_energy_data_received"
MOST_IN_REQUEST = 10_000
FUTURE = timedelta(minutes=5)
"""So far a clock of a gateway may be ahead."""
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)

_UNDOABLE = {Way.FILE, Way.MANUAL}
_NONE = np.zeros(0, dtype=np.int64)

Value: TypeAlias = "Decimal | str | int | float"


class Reading(NamedTuple):
    """One reading as it came: the meter's code, when, what it showed in its unit.

    A moment without a zone is local time; text is read as ISO 8601. `where` names its place for
    the list of rejections (the cell of a sheet, the index in a request).
    """

    meter: str
    at: datetime | str
    value: Value
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Readings that came together. `label` overrides what the devices say about their times."""

    source: str
    batch_id: str
    way: Way
    readings: Sequence[Reading]
    who: User | None = None
    file_name: str = ""
    profile: str = ""
    label: str = ""


class Rejected(NamedTuple):
    """One reading that was not taken, and why: `code` for programs, `reason` for people."""

    where: str
    meter: str
    at: str
    value: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a batch; a repeated one has the answer of the first."""

    batch: ReadingBatch
    rejected: Sequence[Rejected]
    is_repeated: bool = False


@dataclass(slots=True)
class Checked:
    """The readings of a batch that can be taken, as columns in order of arrival."""

    devices: dict[str, Device]
    meters: list[int] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


# --- checking ---------------------------------------------------------------------------------


def check(readings: Sequence[Reading], *, label: str = "") -> Checked:
    """Sort out what cannot be taken; nothing is written. One query."""
    codes = {reading.meter for reading in readings}
    devices = {device.code: device for device in Device.objects.filter(code__in=codes)}
    checked = Checked(devices)
    latest = int((clock.now() + FUTURE).timestamp())
    for reading in readings:
        try:
            device = _meter(devices, reading.meter)
            moment = _moment(device, reading.at, label, latest)
            count = _count(device, reading.value)
        except AppError as refusal:
            checked.rejected.append(
                Rejected(
                    reading.where,
                    str(reading.meter)[:60],
                    str(reading.at)[:40],
                    str(reading.value)[:40],
                    refusal.code,
                    refusal.message,
                )
            )
            continue
        checked.meters.append(device.pk)
        checked.moments.append(moment)
        checked.counts.append(count)
    return checked


def _meter(devices: dict[str, Device], code: str) -> Device:
    device = devices.get(code)
    if device is None:
        raise AppError("unknown_meter", _("没有代码为“%(code)s”的表") % {"code": str(code)[:60]})
    if device.kind == DeviceKind.VIRTUAL:
        raise AppError("virtual_meter", _("虚拟表由其他表合成，没有自己的读数"))
    if device.status == DeviceStatus.RETIRED:
        raise AppError("retired_meter", _("表已停用"))
    return device


@lru_cache(maxsize=50_000)
def _parsed(at: datetime | str, zone: str) -> datetime:
    """Return a moment with a zone; a day of readings repeats each of its times for every meter."""
    moment = datetime.fromisoformat(at.strip()) if isinstance(at, str) else at
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))


def _moment(device: Device, at: datetime | str, label: str, latest: int) -> int:
    """Return the moment of a reading in seconds; of an interval, its end."""
    try:
        moment = _parsed(at, settings.TIME_ZONE)
        seconds = int(moment.timestamp())
    except (ValueError, TypeError, OverflowError) as error:
        raise AppError("bad_time", _("时刻无法识别，应为 2026-03-01 08:15 或 ISO 8601")) from error
    label = label or device.label
    if label == Label.START and device.reading_kind == ReadingKind.INTERVAL:
        seconds += device.interval_s
    elif label == Label.END_OF_DAY:
        zone = ZoneInfo(settings.TIME_ZONE)
        local = moment.astimezone(zone)
        if (local.hour, local.minute, local.second) == (0, 0, 0):
            seconds = _midnight(local.date() + timedelta(days=1))
    if seconds > latest:
        raise AppError("future", _("时刻在未来 5 分钟以后，请检查设备时钟"))
    if moment < OLDEST:
        raise AppError("too_old", _("时刻早于 2000 年，请检查设备时钟"))
    return seconds


def _count(device: Device, value: Value) -> int:
    """Return what a register showed in whole counts."""
    size = device.count_size
    if size == 1 and type(value) is int:
        count: int = value
    else:
        try:
            number = Decimal(decimal_text(value)) if isinstance(value, float) else Decimal(value)
            if not number.is_finite():
                raise ValueError(number)
            whole, rest = divmod(number, size)
        except (InvalidOperation, NumberError, ValueError, TypeError) as error:
            raise AppError("not_a_number", _("不是数值")) from error
        if rest:
            raise AppError(
                "not_whole",
                _("不是每个计数 %(size)s 的整数倍") % {"size": f"{size.normalize():f}"},
            )
        count = int(whole)
    if count < 0:
        raise AppError("negative", _("读数不能为负"))
    if count >= COUNT_LIMIT:
        raise AppError("too_large", _("读数过大"))
    return count


# --- writing ----------------------------------------------------------------------------------


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


class _Merged(NamedTuple):
    """One stored day after new readings were put into it.

    `written` has a row for each reading that is new or has another count: second, count, and the
    count that it had, or -1.
    """

    seconds: np.ndarray
    counts: np.ndarray
    written: np.ndarray
    unchanged: int


def _merge(
    seconds: np.ndarray, counts: np.ndarray, new_seconds: np.ndarray, new_counts: np.ndarray
) -> _Merged:
    """Put readings into those of a day; the last of several for one second wins."""
    is_ordered = bool((new_seconds[1:] > new_seconds[:-1]).all())
    if is_ordered and (not len(seconds) or new_seconds[0] > seconds[-1]):  # they only go on: nearly always
        written = np.empty((len(new_seconds), 3), dtype=np.int64)
        written[:, 0], written[:, 1], written[:, 2] = new_seconds, new_counts, -1
        return _Merged(
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
    return _Merged(
        np.insert(seconds, place[is_new], new_seconds[is_new]),
        np.insert(counts, place[is_new], new_counts[is_new]),
        np.stack([new_seconds, new_counts, before], axis=1)[is_other],
        repeated + int((~is_other).sum()),
    )


Key: TypeAlias = tuple[int, date]
Columns: TypeAlias = "tuple[np.ndarray, ...]"


def _by_day(meters: object, moments: object, *columns: object) -> dict[Key, Columns]:
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


def _midnight(day: date) -> int:
    return int(midnights(day, day, ZoneInfo(settings.TIME_ZONE))[0])


def _locked(pks: Iterable[int]) -> dict[int, Device]:
    """Lock devices in one order, so that two batches on the same meters wait for one another."""
    rows = (
        Device.objects.select_for_update(no_key=True)
        .filter(pk__in=set(pks))
        .only("code", "last_reading_at")
        .order_by("pk")
    )
    return {row.pk: row for row in rows}


def _stored(keys: Iterable[Key]) -> dict[Key, ReadingDay]:
    """Return the stored days of devices that are locked. One query."""
    keys = set(keys)
    rows = ReadingDay.objects.filter(
        device__in={device for device, _day in keys}, day__in={day for _device, day in keys}
    )
    return {key: row for row in rows if (key := (row.device_id, row.day)) in keys}


def _write(row: ReadingBatch, checked: Checked) -> None:
    """Merge the readings into the packed days, under the lock of their devices."""
    if not checked.meters:
        return
    new = _by_day(checked.meters, checked.moments, checked.counts)
    devices = _locked(checked.meters)
    stored = _stored(new)
    made: list[ReadingDay] = []
    changed: list[ReadingDay] = []
    written: list[np.ndarray] = []
    olds = _unpacked(stored)
    for (device, day), (new_seconds, new_counts) in new.items():
        known = stored.get((device, day))
        seconds, counts = olds.get((device, day), (_NONE, _NONE))
        merged = _merge(seconds, counts, new_seconds, new_counts)
        row.unchanged += merged.unchanged
        if not len(merged.written):
            continue
        written.append(_placed(device, day, merged.written))
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
    insert_many(_corrections(row, corrected[:, [0, 1, 3, 2]].tolist(), who=row.who))
    _note_latest(devices, checked)
    row.taken, row.corrected = len(table), len(corrected)
    row.first_at = datetime.fromtimestamp(min(checked.moments), UTC)
    row.last_at = datetime.fromtimestamp(max(checked.moments), UTC)
    if row.way in _UNDOABLE:
        row.written = zlib.compress(np.ascontiguousarray(table.T).tobytes())
    row.save()
    mark_dirty(_spans(table))
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


@dataclass(frozen=True, slots=True)
class Compared:
    """What taking readings in would do: how many are new, change what is stored, or say the same."""

    new: int
    changed: int
    same: int
    meters: int
    first_at: datetime | None
    last_at: datetime | None


def compare(checked: Checked) -> Compared:
    """Say what writing would do; changes nothing. One query."""
    if not checked.meters:
        return Compared(0, 0, 0, 0, None, None)
    new = _by_day(checked.meters, checked.moments, checked.counts)
    olds = _unpacked(_stored(new))
    added = changed = same = 0
    for key, (new_seconds, new_counts) in new.items():
        seconds, counts = olds.get(key, (_NONE, _NONE))
        merged = _merge(seconds, counts, new_seconds, new_counts)
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


def _placed(device: int, day: date, written: np.ndarray) -> np.ndarray:
    """Return rows of device, moment, count, count before."""
    placed = np.empty((len(written), 4), dtype=np.int64)
    placed[:, 0], placed[:, 1:] = device, written
    placed[:, 1] += _midnight(day)
    return placed


def _unpacked(stored: dict[Key, ReadingDay]) -> dict[Key, tuple[np.ndarray, np.ndarray]]:
    """Return the seconds and counts of stored days."""
    seconds, counts, sizes = unpack_all([row.packed for row in stored.values()])
    ends = np.cumsum(sizes).tolist()
    return {
        key: (seconds[end - size : end], counts[end - size : end])
        for key, end, size in zip(stored, ends, sizes.tolist(), strict=True)
    }


def _spans(table: np.ndarray) -> list[tuple[int, date, date]]:
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


def _corrections(
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


# --- undoing ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of undoing a batch: readings put back or taken away, and those changed since, which stay."""

    reverted: int
    kept: int


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
    insert_many(_corrections(row, reverted[:, [0, 1, 2, 3]].tolist(), who=who))
    row.undone_at, row.undone_by = clock.now(), who
    row.batch_id = f"{row.batch_id}#{row.pk}"  # the same file may come again
    row.save(update_fields=["undone_at", "undone_by", "batch_id"])
    mark_dirty(_spans(reverted))
    return Undone(len(reverted), len(table) - len(reverted))


def _revert(table: np.ndarray) -> np.ndarray:
    """Put the counts before back where a batch's own count still stands; return those rows."""
    if not len(table):
        return table
    devices = _locked(table[:, 0].tolist())
    table = table[np.isin(table[:, 0], list(devices))]
    groups = _by_day(*table.T)
    stored = _stored(groups)
    changed, gone, reverted = [], [], []
    for (device, day), (at, written, before) in groups.items():
        known = stored.get((device, day))
        seconds, counts = unpack(known.packed) if known else (_NONE, _NONE)
        place = np.searchsorted(seconds, at)
        inside = np.flatnonzero(place < len(seconds))
        stands = inside[(seconds[place[inside]] == at[inside]) & (counts[place[inside]] == written[inside])]
        if known is None or not len(stands):
            continue
        reverted.append(_placed(device, day, np.column_stack([at, written, before])[stands]))
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
            at = datetime.fromtimestamp(_midnight(day) + int(unpack(packed)[0][-1]), UTC)
        devices[pk].last_reading_at = at
    update_many(list(devices.values()), ["last_reading_at"])


__all__ = [
    "FUTURE",
    "MOST_IN_REQUEST",
    "Batch",
    "Checked",
    "Compared",
    "Reading",
    "Recorded",
    "Rejected",
    "Undone",
    "check",
    "compare",
    "record",
    "record_checked",
    "undo",
]
