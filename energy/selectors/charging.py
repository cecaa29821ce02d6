"""What the charging stations have given: by station, plug and local day, and the orders themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    DurationField,
    F,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Round
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone

from energy.models import ChargingOrder, ChargingState, ChargingStation, DeviceMonth

_KWH, _YUAN = 10_000, 100
"""SQLite adds decimals up as floats; so whole ten-thousandths and hundredths are added up instead."""


class _Between(Func):
    """The time from one moment to a later one, to the millisecond on SQLite.

    There a difference calls back into Python for each row, which costs more than all else of a month.
    """

    template = "(%(expressions)s)"
    arg_joiner = " - "
    arity = 2
    output_field = DurationField()

    def __init__(self, begins: str, ends: str) -> None:
        super().__init__(F(ends), F(begins))

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        """Count milliseconds of days; a duration is stored in microseconds."""
        ends, begins = (compiler.compile(one) for one in self.get_source_expressions())
        days = f"julianday({ends[0]}) - julianday({begins[0]})"
        return f"(CAST(ROUND(({days}) * 86400000) AS INTEGER) * 1000)", (*ends[1], *begins[1])


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
    """Return the days first…last (both included) of every plug with orders; one query.

    The day is found by its midnights, one branch for each: meant for a month.
    """
    priced = Q(price__isnull=False)
    kwh = Cast(Round(F("energy_kwh") * _KWH), BigIntegerField())
    rows = (
        ChargingOrder.objects.completed()
        .filter(_within("ended_at", first, last))
        .order_by()
        .values("station", "plug", day=_day("ended_at", first, last))
        .annotate(
            orders=Count("pk"),
            kwh=Sum(kwh),
            duration=Sum(_Between("started_at", "ended_at")),
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
            first + timedelta(days=row["day"]),
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


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _day(field: str, first: date, last: date) -> Case:
    """Return how many local days after `first` a moment of first…last is."""
    length = (last - first).days
    branches = (
        When(Q((f"{field}__lt", _midnight(first + timedelta(days=place + 1)))), then=Value(place))
        for place in range(length)
    )
    return Case(*branches, default=Value(length), output_field=IntegerField())


def _within(field: str, first: date, last: date) -> Q:
    begin, end = _midnight(first), _midnight(last + timedelta(days=1))
    return Q((f"{field}__gte", begin), (f"{field}__lt", end))
