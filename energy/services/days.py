"""Compute the daily use of meters again where their readings changed.

What is due are `DirtyRange` rows. For each meter the computation starts where its register is
known to have stood (`EnergyDailySummary.end_at`) some days before the range, and goes on until it
stands where it stood before: from there on nothing can have changed. So the summaries are those
of one pass over all readings, in whatever order, portions and repetitions these came.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, QuerySet, Subquery

from energy.choices import ReadingKind
from energy.metering import (
    Change,
    DayAmounts,
    Factors,
    Standing,
    course,
    day_amounts,
    interval_course,
    midnights,
    unpack_all,
)
from energy.models import Device, DeviceRatio, DirtyRange, EnergyDailySummary, MeterChange, ReadingDay
from energy.models.structure import steps_per_count
from energy.services import months, quotas
from spc_site import clock, jobs
from spc_site.bulk import collector_paused, insert_many, upsert_many
from spc_site.jobs import Budget

log = logging.getLogger("energy.days")

_DEVICES_AT_ONCE = 200
"""Devices of one transaction; their rows are locked meanwhile."""
_SPREAD = timedelta(days=31)
"""Devices whose computation starts within so many days are read together."""
_LOOK_AHEAD = (2, 10, 40, 160)
"""Days after the dirty ones that are read until the register stands where it stood before; then all."""
_COLUMNS = ("energy_type", "amount", "covered_s", "length_s", "flags", "end_at", "end_count")


def has_due() -> bool:
    """Say whether some days wait to be computed; one cheap query."""
    return DirtyRange.objects.exists()


def oldest_due() -> datetime | None:
    """Return since when the oldest range waits."""
    return DirtyRange.objects.order_by("pk").values_list("created_at", flat=True).first()


def mark_dirty(ranges: Iterable[tuple[int, date, date]]) -> None:
    """Have the days first…last of devices (by primary key) computed again. One statement."""
    now = clock.now()
    rows = [
        DirtyRange(device_id=device, first=first, last=last, created_at=now) for device, first, last in ranges
    ]
    if rows:
        insert_many(rows)
        jobs.enqueue("energy.days")


def mark_whole(devices: Collection[int] | QuerySet[Device, int]) -> int:
    """Have everything of these devices computed again; return how many have readings. Two statements."""
    spans = (
        ReadingDay.objects.filter(device__in=devices)
        .order_by()
        .values_list("device_id")
        .annotate(first=Min("day"), last=Max("day"))
    )
    changes = dict(
        MeterChange.objects.filter(device__in=devices).order_by().values_list("device_id").annotate(Max("at"))
    )
    zone = ZoneInfo(settings.TIME_ZONE)
    ranges = [
        (device, first, max(last, changes[device].astimezone(zone).date()) if device in changes else last)
        for device, first, last in spans
    ]
    mark_dirty(ranges)
    return len(ranges)


def compute_due(*, budget_s: float = 50) -> int:
    """Compute what is due; return of how many device-ranges."""
    budget, done = Budget(budget_s), 0
    while budget and has_due():  # looked at first: on SQLite a transaction keeps all writers waiting
        count = _compute_some()
        if not count:
            break
        done += count
    return done


class _Start(NamedTuple):
    """From where a device is computed: the first day that is written, and the standing before it."""

    day: date | None
    standing: Standing | None


@dataclass(slots=True)
class _Meter:
    """One device while its days are computed."""

    device: Device
    first: date
    last: date
    start: _Start
    factors: Factors = field(default_factory=lambda: Factors((1,)))
    changes: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class _Written:
    """What a transaction changed."""

    energy_types: set[int] = field(default_factory=set)
    days: set[date] = field(default_factory=set)


def _compute_some() -> int:
    """Compute the days of some devices in one transaction; return how many ranges that settled."""
    with transaction.atomic(), collector_paused():
        waiting = (
            DirtyRange.objects.order_by()
            .values_list("device_id")
            .annotate(oldest=Min("pk"))
            .order_by("oldest")[:_DEVICES_AT_ONCE]
        )
        wanted = [device for device, _oldest in waiting]
        devices = {
            device.pk: device
            for device in Device.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
            .filter(pk__in=wanted)
            .select_related("energy_type")
            .order_by("pk")
        }
        meters, settled = _meters(devices)
        written = _Written()
        for group in _alike(meters):
            _compute_group(group, written)
        DirtyRange.objects.filter(pk__in=settled).delete()
        if written.days:
            months.refresh(devices, min(written.days), max(written.days))
            quotas.note_changed(
                energy_type_ids=written.energy_types, first=min(written.days), last=max(written.days)
            )
    return len(settled)


# --- where to begin ---------------------------------------------------------------------------


def _meters(devices: dict[int, Device]) -> tuple[list[_Meter], list[int]]:
    """Return the devices with what is dirty of them, and the ranges that this settles. Four queries."""
    zone = ZoneInfo(settings.TIME_ZONE)
    day_before = (
        ReadingDay.objects.filter(device=OuterRef("device"), day__lt=OuterRef("first"))
        .order_by("-day")
        .values("day")[:1]
    )
    standing_before = (
        EnergyDailySummary.objects.filter(device=OuterRef("device"), date__lt=OuterRef("day_before"))
        .order_by("-date")
        .values("end_at")[:1]
    )
    rows = list(
        DirtyRange.objects.filter(device__in=devices)
        .annotate(day_before=Subquery(day_before))
        .annotate(end_at=Subquery(standing_before))
        .order_by("first")
        .values_list("pk", "device_id", "first", "last", "end_at")
    )
    spans: dict[int, tuple[date, date, int | None]] = {}
    for _pk, device, first, last, end_at in rows:  # the earliest first
        known = spans.get(device)
        spans[device] = (known[0], max(known[1], last), known[2]) if known else (first, last, end_at)
    # The reading before the range may be judged anew by what follows it now, so all from the last
    # standing before that reading on is written, and the day of that standing as a whole.
    begin = {
        device: datetime.fromtimestamp(end_at, zone).date()
        for device, (_first, _last, end_at) in spans.items()
        if end_at is not None
    }
    eves = {day - timedelta(days=1) for day in begin.values()}
    standings = {
        (device, day): Standing(end_at, end_count)
        for device, day, end_at, end_count in EnergyDailySummary.objects.filter(
            device__in=begin, date__in=eves
        ).values_list("device_id", "date", "end_at", "end_count")
    }
    meters = []
    for device, (first, last, _end_at) in spans.items():
        day = begin.get(device)
        standing = standings.get((device, day - timedelta(days=1))) if day else None
        start = _Start(day, standing) if standing else _Start(None, None)
        meters.append(_Meter(devices[device], first, last, start))
    return _with_structure(meters), [row[0] for row in rows]


def _with_structure(meters: Sequence[_Meter]) -> list[_Meter]:
    """Add what a count means and when meters were changed. Two queries.

    A device whose counts are no whole steps is left out and logged: the forms refuse it, and
    whoever mends it has all of it computed again.
    """
    good = []
    by_device = {meter.device.pk: meter for meter in meters}
    ratios: defaultdict[int, list[tuple[int, Decimal]]] = defaultdict(list)
    for device, valid_from, ratio in (
        DeviceRatio.objects.filter(device__in=by_device)
        .order_by("valid_from")
        .values_list("device_id", "valid_from", "ratio")
    ):
        ratios[device].append((int(valid_from.timestamp()), ratio))
    for device, meter in by_device.items():
        known = ratios.get(device) or [(0, Decimal(1))]
        size, step = meter.device.count_size, meter.device.energy_type.step
        try:
            values = [steps_per_count(count_size=size, ratio=ratio, step=step) for _from, ratio in known]
        except ValidationError:
            log.error("days not computed: device=%s its counts are no whole steps", device)
            continue
        meter.factors = Factors(values, [moment for moment, _ratio in known[1:]])
        good.append(meter)
    for change in MeterChange.objects.filter(device__in=by_device):
        by_device[change.device_id].changes.append(change.as_change())
    return good


def _alike(meters: Sequence[_Meter]) -> Iterator[list[_Meter]]:
    """Yield groups of devices that are computed from about the same day on."""
    group: list[_Meter] = []
    for meter in sorted(meters, key=lambda one: one.start.day or date.min):
        if group and (meter.start.day or date.min) - (group[0].start.day or date.min) > _SPREAD:
            yield group
            group = []
        group.append(meter)
    if group:
        yield group


# --- computing --------------------------------------------------------------------------------


class _Stored(NamedTuple):
    pk: int
    energy_type: int
    amount: int
    covered_s: int
    length_s: int
    flags: int
    end_at: int
    end_count: int


def _compute_group(meters: Sequence[_Meter], written: _Written) -> None:
    """Compute and write devices that begin alike; reads further ahead until each has settled."""
    left = list(meters)
    for ahead in (*_LOOK_AHEAD, None):
        if not left:
            return
        left = _try(left, ahead, written)
    assert not left, "all readings were read"


def _try(meters: Sequence[_Meter], ahead: int | None, written: _Written) -> list[_Meter]:
    """Write the devices that settle within so many days; return the others. Four statements to read."""
    pks = [meter.device.pk for meter in meters]
    begins = [meter.start.day for meter in meters]
    since = None if None in begins else min(day for day in begins if day is not None)
    until = None if ahead is None else max(meter.last for meter in meters) + timedelta(days=ahead)
    readings = _readings(pks, since, until)
    stored = _stored(pks, since, until)
    going_on = _with_later(pks, until)
    changed: list[EnergyDailySummary] = []
    gone: list[int] = []
    left = []
    now = clock.now()
    for meter in meters:
        days, sure = _days_of(meter, readings.get(meter.device.pk))
        known = stored.get(meter.device.pk, {})
        end: date | None = None
        if meter.device.pk in going_on:
            end = _settled(days, sure, meter, known)
            if end is None:
                left.append(meter)
                continue
        _compare(meter, days, end, known, now, changed, gone, written)
    upsert_many(
        changed,
        unique=("device", "date"),
        names=(*_COLUMNS, "total_consumption", "computed_at"),
        counter="version",
    )
    EnergyDailySummary.objects.filter(pk__in=gone).delete()
    return left


def _readings(
    pks: Sequence[int], since: date | None, until: date | None
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return the moments and counts of each device. One query."""
    days = ReadingDay.objects.filter(device__in=pks)
    if since is not None:
        days = days.filter(day__gte=since)
    if until is not None:
        days = days.filter(day__lte=until)
    rows = list(days.order_by("device_id", "day").values_list("device_id", "day", "packed"))
    if not rows:
        return {}
    seconds, counts, sizes = unpack_all([packed for _device, _day, packed in rows])
    zone = ZoneInfo(settings.TIME_ZONE)
    first, last = min(row[1] for row in rows), max(row[1] for row in rows)
    begins = midnights(first, last, zone)
    starts = begins[np.array([(row[1] - first).days for row in rows])]
    moments = seconds + np.repeat(starts, sizes)
    owners = np.array([row[0] for row in rows], dtype=np.int64)
    cuts = np.flatnonzero(np.diff(owners)) + 1
    ends = np.append(np.cumsum(sizes)[cuts - 1], sizes.sum())
    found, begin = {}, 0
    for owner, end in zip(owners[np.append(0, cuts)].tolist(), ends.tolist(), strict=True):
        found[owner] = moments[begin:end], counts[begin:end]
        begin = end
    return found


