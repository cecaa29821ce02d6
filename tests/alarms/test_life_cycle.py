"""One life cycle: escalation by severity and level, closing with a reason, closing late, replay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.dispatch import Signal
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import Profile
from alarms import events, services
from alarms.models import Alarm, AlarmEvent, AlarmStatus, Closing, Resolution, SourceRule
from alarms.services import AlarmRequest
from approvals.signals import card_clicked
from tests import builders

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


def _quota(level: int, *, key: str = "energy.quota.1.2026-11", **fields: Any) -> AlarmRequest:
    label, severity = [("", "info"), ("预警", "warning"), ("警报", "critical"), ("超额", "critical")][level]
    return AlarmRequest(
        key=key,
        source="energy",
        title=f"配额预警: 一号车间 {level}",
        severity=severity,
        level=level,
        level_label=label,
        **fields,
    )


def _kinds(alarm: Alarm) -> list[str]:
    return [event.kind for event in alarm.events.all()]


@contextmanager
def _listening(*signals: Signal) -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def hear(sender: Any, signal: Signal, **facts: Any) -> None:
        heard.append(facts)

    for signal in signals:
        signal.connect(hear, weak=False)
    yield heard
    for signal in signals:
        signal.disconnect(hear)


# --- escalation ---


def test_a_higher_level_of_the_same_severity_makes_the_same_alarm_active_again(admin_user: User) -> None:
    first = services.raise_alarm(_quota(2), at=NOON)
    services.acknowledge(first.alarm, user=admin_user, at=NOON + timedelta(minutes=5))
    worse = services.raise_alarm(_quota(3), at=NOON + timedelta(hours=1))
    alarm = Alarm.objects.get()
    assert (worse.is_new, worse.is_escalated, worse.alarm) == (False, True, alarm)
    assert (alarm.status, alarm.acknowledged_at, alarm.owner) == (AlarmStatus.ACTIVE, None, admin_user)
    assert (alarm.severity, alarm.level, alarm.level_label) == ("critical", 3, "超额")
    assert (alarm.triggered_at, alarm.active_since) == (NOON, NOON + timedelta(hours=1))
    assert _kinds(alarm) == ["raised", "acknowledged", "escalated"]


@pytest.mark.parametrize("later", [1, 2])
def test_the_highest_level_is_kept_and_an_acknowledged_alarm_stays_so(admin_user: User, later: int) -> None:
    services.acknowledge(services.raise_alarm(_quota(2)).alarm, user=admin_user)
    again = services.raise_alarm(_quota(later))
    alarm = Alarm.objects.get()
    assert not again.is_escalated
    assert (alarm.severity, alarm.level, alarm.status) == ("critical", 2, AlarmStatus.ACKNOWLEDGED)
    assert alarm.title.endswith(str(later)), "the words are those of now"


def test_looking_at_the_same_condition_again_is_no_line_in_the_timeline() -> None:
    services.raise_alarm(_quota(1, value="80.1"), at=NOON)
    services.raise_alarm(_quota(1, value="80.4", is_continuing=True), at=NOON + timedelta(hours=1))
    alarm = Alarm.objects.get()
    assert (alarm.value, alarm.occurrences, alarm.last_seen_at) == ("80.4", 1, NOON + timedelta(hours=1))
    services.raise_alarm(_quota(3, value="100.2", is_continuing=True))
    assert _kinds(alarm) == ["raised", "escalated"], "getting worse is never passed over"


# --- closing ---


@pytest.mark.parametrize("reason", ["recovered", "period_end", "corrected", "switched_off"])
def test_the_reason_of_a_closing_is_kept_and_told_to_the_other_rooms(reason: str) -> None:
    services.raise_alarm(_quota(1), at=NOON)
    with _listening(events.alarm_resolved) as heard:
        assert services.recover([_quota(1).key], reason=reason, note="期末 9120.5 kWh", at=NOON) == 1
    alarm = Alarm.objects.get()
    assert (alarm.status, alarm.resolution, alarm.resolved_at) == (AlarmStatus.RESOLVED, reason, NOON)
    assert alarm.events.last().note == "期末 9120.5 kWh"
    assert [facts["alarm"]["resolution"] for facts in heard] == [reason]


def test_a_reason_that_is_not_in_the_list_is_refused() -> None:
    services.raise_alarm(_quota(1))
    with pytest.raises(ValueError, match="whim"):
        services.recover([_quota(1).key], reason="whim")
    assert Alarm.objects.get().is_open


def test_where_only_people_close_a_recovery_is_a_line_and_nothing_more(admin_user: User) -> None:
    SourceRule.objects.create(source="energy", closing=Closing.BY_HAND)
    key = _quota(1).key
    alarm = services.raise_alarm(_quota(1), at=NOON).alarm
    assert [services.recover([key], at=NOON) for _again in range(2)] == [0, 0]
    alarm.refresh_from_db()
    assert (alarm.is_open, alarm.calmed_at, _kinds(alarm)) == (True, NOON, ["raised", "calmed"])
    services.explain(alarm, user=admin_user, cause="换表", action="")
    assert services.resolve(alarm, user=admin_user).resolution == Resolution.BY_HAND
    services.raise_alarm(_quota(1))
    assert services.recover([key], reason="period_end") == 1, "there is nothing left to close by hand"


def test_a_crossing_in_a_closed_period_is_created_and_closed_once() -> None:
    with _listening(events.alarm_created, events.alarm_resolved) as heard:
        made = services.raise_closed([_quota(2)], at=NOON, closed_at=NOON + timedelta(days=20))
    alarm = Alarm.objects.get()
    assert made == [alarm]
    assert (alarm.status, alarm.resolution) == (AlarmStatus.RESOLVED, Resolution.CLOSED_LATE)
    assert [(event.kind, event.at) for event in alarm.events.all()] == [
        ("raised", NOON),
        ("resolved", NOON + timedelta(days=20)),
    ]
    assert len(heard) == 2
    assert services.raise_closed([_quota(2), _quota(1)], at=NOON) == [], "found again, or milder"
    assert [one.level for one in services.raise_closed([_quota(3)], at=NOON)] == [3]
    assert not Alarm.objects.open().exists()


# --- other rooms, other ways in ---


def test_the_other_rooms_hear_plain_facts_of_the_whole_life(admin_user: User) -> None:
    signals = (events.alarm_created, events.alarm_escalated, events.alarm_acknowledged, events.alarm_resolved)
    with _listening(*signals) as heard:
        services.raise_alarm(_quota(1, labels={"meter": "M1"}))
        services.raise_alarm(_quota(1))
        alarm = services.raise_alarm(_quota(2)).alarm
        services.acknowledge(alarm, user=admin_user)
        services.explain(alarm, user=admin_user, cause="x", action="")
        services.resolve(alarm, user=admin_user)
    assert [facts["alarm"]["status"] for facts in heard] == ["active", "active", "acknowledged", "resolved"]
    assert [facts.get("by", "") for facts in heard] == ["", "", "admin", "admin"]
    first = heard[0]["alarm"]
    assert (first["labels"], first["level"], first["level_label"]) == ({"meter": "M1"}, 1, "预警")
    assert first["url"].endswith(f"/alarms/{alarm.pk}")


def test_a_card_acknowledges_for_whom_the_userid_means_and_twice_is_once() -> None:
    lin = builders.person("质检员", first_name="林工")
    Profile.objects.create(user=lin, wecom_userid="lin.qc")
    outsider = builders.person("合同管理员")
    Profile.objects.create(user=outsider, wecom_userid="wang")
    alarm = services.raise_alarm(_quota(1)).alarm
    for nobody in ("nobody", "wang", ""):
        assert not services.acknowledge_from_card(alarm.pk, nobody).is_acknowledged
    answers = [services.acknowledge_from_card(alarm.pk, "Lin.QC") for _again in range(2)]
    alarm.refresh_from_db()
    assert alarm.acknowledged_at is not None
    moment = f"{timezone.localtime(alarm.acknowledged_at):%H:%M}"
    assert [(one.is_acknowledged, one.text) for one in answers] == [(True, f"已由 林工 受理 {moment}")] * 2
    assert (alarm.owner, _kinds(alarm)) == (lin, ["raised", "acknowledged"])
    services.recover([alarm.key])
    closed = services.acknowledge_from_card(alarm.pk, "lin.qc")
    assert not closed.is_acknowledged
    assert closed.text.startswith("已解除 ")
    assert not services.acknowledge_from_card(0, "lin.qc").is_acknowledged


def test_a_click_that_arrived_acknowledges_its_alarm_and_no_other() -> None:
    lin = builders.person("质检员")
    Profile.objects.create(user=lin, wecom_userid="lin.qc")
    alarm, other = services.raise_alarm(_quota(1)).alarm, services.raise_alarm(_quota(1, key="other")).alarm
    for key in ("", "alarm.acknowledge:", "alarm.acknowledge:²", f"contract:{other.pk}"):
        card_clicked.send(sender=None, key=key, user_id="lin.qc", task_id="t", response_code="r")
    assert not Alarm.objects.exclude(status="active").exists()
    card_clicked.send(
        sender=None, key=services.card_key(alarm), user_id="lin.qc", task_id="t", response_code="r"
    )
    assert Alarm.objects.get(status="acknowledged") == alarm


# --- replay ---

_KEYS = ("a", "b", "c")
_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("raise"), st.lists(st.tuples(st.sampled_from(_KEYS), st.integers(1, 3)), max_size=3)
        ),
        st.tuples(st.just("recover"), st.lists(st.sampled_from(_KEYS), max_size=3)),
        st.tuples(st.just("late"), st.tuples(st.sampled_from(_KEYS), st.integers(1, 3))),
    ),
    max_size=12,
)


def _replay(steps: list[tuple[str, Any]], *, pieces: bool) -> list[Any]:
    """Run the steps; `pieces` splits every call into one per key, at the same moments."""
    Alarm.objects.all().delete()
    for number, (what, arguments) in enumerate(steps):
        at = NOON + timedelta(minutes=number)
        if what == "late":
            key, level = arguments
            services.raise_closed([_quota(level, key=key)], at=at, closed_at=at)
            continue
        seen = dict(arguments) if what == "raise" else dict.fromkeys(arguments)
        calls = [{key: value} for key, value in seen.items()] if pieces else [seen]
        for call in calls:
            if what == "raise":
                services.raise_alarms([_quota(level, key=key) for key, level in call.items()], at=at)
            else:
                services.recover(call, at=at)
    return [
        (
            *(alarm.key, alarm.status, alarm.rank, alarm.occurrences, alarm.triggered_at),
            *(alarm.active_since, alarm.last_seen_at, alarm.resolved_at, alarm.resolution),
            [(event.at, event.kind, event.note) for event in alarm.events.all()],
        )
        for alarm in Alarm.objects.order_by("key", "triggered_at", "resolved_at", "level")
    ]


class Replay(TestCase):
    @settings(max_examples=25)
    @given(steps=_STEPS)
    def test_the_same_events_give_the_same_alarms_and_timelines(self, steps: list[tuple[str, Any]]) -> None:
        once = _replay(steps, pieces=False)
        assert _replay(steps, pieces=False) == once
        assert _replay(steps, pieces=True) == once
        assert Alarm.objects.open().count() == len({row[0] for row in once if row[1] != "resolved"})
        assert AlarmEvent.objects.filter(kind="raised").count() == len(once)
