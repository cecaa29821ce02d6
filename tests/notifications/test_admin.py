"""Messages in the admin: previews, settings that are read as they are used, resending with care."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from notifications.choices import State
from notifications.models import Budget, Channel, Notification, NotificationConfig, NotificationTemplate
from tests import builders

pytestmark = pytest.mark.django_db

PREVIEW = "admin:notifications_notificationtemplate_preview"
LIST = "admin:notifications_notification_changelist"


@pytest.fixture(autouse=True)
def _robots(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "iqc-key", "OQC": "", "ENERGY": ""}


@pytest.fixture
def keeper(client: Client) -> Client:
    """The notification administrator at work."""
    client.force_login(builders.person("通知管理员"))
    return client


def _act(client: Client, action: str, *rows: Notification, **fields: Any) -> Any:
    data = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows]} | fields
    return client.post(reverse(LIST), data, follow=True)


# --- templates ------------------------------------------------------------------------------


def _template(**fields: Any) -> dict[str, Any]:
    return {
        "template_name": "line_stop",
        "label": "停线",
        "channel": "wechat_bot",
        "title_template": "停线 {line}",
        "content_template": "### 停线\n> {line} **已停**",
        "variables": json.dumps({"line": "三号线"}),
        "language": "zh-hans",
    } | fields


def test_the_form_shows_the_message_as_wecom_does_with_its_bytes(keeper: Client) -> None:
    template = NotificationTemplate.objects.create(**_template(variables={"line": "三号线"}))
    page = keeper.get(reverse("admin:notifications_notificationtemplate_change", args=[template.pk])).text
    assert '<blockquote class="md-quote">' in page
    assert "<strong>已停</strong>" in page
    size = len("### 停线\n> 三号线 **已停**".encode())
    assert f"{size} / 4096 字节" in page


def test_the_preview_follows_what_is_typed_and_saves_nothing(keeper: Client) -> None:
    response = keeper.post(reverse(PREVIEW), _template(content_template="你好 {line}"))
    assert "你好 三号线" in response.text
    assert not NotificationTemplate.objects.filter(template_name="line_stop").exists()


def test_values_cannot_bring_markup_into_the_preview(keeper: Client) -> None:
    evil = json.dumps({"line": "<script>alert(1)</script> [x](http://evil)"})
    response = keeper.post(reverse(PREVIEW), _template(variables=evil))
    assert "<script" not in response.text
    assert "href" not in response.text


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"content_template": "{nobody}"}, "{nobody} 没有值"),
        ({"content_template": "a } b"}, "没有配对"),
        ({"variables": "{"}, "JSON"),
    ],
)
def test_the_preview_names_what_is_wrong(keeper: Client, fields: dict[str, str], complaint: str) -> None:
    assert complaint in keeper.post(reverse(PREVIEW), _template(**fields)).text


def test_a_long_template_is_previewed_in_the_parts_that_will_be_sent(keeper: Client) -> None:
    text = "\n".join(f"- 第 {number} 行 {'长' * 60}" for number in range(60))
    response = keeper.post(reverse(PREVIEW), _template(content_template=text))
    assert response.text.count('class="bubble"') == 3


def test_the_preview_is_for_those_who_see_templates(client: Client) -> None:
    client.force_login(builders.person("质检员"))
    assert client.post(reverse(PREVIEW), _template()).status_code == 403


def test_a_template_that_its_samples_cannot_fill_is_refused(keeper: Client) -> None:
    url = reverse("admin:notifications_notificationtemplate_add")
    response = keeper.post(url, _template(content_template="{nobody}"))
    assert "{nobody} 不在变量表里" in response.text
    assert "示例值" in keeper.post(url, _template(variables='["line"]')).text
    assert not NotificationTemplate.objects.filter(template_name="line_stop").exists()
    assert keeper.post(url, _template()).status_code == 302
    assert NotificationTemplate.objects.get(template_name="line_stop").variables == {
        "line": {"type": "text", "sample": "三号线"}
    }


def test_the_name_that_code_sends_by_cannot_be_changed(keeper: Client) -> None:
    row = NotificationTemplate.objects.get(template_name="iqc_summary", language="zh-hans")
    url = reverse("admin:notifications_notificationtemplate_change", args=[row.pk])
    data = _template(variables=json.dumps({"line": "x"}))
    assert keeper.post(url, data).status_code == 302
    row.refresh_from_db()
    assert (row.template_name, row.label) == ("iqc_summary", "停线")


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
    data = {"priority": "1", "rate_limit": "18", "timeout_s": "8"}
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
    page = _act(keeper, "resend", waiting, dead).text
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