def _stored(pks: Sequence[int], since: date | None, until: date | None) -> dict[int, dict[date, _Stored]]:
    """Return the summaries that are there, by device and day. One query."""
    days = EnergyDailySummary.objects.filter(device__in=pks)
    if since is not None:
        days = days.filter(date__gte=since)
    if until is not None:
        days = days.filter(date__lte=until)
    found: defaultdict[int, dict[date, _Stored]] = defaultdict(dict)
    names = ("pk", "energy_type_id", *_COLUMNS[1:])
    for device, day, *values in days.order_by().values_list("device_id", "date", *names):
        found[device][day] = _Stored(*values)
    return found


def _with_later(pks: Sequence[int], until: date | None) -> set[int]:
    """Return the devices that have readings, changes or summaries after a day. One query."""
    if until is None:
        return set()
    end = datetime.fromtimestamp(int(midnights(until, until, ZoneInfo(settings.TIME_ZONE))[1]), UTC)
    later = (
        Exists(ReadingDay.objects.filter(device=OuterRef("pk"), day__gt=until))
        | Exists(MeterChange.objects.filter(device=OuterRef("pk"), at__gte=end))
        | Exists(EnergyDailySummary.objects.filter(device=OuterRef("pk"), date__gt=until))
    )
    return set(Device.objects.filter(later, pk__in=pks).values_list("pk", flat=True))


