"""Messages over the API: asked for once, told where they stand, bounded."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts import services as accounts
from notifications.choices import State
from notifications.models import DeliveryAttempt, Notification
from tests import builders

pytestmark = pytest.mark.django_db

URL = "/api/v1/notifications"


@pytest.fixture(autouse=True)
def _clean(settings: Any) -> None:
    cache.clear()
    settings.WEBHOOK_KEYS = {"IQC": "iqc-key", "OQC": "", "ENERGY": ""}


def _client(*roles: str) -> Client:
    _token, raw = accounts.issue_token(builders.person(*roles), name="test")
    return Client(headers={"Authorization": f"Bearer {raw}"}, enforce_csrf_checks=True)


@pytest.fixture
def sender() -> Client:
    return _client("通知管理员")


def _send(client: Client, url: str = URL, **fields: Any) -> Any:
    body = {"title": "停线", "content": "三号线", "channel": "wechat_bot", "target": "IQC"} | fields
    return client.post(url, body, content_type="application/json")


def test_a_message_is_queued_and_its_state_can_be_asked(sender: Client) -> None:
    response = _send(sender, priority=2)
    assert response.status_code == 202
    message_id = response.json()["message_id"]
    row = Notification.objects.get(message_id=message_id)
    assert (row.status, row.priority, row.event) == (State.PENDING, 2, "api")
    DeliveryAttempt.objects.create(notification=row, number=1, started_at=row.created_at, outcome="retry")
    body = sender.get(f"{URL}/{message_id}").json()
    assert (body["status"], body["target"], body["attempts"][0]["outcome"]) == ("pending", "IQC", "retry")


def test_placeholders_are_filled_and_values_lose_their_markup(sender: Client) -> None:
    _send(sender, content="线 {line}", template_vars={"line": "<@all>"})
    assert "<@all>" not in Notification.objects.get().content


def test_a_key_sends_one_message_per_caller(sender: Client) -> None:
    ids = [_send(sender, dedupe_key="stop-1").json()["message_id"] for _twice in range(2)]
    assert ids[0] == ids[1]
    assert _send(_client("通知管理员"), dedupe_key="stop-1").json()["message_id"] != ids[0]
    assert Notification.objects.count() == 2


def test_a_caller_cannot_take_a_key_of_the_system(sender: Client) -> None:
    own = builders.notification(dedupe_key="quality.IQC.entry:1.r1.e1.v2")
    assert _send(sender, dedupe_key=own.dedupe_key).json()["message_id"] != own.message_id


def test_a_template_is_filled(sender: Client) -> None:
    body = {
        "template_name": "meeting_reminder",
        "target": "IQC",
        "variables": {"meeting_title": "周会", "meeting_time": "9:00", "location": "二楼"},
    }
    response = sender.post(f"{URL}/from-template", body, content_type="application/json")
    assert response.status_code == 202
    assert "周会" in Notification.objects.get().content
    response = sender.post(
        f"{URL}/from-template", body | {"template_name": "none"}, content_type="application/json"
    )
    assert (response.status_code, response.json()["code"]) == (422, "no_template")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"channel": "pigeon"}, "channel"),
        ({"priority": 0}, "priority"),
        ({"priority": 6}, "priority"),
        ({"target": ""}, "target"),
        ({"title": "长" * 256}, "title"),
        ({"content": "长" * 20_001}, "content"),
    ],
)
def test_what_is_out_of_bounds_is_named(sender: Client, fields: dict[str, Any], where: str) -> None:
    response = _send(sender, **fields)
    assert response.status_code == 422
    assert response.json()["where"].endswith(where)
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"content": "{line}", "template_vars": {}}, "bad_template"),
        ({"target": "  "}, "no_target"),
        ({"title": " ", "content": " "}, "no_content"),
    ],
)
def test_what_the_service_refuses_is_told_in_its_words(
    sender: Client, fields: dict[str, Any], code: str
) -> None:
    response = _send(sender, **fields)
    assert (response.status_code, response.json()["code"]) == (422, code)


def test_who_may_read_the_log_may_not_send() -> None:
    manager = _client("质量经理")
    assert _send(manager).status_code == 403
    row = builders.notification()
    assert manager.get(f"{URL}/{row.message_id}").status_code == 200
    assert manager.get(f"{URL}/nothing").status_code == 404


def test_a_caller_that_runs_wild_is_stopped_alone(sender: Client) -> None:
    statuses = [_send(sender, dedupe_key="same").status_code for _each in range(61)]
    assert statuses == [202] * 60 + [429]
    response = _send(sender)
    assert response.json()["code"] == "too_fast"
    assert int(response.headers["Retry-After"]) >= 1
    assert _send(_client("通知管理员")).status_code == 202
