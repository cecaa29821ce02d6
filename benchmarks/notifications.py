#!/usr/bin/env python3
"""Our whole delivery against a bare loop and other queues, side by side in one run.

Ours: a row, the queue in the database, real workers (`manage.py work`) that Redis rings, a limit
for every robot, HTTP, an attempt and a result written down for each message. The
bare loop is a `requests.Session` that posts and keeps no record at all. Every message of a run goes
to the same lean server on 127.0.0.1, and is timed by when it arrived there. No robot may send ten
thousand messages in half a minute: for these runs the limit of each is raised to 20,000, so that it
is kept and counted, but nothing is merged or put off. `--limit 20` measures with the real one, with
as many groups as it takes (two messages each).

    .venv/bin/python benchmarks/notifications.py [--messages 10000] [--parts throughput,latency,…]
        [--databases sqlite,postgres] [--markdown FILE]

Peers go into an environment of their own under var/ (from the package index); one that cannot be
installed is named and left out. Traffic stays on this machine; everything ends by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
sys.path.insert(0, str(ROOT))

PEERS = ("apprise", "huey", "dramatiq", "celery", "rq-simple", "rq")
DELAYS_MS = (0, 20, 50)
GOALS = {("sqlite", 0): 0.5, ("postgres", 0): 0.3, ("sqlite", 20): 0.85, ("postgres", 20): 0.65}
TICKS = os.sysconf("SC_CLK_TCK")

_rows: list[tuple[str, ...]] = []


def tell(*cells: object) -> None:
    """Print one line of the result and keep it."""
    row = tuple(str(cell) for cell in cells)
    _rows.append(row)
    print(
        "  ".join(cell.ljust(width) for cell, width in zip(row, (34, 12, 12, 14, 10, 40), strict=False)),
        flush=True,
    )


def word(held: bool) -> str:
    return "held" if held else "MISSED"


def head(title: str, *columns: str) -> None:
    print(f"\n{title}", flush=True)
    _rows.append((f"### {title}",))
    tell(*columns)


class Server:
    """The lean server of `robot_server.py`, as a process of its own."""

    def __init__(self, delay_ms: float) -> None:
        argv = [sys.executable, str(HERE / "robot_server.py"), "--delay-ms", str(delay_ms)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.webhook = f"{self.base}/cgi-bin/webhook/send?key="
        self._seen: list[tuple[str, float]] = []

    def arrivals(self) -> list[tuple[str, float]]:
        """Return what arrived since `forget`."""
        with urllib.request.urlopen(f"{self.base}/arrivals", timeout=30) as answer:  # noqa: S310  our own
            # What has no marker is the system's own: it tells of a backlog.
            self._seen += [(marker, at) for marker, at in json.load(answer) if marker]
        return self._seen

    def forget(self) -> None:
        self.arrivals()
        self._seen = []

    def await_arrivals(self, count: int, *, seconds: float, look_s: float = 0.25) -> list[tuple[str, float]]:
        """Wait for so many; return them (fewer if time is up)."""
        deadline = time.monotonic() + seconds
        while len(found := self.arrivals()) < count and time.monotonic() < deadline:
            time.sleep(look_s)
        return found

    def stop(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@contextlib.contextmanager
def serving(delay_ms: float) -> Iterator[Server]:
    server = Server(delay_ms)
    try:
        yield server
    finally:
        server.stop()


def rate_of(arrivals: Sequence[tuple[str, float]]) -> float:
    """Messages a second between the first arrival and the last."""
    times = [at for _, at in arrivals]
    return (len(times) - 1) / (max(times) - min(times)) if len(times) > 1 else 0.0


# --- peers --------------------------------------------------------------------------------------


def peers_python() -> Path | None:
    """Make the peers' environment where it is missing; None when it cannot be made."""
    folder = ROOT / "var" / "benchmarks" / "peers"
    python = folder / "bin" / "python"
    wanted = (HERE / "notifications_peers.txt").read_text(encoding="utf-8")
    mark = folder / "installed.txt"
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    print("installing the peers …", file=sys.stderr, flush=True)
    steps = (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / "notifications_peers.txt")],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"peers left out: {done.stderr[-400:]}", file=sys.stderr)
            return None
    mark.write_text(wanted, encoding="utf-8")
    return python


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_peer(python: Path, name: str, server: Server, count: int, redis_url: str) -> tuple[float, float]:
    """Let a peer send; return messages a second and seconds of processor for a thousand."""
    server.forget()
    environment = {
        **os.environ,
        "PEER": name,
        "PEER_URL": f"{server.webhook}drill",
        "PEER_COUNT": str(count),
        "PEER_REDIS": redis_url,
    }
    before = cpu_of_children()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [str(python), str(HERE / "notifications_peers.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        arrivals = server.await_arrivals(count, seconds=60 + count * 0.3)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
        if len(arrivals) < count:
            errors.seek(0)
            print(errors.read().decode(errors="replace")[-1500:], file=sys.stderr)
            return 0.0, 0.0
    return rate_of(arrivals), (cpu_of_children() - before) / count * 1000


# --- ours ---------------------------------------------------------------------------------------


class Plant:
    """A database, Redis, and processes of the system that send to a server of the benchmark."""

    def __init__(self, directory: Path, redis: Any, *, limit: int = 20, groups: int = 50) -> None:
        from tests.faults.drill import Nursery
        from tests.live import child_environment

        self.directory = directory
        self.redis = redis
        self._limit, self._groups = limit, groups
        self.pids: list[int] = []
        self.nursery = Nursery(child_environment(redis_url=redis.url), log=directory / "nursery.log")

    def point_at(self, server: Server, groups: int) -> None:
        """Send to this server from now on, with a robot for each group."""
        from django.conf import settings

        queue = {"URL": self.redis.url, "DEFAULT_TIMEOUT": 600, "SERIALIZER": "rq.serializers.JSONSerializer"}
        values = {
            "WEBHOOK_BASE_URL": server.webhook,
            "WEBHOOK_KEYS": {f"G{number}": f"key-{number:06}" for number in range(groups)},
            "WECHAT_BOT_WEBHOOK": "",
            "REDIS_URL": self.redis.url,
            "RQ_QUEUES": dict.fromkeys(("judge", "notify", "slow"), queue),
            "LOGGING_CONFIG": None,
        }
        for name, value in values.items():
            setattr(settings, name, value)
        (self.directory / "settings.json").write_text(json.dumps(values), encoding="utf-8")

    def groups_for(self, count: int) -> int:
        """Return to how many groups so many messages go, so that none of them has to wait."""
        return self._groups if self._limit > 1000 else max(count // 2, 1)

    def start(self, *arguments: str) -> int:
        environment = {"FAULTS_DIR": str(self.directory), "FAULTS_KILL": "", "FAULTS_CLOCK": "real"}
        pid = self.nursery.start("work", *arguments, environment=environment, log=self.directory / "log")
        self.pids.append(pid)
        return pid

    def stop(self) -> None:
        import signal

        from tests.faults.drill import is_running
        from tests.services import wait_until

        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not any(map(is_running, self.pids)), seconds=30, what="the workers have ended")
        self.pids.clear()

    def clear(self) -> None:
        """Forget all messages and budgets."""
        from django.db import connection

        from notifications.models import Budget, DeliveryAttempt, Notification

        for model in (DeliveryAttempt, Notification, Budget):
            with connection.cursor() as cursor:
                cascade = " CASCADE" if connection.vendor == "postgresql" else ""
                verb = "TRUNCATE" if cascade else "DELETE FROM"
                cursor.execute(f"{verb} {model._meta.db_table}{cascade}")
        if connection.vendor == "sqlite":
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def multiply(count: int, groups: int, *, start: int = 0, **changes: str) -> None:
    """Write so many messages as copies of one that the service made, with one statement.

    `changes` are SQL expressions over `n`, the number of the copy.
    """
    from django.db import connection

    from notifications.models import Notification
    from notifications.services import send_notification

    message_id = send_notification("演练 M00000", "- **项目**: M00000", "wechat_bot", "G0", 3)
    model = Notification.objects.get(message_id=message_id)
    text = "CAST(n AS TEXT)" if connection.vendor == "sqlite" else "n::text"
    marker = f"'M' || {text}"
    special = {
        "message_id": f"'copy' || {text} || '-' || '{start}'",
        "correlation_id": f"'copy' || {text}",
        "title": f"'演练 ' || {marker}",
        "payload": f"replace(payload, 'M00000', {marker})",
        "target": f"'G' || (n %% {groups})",
        **changes,
    }
    columns = [field.column for field in Notification._meta.local_concrete_fields if not field.primary_key]
    values = [special.get(column, f'"{column}"') for column in columns]
    table = Notification._meta.db_table
    names = ", ".join(f'"{column}"' for column in columns)
    first, last = start + 100_000, start + 100_000 + count - 1
    if connection.vendor == "sqlite":
        numbers = f"SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}"  # noqa: S608
        series = f"WITH RECURSIVE s(n) AS ({numbers}) "
        source = "s"
    else:
        series, source = "", f"generate_series({first}, {last}) AS s(n)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) {series}SELECT {', '.join(values)} "  # noqa: S608  our own names
            f"FROM {table}, {source} WHERE {table}.id = %s",
            [model.pk],
        )
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [model.pk])  # noqa: S608
        cursor.execute("ANALYZE")