def _days_of(meter: _Meter, readings: tuple[np.ndarray, np.ndarray] | None) -> tuple[DayAmounts, np.ndarray]:
    """Return the days of a device from where it starts, and the moments that stay whatever follows."""
    zone = ZoneInfo(settings.TIME_ZONE)
    empty = np.zeros(0, dtype=np.int64)
    times, counts = readings if readings is not None else (empty, empty)
    since = meter.start.standing
    if meter.start.day is not None:
        begin = int(midnights(meter.start.day, meter.start.day, zone)[0])
        counts, times = counts[times >= begin], times[times >= begin]
    device, register = meter.device, meter.device.register
    if device.reading_kind == ReadingKind.INTERVAL:
        found = interval_course(times, counts, register, since=since.time if since else None)
    else:
        changes = [one for one in meter.changes if since is None or one.time > since.time]
        if since is not None:
            times, counts = np.append(since.time, times), np.append(since.shown, counts)
        found = course(times, counts, register, changes=changes)
    days = day_amounts(found, register, meter.factors, zone=zone)
    # The last reading was judged without the one that follows it: what it kept may change.
    sure = found.times[found.times < times[-1]] if len(times) else found.times[:0]
    return days, sure


def _settled(days: DayAmounts, sure: np.ndarray, meter: _Meter, known: dict[date, _Stored]) -> date | None:
    """Return the first day, dirty ones past, after which a device stands as it stood before.

    The day itself is right only if the next usable reading after it is known, too.
    """
    if not len(sure) or not len(days):
        return None
    borders = midnights(days.first, days.day(len(days) - 1), ZoneInfo(settings.TIME_ZONE))
    for place in range(max((meter.last - days.first).days, 0), len(days)):
        if borders[place + 1] > sure[-1]:
            return None
        before = known.get(days.day(place))
        now_at, now_shown = int(days.end_times[place]), int(days.end_counts[place])
        if before is not None and (before.end_at, before.end_count) == (now_at, now_shown):
            return days.day(place)
    return None


