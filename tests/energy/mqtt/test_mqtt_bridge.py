"""What happens to messages between the broker and the database, and what is said of those that fail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import InterfaceError, OperationalError

from alarms.models import Alarm, AlarmStatus
from energy.choices import ReadingKind, Way
from energy.models import (
    Device,
    EnergyDailySummary,
    MqttBridge,
    MqttProblem,
    MqttTopic,
    ReadingBatch,
    ReadingDay,
)
from energy.mqtt import bridge as bridges
from energy.mqtt.bridge import Bridge, CannotKeep
from energy.mqtt.payloads import Message
from energy.mqtt.spool import Spool
from energy.services import days, mqtt
from energy.services.mqtt import Taken
from spc_site import checks, clock, env
from tests.energy import builders as make

START = datetime(2026, 3, 9, 0, 0, tzinfo=make.SHANGHAI)
NOW = datetime(2026, 3, 10, 12, tzinfo=make.SHANGHAI)


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Time:
        now = NOW

    monkeypatch.setattr(clock, "now", lambda: Time.now)
    return Time


def message(payload: object, topic: str = "plant/E1/energy", arrived: datetime = NOW) -> Message:
    return Message(topic, str(payload).encode(), arrived)


def topic(**fields: Any) -> MqttTopic:
    defaults: dict[str, Any] = {"topic": "plant/+/energy"}
    if not {"device", "meter_path"} & set(fields):
        defaults["meter_pattern"] = "{2}"
    row = MqttTopic(**(defaults | fields))
    row.full_clean()
    row.save()
    return row


def problems() -> dict[str, int]:
    return dict(MqttProblem.objects.values_list("code", "count"))


# --- gathering, keeping, acknowledging ------------------------------------------------------------


class Store:
    """Stands for the database: takes messages, or raises what it is told to."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.failed: list[Message] = []
        self.batches = 0
        self.error: Exception | None = None
        self.poison: Message | None = None

    def take(self, messages: Sequence[Message]) -> Taken:
        if self.error is not None:
            raise self.error
        if self.poison in messages:
            raise ZeroDivisionError
        self.batches += 1
        self.taken += messages
        return Taken(len(messages), 0)

    def note_failure(self, message: Message, error: Exception) -> None:
        self.failed.append(message)


class Bench:
    """A bridge on a store, a spool and a clock of the test."""

    def __init__(self, directory: Path) -> None:
        self.store, self.spool = Store(), Spool(directory, limit_bytes=2_000, segment_bytes=200)
        self.bridge = Bridge(self.store, self.spool)
        self.acknowledged: list[Message] = []
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def send(self, *messages: Message, wait: float = 0.2) -> None:
        for one in messages:
            self.bridge.receive(one, lambda one=one: self.acknowledged.append(one))  # type: ignore[misc]
        self.wait(wait)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.bridge.work()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    bench = Bench(tmp_path)
    monkeypatch.setattr(bridges.time, "monotonic", bench.monotonic)
    monkeypatch.setattr(bridges.connection, "close", lambda: None)
    yield bench
    bench.spool.close()


ONE, TWO, THREE, FOUR = (message(number) for number in range(1, 5))


def test_messages_are_gathered_for_a_moment_and_acknowledged_after_they_are_stored(bench: Bench) -> None:
    bench.send(ONE, wait=0.05)
    bench.send(TWO, wait=0.05)
    assert (bench.store.taken, bench.acknowledged) == ([], [])
    bench.wait(0.1)
    assert bench.store.taken == bench.acknowledged == [ONE, TWO]
    assert bench.store.batches == 1
    for _number in range(20):  # a stream that never pauses is not kept waiting
        bench.send(THREE, wait=0.06)
    assert bench.store.batches == 2


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_while_the_database_is_away_messages_wait_on_the_disk_and_keep_their_order(
    bench: Bench, error: Exception
) -> None:
    bench.store.error = error
    bench.send(ONE)
    bench.send(TWO)
    assert bench.acknowledged == [ONE, TWO]
    assert not bench.spool.is_empty
    bench.store.error = None
    bench.send(THREE)  # the pause is not over: it stands in the queue
    assert bench.store.taken == []
    for _turn in range(4):
        bench.wait(2)
    bench.send(FOUR)
    assert bench.store.taken == [ONE, TWO, THREE, FOUR]
    assert bench.acknowledged == [ONE, TWO, THREE, FOUR]
    assert bench.spool.is_empty
    assert bench.bridge.tally.spooled == 3


