"""The use of devices and groups over a period.

A period is parted where the structure changes and where a month begins. A part that is a whole
month comes from `DeviceMonth`, which is written with the days, every other from the days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db.models import Case, IntegerField, Q, QuerySet, Sum, Value, When

from energy.metering import midnights, shares, with_virtual
from energy.metering.tree import product
from energy.models import DeviceMonth, EnergyDailySummary, EnergyType
from energy.selectors.structure import PlantMap, plant_of
from spc_site.bulk import collector_paused

Part = tuple[date, date]
"""A stretch of days within one month: its first day and the day after its last."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The use of an energy type in the days first…last, in whole steps.

    devices     (m,) use of each device, virtual ones too
    covered_s   (m,) seconds of the period that lie between usable readings
    groups      (g,) use of each group
    own         (g, m) what counts for a group on the last day: 1, -1 (taken off) or 0
    group_covered, group_expected  (g,) seconds of the meters that count for each group
    length_s    seconds of the period
    """

    plant: PlantMap
    first: date
    last: date
    devices: np.ndarray
    covered_s: np.ndarray
    groups: np.ndarray
    group_covered: np.ndarray
    group_expected: np.ndarray
    own: np.ndarray
    length_s: int


def totals(energy_type: EnergyType, first: date, last: date, *, plant: PlantMap | None = None) -> Totals:
    """Return the use of all devices and groups. Eight queries, three with the plant given."""
    plant = plant or plant_of(energy_type)
    structure = plant.plant
    spans = shares(structure, first, last)
    parts = _parts(first, last, [span.start for span in spans])
    amounts, covered = _sums(energy_type, parts, plant)
    filled = with_virtual(structure, amounts)
    covered = covered_with_virtual(plant, covered)
    zone = ZoneInfo(settings.TIME_ZONE)
    groups, group_covered, group_expected = np.zeros((3, len(structure.parents)), dtype=np.int64)
    borders = midnights(first, last, zone)
    for span in spans:
        here = [place for place, (start, _stop) in enumerate(parts) if span.start <= start < span.end]
        groups += product(span.signs, filled[:, here].sum(axis=1))
        counted = np.abs(span.signs)
        group_covered += product(counted, covered[:, here].sum(axis=1))
        seconds = borders[(span.end - first).days] - borders[(span.start - first).days]
        group_expected += counted.sum(axis=1, dtype=np.int64) * seconds
    return Totals(
        plant,
        first,
        last,
        filled.sum(axis=1),
        covered.sum(axis=1),
        groups,
        group_covered,
        group_expected,
        spans[-1].signs,
        int(borders[-1] - borders[0]),
    )


def month_of(day: date) -> date:
    """Return the first day of the day's month."""
    return day.replace(day=1)


def months_between(first: date, last: date) -> list[date]:
    """Return the first days of the months that the days first…last lie in."""
    months = [month_of(first)]
    while (following := next_month(months[-1])) <= last:
        months.append(following)
    return months


def next_month(day: date) -> date:
    """Return the first day of the month after the day's."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _parts(first: date, last: date, changes: Sequence[date]) -> list[Part]:
    end = last + timedelta(days=1)
    cuts = {first, end, *changes}
    month = next_month(first)
    while month < end:
        cuts.add(month)
        month = next_month(month)
    return list(pairwise(sorted(cuts)))


def _sums(energy_type: EnergyType, parts: Sequence[Part], plant: PlantMap) -> tuple[np.ndarray, np.ndarray]:
    """Return (m, p) use and covered seconds of each device in each part. At most two queries."""
    whole = {
        start: place
        for place, (start, end) in enumerate(parts)
        if start.day == 1 and end == next_month(start)
    }
    amounts, covered = np.zeros((2, len(plant.devices), len(parts)), dtype=np.int64)
    with collector_paused():
        rows = _of_months(energy_type, whole)
        rows += _of_days(energy_type, {n: part for n, part in enumerate(parts) if n not in whole.values()})
        for place, device, amount, seconds in rows:
            row = plant.devices.get(device)
            if row is not None:
                amounts[row, place], covered[row, place] = amount, seconds
    return amounts, covered


def _of_months(energy_type: EnergyType, months: Mapping[date, int]) -> list[tuple[int, int, int, int]]:
    """Return (part, device, use, covered seconds) of whole months. At most one query."""
    if not months:
        return []
    rows = DeviceMonth.objects.filter(energy_type=energy_type, month__in=months).order_by()
    return [
        (months[month], device, amount, seconds)
        for month, device, amount, seconds in rows.values_list("month", "device_id", "amount", "covered_s")
    ]


def _of_days(energy_type: EnergyType, parts: Mapping[int, Part]) -> list[tuple[int, int, int, int]]:
    return sums_of_days(EnergyDailySummary.objects.filter(energy_type=energy_type), parts)


def sums_of_days(
    days: QuerySet[EnergyDailySummary], parts: Mapping[int, Part]
) -> list[tuple[int, int, int, int]]:
    """Return (part, device, use, covered seconds) of the given days by parts. At most one query."""
    if not parts:
        return []
    within = Q()
    for start, end in parts.values():
        within |= Q(date__gte=start, date__lt=end)
    part = Case(
        *(When(date__gte=start, date__lt=end, then=Value(place)) for place, (start, end) in parts.items()),
        output_field=IntegerField(),
    )
    found = days.filter(within).order_by().annotate(part=part).values_list("part", "device_id")
    return [
        (int(place), device, int(amount), int(seconds))
        for place, device, amount, seconds in found.annotate(Sum("amount"), Sum("covered_s"))
    ]


def covered_with_virtual(plant: PlantMap, covered: np.ndarray) -> np.ndarray:
    """Return covered seconds in which a virtual device is covered as its worst part is."""
    filled, virtual = covered.copy(), plant.plant.virtual
    done: set[int] = set()

    def fill(whole: int) -> None:
        if whole in done:
            return
        done.add(whole)
        for part in virtual[whole]:
            if part in virtual:
                fill(part)
        filled[whole] = filled[list(virtual[whole])].min(axis=0)

    for whole in virtual:
        fill(whole)
    return filled
