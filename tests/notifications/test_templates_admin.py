"""Templates in the admin: the form beside its preview, versions, the shipped text, a test send."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from notifications.channels import Result
from notifications.choices import State
from notifications.models import Notification, NotificationTemplate
from notifications.policy import Decision
from notifications.services import deliver_due, send_template_notification, templates
from tests import builders
from tests.notifications.conftest import ScriptedChannel
from wecom.sandbox import SandboxServer

pytestmark = pytest.mark.django_db

PREVIEW = "admin:notifications_notificationtemplate_preview"
LIST = "admin:notifications_notificationtemplate_changelist"
ADD = "admin:notifications_notificationtemplate_add"


@pytest.fixture(autouse=True)
def _robots(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "iqc-key", "OQC": "", "ENERGY": ""}


def _row(language: str = "zh-hans", name: str = "meeting_reminder") -> NotificationTemplate:
    return NotificationTemplate.objects.get(template_name=name, language=language)


def _url(row: NotificationTemplate, page: str = "change", *more: object) -> str:
    return reverse(f"admin:notifications_notificationtemplate_{page}", args=[row.pk, *more])


def _form(variables: list[tuple[str, str, str]] | None = None, **fields: Any) -> dict[str, Any]:
    """What the form of a template posts: the variables as rows, two of them blank."""
    rows = [("line", "text", "三号线")] if variables is None else variables
    columns = zip(*rows, ("", "text", ""), ("", "text", ""), strict=True)
    names, types, samples = (list(column) for column in columns)
    return {
        "template_name": "line_stop",
        "language": "zh-hans",
        "label": "停线",
        "channel": "wechat_bot",
        "title_template": "停线 {line}",
        "content_template": "### 停线\r\n> {line} **已停**",
        "variables-name": names,
        "variables-type": types,
        "variables-sample": samples,
        "note": "",
    } | fields


def _act(client: Client, action: str, *rows: NotificationTemplate, **fields: Any) -> Any:
    data = {"action": action, "index": "0", "_selected_action": [row.pk for row in rows]} | fields
    return client.post(reverse(LIST), data, follow=True)


def _editor() -> User:
    """Somebody who may write templates and nothing else."""
    user = builders.person()
    allowed = builders.permissions("view_notificationtemplate", "change_notificationtemplate")
    user.user_permissions.add(*allowed)
    return user


def _text(response: Any) -> str:
    """Return the words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


# --- saving ---------------------------------------------------------------------------------


def test_a_template_is_saved_with_its_variables_and_becomes_a_version(keeper: Client) -> None:
    rows = [
        ("line", "text", "三号线"),
        ("items", "lines", "- 一\r\n- 二"),
        ("url", "link", "http://plant.example/1"),
    ]
    content = "### {line}\r\n{items}\r\n[看]({url})"
    response = keeper.post(
        reverse(ADD), _form(rows, content_template=content, note="新建", with_picture="on")
    )
    assert response.status_code == 302
    row = _row(name="line_stop")
    assert row.content_template == "### {line}\n{items}\n[看]({url})"
    assert row.variables["items"] == {"type": "lines", "sample": "- 一\n- 二"}
    assert row.with_picture
    version = row.versions.get()
    assert (version.number, version.author, version.note) == (1, response.wsgi_request.user, "新建")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"content_template": "好\n{nobody}"}, "第 2 行：{nobody} 不在变量表里"),
        ({"title_template": "a } b"}, "} 没有配对"),
        ({"variables": [("line", "number", "三")]}, "line：示例“三”不是数"),
        ({"variables": [("line", "text", "a"), ("line", "text", "b")]}, "变量写了两次：line"),
        ({"variables": [("line", "colour", "a")]}, "没有这种类型的变量：line"),
        ({"variables": [("li-ne", "text", "a")]}, "li-ne 不是变量名"),
        ({"content_template": "[x](http://{line}/)"}, "{line} 不能决定链接的主机"),
        ({"template_name": "iqc_summary"}, "这个模板已经有这种语言的文字"),
    ],
)
def test_a_template_that_its_samples_cannot_fill_is_refused_with_the_place(
    keeper: Client, fields: dict[str, Any], complaint: str
) -> None:
    response = keeper.post(reverse(ADD), _form(fields.pop("variables", None), **fields))
    assert complaint in _text(response)
    assert not NotificationTemplate.objects.filter(label="停线").exists()


def test_what_was_typed_stays_in_a_form_that_was_refused(keeper: Client) -> None:
    page = keeper.post(reverse(ADD), _form([("line", "time", "周一")])).text
    assert 'value="line"' in page
    assert '<option value="time" selected>' in page
    assert "\n周一</textarea>" in page


def test_the_name_that_code_sends_by_and_the_language_cannot_be_changed(keeper: Client) -> None:
    row = _row(name="iqc_summary")
    assert keeper.post(_url(row), _form(base_version=row.version)).status_code == 302
    row.refresh_from_db()
    assert (row.template_name, row.language, row.label, row.version) == ("iqc_summary", "zh-hans", "停线", 2)


