"""Messages over the API: asked for once, told where they stand, bounded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from notifications.choices import State
from notifications.models import DeliveryAttempt, Notification, NotificationConfig, Route, RouteStep
from tests import builders
from tests.notifications.conftest import ScriptedChannel

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


# --- events -----------------------------------------------------------------------------------

EVENTS = f"{URL}/events"


def _tell(client: Client, **fields: Any) -> Any:
    body = {"event": "plc.stop", "group": "IQC", "title": "停线", "content": "三号线"} | fields
    return client.post(EVENTS, body, content_type="application/json")


def test_an_event_is_told_by_the_routes_and_the_answer_names_every_message(
    sender: Client, channel: ScriptedChannel
) -> None:
    route = Route.objects.create(name="r", event="plc.*", supplier="*甲*")
    for position, group in enumerate(("IQC", "OQC")):
        RouteStep.objects.create(route=route, position=position, channel="wechat_bot", target=group)
    body = _tell(sender, supplier="供应商甲", priority=2, severity="critical").json()
    rows = Notification.objects.order_by("pk")
    assert [(row.target, row.event, row.priority) for row in rows] == [
        ("IQC", "plc.stop", 2),
        ("OQC", "plc.stop", 2),
    ]
    assert body["messages"] == [
        {"message_id": row.message_id, "status": "pending", "reason": ""} for row in rows
    ]
    assert rows[0].source.startswith("api:person")


def test_an_event_without_routes_goes_to_its_group_and_without_a_group_nowhere(sender: Client) -> None:
    _tell(sender)
    assert Notification.objects.get().target == "IQC"
    response = _tell(sender, group="")
    assert (response.status_code, response.json()["code"]) == (422, "no_route")


def test_values_of_an_event_lose_their_markup_in_text_and_template(sender: Client) -> None:
    _tell(sender, content="线 {line}", variables={"line": "<@all>"})
    meeting = {"meeting_title": "<@all>", "meeting_time": "9:00", "location": "二楼"}
    _tell(sender, template_name="meeting_reminder", variables=meeting)
    assert Notification.objects.count() == 2
    assert not Notification.objects.filter(content__contains="<@all>").exists()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"severity": "grave"}, "invalid"),
        ({"event": ""}, "invalid"),
        ({"event": " "}, "no_event"),
        ({"title": "", "content": ""}, "no_content"),
        ({"content": "{x}", "variables": {"y": "1"}}, "bad_template"),
        ({"expires_at": "2026-11-24T10:00:00"}, "invalid"),
    ],
)
def test_a_wrong_event_is_refused(sender: Client, fields: dict[str, Any], code: str) -> None:
    response = _tell(sender, **fields)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert not Notification.objects.exists()


def test_who_may_not_send_may_not_tell_events() -> None:
    assert _tell(_client("质量经理")).status_code == 403


def test_a_message_may_wait_and_may_expire(sender: Client) -> None:
    later, over = timezone.now() + timedelta(hours=1), timezone.now() - timedelta(seconds=1)
    _send(sender, not_before=later.isoformat(), expires_at=(later + timedelta(hours=1)).isoformat())
    row = Notification.objects.get()
    assert (row.next_at, row.expires_at) == (later, later + timedelta(hours=1))
    assert _send(sender, expires_at=over.isoformat()).json()["reason"] == "expired"


def test_the_sender_is_told_at_once_that_it_sends_too_much(sender: Client, channel: ScriptedChannel) -> None:
    NotificationConfig.objects.create(config_key="most_per_source_minute", config_value="2")
    answers = [_send(sender, target=f"T{number}").json() for number in range(3)]
    assert [(one["status"], one["reason"]) for one in answers] == [
        ("pending", ""),
        ("pending", ""),
        ("suppressed", "flooded"),
    ]
    assert _send(_client("通知管理员")).json()["status"] == "pending"


def test_an_urgent_message_of_a_program_is_limited_too(sender: Client) -> None:
    NotificationConfig.objects.create(config_key="most_per_source_minute", config_value="1")
    answers = [_tell(sender, priority=1, severity="critical").json() for _each in range(2)]
    assert answers[1]["messages"][0]["reason"] == "flooded"


def test_long_keys_that_differ_at_their_end_stay_apart(sender: Client) -> None:
    ids = {_send(sender, dedupe_key="k" * 159 + end).json()["message_id"] for end in "ab"}
    assert len(ids) == 2


# --- history ----------------------------------------------------------------------------------


def _history(client: Client, **query: Any) -> list[str]:
    response = client.get(URL, query)
    assert response.status_code == 200, response.content
    return [one["message_id"] for one in response.json()["items"]]


def test_the_history_is_found_by_event_target_text_and_time(sender: Client) -> None:
    old = builders.notification(message_id="old", event="quality.iqc.summary", target="OQC", content="内径")
    Notification.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    builders.notification(message_id="new", event="energy.quota", title="配额", source="plc", status="sent")
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    assert _history(sender) == ["new", "old"]
    assert _history(sender, event="quality.iqc.summary") == ["old"]
    assert _history(sender, event="quality.*") == ["old"]
    assert _history(sender, event="quality") == []
    assert _history(sender, target="OQC") == ["old"]
    assert _history(sender, text="内径") == ["old"]
    assert _history(sender, text="配额") == ["new"]
    assert _history(sender, since=yesterday) == ["new"]
    assert _history(sender, until=yesterday) == ["old"]
    assert _history(sender, status="sent") == ["new"]
    assert _history(sender, source="plc", channel="wechat_bot") == ["new"]
    assert _history(sender, correlation_id="none") == []


def test_the_history_comes_in_pages_without_a_gap_or_a_double(sender: Client) -> None:
    ids = [builders.notification().message_id for _each in range(7)]
    found: list[str] = []
    before: dict[str, Any] = {}
    while True:
        page = sender.get(URL, {"limit": 3, **before}).json()
        found += [one["message_id"] for one in page["items"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert found == ids[::-1]


def test_the_history_costs_one_query_beside_who_asks(sender: Client, django_assert_num_queries: Any) -> None:
    for _each in range(30):
        builders.notification()
    _history(sender)
    with django_assert_num_queries(4):
        assert len(_history(sender, limit=30)) == 30


def test_addresses_are_masked_for_who_may_not_see_them(sender: Client) -> None:
    row = builders.notification(target="13812345678", channel="sms")
    manager = _client("质量经理")
    assert manager.get(URL).json()["items"][0]["target"] == "138••••5678"
    assert manager.get(f"{URL}/{row.message_id}").json()["target"] == "138••••5678"
    assert sender.get(URL).json()["items"][0]["target"] == "13812345678"


def test_they_are_masked_in_what_servers_answered_too(sender: Client) -> None:
    answer = "550 <zhang.san@plant.example> unknown"
    row = builders.notification("dead", channel="email", error_message=answer)
    row.attempts.create(number=1, started_at=timezone.now(), outcome="dead", explanation=answer)
    for client, is_shown in ((_client("质量经理"), False), (sender, True)):
        for url in (URL, f"{URL}/{row.message_id}"):
            told = client.get(url).text
            assert "@plant.example" in told
            assert ("zhang.san@" in told) is is_shown


def test_who_may_not_see_the_log_gets_no_history() -> None:
    assert _client("质检员").get(URL).status_code == 403
