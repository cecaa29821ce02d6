"""Watching delivery: what each rule finds, when it is told, that it does not flap, and by which way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alarms.models import Alarm, AlarmStatus
from notifications import jobs, monitoring
from notifications.channels import Credential, Form, Result, base
from notifications.channels.wechat_bot import WechatBot
from notifications.choices import Reason, State
from notifications.models import (
    Budget,
    Channel,
    DeliveryAttempt,
    HourlyFigure,
    Notification,
    NotificationConfig,
    Recipient,
    Robot,
    Route,
    RouteStep,
    Trouble,
)
from notifications.monitoring.rules import speed
from notifications.policy import Decision
from notifications.services import statistics
from spc_site import clock
from tests import builders
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 20, 8, tzinfo=UTC)


class Clock:
    """The time of the system, which a test moves."""

    def __init__(self) -> None:
        self.now = START

    def on(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    moving = Clock()
    monkeypatch.setattr(clock, "now", lambda: moving.now)
    monkeypatch.setattr(speed, "processor_load", lambda: 0.1)
    yield moving


class Mail(ScriptedChannel):
    """A second channel beside the robot."""

    def __init__(self) -> None:
        super().__init__(code="email")

    def credentials(self, target: str) -> list[Credential]:
        return [Credential("email:account")] if self.is_configured else super().credentials(target)

    def compose(self, title: str, content: str, target: str, form: Form, *rest: Any) -> list[str]:
        return [content]

    def deliver(self, *arguments: Any, **more: Any) -> Result:
        return Result(Decision.SENT)


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Mail:
    """E-mail is set up, and reaches one keeper of the channels."""
    one = Mail()
    monkeypatch.setitem(base._REGISTRY, "email", lambda: one)
    Channel.objects.update_or_create(code="email", defaults={"priority": 3, "is_enabled": True})
    builders.person("通知管理员", email="keeper@plant.example")
    return one


def robot() -> Channel:
    return Channel.objects.get(code="wechat_bot")


def failing(count: int = 5) -> None:
    Channel.objects.filter(code="wechat_bot").update(consecutive_failures=count, last_error="连接被拒绝")


def keys() -> set[str]:
    return set(Trouble.objects.values_list("key", flat=True))


def told() -> list[tuple[str, str]]:
    """Channel and target of the messages about troubles."""
    return list(
        Notification.objects.filter(event=monitoring.EVENT).order_by("pk").values_list("channel", "target")
    )


def message(status: str, *, age: timedelta = timedelta(0), **fields: Any) -> Notification:
    fields.setdefault("next_at", clock.now() - age)
    row = builders.notification(status, **fields)
    moment = clock.now() - age
    Notification.objects.filter(pk=row.pk).update(created_at=moment, updated_at=moment)
    return row


def requests(count: int, outcome: str = "sent", *, ms: int = 100, **fields: Any) -> None:
    row = message(State.SENT)
    start = row.attempts.count()
    for number in range(start + 1, start + count + 1):
        DeliveryAttempt.objects.create(
            notification=row,
            number=number,
            channel="wechat_bot",
            started_at=clock.now() - timedelta(minutes=1),
            duration_ms=ms,
            outcome=outcome,
            **fields,
        )


# --- the rules ----------------------------------------------------------------------------------


def test_a_plant_where_all_is_well_has_no_trouble() -> None:
    message(State.SENT)
    message(State.PENDING)
    requests(50)
    assert monitoring.watch() == 0
    assert keys() == set()


@pytest.mark.parametrize(("count", "found"), [(4, False), (5, True)])
def test_consecutive_failures_are_told_from_the_limit_on(count: int, found: bool) -> None:
    failing(count)
    monitoring.watch()
    assert ("failing:wechat_bot" in keys()) is found


def test_a_channel_that_was_switched_off_is_not_failing() -> None:
    failing()
    Channel.objects.update(is_enabled=False)
    monitoring.watch()
    assert "failing:wechat_bot" not in keys()


def test_a_dead_robot_is_told_with_its_note_and_without_its_key() -> None:
    Budget.objects.create(name="wechat_bot:0123456789abcdef", is_dead=True, note="机器人已被移出群")
    monitoring.watch()
    row = Trouble.objects.get(key="dead:wechat_bot:0123456789abcdef")
    assert (row.description, row.avoid_channel) == ("机器人已被移出群", "wechat_bot")


def test_a_dead_robot_is_named_by_its_group() -> None:
    Robot.objects.create(group="OQC", name="二号", key="93000000-0000-4000-8000-0000000000ab")
    credential = next(one for one in WechatBot().pool() if one.place == "OQC")
    Budget.objects.create(name=credential.name, is_dead=True, note="机器人已被移出群")
    monitoring.watch()
    assert Trouble.objects.get(key=f"dead:{credential.name}").description == (
        "OQC 二号 ••••00ab：机器人已被移出群"
    )


def test_the_backlog_is_told_when_it_is_over_the_limit_of_the_configuration(time: Clock) -> None:
    NotificationConfig.objects.create(config_key="queue_size", config_value="3")
    for state in (State.PENDING, State.HELD, State.SENDING):
        message(state)
    monitoring.watch()
    assert "backlog:all" not in keys()
    message(State.PENDING)
    monitoring.watch()
    row = Trouble.objects.get(key="backlog:all")
    assert (row.value, row.threshold) == ("4", "3")


def test_what_is_due_and_not_taken_for_minutes_is_told() -> None:
    message(State.PENDING, age=timedelta(minutes=4))
    monitoring.watch()
    assert "stalled:queue" not in keys()
    message(State.PENDING, age=timedelta(minutes=6))
    monitoring.watch()
    assert Trouble.objects.get(key="stalled:queue").value == "6 分钟"


def test_a_channel_without_success_is_told_only_if_it_had_something_to_send() -> None:
    Channel.objects.filter(code="wechat_bot").update(last_ok_at=START - timedelta(hours=5))
    monitoring.watch()
    assert keys() == set()
    message(State.HELD, age=timedelta(minutes=40), reason=Reason.CHANNEL_DEAD)
    monitoring.watch()
    assert "silent:wechat_bot" in keys()


@pytest.mark.parametrize(
    "waiting",
    [
        {"status": State.PENDING, "next_at": START + timedelta(hours=8)},  # not before the morning
        {"status": State.HELD, "reason": Reason.QUIET},
    ],
)
def test_what_waits_on_purpose_makes_no_silence(waiting: dict[str, Any]) -> None:
    message(age=timedelta(hours=2), **waiting)
    monitoring.watch()
    assert keys() == set()


def test_uncertain_messages_wait_for_a_person_after_a_while(time: Clock) -> None:
    message(State.UNCERTAIN)
    monitoring.watch()
    assert keys() == set()
    time.on(minutes=11)
    monitoring.watch()
    assert Trouble.objects.get().value == "1 条"


def test_an_unreadable_setting_is_told() -> None:
    NotificationConfig.objects.create(config_key="batch_size", config_value="many")
    monitoring.watch()
    assert "many" in Trouble.objects.get(key="config:rows").description


def test_a_group_without_a_robot_is_told_and_named(channel: ScriptedChannel) -> None:
    channel.is_configured = False
    message(State.SUPPRESSED, reason=Reason.NO_ROBOT, target="OQC")
    monitoring.watch()
    row = Trouble.objects.get(key="config:wechat_bot:OQC")
    assert "OQC" in row.title
    channel.is_configured = True
    Trouble.objects.all().delete()
    monitoring.watch()
    assert keys() == set()


def test_a_channel_that_is_not_set_up_is_one_trouble_however_many_people_miss_it(mail: Mail) -> None:
    mail.is_configured = False
    people = [f"worker{number}@plant.example" for number in range(4)]
    for address in people:
        message(State.SUPPRESSED, reason=Reason.NO_ROBOT, channel="email", target=address)
    monitoring.watch()
    row = Trouble.objects.get()
    assert (row.key, row.value) == ("config:email:all", "4 条消息")
    assert not any(address in f"{row.title} {row.key}" for address in people)  # a group reads it


@pytest.mark.parametrize(
    ("slow", "found"), [(0, False), (1, False), (2, True)], ids=["none", "at the limit", "one more"]
)
def test_the_99th_percentile_of_requests_over_500_ms_is_grave(slow: int, found: bool) -> None:
    requests(100 - slow, ms=500)
    requests(slow, ms=501)
    monitoring.watch()
    assert ("slow:wechat_bot" in keys()) is found
    if found:
        assert Trouble.objects.get().severity == "critical"


@pytest.mark.parametrize(("failed", "found"), [(5, False), (6, True)])
def test_more_than_5_percent_errors_in_5_minutes_are_told(failed: int, found: bool) -> None:
    requests(100 - failed)
    requests(failed, "retry")
    monitoring.watch()
    assert ("errors:wechat_bot" in keys()) is found


def test_waiting_for_a_budget_is_no_error_and_a_few_requests_are_no_statistic() -> None:
    requests(30)
    requests(30, "wait", errcode=45009)
    monitoring.watch()
    assert keys() == set()
    DeliveryAttempt.objects.all().delete()
    requests(3, "retry")
    monitoring.watch()
    assert keys() == set()


def test_the_books_balance_whatever_state_messages_are_in(time: Clock) -> None:
    digest = message(State.SENT, is_digest=True)
    for state in State:
        message(state, merged_into=digest if state == State.MERGED else None, next_at=START)
    monitoring.watch()
    assert "ledger:all" not in keys()


def test_a_merged_message_without_its_digest_is_told_after_it_has_lasted(time: Clock) -> None:
    message(State.MERGED)
    monitoring.watch()
    assert Trouble.objects.get().told_at is None
    time.on(minutes=2)
    monitoring.watch()
    row = Trouble.objects.get(key="ledger:all")
    assert row.told_at is not None
    assert "新建 1 ≠ 送达 0" in row.description


def test_a_message_that_was_counted_and_is_gone_is_told(time: Clock) -> None:
    rows = [message(State.SENT, age=timedelta(hours=5)) for _each in range(3)]
    statistics.roll_up(since=START - timedelta(hours=6), until=START)
    monitoring.watch()
    assert keys() == set()
    rows[0].delete()
    monitoring.watch()
    assert "统计过 3 条，现在只有 2 条" in Trouble.objects.get().description


def test_an_attempt_without_an_end_is_told_unless_it_is_still_under_way(time: Clock) -> None:
    row = message(State.SENT)
    old = {"number": 1, "channel": "wechat_bot", "started_at": START - timedelta(minutes=11)}
    DeliveryAttempt.objects.create(notification=row, outcome="sent", duration_ms=1, **old)
    DeliveryAttempt.objects.create(notification=message(State.SENDING), **old)
    monitoring.watch()
    assert keys() == set()
    DeliveryAttempt.objects.create(notification=row, **(old | {"number": 2}))
    monitoring.watch()
    assert "1 次发送没有写下结果" in Trouble.objects.get().description


@pytest.mark.parametrize(("count", "found"), [(49, False), (50, True)])
def test_five_times_the_usual_number_of_messages_in_an_hour_is_told(
    time: Clock, count: int, found: bool
) -> None:
    for days, usual in enumerate((10, 9, 11, 10, 200, 10, 2), start=1):  # the median is 10
        HourlyFigure.objects.create(channel="email", hour=START - timedelta(days=days), created=usual)
    HourlyFigure.objects.create(channel="email", hour=START, created=count - 5)
    HourlyFigure.objects.create(channel="wechat_bot", hour=START, created=5)
    monitoring.watch()
    assert ("unusual:all" in keys()) is found


def test_a_few_messages_where_there_were_none_are_not_unusual() -> None:
    HourlyFigure.objects.create(channel="email", hour=START, created=29)
    monitoring.watch()
    assert keys() == set()


def test_a_busy_processor_is_told_after_three_minutes(time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "processor_load", lambda: 0.9)
    for _minute in range(3):
        monitoring.watch()
        assert not Trouble.objects.filter(told_at__isnull=False).exists()
        time.on(minutes=1)
    monitoring.watch()
    assert Trouble.objects.get().told_at == time.now


def test_a_processor_that_was_busy_for_a_moment_is_forgotten(
    time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for load in (0.9, 0.5, 0.9, 0.9):
        monkeypatch.setattr(speed, "processor_load", lambda now=load: now)
        monitoring.watch()
        time.on(minutes=1)
    assert Trouble.objects.get().told_at is None
    assert not Alarm.objects.exists()


def test_a_rule_that_fails_hides_no_other_and_ends_no_trouble(
    time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing()
    monitoring.watch()
    monkeypatch.setitem(monitoring.RULES, "failing", lambda look: 1 / 0)
    message(State.PENDING, age=timedelta(minutes=30))
    for _minute in range(5):
        time.on(minutes=1)
        monitoring.watch()
    assert {"failing:wechat_bot", "stalled:queue"} <= keys()


# --- one alarm, by another way ------------------------------------------------------------------


def test_trouble_with_one_channel_is_told_once_through_another(
    channel: ScriptedChannel, mail: Mail, time: Clock
) -> None:
    failing()
    for _minute in range(4):
        jobs.watch_job()
        time.on(minutes=1)
    alarm = Alarm.objects.get()
    assert (alarm.source, alarm.severity, alarm.status) == ("notifications", "critical", AlarmStatus.ACTIVE)
    assert (alarm.value, alarm.threshold, alarm.occurrences) == ("5", "5", 1)
    assert told() == [("email", "keeper@plant.example")]
    content = Notification.objects.get(event=monitoring.EVENT).content
    assert "连续发送失败" in content
    assert "连接被拒绝" in content
    assert f"/alarms/{alarm.pk}" in content


def test_the_end_is_told_once_after_it_has_lasted_and_closes_the_alarm(
    channel: ScriptedChannel, mail: Mail, time: Clock
) -> None:
    failing()
    monitoring.watch()
    failing(0)
    for _minute in range(3):
        time.on(minutes=1)
        monitoring.watch()
        assert Alarm.objects.get().is_open
    for _minute in range(3):
        time.on(minutes=1)
        monitoring.watch()
    assert Alarm.objects.get().status == AlarmStatus.RESOLVED
    assert told() == [("email", "keeper@plant.example")] * 2
    assert "已恢复" in Notification.objects.filter(event=monitoring.EVENT).latest("pk").content
    assert keys() == set()


def test_what_comes_and_goes_is_one_trouble(channel: ScriptedChannel, mail: Mail, time: Clock) -> None:
    for count in (5, 0, 5, 0, 0, 5, 0):
        failing(count)
        monitoring.watch()
        time.on(minutes=1)
    assert Alarm.objects.count() == 1
    assert len(told()) == 1


def test_a_little_below_the_limit_is_no_end_yet(channel: ScriptedChannel, mail: Mail, time: Clock) -> None:
    NotificationConfig.objects.create(config_key="queue_size", config_value="10")
    rows = [message(State.PENDING) for _each in range(11)]
    monitoring.watch()
    rows[0].delete()
    rows[1].delete()
    for _minute in range(6):
        time.on(seconds=61)
        Notification.objects.filter(status=State.PENDING).update(next_at=time.now)
        Notification.objects.filter(event=monitoring.EVENT).update(status=State.SENT)
        monitoring.watch()
    assert Trouble.objects.get(key="backlog:all").clear_since is None
    rows[2].delete()  # 8 of 10
    monitoring.watch()
    assert Trouble.objects.get(key="backlog:all").clear_since == time.now


def test_a_route_for_troubles_decides_whom_to_tell_but_never_by_the_failing_channel(
    channel: ScriptedChannel, mail: Mail
) -> None:
    route = Route.objects.create(name="运维", event="notifications.*")
    chief = Recipient.objects.create(name="班长", email="chief@plant.example")
    RouteStep.objects.create(route=route, position=1, channel="wechat_bot", target="OPS")
    RouteStep.objects.create(route=route, position=2, recipient=chief)
    failing()
    monitoring.watch()
    assert told() == [("email", "chief@plant.example")]


def test_trouble_of_no_channel_goes_by_the_first_channel_that_works(
    channel: ScriptedChannel, mail: Mail
) -> None:
    message(State.PENDING, age=timedelta(minutes=10))
    monitoring.watch()
    assert told() == [("wechat_bot", "OPS")]


def test_another_robot_serves_where_there_is_no_other_channel(
    channel: ScriptedChannel, settings: Any
) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "a", "OQC": "b"}
    Budget.objects.create(name="test:OPS", is_dead=True, note="x")
    Budget.objects.create(name="test:IQC", is_dead=True, note="x")
    failing()
    monitoring.watch()
    assert told()[0] == ("wechat_bot", "OQC")
    assert set(told()) == {("wechat_bot", "OQC")}


def test_without_any_way_every_page_says_it_and_it_is_tried_again(
    channel: ScriptedChannel, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.is_configured = False
    failing()
    monitoring.watch()
    assert Trouble.objects.get().is_unheard
    assert monitoring.unheard() == ["群机器人 连续发送失败"]
    assert Alarm.objects.get().is_open
    assert told() == []
    channel.is_configured = True
    time.on(minutes=1)
    monitoring.watch()
    assert monitoring.unheard() == []
    assert len(told()) == 1
    assert Alarm.objects.get().occurrences == 1