def test_a_form_opened_before_somebody_elses_save_is_refused(keeper: Client) -> None:
    row = _row()
    assert f'name="base_version" value="{row.version}"' in keeper.get(_url(row)).text
    row.title_template = "先到"
    templates.save_template(row)
    response = keeper.post(_url(row), _form(base_version=1))
    assert "有人在此期间保存了第 2 版" in response.text
    assert _row().title_template == "先到"


# --- preview --------------------------------------------------------------------------------


def test_the_form_shows_the_message_as_wecom_does_with_its_bytes(keeper: Client) -> None:
    keeper.post(reverse(ADD), _form())
    page = keeper.get(_url(_row(name="line_stop")))
    assert '<blockquote class="md-quote">' in page.text
    assert "<strong>已停</strong>" in page.text
    size = len("### 停线\n> 三号线 **已停**".encode())
    assert f"1 条消息 · {size} / 4096 字节" in _text(page)


def test_the_preview_follows_what_is_typed_and_saves_nothing(keeper: Client) -> None:
    response = keeper.post(reverse(PREVIEW), _form(content_template="你好 {line}"))
    assert "你好 三号线" in response.text
    assert not NotificationTemplate.objects.filter(template_name="line_stop").exists()


def test_without_script_a_button_shows_the_preview_and_saves_nothing(keeper: Client) -> None:
    row = _row()
    data = _form(content_template="你好 {line}", base_version=row.version, _preview="1")
    page = keeper.post(_url(row), data)
    assert "这只是预览，还没有保存" in page.text
    assert '<div class="md-line">你好 三号线</div>' in page.text
    assert "你好 {line}</textarea>" in page.text
    assert "errorlist" not in page.text
    assert _row().version == 1


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        ("wechat_bot.markdown", "<strong>急</strong>"),
        ("wechat_bot.plain", "急 三号线"),
        ("wechat_api.markdown", "/ 2048 "),
        ("wechat_api.plain", "急 三号线"),
        ("email", '<p class="subject"><span>主题</span> 停线 三号线</p>'),
        ("sms", "急 三号线"),
    ],
)
def test_each_channel_and_style_is_shown_in_its_own_way(keeper: Client, look: str, expected: str) -> None:
    data = _form(content_template="### 停线\n**急** {line}", preview_look=look)
    page = keeper.post(reverse(PREVIEW), data).text
    assert expected in page
    assert ("<strong>急" in page) == (look in {"wechat_bot.markdown", "wechat_api.markdown", "email"})


def test_a_long_template_is_previewed_in_the_parts_that_will_be_sent(keeper: Client) -> None:
    text = "\n".join(f"第 {number} 行 {'长' * 60}" for number in range(60))
    page = keeper.post(reverse(PREVIEW), _form(content_template=text))
    assert page.text.count('class="bubble"') == 3
    assert "超过 4096 字节，将分成 3 条" in page.text
    plain = keeper.post(reverse(PREVIEW), _form(content_template=text, preview_look="wechat_bot.plain"))
    assert plain.text.count('class="bubble"') == 6


def test_values_cannot_bring_markup_into_the_preview(keeper: Client) -> None:
    evil = [("line", "text", "<script>alert(1)</script> [x](http://evil)")]
    for look in ("wechat_bot.markdown", "wechat_bot.plain", "email", "sms"):
        page = keeper.post(reverse(PREVIEW), _form(evil, preview_look=look)).text
        assert "<script" not in page
        assert "href" not in page


def test_a_recent_event_lends_its_real_values(keeper: Client, channel: ScriptedChannel) -> None:
    values = {"meeting_title": "安全例会", "meeting_time": "周五", "location": "食堂"}
    message_id = send_template_notification("meeting_reminder", "IQC", values, subject="meeting:7")
    event = Notification.objects.get(message_id=message_id)
    assert "meeting:7" in keeper.get(_url(_row())).text
    rows = [("meeting_title", "text", "样例")]
    data = _form(
        rows, title_template="会", content_template="**{meeting_title}**", preview_event=str(event.pk)
    )
    assert "安全例会" in keeper.post(reverse(PREVIEW), data).text
    assert "样例" in keeper.post(reverse(PREVIEW), data | {"preview_event": ""}).text
    data |= {"content_template": "{meeting_title} {room}"} | {"variables-name": ["meeting_title", "room", ""]}
    assert "{room} 没有值" in keeper.post(reverse(PREVIEW), data).text


def test_real_values_are_for_those_who_see_messages(client: Client, channel: ScriptedChannel) -> None:
    values = {"meeting_title": "安全例会", "meeting_time": "周五", "location": "食堂"}
    message_id = send_template_notification("meeting_reminder", "IQC", values, subject="meeting:7")
    event = Notification.objects.get(message_id=message_id)
    client.force_login(_editor())
    assert "meeting:7" not in client.get(_url(_row())).text
    data = _form([("meeting_title", "text", "样例")], preview_event=str(event.pk))
    assert (
        "安全例会" not in client.post(reverse(PREVIEW), data | {"content_template": "{meeting_title}"}).text
    )


def test_the_preview_is_for_those_who_see_templates(client: Client) -> None:
    client.force_login(builders.person("质检员"))
    assert client.post(reverse(PREVIEW), _form()).status_code == 403


