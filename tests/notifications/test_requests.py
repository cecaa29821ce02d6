from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from notifications.channels import base
from notifications.choices import Reason, State
from notifications.models import Channel, Notification, NotificationConfig, NotificationTemplate
from notifications.routing import Way
from notifications.services import (
    get_notification_status,
    send_notification,
    send_template_notification,
)
from spc_site.errors import AppError
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db


def test_a_request_is_one_pending_row_with_its_payload(channel: ScriptedChannel) -> None:
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC", 2)
    row = Notification.objects.get()
    assert (row.message_id, row.status, row.payload) == (message_id, State.PENDING, "内容")
    assert (row.target, row.priority, row.retry_count, row.max_retries) == ("IQC", 2, 0, 3)
    assert channel.delivered == []


def test_a_row_goes_with_the_transaction_of_its_event(channel: ScriptedChannel) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        send_notification("标题", "内容", "wechat_bot", "IQC")
        raise RuntimeError
    assert not Notification.objects.exists()


def test_variables_are_user_text_in_title_and_content(channel: ScriptedChannel) -> None:
    send_notification("{who}", "{who} 你好", "wechat_bot", "IQC", template_vars={"who": "<@all>"})
    row = Notification.objects.get()
    assert "<@all>" not in row.title + row.content


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"channel": "pigeon"}, "bad_channel"),
        ({"priority": 0}, "bad_priority"),
        ({"priority": 6}, "bad_priority"),
        ({"priority": True}, "bad_priority"),
        ({"target": "  "}, "no_target"),
        ({"title": "", "content": " "}, "no_content"),
        ({"content": "{x}", "template_vars": {}}, "bad_template"),
    ],
)
def test_a_wrong_request_is_refused_and_leaves_nothing(
    channel: ScriptedChannel, change: dict[str, object], code: str
) -> None:
    request: dict[str, object] = {
        "title": "标题",
        "content": "内容",
        "channel": "wechat_bot",
        "target": "IQC",
    }
    with pytest.raises(AppError) as caught:
        send_notification(**(request | change))  # type: ignore[arg-type]
    assert caught.value.code == code
    assert not Notification.objects.exists()


def test_the_same_dedupe_key_is_one_message(channel: ScriptedChannel) -> None:
    first = send_notification("标题", "内容", "wechat_bot", "IQC", dedupe_key="k")
    second = send_notification("标题", "别的", "wechat_bot", "IQC", dedupe_key="k")
    assert first == second
    assert Notification.objects.count() == 1


def test_a_long_text_becomes_parts_of_one_story(channel: ScriptedChannel) -> None:
    first = send_notification("标题", "一\f二\f三", "wechat_bot", "IQC", dedupe_key="k")
    rows = Notification.objects.order_by("part_no")
    assert [(row.part_no, row.part_count, row.payload) for row in rows] == [
        (1, 3, "一"),
        (2, 3, "二"),
        (3, 3, "三"),
    ]
    assert rows[0].message_id == first
    assert len({row.correlation_id for row in rows}) == 1


def test_without_any_robot_the_message_is_kept_as_not_sent(
    channel: ScriptedChannel, caplog: pytest.LogCaptureFixture
) -> None:
    channel.is_configured = False
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC")
    status = get_notification_status(message_id)
    assert (status["status"], status["reason"]) == (State.SUPPRESSED, Reason.NO_ROBOT)
    assert "not sent" in caplog.text