def test_the_database_is_left_alone_for_longer_and_longer(bench: Bench) -> None:
    tries: list[float] = []
    bench.store.error = OperationalError()
    take = bench.store.take

    def counted(messages: Sequence[Message]) -> Taken:
        tries.append(bench.now)
        return take(messages)

    bench.store.take = counted  # type: ignore[method-assign]
    bench.send(ONE)
    for _second in range(100):
        bench.wait(1)
    pauses = [round(later - earlier) for earlier, later in pairwise(tries)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_what_neither_database_nor_disk_takes_is_not_acknowledged(bench: Bench) -> None:
    bench.store.error = OperationalError()
    with pytest.raises(CannotKeep):
        bench.send(message("1" * 3_000))
    assert bench.acknowledged == []
    bench.store.error = None
    bench.wait(5)
    bench.send(ONE)
    assert bench.store.taken == bench.acknowledged == [ONE]


def test_a_message_on_which_the_program_fails_is_noted_and_keeps_no_other_out(bench: Bench) -> None:
    bench.store.poison = TWO
    bench.send(ONE, TWO, THREE)
    assert bench.store.taken == [ONE, THREE]
    assert bench.store.failed == [TWO]
    assert bench.acknowledged == [ONE, TWO, THREE]


def test_what_was_gathered_from_a_lost_connection_is_forgotten_unacknowledged(bench: Bench) -> None:
    bench.send(ONE, wait=0)
    bench.bridge.forget()
    bench.wait(5)
    assert (bench.store.taken, bench.acknowledged) == ([], [])


def test_retained_messages_are_passed_over_and_counted(bench: Bench) -> None:
    bench.bridge.ignore_retained("t", lambda: bench.acknowledged.append(ONE))
    bench.wait(5)
    assert (bench.bridge.tally.retained, bench.acknowledged, bench.store.taken) == (1, [ONE], [])


# --- taking in ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_messages_become_readings_daily_use_and_one_batch() -> None:
    device = make.device("E1", count_size=Decimal("0.01"), interval_s=43200)
    topic(value_path="kwh", time_path="t", scale=Decimal("0.001"))
    given = [
        message(f'{{"kwh": {value}, "t": "{START + timedelta(hours=hours):%Y-%m-%d %H:%M}"}}')
        for hours, value in ((0, 1_000_000), (12, 1_004_000), (24, 1_010_000))
    ]
    assert mqtt.take(given, source="bridge") == Taken(3, 0)
    batch = ReadingBatch.objects.get()
    assert (batch.way, batch.source, batch.taken) == (Way.MQTT, "mqtt/bridge", 3)
    days.compute_due()
    day = EnergyDailySummary.objects.get(device=device, date=date(2026, 3, 9))
    assert day.total_consumption == Decimal(10)
    row = MqttTopic.objects.get()
    assert (row.messages, row.last_message_at) == (3, NOW)
    assert not MqttProblem.objects.exists()


@pytest.mark.django_db
def test_messages_that_come_again_change_nothing() -> None:
    make.device("E1")
    topic(value_path="v", time_path="t")
    given = [message('{"v": 5, "t": "2026-03-09T08:00+08:00"}')]
    mqtt.take(given)
    stored = list(ReadingDay.objects.values_list("packed", "version"))
    assert mqtt.take(list(given)) == Taken(0, 0)  # out of the spool once more
    assert ReadingBatch.objects.count() == 1
    later = [one._replace(arrived=NOW + timedelta(minutes=1)) for one in given]
    assert mqtt.take(later) == Taken(0, 0)  # by the broker once more
    assert list(ReadingDay.objects.values_list("packed", "version")) == stored


@pytest.mark.django_db
def test_each_bad_message_is_a_row_that_says_what_to_do_and_keeps_no_other_out() -> None:
    make.device("E1")
    make.device("I1", reading_kind=ReadingKind.INTERVAL)
    topic()
    given = [
        message("broken"),
        message("still broken"),
        message(1, topic="plant/nobody/energy"),
        message(1, topic="plant/I1/energy"),
        message(1, topic="elsewhere"),
        message(7),
    ]
    assert mqtt.take(given) == Taken(1, 5)
    assert problems() == {"not_a_number": 2, "unknown_meter": 1, "no_time": 1, "no_topic": 1}
    row = MqttProblem.objects.get(code="not_a_number")
    assert (row.topic, row.payload) == ("plant/E1/energy", "still broken")
    assert "数值路径" in row.reason
    unknown = MqttProblem.objects.get(code="unknown_meter")
    assert (unknown.topic, unknown.meter) == ("plant/nobody/energy", "nobody")
    assert "请建立这块表" in unknown.reason
    mqtt.take([message("broken", arrived=NOW + timedelta(seconds=1))])
    assert problems()["not_a_number"] == 3


@pytest.mark.django_db
def test_of_a_flood_of_strange_topics_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch, at: Any) -> None:
    monkeypatch.setattr(MqttProblem, "MOST", 3)
    for number in range(5):
        at.now = NOW + timedelta(seconds=number)
        mqtt.take([message(1, topic=f"strange/{number}")])
    assert set(MqttProblem.objects.values_list("topic", flat=True)) == {"strange/2", "strange/3", "strange/4"}