# --- versions -------------------------------------------------------------------------------


def test_versions_are_listed_with_what_each_changed_and_can_be_restored(keeper: Client) -> None:
    row = _row()
    row.content_template = "会议：{meeting_title}\n地点：{location}"
    templates.save_template(row, note="不要时间")
    page = keeper.get(_url(row, "history")).text
    assert "<del>时间：{meeting_time}</del>" in page
    assert "不要时间" in page
    assert page.count("恢复这一版") == 1
    response = keeper.post(_url(row, "restore", 1), follow=True)
    assert "已恢复第 1 版" in response.text
    assert "时间：{meeting_time}" in _row().content_template
    assert _row().version == 3
    assert "没有第 9 版" in keeper.post(_url(row, "restore", 9), follow=True).text
    assert keeper.get(_url(row, "restore", 1)).status_code == 405


def test_who_may_only_look_restores_nothing(client: Client) -> None:
    user = builders.person()
    user.user_permissions.add(*builders.permissions("view_notificationtemplate"))
    client.force_login(user)
    row = _row()
    assert "恢复这一版" not in client.get(_url(row, "history")).text
    assert client.post(_url(row, "restore", 1)).status_code == 403
    _act(client, "restore_default", row)
    assert _row().version == 1


def test_the_list_marks_what_differs_from_the_shipped_text_and_the_button_restores_it(keeper: Client) -> None:
    row = _row("en")
    assert "action-restore_default" not in keeper.get(_url(row)).text
    row.content_template = "{meeting_title}"
    templates.save_template(row)
    templates.save_template(
        NotificationTemplate(template_name="own", title_template="x", content_template="x")
    )
    shown = {
        choice: set(
            re.findall(
                r'class="field-template_name[^>]*>([^<]+)<', keeper.get(reverse(LIST), {"text": choice}).text
            )
        )
        for choice in ("changed", "own")
    }
    assert shown == {"changed": {"meeting_reminder"}, "own": {"own"}}
    assert "action-restore_default" in keeper.get(_url(row)).text
    assert "已恢复 1 个模板的出厂文字" in _act(keeper, "restore_default", row).text
    assert not templates.differs_from_default(_row("en"))
    page = _act(keeper, "restore_default", *NotificationTemplate.objects.filter(template_name="own")).text
    assert "没有出厂文字" in page


def test_a_message_names_the_version_that_made_it_and_leads_to_it(
    keeper: Client, channel: ScriptedChannel
) -> None:
    row = _row()
    row.content_template = "{meeting_title}"
    templates.save_template(row)
    message_id = send_template_notification("meeting_reminder", "IQC", {"meeting_title": "周会"})
    message = Notification.objects.get(message_id=message_id)
    page = keeper.get(reverse("admin:notifications_notification_change", args=[message.pk])).text
    assert f'<a href="{_url(row, "history")}">meeting_reminder · 中文 · 第 2 版</a>' in page


# --- test send ------------------------------------------------------------------------------


def test_a_test_goes_the_real_way_is_marked_and_its_result_is_shown(
    keeper: Client, sandbox: SandboxServer
) -> None:
    row = _row(name="iqc_summary")
    assert "真的发出去一次" in _act(keeper, "test_send", row, object_id=row.pk).text
    page = _act(
        keeper, "test_send", row, object_id=row.pk, confirmed="yes", channel="wechat_bot", target="IQC"
    )
    assert page.redirect_chain[-1][0].startswith(_url(row, "test", "x").removesuffix("x/"))
    assert 'http-equiv="refresh"' in page.text
    deliver_due()
    page = keeper.get(page.redirect_chain[-1][0])
    assert "已送达" in page.text
    assert 'http-equiv="refresh"' not in page.text
    sent = Notification.objects.get()
    assert (sent.is_test, sent.title, sent.status) == (True, "【测试】IQC 异常汇总", State.SENT)
    assert sent.content.startswith("### 【测试】IQC 异常汇总\n- **供应商**: 苏州")
    [got] = sandbox.messages
    assert got.content == sent.content


def test_a_test_that_fails_says_why_and_is_not_tried_again(keeper: Client, channel: ScriptedChannel) -> None:
    channel.answers = [Result(Decision.RETRY, "对方忙")]
    row = _row()
    page = _act(keeper, "test_send", row, confirmed="yes", channel="wechat_bot", target="IQC")
    deliver_due()
    assert "对方忙" in keeper.get(page.redirect_chain[-1][0]).text
    row_sent = Notification.objects.get()
    assert (row_sent.status, row_sent.retry_count, row_sent.max_retries) == (State.DEAD, 0, 0)


def test_testing_needs_its_permission_and_a_target(client: Client, keeper: Client) -> None:
    page = _act(keeper, "test_send", _row(), confirmed="yes", channel="wechat_bot", target="")
    assert "errorlist" in page.text
    client.force_login(_editor())
    assert "action-test_send" not in client.get(_url(_row())).text
    _act(client, "test_send", _row(), confirmed="yes", channel="wechat_bot", target="IQC")
    assert not Notification.objects.exists()
