"""Tariffs as the arithmetic wants them: which one holds on a day, and what band each minute has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from energy.choices import Band, DayClass, DayKind
from energy.metering.bands import Span, Timetable
from energy.models import CalendarDay, EnergyType, Tariff

BANDS: tuple[Band, ...] = tuple(Band)
FLAT = BANDS.index(Band.FLAT)
_MINUTES_OF_DAY = 1440
_ON_WORKDAYS = {DayClass.ALL: None, DayClass.WORKDAY: True, DayClass.REST: False}
_WEEKEND = 5


@dataclass(frozen=True, slots=True)
class Rate:
    """A tariff with its prices by band; a band without one costs what the flat one costs."""

    tariff: Tariff
    prices: tuple[Decimal, ...]
    timetable: Timetable


@dataclass(frozen=True, slots=True)
class DayRates:
    """Which rate holds on each of some days (None: no tariff), and the band of each minute."""

    first: date
    rates: Sequence[Rate | None]
    bands: Sequence[np.ndarray]


def day_rates(energy_type: EnergyType, first: date, last: date) -> DayRates:
    """Return the rates of the days first…last. Four queries, two without a tariff."""
    tariffs = (
        Tariff.objects.filter(energy_type=energy_type, start__lte=last)
        .exclude(end__lte=first)
        .prefetch_related("prices", "spans")
        .order_by("start")
    )
    rates = [_rate(tariff) for tariff in tariffs]
    special = dict(CalendarDay.objects.filter(day__gte=first, day__lte=last).values_list("day", "kind"))
    chosen: list[Rate | None] = []
    bands: list[np.ndarray] = []
    known: dict[tuple[int, int, bool], np.ndarray] = {}
    for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
        rate = next((one for one in rates if _holds(one.tariff, day)), None)
        is_workday = special.get(day, "") == DayKind.WORKDAY or (
            day.weekday() < _WEEKEND and day not in special
        )
        key = (0 if rate is None else rate.tariff.pk, day.month, is_workday)
        if key not in known:
            table = Timetable(rest=FLAT) if rate is None else rate.timetable
            known[key] = table.minutes(day.month, is_workday=is_workday)
        chosen.append(rate)
        bands.append(known[key])
    return DayRates(first, chosen, bands)


def _holds(tariff: Tariff, day: date) -> bool:
    return tariff.start <= day and (tariff.end is None or day < tariff.end)


def _rate(tariff: Tariff) -> Rate:
    prices = {price.band: price.price for price in tariff.prices.all()}
    flat = prices.get(Band.FLAT, Decimal(0))
    spans = tuple(
        Span(
            BANDS.index(Band(span.band)),
            span.begins.hour * 60 + span.begins.minute,
            span.ends.hour * 60 + span.ends.minute or _MINUTES_OF_DAY,
            (span.first_month, span.last_month),
            _ON_WORKDAYS[DayClass(span.day_class)],
        )
        for span in tariff.spans.all()
    )
    return Rate(tariff, tuple(prices.get(band, flat) for band in BANDS), Timetable(spans, rest=FLAT))
