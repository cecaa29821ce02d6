"""What happens while nobody acknowledges: steps, rotas, reminders, quiet hours, each at most once."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from alarms import rotas, services
from alarms.models import (
    Alarm,
    AlarmEvent,
    EscalationPolicy,
    EscalationStep,
    Prompt,
    Rota,
    SourceRule,
)
from alarms.services import AlarmRequest
from notifications.models import Notification, Recipient

pytestmark = pytest.mark.django_db

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=SHANGHAI)  # a Friday
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _robots(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {group: f"{group}-key" for group in ("IQC", "OQC", "ENERGY", "OPS")}


def _policy(**fields: Any) -> EscalationPolicy:
    policy = EscalationPolicy.objects.create(**({"name": "一般", "breaks_at": "critical"} | fields))
    SourceRule.objects.filter(source="energy*").update(policy=policy)
    return policy


def _person(name: str) -> Recipient:
    return Recipient.objects.create(name=name, email=f"{name}@plant.example", channels=["email"])


def _rota(*names: str, **fields: Any) -> Rota:
    rota = Rota.objects.create(**({"name": "夜班", "turn_days": 7, "starts_on": date(2026, 11, 2)} | fields))
    for place, name in enumerate(names):
        rota.members.create(position=place, recipient=_person(name))
    return rota


def _alarm(key: str = "energy.1", *, at: datetime = NOON, **fields: Any) -> Alarm:
    return services.raise_alarm(
        AlarmRequest(key=key, source="energy", title=f"报警 {key}", **fields), at=at
    ).alarm


def _told() -> list[tuple[str, str]]:
    return [(row.event, row.target) for row in Notification.objects.order_by("pk")]


# --- steps ---


def test_each_step_comes_at_its_minute_once_and_stops_when_somebody_acknowledges(admin_user: User) -> None:
    policy = _policy()
    EscalationStep.objects.create(policy=policy, after_minutes=10, recipient=_person("lin"))
    EscalationStep.objects.create(policy=policy, after_minutes=20, channel="wechat_bot", target="OQC")
    EscalationStep.objects.create(policy=policy, after_minutes=30, by_route=True)
    alarm = _alarm()
    done = {}
    for minute in (0, 9, 10, 10, 11, 20, 25):
        done[minute] = services.prompt_due(at=NOON + minute * MINUTE)
    assert done == {0: 0, 9: 0, 10: 0, 11: 0, 20: 1, 25: 0}, "the second look at minute 10 found nothing"
    assert _told() == [("alarms.escalated", "lin@plant.example"), ("alarms.escalated", "OQC")]
    services.acknowledge(alarm, user=admin_user, at=NOON + 26 * MINUTE)
    assert services.prompt_due(at=NOON + 60 * MINUTE) == 0
    notes = list(AlarmEvent.objects.filter(kind="told").values_list("note", flat=True))
    assert notes == ["无人受理，第 1 级：lin", "无人受理，第 2 级：企业微信群机器人 OQC"]
    message = Notification.objects.get(target="lin@plant.example")
    assert "10 分钟无人受理" in message.content
    assert Prompt.objects.order_by("pk")[0].message_id == message.message_id


def test_after_a_stop_every_step_is_done_and_of_the_reminders_the_last_one() -> None:
    policy = _policy(reminder_hours=2, repeats=1, repeat_minutes=60)
    EscalationStep.objects.create(policy=policy, after_minutes=10, channel="wechat_bot", target="OQC")
    EscalationStep.objects.create(policy=policy, after_minutes=15, channel="wechat_bot", target="IQC")
    _alarm()
    assert services.prompt_due(at=NOON + timedelta(hours=7)) == 5
    assert _told() == [
        ("alarms.escalated", "OQC"),
        ("alarms.escalated", "IQC"),
        ("alarms.reminder", "ENERGY"),
    ]
    assert services.prompt_due(at=NOON + timedelta(hours=7)) == 0
    assert services.prompt_due(at=NOON + timedelta(hours=8)) == 1
    assert "420 分钟" in Notification.objects.get(event="alarms.reminder", content__contains="420").content


def test_what_got_worse_begins_anew_and_grave_steps_wait_for_grave_alarms(admin_user: User) -> None:
    policy = _policy()
    EscalationStep.objects.create(policy=policy, after_minutes=5, minimum_severity="critical", by_route=True)
    alarm = _alarm()
    assert services.prompt_due(at=NOON + 9 * MINUTE) == 0
    services.acknowledge(alarm, user=admin_user, at=NOON + 9 * MINUTE)
    _alarm(at=NOON + 10 * MINUTE, severity="critical")
    assert services.prompt_due(at=NOON + 14 * MINUTE) == 0
    assert services.prompt_due(at=NOON + 15 * MINUTE) == 1


def test_quiet_hours_hold_steps_and_reminders_back_but_not_for_grave_alarms() -> None:
    _policy(reminder_hours=1, quiet_from=time(22), quiet_until=time(7))
    night = NOON.replace(hour=21, minute=30)
    _alarm("energy.mild", at=night)
    _alarm("energy.grave", at=night, severity="critical")
    assert services.prompt_due(at=night + timedelta(hours=1)) == 1
    assert services.prompt_due(at=night + timedelta(hours=9, minutes=29)) == 1
    assert services.prompt_due(at=night + timedelta(hours=9, minutes=30)) == 1, "07:00: the mild one, once"
    prompts = Prompt.objects.order_by("pk").values_list("alarm__key", "number")
    assert list(prompts) == [("energy.grave", 1), ("energy.grave", 9), ("energy.mild", 9)]


def test_a_silenced_alarm_is_neither_escalated_nor_reminded_of(admin_user: User) -> None:
    _policy(reminder_hours=1)
    alarm = _alarm(is_told=True)
    row = services.silence_alarm(alarm, hours=24, user=admin_user, at=NOON)
    assert services.prompt_due(at=NOON + timedelta(hours=5)) == 0
    services.end_silence(row, user=admin_user, at=NOON + timedelta(hours=6))
    assert services.prompt_due(at=NOON + timedelta(hours=6)) == 0, "who was just told has time to answer"
    assert services.prompt_due(at=NOON + timedelta(hours=7)) == 1


def test_what_began_long_before_it_was_found_waits_from_when_it_was_found() -> None:
    _policy(reminder_hours=1)
    alarm = _alarm(happened_at=NOON - timedelta(days=50))
    alarm.refresh_from_db()
    assert (alarm.triggered_at, alarm.active_since) == (NOON - timedelta(days=50), NOON)
    assert services.prompt_due(at=NOON + 59 * MINUTE) == 0
    assert services.close_quiet(at=NOON + timedelta(hours=1)) == 0, "it was seen a moment ago"


def test_nobody_is_reminded_of_a_meter_whose_gateway_died_later() -> None:
    _policy(reminder_hours=1)
    labels = {"kind": "meter_silent", "gateway": "G1"}
    _alarm("energy.meter", is_told=True, labels=labels)
    gateway = _alarm("energy.gateway", at=NOON + MINUTE, labels={"kind": "gateway_offline", "gateway": "G1"})
    services.prompt_due(at=NOON + timedelta(hours=2))
    assert [prompt.alarm for prompt in Prompt.objects.all()] == [gateway]
    services.recover([gateway.key], at=NOON + timedelta(hours=3))
    assert services.prompt_due(at=NOON + timedelta(hours=3)) == 1


def test_alarms_that_wait_together_are_one_message_and_cost_no_query_each(
    django_assert_max_num_queries: Any,
) -> None:
    policy = _policy()
    EscalationStep.objects.create(policy=policy, after_minutes=5, rota=_rota("a", "b"))
    requests = [
        AlarmRequest(key=f"energy.{n}", source="energy", title=f"{n}", group="ENERGY") for n in range(40)
    ]
    services.raise_alarms(requests, at=NOON)
    with django_assert_max_num_queries(14):
        assert services.prompt_due(at=NOON + MINUTE) == 0
    assert services.prompt_due(at=NOON + 5 * MINUTE) == 40
    (message,) = Notification.objects.all()
    assert message.title == "报警无人受理: 40 条"
    with django_assert_max_num_queries(14):
        assert services.prompt_due(at=NOON + 6 * MINUTE) == 0


# --- rotas ---


@given(
    days=st.integers(1, 14),
    start=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    handover=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    hours=st.integers(-5000, 5000),
)
def test_a_turn_lasts_its_days_and_begins_at_the_handover(
    days: int, start: date, handover: time, hours: int
) -> None:
    def turn(at: datetime) -> rotas.Turn:
        return rotas.turn_at(at, starts_on=start, handover_at=handover, turn_days=days)

    at = datetime.combine(start, handover) + timedelta(hours=hours)
    found = turn(at)
    begins = datetime.combine(found.first_day, handover)
    assert begins <= at < begins + timedelta(days=days)
    assert turn(begins) == found
    assert turn(begins - timedelta(minutes=1)).number == found.number - 1
    assert turn(datetime.combine(start, handover)).number == 0


def test_the_rota_decides_who_is_called_exceptions_first_and_whoever_can_be_reached() -> None:
    rota = _rota("a", "b", "c")
    friday = datetime(2026, 11, 6, 9, tzinfo=SHANGHAI)

    def names(at: datetime) -> list[str]:
        return [person.name for person in Rota.objects.get(pk=rota.pk).on_call(at)]

    assert names(friday) == ["a", "b", "c"]
    assert names(friday + timedelta(days=7)) == ["b", "c", "a"]
    assert names(datetime(2026, 11, 9, 7, 59, tzinfo=SHANGHAI)) == ["a", "b", "c"], "before the handover"
    rota.exceptions.create(
        starts_at=friday, ends_at=friday + timedelta(days=1), recipient=rota.members.last().recipient
    )
    assert names(friday) == ["c", "a", "b"]
    assert names(friday + timedelta(days=1)) == ["a", "b", "c"]
    Recipient.objects.filter(name__in=["b", "c"]).update(is_active=False)
    policy = _policy()
    EscalationStep.objects.create(policy=policy, after_minutes=0, rota=rota)
    _alarm(at=friday + timedelta(days=7))
    services.prompt_due(at=friday + timedelta(days=7))
    assert _told() == [("alarms.escalated", "a@plant.example")]
    Recipient.objects.update(is_active=False)
    _alarm("energy.2", at=friday + timedelta(days=7))
    services.prompt_due(at=friday + timedelta(days=7))
    assert _told()[-1] == ("alarms.escalated", "ENERGY"), "a rota without anybody loses nothing"


# --- closing what nobody looked at ---


def test_what_is_not_seen_for_days_is_closed_as_the_rule_says_and_says_so() -> None:
    SourceRule.objects.update(closing="recovery", quiet_days=None)
    SourceRule.objects.filter(source="energy*").update(closing="quiet", quiet_days=45)
    old, fresh = _alarm("energy.old"), _alarm("energy.fresh")
    other = services.raise_alarm(AlarmRequest(key="q", source="quality.IQC", title="q"), at=NOON).alarm
    services.raise_alarm(
        AlarmRequest(key=fresh.key, source="energy", title="x", is_continuing=True),
        at=NOON + timedelta(days=1),
    )
    assert services.close_quiet(at=NOON + timedelta(days=44)) == 0
    assert services.close_quiet(at=NOON + timedelta(days=45)) == 1
    for alarm in (old, fresh, other):
        alarm.refresh_from_db()
    assert (old.is_open, old.resolution, fresh.is_open, other.is_open) == (False, "quiet", True, True)
    assert old.events.last().note == "45 天未再发生，按来源设定自动关闭"


def test_a_fresh_plant_reminds_every_four_hours_and_escalates_grave_alarms() -> None:
    _alarm("energy.mild")
    _alarm("energy.grave", severity="critical")
    assert services.prompt_due(at=NOON + 30 * MINUTE) == 1
    assert services.prompt_due(at=NOON + timedelta(hours=4)) == 2
    assert _told() == [("alarms.escalated", "ENERGY"), ("alarms.reminder", "ENERGY")]