def cpu_s(pids: Sequence[int]) -> float:
    """Processor seconds that processes have used."""
    total = 0.0
    for pid in pids:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += (int(words[11]) + int(words[12])) / TICKS
    return total


def unsent() -> int:
    from notifications.models import Notification

    return int(Notification.objects.filter(status__in=["pending", "sending", "held"]).count())


def drain_rate(plant: Plant, server: Server, count: int, workers: int) -> tuple[float, float]:
    """Let workers send what waits; return messages a second and processor seconds for a thousand."""
    from tests.services import wait_until

    plant.clear()
    groups = plant.groups_for(count)
    plant.point_at(server, groups)
    multiply(count, groups)
    server.forget()
    plant.redis.flush()
    pids = [plant.start("--queue", "notify") for _ in range(workers)]
    from spc_site.models import WorkerBeat

    wait_until(
        lambda: WorkerBeat.objects.filter(pid__in=pids).count() == workers,
        seconds=30,
        what="the workers beat",
    )
    before = cpu_s(pids)
    plant.start("--workers", "0")  # the pump rings
    arrivals = server.await_arrivals(count, seconds=120 + count * 0.08)
    wait_until(lambda: not unsent(), seconds=30, what="the last receipt is written")
    used = cpu_s(pids) - before
    plant.stop()
    times = Counter(marker for marker, _ in arrivals)
    if len(times) != count or len(arrivals) != count:
        doubles = [marker for marker, number in times.items() if number > 1]
        log = (plant.directory / "log").read_text(encoding="utf-8")[-3000:]
        sys.exit(
            f"{log}\n{count} messages, {len(times)} arrived, {len(arrivals)} times; doubles: {doubles[:5]}"
        )
    return rate_of(arrivals), used / count * 1000


