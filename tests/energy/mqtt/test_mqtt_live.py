"""The bridge on a real broker: what arrives, what is not lost, what is said."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.db.models import Sum
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from energy.models import EnergyDailySummary, MqttBridge, MqttProblem, MqttTopic, ReadingDay
from energy.mqtt import running
from energy.mqtt.bridge import Bridge
from energy.mqtt.broker import Broker, BrokerAway
from energy.mqtt.payloads import Message
from energy.services import days, mqtt
from spc_site import env
from tests import services
from tests.energy import builders as make
from tests.live import MANAGE, ROOT, child_environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

_numbers = count(1)


class Plant:
    """A gateway that publishes, and the bridge's settings, under names of one test."""

    def __init__(self, broker: services.Mosquitto, directory: Path) -> None:
        self.broker, self.directory = broker, directory
        self.name = f"plant{os.getpid()}-{next(_numbers)}"
        self.url = f"{broker.url}/?client_id={self.name}"
        self._gateway = paho.Client(CallbackAPIVersion.VERSION2)
        self._gateway.username_pw_set(broker.USER, broker.PASSWORD)
        self._gateway.connect("127.0.0.1", broker.port)
        self._gateway.loop_start()

    def send(self, meter: str, payload: object, *, topic: str = "", retain: bool = False) -> None:
        """Publish and wait until the broker has it."""
        self._gateway.publish(
            topic or f"{self.name}/{meter}/energy", str(payload), qos=1, retain=retain
        ).wait_for_publish(10)

    def close(self) -> None:
        self._gateway.disconnect()
        self._gateway.loop_stop()

    @contextlib.contextmanager
    def bridge(self) -> Iterator[running.Process]:
        """Run the bridge in a thread; it leaves in good order, as on SIGTERM."""
        process = running.Process(env.read("MQTT_URL", {"MQTT_URL": self.url}), self.directory / "spool")
        stop = threading.Event()

        def run() -> None:
            try:
                process.run(stop)
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            until(lambda: self.state() is not None, "the bridge is connected and subscribed")
            yield process
        finally:
            stop.set()
            thread.join(20)
            assert not thread.is_alive()

    def state(self) -> MqttBridge | None:
        """Return how the bridge is, once it is connected and subscribed."""
        return MqttBridge.objects.filter(client_id=self.name, connected_since__isnull=False).first()


