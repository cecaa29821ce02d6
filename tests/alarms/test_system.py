"""The system watched by its rules: requests, processor, processes; raised late, recovered late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from alarms import defaults, metering, services
from alarms.metering import Meter
from alarms.models import Alarm, Measure, RequestMinute, SystemRule, SystemState, WorkOrder
from alarms.services import ordering, system
from notifications.models import Channel, Notification, Route, RouteStep
from spc_site.models import Schedule, WorkerBeat
from spc_site.supervise.processor import Processor
from tests import builders

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _only_what_is_asked(settings: Any) -> None:
    SystemRule.objects.update(is_active=False)
    settings.WEBHOOK_KEYS = {"OPS": "OPS-key", "OQC": "OQC-key"}


def _rule(measure: str, **fields: Any) -> SystemRule:
    SystemRule.objects.filter(measure=measure).update(is_active=True, **fields)
    return SystemRule.objects.get(measure=measure)


def _minute(at: datetime, durations: list[float], *, failed: int = 0, process: str = "a") -> None:
    meter = Meter()
    for number, duration in enumerate(durations):
        meter.add(duration, is_failed=number < failed, at=at)
    meter.process = process
    meter.flush(at=at)


def _beat(role: str = "worker", *, at: datetime, **fields: Any) -> WorkerBeat:
    return WorkerBeat.objects.create(
        **{"host": "h1", "pid": 1, "role": role, "started_at": at, "beat_at": at} | fields
    )


def _open() -> list[str]:
    return list(Alarm.objects.open().order_by("key").values_list("key", flat=True))


# --- what ships ---


def test_the_thresholds_that_ship_are_the_customers() -> None:
    rules = {rule.measure: rule for rule in SystemRule.objects.all()}
    assert set(rules) == set(Measure) == set(system.MEASUREMENTS)
    assert (rules["requests_slow"].limit, rules["requests_slow"].severity) == (500, "critical")
    assert (rules["requests_failed"].limit, system.WINDOW) == (5, timedelta(minutes=5))
    assert (rules["processor"].limit, rules["processor"].hold_minutes) == (80, 3)
    book = (Path(defaults.__file__).parent.parent / "docs/runbooks.md").read_text(encoding="utf-8")
    for rule in rules.values():
        assert rule.runbook == defaults.runbook_of(rule.measure)
        assert f'<a id="{rule.runbook.partition("#")[2]}"></a>' in book, "the runbook has a place to open"


# --- requests ---


def test_slow_requests_of_all_processes_together_raise_when_they_last() -> None:
    _rule("requests_slow", hold_minutes=2, minimum_count=100)
    for number in range(5):
        _minute(NOON + number * MINUTE, [20.0] * 98 + [900.0], process="a")
        _minute(NOON + number * MINUTE, [20.0] * 95 + [900.0] * 5, process="b")
    moments = [NOON + (5 + number) * MINUTE for number in range(3)]
    assert [system.watch(at=at) for at in moments[:2]] == [1, 1]
    assert _open() == [], "it has not lasted"
    system.watch(at=moments[2])
    alarm = Alarm.objects.get()
    assert (alarm.key, alarm.severity, alarm.threshold) == ("system.requests_slow:", "critical", "500 ms")
    assert 500 < float(alarm.value.split()[0]) <= 1000


@pytest.mark.parametrize(("failed", "over"), [(5, 0), (6, 1)])
def test_more_than_five_percent_of_errors_in_five_minutes_raise(failed: int, over: int) -> None:
    _rule("requests_failed")
    _minute(NOON - 6 * MINUTE, [10.0] * 50, failed=50)
    _minute(NOON - 5 * MINUTE, [10.0] * 60)
    _minute(NOON - MINUTE, [10.0] * 40, failed=failed)
    _minute(NOON, [10.0] * 40, failed=40)
    assert system.watch(at=NOON) == over
    assert len(_open()) == over


def test_a_few_requests_say_nothing() -> None:
    _rule("requests_failed", minimum_count=20)
    _minute(NOON - MINUTE, [10.0] * 19, failed=19)
    assert system.watch(at=NOON) == 0


def test_a_flush_writes_what_was_counted_so_far_and_twice_is_once(django_assert_num_queries: Any) -> None:
    meter = Meter()
    meter.add(12.0, is_failed=False, at=NOON)
    meter.flush(at=NOON)
    meter.add(700.0, is_failed=True, at=NOON + timedelta(seconds=30))
    meter.add(7.0, is_failed=False, at=NOON + 2 * MINUTE)
    with django_assert_num_queries(1):
        assert meter.flush(at=NOON + 2 * MINUTE) == 2
    meter.flush(at=NOON + 2 * MINUTE)
    rows = [(row.minute, row.count, row.failed, sum(row.buckets)) for row in RequestMinute.objects.all()]
    assert rows == [(NOON + 2 * MINUTE, 1, 0, 1), (NOON, 2, 1, 2)]
    assert system.forget_minutes(at=NOON + timedelta(days=2, seconds=90)) == 1


def test_requests_are_counted_but_not_written_and_probes_are_not_counted(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    meter = Meter()
    monkeypatch.setattr(metering, "meter", meter)
    client.get("/alarms/")
    client.get("/nowhere")
    client.get("/healthz")
    assert not RequestMinute.objects.exists()
    meter.flush(at=NOON)
    assert sum(RequestMinute.objects.values_list("count", flat=True)) == 2


# --- processor and processes ---


def test_a_busy_host_raises_after_three_minutes_and_recovers_after_three(settings: Any) -> None:
    owner = builders.person("运维", first_name="陈工")
    _rule("processor", owner=owner, runbook="docs/runbooks.md#processor")
    seen = []
    for minute in range(12):
        at = NOON + minute * MINUTE
        WorkerBeat.objects.all().delete()
        _beat(at=at, processor_pct=95.0 if minute < 6 or minute == 8 else 30.0)
        _beat(at=at, pid=2, processor_pct=None)
        _beat(at=at, pid=3, host="h2", processor_pct=10.0)
        system.watch(at=at)
        seen.append(len(_open()))
    #              three minutes over … two below, one over again, three below
    assert seen == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    system.watch(at=NOON + 12 * MINUTE)
    alarm = Alarm.objects.get()
    assert (alarm.key, alarm.resolution, alarm.owner) == ("system.processor:h1", "recovered", owner)
    assert (alarm.occurrences, SystemState.objects.count()) == (1, 0)
    order = WorkOrder.objects.get()
    assert (order.alarm, order.owner, order.runbook) == (alarm, owner, "docs/runbooks.md#processor")
    assert order.steps.count() == len(defaults.SYSTEM_STEPS["processor"])
    titles = list(Notification.objects.order_by("pk").values_list("title", flat=True))
    assert titles == ["报警: 处理器繁忙 h1", "工单: 处理器繁忙 h1", "报警解除: 处理器繁忙 h1"]


def test_what_comes_back_before_it_was_worked_off_is_one_order_of_an_operator_who_is_there(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    gone = builders.person("运维", first_name="走工")
    gone.is_active = False
    gone.save()
    _rule("disk", owner=gone, hold_minutes=0, recover_minutes=0)
    builders.superuser()
    operator, _later = builders.person("运维", first_name="陈工"), builders.person("运维")
    for minute, value in enumerate((99.0, 10.0, 99.0)):
        readings = [system.Reading("", value)]
        monkeypatch.setitem(system.MEASUREMENTS, "disk", lambda look, rule, readings=readings: readings)
        system.watch(at=NOON + minute * MINUTE)
    first, second = Alarm.objects.order_by("pk")
    order = WorkOrder.objects.get()
    assert (order.alarm, order.owner, second.owner) == (first, operator, operator)
    assert "仍在进行" in second.events.get(kind="ordered").note
    assert f"负责人：{operator.first_name}" in Notification.objects.filter(title="报警: 磁盘将满")[0].content
    client.force_login(operator)
    assert order.get_absolute_url() in client.get(second.get_absolute_url()).text

    ordering.complete(_ticked(order, operator), user=operator, at=NOON + 3 * MINUTE)
    monkeypatch.setitem(system.MEASUREMENTS, "disk", lambda look, rule: [])
    system.watch(at=NOON + 4 * MINUTE)
    monkeypatch.setitem(system.MEASUREMENTS, "disk", lambda look, rule: [system.Reading("", 99.0)])
    system.watch(at=NOON + 5 * MINUTE)
    assert WorkOrder.objects.count() == 2, "the first one is done"


def _ticked(order: WorkOrder, user: User) -> WorkOrder:
    for step in order.steps.all():
        ordering.complete_step(step, user=user)
    return order


def test_silent_processes_raise_where_none_of_their_kind_lives() -> None:
    _rule("worker_missing"), _rule("pump_silent")
    _beat(at=NOON - 5 * MINUTE, queue="judge")
    _beat(at=NOON, queue="judge", pid=2)
    _beat(at=NOON - 2 * MINUTE, queue="notify", pid=3)
    _beat("pump", at=NOON - 2 * MINUTE, pid=4)
    system.watch(at=NOON)
    assert _open() == ["system.pump_silent:", "system.worker_missing:notify"]
    WorkerBeat.objects.exclude(pid=2).delete()
    WorkerBeat.objects.update(beat_at=NOON + 3 * MINUTE)
    system.watch(at=NOON + MINUTE)
    system.watch(at=NOON + 3 * MINUTE)
    assert _open() == [], "a queue without workers by intent is in order"


def test_a_rule_that_is_switched_off_closes_what_it_raised_and_a_failing_one_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = _rule("disk", hold_minutes=0)
    monkeypatch.setitem(system.MEASUREMENTS, "disk", lambda look, rule: [system.Reading("", 99.0)])
    system.watch(at=NOON)
    assert _open() == ["system.disk:"]

    def broken(look: Any, rule: Any) -> list[system.Reading]:
        raise OSError("no such disk")

    monkeypatch.setitem(system.MEASUREMENTS, "disk", broken)
    system.watch(at=NOON + timedelta(hours=1))
    assert _open() == ["system.disk:"]
    SystemRule.objects.filter(pk=rule.pk).update(is_active=False)
    system.watch(at=NOON + timedelta(hours=2))
    assert Alarm.objects.get().resolution == "switched_off"


def test_the_web_process_looks_after_the_system_when_nobody_else_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _rule("pump_silent")
    _beat("pump", at=NOON)
    monkeypatch.setattr("spc_site.clock.now", lambda: NOON + 2 * MINUTE)
    Schedule.objects.create(name="alarms.system", last_run=NOON, next_run=NOON + MINUTE)
    assert not metering.watch_in_need()
    monkeypatch.setattr("spc_site.clock.now", lambda: NOON + 3 * MINUTE)
    assert metering.watch_in_need()
    assert not metering.watch_in_need(), "the turn was taken"
    assert _open() == ["system.pump_silent:"]


def test_the_share_of_the_processor_is_that_of_the_last_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat, now = tmp_path / "stat", [1000.0]
    monkeypatch.setattr("spc_site.supervise.processor.time.monotonic", lambda: now[0])
    processor = Processor(stat)
    assert processor.busy_pct() is None
    seen = []
    busy, idle = 0, 0
    for load in [50] * 4 + [100] * 4:
        stat.write_text(f"cpu  {busy} 0 0 {idle} 7 0 0 0 0 0\ncpu0 1 2 3\n", encoding="ascii")
        seen.append(processor.busy_pct())
        busy, idle, now[0] = busy + load * 20, idle + (100 - load) * 20, now[0] + 20
    assert seen == [None, 50.0, 50.0, 50.0, 50.0, 66.7, 83.3, 100.0]
    stat.write_text("nonsense", encoding="ascii")
    assert processor.busy_pct() is None


# --- whom ---


def test_the_system_is_told_by_mail_too_and_by_the_routes_where_there_are_some(settings: Any) -> None:
    settings.MAIL_SERVER = {"host": "127.0.0.1", "port": 1, "security": "none", "user": "", "password": ""}
    settings.MAIL_SERVER["sender"] = "qms@plant.example"
    keeper = builders.superuser()
    keeper.email = "keeper@plant.example"
    keeper.save()
    Channel.objects.exclude(code__in=("wechat_bot", "email")).update(is_enabled=False)
    request = system.request_of(_rule("disk"), system.Reading("", 99.0))
    services.raise_alarm(request, at=NOON)
    told = set(Notification.objects.values_list("channel", "target"))
    assert told == {("wechat_bot", "OPS"), ("email", "keeper@plant.example")}
    route = Route.objects.create(name="系统", source="system")
    RouteStep.objects.create(route=route, channel="wechat_bot", target="OQC")
    services.recover([request.key], at=NOON)
    assert (
        Notification.objects.filter(event="alarms.resolved").values_list("target", flat=True).get() == "OQC"
    )
