"""The bridge as a process: connect, follow the rows of the admin, work, show how it is, until told to end."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from energy.models import MqttBridge
from energy.mqtt.bridge import Bridge, CannotKeep, Counted, Pause
from energy.mqtt.broker import Broker, BrokerAway
from energy.mqtt.payloads import Message
from energy.mqtt.spool import Spool
from energy.services import mqtt
from spc_site import clock

log = logging.getLogger("energy.mqtt")

TICK_S = 0.05
FOLLOW_S = 5.0
"""So soon a change in the admin is followed, and so often the state is written."""
LONGEST_PAUSE_S = 60.0
STABLE_AFTER_S = 10.0
"""A connection that has lasted so long ends the growing of the pauses."""

_DATABASE = (DatabaseError, InterfaceError)


class AlreadyRunning(RuntimeError):
    """Another host runs a bridge of the same client id: the broker would end one for the other, for ever."""


class Store:
    """Takes messages in, as those of one client."""

    def __init__(self, source: str) -> None:
        self._source = source

    def take(self, messages: Sequence[Message]) -> Counted:
        return mqtt.take(messages, source=self._source)

    def note_failure(self, message: Message, error: Exception) -> None:
        mqtt.note_failure(message, error)


class Process:
    """One run of the bridge."""

    def __init__(self, given: dict[str, Any], directory: Path) -> None:
        self._given = given
        self._spool = Spool(directory)
        self._bridge = Bridge(Store(given["client_id"]), self._spool)
        self._broker = Broker(given, self._bridge, on_refused=_note_refused)
        self._pause = Pause(LONGEST_PAUSE_S)
        self._started_at = timezone.now()
        self._connected_since: datetime | None = None
        self._disconnected_since: datetime | None = self._started_at
        self._trouble = ""
        self._held: set[str] | None = None
        """What the broker may have subscribed us to; None until the database told it."""
        self._subscribed: set[str] = set()
        """What it was asked for on this connection."""
        self._followed_at = self._connected_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set; then settle what is in hand and leave.

        Raises
        ------
        AlreadyRunning
        """
        try:
            self._refuse_a_second()
            log.info("mqtt: bridge started: broker=%s client=%s", self._broker.name, self._given["client_id"])
            while not stop.is_set():
                self._turn(stop)
            self._leave()
        finally:
            self._spool.close()
        log.info("mqtt: bridge ended")

    def _turn(self, stop: threading.Event) -> None:
        if time.monotonic() - self._followed_at >= FOLLOW_S:
            self._follow()
        try:
            if self._broker.is_connected:
                self._broker.loop(TICK_S)
                if time.monotonic() - self._connected_at >= STABLE_AFTER_S:
                    self._pause.end()
            elif self._pause.is_over:
                self._connect()
            else:
                stop.wait(TICK_S)
            self._bridge.work()
        except BrokerAway as error:
            self._note_away(f"broker: {error}")
        except CannotKeep as error:
            log.error("mqtt: neither the database nor the disk takes messages, hanging up: %s", error)
            self._broker.hang_up()
            self._note_away(f"spool: {error}")

    def _connect(self) -> None:
        self._broker.connect()
        self._connected_at = time.monotonic()
        self._subscribed = set()
        if not self._broker.has_session:
            self._held = set()
        log.info("mqtt: connected: session=%s", "kept" if self._broker.has_session else "new")
        self._follow()

    def _note_away(self, trouble: str) -> None:
        """Remember that the connection has ended; what was gathered from it comes again."""
        self._bridge.forget()
        self._disconnected_since = self._disconnected_since or timezone.now()
        self._connected_since, self._trouble = None, trouble[:300]
        log.warning("mqtt: disconnected, again in %d s: %s", self._pause.lengthen(), trouble)

    def _follow(self) -> None:
        """Subscribe to what the admin says, and write the state. The database may be away: then later."""
        self._followed_at = time.monotonic()
        try:
            close_old_connections()
            if self._broker.is_connected:
                self._subscribe(set(mqtt.active_filters()))
                self._connected_since = self._connected_since or timezone.now()
                self._disconnected_since, self._trouble = None, ""
            self._write()
        except _DATABASE as error:
            log.warning("mqtt: the database is away: %s", type(error).__name__)
            close_old_connections()

    def _subscribe(self, wanted: set[str]) -> None:
        """Bring the subscriptions into line. Before anything is subscribed the state knows of it."""
        if self._held is None:
            row = MqttBridge.objects.filter(client_id=self._given["client_id"]).first()
            self._held = set(row.subscriptions) if row is not None else set()
        if wanted - self._held:
            self._held |= wanted
            self._write()
        self._broker.unsubscribe(sorted(self._held - wanted))
        self._broker.subscribe(sorted(wanted - self._subscribed))
        self._held, self._subscribed = set(wanted), set(wanted)

    def _write(self) -> None:
        """Write how the bridge is."""
        tally = self._bridge.tally
        MqttBridge.objects.update_or_create(
            client_id=self._given["client_id"],
            defaults={
                "broker": self._broker.name,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "started_at": self._started_at,
                "beat_at": clock.now(),
                "connected_since": self._connected_since,
                "disconnected_since": self._disconnected_since,
                "trouble": self._trouble,
                "received": tally.received,
                "taken": tally.taken,
                "refused": tally.refused,
                "retained": tally.retained,
                "spooled": tally.spooled,
                "spool_bytes": self._bridge.spool_bytes,
                **({"last_message_at": tally.last_at} if tally.last_at else {}),
                **({"subscriptions": sorted(self._held)} if self._held is not None else {}),
            },
        )

    def _refuse_a_second(self) -> None:
        """Refuse to start beside a bridge of another host; on this host the spool's lock does that."""
        try:
            row = MqttBridge.objects.filter(client_id=self._given["client_id"]).first()
            if row is not None and row.host != socket.gethostname() and row.is_fresh(now=clock.now()):
                raise AlreadyRunning(f"{row.host}:{row.pid}")
        except _DATABASE as error:
            log.warning("mqtt: the database is away: %s", type(error).__name__)

    def _leave(self) -> None:
        try:
            self._bridge.work(is_ending=True)
        except CannotKeep as error:
            log.error("mqtt: the last messages stay with the broker: %s", error)
        if self._broker.is_connected:
            self._broker.hang_up()
        self._connected_since, self._disconnected_since = None, timezone.now()
        self._trouble = "ended"
        try:
            self._write()
        except _DATABASE as error:
            log.warning("mqtt: the database is away: %s", type(error).__name__)


def _note_refused(topic_filter: str) -> None:
    try:
        mqtt.note_refused_filter(topic_filter)
    except _DATABASE as error:
        log.warning("mqtt: the database is away: %s", type(error).__name__)
