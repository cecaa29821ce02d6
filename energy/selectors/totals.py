"""The use of devices and groups over a period.

A period is parted where the structure changes and where a month begins. Everything comes from
`DeviceMonth`, which is written with the days: a row for each meter and month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db.models import QuerySet

from energy.metering import Shares, midnights, with_virtual
from energy.metering.tree import product
from energy.models import DeviceMonth, EnergyType
from energy.monthly import days_of
from energy.selectors.days import Packed
from energy.selectors.kept import kept_plant, kept_shares, structure_mark
from energy.selectors.structure import PlantMap
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
    parts       stretches of days, each within one month: first day and the day after the last
    group_parts (g, p) use of each group in each part
    device_parts (m, p) use of each device in each part
    spans       what counts for each group, between two changes of structure
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
    parts: Sequence[Part]
    group_parts: np.ndarray
    device_parts: np.ndarray
    spans: Sequence[Shares]

    def before(self, day: date) -> tuple[np.ndarray, np.ndarray]:
        """Return the use of devices and of groups before a day, at which a part begins (see `cuts`)."""
        here = [place for place, (start, _end) in enumerate(self.parts) if start < day]
        return self.device_parts[:, here].sum(axis=1), self.group_parts[:, here].sum(axis=1)


def totals(
    energy_type: EnergyType,
    first: date,
    last: date,
    *,
    cuts: Sequence[date] = (),
) -> Totals:
    """Return the use of all devices and groups. Three queries, five more unless the structure is kept.

    `cuts` are more days at which a part shall begin.
    """
    mark = structure_mark()
    plant = kept_plant(energy_type, mark)
    structure = plant.plant
    spans = kept_shares(energy_type, plant, mark, first, last)
    within = [day for day in cuts if first < day <= last]
    parts = _parts(first, last, [*(span.start for span in spans), *within])
    amounts, covered = _sums(energy_type, parts, plant)
    filled = with_virtual(structure, amounts)
    covered = covered_with_virtual(plant, covered)
    zone = ZoneInfo(settings.TIME_ZONE)
    group_parts = np.zeros((len(structure.parents), len(parts)), dtype=np.int64)
    group_covered, group_expected = np.zeros((2, len(structure.parents)), dtype=np.int64)
    borders = midnights(first, last, zone)
    for span in spans:
        here = [place for place, (start, _stop) in enumerate(parts) if span.start <= start < span.end]
        group_parts[:, here] = product(span.signs, filled[:, here])
        counted = np.abs(span.signs)
        group_covered += product(counted, covered[:, here].sum(axis=1))
        seconds = borders[(span.end - first).days] - borders[(span.start - first).days]
        group_expected += counted.sum(axis=1).astype(np.int64) * seconds
    return Totals(
        plant,
        first,
        last,
        filled.sum(axis=1),
        covered.sum(axis=1),
        group_parts.sum(axis=1),
        group_covered,
        group_expected,
        spans[-1].signs,
        int(borders[-1] - borders[0]),
        parts,
        group_parts,
        filled,
        spans,
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
    whole: dict[date, int] = {}
    pieces: dict[date, list[tuple[int, slice]]] = {}
    for place, (start, end) in enumerate(parts):
        month = month_of(start)
        if start == month and end == next_month(month):
            whole[month] = place
        else:
            days = slice((start - month).days, (end - month).days)
            pieces.setdefault(month, []).append((place, days))
    amounts, covered = np.zeros((2, len(plant.devices), len(parts)), dtype=np.int64)
    stored = DeviceMonth.objects.filter(energy_type=energy_type).order_by()
    with collector_paused():
        if whole:
            _set_months(stored, whole, plant, amounts, covered)
        if pieces:
            _add_pieces(stored, pieces, plant, amounts, covered)
    return amounts, covered


def _set_months(
    stored: QuerySet[DeviceMonth],
    whole: Mapping[date, int],
    plant: PlantMap,
    amounts: np.ndarray,
    covered: np.ndarray,
) -> None:
    """Set the parts that are whole months. One query, of a row for each month."""
    rows = (
        stored.filter(month__in=whole)
        .values_list("month")
        .annotate(packed=Packed("device_id", "amount", "covered_s"))
    )
    known = np.array(sorted(plant.devices), dtype=np.int64)
    places = np.array([plant.devices[pk] for pk in known.tolist()], dtype=np.int64)
    for month, packed in rows:
        table = np.fromstring(packed, dtype=np.int64, sep=" ").reshape(-1, 3)
        table = table[np.isin(table[:, 0], known)]  # a device may have come since the structure was kept
        where = places[np.searchsorted(known, table[:, 0])]
        amounts[where, whole[month]], covered[where, whole[month]] = table[:, 1:].T


def _add_pieces(
    stored: QuerySet[DeviceMonth],
    pieces: Mapping[date, list[tuple[int, slice]]],
    plant: PlantMap,
    amounts: np.ndarray,
    covered: np.ndarray,
) -> None:
    """Add the parts that are less than a month, from the days of their months. One query."""
    found: dict[date, tuple[list[int], list[bytes]]] = {}
    rows = stored.filter(month__in=pieces).exclude(days=b"").values_list("month", "device_id", "days")
    for month, device, packed in rows:
        row = plant.devices.get(device)
        if row is not None:
            places, tables = found.setdefault(month, ([], []))
            places.append(row)
            tables.append(bytes(packed))
    for month, (places, tables) in found.items():
        days = days_of(b"".join(tables)).reshape(len(tables), -1)
        for place, within in pieces[month]:
            amounts[places, place] = days["amount"][:, within].sum(axis=1)
            covered[places, place] = days["covered_s"][:, within].sum(axis=1, dtype=np.int64)


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
