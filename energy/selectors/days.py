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

from energy.metering.days import midnights
from energy.models import Device, EnergyDailySummary, EnergyType


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


class Packed(models.Aggregate):
    """The numbers of many rows as one text: a row for each day instead of a row for each meter and day.

    Taking a million rows over one by one would be most of the time.
    """

    output_field = models.TextField()
    arg_joiner = " || ' ' || "

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="GROUP_CONCAT(%(expressions)s, ' ')", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="STRING_AGG(%(expressions)s, ' ')", **context)


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
    known = np.array(sorted(places), dtype=np.int64)
    meters = np.array([places[pk] for pk in known.tolist()], dtype=np.int64)
    rows = (
        EnergyDailySummary.objects.in_days(first, last)
        .filter(energy_type=energy_type)
        .order_by()
        .values_list("date")
        .annotate(packed=Packed("device_id", "amount", "covered_s", "flags"))
    )
    for day, packed in rows:
        table = np.fromstring(packed, dtype=np.int64, sep=" ").reshape(-1, 4)
        where, column = meters[np.searchsorted(known, table[:, 0])], (day - first).days
        amounts[where, column], covered[where, column], flags[where, column] = table[:, 1:].T
        has_data[where, column] = True
    return DayMatrix(first, places, amounts, covered, length_s, flags, has_data)
