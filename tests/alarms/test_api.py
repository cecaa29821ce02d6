"""Alarms over the API: what is open, taking on, closing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

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
    alarm, operator = _alarm(), _client("运维")
    assert operator.get(URL).status_code == 403
    assert operator.get(f"{URL}/{alarm.pk}").status_code == 403
    assert _post(operator, f"{alarm.pk}/acknowledge").status_code == 403
    alarm.refresh_from_db()
    assert alarm.status == "active"


def test_an_alarm_that_is_not_there_is_not_found(engineer: Client) -> None:
    assert engineer.get(f"{URL}/99").status_code == 404
    assert _post(engineer, "99/acknowledge").status_code == 404
