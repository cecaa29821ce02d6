"""Silence, rates and daily use held against rules: after what time, with what slack, told how often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from alarms import services
from alarms.models import Alarm, AlarmStatus
from energy.choices import Connection, DeviceStatus, Way
from energy.models import AlarmRule, Device, DeviceRatio
from energy.selectors import missing
from energy.services import days, readings, watching
from energy.services.readings import Batch, Reading
from hooks import services as hooks
from notifications.models import Notification
from spc_site import clock
from tests import builders
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]

START = datetime(2026, 3, 10, 8, tzinfo=make.SHANGHAI)
_numbers = count(1)


class Time:
    now = START


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> type[Time]:
    Time.now = START
    monkeypatch.setattr(clock, "now", lambda: Time.now)
    return Time


@pytest.fixture
def fired(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    heard: list[tuple[str, dict[str, Any]]] = []

    def fire_many(point: str, events: Sequence[tuple[dict[str, Any], str]]) -> None:
        heard.extend((point, payload) for payload, _event_id in events)

    monkeypatch.setattr(hooks, "fire_many", fire_many)
    return heard


def read(device: Device, at: datetime, value: int) -> None:
    batch = Batch(
        source="t", batch_id=str(next(_numbers)), way=Way.API, readings=[Reading(device.code, at, value)]
    )
    assert not readings.record(batch).rejected


def look(at: type[Time], minutes: float) -> None:
    """Let time pass and watch, as the job does."""
    at.now = at.now + timedelta(minutes=minutes)
    watching.watch_connections()
    watching.evaluate_rules()


def opened() -> set[str]:
    return set(Alarm.objects.exclude(status=AlarmStatus.RESOLVED).values_list("title", flat=True))


# --- connections ---------------------------------------------------------------------------------


def test_a_meter_is_silent_after_its_time_and_back_when_readings_have_lasted(
    at: type[Time], fired: list[tuple[str, dict[str, Any]]]
) -> None:
    meter = make.device("M1", interval_s=900)
    spare = make.device("M2", status=DeviceStatus.STANDBY)
    read(meter, START, 1)
    read(spare, START, 1)
    look(at, 0)
    look(at, 60)  # four intervals to the second: not yet
    assert [payload["after"] for _point, payload in fired] == [Connection.ONLINE]
    look(at, 1)
    assert opened() == {"断线：M1"}
    meter.refresh_from_db()
    assert meter.connection_since == START
    read(meter, at.now, 2)
    look(at, 1)
    assert [payload["after"] for _point, payload in fired] == ["online", "silent"], "one reading is flicker"
    look(at, 15)
    assert opened() == set()
    assert [payload["after"] for _point, payload in fired] == ["online", "silent", "online"]
    assert {payload["aspect"] for _point, payload in fired} == {"connection"}
    assert {payload["code"] for _point, payload in fired} == {"M1"}


def test_the_silent_meters_of_a_group_are_one_message_and_a_dead_gateway_takes_their_place(
    at: type[Time], settings: Any
) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "", "OQC": "", "ENERGY": "energy-key"}
    shop = make.group("shop")
    meters = [make.device(f"M{n}") for n in range(3)]
    behind = [make.device(f"G{n}", gateway="GW1") for n in range(3)]
    for one in (*meters, *behind):
        make.attached(shop, one)
        read(one, START, 1)
    look(at, 0)
    look(at, 61)
    assert Alarm.objects.filter(source="energy.gateway").count() == 1
    messages = [row.content for row in Notification.objects.exclude(status="suppressed")]
    assert len(messages) == 2, "one for the gateway, one for the meters that hang on no dead gateway"
    assert sum("GW1" in text for text in messages) == 1
    assert sum(all(one.code in text for one in meters) for text in messages) == 1
    before = Notification.objects.count()
    look(at, 5)
    assert Notification.objects.count() == before, "told once"


# --- rates and days ------------------------------------------------------------------------------


def test_a_rate_must_last_and_comes_back_by_its_slack(at: type[Time]) -> None:
    AlarmRule.objects.all().delete()
    meter = make.device("M1", interval_s=900)
    DeviceRatio.objects.create(device=meter, valid_from=START - timedelta(days=1), ratio=10)
    rule = {"measure": "rate", "limit": 100, "hysteresis": 20, "duration_s": 1800, "device": meter}
    AlarmRule.objects.create(name="功率过高", **rule)
    shown = 0
    #        a quarter of an hour each: use × 4 × ratio 10 per hour; limit 100, back at 80
    expected = [(2, 0), (3, 0), (2, 0), (3, 0), (3, 1), (4, 1), (Decimal("2.5"), 1), (2, 0), (3, 0), (3, 1)]
    read(meter, START, shown)
    for use, alarms in expected:
        at.now = at.now + timedelta(minutes=15)
        shown = shown + int(use) if use != Decimal("2.5") else shown + 2
        if use == Decimal("2.5"):  # 90 an hour: between the limit and what counts as back
            read(meter, at.now - timedelta(seconds=100), shown)
        else:
            read(meter, at.now, shown)
        watching.evaluate_rules()
        assert len(opened()) == alarms, f"after {use}"
    for use in (2, 3):  # nobody looks between: it was back for a while, but is not now
        at.now = at.now + timedelta(minutes=15)
        shown += use
        read(meter, at.now, shown)
    watching.evaluate_rules()
    assert len(opened()) == 1
    assert all("kWh/h" in value for value in Alarm.objects.values_list("value", flat=True))


def test_the_use_of_a_day_is_held_against_its_limit(at: type[Time]) -> None:
    AlarmRule.objects.all().delete()
    shop, elsewhere = make.group("shop"), make.device("M2")
    meter = make.device("M1")
    make.attached(make.group("line", shop), meter)
    AlarmRule.objects.create(name="日用量", measure="day", limit=50, group=shop)
    AlarmRule.objects.create(name="过低", measure="day", direction="below", limit=10, group=shop)
    make.used(meter, START.date() - timedelta(days=1), "10", "50")
    make.used(elsewhere, START.date() - timedelta(days=1), "0", "900")
    watching.evaluate_rules()
    assert opened() == set(), "the limit itself is inside"
    meter.days.filter(date=START.date()).update(total_consumption=51)
    meter.days.filter(date__lt=START.date()).update(total_consumption=9)
    watching.evaluate_rules()
    assert opened() == {"日用量：M1", "过低：M1"}
    meter.days.filter(date__lt=START.date()).update(covered_s=80_000)
    at.now = START + timedelta(days=1)
    make.used(meter, at.now.date(), "3")
    watching.evaluate_rules()
    assert opened() == set(), "a new day, and a yesterday of 51"


def test_what_is_no_longer_watched_closes_its_alarms(at: type[Time]) -> None:
    meters = [make.device(code) for code in ("M1", "M2")]
    for one in meters:
        read(one, START, 1)
    look(at, 0)
    look(at, 61)
    assert len(opened()) == 2
    Device.objects.filter(code="M1").update(status=DeviceStatus.RETIRED)
    watching.evaluate_rules()
    assert opened() == {"断线：M2"}
    AlarmRule.objects.update(is_active=False)
    watching.evaluate_rules()
    assert opened() == set()
    assert set(Alarm.objects.values_list("resolution", flat=True)) == {"switched_off"}


def test_rules_cost_the_same_statements_for_few_meters_and_for_many(
    at: type[Time], django_assert_max_num_queries: Any
) -> None:
    AlarmRule.objects.create(name="率", measure="rate", limit=1)
    AlarmRule.objects.create(name="日", measure="day", limit=1)
    costs = []
    for size in (2, 40):
        Alarm.objects.all().delete()
        fleet = [make.device() for _ in range(size)]
        given = [
            Reading(one.code, START - timedelta(minutes=15 * n), 900 - n) for one in fleet for n in range(9)
        ]
        readings.record(Batch(source="t", batch_id=f"fleet{size}", way=Way.API, readings=given))
        days.compute_due()
        at.now = START + timedelta(minutes=5)
        watching.watch_connections()
        with django_assert_max_num_queries(60) as cost:
            watching.evaluate_rules()
        costs.append(len(cost))
    assert len(opened()) == 84
    assert costs[1] <= costs[0] + 3, "rows of alarms go in by parts"


def test_a_rule_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValidationError):
        AlarmRule(name="x", measure="rate").full_clean()
    device, group = make.device(), make.group()
    with pytest.raises(ValidationError):
        AlarmRule(name="x", measure="rate", limit=1, device=device, group=group).full_clean()


# --- the board -----------------------------------------------------------------------------------


def test_the_board_tells_what_is_missing_and_what_is_estimated(
    at: type[Time], django_assert_num_queries: Any
) -> None:
    whole, gap, silent, never = (make.device(code, interval_s=3600) for code in "ABCD")
    make.attached(make.group("shop", name="一车间"), silent)
    begin = START.replace(day=1, hour=0)
    hours = int((START - begin) / timedelta(hours=1))
    given = [Reading("A", begin + timedelta(hours=n), n) for n in range(hours + 1)]
    given += [one._replace(meter="B") for n, one in enumerate(given) if not 30 <= n < 40]
    given += [one._replace(meter="C") for n, one in enumerate(given[: hours // 2])]
    readings.record(Batch(source="t", batch_id="b", way=Way.API, readings=given))
    days.compute_due()
    watching.watch_connections()
    with django_assert_num_queries(5):
        board = missing.missing_board(now=at.now)
    assert (board.meters, board.silent, board.unknown, board.incomplete) == (4, 1, 1, 1)
    rows = {row.device.code: row for row in board.rows}
    assert [row.device.code for row in missing.troubled(board)] == ["C", "D", "B"]
    assert (rows["A"].missing_pct, rows["A"].estimated_pct) == (0.0, 0.0)
    assert (rows["B"].missing_pct, rows["B"].estimated_pct) == (0.0, 10.0), "one day of ten has a gap"
    last = begin + timedelta(hours=hours // 2 - 1)
    assert rows["C"].missing_pct == round(100 * (START - last) / (START - begin), 1)
    assert (rows["C"].since, rows["C"].group) == (last, "一车间")
    assert (rows["D"].missing_pct, rows["D"].since) == (100.0, None)
    assert whole.pk == rows["A"].device.pk
    assert {gap.pk, never.pk} == {rows["B"].device.pk, rows["D"].device.pk}


def test_the_page_of_a_meter_shows_its_open_alarms_and_what_silences_them(
    at: type[Time], client: Client
) -> None:
    meter, other = make.device("M1", interval_s=900), make.device("M2", interval_s=900)
    for one in (meter, other):
        read(one, START, 1)
    look(at, 0)
    look(at, 61)
    person = builders.person("能源管理员")
    client.force_login(person)
    alarm = Alarm.objects.get(title="断线：M1")
    services.silence_alarm(alarm, hours=2, user=person, reason="检修中", at=at.now)
    page = client.get(f"/energy/devices/{meter.pk}/")
    assert [one.title for one in page.context["alarms"]] == ["断线：M1"]
    assert f'href="/alarms/{alarm.pk}"' in page.text
    assert "已静默" in page.text and "检修中" in page.text
    services.recover([alarm.key], at=at.now)
    assert client.get(f"/energy/devices/{meter.pk}/").context["alarms"] == []
