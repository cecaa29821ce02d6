"""What the pages of groups and devices read; each says how many queries it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db.models import Q, QuerySet

from energy.choices import DeviceKind
from energy.metering import midnights
from energy.metering.bands import QUARTER_S
from energy.models import Attachment, Device, DeviceGroup, EnergyDailySummary, EnergyType
from energy.selectors.curves import curves
from energy.selectors.structure import PlantMap, plant_of


def shown_types() -> list[EnergyType]:
    """Return the energy types that something is measured of. One query."""
    return list(EnergyType.objects.filter(is_active=True, devices__isnull=False).distinct())


def all_groups() -> list[DeviceGroup]:
    """Return all groups in the order of the tree's lists. One query."""
    return list(DeviceGroup.objects.order_by("order", "code"))


def attachments_of(group: DeviceGroup, energy_type: EnergyType, since: date) -> list[Attachment]:
    """Return the meters that belong to a group itself on some day since. One query."""
    return list(
        Attachment.objects.filter(group=group, device__energy_type=energy_type)
        .filter(Q(end__isnull=True) | Q(end__gt=since))
        .select_related("device")
        .order_by("device__code", "start")
    )


def found_devices(
    *, text: str = "", energy_type: EnergyType | None = None, connection: str = ""
) -> QuerySet[Device]:
    """Return the devices that a list asks for, with their energy types."""
    devices = Device.objects.select_related("energy_type").order_by("code")
    if text:
        devices = devices.filter(
            Q(code__icontains=text) | Q(name__icontains=text) | Q(location__icontains=text)
        )
    if energy_type is not None:
        devices = devices.filter(energy_type=energy_type)
    return devices.filter(connection=connection) if connection else devices


@dataclass(frozen=True, slots=True)
class DayUse:
    """One day of a meter, or of the meters that make up a virtual one."""

    amount: int
    covered_s: int
    flags: int


def days_of(weights: Mapping[int, int], first: date, last: date) -> dict[date, DayUse]:
    """Return the days of meters together, each counting so often; covered as the worst is. One query."""
    rows = (
        EnergyDailySummary.objects.filter(device__in=weights, date__gte=first, date__lte=last)
        .order_by()
        .values_list("device_id", "date", "amount", "covered_s", "flags")
    )
    found: dict[date, DayUse] = {}
    known: dict[date, int] = {}
    for device, day, amount, covered_s, flags in rows:
        before = found.get(day)
        known[day] = known.get(day, 0) + 1
        found[day] = DayUse(
            weights[device] * amount + (before.amount if before else 0),
            min(covered_s, before.covered_s) if before else covered_s,
            flags | (before.flags if before else 0),
        )
    return {
        day: use if known[day] == len(weights) else replace(use, covered_s=0) for day, use in found.items()
    }


def device_weights(device: Device) -> dict[int, int]:
    """Return the meters that a device consists of: itself, or a virtual one's parts. Up to five queries."""
    if device.kind != DeviceKind.VIRTUAL:
        return {device.pk: 1}
    plant = plant_of(device.energy_type)
    signs = [0] * len(plant.devices)
    signs[plant.devices[device.pk]] = 1
    return meter_weights(plant, signs)


def load_curve(device: Device, weights: Mapping[int, int], day: date) -> np.ndarray | None:
    """Return the mean power of each quarter of an hour of a day in units an hour. Four queries.

    NaN before the first and after the last reading; None without any.
    """
    meters = list(Device.objects.filter(pk__in=weights).select_related("energy_type"))
    found = curves(meters, day, day)
    if len(found) < len(weights):
        return None
    begin, end = midnights(day, day, ZoneInfo(settings.TIME_ZONE)).tolist()
    moments = np.arange(begin, end + 1, QUARTER_S)
    steps = np.zeros(len(moments) - 1, dtype=np.int64)
    read = np.ones(len(steps), dtype=bool)
    for pk, curve in found.items():
        if len(curve.course.times) < 2:
            return None
        inside = [one for one in curve.factors.moments if begin < one < end]
        cuts = np.union1d(moments, np.array(inside, dtype=np.int64))
        steps += weights[pk] * np.add.reduceat(
            curve.finely_between(cuts), np.searchsorted(cuts, moments[:-1])
        )
        read &= (moments[:-1] >= curve.course.times[0]) & (moments[1:] <= curve.course.times[-1])
    power = steps * float(4 * device.energy_type.step)
    power[~read] = np.nan
    return power if read.any() else None


def use_of_days(weights: Sequence[tuple[date, date, dict[int, int]]]) -> dict[date, int]:
    """Return what devices used on each day together. One query.

    `weights` says for stretches of days (first, end) how often each device counts.
    """
    devices = {pk for _first, _end, its in weights for pk in its}
    if not devices:
        return {}
    rows = (
        EnergyDailySummary.objects.filter(
            device__in=devices, date__gte=weights[0][0], date__lt=weights[-1][1]
        )
        .order_by()
        .values_list("device_id", "date", "amount")
    )
    sums: dict[date, int] = {}
    for device, day, amount in rows:
        for first, end, its in weights:
            if first <= day < end and device in its:
                sums[day] = sums.get(day, 0) + its[device] * amount
    return sums


def meter_weights(plant: PlantMap, signs: Sequence[int]) -> dict[int, int]:
    """Return how often each real meter counts where places count by `signs`; virtual ones are taken apart."""
    by_place = {place: pk for pk, place in plant.devices.items()}
    weights: dict[int, int] = {}

    def add(place: int, times: int) -> None:
        parts = plant.plant.virtual.get(place)
        if parts is None:
            weights[by_place[place]] = weights.get(by_place[place], 0) + times
            return
        for part, its in parts.items():
            add(part, times * its)

    for place, sign in enumerate(signs):
        if sign:
            add(place, int(sign))
    return weights
