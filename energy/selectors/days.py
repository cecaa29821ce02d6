"""The use of each meter and day as one matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db import models
from django.db.models.expressions import Func

from energy.metering.days import midnights
from energy.models import Device, EnergyDailySummary, EnergyType
from spc_site.bulk import collector_paused

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class DayMatrix:
    """The use of m devices on d days; a row for each device of the energy type, virtual ones too.

    first      the first day; column j is `first` + j days
    devices    the row of each device, by primary key; the order of `plant_of`
    amounts    (m, d) int64, steps of the energy type; 0 where nothing is known
    covered_s  (m, d) int64, seconds of the day that lie between usable readings
    length_s   (d,) int64, seconds that the day has
    flags      (m, d) int64, bits of `energy.metering.Flag`
    has_data   (m, d) bool, whether there is a row for that day at all

    A virtual device has no rows of its own: `energy.metering.with_virtual` fills its amounts.
    """

    first: date
    devices: Mapping[int, int]
    amounts: np.ndarray
    covered_s: np.ndarray
    length_s: np.ndarray
    flags: np.ndarray
    has_data: np.ndarray

    @property
    def days(self) -> list[date]:
        """Return the dates, one for each column."""
        return [self.first + timedelta(days=n) for n in range(self.amounts.shape[1])]


class _DayNumber(Func):
    """A date as days since 1970-01-01: text that nobody needs to parse a million times."""

    output_field = models.IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(julianday(%(expressions)s) - 2440587.5 AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(%(expressions)s - DATE '1970-01-01')"
        return self.as_sql(compiler, connection, template=template, **context)


def day_matrix(energy_type: EnergyType, first: date, last: date) -> DayMatrix:
    """Return the use of all devices of an energy type on the days first…last. Two queries."""
    places = {
        pk: place
        for place, pk in enumerate(
            Device.objects.filter(energy_type=energy_type).order_by("code").values_list("pk", flat=True)
        )
    }
    length_s = np.diff(midnights(first, last, ZoneInfo(settings.TIME_ZONE)))
    shape = (len(places), len(length_s))
    amounts, covered, flags = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    has_data = np.zeros(shape, dtype=bool)
    rows = (
        EnergyDailySummary.objects.in_days(first, last)
        .filter(energy_type=energy_type)
        .order_by()
        .values_list("device_id", _DayNumber("date"), "amount", "covered_s", "flags")
    )
    with collector_paused():
        table = np.array(list(rows), dtype=np.int64).reshape(-1, 5)
    known = np.array(sorted(places), dtype=np.int64)
    if len(table) and len(known):
        where = np.searchsorted(known, table[:, 0])
        meters = np.array([places[pk] for pk in known.tolist()], dtype=np.int64)[where]
        days = table[:, 1] - (first - _EPOCH).days
        amounts[meters, days], covered[meters, days], flags[meters, days] = table[:, 2:].T
        has_data[meters, days] = True
    return DayMatrix(first, places, amounts, covered, length_s, flags, has_data)