@pytest.mark.django_db
def test_batches_of_long_ago_are_forgotten_and_their_readings_stay(
    monkeypatch: pytest.MonkeyPatch, at: Any
) -> None:
    monkeypatch.setattr(mqtt, "_FORGOTTEN_AT_ONCE", 2)
    device = make.device("E1")
    topic()
    make.taken(device, (NOW - timedelta(days=1), 1))
    for number in range(3):
        mqtt.take([message(number, arrived=NOW + timedelta(seconds=number))])
    assert mqtt.forget_batches() == 0
    at.now += timedelta(days=31)
    assert [mqtt.forget_batches() for _chunk in range(3)] == [2, 1, 0]
    assert list(ReadingBatch.objects.values_list("way", flat=True)) == [Way.API]
    assert sum(ReadingDay.objects.values_list("size", flat=True)) == 4


@pytest.mark.django_db
def test_a_message_may_have_several_values_and_only_active_rows_read_it() -> None:
    import_, export = make.device("in"), make.device("out")
    topic(topic="plant/main", device=import_, value_path="in")
    topic(topic="plant/#", device=export, value_path="out")
    topic(topic="#", device=make.device("off"), value_path="in", is_active=False)
    assert mqtt.active_filters() == ["plant/#", "plant/main"]
    assert mqtt.take([message('{"in": 3, "out": 4}', topic="plant/main")]) == Taken(2, 0)
    assert set(ReadingDay.objects.values_list("device__code", flat=True)) == {"in", "out"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"topic": "a/#/b"}, "topic"),
        ({"meter_pattern": "{4}"}, "meter_pattern"),
        ({"meter_path": "a..b", "value_path": "v"}, "meter_path"),
        ({"time_path": "t"}, "value_path"),
        ({"meter_pattern": ""}, "device"),
        ({"meter_pattern": "{2}", "meter_path": "m", "value_path": "v"}, "device"),
        ({"scale": Decimal(0)}, "scale"),
    ],
)
def test_a_row_that_could_not_work_is_refused_in_the_admin(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as caught:
        topic(**fields)
    assert wrong in caught.value.message_dict


@pytest.mark.django_db
def test_a_meter_of_interval_values_needs_a_time_in_the_message() -> None:
    device: Device = make.device(reading_kind=ReadingKind.INTERVAL)
    with pytest.raises(ValidationError, match="时刻"):
        topic(device=device, value_path="v")
    topic(device=device, value_path="v", time_path="t")


# --- being watched --------------------------------------------------------------------------------


def bridge_row(**fields: Any) -> MqttBridge:
    defaults = {
        "client_id": "b",
        "broker": "broker:1883",
        "host": "h",
        "pid": 1,
        "started_at": NOW,
        "beat_at": NOW,
    }
    return MqttBridge.objects.create(**(defaults | fields))


def alarms() -> list[str]:
    return [alarm.description for alarm in Alarm.objects.exclude(status=AlarmStatus.RESOLVED)]


@pytest.mark.django_db
def test_people_are_told_while_configured_topics_bring_nothing(settings: Any, at: Any) -> None:
    mqtt.watch()
    assert alarms() == []
    settings.MQTT = {"client_id": "b"}
    mqtt.watch()
    assert alarms() == []  # no topic, so nobody waits for anything
    row = topic()
    mqtt.watch()
    assert "从未启动" in alarms()[0]
    state = bridge_row()
    mqtt.watch()
    assert alarms() == []
    state.disconnected_since, state.trouble = NOW, "refused"
    state.save()
    mqtt.watch()
    assert alarms() == []  # it may be back at once
    at.now += timedelta(minutes=3)
    MqttBridge.objects.update(beat_at=at.now)
    mqtt.watch()
    assert alarms() == ["连不上代理 broker:1883：refused"]
    at.now += timedelta(minutes=3)
    mqtt.watch()
    assert "没有心跳" in alarms()[0]
    row.delete()
    mqtt.watch()
    assert alarms() == []


# --- the setting ----------------------------------------------------------------------------------


def test_an_address_names_broker_account_and_session() -> None:
    read = env.read("MQTT_URL", {"MQTT_URL": "mqtts://u%40x:p%2F@broker.example/?client_id=plant-1&qos=0"})
    assert read == {
        "host": "broker.example", "port": 8883, "tls": True, "ca": "", "user": "u@x", "password": "p/",
        "client_id": "plant-1", "qos": 0,
    }  # fmt: skip
    plain = env.read("MQTT_URL", {"MQTT_URL": "mqtt://127.0.0.1"})
    assert (plain["port"], plain["tls"], plain["qos"], plain["client_id"]) == (
        1883,
        False,
        1,
        "quality-back-office",
    )
    assert env.read("MQTT_URL", {}) == ""


@pytest.mark.parametrize(
    "url",
    [
        "broker.example",
        "tcp://u:SECRET@broker.example",
        "mqtt://u:SECRET@",
        "mqtt://u:SECRET@broker.example:port",
        "mqtt://u:SECRET@broker.example/topic",
        "mqtt://u:SECRET@broker.example?qos=2",
        "mqtt://u:SECRET@broker.example?qos=1&qos=0",
        "mqtt://u:SECRET@broker.example?client_id=",
        "mqtt://u:SECRET@broker.example?keepalive=5",
        "mqtts://u:SECRET@broker.example?ca=/nowhere.pem",
        f"mqtt://u:SECRET@broker.example?ca={__file__}",
    ],
)
def test_a_wrong_address_stops_the_start_without_telling_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MQTT_URL") as caught:
        env.read("MQTT_URL", {"MQTT_URL": url})
    assert "SECRET" not in str(caught.value)


def test_the_check_names_a_missing_package_and_a_password_in_the_clear(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLOW_HTTP = False
    settings.MQTT = None
    assert checks.mqtt_bridge() == []
    settings.MQTT = env.read("MQTT_URL", {"MQTT_URL": "mqtts://broker.example"})
    assert checks.mqtt_bridge() == []
    settings.MQTT = env.read("MQTT_URL", {"MQTT_URL": "mqtt://broker.example"})
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda _name: None)
    assert [one.id for one in checks.mqtt_bridge()] == ["spc_site.W011", "spc_site.W012"]


# --- UTC ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_plain_number_is_a_reading_of_the_moment_it_arrived() -> None:
    device = make.device("E1")
    topic()
    mqtt.take([message(5, arrived=datetime(2026, 3, 9, 17, 30, 5, 999_999, tzinfo=UTC))])
    device.refresh_from_db()
    assert device.last_reading_at == datetime(2026, 3, 9, 17, 30, 5, tzinfo=UTC)
