"""What the charging stations have given: by station, plug and local day, and the orders themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import BigIntegerField, Count, F, Q, QuerySet, Sum
from django.db.models.functions import Cast, Round, TruncDate
from django.utils import timezone

from energy.models import ChargingOrder, ChargingState, ChargingStation, DeviceMonth

_KWH, _YUAN = 10_000, 100
"""SQLite adds decimals up as floats; so whole ten-thousandths and hundredths are added up instead."""


class ChargingUse(NamedTuple):
    """The completed orders of one plug that ended on one local day.

    `priced` of them have a price; `priced_kwh` is what these gave.
    """

    station: str
    plug: str
    day: date
    orders: int
    energy_kwh: Decimal
    duration: timedelta
    priced: int
    priced_kwh: Decimal
    price: Decimal


def charging_uses(first: date, last: date) -> list[ChargingUse]:
    """Return the days first…last (both included) of every plug with orders; one query."""
    priced = Q(price__isnull=False)
    kwh = Cast(Round(F("energy_kwh") * _KWH), BigIntegerField())
    rows = (
        ChargingOrder.objects.completed()
        .filter(_within("ended_at", first, last))
        .order_by()
        .values("station", "plug", day=TruncDate("ended_at"))
        .annotate(
            orders=Count("pk"),
            kwh=Sum(kwh),
            duration=Sum(F("ended_at") - F("started_at")),
            priced=Count("pk", filter=priced),
            priced_kwh=Sum(kwh, filter=priced, default=0),
            money=Sum(Cast(Round(F("price") * _YUAN), BigIntegerField()), default=0),
        )
        .order_by("station", "plug", "day")
    )
    return [
        ChargingUse(
            row["station"],
            row["plug"],
            row["day"],
            row["orders"],
            Decimal(row["kwh"]) / _KWH,
            row["duration"],
            row["priced"],
            Decimal(row["priced_kwh"]) / _KWH,
            Decimal(row["money"]) / _YUAN,
        )
        for row in rows
    ]


def charging_orders(first: date, last: date, station: str = "") -> QuerySet[ChargingOrder]:
    """Return the orders that ended on these days, and those that began then and have not ended."""
    is_open = Q(state=ChargingState.CHARGING) & _within("started_at", first, last)
    found = ChargingOrder.objects.filter(_within("ended_at", first, last) | is_open)
    return found.filter(station=station) if station else found


def stations() -> list[str]:
    """Return the names of all stations. One query."""
    return list(ChargingOrder.objects.order_by("station").values_list("station", flat=True).distinct())


class StationMeter(NamedTuple):
    """The meter in front of a station, and its month; without any reading `energy_kwh` is None."""

    device: int
    energy_kwh: Decimal | None
    covered_s: int


def station_meters(month: date) -> dict[str, StationMeter]:
    """Return the meters by the names of their stations. Two queries."""
    tied = list(ChargingStation.objects.select_related("device__energy_type"))
    stored = {
        device: (amount, covered_s)
        for device, amount, covered_s in DeviceMonth.objects.filter(
            month=month, device__in=[one.device_id for one in tied], covered_s__gt=0
        ).values_list("device_id", "amount", "covered_s")
    }
    return {
        one.name: StationMeter(
            one.device_id,
            one.device.energy_type.amount(stored[one.device_id][0]) if one.device_id in stored else None,
            stored.get(one.device_id, (0, 0))[1],
        )
        for one in tied
    }


def stations_behind(devices: Iterable[int]) -> list[str]:
    """Return the names of the stations that these meters supply. One query."""
    rows = ChargingStation.objects.filter(device__in=devices)
    return list(rows.order_by("name").values_list("name", flat=True))


def _within(field: str, first: date, last: date) -> Q:
    begin, end = (
        timezone.make_aware(datetime.combine(day, time.min)) for day in (first, last + timedelta(days=1))
    )
    return Q((f"{field}__gte", begin), (f"{field}__lt", end))
