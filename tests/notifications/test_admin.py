"""Messages in the admin: previews, settings that are read as they are used, resending with care."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from notifications.choices import State
from notifications.models import Budget, Channel, Notification, NotificationConfig
from tests import builders

pytestmark = pytest.mark.django_db

LIST = "admin:notifications_notification_changelist"


@pytest.fixture(autouse=True)
def _robots(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "iqc-key", "OQC": "", "ENERGY": ""}


def _act(client: Client, action: str, *rows: Notification, **fields: Any) -> Any:
    data = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows]} | fields
    return client.post(reverse(LIST), data, follow=True)


# --- settings and channels ------------------------------------------------------------------


def test_a_setting_is_read_as_delivery_reads_it(keeper: Client) -> None:
    url = reverse("admin:notifications_notificationconfig_add")
    assert "max_retries" in keeper.get(url).text
    response = keeper.post(url, {"config_key": "max_retries", "config_value": "often"})
    assert "often" in response.text
    assert keeper.post(url, {"config_key": "no_such", "config_value": "1"}).status_code == 200
    assert not NotificationConfig.objects.exists()
    assert keeper.post(url, {"config_key": "max_retries", "config_value": "5"}).status_code == 302
    row = NotificationConfig.objects.get()
    change = reverse("admin:notifications_notificationconfig_change", args=[row.pk])
    assert keeper.post(change, {"config_value": "-1"}).status_code == 200
    assert keeper.post(change, {"config_value": "6"}).status_code == 302
    row.refresh_from_db()
    assert (row.config_key, row.config_value) == ("max_retries", "6")


def test_a_channel_is_switched_but_never_deleted(keeper: Client) -> None:
    channel = Channel.objects.get(code="wechat_bot")
    url = reverse("admin:notifications_channel_change", args=[channel.pk])
    data = {"priority": "1", "rate_limit": "18", "timeout_s": "8", "style": "plain", "overflow": "file"}
    assert keeper.post(url, data).status_code == 302
    channel.refresh_from_db()
    assert (channel.is_enabled, channel.rate_limit) == (False, 18)
    keeper.logout()
    keeper.force_login(builders.superuser())
    assert keeper.post(reverse("admin:notifications_channel_delete", args=[channel.pk])).status_code == 403


def test_a_mended_credential_is_trusted_again(keeper: Client) -> None:
    budget = Budget.objects.create(name="wechat_bot:x", is_dead=True, note="93000")
    page = keeper.get(reverse("admin:notifications_budget_change", args=[budget.pk])).text
    assert "action-mend" in page
    data = {"action": "mend", "index": "0", "_selected_action": budget.pk}
    keeper.post(reverse("admin:notifications_budget_changelist"), data)
    budget.refresh_from_db()
    assert not budget.is_dead
    page = keeper.get(reverse("admin:notifications_budget_change", args=[budget.pk])).text
    assert "action-mend" not in page


# --- resending and calling off --------------------------------------------------------------


@pytest.mark.parametrize("state", [State.DEAD, State.SUPPRESSED, State.CANCELLED])
def test_what_nobody_saw_is_resent_at_once(keeper: Client, state: str) -> None:
    row = builders.notification(state)
    page = _act(keeper, "resend", row)
    assert "已重新排队 1 条消息" in page.text
    again = row.resends.get()
    assert (again.status, again.content) == (State.PENDING, row.content)
    assert row.events.get().actor == page.wsgi_request.user


@pytest.mark.parametrize("state", [State.SENT, State.UNCERTAIN])
def test_what_was_or_may_have_been_seen_is_asked_about_first(keeper: Client, state: str) -> None:
    row = builders.notification(state)
    page = _act(keeper, "resend", row)
    assert "会看到两次" in page.text
    assert not row.resends.exists()
    page = _act(keeper, "resend", row, confirmed="yes")
    assert "已重新排队 1 条消息" in page.text
    assert row.resends.count() == 1


def test_what_still_waits_is_skipped_and_said_why(keeper: Client) -> None:
    waiting, dead = builders.notification(State.PENDING), builders.notification(State.DEAD)
    assert "条数：1" in _act(keeper, "resend", waiting, dead).text
    page = _act(keeper, "resend", waiting, dead, confirmed="yes").text
    assert "已重新排队 1 条消息" in page
    assert "跳过 1 条" in page
    assert "还在等待发送" in page


def test_calling_off_says_what_it_will_do_then_does_it(keeper: Client) -> None:
    pending, sent = builders.notification(State.PENDING), builders.notification(State.SENT)
    assert "将取消 2 条消息" in _act(keeper, "cancel", pending, sent).text
    page = _act(keeper, "cancel", pending, sent, confirmed="yes").text
    assert "已取消 1 条消息" in page
    assert "跳过 1 条" in page
    states = dict(Notification.objects.values_list("pk", "status"))
    assert states == {pending.pk: State.CANCELLED, sent.pk: State.SENT}


def test_who_may_only_read_the_log_finds_no_button_and_cannot_act(client: Client) -> None:
    client.force_login(builders.person("质量经理"))
    row = builders.notification(State.DEAD)
    url = reverse("admin:notifications_notification_change", args=[row.pk])
    assert "action-resend" not in client.get(url).text
    _act(client, "resend", row)
    assert not row.resends.exists()


def test_the_question_keeps_the_way_back_to_the_message(keeper: Client) -> None:
    row = builders.notification(State.SENT)
    page = _act(keeper, "resend", row, object_id=row.pk)
    assert f'name="object_id" value="{row.pk}"' in page.text
    page = _act(keeper, "resend", row, object_id=row.pk, confirmed="yes")
    assert page.redirect_chain[-1][0] == reverse("admin:notifications_notification_change", args=[row.pk])


def test_the_page_of_a_message_shows_it_as_it_was_sent(keeper: Client) -> None:
    payload = json.dumps({"msgtype": "markdown", "markdown": {"content": "**粗**"}}, ensure_ascii=False)
    row = builders.notification(State.SENT, payload=payload)
    page = keeper.get(reverse("admin:notifications_notification_change", args=[row.pk])).text
    assert "<strong>粗</strong>" in page
    assert f"{len('**粗**'.encode())} 字节" in page


def test_each_act_asks_for_its_own_permission(client: Client) -> None:
    user = builders.person()
    allowed = Permission.objects.filter(codename__in=["view_notification", "resend_notification"])
    user.user_permissions.set(allowed)
    client.force_login(user)
    row = builders.notification(State.DEAD)
    assert "已重新排队 1 条消息" in _act(client, "resend", row).text
    waiting = builders.notification(State.PENDING)
    _act(client, "cancel", waiting, confirmed="yes")
    waiting.refresh_from_db()
    assert waiting.status == State.PENDING
