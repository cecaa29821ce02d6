"""Charging orders: stored when they begin, completed when they end; sending one again changes nothing.

One by one as the charging system tells them, or many from a file: `check_file` reads it and
compares with what is stored, `store_many` writes all or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from energy.importing import charging as files
from energy.importing.charging import MOST, Order
from energy.models import ChargingOrder, ChargingState
from hooks.services import fire_many
from spc_site import clock
from spc_site.bulk import update_many
from spc_site.errors import AppError, Conflict
from spc_site.lib.problems import Problem
from spc_site.lib.sheets import Limits, WorkbookError, read_bytes

__all__ = ["CheckedFile", "Compared", "Order", "check_file", "compare", "store", "store_many"]

LONGEST = timedelta(days=7)
FUTURE = timedelta(minutes=5)
MOST_ORDERS = 50_000
LIMITS = Limits()
_CHUNK = 500
_ENDING = ("ended_at", "energy_kwh", "price")


class _Change(Enum):
    """What an order does to the one of its number."""

    NEW = auto()
    COMPLETES = auto()
    SAME = auto()
    OTHER_START = auto()
    OTHER_END = auto()


@dataclass(frozen=True, slots=True)
class Refused:
    """An order, by its place among those given, that cannot be taken.

    `known` is the one of its number that it contradicts.
    """

    place: int
    code: str
    known: Order | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What storing orders would do.

    begun, completed   the orders that are new, and those that end now; a new one may be both
    same               how many change nothing
    """

    begun: dict[str, Order]
    completed: dict[str, Order]
    same: int
    refused: Sequence[Refused]
    stored: dict[str, ChargingOrder]

    @property
    def changed(self) -> int:
        """Return how many orders are new or completed."""
        return len(self.begun.keys() | self.completed.keys())


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file as read. It may be stored if it has no problems."""

    data: bytes
    orders: Sequence[Order]
    problems: Sequence[Problem]
    compared: Compared


def store(order: Order) -> tuple[ChargingOrder, bool]:
    """Store an order, or complete the one of its number; return it and whether anything changed.

    Raises AppError for what cannot be, Conflict where a completed order would become another one.
    """
    compared = store_many([order])
    row = compared.stored[order.order_number]
    return row, bool(compared.changed)


def store_many(orders: Sequence[Order]) -> Compared:
    """Store orders, and complete those that are known: all, or none.

    Raises AppError for what cannot be, Conflict for a number that stands for another order.
    """
    if len(orders) > MOST_ORDERS:
        raise AppError("too_many", _("一次最多 %(count)s 行。") % {"count": MOST_ORDERS})
    try:
        return _store(orders)
    except IntegrityError:  # somebody else stored one of the numbers meanwhile
        return _store(orders)


@transaction.atomic
def _store(orders: Sequence[Order]) -> Compared:
    compared = compare(orders, lock=True)
    for refused in compared.refused:
        order = orders[refused.place]
        if refused.known is None:
            _validate(order)
        _clash(order, refused.code)
    now = clock.now()
    made = [
        ChargingOrder(
            **{name: getattr(order, name) for name in ("order_number", "station", "plug", "started_at")},
            **_ending(compared.completed.get(number)),
            received_at=now,
        )
        for number, order in compared.begun.items()
    ]
    ChargingOrder.objects.bulk_create(made, batch_size=_CHUNK)
    ended = [row for number, row in compared.stored.items() if number in compared.completed]
    for row in ended:
        for name, value in _ending(compared.completed[row.order_number]).items():
            setattr(row, name, value)
    update_many(ended, ["state", *_ENDING])
    compared.stored.update((row.order_number, row) for row in made)
    _fire("created", compared.begun, compared.stored)
    _fire("completed", compared.completed, compared.stored)
    return compared


def _ending(order: Order | None) -> dict[str, Any]:
    if order is None:
        return {}
    return {"state": ChargingState.COMPLETED} | {name: getattr(order, name) for name in _ENDING}


def compare(orders: Sequence[Order], *, lock: bool = False) -> Compared:
    """Say what storing would do; changes nothing. One query for each five hundred orders."""
    stored = _stored({order.order_number for order in orders}, lock=lock)
    known = {number: _order_of(row) for number, row in stored.items()}
    found = Compared({}, {}, 0, [], stored)
    same, refused = 0, []
    for place, order in enumerate(orders):
        number = order.order_number
        try:
            _validate(order)
        except AppError as error:
            refused.append(Refused(place, error.code))
            continue
        change = _change(known.get(number), order)
        if change in (_Change.OTHER_START, _Change.OTHER_END):
            refused.append(Refused(place, change.name.lower(), known[number]))
            continue
        same += change is _Change.SAME
        if change is _Change.NEW:
            found.begun[number] = order.begun
        if change is not _Change.SAME:
            known[number] = order
            if order.is_complete:
                found.completed[number] = order
    return Compared(found.begun, found.completed, same, refused, stored)


def _stored(numbers: Iterable[str], *, lock: bool) -> dict[str, ChargingOrder]:
    wanted = sorted(numbers)
    rows = ChargingOrder.objects.select_for_update() if lock else ChargingOrder.objects.all()
    return {
        row.order_number: row
        for start in range(0, len(wanted), _CHUNK)
        for row in rows.filter(order_number__in=wanted[start : start + _CHUNK])
    }


def _order_of(row: ChargingOrder) -> Order:
    return Order(
        order_number=row.order_number,
        station=row.station,
        plug=row.plug,
        started_at=row.started_at,
        ended_at=row.ended_at,
        energy_kwh=row.energy_kwh,
        price=row.price,
    )


def _change(known: Order | None, given: Order) -> _Change:
    if known is None:
        return _Change.NEW
    if known.begun != given.begun:
        return _Change.OTHER_START
    if not given.is_complete or known == given:
        return _Change.SAME
    return _Change.OTHER_END if known.is_complete else _Change.COMPLETES


def _clash(order: Order, code: str) -> None:
    sentence = (
        _("订单 %(number)s 已存在，且充电站、充电枪或开始时间不同。")
        if code == "other_start"
        else _("订单 %(number)s 已完成，电量、金额或结束时间不同。")
    )
    raise Conflict(sentence % {"number": order.order_number})


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
            not value.is_finite() or not 0 <= value < MOST or value != round(value, places)
        ):
            raise AppError("bad_number", _("电量不小于零、最多四位小数；金额不小于零、最多两位小数。"))


def _fire(what: str, orders: dict[str, Order], rows: dict[str, ChargingOrder]) -> None:
    fire_many(
        f"on_charging_order_{what}",
        (
            (_facts(rows[number].pk, order), f"energy:charging:{rows[number].pk}:{what}")
            for number, order in orders.items()
        ),
    )


def _facts(pk: int, order: Order) -> dict[str, Any]:
    state = ChargingState.COMPLETED if order.is_complete else ChargingState.CHARGING
    return {
        "order_id": pk,
        "order_number": order.order_number,
        "station": order.station,
        "plug": order.plug,
        "state": str(state),
        "started_at": order.started_at,
        "ended_at": order.ended_at,
        "energy_kwh": order.energy_kwh,
        "price": order.price,
    }


def check_file(source: Path | bytes) -> CheckedFile:
    """Read a file of orders and compare it with what is stored; changes nothing."""
    zone = timezone.get_default_timezone()
    try:
        data = read_bytes(source, LIMITS) if isinstance(source, Path) else source
    except WorkbookError as error:
        return _unread(Problem(error.code, params=error.params))
    except OSError as error:
        return _unread(Problem("unreadable", params={"reason": error.strerror or str(error)}))
    parsed = files.parse(data, zone)
    orders = [row.order for row in parsed.rows]
    if len(orders) > MOST_ORDERS:
        return _unread(Problem("too_many", params={"limit": str(MOST_ORDERS)}), data)
    compared = compare(orders)
    problems = list(parsed.problems)
    for one in compared.refused:
        known = {"known": files.told(one.known, zone)} if one.known else {}
        problems.append(parsed.rows[one.place].problem(one.code, **known))
    problems.sort(key=lambda one: (one.sheet, one.row, one.column))
    return CheckedFile(data, orders, problems, compared)


def _unread(problem: Problem, data: bytes = b"") -> CheckedFile:
    return CheckedFile(data, [], [problem], compare([]))
