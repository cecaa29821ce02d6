"""Charging orders: stored when they begin, completed when they end; sending one again changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from energy.models import ChargingOrder, ChargingState
from hooks.services import fire
from spc_site import clock
from spc_site.errors import AppError, Conflict

LONGEST = timedelta(days=7)
FUTURE = timedelta(minutes=5)
_MOST = Decimal(10) ** 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the charging system tells it; with `ended_at` and `energy_kwh` it is complete."""

    order_number: str
    station: str
    plug: str
    started_at: datetime
    ended_at: datetime | None = None
    energy_kwh: Decimal | None = None
    price: Decimal | None = None


def store(order: Order) -> tuple[ChargingOrder, bool]:
    """Store an order, or complete the one of its number; return it and whether anything changed.

    Raises AppError for what cannot be, Conflict where a completed order would become another one.
    """
    _validate(order)
    is_complete = order.ended_at is not None
    begun = {"station": order.station, "plug": order.plug, "started_at": order.started_at}
    ended = {"ended_at": order.ended_at, "energy_kwh": order.energy_kwh, "price": order.price}
    with transaction.atomic():
        row, is_new = ChargingOrder.objects.select_for_update().get_or_create(
            order_number=order.order_number, defaults={**begun, "received_at": clock.now()}
        )
        if any(getattr(row, name) != value for name, value in begun.items()):
            raise Conflict(_("订单 %(number)s 已存在，且充电站、充电枪或开始时间不同。") % {"number": row})
        if is_new:
            fire("on_charging_order_created", _facts(row), event_id=f"energy:charging:{row.pk}:created")
        if row.state == ChargingState.COMPLETED:
            if is_complete and any(getattr(row, name) != value for name, value in ended.items()):
                raise Conflict(_("订单 %(number)s 已完成，电量、金额或结束时间不同。") % {"number": row})
            return row, False
        if is_complete:
            row.state = ChargingState.COMPLETED
            for name, value in ended.items():
                setattr(row, name, value)
            row.save(update_fields=["state", *ended])
            fire("on_charging_order_completed", _facts(row), event_id=f"energy:charging:{row.pk}:completed")
    return row, is_new or is_complete


def _validate(order: Order) -> None:
    for text, most in ((order.order_number, 60), (order.station, 80), (order.plug, 40)):
        if not text.strip() or len(text) > most:
            raise AppError("bad_text", _("订单号、充电站、充电枪都要填写，且不能太长。"))
    if order.started_at > clock.now() + FUTURE:
        raise AppError("in_future", _("开始时间在将来。"))
    if (order.ended_at is None) != (order.energy_kwh is None):
        raise AppError("incomplete", _("完成的订单要有结束时间和电量，未完成的两者都没有。"))
    if order.ended_at is None:
        if order.price is not None:
            raise AppError("incomplete", _("未完成的订单没有金额。"))
        return
    if not order.started_at <= order.ended_at <= order.started_at + LONGEST:
        raise AppError("bad_end", _("结束时间须在开始时间之后、七天之内。"))
    if order.ended_at > clock.now() + FUTURE:
        raise AppError("in_future", _("结束时间在将来。"))
    for value, places in ((order.energy_kwh, 4), (order.price, 2)):
        if value is not None and (
            not value.is_finite() or not 0 <= value < _MOST or value != round(value, places)
        ):
            raise AppError("bad_number", _("电量不小于零、最多四位小数；金额不小于零、最多两位小数。"))


def _facts(row: ChargingOrder) -> dict[str, Any]:
    return {
        "order_id": row.pk,
        "order_number": row.order_number,
        "station": row.station,
        "plug": row.plug,
        "state": str(row.state),
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "energy_kwh": row.energy_kwh,
        "price": row.price,
    }
