"""The story of a message on its page: from the event to the receipt and to whoever took it on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alarms import services as alarms
from notifications import causes, services, timeline
from notifications.channels import Result
from notifications.choices import Reason, State
from notifications.models import Budget, DeliveryAttempt, Notification, NotificationEvent
from notifications.policy import Decision
from notifications.services import deliver_due, send_notification
from spc_site import clock
from tests import builders
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 20, 8, tzinfo=UTC)


def message(status: str, **fields: Any) -> Notification:
    row = builders.notification(status, **fields)
    at = fields.get("created_at", START)
    Notification.objects.filter(pk=row.pk).update(created_at=at, updated_at=fields.get("updated_at", at))
    row.refresh_from_db()
    return row


def attempt(row: Notification, outcome: str, *, after_s: float, ms: int | None = 120, **fields: Any) -> None:
    DeliveryAttempt.objects.create(
        notification=row,
        number=row.attempts.count() + 1,
        channel=row.channel,
        credential="wechat_bot:ab12",
        started_at=row.created_at + timedelta(seconds=after_s),
        duration_ms=ms,
        outcome=outcome,
        **fields,
    )


def told(row: Notification, **options: Any) -> list[tuple[str, str]]:
    """The offsets and titles of a story."""
    row.refresh_from_db()
    return [(line.offset, line.step.title) for line in timeline.of(row, **options).lines]


def details(row: Notification) -> str:
    return "\n".join(detail for line in timeline.of(row).lines for detail in line.step.details)


def test_a_story_goes_from_the_event_to_the_receipt_with_the_time_since_the_event() -> None:
    row = message(
        State.SENT,
        event="quality.iqc.summary",
        template_name="iqc_summary",
        sent_at=START + timedelta(seconds=184),
        receipt="msg-77",
        fallbacks=[{"channel": "email", "target": "qa@plant.example"}],
    )
    attempt(row, "retry", after_s=1.5, ms=60, http_status=502, explanation="网关出错", answer="Bad Gateway")
    attempt(row, "sent", after_s=183, http_status=200, errcode=0)
    assert told(row) == [
        ("0", "事件 quality.iqc.summary"),
        ("0", "选定 企业微信群机器人 → IQC"),
        ("+1.5 秒", "第 1 次发送：失败，将重试"),
        ("+3 分 3 秒", "第 2 次发送：送达"),
        ("+3 分 4 秒", "送达，用时 3 分 4 秒"),
    ]
    text = details(row)
    for fact in (
        "模板 iqc_summary",
        "60 ms",
        "HTTP 502",
        "网关出错",
        "Bad Gateway",
        "回执 msg-77",
        "qa@plant",
    ):
        assert fact in text
    assert str(causes.ADVICE[causes.Cause.SERVER]) in text


def test_people_that_were_missed_and_possible_doubles_are_said_at_the_end() -> None:
    row = message(State.SENT, sent_at=START, missed=["li.si"], possible_duplicate=True)
    assert "没有收到的人：li.si" in details(row)
    assert "可能看到两次" in details(row)
    assert timeline.of(row).lines[-1].step.tone == "amber"


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason])
def test_every_reason_is_told_in_words_with_what_to_do(reason: Reason) -> None:
    row = message(State.DEAD, reason=reason)
    assert told(row)[-1][1] == f"死信：{reason.label}"
    assert str(causes.REASON_ADVICE[reason]) in details(row)


def test_every_cause_has_its_advice() -> None:
    assert set(causes.ADVICE) == set(causes.Cause)


@pytest.mark.parametrize(
    ("outcome", "facts", "cause"),
    [
        ("sent", {}, None),
        ("", {}, None),
        ("wait", {"errcode": 45009}, "rate"),
        ("uncertain", {}, "answer_lost"),
        ("uncertain", {"was_answered": False}, "worker_gone"),
        ("channel_dead", {"errcode": 93000}, "config"),
        ("dead", {"errcode": 81013}, "recipient"),
        ("dead", {"errcode": 40058}, "content"),
        ("retry", {"errcode": -1, "http_status": 200}, "busy"),
        ("retry", {"http_status": 502}, "server"),
        ("retry", {}, "network"),
    ],
)
def test_a_failed_try_has_one_cause_of_a_closed_list(
    outcome: str, facts: dict[str, Any], cause: str | None
) -> None:
    facts = {"http_status": None, "errcode": None} | facts
    assert causes.cause_of(outcome, **facts) == cause


def test_a_member_tells_how_its_digest_went_and_both_lead_to_each_other(keeper: Client) -> None:
    digest = message(State.SENT, is_digest=True, title="汇总", sent_at=START + timedelta(seconds=40))
    members = [message(State.MERGED, merged_into=digest, reason=Reason.MERGED) for _each in range(15)]
    attempt(digest, "sent", after_s=39)
    titles = [title for _offset, title in told(members[0])]
    assert "与另外 14 条合并" in titles
    assert "合并消息 第 1 次发送：送达" in titles
    assert titles[-1] == "合并消息 送达，用时 +40 秒".replace("+", "")
    page = keeper.get(timeline.page_of(members[0])).text
    assert timeline.page_of(digest) in page
    page = keeper.get(timeline.page_of(digest)).text
    assert all(timeline.page_of(member) in page for member in members)


def test_the_members_that_do_not_fit_are_counted() -> None:
    digest = message(State.SENT, is_digest=True, sent_at=START)
    for _each in range(53):
        message(State.MERGED, merged_into=digest)
    story = timeline.of(digest)
    assert (len(story.members), story.more_members) == (50, 3)


def test_the_parts_of_a_long_message_lead_to_each_other(keeper: Client) -> None:
    parts = [
        message(State.SENT, correlation_id="c1", part_no=number, part_count=3, sent_at=START)
        for number in (1, 2, 3)
    ]
    page = keeper.get(timeline.page_of(parts[1])).text
    assert timeline.page_of(parts[0]) in page
    assert timeline.page_of(parts[2]) in page
    assert "第 2 段，共 3 段" in page


def test_what_is_held_by_the_budget_says_when_it_will_go(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: START)
    stamps = [START.timestamp() - 50 + number for number in range(20)]
    Budget.objects.create(name="test:IQC", sent_at=stamps)
    for _each in range(2):
        message(State.PENDING, due_at=START - timedelta(minutes=1), next_at=START)
    row = message(State.PENDING, due_at=START, next_at=START, reason=Reason.RATE)
    # The window of 61 s lets the third of those that wait go when the third of the last sends is over.
    leaves = START + timedelta(seconds=61 - 50 + 2)
    step = timeline.of(row).lines[-1].step
    assert step.is_to_come
    assert step.at == leaves
    assert "16:00:13 发出" in step.title
    assert str(Reason.RATE.label) in step.title


def test_what_cannot_go_says_what_has_to_be_mended(channel: ScriptedChannel) -> None:
    channel.is_configured = False
    assert "没有 key" in told(message(State.PENDING))[-1][1]
    held = message(State.HELD, reason=Reason.CHANNEL_DEAD, error_message="机器人已被移出群")
    assert "机器人已被移出群" in details(held)


def test_moving_to_another_way_and_the_acts_of_people_are_told(keeper: Client) -> None:
    row = message(
        State.SENT,
        channel="email",
        target="qa@plant.example",
        sent_at=START + timedelta(seconds=90),
        fallbacks=[{"channel": "wechat_bot", "target": "IQC", "left": "dead"}],
    )
    moved = NotificationEvent.objects.create(
        notification=row, kind="failed_over", note="wechat_bot IQC → email qa@plant.example：渠道故障"
    )
    NotificationEvent.objects.filter(pk=moved.pk).update(at=START + timedelta(seconds=60))
    titles = [title for _offset, title in told(row)]
    assert titles[1] == "选定 企业微信群机器人 → IQC"  # where it began, not where it ended
    assert titles[2] == "改走后备渠道"
    dead = message(State.DEAD, reason=Reason.BAD_TEMPLATE)
    again = services.resend(dead, user=builders.person(first_name="工", last_name="王"))
    page = keeper.get(timeline.page_of(dead)).text
    assert "重发 · 工 王" in page
    assert again.message_id in page
    assert dead.message_id in keeper.get(timeline.page_of(again)).text


@pytest.mark.parametrize(
    ("subject", "link"),
    [("quality.IQC.entry:345", ""), ("quality.IQC.report:12", "/IQC/12")],
    ids=["one entry", "a whole report"],
)
def test_the_story_ends_with_who_took_the_alarm_on(keeper: Client, subject: str, link: str) -> None:
    row = message(State.SENT, subject=subject, link=link, sent_at=START + timedelta(seconds=2))
    alarm = alarms.raise_alarm(
        alarms.AlarmRequest(
            key="k", source="quality", title="内径超差", subject="quality.IQC.entry:345", link="/IQC/12/345"
        )
    ).alarm
    other = alarms.raise_alarm(
        alarms.AlarmRequest(key="o", source="quality", title="别的", link="/IQC/123/9")
    )
    wang = builders.person(first_name="工", last_name="王")
    alarms.acknowledge(alarm, user=wang, at=START + timedelta(minutes=4))
    alarms.acknowledge(other.alarm, user=wang, at=START + timedelta(minutes=5))
    assert told(row)[-1] == ("+4 分 0 秒", "报警受理 · 工 王")
    assert alarm.get_absolute_url() in keeper.get(timeline.page_of(row)).text
    assert "别的" not in details(row)


def test_a_real_delivery_leaves_a_whole_story(channel: ScriptedChannel) -> None:
    channel.answers = [Result(Decision.RETRY, explanation="连接被拒绝")]
    message_id = send_notification("停线", "三号线", "wechat_bot", "IQC", event="production.stop")
    deliver_due()
    Notification.objects.update(next_at=clock.now())
    deliver_due()
    titles = [title for _offset, title in told(Notification.objects.get(message_id=message_id))]
    assert titles[0] == "事件 production.stop"
    assert titles[2:4] == ["第 1 次发送：失败，将重试", "第 2 次发送：送达"]
    assert titles[-1].startswith("送达，用时")


def test_addresses_of_people_are_masked_for_who_may_not_see_them(client: Client) -> None:
    row = message(State.SENT, channel="sms", target="13812345678", sent_at=START)
    client.force_login(builders.person("质量经理"))
    page = client.get(timeline.page_of(row)).text
    assert "13812345678" not in page
    assert "138••••5678" in page
    client.force_login(builders.person("通知管理员"))
    assert "13812345678" in client.get(timeline.page_of(row)).text


def test_they_are_masked_in_what_servers_answered_too(client: Client) -> None:
    answer = "550 <zhang.san@plant.example> unknown"
    row = message(State.DEAD, channel="email", reason=Reason.RECIPIENT, error_message=answer)
    attempt(row, "dead", after_s=1, explanation=answer, answer=answer)
    dead = reverse("admin:notifications_notification_dead")
    Notification.objects.update(created_at=clock.now())
    for role, is_shown in (("质量经理", False), ("通知管理员", True)):
        client.force_login(builders.person(role))
        for url in (timeline.page_of(row), dead):
            page = client.get(url).text
            assert "@plant.example" in page
            assert ("zhang.san@" in page) is is_shown


def test_the_list_masks_them_too(client: Client) -> None:
    message(State.SENT, channel="email", target="zhang.san@plant.example", sent_at=START)
    client.force_login(builders.person("质量经理"))
    page = client.get(reverse("admin:notifications_notification_changelist")).text
    assert "zhang.san@" not in page
    assert "z•••@plant.example" in page
