"""Readings over the API: in batches, once, the refused ones listed, only for those who may."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts import services as accounts
from energy.models import Device, ReadingBatch
from energy.services.manual import last_reading
from hooks import services as hooks
from spc_site import clock
from tests import builders
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]

URL = "/api/v1/readings"


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 10, 12, tzinfo=make.SHANGHAI))


def client(*roles: str) -> Client:
    _token, raw = accounts.issue_token(builders.person(*roles), name="gateway")
    return Client(headers={"Authorization": f"Bearer {raw}"}, enforce_csrf_checks=True)


@pytest.fixture
def gateway() -> Client:
    return client("能源管理员")


def post(client: Client, *given: tuple[Any, Any, Any], batch_id: str = "1", **more: Any) -> Any:
    rows = [{"meter": meter, "at": at, "value": value} for meter, at, value in given]
    body = {"batch_id": batch_id, "readings": rows, **more}
    return client.post(URL, body, content_type="application/json")


def test_a_batch_is_taken_once_and_its_refused_readings_are_listed(gateway: Client) -> None:
    make.device("M1", count_size=Decimal("0.01"))
    at = "2026-03-01T08:00:00"
    answer = post(gateway, ("M1", at, 0.29), ("M9", at, 1), ("M1", "2026-03-01T08:15:00Z", "12.345"))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["taken"], body["rejected"], body["is_repeated"]) == (1, 2, False)
    assert [(one["index"], one["code"]) for one in body["rejections"]] == [
        (1, "unknown_meter"),
        (2, "not_whole"),
    ]
    assert all(one["message"] for one in body["rejections"])
    again = post(gateway, ("M1", at, 7))
    assert again.status_code == 200
    assert again.json() == body | {"is_repeated": True}
    found = last_reading(Device.objects.get())
    assert found is not None
    assert (found.value, found.at) == (Decimal("0.29"), datetime(2026, 3, 1, 8, tzinfo=make.SHANGHAI))
    assert post(gateway, ("M1", at, 8), source="other gateway").status_code == 201, "its own numbers"


@pytest.mark.parametrize(
    "body",
    [
        {"batch_id": "1", "readings": []},
        {"batch_id": "", "readings": [{"meter": "M1", "at": "2026-03-01", "value": 1}]},
        {"batch_id": "1", "readings": [{"meter": "M1", "at": "2026-03-01", "value": True}]},
        {"batch_id": "1", "readings": [{"meter": "M1", "value": 1}]},
        {"batch_id": "1", "readings": [{"meter": "M1", "at": "2026-03-01", "value": 1}] * 10_001},
    ],
    ids=["nothing", "no number", "no value", "no time", "too many"],
)
def test_a_request_that_is_none_is_refused_as_a_whole(gateway: Client, body: Any) -> None:
    make.device("M1")
    answer = gateway.post(URL, body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"
    assert not ReadingBatch.objects.exists()


def test_only_who_may_bring_readings_can() -> None:
    assert post(client("质检员"), ("M1", "2026-03-01", 1)).status_code == 403
    assert post(Client(), ("M1", "2026-03-01", 1)).status_code == 401


def test_a_batch_tells_the_customers_hook(gateway: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    fired: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(hooks, "is_wanted", lambda point: True)
    monkeypatch.setattr(hooks, "fire", lambda point, payload, event_id=None: fired.append((point, payload)))
    device = make.device("M1")
    post(gateway, ("M1", "2026-03-01 08:00", 1), ("M1", "2026-03-01 09:00", 2), ("M9", "2026-03-01", 1))
    post(gateway, ("M1", "2026-03-01 08:00", 1), batch_id="2")
    (point, payload), *more = fired
    assert not more, "a batch that changed nothing is nothing to tell"
    assert point == "on_energy_data_received"
    assert (payload["taken"], payload["rejected"], payload["way"]) == (2, 1, "api")
    assert [(one["device_id"], one["count"]) for one in payload["meters"]] == [(device.pk, 2)]
