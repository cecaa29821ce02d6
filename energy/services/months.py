"""Months: their sums, written with the days, and what follows from them later: bands and demands.

`refresh` belongs into the transaction that changes days: it sums them up again and marks the rest
as due. `compute_due` splits the use of a month by the bands of its tariff and finds the largest
quarter of an hour, of meters and of groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q, QuerySet

from energy.metering import Flag, shares, with_virtual
from energy.metering.bands import Cuts, apportioned, cuts_of
from energy.metering.tree import Shares, product
from energy.models import Device, DeviceMonth, EnergyDailySummary, EnergyType, GroupDemand, Month
from energy.monthly import DAY
from energy.selectors.curves import Curve, curves
from energy.selectors.days import day_matrix
from energy.selectors.structure import PlantMap, plant_of
from energy.selectors.tariffs import BANDS, FLAT, day_rates
from energy.selectors.totals import month_of, months_between, next_month
from spc_site import clock, jobs
from spc_site.bulk import upsert_many
from spc_site.jobs import Budget

REST = timedelta(minutes=10)
"""So long the bands of a month stay as they are although its days go on changing."""


def refresh(devices: Iterable[int], first: date, last: date) -> None:
    """Put the months of devices together that the days first…last lie in. Five statements."""
    wanted = list(devices)
    months = months_between(first, last)
    types = dict(Device.objects.filter(pk__in=wanted).values_list("pk", "energy_type_id"))
    rows = EnergyDailySummary.objects.filter(
        device__in=wanted, date__gte=months[0], date__lt=next_month(months[-1])
    ).order_by()
    found: dict[tuple[int, date], np.ndarray] = {}
    gaps: Counter[tuple[int, date]] = Counter()
    for device, day, amount, covered_s, flags in rows.values_list(
        "device_id", "date", "amount", "covered_s", "flags"
    ):
        month = month_of(day)
        table = found.get((device, month))
        if table is None:
            table = found[device, month] = np.zeros((next_month(month) - month).days, dtype=DAY)
        table[day.day - 1] = amount, covered_s
        if flags & Flag.GAP:
            gaps[device, month] += 1
    stored = DeviceMonth.objects.filter(device__in=wanted, month__gte=months[0], month__lte=months[-1])
    stored.update(amount=0, covered_s=0, gap_days=0, days=b"")
    upsert_many(
        [
            DeviceMonth(
                device_id=device,
                energy_type_id=types[device],
                month=month,
                amount=int(table["amount"].sum()),
                covered_s=int(table["covered_s"].sum()),
                gap_days=gaps[device, month],
                days=table.tobytes(),
            )
            for (device, month), table in found.items()
        ],
        unique=("device", "month"),
        names=("energy_type", "amount", "covered_s", "gap_days", "days"),
    )
    _mark((energy_type, month) for energy_type in set(types.values()) for month in months)


def mark_due(energy_type: int | None = None) -> None:
    """Have the bands and demands of all months (of one energy type) computed soon. One statement."""
    months = Month.objects.all() if energy_type is None else Month.objects.filter(energy_type=energy_type)
    months.update(is_due=True, computed_at=None, marked_at=clock.now())
    jobs.enqueue("energy.months")


def _mark(pairs: Iterable[tuple[int, date]]) -> None:
    now = clock.now()
    rows = [Month(energy_type_id=energy_type, month=month, marked_at=now) for energy_type, month in pairs]
    upsert_many(rows, unique=("energy_type", "month"), names=("is_due", "marked_at"))
    jobs.enqueue("energy.months")


def _due() -> QuerySet[Month]:
    rested = Q(computed_at__isnull=True) | Q(computed_at__lt=clock.now() - REST)
    return Month.objects.filter(rested, is_due=True)


def has_due() -> bool:
    """Say whether the bands of a month wait to be computed; one cheap query."""
    return _due().exists()


def oldest_due() -> datetime | None:
    """Return since when the oldest month waits."""
    oldest: datetime | None = _due().aggregate(Min("marked_at"))["marked_at__min"]
    return oldest


def compute_due(*, budget_s: float = 50) -> int:
    """Compute months that are due, the newest first; return how many."""
    budget, done = Budget(budget_s), 0
    while budget:
        month = _due().select_related("energy_type").order_by("-month").first()
        if month is None:
            break
        compute(month)
        done += 1
    return done


def compute(month: Month) -> None:
    """Split the month by bands, find its demands, write them. A change meanwhile leaves it due."""
    found = _computed(month.energy_type, month.month)
    with transaction.atomic():
        upsert_many(found.devices, unique=("device", "month"), names=("bands", "demand", "demand_at"))
        for demand in found.demands:
            demand.month = month
        GroupDemand.objects.filter(month=month).exclude(
            group__in=[demand.group_id for demand in found.demands]
        ).delete()
        upsert_many(found.demands, unique=("month", "group"), names=("amount", "at"))
        Month.objects.filter(pk=month.pk, marked_at=month.marked_at).update(is_due=False)
        Month.objects.filter(pk=month.pk).update(computed_at=clock.now())


@dataclass(frozen=True, slots=True)
class _Found:
    devices: list[DeviceMonth]
    demands: list[GroupDemand]


def _computed(energy_type: EnergyType, month: date) -> _Found:
    last = next_month(month) - timedelta(days=1)
    zone = ZoneInfo(settings.TIME_ZONE)
    plant = plant_of(energy_type)
    devices = list(Device.objects.filter(energy_type=energy_type).select_related("energy_type"))
    rates = day_rates(energy_type, month, last)
    cuts = cuts_of(month, last, zone, rates.bands)
    matrix = day_matrix(energy_type, month, last)
    days, quarters = matrix.amounts.shape[1], int(cuts.quarter[-1]) + 1
    use = np.zeros((len(plant.devices), quarters), dtype=np.int64)
    bands = np.zeros((len(plant.devices), days, len(BANDS)), dtype=np.int64)
    for pk, curve in curves(devices, month, last).items():
        row = plant.devices[pk]
        its = cuts
        if curve.factors.moments:
            its = cuts_of(month, last, zone, rates.bands, more=curve.factors.moments)
        use[row], bands[row] = _pieces(curve, its, days, quarters)
    _fit(bands, matrix.amounts, matrix.has_data)
    use = with_virtual(plant.plant, use)
    bands = with_virtual(plant.plant, bands.reshape(len(bands), -1)).reshape(bands.shape)
    begin = int(cuts.moments[0])
    rows = []
    best = use.argmax(axis=1) if quarters else np.zeros(len(use), dtype=np.int64)
    for device in devices:
        row = plant.devices[device.pk]
        demand = int(use[row, best[row]])
        if demand <= 0 and not bands[row].any():
            continue
        rows.append(
            DeviceMonth(
                device=device,
                energy_type=energy_type,
                month=month,
                bands=bands[row].astype("<i8").tobytes(),
                demand=demand if demand > 0 else None,
                demand_at=_moment(begin, int(best[row])) if demand > 0 else None,
            )
        )
    return _Found(rows, _demands(plant, use, shares(plant.plant, month, last), cuts, month))


def _moment(begin: int, quarter: int) -> datetime:
    return datetime.fromtimestamp(begin + 900 * quarter, UTC)


def _pieces(curve: Curve, cuts: Cuts, days: int, quarters: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the use of each quarter of an hour, and of each day's bands."""
    pieces = curve.used_between(cuts.moments)
    starts = np.searchsorted(cuts.quarter, np.arange(quarters))
    bands = np.zeros(days * len(BANDS), dtype=np.int64)
    np.add.at(bands, cuts.day * len(BANDS) + cuts.band, pieces)
    return np.add.reduceat(curve.finely_between(cuts.moments), starts), bands.reshape(days, len(BANDS))


