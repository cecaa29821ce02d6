"""What one group used on each day, and how much of the day its meters were read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings

from energy.metering import midnights
from energy.models import DeviceMonth, EnergyType
from energy.monthly import days_of
from energy.selectors.pages import meter_weights
from energy.selectors.totals import Totals, month_of


@dataclass(frozen=True, slots=True)
class GroupDay:
    """The use of a day in whole steps; `covered_s` of `expected_s` seconds of its meters were read."""

    amount: int
    covered_s: int
    expected_s: int


def group_weights(found: Totals, group: int) -> list[tuple[date, date, dict[int, int]]]:
    """Return for stretches of days (first, end) how often each real meter counts for a group."""
    at = found.plant.groups[group]
    return [
        (span.start, span.end, meter_weights(found.plant, span.signs[at].tolist())) for span in found.spans
    ]


def group_days(energy_type: EnergyType, found: Totals, group: int) -> dict[date, GroupDay]:
    """Return the days of a group on which anything was read; they add up to its use. One query."""
    count = (found.last - found.first).days + 1
    length_s = np.diff(midnights(found.first, found.last, ZoneInfo(settings.TIME_ZONE)))
    amounts, covered, expected = np.zeros((3, count), dtype=np.int64)
    weights = group_weights(found, group)
    stored: dict[int, list[tuple[date, np.ndarray]]] = {}
    rows = DeviceMonth.objects.filter(
        energy_type=energy_type,
        device__in={pk for _start, _end, its in weights for pk in its},
        month__gte=month_of(found.first),
        month__lte=found.last,
    ).exclude(days=b"")
    for device, month, packed in rows.order_by().values_list("device_id", "month", "days"):
        stored.setdefault(device, []).append((month, days_of(packed)))
    for start, end, its in weights:
        expected[(start - found.first).days : (end - found.first).days] += len(its)
        for device, times in its.items():
            for month, days in stored.get(device, ()):
                begin = max(start, month)
                stop = min(end, month + timedelta(days=len(days)))
                if begin < stop:
                    here = slice((begin - found.first).days, (stop - found.first).days)
                    its_days = days[(begin - month).days : (stop - month).days]
                    amounts[here] += times * its_days["amount"]
                    covered[here] += its_days["covered_s"]
    expected *= length_s
    return {
        found.first + timedelta(days=n): GroupDay(int(amounts[n]), int(covered[n]), int(expected[n]))
        for n in range(count)
        if amounts[n] or covered[n]
    }