def _compare(
    meter: _Meter,
    days: DayAmounts,
    end: date | None,
    known: dict[date, _Stored],
    now: datetime,
    changed: list[EnergyDailySummary],
    gone: list[int],
    written: _Written,
) -> None:
    """Collect the summaries that differ from those stored, and those that must go."""
    device, energy_type = meter.device, meter.device.energy_type
    begin = meter.start.day or date.min
    end = end or date.max
    columns = zip(
        *(
            column.tolist()
            for column in (
                days.amounts,
                days.covered_s,
                days.length_s,
                days.flags,
                days.end_times,
                days.end_counts,
            )
        ),
        strict=True,
    )
    fresh: set[date] = set()
    for place, values in enumerate(columns):
        day = days.day(place)
        if not begin <= day <= end:
            continue
        fresh.add(day)
        before = known.get(day)
        if before is not None and before[1:] == (energy_type.pk, *values):
            continue
        amount, covered_s, length_s, flags, end_at, end_count = values
        changed.append(
            EnergyDailySummary(
                date=day,
                energy_type=energy_type,
                device=device,
                amount=amount,
                total_consumption=energy_type.amount(amount),
                covered_s=covered_s,
                length_s=length_s,
                flags=flags,
                end_at=end_at,
                end_count=end_count,
                computed_at=now,
            )
        )
        written.days.add(day)
        written.energy_types |= {energy_type.pk, before.energy_type if before else energy_type.pk}
    for day, row in known.items():
        if begin <= day <= end and day not in fresh:
            gone.append(row.pk)
            written.days.add(day)
            written.energy_types.add(row.energy_type)


__all__ = ["compute_due", "has_due", "mark_dirty", "mark_whole", "oldest_due"]
