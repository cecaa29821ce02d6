"""Alarms over the API: what is open, taking on, closing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from alarms.models import Alarm
from alarms.services import AlarmRequest, raise_alarm
from tests import builders

pytestmark = pytest.mark.django_db

URL = "/api/v1/alarms"


def _client(*roles: str) -> Client:
    _token, raw = accounts.issue_token(builders.person(*roles, username="caller"), name="test")
    return Client(headers={"Authorization": f"Bearer {raw}"}, enforce_csrf_checks=True)


@pytest.fixture
def engineer() -> Client:
    return _client("质量工程师")


def _alarm(key: str = "k", **fields: Any) -> Alarm:
    return raise_alarm(AlarmRequest(key=key, source="quality.IQC", title=f"内径 {key}", **fields)).alarm


def _post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"{URL}/{path}", body, content_type="application/json")


def test_an_alarm_goes_from_open_to_closed(engineer: Client) -> None:
    alarm = _alarm()
    body = engineer.get(URL).json()
    assert [item["status"] for item in body["items"]] == ["active"]
    body = _post(engineer, f"{alarm.pk}/acknowledge").json()
    assert (body["status"], body["owner"]) == ("acknowledged", "caller")
    body = _post(engineer, f"{alarm.pk}/resolve", cause="磨损", action="换刀").json()
    assert (body["status"], body["cause"], body["action"]) == ("resolved", "磨损", "换刀")
    assert [event["kind"] for event in body["events"]] == ["raised", "acknowledged", "explained", "resolved"]
    assert body["events"][-1]["actor"] == "caller"
    assert engineer.get(URL).json()["items"] == []
    assert len(engineer.get(URL, {"which": "all"}).json()["items"]) == 1


def test_acting_twice_is_a_conflict_and_closing_needs_a_cause(engineer: Client) -> None:
    alarm = _alarm()
    assert _post(engineer, f"{alarm.pk}/acknowledge").status_code == 200
    assert _post(engineer, f"{alarm.pk}/acknowledge").status_code == 409
    response = _post(engineer, f"{alarm.pk}/resolve")
    assert (response.status_code, response.json()["code"]) == (422, "cause_missing")
    assert _post(engineer, f"{alarm.pk}/resolve", cause="磨损").status_code == 200
    assert _post(engineer, f"{alarm.pk}/resolve", cause="磨损").status_code == 409


def test_alarms_are_narrowed_and_come_page_by_page(engineer: Client) -> None:
    made = [_alarm(f"k{number}").pk for number in range(3)]
    critical = _alarm("worst", severity="critical")
    body = engineer.get(URL, {"severity": "critical"}).json()
    assert [item["id"] for item in body["items"]] == [critical.pk]
    assert engineer.get(URL, {"source": "energy"}).json()["items"] == []
    first = engineer.get(URL, {"limit": 2}).json()
    rest = engineer.get(URL, {"limit": 2, "before": first["next"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [critical.pk, *reversed(made)]
    assert rest["next"] is None


def test_who_may_not_see_alarms_learns_nothing_of_them() -> None:
    alarm, clerk = _alarm(), _client("合同管理员")
    assert clerk.get(URL).status_code == 403
    assert clerk.get(f"{URL}/{alarm.pk}").status_code == 403
    assert _post(clerk, f"{alarm.pk}/acknowledge").status_code == 403
    alarm.refresh_from_db()
    assert alarm.status == "active"


def test_an_alarm_that_is_not_there_is_not_found(engineer: Client) -> None:
    assert engineer.get(f"{URL}/99").status_code == 404
    assert _post(engineer, "99/acknowledge").status_code == 404


def test_an_alarm_is_explained_and_silenced_and_the_silence_ends_early(engineer: Client) -> None:
    alarm = _alarm()
    body = _post(engineer, f"{alarm.pk}/explain", cause="磨损", action="换刀").json()
    assert (body["status"], body["cause"], body["level"]) == ("active", "磨损", 0)
    assert _post(engineer, f"{alarm.pk}/explain", cause=" ").status_code == 422
    made = _post(engineer, f"{alarm.pk}/silence", hours=2, reason="试模")
    assert (made.status_code, made.json()["matchers"]) == (201, f"key={alarm.key}")
    (listed,) = engineer.get(URL, {"which": "silenced"}).json()["items"]
    assert (listed["id"], listed["withheld"]) == (alarm.pk, "silenced")
    (silence,) = engineer.get(f"{URL}/silences").json()
    assert (silence["author"], silence["reason"]) == ("caller", "试模")
    assert _post(engineer, f"silences/{silence['id']}/end").status_code == 200
    assert _post(engineer, f"silences/{silence['id']}/end").status_code == 409
    assert engineer.get(URL, {"which": "silenced"}).json()["items"] == []


def test_a_silence_of_many_is_set_by_its_conditions(engineer: Client) -> None:
    asked = {"matchers": "source=energy\nmeter!=M1", "reason": "检修", "ends_at": "2099-01-01T00:00:00+08:00"}
    answer = _post(engineer, "silences", **asked)
    assert (answer.status_code, "90" in answer.json()["message"]) == (422, True)
    soon = (timezone.now() + timedelta(hours=3)).isoformat()
    assert _post(engineer, "silences", **asked | {"ends_at": soon}).status_code == 201
    for wrong in ("nonsense", " "):
        answer = _post(engineer, "silences", **asked | {"ends_at": soon, "matchers": wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_matchers")
    naive = _post(engineer, "silences", **asked | {"ends_at": "2026-11-20T10:00:00"})
    assert naive.status_code == 422, "a time without a zone means nothing to a program"


def test_a_work_order_goes_from_its_alarm_to_its_end(engineer: Client) -> None:
    alarm = _alarm()
    asked = {"title": "换刀", "alarm_id": alarm.pk, "steps": ["停机", "换刀"], "owner": "caller"}
    order = _post(engineer, "work-orders", **asked).json()
    assert (order["status"], order["owner"], order["alarm_id"]) == ("open", "caller", alarm.pk)
    assert _post(engineer, "work-orders", **asked).status_code == 409
    assert _post(engineer, "work-orders", title="x", owner="nobody").json()["code"] == "no_owner"
    address = f"work-orders/{order['id']}"
    assert _post(engineer, f"{address}/complete").json()["code"] == "steps_left"
    for step in order["steps"]:
        assert _post(engineer, f"{address}/steps/{step['id']}").status_code == 200
    assert _post(engineer, f"{address}/complete", note="好了").json()["effect"] == "waiting"
    assert engineer.get(f"{URL}/work-orders", {"status": "open"}).json()["items"] == []
    assert engineer.get(f"{URL}/{address}").json()["note"] == "好了"
    assert engineer.get(f"{URL}/work-orders/99").status_code == 404
