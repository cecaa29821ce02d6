"""What meters used from moment to moment: their courses from the packed readings, and what a count means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings

from energy.choices import ReadingKind
from energy.metering import Change, Course, Factors, course, interval_course, midnights, unpack_all
from energy.metering.bands import used_between
from energy.models import Device, DeviceRatio, MeterChange, ReadingDay
from energy.models.structure import steps_per_count
from spc_site.bulk import collector_paused

_AROUND = timedelta(days=3)
"""So many days before and after are read as well: the readings around the midnights lie there."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The course of one meter around some days, and what a count of it means in steps."""

    course: Course
    factors: Factors

    def used_between(self, moments: np.ndarray) -> np.ndarray:
        """Return (k,) steps used from moment to moment; the factors may not change within a piece.

        Whole counts, as the days are: pieces of a day add up to it.
        """
        return used_between(self.course, moments) * self._factors(moments)

    def finely_between(self, moments: np.ndarray) -> np.ndarray:
        """Return the same to whole steps: a power is not the rounding of a count to a quarter of an hour."""
        its = self._factors(moments)
        use = np.zeros(len(its), dtype=np.int64)
        for factor in np.unique(its).tolist():
            here = its == factor
            use[here] = used_between(replace(self.course, total=self.course.total * factor), moments)[here]
        return use

    def _factors(self, moments: np.ndarray) -> np.ndarray:
        changes = np.array(self.factors.moments, dtype=np.int64)
        values = np.array(self.factors.values, dtype=np.int64)
        return values[np.searchsorted(changes, moments[:-1], side="right")]


def curves(devices: Sequence[Device], first: date, last: date) -> dict[int, Curve]:
    """Return the curves of devices that were read around these days. Three queries.

    The devices come with their energy types.
    """
    with collector_paused():
        readings = readings_of([device.pk for device in devices], first - _AROUND, last + _AROUND)
        factors, changes = _factors(devices), _changes(devices)
        found = {}
        for device in devices:
            if device.pk not in readings:
                continue
            times, counts = readings[device.pk]
            if device.reading_kind == ReadingKind.INTERVAL:
                its = interval_course(times, counts, device.register)
            else:
                within = [one for one in changes.get(device.pk, ()) if times[0] <= one.time <= times[-1]]
                its = course(times, counts, device.register, changes=within)
            found[device.pk] = Curve(its, factors[device.pk])
        return found


def readings_of(devices: Sequence[int], first: date, last: date) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return the moments and counts of each device on the days first…last. One query."""
    rows = list(
        ReadingDay.objects.filter(device__in=devices, day__gte=first, day__lte=last)
        .order_by("device_id", "day")
        .values_list("device_id", "day", "packed")
    )
    if not rows:
        return {}
    seconds, counts, sizes = unpack_all([packed for _device, _day, packed in rows])
    borders = midnights(first, last, ZoneInfo(settings.TIME_ZONE))
    moments = seconds + np.repeat(borders[[(day - first).days for _device, day, _packed in rows]], sizes)
    owners = np.repeat([device for device, _day, _packed in rows], sizes)
    known, begins = np.unique(owners, return_index=True)
    cuts = begins[1:]
    return dict(
        zip(known.tolist(), zip(np.split(moments, cuts), np.split(counts, cuts), strict=True), strict=True)
    )


def _factors(devices: Sequence[Device]) -> dict[int, Factors]:
    ratios: defaultdict[int, list[tuple[int, Decimal]]] = defaultdict(list)
    for pk, valid_from, ratio in (
        DeviceRatio.objects.filter(device__in=devices)
        .order_by("valid_from")
        .values_list("device_id", "valid_from", "ratio")
    ):
        ratios[pk].append((int(valid_from.timestamp()), ratio))
    found = {}
    for device in devices:
        known = ratios.get(device.pk) or [(0, Decimal(1))]
        step = device.energy_type.step
        values = [
            steps_per_count(count_size=device.count_size, ratio=ratio, step=step) for _from, ratio in known
        ]
        found[device.pk] = Factors(values, [moment for moment, _ratio in known[1:]])
    return found


def _changes(devices: Sequence[Device]) -> Mapping[int, list[Change]]:
    changes: defaultdict[int, list[Change]] = defaultdict(list)
    for pk, at, end_count, start_count in MeterChange.objects.filter(device__in=devices).values_list(
        "device_id", "at", "end_count", "start_count"
    ):
        changes[pk].append(Change(int(at.timestamp()), end_count, start_count))
    return changes
