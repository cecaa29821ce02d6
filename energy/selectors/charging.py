"""What the charging stations have given, by station and local day."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from energy.models import ChargingOrder


class ChargingDay(NamedTuple):
    """The completed orders of one station that ended on one local day."""

    station: str
    day: date
    orders: int
    energy_kwh: Decimal
    price: Decimal


def charging_days(first: date, last: date) -> list[ChargingDay]:
    """Return the days first…last (both included) of every station with orders; one query."""
    begin, end = (timezone.make_aware(datetime.combine(day, time.min)) for day in (first, _next(last)))
    rows = (
        ChargingOrder.objects.completed()
        .filter(ended_at__gte=begin, ended_at__lt=end)
        .order_by()
        .values("station", day=TruncDate("ended_at"))
        .annotate(orders=Count("pk"), kwh=Sum("energy_kwh"), money=Sum("price"))
        .order_by("station", "day")
    )
    return [
        ChargingDay(row["station"], row["day"], row["orders"], row["kwh"], row["money"] or Decimal(0))
        for row in rows
    ]


def _next(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)
