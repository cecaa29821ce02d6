"""The admin pages of channels and robots: what they show, what their buttons do."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from notifications.choices import State
from notifications.models import AuditEntry, Budget, Channel, Notification, Robot
from notifications.services import send_notification
from tests import builders
from tests.notifications.channels.conftest import APP, deliver, robot
from wecom.sandbox import SandboxServer

pytestmark = pytest.mark.django_db

ROBOTS = "admin:notifications_robot_changelist"


@pytest.fixture(autouse=True)
def _no_mail(settings: Any) -> None:
    settings.MAIL_SERVER = None


def _url(code: str) -> str:
    return reverse("admin:notifications_channel_change", args=[Channel.objects.get(code=code).pk])


def _press(client: Client, code: str, action: str, **fields: Any) -> Any:
    pk = Channel.objects.get(code=code).pk
    data = {"action": action, "index": "0", "_selected_action": pk, "object_id": pk} | fields
    return client.post(reverse("admin:notifications_channel_changelist"), data, follow=True)


# --- the page of a channel --------------------------------------------------------------------


def test_the_page_shows_the_pool_with_masked_keys_and_budgets(wecom: SandboxServer, keeper: Client) -> None:
    robot("robot-key-iqc-0001", name="一号")
    robot("robot-key-iqc-0002", name="二号", order=2)
    deliver(send_notification("标题", "内容", "wechat_bot", "IQC"))
    page = keeper.get(_url("wechat_bot")).text
    assert "一号 ••••0001" in page
    assert "一分钟内已用 1 / 20" in page
    assert "一分钟内已用 0 / 20" in page
    assert "robot-key" not in page
    assert "正常" in page


def test_the_page_says_what_went_wrong_and_what_to_do(wecom: SandboxServer, keeper: Client) -> None:
    wecom.fail("errcode", errcode=93004)
    deliver(send_notification("标题", "内容", "wechat_bot", "IQC"))
    page = keeper.get(_url("wechat_bot")).text
    assert "请群主启用或重新添加机器人" in page
    assert "再在渠道页点“已修复”" in page
    assert "1 个凭据失效" in page


def test_the_secret_of_the_application_stands_on_no_page(wecom: SandboxServer, keeper: Client) -> None:
    page = keeper.get(_url("wechat_api")).text
    assert APP.secret not in page
    assert "••••0001" in page


def test_check_asks_now_and_tells(wecom: SandboxServer, keeper: Client, settings: Any) -> None:
    assert "取得了 access_token" in _press(keeper, "wechat_api", "examine").text
    settings.WECHAT_CORP_SECRET = "a-wrong-secret-0000"
    page = _press(keeper, "wechat_api", "examine").text
    assert "故障" in page
    assert "WECHAT_CORP_SECRET" in page


def test_mend_lets_what_waited_go(wecom: SandboxServer, keeper: Client) -> None:
    number = wecom.fail("errcode", errcode=93004)
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC")
    deliver(message_id)
    assert Budget.objects.filter(is_dead=True).exists()
    wecom.mend(number)
    assert "恢复了 1 个凭据" in _press(keeper, "wechat_bot", "mend").text
    assert deliver(message_id) == [(State.SENT, "")]


# --- test sending -----------------------------------------------------------------------------


def test_a_test_asks_for_its_target_then_goes_the_whole_way_and_tells(
    wecom: SandboxServer, keeper: Client
) -> None:
    page = _press(keeper, "wechat_bot", "test_send").text
    assert 'value="IQC"' in page
    assert wecom.messages == []
    page = _press(keeper, "wechat_bot", "test_send", confirmed="yes", target="IQC").text
    assert "试发成功" in page
    (message,) = wecom.messages
    assert message.content.startswith("### 【测试】试发\n")
    row = Notification.objects.get()
    assert (row.status, row.is_test, row.priority, row.max_retries) == (State.SENT, True, 1, 0)
    assert row.attempts.count() == 1
    assert AuditEntry.objects.filter(verb="tested", note="IQC").exists()


def test_a_test_that_fails_says_why_and_is_not_tried_again(wecom: SandboxServer, keeper: Client) -> None:
    wecom.fail("http", status=502)
    page = _press(keeper, "wechat_bot", "test_send", confirmed="yes", target="IQC").text
    assert "试发没有成功" in page
    assert "代理或网关" in page
    row = Notification.objects.get()
    assert row.status in (State.DEAD, State.CANCELLED)
    assert row.attempts.count() == 1


def test_a_target_in_the_wrong_notation_is_refused_before_anything_is_sent(
    wecom: SandboxServer, keeper: Client
) -> None:
    page = _press(keeper, "wechat_api", "test_send", confirmed="yes", target="party:x").text
    assert "收件人写法不对" in page
    assert not Notification.objects.exists()


def test_a_test_of_an_application_names_who_was_missed(wecom: SandboxServer, keeper: Client) -> None:
    page = _press(keeper, "wechat_api", "test_send", confirmed="yes", target="lin.qc|ghost").text
    assert "未送达：ghost" in page


def test_who_may_only_look_finds_no_buttons_and_cannot_press_them(
    wecom: SandboxServer, client: Client
) -> None:
    client.force_login(builders.person("运维"))
    page = client.get(_url("wechat_bot")).text
    assert "action-test_send" not in page
    assert "action-mend" not in page
    _press(client, "wechat_bot", "test_send", confirmed="yes", target="IQC")
    assert not Notification.objects.exists()


# --- robots -----------------------------------------------------------------------------------


def _save(client: Client, row: Robot | None = None, **fields: Any) -> Any:
    url = (
        reverse("admin:notifications_robot_change", args=[row.pk])
        if row
        else reverse("admin:notifications_robot_add")
    )
    return client.post(url, {"group": "iqc", "name": "一号", "is_enabled": "on", "order": "1"} | fields)


def test_a_pasted_address_becomes_a_sealed_key_shown_by_its_last_four(
    wecom: SandboxServer, keeper: Client
) -> None:
    assert _save(keeper, key=wecom.webhook_base_url + "robot-key-iqc-0002").status_code == 302
    row = Robot.objects.get()
    assert (row.group, row.key) == ("IQC", "robot-key-iqc-0002")
    for url in (reverse(ROBOTS), reverse("admin:notifications_robot_change", args=[row.pk])):
        page = keeper.get(url).text
        assert "••••0002" in page
        assert "robot-key" not in page


def test_an_empty_key_keeps_the_old_one_and_a_new_one_takes_its_place(
    wecom: SandboxServer, keeper: Client
) -> None:
    row = robot("robot-key-iqc-0001")
    assert _save(keeper, row, key="", name="改名").status_code == 302
    row.refresh_from_db()
    assert (row.name, row.key) == ("改名", "robot-key-iqc-0001")
    assert _save(keeper, row, key="robot-key-iqc-0002").status_code == 302
    row.refresh_from_db()
    assert row.key == "robot-key-iqc-0002"
    assert row.digest == Robot.digest_of("robot-key-iqc-0002")


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("", "请填写 key"),
        ("https://elsewhere.example/cgi-bin/webhook/send?key=robot-key-0009", "不是同一个服务器"),
        ("two words", "只含字母"),
        ("robot-key-oqc-0003", "已经登记在群 OQC"),
    ],
)
def test_a_key_that_cannot_work_is_refused_with_the_reason(
    wecom: SandboxServer, keeper: Client, key: str, complaint: str
) -> None:
    robot("robot-key-oqc-0003", "OQC")
    assert complaint in _save(keeper, key=key).text
    assert Robot.objects.count() == 1


def test_who_changed_a_robot_is_audited_without_its_key(wecom: SandboxServer, keeper: Client) -> None:
    _save(keeper, key="robot-key-iqc-0002")
    (entry,) = AuditEntry.objects.filter(kind="notifications.Robot", verb="added")
    assert "robot-key-iqc-0002" not in str(entry.changes)