def _fit(bands: np.ndarray, amounts: np.ndarray, has_data: np.ndarray) -> None:
    """Let each day's bands add up to its stored use, also where readings far away decide that."""
    wrong = np.argwhere((bands.sum(axis=2) != amounts) & has_data)
    for row, day in wrong.tolist():
        weights = bands[row, day] if bands[row, day].any() else np.eye(len(BANDS), dtype=np.int64)[FLAT]
        bands[row, day] = apportioned(int(amounts[row, day]), weights)
    bands[~has_data] = 0


def _demands(
    plant: PlantMap, use: np.ndarray, spans: Sequence[Shares], cuts: Cuts, month: date
) -> list[GroupDemand]:
    """Return the largest quarter of an hour of each group, day after day to spare memory."""
    groups = len(plant.groups)
    largest, where = np.zeros(groups, dtype=np.int64), np.zeros(groups, dtype=np.int64)
    first_quarter = np.searchsorted(cuts.day, np.arange(int(cuts.day[-1]) + 2))
    quarters = np.append(cuts.quarter, cuts.quarter[-1] + 1)[first_quarter]
    for place in range(len(quarters) - 1):
        day = month + timedelta(days=place)
        signs = next(span.signs for span in spans if span.start <= day < span.end)
        begin, end = int(quarters[place]), int(quarters[place + 1])
        sums = product(signs, use[:, begin:end])
        best = sums.argmax(axis=1)
        highest = sums[np.arange(groups), best]
        better = highest > largest
        largest[better], where[better] = highest[better], begin + best[better]
    start = int(cuts.moments[0])
    return [
        GroupDemand(group_id=pk, amount=int(largest[place]), at=_moment(start, int(where[place])))
        for pk, place in plant.groups.items()
        if largest[place] > 0
    ]


__all__ = ["compute", "compute_due", "has_due", "mark_due", "oldest_due", "refresh"]
