"""Application messages: targets, tokens, doubles, limits per member; against the sandbox over HTTP."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import requests
from django.db import connection

from notifications import channels
from notifications.channels import Form, NotConfigured, Unusable
from notifications.channels.wechat_api import WechatApi, recipients
from notifications.choices import Reason, State
from notifications.media import keep_attachment
from notifications.models import AccessToken, Channel, MemberLoad, Notification
from notifications.services import deliver_due, send_notification
from tests.notifications.channels.conftest import APP, Time, deliver, rows
from wecom.sandbox import SandboxServer

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


def _send(target: str = "lin.qc", content: str = "内容", **fields: Any) -> str:
    return send_notification("标题", content, "wechat_api", target, **fields)


def _row(message_id: str) -> Notification:
    return Notification.objects.get(message_id=message_id)


# --- targets ----------------------------------------------------------------------------------


def test_a_target_names_people_departments_and_tags(wecom: SandboxServer) -> None:
    message_id = _send("lin.qc|wang, party:2 tag:7")
    assert deliver(message_id) == [(State.SENT, "")]
    sent = json.loads(wecom.messages[-1].raw)
    assert (sent["touser"], sent["toparty"], sent["totag"]) == ("lin.qc|wang", "2", "7")
    assert (sent["agentid"], sent["enable_duplicate_check"]) == (APP.agent_id, 1)
    assert _row(message_id).receipt


def test_everybody_takes_the_place_of_all_others() -> None:
    assert recipients("lin.qc|@all|party:2").users == ("@all",)
    assert recipients("lin.qc|@all|party:2").parties == ()


@pytest.mark.parametrize("target", ["party:x", "林工", "a b!", "|", "dept:2", "-lin"])
def test_a_target_that_cannot_be_read_is_a_dead_letter_that_says_so(
    wecom: SandboxServer, target: str
) -> None:
    message_id = _send(target)
    assert deliver(message_id) == [(State.DEAD, Reason.RECIPIENT)]
    assert "收件人" in _row(message_id).error_message
    assert wecom.messages == []


def test_a_long_list_goes_out_in_several_messages_and_nobody_twice(wecom: SandboxServer) -> None:
    people = [f"member{number:04}" for number in range(100)]
    states = deliver(_send("|".join(people)))
    assert len(states) > 1
    assert set(states) == {(State.SENT, "")}
    told = [user for message in wecom.messages for user in json.loads(message.raw)["touser"].split("|")]
    assert told == people


def test_who_is_unknown_is_recorded_while_the_others_get_it(wecom: SandboxServer) -> None:
    message_id = _send("lin.qc|Ghost|party:9|tag:9|party:2")
    assert deliver(message_id) == [(State.SENT, "")]
    assert _row(message_id).missed == ["ghost", "party:9", "tag:9"]


def test_all_unknown_is_a_dead_letter_because_of_the_recipients(wecom: SandboxServer) -> None:
    assert deliver(_send("ghost|phantom|party:9")) == [(State.DEAD, Reason.RECIPIENT)]


# --- contents ---------------------------------------------------------------------------------


def test_style_and_length_follow_the_channel(wecom: SandboxServer) -> None:
    Channel.objects.update_or_create(code="wechat_api", defaults={"style": "plain", "overflow": "split"})
    states = deliver(_send(content="\n".join(f"**{number}** 内径超差" for number in range(150))))
    assert len(states) > 1
    assert {message.msgtype for message in wecom.messages} == {"text"}
    assert all(message.size <= 2048 for message in wecom.messages)
    assert "**" not in wecom.messages[0].content
    Channel.objects.filter(code="wechat_api").update(style="markdown", overflow="file")
    deliver(_send(content="\n".join(f"**{number}** 内径超差" for number in range(150))))
    assert [message.msgtype for message in wecom.messages[-2:]] == ["markdown", "file"]


def test_a_picture_is_uploaded_once_and_shown_to_each_group_of_people(wecom: SandboxServer) -> None:
    carried = [keep_attachment("控制图.png", PNG)]
    assert deliver(_send(attachments=carried)) == [(State.SENT, "")] * 2
    assert deliver(_send("wang", attachments=carried)) == [(State.SENT, "")] * 2
    assert [message.msgtype for message in wecom.messages] == ["markdown", "image"] * 2
    assert wecom.counts["calls"]["upload"] == 1
    shown = requests.get(f"{wecom.base_url}/pictures/{wecom.messages[-1].id}", timeout=5)
    assert (shown.headers["Content-Type"], shown.content) == ("image/png", PNG)


def test_an_application_set_anew_sends_what_was_frozen_for_the_old_one(
    wecom: SandboxServer, settings: Any
) -> None:
    settings.WECHAT_AGENT_ID = 7
    message_id = _send()
    settings.WECHAT_AGENT_ID = APP.agent_id
    assert deliver(message_id) == [(State.SENT, "")]


# --- doubles ----------------------------------------------------------------------------------


def test_a_lost_answer_is_asked_for_again_and_the_member_sees_one_message(
    wecom: SandboxServer, time: Time
) -> None:
    wecom.fail("drop_after", call="message", times=1)
    message_id = _send()
    assert deliver(message_id) == [(State.PENDING, Reason.ANSWER_LOST)]
    time.advance(minutes=2)
    assert deliver(message_id) == [(State.SENT, "")]
    assert [message.shown for message in wecom.messages] == [True, False]
    assert len({message.raw for message in wecom.messages}) == 1
    assert not _row(message_id).possible_duplicate


def test_an_answer_that_never_comes_ends_as_uncertain_not_as_dead(wecom: SandboxServer, time: Time) -> None:
    wecom.fail("drop_after", call="message")
    message_id = _send()
    for _ in range(5):
        deliver_due()
        time.advance(hours=1)
    assert [(row.status, row.reason) for row in rows(message_id)] == [(State.UNCERTAIN, Reason.ANSWER_LOST)]


# --- tokens -----------------------------------------------------------------------------------


def test_one_token_serves_all_messages_and_stands_encrypted(wecom: SandboxServer) -> None:
    for _ in range(3):
        deliver(_send())
    assert wecom.counts["calls"]["token"] == 1
    token = AccessToken.objects.get().token
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM notifications_accesstoken")
        assert token not in str(cursor.fetchall())


@pytest.mark.parametrize("event", ["expire_tokens", "withdraw_tokens"])
def test_a_token_that_wecom_does_not_take_is_renewed_once_and_the_message_goes(
    wecom: SandboxServer, event: str
) -> None:
    deliver(_send())
    getattr(wecom.apps, event)()
    assert deliver(_send()) == [(State.SENT, "")]
    assert wecom.counts["calls"]["token"] == 2


def test_a_wrong_secret_holds_the_message_and_asks_once(wecom: SandboxServer, settings: Any) -> None:
    settings.WECHAT_CORP_SECRET = "a-wrong-secret-0000"
    first, second = _send(), _send()
    assert deliver(first) == [(State.HELD, Reason.CHANNEL_DEAD)]
    assert [(row.status, row.reason) for row in rows(second)] == [(State.HELD, Reason.CHANNEL_DEAD)]
    assert wecom.counts["calls"]["token"] == 1
    assert "a-wrong-secret-0000" not in str(list(Notification.objects.values()))


def test_a_secret_set_right_goes_on_with_a_token_of_its_own(wecom: SandboxServer, settings: Any) -> None:
    from notifications.services import release_mended

    settings.WECHAT_CORP_SECRET = "a-wrong-secret-0000"
    message_id = _send()
    deliver(message_id)
    settings.WECHAT_CORP_SECRET = APP.secret
    release_mended()
    assert deliver(message_id) == [(State.SENT, "")]


def test_a_refusal_by_the_address_is_told_as_the_channels_fault(wecom: SandboxServer) -> None:
    wecom.fail("errcode", errcode=60020, call="message")
    message_id = _send()
    assert deliver(message_id) == [(State.HELD, Reason.CHANNEL_DEAD)]
    assert "可信 IP" in _row(message_id).error_message


@pytest.mark.django_db(transaction=True)
def test_four_workers_with_an_expired_token_ask_wecom_for_one(wecom: SandboxServer) -> None:
    driver = WechatApi()
    (credential,) = driver.credentials("lin.qc")
    payload = driver.compose("标题", "内容", "lin.qc", Form())[0]
    assert driver.deliver(payload, "lin.qc", credential, timeout_s=5).decision.value == "sent"
    wecom.apps.expire_tokens()
    AccessToken.objects.update(expires_at=None)
    wecom.fail("delay", delay_s=0.3, call="token")
    together = threading.Barrier(4)
    decisions: list[str] = []

    def work() -> None:
        try:
            together.wait(5)
            decisions.append(driver.deliver(payload, "lin.qc", credential, timeout_s=5).decision.value)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert decisions == ["sent"] * 4
    assert wecom.counts["calls"]["token"] == 2  # the first, and one for all four


def test_a_renewer_that_died_is_replaced_when_its_lease_runs_out(wecom: SandboxServer, time: Time) -> None:
    deliver(_send())
    from spc_site import clock

    AccessToken.objects.update(expires_at=None, lease_owner="dead", lease_until=clock.now())
    time.advance(seconds=1)
    assert deliver(_send()) == [(State.SENT, "")]


# --- limits per member ------------------------------------------------------------------------


def test_nobody_gets_more_than_wecom_shows_in_a_minute_and_nothing_is_dropped(
    wecom: SandboxServer, time: Time
) -> None:
    Channel.objects.update_or_create(code="wechat_api", defaults={"rate_limit": 1000})
    for number in range(40):
        _send("lin.qc", f"第 {number} 条")
    other = _send("wang", "另一个人")
    deliver_due()
    assert _row(other).status == State.SENT
    assert Notification.objects.filter(status=State.SENT, target="lin.qc").count() == 30
    assert set(
        Notification.objects.filter(target="lin.qc")
        .exclude(status=State.SENT)
        .values_list("reason", flat=True)
    ) == {Reason.RATE}
    time.advance(seconds=62)
    deliver_due()
    assert Notification.objects.filter(status=State.SENT).count() == 41
    assert all(message.shown for message in wecom.messages)
    assert len(wecom.messages) == 41


def test_the_limit_of_the_hour_is_kept_too(time: Time, settings: Any) -> None:
    settings.WECHAT_CORP_ID = "ww1"
    driver, now = WechatApi(), time()
    assert driver.admit("lin.qc") == 0
    MemberLoad.objects.update(sent_at=[now - 3000 + number for number in range(1000)])
    assert 550 < driver.admit("LIN.QC|wang") < 650
    assert [load.sent_at for load in MemberLoad.objects.all() if len(load.sent_at) < 1000] == [[]]
    assert driver.admit("wang") == 0


# --- configuration ----------------------------------------------------------------------------


def test_half_a_configuration_holds_and_none_at_all_is_named(wecom: SandboxServer, settings: Any) -> None:
    settings.WECHAT_AGENT_ID = 0
    with pytest.raises(Unusable, match="WECHAT_AGENT_ID"):
        WechatApi().credentials("lin.qc")
    message_id = _send()
    assert deliver(message_id) == [(State.HELD, Reason.NO_ROBOT)]
    assert set(WechatApi().check()) == {"WECHAT_AGENT_ID"}
    settings.WECHAT_CORP_ID = settings.WECHAT_CORP_SECRET = ""
    with pytest.raises(NotConfigured):
        WechatApi().credentials("lin.qc")
    assert not WechatApi().is_set_up()
    assert deliver(_send()) == [(State.SUPPRESSED, Reason.NO_ROBOT)]


def test_the_probe_fetches_a_token_past_the_cache(wecom: SandboxServer, settings: Any) -> None:
    deliver(_send())
    assert WechatApi().probe(timeout_s=2).is_well is True
    assert wecom.counts["calls"]["token"] == 2
    settings.WECHAT_CORP_SECRET = "a-wrong-secret-0000"
    probe = WechatApi().probe(timeout_s=2)
    assert (probe.is_well, probe.is_lasting) == (False, True)
    assert "WECHAT_CORP_SECRET" in probe.note
    settings.WECHAT_API_BASE_URL = "http://127.0.0.1:9"
    probe = WechatApi().probe(timeout_s=2)
    assert (probe.is_well, probe.is_lasting) == (False, False)


def test_send_by_hand_names_who_was_missed(wecom: SandboxServer) -> None:
    assert channels.send("wechat_api", "标题", "内容", "lin.qc") == (True, "")
    assert channels.send("wechat_api", "标题", "内容", "lin.qc|ghost") == (False, "未送达：ghost")
    assert channels.send("wechat_api", "标题", "内容", "party:x")[0] is False
