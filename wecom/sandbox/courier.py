"""Callbacks as WeCom delivers them: encrypted, three times at the most, and going wrong on request.

Each event is delivered in a thread of its own, as WeCom does not wait for one before it sends the next;
what became of it is kept for the page and for tests.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlencode

import requests

from wecom.crypto import CallbackKeys

ATTEMPTS = 3
TIMEOUT_S = 5.0
_KEPT = 300
_HELD_FOR_S = 3.0  # an event that waits to be overtaken goes by itself after this long


class Mishap(StrEnum):
    """What happens to an event on its way."""

    LOST = "lost"  # never delivered
    REPEATED = "repeated"  # delivered twice
    REORDERED = "reordered"  # delivered after the one that follows
    DELAYED = "delayed"
    WRONG_SIGNATURE = "wrong_signature"  # somebody without the token delivers it


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go, and what both sides share."""

    url: str
    keys: CallbackKeys


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event and what became of it; `status` is the last HTTP status, 0 where nobody answered."""

    number: int
    at: float
    label: str
    mishap: str = ""
    attempts: int = 0
    status: int | None = None
    duration_ms: int = 0

    @property
    def is_taken(self) -> bool:
        """True once somebody answered 200."""
        return self.status == 200


@dataclass(slots=True)
class _Armed:
    mishap: Mishap
    times: int


class Courier:
    """Delivers events to one address; without one they go nowhere and are kept as not sent."""

    def __init__(
        self,
        target: Target | None,
        *,
        clock: Callable[[], float],
        on_change: Callable[[], None],
        delay_s: float = 5.0,
        pause_s: float = 1.0,
        held_for_s: float = _HELD_FOR_S,
    ) -> None:
        self.target = target
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._on_change = on_change
        self._delay_s = delay_s
        self._pause_s = pause_s
        self._held_for_s = held_for_s
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._under_way = 0
        self._armed: list[_Armed] = []
        self._held: list[threading.Event] = []
        self._kept: deque[Delivery] = deque(maxlen=_KEPT)
        self.stopping = threading.Event()

    # --- what people and tests ask ------------------------------------------------------------------

    def arm(self, mishap: Mishap, times: int = 1) -> None:
        """Have the next events go wrong."""
        if times < 1:
            raise ValueError("times must be at least 1")
        with self._lock:
            self._armed.append(_Armed(mishap, times))
        self._on_change()

    def disarm(self) -> None:
        """Let everything go right again."""
        with self._lock:
            self._armed.clear()
        self._on_change()

    def armed(self) -> list[tuple[str, int]]:
        """Return what is in force: each mishap and how many events it still hits."""
        with self._lock:
            return [(row.mishap.value, row.times) for row in self._armed]

    def deliveries(self) -> list[Delivery]:
        """Return the events that are kept, oldest first."""
        with self._lock:
            return list(self._kept)

    def settle(self, timeout_s: float = 10.0) -> bool:
        """Wait until no event is under way; tell whether that came to pass."""
        with self._idle:
            return self._idle.wait_for(lambda: self._under_way == 0, timeout_s)

    # --- sending --------------------------------------------------------------------------------------

    def send(self, xml: str, label: str) -> None:
        """Deliver an event, in its own time."""
        with self._lock:
            mishap = self._next_mishap()
            delivery = Delivery(next(self._numbers), self._clock(), label, mishap or "")
            self._kept.append(delivery)
            self.counts["events"] += 1
            if mishap:
                self.counts[mishap] += 1
            overtaken, self._held = self._held, []
            gate = threading.Event()
            if mishap is Mishap.REORDERED:
                self._held = [gate]
            goes_out = self.target is not None and mishap is not Mishap.LOST
            if goes_out:
                self._under_way += 1
        if goes_out:
            args = (xml, delivery, mishap, gate, overtaken)
            threading.Thread(target=self._run, args=args, name="wecom-callback", daemon=True).start()
        else:
            for earlier in overtaken:
                earlier.set()
        self._on_change()

    def _next_mishap(self) -> Mishap | None:
        if not self._armed:
            return None
        first = self._armed[0]
        first.times -= 1
        if not first.times:
            self._armed.pop(0)
        return first.mishap

    def _run(
        self,
        xml: str,
        delivery: Delivery,
        mishap: Mishap | None,
        gate: threading.Event,
        overtaken: list[threading.Event],
    ) -> None:
        try:
            if mishap is Mishap.REORDERED:
                gate.wait(self._held_for_s)
            elif mishap is Mishap.DELAYED:
                self.stopping.wait(self._delay_s)
            for _time in range(2 if mishap is Mishap.REPEATED else 1):
                delivery = self._deliver(xml, delivery, is_forged=mishap is Mishap.WRONG_SIGNATURE)
        finally:
            for earlier in overtaken:
                earlier.set()
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    def _deliver(self, xml: str, delivery: Delivery, *, is_forged: bool) -> Delivery:
        for attempt in range(ATTEMPTS):
            if attempt and self.stopping.wait(self._pause_s):
                break
            started = time.monotonic()
            status = self._post(xml, is_forged=is_forged)
            delivery = replace(
                delivery,
                attempts=delivery.attempts + 1,
                status=status,
                duration_ms=round((time.monotonic() - started) * 1000),
            )
            self._note(delivery)
            if status == 200 or is_forged:
                break
        return delivery

    def _post(self, xml: str, *, is_forged: bool) -> int:
        assert self.target is not None
        keys = self.target.keys
        stamp, nonce = str(int(self._clock())), str(secrets.randbelow(10**10))
        encrypted = keys.seal(xml.encode(), random=secrets.token_bytes(16))
        signature = "0" * 40 if is_forged else keys.signature(stamp, nonce, encrypted)
        query = urlencode({"msg_signature": signature, "timestamp": stamp, "nonce": nonce})
        body = (
            f"<xml><ToUserName><![CDATA[{keys.receive_id}]]></ToUserName>"
            f"<AgentID><![CDATA[]]></AgentID><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        )
        try:
            answer = requests.post(
                f"{self.target.url}?{query}",
                data=body.encode(),
                headers={"Content-Type": "text/xml"},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException:
            return 0
        return answer.status_code

    def _note(self, delivery: Delivery) -> None:
        with self._lock:
            for place, row in enumerate(self._kept):
                if row.number == delivery.number:
                    self._kept[place] = delivery
            self.counts["attempts"] += 1
            self.counts["taken"] += delivery.is_taken
        self._on_change()
