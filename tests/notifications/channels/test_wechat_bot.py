"""Group robots: pools, styles, long texts, files; against the sandbox over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection

from notifications import channels
from notifications.channels import Form, NotConfigured, Unusable
from notifications.channels.wechat_bot import WechatBot, read_key
from notifications.choices import Reason, State
from notifications.media import forget_unused, keep_attachment
from notifications.models import Attachment, Budget, Channel, MediaTicket, Notification, Robot
from notifications.routing import Way
from notifications.services import deliver_due, send_notification
from notifications.services.lanes import Lanes
from spc_site.errors import AppError
from tests.notifications.channels.conftest import Time, deliver, robot, rows
from wecom.sandbox import SandboxServer

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
LONG = "\n".join(
    f"- **异常项**: 内径{number} [查看](https://qms.example/IQC/1/{number})" for number in range(90)
)


def _names(target: str) -> list[str]:
    return [credential.label for credential in WechatBot().credentials(target)]


# --- pools ------------------------------------------------------------------------------------


def test_a_group_without_rows_is_sent_to_with_the_key_of_the_environment(wecom: SandboxServer) -> None:
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC")
    assert deliver(message_id) == [(State.SENT, "")]
    assert (wecom.messages[-1].group, wecom.messages[-1].robot) == ("IQC", 1)


def test_rows_of_a_group_take_the_place_of_its_environment_key_in_their_order(wecom: SandboxServer) -> None:
    robot("robot-key-iqc-0001", name="后备", order=2)
    robot("robot-key-iqc-0002", name="一号", order=1)
    assert _names("iqc ") == ["IQC 一号 ••••0002", "IQC 后备 ••••0001"]
    deliver(send_notification("标题", "内容", "wechat_bot", "IQC"))
    assert wecom.messages[-1].robot == 2


def test_each_robot_of_a_pool_has_a_budget_of_its_own_and_shared_robots_share_it(
    wecom: SandboxServer,
) -> None:
    robot("robot-key-iqc-0001")
    robot("robot-key-iqc-0002")
    names = {credential.name for credential in WechatBot().credentials("IQC")}
    assert len(names) == 2
    deliver(send_notification("标题", "内容", "wechat_bot", "IQC"))
    assert Budget.objects.get(name__in=names).sent_at
    Robot.objects.all().delete()
    assert WechatBot().credentials("IQC")[0].name in names


def test_the_robots_and_budgets_of_all_groups_of_a_look_cost_a_query_each(
    wecom: SandboxServer, django_assert_num_queries: Any
) -> None:
    groups = [f"LINE{number}" for number in range(9)]
    for number, group in enumerate(groups):
        robot(f"robot-key-line-000{number}", group)
    lanes = Lanes()
    with django_assert_num_queries(2):
        lanes.look(("wechat_bot", group) for group in [*groups, "IQC"])
    for group in [*groups, "IQC"]:
        alone = [credential.name for credential in WechatBot().credentials(group)]
        assert [credential.name for credential in lanes.of("wechat_bot", group).credentials] == alone
    with django_assert_num_queries(1):
        lanes.keep_logs(("wechat_bot", group) for group in groups)
    with django_assert_num_queries(0):
        lanes.keep_logs(("wechat_bot", group) for group in groups)
    assert Budget.objects.count() == len(groups)


def test_a_key_that_cannot_be_read_stops_its_own_group_alone(wecom: SandboxServer) -> None:
    robot("robot-key-good-0001", "GOOD")
    spoilt = robot("robot-key-bad-0001", "BAD")
    with connection.cursor() as cursor:
        table = Robot._meta.db_table
        cursor.execute(f"UPDATE {table} SET key = 'sealed:nonsense' WHERE id = %s", [spoilt.pk])  # noqa: S608
    lanes = Lanes()
    lanes.look([("wechat_bot", "GOOD"), ("wechat_bot", "BAD")])
    assert lanes.of("wechat_bot", "GOOD").obstacle is None
    assert lanes.of("wechat_bot", "BAD").missing


def test_a_group_nobody_knows_falls_to_the_robots_of_oqc_then_to_the_last_address(
    wecom: SandboxServer, settings: Any
) -> None:
    with pytest.raises(NotConfigured, match="能源_WEBHOOK_KEY"):
        WechatBot().credentials("能源")
    settings.WECHAT_BOT_WEBHOOK = wecom.webhook_base_url + "robot-key-oqc-0003"
    assert _names("能源") == ["WECHAT_BOT_WEBHOOK ••••0003"]
    robot("robot-key-oqc-0003", "oqc")
    assert _names("能源") == ["OQC ••••0003"]
    settings.WEBHOOK_KEYS = {"能源": "robot-key-energy-0009"}
    assert _names("能源") == ["能源_WEBHOOK_KEY ••••0009"]


def test_a_group_whose_robots_are_all_switched_off_waits_instead_of_going_elsewhere(
    wecom: SandboxServer,
) -> None:
    robot("robot-key-iqc-0001", is_enabled=False)
    robot("robot-key-oqc-0003", "OQC")
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC")
    assert deliver(message_id) == [(State.HELD, Reason.NO_ROBOT)]
    assert wecom.messages == []


def test_a_key_that_cannot_be_unsealed_holds_the_message_and_says_which_setting(
    wecom: SandboxServer, settings: Any
) -> None:
    robot("robot-key-iqc-0001")
    settings.SECRETS_KEYS = ["another-key-of-twenty-characters"]
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC")
    assert deliver(message_id) == [(State.HELD, Reason.NO_ROBOT)]
    assert "SECRETS_KEYS" in rows(message_id)[0].error_message
    assert "SECRETS_KEYS" in str(WechatBot().check())


def test_the_key_stands_encrypted_and_in_no_text(
    wecom: SandboxServer, django_assert_num_queries: Any
) -> None:
    from django.db import connection

    row = robot("robot-key-iqc-0001")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM notifications_robot")
        assert "robot-key-iqc-0001" not in str(cursor.fetchall())
    with django_assert_num_queries(1):
        (credential,) = WechatBot().credentials("IQC")
    assert "robot-key-iqc-0001" not in repr(credential) + repr(row)


def test_the_same_key_stands_in_one_row_only() -> None:
    from django.db import IntegrityError

    robot("robot-key-iqc-0001")
    with pytest.raises(IntegrityError):
        robot("robot-key-iqc-0001", "OQC")


def test_a_pasted_address_yields_its_key_and_one_of_another_server_is_refused(settings: Any) -> None:
    settings.WEBHOOK_BASE_URL = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="
    key = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
    assert read_key(f" {settings.WEBHOOK_BASE_URL}{key}\n") == key
    assert read_key(key) == key
    for wrong in (
        f"https://elsewhere.example/cgi-bin/webhook/send?key={key}",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send",
        "a key with spaces",
        "",
    ):
        with pytest.raises(ValueError, match=r"key|地址"):
            read_key(wrong)


# --- styles and long texts --------------------------------------------------------------------


def test_plain_style_sends_text_and_calls_people_by_the_list_once(wecom: SandboxServer) -> None:
    Channel.objects.filter(code="wechat_bot").update(style="plain")
    content = f"### IQC 异常\n<@lin.qc> <@all> 请看 **内径**\n{LONG}"
    assert set(deliver(send_notification("IQC 异常", content, "wechat_bot", "IQC"))) == {(State.SENT, "")}
    messages = wecom.messages
    assert {message.msgtype for message in messages} == {"text"}
    assert all(message.size <= 2048 for message in messages)
    assert len(messages) > 2
    calls = [json.loads(message.raw)["text"].get("mentioned_list") for message in messages]
    assert calls == [["lin.qc", "@all"], *[None] * (len(messages) - 1)]
    assert "**" not in messages[0].content
    shown = "\n".join(message.content for message in messages)
    assert all(f"https://qms.example/IQC/1/{number}\n" in f"{shown}\n" for number in range(90))


def test_a_long_text_is_split_under_the_limit_with_every_item(wecom: SandboxServer) -> None:
    states = deliver(send_notification("IQC 异常", LONG, "wechat_bot", "IQC"))
    assert states == [(State.SENT, "")] * 2
    assert [message.content.splitlines()[0] for message in wecom.messages] == [
        "### IQC 异常 (1/2)",
        "### IQC 异常 (2/2)",
    ]


def test_a_long_text_becomes_its_beginning_and_a_file_where_the_channel_wants_it(
    wecom: SandboxServer,
) -> None:
    Channel.objects.filter(code="wechat_bot").update(overflow="file")
    assert deliver(send_notification("IQC 异常", LONG, "wechat_bot", "IQC")) == [(State.SENT, "")] * 2
    summary, file = wecom.messages
    assert summary.content.startswith("### IQC 异常\n- **异常项**: 内径0 ")
    assert summary.content.endswith("……共 91 行，全文见下面的文件")
    assert summary.size <= 4096
    assert file.msgtype == "file"
    name, data = wecom.media.data(json.loads(file.raw)["file"]["media_id"]) or ("", b"")
    assert name == "IQC 异常.txt"
    text = data.decode("utf-8-sig")
    assert text.count("https://qms.example/IQC/1/") == 90


# --- pictures and files -----------------------------------------------------------------------


def test_a_picture_and_a_file_follow_the_text_as_messages_of_their_own(wecom: SandboxServer) -> None:
    carried = [keep_attachment("控制图.png", PNG), keep_attachment("合同 HT-001.docx", b"PK\x03\x04 word")]
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC", attachments=carried)
    assert deliver(message_id) == [(State.SENT, "")] * 3
    assert [message.msgtype for message in wecom.messages] == ["markdown", "image", "file"]
    media_id = json.loads(wecom.messages[-1].raw)["file"]["media_id"]
    assert wecom.media.data(media_id) == ("合同 HT-001.docx", b"PK\x03\x04 word")
    assert [row.part_no for row in rows(message_id)] == [1, 2, 3]
    assert [list(row.attachments.all()) for row in rows(message_id)] == [[], [carried[0]], [carried[1]]]


def test_a_picture_too_large_to_be_shown_goes_as_a_file(wecom: SandboxServer) -> None:
    big = keep_attachment("大图.png", PNG + b"\0" * (2 * 1024 * 1024))
    payloads = WechatBot().compose("标题", "内容", "IQC", Form(), [big])
    assert json.loads(payloads[-1])["msgtype"] == "file"


def _send_file(name: str = "报告.docx") -> str:
    return send_notification(
        "标题", "内容", "wechat_bot", "IQC", attachments=[keep_attachment(name, b"a file")]
    )


def test_a_file_is_uploaded_once_for_three_days_then_again(wecom: SandboxServer, time: Time) -> None:
    for _ in range(2):
        deliver(_send_file())
    ids = [
        json.loads(message.raw)["file"]["media_id"] for message in wecom.messages if message.msgtype == "file"
    ]
    assert len(set(ids)) == 1
    time.advance(days=3)
    assert deliver(_send_file()) == [(State.SENT, "")] * 2
    assert json.loads(wecom.messages[-1].raw)["file"]["media_id"] not in ids


def test_a_ticket_that_wecom_has_forgotten_is_renewed_at_once(wecom: SandboxServer) -> None:
    deliver(_send_file())
    MediaTicket.objects.update(media_id="3" + "x" * 40)
    assert deliver(_send_file()) == [(State.SENT, "")] * 2
    assert [message.errcode for message in wecom.messages[-2:]] == [40007, 0]
    assert MediaTicket.objects.get().media_id != "3" + "x" * 40


def test_each_robot_uploads_for_itself(wecom: SandboxServer) -> None:
    deliver(_send_file())
    robot("robot-key-iqc-0002")
    assert deliver(_send_file()) == [(State.SENT, "")] * 2
    assert MediaTicket.objects.count() == 2


def test_a_file_that_is_gone_ends_its_message_and_not_the_others(wecom: SandboxServer) -> None:
    message_id = _send_file()
    Attachment.objects.all().delete()
    assert deliver(message_id) == [(State.SENT, ""), (State.DEAD, Reason.REFUSED)]


def test_the_same_file_is_kept_once_and_forgotten_when_no_message_carries_it(time: Time) -> None:
    first = keep_attachment("a.docx", b"the same bytes")
    assert keep_attachment("a.docx", b"the same bytes") == first
    send_notification("标题", "内容", "wechat_bot", "IQC", attachments=[first])
    keep_attachment("b.docx", b"the same bytes")
    assert forget_unused() == 0
    time.advance(days=2)
    assert forget_unused() == 1
    assert Attachment.objects.get() == first


@pytest.mark.parametrize(
    ("name", "data"), [("a.txt", b"tiny"), ("", b"enough bytes"), ("x" * 129, b"enough bytes")]
)
def test_what_no_channel_takes_is_refused_when_it_is_kept(name: str, data: bytes) -> None:
    with pytest.raises(AppError):
        keep_attachment(name, data)


# --- sending by hand --------------------------------------------------------------------------


def test_send_answers_at_once_and_with_words(wecom: SandboxServer, settings: Any) -> None:
    assert channels.send("wechat_bot", "标题", "内容", "IQC") == (True, "")
    wecom.fail("errcode", errcode=93000)
    ok, error = channels.send("wechat_bot", "标题", "内容", "IQC")
    assert not ok
    assert "机器人" in error
    settings.WEBHOOK_KEYS = {}
    assert channels.send("wechat_bot", "标题", "内容", "IQC")[0] is False
    assert channels.send("pigeon", "标题", "内容", "IQC")[0] is False
    assert not Notification.objects.exists()


def test_unusable_is_a_kind_of_not_configured() -> None:
    assert issubclass(Unusable, NotConfigured)


# --- on another way ---------------------------------------------------------------------------


def test_each_row_carries_its_own_file_so_that_a_reserve_shows_each_once(wecom: SandboxServer) -> None:
    carried = [keep_attachment("控制图.png", PNG), keep_attachment("报告.docx", b"a file")]
    robot("robot-key-that-was-removed")
    message_id = send_notification(
        "标题", "内容", "wechat_bot", "IQC", attachments=carried, fallbacks=[Way("wechat_api", "lin.qc")]
    )
    assert [list(row.attachments.all()) for row in rows(message_id)] == [[], [carried[0]], [carried[1]]]
    deliver_due()
    deliver_due()
    assert {row.status for row in rows(message_id)} == {State.SENT}
    shown = [message.msgtype for message in wecom.messages if message.shown]
    assert sorted(shown) == ["file", "image", "markdown"]


def test_a_mail_that_fails_over_to_a_group_brings_text_picture_and_file_once(
    wecom: SandboxServer, settings: Any
) -> None:
    carried = [keep_attachment("控制图.png", PNG), keep_attachment("报告.docx", b"a file")]
    settings.MAIL_SERVER = {
        "host": "mail.example.com",
        "port": 25,
        "security": "none",
        "user": "",
        "password": "",
        "sender": "a@b.c",
    }
    settings.ALLOW_HTTP = True
    message_id = send_notification(
        "标题", "内容", "email", "lin@example.com", attachments=carried, fallbacks=[Way("wechat_bot", "IQC")]
    )
    assert list(rows(message_id)[0].attachments.all()) == carried
    settings.ALLOW_HTTP = False
    deliver_due()
    deliver_due()
    assert [message.msgtype for message in wecom.messages] == ["markdown", "image", "file"]