# --- the parts ------------------------------------------------------------------------------------


def counts_for(messages: int) -> dict[int, int]:
    """A server that takes its time costs the run its time: fewer messages say the same there."""
    return {0: messages, 20: max(messages // 5, 50), 50: max(messages // 10, 50)}


def throughput(plant: Plant, database: str, options: argparse.Namespace, bare: dict[int, float]) -> bool:
    """B1, B2: 1, 2 and 4 workers against servers that answer at once, after 20 and after 50 ms."""
    from importlib.metadata import version

    title = f"B1/B2 {database}: whole way, limit on, one result written per send"
    head(title, "server, workers", "messages", "per second", "CPU s / 1,000", "of bare", "goal")
    python = Path(sys.executable)
    held = True
    assert version("requests")
    for delay, count in counts_for(options.messages).items():
        with serving(delay) as server:
            for workers in (0, 1, 2, 4):
                if workers == 0:
                    # The loop stands in the same run, right before what is measured against it.
                    rate, cpu = run_peer(python, "bare", server, count, plant.redis.url)
                    bare[delay] = rate
                    tell(f"{delay} ms, bare loop", count, f"{rate:.0f}", f"{cpu:.2f}", "1.00", "")
                    continue
                if workers == 1:
                    rate, cpu, share, share_of_cpu = in_turns(plant, server, count, options.rounds)
                else:
                    rate, cpu = drain_rate(plant, server, count, workers)
                    share, share_of_cpu = rate / bare[delay], 0.0
                goal = GOALS.get((database, delay)) if workers == 1 else None
                verdict = "" if goal is None else f"≥ {goal}: {word(share >= goal)}"
                held &= goal is None or share >= goal
                tell(
                    f"{delay} ms, {workers} worker(s)",
                    count,
                    f"{rate:.0f}",
                    f"{cpu:.2f}",
                    f"{share:.2f}",
                    f"{verdict} (by processor {share_of_cpu:.2f})" if share_of_cpu else verdict,
                )
    return held


def in_turns(plant: Plant, server: Server, count: int, rounds: int) -> tuple[float, float, float, float]:
    """Let one worker and the bare loop take turns; return medians: rate, processor, and both as shares.

    Whatever else the machine does meets both of a pair.
    """
    pairs = []
    for _ in range(rounds):
        bare, cpu_of_bare = run_peer(Path(sys.executable), "bare", server, count, plant.redis.url)
        rate, cpu = drain_rate(plant, server, count, 1)
        pairs.append((rate, cpu, rate / bare, cpu_of_bare / cpu))
    rate, cpu, share, share_of_cpu = (median(column) for column in zip(*pairs, strict=True))
    return rate, cpu, share, share_of_cpu


def peers(plant: Plant, options: argparse.Namespace) -> None:
    """B8: the same server, other queues, one job for each message, one worker."""
    head(
        "B8 peers: no record of what was sent, no limit",
        "peer",
        "messages",
        "per second",
        "CPU s / 1,000",
        "of bare",
    )
    python = peers_python()
    if python is None:
        tell("the peers could not be installed", "-", "-", "-", "-")
        return
    with serving(0) as server:
        own = min(options.messages, 5000)
        bare, cpu = run_peer(python, "bare", server, own, plant.redis.url)
        tell("bare requests.Session", own, f"{bare:.0f}", f"{cpu:.2f}", "1.00")
        for name in PEERS:
            count = min(options.messages, 300 if name == "rq" else 1000 if name == "rq-simple" else 3000)
            plant.redis.flush()
            rate, cpu = run_peer(python, name, server, count, plant.redis.url)
            label = {"rq": "RQ, forking", "rq-simple": "RQ, SimpleWorker"}.get(name, name)
            if rate:
                tell(label, count, f"{rate:.0f}", f"{cpu:.2f}", f"{rate / bare:.2f}")
            else:
                tell(label, count, "failed", "-", "-")


def spread(values: Sequence[float]) -> str:
    """Percentiles in milliseconds."""
    cuts = quantiles(values, n=100, method="inclusive")
    return f"{cuts[49] * 1000:.0f} / {cuts[94] * 1000:.0f} / {cuts[98] * 1000:.0f}"


def latency(plant: Plant, database: str, options: argparse.Namespace) -> bool:
    """B5: from the commit to the request, and to the receipt, with an idle queue."""
    from django.db import transaction

    from notifications.models import Notification
    from notifications.services import send_notification
    from tests.services import wait_until

    head(
        f"B5 {database}: one message into an idle queue",
        "way",
        "messages",
        "to request, ms p50/95/99",
        "to receipt, ms p50/95/99",
        "",
        "goal",
    )
    dice = random.Random(4)
    held = True
    with serving(0) as server:
        for with_redis in (True, False):
            samples = options.samples if with_redis else max(options.samples // 2, 10)
            plant.clear()
            plant.point_at(server, samples)
            if with_redis:
                plant.start("--queue", "notify")
            else:
                from django.conf import settings

                settings.REDIS_URL = ""
                path = plant.directory / "settings.json"
                path.write_text(
                    json.dumps({**json.loads(path.read_text(encoding="utf-8")), "REDIS_URL": ""}),
                    encoding="utf-8",
                )
            plant.start("--workers", "0")
            time.sleep(3)
            server.forget()
            committed: dict[str, float] = {}
            for number in range(samples):
                marker = f"M{number:05}"
                with transaction.atomic():
                    send_notification(f"演练 {marker}", marker, "wechat_bot", f"G{number}", 1)
                committed[marker] = time.monotonic()
                time.sleep(dice.uniform(0.2, 1.0) if with_redis else dice.uniform(0.5, 2.0))
            arrivals = dict(server.await_arrivals(samples, seconds=20))
            wait_until(lambda: not unsent(), seconds=20, what="the last receipt is written")
            plant.stop()
            requests = [arrivals[marker] - at for marker, at in committed.items()]
            receipts = [
                (sent_at - created_at).total_seconds()
                for created_at, sent_at in Notification.objects.values_list("created_at", "sent_at")
            ]
            middle, late = median(requests), quantiles(requests, n=20, method="inclusive")[18]
            most, most_late = (0.3, 1.5) if with_redis else (1.5, 3.0)
            good = middle <= most and late <= most_late
            held &= good
            tell(
                "Redis rings a worker" if with_redis else "no Redis, the pump looks",
                samples,
                spread(requests),
                spread(receipts),
                "",
                f"p50 ≤ {most} s, p95 ≤ {most_late} s: {word(good)}",
            )
    return held


def creation(plant: Plant, database: str, options: argparse.Namespace) -> bool:
    """B4 and queries: what a message costs the event that causes it, and the worker that sends it."""
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from notifications.services import deliver_due, send_notification

    head(
        f"B4 {database}: cost of a message in the caller's transaction, and of its delivery",
        "what",
        "messages",
        "ms each",
        "queries each",
        "",
        "goal",
    )
    with serving(0) as server:
        plant.clear()
        plant.point_at(server, 400)

        def create(number: int) -> None:
            with transaction.atomic():
                send_notification(f"演练 M{number:05}", f"M{number:05}", "wechat_bot", f"G{number % 400}", 2)

        for number in range(20):
            create(number)
        times = []
        for number in range(20, 220):
            with transaction.atomic():  # the caller's own: what the message adds to it
                began = time.perf_counter()
                send_notification(f"演练 M{number:05}", f"M{number:05}", "wechat_bot", f"G{number % 400}", 2)
                times.append(time.perf_counter() - began)
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            send_notification("演练 M99999", "M99999", "wechat_bot", "G399", 2)
        queries = [
            q for q in captured if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
        ]
        middle = median(times) * 1000
        good = middle <= 3 and len(queries) <= 2
        tell(
            "ask for a message",
            len(times),
            f"{middle:.2f}",
            len(queries),
            "",
            f"≤ 3 ms: {word(middle <= 3)}; ≤ 2 queries: {word(len(queries) <= 2)}",
        )
        began = time.perf_counter()
        with CaptureQueriesContext(connection) as captured:
            tried = 0
            while sent := deliver_due():
                tried += sent
        spent = (time.perf_counter() - began) * 1000
        queries = [
            q for q in captured if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
        ]
        tell(
            "deliver it (in this process)",
            tried,
            f"{spent / tried:.2f}",
            f"{len(queries) / tried:.1f}",
            "",
            "",
        )
    return good


def storm(plant: Plant, database: str, directory: Path) -> bool:
    """B3: many for one group with one robot. The clock leaps over the waits; nothing else does."""
    from notifications.models import Channel
    from tests.faults.drill import Drill

    head(
        f"B3 {database}: a storm for one group with one robot (clock-scaled)",
        "storm",
        "messages",
        "shown after, s",
        "most in 60 s",
        "doubled",
        "goal",
    )
    held = True
    for count, most_messages, over_s in ((200, 7, 1), (1000, 34, 1), (1000, 60, 60)):
        plant.clear()
        folder = directory / f"storm-{count}-{over_s}"
        with Drill(folder, groups=1) as drill:
            Channel.objects.update(timeout_s=10, rate_limit=20)
            _lift_limits()
            began = drill.time()
            steps = 30 if over_s > 1 else 1
            for step in range(steps):
                urgent = 1 if step == steps - 1 else 0
                drill.create(
                    count // steps + (count % steps if step == steps - 1 else 0) - urgent, priority=3
                )
                if urgent:
                    drill.create(1, priority=1)
                behind = began + over_s * (step + 1) / steps - drill.time()
                if behind > 0 and over_s > 1:
                    drill.leap(behind)
                drill.deliver()
            end = drill.time()
            drill.deliver_all(most_leaps=2000)
            took = drill.time() - began
            verdict, shown = drill.verdict(), drill.server.counts["shown"]
            order = drill.arrivals()
            urgent_place = order.index(drill.markers[-1])
            waiting = sum(row.at < end for row in drill.server.messages)
            sent = verdict.shown == count and not verdict.lost
            good = sent and verdict.most_in_a_minute <= 20 and shown <= most_messages and took <= 180 + over_s
            held &= good
            first = next(i for i, row in enumerate(drill.server.messages) if drill.markers[-1] in row.content)
            urgent_is_first = first <= waiting + 1
            held &= urgent_is_first
            tell(
                f"{count} within {over_s} s",
                shown,
                f"{took:.0f}",
                verdict.most_in_a_minute,
                verdict.doubled,
                f"all shown, ≤ {most_messages} messages, ≤ 20 a minute, ≤ 180 s: {word(good)}; "
                f"urgent next: {word(urgent_is_first)} (place {urgent_place})",
            )
    return held


def _lift_limits() -> None:
    """Take the storm as it comes: what is measured is merging, not the limit at creation."""
    from notifications.models import NotificationConfig

    for key in ("most_per_source_minute", "most_per_target_minute"):
        NotificationConfig.objects.update_or_create(config_key=key, defaults={"config_value": "0"})


def backlog(plant: Plant, database: str, options: argparse.Namespace) -> bool:
    """Cost of a message while few or very many wait."""
    from notifications.services import deliver_due

    head(
        f"Backlog {database}: cost of a message while so many wait",
        "waiting",
        "sent",
        "ms each",
        "",
        "",
        "goal",
    )
    found: dict[int, float] = {}
    with serving(0) as server:
        for waiting in (100, options.backlog):
            best: list[float] = []
            for _round in range(3 if waiting == 100 else 1):
                plant.clear()
                groups = plant.groups_for(waiting)
                plant.point_at(server, groups)
                multiply(waiting, groups)
                while True:
                    began = time.perf_counter()
                    tried = deliver_due(budget_s=3)
                    spent = time.perf_counter() - began
                    if tried < 50:
                        break
                    best.append(spent / tried * 1000)
                    if len(best) >= 3:
                        break
            found[waiting] = min(best)
            tell(f"{waiting:,}", "", f"{found[waiting]:.2f}", "", "", "")
    small, large = found.values()
    good = large <= small * 1.3
    tell("ratio", "", f"{large / small:.2f}", "", "", f"the same (≤ 1.3): {word(good)}")
    return good


def history(plant: Plant, database: str, options: argparse.Namespace) -> bool:
    """B6: claim and pages over a long history."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    from notifications.services.claiming import claim
    from notifications.services.lanes import Lanes

    head(f"B6 {database}: {options.history:,} messages in the log", "what", "", "ms", "", "", "goal")
    plant.clear()
    held = True
    with serving(0) as server:
        plant.point_at(server, 1000)
        back = (
            "datetime('now', '-' || (n %% 90) || ' days')"
            if connection.vendor == "sqlite"
            else "now() - (n %% 90) * interval '1 day'"
        )
        multiply(
            options.history, 1000, status="'sent'", created_at=back, sent_at=back, next_at=back, due_at=back
        )
        multiply(200, 200, start=5_000_000)
        times = []
        for _ in range(10):
            began = time.perf_counter()
            claimed = claim("benchmark", 10, Lanes())
            times.append((time.perf_counter() - began) * 1000)
            assert len(claimed.rows) == 10
        middle = median(times)
        tell("claim ten of 200", "", f"{middle:.1f}", "", "", f"≤ 5 ms: {word(middle <= 5)}")
        held &= middle <= 5
    user = User.objects.filter(is_superuser=True).first() or User.objects.create_superuser("benchmark")
    client = Client()
    client.force_login(user)
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}  # pages, not who collected what
    for page in (
        "/admin/notifications/notification/",
        "/admin/notifications/notification/?status__exact=dead",
        *options.pages,
    ):
        times = []
        for _ in range(3):
            began = time.perf_counter()
            answer = client.get(page)
            times.append((time.perf_counter() - began) * 1000)
            if answer.status_code != 200:
                tell(page[:34], "", f"HTTP {answer.status_code}", "", "", "")
                break
        else:
            good = min(times) <= 300
            held &= good
            tell(page[-34:], "", f"{min(times):.0f}", "", "", f"≤ 300 ms: {word(good)}")
    return held


PARTS = ("throughput", "latency", "creation", "storm", "backlog", "history", "peers")


def measure(database: str, url: str, options: argparse.Namespace) -> bool:
    """Run the chosen parts on one database, in this process."""
    with tempfile.TemporaryDirectory(prefix="notifications-") as name:
        directory = Path(name)
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "spc_site.settings",
                "DATABASE_URL": url,
                "NOTIFICATION_DB_PATH": str(directory / "benchmark.sqlite3"),
                "SECRET_KEY": "benchmark-" + "k" * 50,
                "SECRETS_KEYS": "benchmark-" + "k" * 50,
                "REDIS_URL": "",
                "ALLOW_HTTP": "true",
                "ALLOWED_HOSTS": "testserver,127.0.0.1",
            }
        )
        import django

        django.setup()
        import logging

        from django.core.management import call_command

        from notifications.models import Channel
        from tests import services

        logging.getLogger().setLevel(logging.WARNING)
        call_command("migrate", verbosity=0)
        Channel.objects.update_or_create(
            code="wechat_bot", defaults={"rate_limit": options.limit, "timeout_s": 10}
        )
        redis = services.Redis(directory / "redis")
        redis.start()
        plant = Plant(directory, redis, limit=options.limit, groups=options.groups)
        held = True
        bare: dict[int, float] = {}
        try:
            for part in options.parts:
                Channel.objects.update(rate_limit=options.limit, timeout_s=10)
                match part:
                    case "throughput":
                        held &= throughput(plant, database, options, bare)
                    case "latency":
                        held &= latency(plant, database, options)
                    case "creation":
                        held &= creation(plant, database, options)
                    case "backlog":
                        held &= backlog(plant, database, options)
                    case "history":
                        held &= history(plant, database, options)
                    case "storm":
                        held &= storm(plant, database, directory)
                    case "peers":
                        peers(plant, options)
        finally:
            plant.stop()
            plant.nursery.stop()
            redis.stop()
        return held


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="in which bare loop and one worker take turns")
    parser.add_argument("--limit", type=int, default=20_000, help="of each robot, a minute")
    parser.add_argument("--groups", type=int, default=50, help="each with one robot")
    parser.add_argument("--samples", type=int, default=60, help="messages into an idle queue")
    parser.add_argument("--backlog", type=int, default=100_000)
    parser.add_argument("--history", type=int, default=1_000_000)
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--pages", default="/admin/notifications/hourlyfigure/", help="further pages to time")
    parser.add_argument("--markdown", type=Path, help="write the tables there, too")
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)  # a child of this command
    options = parser.parse_args()
    options.parts = [part for part in options.parts.split(",") if part]
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown parts: {unknown}")
    options.pages = [page for page in options.pages.split(",") if page]
    if "," in options.databases:
        return each_alone(options)
    print(machine())
    if options.databases == "postgres" and not options.url:
        from tests import services

        with services.running_postgres(durable=True) as cluster:
            held = measure("postgres", cluster.url, options)
    else:
        held = measure(options.databases, options.url, options)
    if options.markdown:
        with options.markdown.open("a", encoding="utf-8") as file:
            file.write(markdown())
    return 0 if held else 1


def each_alone(options: argparse.Namespace) -> int:
    """Run each database in a process of its own (Django knows one); peers once."""
    status = 0
    for place, database in enumerate(options.databases.split(",")):
        parts = [part for part in options.parts if part != "peers" or place == 0]
        argv = [sys.executable, __file__, "--databases", database, "--parts", ",".join(parts)]
        for name in ("messages", "rounds", "limit", "groups", "samples", "backlog", "history"):
            argv += [f"--{name}", str(getattr(options, name))]
        argv += ["--pages", ",".join(options.pages)]
        if options.markdown:
            argv += ["--markdown", str(options.markdown)]
        status |= subprocess.run(argv, check=False).returncode
    return status


def machine() -> str:
    """Name what it ran on."""
    from importlib.metadata import version

    names = ("Django", "requests", "redis", "rq", "psycopg")
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = os.getloadavg()[0]
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{model}, {os.cpu_count()} cores, load {load:.1f}; Python {platform.python_version()}, {versions}"


def markdown() -> str:
    lines = [machine(), ""]
    for row in _rows:
        if len(row) == 1:
            lines += ["", row[0], ""]
            is_head = True
            continue
        lines.append("| " + " | ".join(row) + " |")
        if is_head:
            lines.append("| " + " | ".join("---" for _ in row) + " |")
            is_head = False
    return "\n".join(lines) + "\n\n"


if __name__ == "__main__":
    sys.exit(main())
