"""A drill: messages, a WeCom that counts, processes under fire, and a judge that watches them.

Every message carries a marker (`M00001`) in title and content, so that what the group was shown
can be counted whatever way it went: alone, in parts, or in a digest. The clock of the drill is the
real one plus a leap that all its processes share, so that leases, retries and limits have their
real lengths and nobody waits for them.

The judge looks again and again (`Judge.look`), and at every look

- created = sent + dead + suppressed + cancelled + open, where open = pending + sending + held +
  uncertain and a merged message stands where its digest stands;
- no row is gone that was created, and none of them claims `sent` that the group was not shown;
- no robot was sent more than its limit in any 60 seconds;
- every message that was shown twice is marked as a possible double.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from django.db import Error as AnyDatabaseError
from django.db import connections, transaction
from django.test import override_settings

from notifications import services as notifications
from notifications.choices import State
from notifications.models import Channel, Notification
from notifications.policy import OPEN_STATES
from spc_site import clock, jobs
from tests import services
from tests.faults import hooks
from tests.live import MANAGE, ROOT, child_environment
from wecom.sandbox import SandboxServer

MARKER = re.compile(r"M\d{5}")
ENDS = (State.SENT, State.DEAD, State.SUPPRESSED, State.CANCELLED)
LIMIT, SPAN_S = 20, 60.0
"""What WeCom takes from one robot: 20 messages in any minute."""

AT_REST_AFTER_S = 5.0
"""Longer than any request of a drill: what has not moved since then is not under way."""


class Nursery:
    """Has the system loaded once and starts its commands as forks (see `nursery.py`)."""

    def __init__(self, environment: Mapping[str, str], *, log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env={**environment, "DJANGO_SETTINGS_MODULE": "tests.faults.hooks.settings"},
                text=True,
            )
        if self._answer() != "ready":
            raise RuntimeError(f"the nursery did not start:\n{log.read_text(encoding='utf-8')}")

    def start(self, *arguments: str, environment: Mapping[str, str], log: Path) -> int:
        """Start a `manage.py` command; return its process id."""
        order = {"arguments": arguments, "environment": dict(environment), "log": str(log)}
        self._pipe(self._process.stdin).write(json.dumps(order) + "\n")
        self._pipe(self._process.stdin).flush()
        return int(self._answer())

    def stop(self) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(10)
        self._pipe(self._process.stdout).close()

    def _answer(self) -> str:
        return str(self._pipe(self._process.stdout).readline()).strip()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def is_running(pid: int) -> bool:
    """Tell whether a process lives (a zombie does not)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    return False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the messages of a drill."""

    created: int
    shown: int
    lost: int
    doubled: int
    flagged: int
    unflagged: int
    states: dict[str, int]
    most_in_a_minute: int

    @property
    def open(self) -> int:
        return sum(self.states.get(state, 0) for state in OPEN_STATES)


@dataclass
class Judge:
    """Watches a drill; what it finds wrong stands in `complaints`."""

    drill: Drill
    looks: int = 0
    complaints: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Hold the rows to the server's own count, once."""
        known = set(self.drill.markers)  # created before the rows are read: each must be among them
        rows = _intents()
        shown = self.drill.shown()  # read last: it holds whatever a row could truly claim
        if gone := known - rows.keys():
            self._complain(f"{len(gone)} messages have no row: {sorted(gone)[:3]}")
        states = Counter(state for state, _flag in rows.values())
        if strange := states.keys() - set(ENDS) - OPEN_STATES:
            self._complain(f"messages in no state that counts: {strange}")
        if boasting := [
            marker for marker, (state, _) in rows.items() if state == State.SENT and not shown[marker]
        ]:
            self._complain(f"sent, but never shown: {boasting[:3]}")
        if (limit := self.drill.limit) and (most := self.drill.most_in_a_minute()) > limit:
            self._complain(f"{most} messages of one robot in a minute, {limit} are allowed")
        silent = [marker for marker in _doubled(shown) if marker in rows and not rows[marker][1]]
        # A double is only known for one when the row that doubled it is at rest.
        if silent := [marker for marker in silent if rows[marker][0] in ENDS]:
            self._complain(f"doubled without a mark: {silent[:3]}")
        self.looks += 1

    def _complain(self, what: str) -> None:
        if what not in self.complaints:
            self.complaints.append(what)

    @contextlib.contextmanager
    def watching(self, *, every_s: float = 0.3) -> Iterator[None]:
        """Look from a thread until the block ends, then once more."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(every_s):
                try:
                    self.look()
                except AnyDatabaseError:
                    pass  # the database is part of the drill
                finally:
                    connections.close_all()

        thread = threading.Thread(target=watch, name="judge", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(30)
        self.look()


def _intents() -> dict[str, tuple[str, bool]]:
    """Return state and mark of each message by its marker; a merged one has those of its digest."""
    rows = Notification.objects.filter(is_digest=False).values_list(
        "title", "status", "possible_duplicate", "merged_into__status", "merged_into__possible_duplicate"
    )
    found: dict[str, tuple[str, bool]] = {}
    for title, status, mark, digest_status, digest_mark in rows:
        marker = MARKER.search(title)
        if marker is None:
            continue
        if status == State.MERGED and digest_status is not None:
            status, mark = digest_status, mark or digest_mark
        state, earlier_mark = found.get(marker[0], (status, False))
        # Parts of one message: it has arrived when all of them have.
        found[marker[0]] = (status if state in ENDS else state, mark or earlier_mark)
    return found


def _doubled(shown: Mapping[str, int]) -> list[str]:
    return [marker for marker, count in shown.items() if count > 1]


class Drill:
    """One system under fire. Use it as a context manager; `nursery` is for drills with processes."""

    def __init__(
        self,
        directory: Path,
        *,
        nursery: Nursery | None = None,
        redis: services.Redis | None = None,
        groups: int = 1,
        robots: int = 1,
        limit: int | None = LIMIT,
        channel_limit: int | None = None,
    ) -> None:
        self.directory = directory
        self.redis = redis
        self.groups = [f"G{number:03}" for number in range(1, groups + 1)]
        self.limit = limit
        self.markers: list[str] = []
        self.judge = Judge(self)
        self.pids: list[int] = []
        self._nursery = nursery
        self._channel_limit = channel_limit if channel_limit is not None else (limit or 1_000_000)
        self._shown: Counter[str] = Counter()
        self._arrivals: dict[tuple[str, int], list[float]] = defaultdict(list)
        self._read = 0
        self._reading = threading.Lock()
        self._stack = contextlib.ExitStack()
        self._others: list[subprocess.Popen[bytes]] = []
        directory.mkdir(parents=True, exist_ok=True)
        self.server = SandboxServer(
            keys={f"key-{group.lower()}": group for group in self.groups},
            rate=limit,
            history=100_000,
            clock=self.time,
        )

    # --- life -------------------------------------------------------------------------------------------

    def __enter__(self) -> Drill:
        self._stack.enter_context(self.server)
        self._stack.enter_context(override_settings(**self.settings()))
        (self.directory / "settings.json").write_text(json.dumps(self.settings()), encoding="utf-8")
        real_now = clock.now
        clock.now = hooks.leaping(real_now, self.directory)
        self._stack.callback(setattr, clock, "now", real_now)
        self._stack.callback(self.stop_processes)
        Channel.objects.update_or_create(
            code="wechat_bot",
            defaults={"rate_limit": self._channel_limit, "timeout_s": 2, "is_enabled": True},
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()
        if exc_info[0] is not None and self.log.exists():
            print(self.log.read_text(encoding="utf-8")[-8000:])

    def settings(self) -> dict[str, Any]:
        """Return what the processes of the drill are set to."""
        url = self.redis.url if self.redis else ""
        queue = {"URL": url or "redis://127.0.0.1:1/0", "DEFAULT_TIMEOUT": 120}
        queue["SERIALIZER"] = "rq.serializers.JSONSerializer"
        return {
            "WEBHOOK_BASE_URL": self.server.webhook_base_url,
            "WEBHOOK_KEYS": {group: f"key-{group.lower()}" for group in self.groups},
            "WECHAT_BOT_WEBHOOK": "",
            "REDIS_URL": url,
            "RQ_QUEUES": dict.fromkeys(jobs.QUEUES, queue),
        }

    @property
    def log(self) -> Path:
        return self.directory / "processes.log"

    # --- time -------------------------------------------------------------------------------------------

    def time(self) -> float:
        """Return the drill's time, in seconds since the epoch."""
        return time.time() + hooks.offset_s(self.directory)

    def leap(self, seconds: float) -> None:
        """Move the clock of everything in the drill."""
        self._move("clock", seconds)

    def skew(self, seconds: float) -> None:
        """Set the system's clock wrong by so much, while WeCom's stays right."""
        self._move("skew", seconds)

    def _move(self, name: str, seconds: float) -> None:
        fresh = self.directory / f"{name}.new"
        fresh.write_text(str(hooks.offset_s(self.directory, name) + seconds), encoding="ascii")
        fresh.replace(self.directory / name)

    def leap_to_next(self) -> bool:
        """Leap to the moment at which the next waiting message may go; False if none waits."""
        waiting = Notification.objects.filter(status=State.PENDING).values_list("next_at", flat=True)
        leased = Notification.objects.filter(status=State.SENDING).values_list("lease_until", flat=True)
        moments = [moment for moment in (*waiting, *leased) if moment is not None]
        if not moments:
            return False
        ahead = (min(moments) - clock.now()).total_seconds()
        if ahead > 0:
            self.leap(ahead + 0.01)
        return True

    # --- messages ---------------------------------------------------------------------------------------

    def create(self, count: int = 1, *, priority: int = 1, group: str = "", **fields: Any) -> list[str]:
        """Ask for messages, each in its own transaction, by turns for every group; return their markers."""
        made = []
        for _ in range(count):
            number = len(self.markers) + 1
            marker = f"M{number:05}"
            with transaction.atomic():
                notifications.send_notification(
                    f"演练 {marker}",
                    f"- **项目**: {marker}",
                    "wechat_bot",
                    group or self.groups[number % len(self.groups)],
                    priority,
                    **fields,
                )
            self.markers.append(marker)
            made.append(marker)
        return made

    def row(self, marker: str) -> Notification:
        return Notification.objects.get(title__contains=marker, is_digest=False)

    def deliver(self) -> int:
        """Deliver in this process until nothing more may go now; return how many were tried."""
        total = 0
        while tried := notifications.deliver_due():
            total += tried
        return total

    def deliver_all(self, *, most_leaps: int = 200) -> None:
        """Deliver in this process, leaping from one due time to the next, until nothing waits."""
        for _ in range(most_leaps):
            self.deliver()
            self.judge.look()
            if not self.leap_to_next():
                return
        raise AssertionError(f"still waiting after {most_leaps} leaps: {self.verdict()}")

    # --- what was shown ---------------------------------------------------------------------------------

    def shown(self) -> Counter[str]:
        """Return how often each marker was shown in the groups."""
        with self._reading:
            for record in self.server.ledger.records(after=self._read):
                self._read = record.id
                if record.call != "robot":
                    continue
                self._arrivals[record.group, record.robot].append(record.at)
                if record.shown:
                    self._shown.update(set(MARKER.findall(record.content)))
            return Counter(self._shown)

    def most_in_a_minute(self) -> int:
        """Return the most calls, taken or refused, that one robot had in any 60 seconds."""
        self.shown()
        with self._reading:
            return max((_densest(moments, SPAN_S) for moments in self._arrivals.values()), default=0)

    def arrivals(self) -> list[str]:
        """Return the markers in the order in which they were first shown."""
        order: dict[str, None] = {}
        for record in self.server.messages:
            if record.shown:
                order.update(dict.fromkeys(MARKER.findall(record.content)))
        return list(order)

    def verdict(self) -> Verdict:
        rows, shown = _intents(), self.shown()
        doubles = _doubled(shown)
        reached = {marker for marker, (state, _) in rows.items() if state != State.SENT or shown[marker]}
        return Verdict(
            created=len(self.markers),
            shown=sum(bool(shown[marker]) for marker in self.markers),
            lost=len(set(self.markers) - reached),
            doubled=sum(shown[marker] - 1 for marker in doubles),
            flagged=sum(mark for _, mark in rows.values()),
            unflagged=sum(not rows[marker][1] for marker in doubles if marker in rows),
            states=dict(Counter(state for state, _ in rows.values())),
            most_in_a_minute=self.most_in_a_minute(),
        )

    def settle(self, *, seconds: float, leaping: bool = True) -> float:
        """Wait until no message is open, leaping where all are waiting; return the drill's time it took.

        Whoever holds a message is given a few seconds: a sender that lives may have lost its way.
        """
        began = self.time()
        moved = time.monotonic()
        deadline = moved + seconds
        seen: list[Any] = []
        while True:
            waiting = Notification.objects.filter(status__in=[State.PENDING, State.SENDING])
            rows = list(waiting.values_list("status", "next_at", "lease_until", "lease_owner"))
            if not rows:
                return self.time() - began
            if time.monotonic() > deadline:
                raise AssertionError(f"still open after {seconds:g} s: {self.verdict()}")
            if rows != seen:
                seen, moved = rows, time.monotonic()
            now = clock.now()
            at_rest = time.monotonic() - moved > AT_REST_AFTER_S
            if leaping and (at_rest or not any(_is_under_way(*row, now=now) for row in rows)):
                self.leap_to_next()
            time.sleep(0.1)

    # --- processes --------------------------------------------------------------------------------------

    def environment(self, kill: str = "") -> dict[str, str]:
        return {"FAULTS_DIR": str(self.directory), "FAULTS_KILL": kill}

    def start(self, *arguments: str, kill: str = "") -> int:
        """Start `manage.py work` with arguments (as a fork); return its process id."""
        assert self._nursery is not None
        pid = self._nursery.start("work", *arguments, environment=self.environment(kill), log=self.log)
        self.pids.append(pid)
        return pid

    def start_web(self, port: int, *, kill: str = "") -> None:
        """Start a web server whose one process is forked anew whenever it dies."""
        argv = [sys.executable, "-m", "gunicorn", "--preload", "--bind", f"127.0.0.1:{port}", "spc_site.wsgi"]
        self._spawn(argv, kill=kill)
        services.wait_until(lambda: _listens(port), seconds=40, what="the web server listens")

    def start_command(self, *arguments: str) -> int:
        """Start `manage.py` as a program of its own, with its workers as its children."""
        return self._spawn([*MANAGE, *arguments])

    def _spawn(self, argv: Sequence[str], *, kill: str = "") -> int:
        environment = {
            **child_environment(redis_url=self.redis.url if self.redis else ""),
            **self.environment(kill),
            "DJANGO_SETTINGS_MODULE": "tests.faults.hooks.settings",
        }
        self._others.append(services.spawn(argv, log=self.log, env=environment, directory=ROOT))
        return self._others[-1].pid

    def kill(self, pid: int) -> None:
        """End a process as a crash does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.await_death(pid)

    def await_death(self, pid: int, *, seconds: float = 20) -> None:
        services.wait_until(lambda: not is_running(pid), seconds=seconds, what=f"process {pid} has ended")
        if pid in self.pids:
            self.pids.remove(pid)

    def end(self, pid: int, *, seconds: float = 15) -> float:
        """Ask a process to end; return how long it took."""
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        self.await_death(pid, seconds=seconds)
        return time.monotonic() - began

    def stop_processes(self) -> None:
        for pid in list(self.pids):
            self.kill(pid)
        while self._others:
            services.end(self._others.pop())


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _is_under_way(
    status: str, next_at: datetime, lease_until: datetime | None, owner: str, *, now: datetime
) -> bool:
    """Tell whether a living process is at a message, or will be without a leap of the clock."""
    if status == State.PENDING:
        return next_at <= now + timedelta(seconds=0.5)
    pid = owner.rpartition(":")[2]
    return lease_until is None or lease_until <= now or (pid.isdecimal() and is_running(int(pid)))


def _densest(moments: Sequence[float], span_s: float) -> int:
    """Return the most of ascending moments that lie within one span."""
    most = start = 0
    ordered = sorted(moments)
    for end, moment in enumerate(ordered):
        while moment - ordered[start] >= span_s:
            start += 1
        most = max(most, end - start + 1)
    return most
