"""What happens to a message: gathered, taken into the database, only then acknowledged.

While the database is away messages go to the spool instead, and are acknowledged when they are safe on
the disk. What can be kept nowhere is not acknowledged: the broker keeps it (`CannotKeep`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from django.db import InterfaceError, OperationalError, ProgrammingError, connection

from energy.mqtt.payloads import Message
from energy.mqtt.spool import Spool, SpoolFull

log = logging.getLogger("energy.mqtt")

GATHER_S = 1.0
"""So long the first message of a batch waits at most for company."""
QUIET_S = 0.1
"""A batch ends when nothing has come for so long: brokers send a few and wait for their acknowledgement."""
MOST_MESSAGES = 1_000
LONGEST_PAUSE_S = 30.0

_AWAY = (OperationalError, InterfaceError, ProgrammingError)
"""The database cannot be reached, is locked, is full, or is not migrated yet: later it will do."""


class CannotKeep(Exception):
    """Neither the database nor the disk takes messages: hang up, so that the broker keeps them."""


class Counted(Protocol):
    """What taking messages in tells."""

    @property
    def readings(self) -> int: ...

    @property
    def refused(self) -> int: ...


class Store(Protocol):
    """Where messages go: `energy.services.mqtt`, for one source."""

    def take(self, messages: Sequence[Message]) -> Counted: ...

    def note_failure(self, message: Message, error: Exception) -> None: ...


@dataclass(slots=True)
class Tally:
    """What a bridge has done since its start."""

    received: int = 0
    taken: int = 0
    refused: int = 0
    retained: int = 0
    spooled: int = 0
    last_at: datetime | None = None


class _Held(NamedTuple):
    message: Message
    acknowledge: Callable[[], object]


class Pause:
    """A pause that doubles with each failure, and is over when something succeeds."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._next_s = 1.0
        self._until = 0.0

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def lengthen(self) -> float:
        """Begin a pause, twice as long as the last; return its length in seconds."""
        length = self._next_s
        self._until = time.monotonic() + length
        self._next_s = min(2 * length, self._longest_s)
        return length

    def end(self) -> None:
        self._next_s, self._until = 1.0, 0.0


class Bridge:
    """Gathers messages and sees to it that none is lost. Not for several threads."""

    def __init__(self, store: Store, spool: Spool) -> None:
        self._store, self._spool = store, spool
        self._held: list[_Held] = []
        self._first_at = self._last_at = 0.0
        self._pause = Pause(LONGEST_PAUSE_S)
        self.tally = Tally()

    def receive(self, message: Message, acknowledge: Callable[[], object]) -> None:
        """Take a message from the broker; it is acknowledged when it is safe."""
        self._last_at = time.monotonic()
        if not self._held:
            self._first_at = self._last_at
        self._held.append(_Held(message, acknowledge))
        self.tally.received += 1
        self.tally.last_at = message.arrived

    def ignore_retained(self, topic: str, acknowledge: Callable[[], object]) -> None:
        """Pass over what the broker kept for newcomers: a value of some unknown time past."""
        self.tally.retained += 1
        log.info("mqtt: retained message ignored, its time is unknown: topic=%s", topic)
        acknowledge()

    def work(self, *, is_ending: bool = False) -> None:
        """Settle what has been gathered, and bring the spool into the database if it is back.

        Raises
        ------
        CannotKeep
            What was gathered is forgotten here and not acknowledged.
        """
        if self._held and (is_ending or self._is_ripe()):
            self._settle()
        if not self._spool.is_empty and self._pause.is_over and not is_ending:
            self._drain()

    def forget(self) -> None:
        """Forget what was gathered from a connection that has ended: the broker sends it again."""
        self._held.clear()

    @property
    def spool_bytes(self) -> int:
        return self._spool.size_bytes

    def _is_ripe(self) -> bool:
        now = time.monotonic()
        return (
            len(self._held) >= MOST_MESSAGES
            or now - self._last_at >= QUIET_S
            or now - self._first_at >= GATHER_S
        )

    def _settle(self) -> None:
        held, self._held = self._held, []
        messages = [one.message for one in held]
        if not (self._spool.is_empty and self._pause.is_over and self._store_all(messages)):
            self._keep(messages)
        for one in held:
            one.acknowledge()

    def _keep(self, messages: list[Message]) -> None:
        """Put messages behind those that wait already: the order of values is kept."""
        if self._spool.is_empty:
            log.warning("mqtt: the database is away, messages are kept on the disk")
        try:
            self._spool.append(messages)
        except SpoolFull as error:
            raise CannotKeep(str(error)) from error
        self.tally.spooled += len(messages)

    def _drain(self) -> None:
        """Take one segment; called again and again, so that new messages are seen to in between."""
        chunk = self._spool.peek()
        if chunk is None or not self._store_all(chunk.messages):
            return
        try:
            self._spool.drop(chunk)
        except OSError:  # it comes again, which changes nothing
            log.exception("mqtt: a segment of the spool cannot be removed")
            self._pause.lengthen()
            return
        if self._spool.is_empty:
            log.info("mqtt: everything that was kept on the disk is in the database")

    def _store_all(self, messages: Sequence[Message]) -> bool:
        """Store messages; False if the database is away. What the program fails on is noted alone."""
        if not messages:
            return True
        try:
            counted = self._store.take(messages)
        except _AWAY as error:
            pause_s = self._pause.lengthen()
            log.warning("mqtt: not stored, again in %d s: %s: %s", pause_s, type(error).__name__, error)
            connection.close()
            return False
        except Exception as error:
            return self._store_each(messages, error)
        self._pause.end()
        self.tally.taken += counted.readings
        self.tally.refused += counted.refused
        return True

    def _store_each(self, messages: Sequence[Message], error: Exception) -> bool:
        """Store messages one by one, since one of them makes the program fail."""
        if len(messages) > 1:
            return all(self._store_all([message]) for message in messages)
        log.error("mqtt: taking in a message failed: topic=%s", messages[0].topic, exc_info=error)
        try:
            self._store.note_failure(messages[0], error)
        except _AWAY:
            self._pause.lengthen()
            connection.close()
            return False
        self.tally.refused += 1
        return True
