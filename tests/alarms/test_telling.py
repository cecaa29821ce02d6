"""Who is told of alarms, in how many messages, and who is spared: groups, silences, inhibition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.models import Profile
from alarms import matching, services
from alarms.models import Alarm, InhibitionRule, Silence
from alarms.services import AlarmRequest
from notifications.models import Notification, Route, RouteStep
from quality.services.judgement import judge_report
from tests import builders

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _robots(settings: Any) -> None:
    """Groups that have a robot; nothing here sends."""
    settings.WEBHOOK_KEYS = {group: f"{group}-key" for group in ("IQC", "OQC", "ENERGY", "BOSS", "OPS")}


def _meter(number: int, **fields: Any) -> AlarmRequest:
    fields = {
        "severity": "warning",
        "is_told": True,
        "group_key": "energy.group:7",
        "labels": {"kind": "meter_silent", "meter": f"M{number}", "gateway": f"G{number % 2}"},
        **fields,
    }
    return AlarmRequest(
        key=f"energy.silent.{number}", source="energy", title=f"{number} 号表无数据", **fields
    )


def _gateway(number: int) -> AlarmRequest:
    labels = {"kind": "gateway_offline", "gateway": f"G{number}"}
    return AlarmRequest(
        key=f"energy.gateway.{number}",
        source="energy",
        title=f"网关 {number} 离线",
        is_told=True,
        labels=labels,
    )


def _silence(matchers: str, *, hours: float = 2, author: User | None = None) -> Silence:
    return Silence.objects.create(
        matchers=matchers,
        starts_at=NOON - timedelta(minutes=1),
        ends_at=NOON + timedelta(hours=hours),
        author=author,
        reason="检修",
        created_at=NOON,
    )


def _sent() -> list[Notification]:
    return list(Notification.objects.exclude(status="suppressed").order_by("pk"))


def _withheld() -> list[tuple[str, str]]:
    rows = Notification.objects.filter(status="suppressed").order_by("pk")
    return [(row.reason, row.error_message) for row in rows]


# --- one message ---


def test_many_alarms_of_one_group_are_one_message_that_names_and_links_each() -> None:
    raised = services.raise_alarms([_meter(number) for number in range(3)], at=NOON)
    (message,) = _sent()
    assert (message.event, message.target, message.template_name) == (
        "alarms.raised",
        "ENERGY",
        "alarm_digest",
    )
    assert message.title == "新报警: 3 条"
    for one in raised:
        assert f"- {one.alarm.title} [http" in message.content
        assert f"/alarms/{one.alarm.pk})" in message.content
    assert Alarm.objects.filter(told_at=NOON).count() == 3


def test_one_alarm_is_told_with_its_figures_its_owner_and_its_exact_page() -> None:
    lin = builders.person("质检员", first_name="林工")
    Profile.objects.create(user=lin, wecom_userid="lin.qc")
    alarm = services.raise_alarm(
        _meter(1, value="80 %", threshold="75 %", description="一号\n二号"), at=NOON
    ).alarm
    services.assign(alarm, user=lin, owner=lin)
    services.raise_alarm(_meter(1, severity="critical", value="90 %"), at=NOON + timedelta(hours=1))
    first, worse = _sent()
    assert (first.title, worse.title) == ("报警: 1 号表无数据", "报警加重: 1 号表无数据")
    assert "当前值：80 %，限值 75 %\n一号\n二号\n[受理]" in first.content
    assert first.link == worse.link == f"/alarms/{alarm.pk}"
    assert "<@" not in first.content
    assert "负责人：林工" in worse.content
    assert worse.content.endswith("<@lin.qc>")
    assert (first.priority, worse.priority) == (2, 1)


def test_the_words_of_the_sender_speak_for_one_alarm_and_routes_decide_where_to() -> None:
    route = Route.objects.create(name="能源", event="alarms.*", source="energy", minimum_severity="critical")
    RouteStep.objects.create(route=route, channel="wechat_bot", target="BOSS")
    words = {
        "name": "一号车间",
        "usage": "9120.5",
        "quota": "10000.0",
        "rate": "91.2",
        "unit": "kWh",
        "url": "http://a/",
    }
    services.raise_alarm(_meter(1, template="quota_warning", variables=words), at=NOON)
    services.raise_alarm(_meter(1, template="quota_warning", variables=words, severity="critical"), at=NOON)
    mild, grave = _sent()
    assert "当前使用 9120.5 kWh，配额 10000.0 kWh" in mild.content
    assert (mild.target, grave.target) == ("ENERGY", "BOSS")


def test_the_same_again_and_what_others_tell_is_no_message() -> None:
    services.raise_alarm(_meter(1), at=NOON)
    services.raise_alarm(_meter(1), at=NOON)
    services.raise_alarm(_meter(2, is_told=False), at=NOON)
    assert len(_sent()) == 1


def test_recovery_is_told_in_short_to_those_who_knew_and_the_end_of_a_period_is_not() -> None:
    services.raise_alarms([_meter(1), _meter(2), _meter(3, is_told=False)], at=NOON)
    services.raise_alarm(_meter(4, group_key=""), at=NOON)
    services.recover([f"energy.silent.{number}" for number in (1, 2, 3)], at=NOON)
    services.recover(["energy.silent.4"], reason="period_end", at=NOON)
    assert [message.title for message in _sent()][2:] == ["报警解除: 2 条"]


# --- silences ---


def test_a_silenced_alarm_exists_and_counts_and_its_message_is_kept_with_the_reason() -> None:
    author = builders.person(first_name="王工")
    _silence("source=energy\nmeter!=M2", author=author)
    services.raise_alarms([_meter(1), _meter(2)], at=NOON)
    silenced, loud = Alarm.objects.order_by("key")
    assert (silenced.withheld, silenced.told_at) == ("silenced", None)
    assert "王工 · 检修" in silenced.withheld_by
    assert [event.kind for event in silenced.events.all()] == ["raised", "silenced"]
    assert (loud.withheld, loud.told_at) == ("", NOON)
    (message,) = _sent()
    assert message.title == "报警: 2 号表无数据"
    ((reason, by),) = _withheld()
    assert reason == "silenced"
    assert "王工 · 检修" in by


def test_when_a_silence_ends_people_are_told_of_what_is_still_active(admin_user: User) -> None:
    _silence("key^=energy.silent.")
    known, over, waiting = (
        one.alarm for one in services.raise_alarms([_meter(1), _meter(2), _meter(3)], at=NOON)
    )
    services.acknowledge(known, user=admin_user)
    services.recover([over.key], at=NOON)
    assert services.tell_released(at=NOON + timedelta(hours=1)) == 0
    assert services.tell_released(at=NOON + timedelta(hours=3)) == 1
    assert services.tell_released(at=NOON + timedelta(hours=3)) == 0
    (message,) = _sent()
    assert message.link == f"/alarms/{waiting.pk}"
    assert [event.kind for event in waiting.events.all()] == ["raised", "silenced", "told"]
    assert not Alarm.objects.exclude(withheld="").exists()


def test_a_silence_acts_on_the_messages_of_reports_and_leaves_the_others_as_they_are() -> None:
    report = builders.report(entries=0)
    bad = [*builders.GOOD[:-1], "10.30"]
    quiet, loud = (builders.entry(report, values=bad) for _each in range(2))
    Silence.objects.create(
        matchers=f"characteristic={quiet.name}\nsupplier={report.supplier.name}",
        starts_at=datetime(2026, 1, 1, tzinfo=UTC),
        ends_at=datetime(2099, 1, 1, tzinfo=UTC),
        reason="试模",
        created_at=NOON,
    )
    judge_report(report)
    (message,) = _sent()
    assert message.template_name == "iqc_summary"
    assert loud.name in message.content
    assert quiet.name not in message.content
    (kept,) = Notification.objects.filter(status="suppressed")
    assert (kept.reason, kept.template_name) == ("silenced", "iqc_summary")
    assert quiet.name in kept.content
    assert Alarm.objects.open().count() == 2
    Silence.objects.update(ends_at=NOON)
    assert services.tell_released() == 1
    late = _sent()[-1]
    assert (late.target, late.event) == ("IQC", "alarms.raised")


# --- inhibition ---


def test_a_dead_gateway_keeps_its_own_meters_quiet_until_it_is_back() -> None:
    services.raise_alarms([_gateway(1), *(_meter(number) for number in (1, 2, 3))], at=NOON)
    assert {alarm.key: alarm.withheld for alarm in Alarm.objects.all()} == {
        "energy.gateway.1": "",
        "energy.silent.1": "inhibited",
        "energy.silent.2": "",
        "energy.silent.3": "inhibited",
    }
    assert [message.title for message in _sent()] == ["报警: 网关 1 离线", "报警: 2 号表无数据"]
    ((reason, by),) = _withheld()
    assert (reason, by) == ("inhibited", "网关离线时不再逐表告知：网关 1 离线")
    services.recover(["energy.gateway.1", "energy.silent.1"], at=NOON)
    assert services.tell_released(at=NOON) == 1
    assert _sent()[-1].title == "报警: 3 号表无数据"


_TEXTS = (
    "kind=gateway_offline",
    "kind=meter_silent\nsource^=energy",
    "gateway=G1\nkind!=gateway_offline",
    "level=0",
    "level=2\ngateway=G0",
    "nothing=",
    "nothing=x",
    "kind^=meter",
    "key=energy.silent.3",
    "key^=energy.silent.\nseverity=critical",
    "0=a",
    "contains=b",
    "a__b=c",
    "温度=高",
    "source=ENERGY.silent",
)


def test_the_database_leaves_out_no_alarm_that_matchers_mean() -> None:
    odd = {"0": "a", "contains": "b", "a__b": "c", "温度": "高"}
    requests = [_gateway(1), *(_meter(number) for number in (1, 2, 3))]
    requests += [_meter(4, labels=odd, level=2), _meter(5, labels={}, severity="critical")]
    services.raise_alarms(requests, at=NOON)
    everything = list(Alarm.objects.all())
    meant = {
        text: {one.pk for one in everything if matching.matches(matching.parse(text), matching.facts_of(one))}
        for text in _TEXTS
    }
    assert sum(map(len, meant.values())) > 15
    for one, other in product(_TEXTS, repeat=2):
        some = matching.any_may_match([matching.parse(one), matching.parse(other)])
        assert meant[one] | meant[other] <= set(Alarm.objects.filter(some).values_list("pk", flat=True))
    gateways = matching.any_may_match([matching.parse("kind=gateway_offline")])
    assert Alarm.objects.filter(gateways).get().key == "energy.gateway.1", "and leaves out the others"


def test_sifting_costs_the_same_for_one_alarm_and_for_many(django_assert_num_queries: Any) -> None:
    InhibitionRule.objects.all().delete()
    few = [one.alarm for one in services.raise_alarms([_meter(1, is_told=False)], at=NOON)]
    many = [
        one.alarm for one in services.raise_alarms([_meter(n, is_told=False) for n in range(2, 60)], at=NOON)
    ]
    for alarms in (few, many):
        with django_assert_num_queries(3):  # silences, rules, one update
            services.sift(alarms, at=NOON)
