"""Charging orders: begun, completed, told once, summed exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.services import issue_token
from energy.models import ChargingOrder
from energy.selectors.charging import ChargingUse, charging_uses
from energy.services import charging
from energy.services.charging import Order, store, store_many
from hooks.models import HookEvent
from spc_site.errors import AppError, Conflict
from tests import builders
from tests.hooks.conftest import customer  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db

BEGUN = Order(
    order_number="CD-1", station="北", plug="3-A", started_at=datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
)
DONE = replace(
    BEGUN,
    ended_at=datetime(2026, 11, 20, 16, 30, tzinfo=UTC),
    energy_kwh=Decimal("21.3505"),
    price=Decimal("18.64"),
)


def test_an_order_begins_and_is_completed_and_each_is_told_once(customer: Any) -> None:  # noqa: F811
    customer("def on_charging_order_created(self): pass\ndef on_charging_order_completed(self): pass")
    assert [store(one)[1] for one in (BEGUN, BEGUN, DONE, DONE, BEGUN)] == [True, False, True, False, False]
    row = ChargingOrder.objects.get()
    assert (row.state, row.energy_kwh, row.price) == ("completed", Decimal("21.3505"), Decimal("18.64"))
    points = list(HookEvent.objects.order_by("pk").values_list("point", flat=True))
    assert points == ["on_charging_order_created", "on_charging_order_completed"]
    last = HookEvent.objects.order_by("pk").last()
    assert last is not None
    assert (last.payload["energy_kwh"], last.payload["state"]) == ("21.3505", "completed")


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (replace(BEGUN, station=" "), "bad_text"),
        (replace(BEGUN, price=Decimal(1)), "incomplete"),
        (replace(DONE, energy_kwh=None), "incomplete"),
        (replace(DONE, ended_at=datetime(2026, 11, 20, 14, 0, tzinfo=UTC)), "bad_end"),
        (replace(DONE, energy_kwh=Decimal("-1")), "bad_number"),
        (replace(DONE, energy_kwh=Decimal("1.00001")), "bad_number"),
        (replace(DONE, price=Decimal("NaN")), "bad_number"),
        (replace(BEGUN, started_at=datetime(2999, 1, 1, tzinfo=UTC)), "in_future"),
    ],
)
def test_what_cannot_be_is_refused(order: Order, code: str) -> None:
    with pytest.raises(AppError) as refused:
        store(order)
    assert refused.value.code == code
    assert not ChargingOrder.objects.exists()


def test_a_number_stands_for_one_order() -> None:
    store(DONE)
    for other in (replace(BEGUN, plug="3-B"), replace(DONE, energy_kwh=Decimal(1))):
        with pytest.raises(Conflict):
            store(other)


def test_plugs_and_local_days_are_summed_exactly(django_assert_num_queries: Any) -> None:
    store(DONE)  # ends 0:30 of the 21st in Shanghai
    store(replace(DONE, order_number="CD-2", energy_kwh=Decimal("0.0005"), price=None))
    store(replace(DONE, order_number="CD-3", station="南"))
    store(replace(BEGUN, order_number="CD-4"))
    day, hours = date(2026, 11, 21), timedelta(hours=1.5)
    one = Decimal("21.3505")
    with django_assert_num_queries(1):
        found = charging_uses(day, day)
    assert found == [
        ChargingUse("北", "3-A", day, 2, one + Decimal("0.0005"), 2 * hours, 1, one, Decimal("18.64")),
        ChargingUse("南", "3-A", day, 1, one, hours, 1, one, Decimal("18.64")),
    ]
    assert charging_uses(date(2026, 11, 20), date(2026, 11, 20)) == []


def test_sums_of_very_many_orders_lose_nothing() -> None:
    most = Decimal("99999999.9999")
    store_many(
        [replace(DONE, order_number=f"N{n}", energy_kwh=most, price=Decimal("0.07")) for n in range(1001)]
    )
    (found,) = charging_uses(date(2026, 11, 21), date(2026, 11, 21))
    assert (found.energy_kwh, found.price) == (1001 * most, Decimal("70.07"))  # a float has 15 digits


def test_two_that_store_the_same_at_once_leave_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = charging.compare

    def compare(orders: Any, *, lock: bool = False) -> Any:
        compared = real(orders, lock=lock)
        if not seen:
            ChargingOrder.objects.create(
                order_number="CD-1",
                station="北",
                plug="3-A",
                started_at=BEGUN.started_at,
                received_at=BEGUN.started_at,
            )
        seen.append(len(compared.begun))
        return compared

    monkeypatch.setattr(charging, "compare", compare)
    store(DONE)
    assert seen == [1, 1] and ChargingOrder.objects.get().energy_kwh == DONE.energy_kwh


def test_the_api_takes_an_order_from_who_may() -> None:
    body = {"order_number": "CD-9", "station": "北", "plug": "1", "started_at": "2026-11-20T08:00:00+08:00"}

    def post(user: Any, **more: Any) -> Any:
        token = issue_token(user, name="charging")[1]
        headers = {"authorization": f"Bearer {token}"}
        address = "/api/v1/charging-orders"
        return Client().post(address, {**body, **more}, content_type="application/json", headers=headers)

    assert post(builders.person("质检员")).status_code == 403
    manager = builders.person("能源管理员")
    assert [post(manager).status_code for _again in range(2)] == [201, 200]
    done = post(manager, ended_at="2026-11-20T09:00:00+08:00", energy_kwh="7.5")
    assert (done.status_code, done.json()["state"]) == (201, "completed")
    assert post(manager, started_at="2026-11-20T08:00:00").status_code == 422
    assert post(manager, plug="2").status_code == 409