def test_a_channel_without_driver_and_a_disabled_one_hold_their_messages(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(base._REGISTRY, "sms")
    sms = send_notification("标题", "内容", "sms", "138")
    assert get_notification_status(sms)["reason"] == Reason.NO_DRIVER
    Channel.objects.filter(code="wechat_bot").update(is_enabled=False)
    bot = send_notification("标题", "内容", "wechat_bot", "IQC")
    assert get_notification_status(bot)["status"] == State.HELD


def test_urgent_ones_are_due_before_others(channel: ScriptedChannel) -> None:
    for priority in (5, 3, 1):
        send_notification(f"P{priority}", "内容", "wechat_bot", "IQC", priority)
    assert [row.priority for row in Notification.objects.order_by("due_at")] == [1, 3, 5]


def test_not_before_puts_the_time_off(channel: ScriptedChannel) -> None:
    later = timezone.now() + timedelta(hours=1)
    send_notification("标题", "内容", "wechat_bot", "IQC", not_before=later)
    assert Notification.objects.get().next_at == later


def test_a_configuration_row_stands_over_the_environment(channel: ScriptedChannel) -> None:
    NotificationConfig.objects.create(config_key="max_retries", config_value="7")
    send_notification("标题", "内容", "wechat_bot", "IQC")
    assert Notification.objects.get().max_retries == 7


def test_a_shipped_template_renders_its_row(channel: ScriptedChannel) -> None:
    send_template_notification(
        "meeting_reminder",
        "IQC",
        {"meeting_title": "周会", "meeting_time": "周一", "location": "二楼"},
    )
    row = Notification.objects.get()
    assert (row.title, row.content) == ("会议提醒", "会议：周会\n时间：周一\n地点：二楼")


def test_a_deleted_template_falls_back_to_the_shipped_one(channel: ScriptedChannel) -> None:
    NotificationTemplate.objects.all().delete()
    send_template_notification(
        "meeting_reminder", "IQC", {"meeting_title": "周会", "meeting_time": "周一", "location": "二楼"}
    )
    assert Notification.objects.get().status == State.PENDING


def test_an_unknown_template_is_refused(channel: ScriptedChannel) -> None:
    with pytest.raises(AppError) as caught:
        send_template_notification("nothing", "IQC", {})
    assert caught.value.code == "no_template"


def test_a_broken_template_makes_a_dead_letter_that_keeps_its_variables(channel: ScriptedChannel) -> None:
    NotificationTemplate.objects.filter(template_name="meeting_reminder").update(
        content_template="{meeting_title} {typo}"
    )
    message_id = send_template_notification("meeting_reminder", "IQC", {"meeting_title": "周会"})
    row = Notification.objects.get(message_id=message_id)
    assert (row.status, row.reason) == (State.DEAD, Reason.BAD_TEMPLATE)
    assert "{typo}" in row.error_message
    assert row.variables == {"meeting_title": "周会"}


def test_status_of_an_unknown_message_is_an_error() -> None:
    with pytest.raises(AppError) as caught:
        get_notification_status("nobody")
    assert caught.value.code == "no_message"


def test_nul_characters_are_dropped_wherever_a_request_brings_them(channel: ScriptedChannel) -> None:
    """PostgreSQL refuses them in every text and in JSON; nobody can see them."""
    asked = {
        "source": "M\x00ES",
        "link": "https://qms.example/\x00IQC/1",
        "subject": "批\x00次 7",
        "event": "oqc\x00.reject",
        "dedupe_key": "批次\x007",
        "correlation_id": "st\x00ory",
        "fallbacks": [Way("wechat_bot", "O\x00QC")],
    }
    message_id = send_notification("标\x00题", "内\x00容", "wechat_bot", "I\x00QC", **asked)  # type: ignore[arg-type]
    row = Notification.objects.get(message_id=message_id)
    assert (row.title, row.content, row.payload, row.target) == ("标题", "内容", "内容", "IQC")
    assert (row.source, row.subject, row.event) == ("MES", "批次 7", "oqc.reject")
    assert (row.link, row.dedupe_key, row.correlation_id) == ("https://qms.example/IQC/1", "批次7", "story")
    assert row.fallbacks == [{"channel": "wechat_bot", "target": "OQC"}]
    assert send_notification("标题", "内容", "wechat_bot", "IQC", dedupe_key="批\x00次7") == message_id


def test_nul_characters_are_dropped_from_the_values_of_a_template(channel: ScriptedChannel) -> None:
    NotificationTemplate.objects.create(
        template_name="lots", channel="wechat_bot", title_template="批次", content_template="{lot}：{missing}"
    )
    values = {"lot": "7\x008", "lines": ["一\x00", "\x00二"]}
    message_id = send_template_notification("lots", "IQC", values)
    assert "\x00" not in repr(Notification.objects.get(message_id=message_id).variables)
    assert "\\x00" not in repr(Notification.objects.get(message_id=message_id).variables)


def test_a_message_of_nul_characters_says_nothing(channel: ScriptedChannel) -> None:
    with pytest.raises(AppError, match="没有内容"):
        send_notification("", "\x00 \x00", "wechat_bot", "IQC")