@pytest.fixture
def plant(mosquitto: services.Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setattr(running, "FOLLOW_S", 0.2)
    plant = Plant(mosquitto, tmp_path)
    MqttTopic.objects.create(
        topic=f"{plant.name}/+/energy", meter_pattern="{2}", value_path="v", time_path="t"
    )
    yield plant
    plant.close()


def until(condition: Callable[[], object], what: str) -> None:
    services.wait_until(condition, seconds=20, what=what)


def reading(hour: int, value: int) -> str:
    return f'{{"v": {value}, "t": "2026-03-09T{hour:02d}:00:00+08:00"}}'


def stored() -> int:
    return ReadingDay.objects.aggregate(sum=Sum("size"))["sum"] or 0


def test_a_reading_that_is_published_becomes_daily_use(plant: Plant) -> None:
    device = make.device("E1", interval_s=3600)
    plant.send("E1", reading(7, 50), retain=True)  # before the bridge is there: kept by the broker
    with plant.bridge():
        until(lambda: MqttBridge.objects.filter(retained=1).exists(), "the retained message is counted")
        for hour, value in ((8, 100), (9, 130), (9, 130), (10, 170)):
            plant.send("E1", reading(hour, value))
        plant.send("E1", "broken")
        until(lambda: MqttProblem.objects.filter(code="not_json").exists(), "the bad message is told")
        until(lambda: stored() == 3, "three readings are stored")
        MqttTopic.objects.create(topic=f"{plant.name}/later", device=device)
        until(lambda: f"{plant.name}/later" in plant.state().subscriptions, "a new row is subscribed to")  # type: ignore[union-attr]
        MqttTopic.objects.filter(topic=f"{plant.name}/later").delete()
        until(lambda: plant.state().subscriptions == [f"{plant.name}/+/energy"], "and left again")  # type: ignore[union-attr]
        plant.send("", 1, topic=f"{plant.name}/later")
        plant.send("E1", reading(11, 190))
        until(lambda: stored() == 4, "what is sent afterwards is stored")
    assert set(MqttProblem.objects.values_list("code", flat=True)) == {"not_json"}
    days.compute_due()
    assert EnergyDailySummary.objects.get(device=device).total_consumption == 90
    state = MqttBridge.objects.get()
    assert (state.received, state.taken, state.refused, state.retained) == (6, 4, 1, 1)
    assert state.connected_since is None
    plant.send("E1", "", retain=True)  # the broker forgets it


def test_what_was_not_stored_when_the_bridge_died_comes_again(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.device("E1")
    died = threading.Event()

    class Killed(BaseException):
        """Nothing runs after it, as after SIGKILL."""

    def die(messages: Sequence[Message], *, source: str) -> mqtt.Taken:
        died.set()
        raise Killed

    given = env.read("MQTT_URL", {"MQTT_URL": plant.url})
    first = running.Process(given, plant.directory / "spool")
    with monkeypatch.context() as death:
        death.setattr(mqtt, "take", die)

        def run() -> None:
            with contextlib.suppress(Killed):
                first.run(threading.Event())
            connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        until(plant.state, "the first bridge is subscribed")
        plant.send("E1", reading(8, 100))
        until(died.is_set, "the first bridge has the message in hand")
        thread.join(10)
    first._broker._client._sock_close()  # what the kernel does for the dead
    assert stored() == 0
    plant.send("E1", reading(9, 130))
    with plant.bridge():
        until(lambda: stored() == 2, "what was in hand and what came meanwhile arrive")


def test_while_the_database_is_away_nothing_is_lost(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    make.device("E1")
    away = threading.Event()
    take = mqtt.take

    def maybe(messages: Sequence[Message], *, source: str) -> mqtt.Taken:
        if away.is_set():
            raise OperationalError("the database is away")
        return take(messages, source=source)

    monkeypatch.setattr(mqtt, "take", maybe)
    away.set()
    with plant.bridge() as process:
        for hour in range(3):
            plant.send("E1", reading(hour, 100 + hour))
        until(lambda: process._bridge.tally.spooled == 3, "three messages are kept on the disk")
    assert stored() == 0
    assert list((plant.directory / "spool").glob("*.jsonl"))
    away.clear()
    with plant.bridge():
        until(lambda: stored() == 3, "the disk is emptied into the database")
    assert not list((plant.directory / "spool").glob("*.jsonl"))


def test_the_command_runs_until_it_is_told_to_end(plant: Plant) -> None:
    device = make.device("E1")
    log = plant.directory / "log.txt"
    environment = child_environment() | {"MQTT_URL": plant.url}
    argv = [*MANAGE, "mqtt_bridge", "--spool", str(plant.directory / "spool")]
    command = services.spawn(argv, log=log, env=environment, directory=ROOT)
    try:
        until(plant.state, "the command is subscribed")
        plant.send("E1", reading(8, 100))
        plant.send("E1", reading(9, 130))  # perhaps still in hand when the signal comes
    finally:
        services.end(command)
    assert command.returncode == 0
    said = log.read_text(encoding="utf-8")
    assert "bridge ended" in said
    assert "Traceback" not in said
    assert MqttBridge.objects.get().connected_since is None
    if stored() < 2:  # what the command did not have yet, the broker has
        with plant.bridge():
            until(lambda: stored() == 2, "the rest arrives")
    device.refresh_from_db()
    assert device.last_reading_at == datetime(2026, 3, 9, 1, tzinfo=UTC)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # paho leaves the socket of a failed handshake
def test_a_broker_is_entered_with_its_certificate_and_password_alone(
    mosquitto: services.Mosquitto,
) -> None:
    def enter(url: str) -> Broker:
        name = f"tls{os.getpid()}-{next(_numbers)}"
        given = env.read("MQTT_URL", {"MQTT_URL": f"{url}{'&' if '?' in url else '/?'}client_id={name}"})
        broker = Broker(given, Bridge(None, None), on_refused=print)  # type: ignore[arg-type]
        broker.connect()
        broker.hang_up()
        return broker

    known = f"{mosquitto.tls_url}/?ca={mosquitto.certificate}"
    assert enter(known).has_session is False
    with pytest.raises(BrokerAway, match="CERTIFICATE_VERIFY_FAILED"):
        enter(mosquitto.tls_url)
    with pytest.raises(BrokerAway, match=r"(?i)not authorized"):
        enter(known.replace(":p%40ss", ":wrong"))
    with pytest.raises(BrokerAway, match="refused"):
        enter(f"mqtt://127.0.0.1:{services.free_port()}")
    gc.collect()


def test_without_its_setting_its_package_or_alone_the_command_says_what_to_do(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.MQTT = None
    with pytest.raises(CommandError, match="MQTT_URL"):
        call_command("mqtt_bridge", stdout=StringIO())
    settings.MQTT = env.read("MQTT_URL", {"MQTT_URL": "mqtt://127.0.0.1:1"})
    now = datetime.now(UTC)
    MqttBridge.objects.create(
        client_id="quality-back-office", broker="b", host="elsewhere", pid=7, started_at=now, beat_at=now
    )
    with pytest.raises(CommandError, match="elsewhere:7"):
        call_command("mqtt_bridge", "--spool", str(tmp_path))
    with contextlib.closing(running.Spool(tmp_path)), pytest.raises(CommandError, match="已有一个"):
        call_command("mqtt_bridge", "--spool", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CommandError, match="pip install 'paho-mqtt"):
        call_command("mqtt_bridge")
