#!/usr/bin/env python3
"""The fault matrix F1–F27 in its long form: real processes, many kills, real locks, a soak.

The drill of `tests/faults` (a WeCom that counts, a clock that leaps, a judge that looks all the
time), with the numbers of the matrix. Waits of WeCom, leases and retries are leapt over; locks,
outages of Redis and of the database, and full disks last as long as they say, shortened to 30 s
where the matrix has minutes.

    .venv/bin/python benchmarks/faults.py [--database sqlite|postgres] [--faults F1,F7,…]
        [--scale 1.0] [--soak-minutes 20] [--markdown FILE]

Prints: id, injected, lost, doubled, marked, recovered in, what the operator sees, verdict; ends with 1
if a bound was broken. Traffic stays on this machine; everything ends by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

LEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a drill came to, beside the verdict of its judge."""

    injected: str
    recovered_s: float
    seen: str
    most_doubled: int = 0
    most_marked: int | None = None
    within_s: float = 0.0


class Range:
    """Where the drills take place: one database, one Redis, one nursery."""

    def __init__(
        self, directory: Path, options: argparse.Namespace, redis: Any, nursery: Any, postgres: Any
    ) -> None:
        self.directory, self.options = directory, options
        self.redis, self.nursery, self.postgres = redis, nursery, postgres
        self._number = 0

    def many(self, count: int) -> int:
        """Scale a number of the matrix."""
        return max(round(count * self.options.scale), 2)

    @contextlib.contextmanager
    def drill(self, *, redis: bool = True, **options: Any) -> Iterator[Any]:
        """Run a drill on empty tables, with its judge looking on."""
        from django.core.management import call_command

        from tests.faults.drill import Drill

        call_command("flush", verbosity=0, interactive=False)
        if not self.redis.server.answers():
            self.redis.start()
        self.redis.flush()
        _lift_limits()
        self._number += 1
        folder = self.directory / f"drill-{self._number}"
        with Drill(folder, nursery=self.nursery, redis=self.redis if redis else None, **options) as drill:
            with drill.judge.watching():
                yield drill
                drill.stop_processes()
            drill.ended = drill.verdict()


def _lift_limits() -> None:
    from notifications.models import NotificationConfig

    for key in ("most_per_source_minute", "most_per_target_minute"):
        NotificationConfig.objects.update_or_create(config_key=key, defaults={"config_value": "0"})


def shown(drill: Any) -> int:
    return sum(drill.shown().values())


def await_more(drill: Any, count: int) -> None:
    """Wait until so many more were shown, or all of them."""
    from tests.services import wait_until

    wanted = min(shown(drill) + count, len(drill.markers))
    wait_until(lambda: shown(drill) >= wanted, seconds=60, what="sending goes on")


def f1(field: Range) -> tuple[Any, Result]:
    """Workers killed at random."""
    kills, total = field.many(50), field.many(5000)
    dice = random.Random(1)
    with field.drill(groups=total // 2, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        workers = [drill.start("--queue", "notify") for _ in range(2)]
        for number in range(kills):
            drill.create(total // kills + (total % kills if number == 0 else 0))
            time.sleep(dice.uniform(0, 0.4))
            drill.kill(workers.pop(0))
            workers.append(drill.start("--queue", "notify"))
        took = drill.settle(seconds=120)
    return drill, Result(
        f"{kills} × kill -9 over {total}",
        took,
        "worker beats missing; marked messages",
        kills,
        kills,
        2 * LEASE_S,
    )


def _at_point(field: Range, point: str) -> tuple[Any, int, float]:
    kills = field.many(20)
    with field.drill(groups=kills) as drill:
        for _ in range(kills):
            drill.create()
            drill.await_death(drill.start("--once", kill=point))
        drill.leap(LEASE_S)
        drill.start("--workers", "0")
        took = drill.settle(seconds=60)
    return drill, kills, took


def f2(field: Range) -> tuple[Any, Result]:
    """Killed between the request and the record."""
    drill, kills, took = _at_point(field, "sent")
    return drill, Result(
        f"{kills} × between request and record", took + LEASE_S, f"{kills} marked", kills, kills, LEASE_S + 5
    )


def f3(field: Range) -> tuple[Any, Result]:
    """Killed between the claim and the request."""
    drill, kills, took = _at_point(field, "begun")
    return drill, Result(
        f"{kills} × between claim and request", took + LEASE_S, f"{kills} marked", 0, kills, LEASE_S + 5
    )


def f4(field: Range) -> tuple[Any, Result]:
    """A web process killed between commit and ring."""
    import json
    import urllib.error
    import urllib.request

    from django.contrib.auth.models import User

    from accounts import services as accounts
    from tests.services import free_port

    kills, slowest = field.many(20), 0.0
    with field.drill(groups=kills) as drill:
        _token, raw = accounts.issue_token(User.objects.create_superuser("drill"), name="drill")
        port = free_port()
        drill.start_web(port, kill="committed")
        drill.start("--workers", "0")
        for number in range(1, kills + 1):
            wanted = {
                "title": f"演练 M{number:05}",
                "content": f"M{number:05}",
                "channel": "wechat_bot",
                "target": f"G{number:03}",
            }
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/v1/notifications",
                data=json.dumps(wanted).encode(),
                headers={"Authorization": f"Bearer {raw}", "Content-Type": "application/json"},
            )
            try:
                urllib.request.urlopen(request, timeout=20).close()  # noqa: S310  our own address
                raise SystemExit("the web process survived its kill")
            except (urllib.error.URLError, ConnectionError):
                drill.markers.append(f"M{number:05}")
            slowest = max(slowest, drill.settle(seconds=30, leaping=False))
    return drill, Result(f"{kills} × web process", slowest, "nothing", 0, 0, 5)


def f5(field: Range) -> tuple[Any, Result]:
    """Rollback after create."""
    from django.db import transaction

    from notifications.models import Notification
    from notifications.services import send_notification

    count = field.many(100)
    with field.drill() as drill:
        drill.start("--workers", "0")
        for _ in range(count):
            with contextlib.suppress(ZeroDivisionError), transaction.atomic():
                send_notification("演练", "撤回", "wechat_bot", "G001")
                raise ZeroDivisionError
        time.sleep(3)
        if Notification.objects.exists() or drill.server.counts["received"]:
            drill.judge.complaints.append("a rolled back message has left a trace")
    return drill, Result(f"{count} × rollback", 0, "no rows", 0, 0)


def f6(field: Range) -> tuple[Any, Result]:
    """Redis emptied under load."""
    times = field.many(10)
    with field.drill(groups=1000, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        for _ in range(2):
            drill.start("--queue", "notify")
        for _ in range(times):
            drill.create(50)
            field.redis.flush()
            time.sleep(0.2)
        took = drill.settle(seconds=60, leaping=False)
    return drill, Result(f"{times} × FLUSHALL under load", took, "nothing, or a short notice", 0, 0, 5)


def f7(field: Range) -> tuple[Any, Result]:
    """Redis killed and away for a while."""
    from spc_site import health, jobs
    from tests.services import wait_until

    slowest, seen = 0.0, set()
    aways = (1, 1, 1, 30, 30, 30) if field.options.scale >= 1 else (1, 5)
    with field.drill(groups=1000, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        for queue in jobs.QUEUES:
            drill.start("--queue", queue)
        for away_s in aways:
            field.redis.kill()
            drill.create(20)
            if away_s > 1:
                slowest = max(slowest, drill.settle(seconds=40, leaping=False))
                health._kept = None
                seen.add(health.system_banner())
                time.sleep(max(away_s - 10, 0))
            else:
                time.sleep(1)
            field.redis.start()
        slowest = max(slowest, drill.settle(seconds=40, leaping=False))

        def clear() -> bool:
            health._kept = None
            return not health.system_banner()

        wait_until(clear, seconds=40, what="the notice is gone")
    told = "notice on every page, gone afterwards" if seen and "" not in seen else "NOTHING was shown"
    if not told.startswith("notice"):
        drill.judge.complaints.append(told)
    return drill, Result(f"Redis killed, away for {', '.join(map(str, aways))} s", slowest, told, 0, 0, 15)


def _callers_wait(field: Range, drill: Any, url: str, count: int) -> float:
    """Create while Redis is somewhere else; return the longest that a caller waited."""
    from django.conf import settings

    from spc_site import jobs

    usual = settings.REDIS_URL, settings.RQ_QUEUES
    settings.REDIS_URL = url
    settings.RQ_QUEUES = {name: {**queue, "URL": url} for name, queue in settings.RQ_QUEUES.items()}
    longest = 0.0
    try:
        for _ in range(count):
            jobs._quiet_until = 0.0
            began = time.monotonic()
            drill.create()
            longest = max(longest, time.monotonic() - began)
    finally:
        settings.REDIS_URL, settings.RQ_QUEUES = usual
        jobs._quiet_until = 0.0
    return longest


def f8(field: Range) -> tuple[Any, Result]:
    """Slow Redis: two seconds for each command."""
    from tests.faults.test_doorbell import slow_redis

    count = field.many(20)
    with field.drill(groups=count) as drill:
        drill.start("--workers", "0")
        with slow_redis(field.redis, seconds=2.0) as url:
            longest = _callers_wait(field, drill, url, count)
        took = drill.settle(seconds=30, leaping=False)
    if longest > 0.6:
        drill.judge.complaints.append(f"a caller waited {longest:.2f} s for the ring")
    return drill, Result(
        f"Redis takes 2 s a command, {count} ×", took, f"callers wait {longest:.2f} s at most", 0, 0, 15
    )


def f9(field: Range) -> tuple[Any, Result]:
    """Full Redis."""
    from spc_site import jobs

    count = field.many(50)
    with field.drill(groups=count) as drill:
        drill.start("--workers", "0")
        drill.start("--queue", "notify")
        field.redis.command("CONFIG SET maxmemory 1")
        before = jobs.tally.ring_failures
        jobs._quiet_until = 0.0
        drill.create(count)
        took = drill.settle(seconds=40, leaping=False)
        field.redis.command("CONFIG SET maxmemory 0")
    failures = jobs.tally.ring_failures - before
    if not failures:
        drill.judge.complaints.append("no failed ring was counted")
    return drill, Result("maxmemory 1, noeviction", took, f"{failures} ring failures in /metrics", 0, 0, 15)


def f10(field: Range) -> tuple[Any, Result]:
    """The database locked by another program for 5, 30 and 90 seconds."""
    from tests.faults.test_database import written_by_another

    slowest = 0.0
    holds = (5, 30, 90) if field.options.scale >= 1 else (5,)
    with field.drill(groups=500, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        workers = [drill.start("--queue", "notify") for _ in range(2)]
        for hold_s in holds:
            drill.create(100)
            with contextlib.suppress(AssertionError):
                await_more(drill, 20)
            with written_by_another():
                time.sleep(hold_s)
            slowest = max(slowest, drill.settle(seconds=120))
    return drill, Result(
        f"write lock for {', '.join(map(str, holds))} s",
        slowest,
        "errors counted, latency",
        len(workers) + 1,
        None,
        LEASE_S + 30,
    )


def f11(field: Range) -> tuple[Any, Result] | None:
    """PostgreSQL stopped at once, away for 6 and 30 seconds."""
    from django.db import connections

    if field.postgres is None:
        return None
    slowest = 0.0
    aways = (6, 30) if field.options.scale >= 1 else (3,)
    with field.drill(groups=1000, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        workers = [drill.start("--queue", "notify") for _ in range(2)]
        for away_s in aways:
            drill.create(200)
            with contextlib.suppress(AssertionError):
                await_more(drill, 20)
            field.postgres.kill()
            time.sleep(away_s)
            field.postgres.start()
            connections.close_all()
            slowest = max(slowest, drill.settle(seconds=120))
    return drill, Result(
        f"immediate stop, {', '.join(map(str, aways))} s away",
        slowest,
        "failures counted",
        len(aways) * (len(workers) + 1),
        None,
        LEASE_S + 30,
    )


def f12(field: Range) -> tuple[Any, Result] | None:
    """No room: the files of SQLite may not grow any more."""
    from django.db import DatabaseError, connection

    if connection.vendor != "sqlite":
        return None
    with field.drill(groups=2000, limit=None, channel_limit=20_000) as drill:
        drill.create(200)
        path = Path(str(connection.settings_dict["NAME"]))
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            pages = cursor.execute("PRAGMA page_count").fetchone()[0]
            cursor.execute(f"PRAGMA max_page_count={pages}")
        (drill.directory / "pages").write_text(str(pages), encoding="ascii")
        refused = 0
        for _ in range(200):
            try:
                drill.create()
            except DatabaseError:
                refused += 1
        drill.start("--workers", "0")
        time.sleep(10)
        (drill.directory / "pages").unlink()
        connection.close()
        took = drill.settle(seconds=90)
    logged = "database or disk is full" in drill.log.read_text(encoding="utf-8")
    if not refused:
        drill.judge.complaints.append("creation never failed: the disk was not full")
    return drill, Result(
        f"page limit for 10 s at {path.stat().st_size >> 20} MB",
        took,
        f"{refused} refused loudly; {'in the log' if logged else 'drains went on'}",
        1,
        None,
        LEASE_S + 30,
    )


def f13(field: Range) -> tuple[Any, Result]:
    """WeCom answers 500: to a third, then to everything for ten minutes."""
    with field.drill(groups=400, redis=False) as drill:
        first = drill.server.fail("http", status=500, share=0.3)
        drill.create(field.many(200))
        drill.deliver_all(most_leaps=3000)
        drill.server.mend(first)
        drill.server.fail("http", status=500, seconds=360)
        drill.create(field.many(100))
        began = drill.time()
        drill.deliver_all(most_leaps=3000)
        took = drill.time() - began
    return drill, Result("30 % and 6 min of 500", took, "retries counted, cause in words", 0, 0, 480)


def f14(field: Range) -> tuple[Any, Result]:
    """Nobody listens; the connection is reset."""
    count = field.many(100)
    with field.drill(groups=400, redis=False) as drill:
        drill.create(count)
        drill.server.stop()
        drill.deliver()
        drill.leap(60)
        drill.deliver()
        drill.server.start()
        drill.server.fail("drop_before", times=field.many(20))
        began = drill.time()
        drill.deliver_all(most_leaps=3000)
        took = drill.time() - began
    return drill, Result(
        f"refused for 2 min, then {field.many(20)} resets", took, "cause in words", 0, field.many(20), 600
    )


def f15(field: Range) -> tuple[Any, Result]:
    """Accepted, but the answer comes too late."""
    from notifications.models import Channel

    count = field.many(10)
    with field.drill(groups=count, redis=False) as drill:
        Channel.objects.update(timeout_s=1)
        drill.create(count)
        drill.server.fail("delay", delay_s=1.5, times=count)
        drill.deliver_all(most_leaps=3000)
    return drill, Result(f"{count} late answers", 0, "marked, then sent", count, count)


def f16(field: Range) -> tuple[Any, Result]:
    """45009 for a minute, the limit enforced, one robot."""
    with field.drill(groups=1) as drill:
        drill.server.fail("errcode", errcode=45009, seconds=60)
        drill.start("--workers", "0")
        for _ in range(2):
            drill.start("--queue", "notify")
        drill.create(field.many(200), priority=3)
        took = drill.settle(seconds=120)
    return drill, Result(
        f"45009 for 60 s, {len(drill.markers)} for one robot", took, "held by rate, with a time", 0, 0, 300
    )


def f19(field: Range) -> tuple[Any, Result]:
    """HTML or half a JSON in the place of an answer."""
    count = field.many(20)
    with field.drill(groups=2 * count, redis=False) as drill:
        drill.create(2 * count)
        drill.server.fail("cut_json", times=count)
        drill.deliver()
        drill.server.fail("html", times=count // 2)
        drill.deliver_all(most_leaps=3000)
    return drill, Result(f"{count} cut, {count // 2} HTML", 0, "uncertain, with its cause", count, None)


def f20(field: Range) -> tuple[Any, Result]:
    """Texts of every length around the border, in wide characters."""
    from notifications.services import send_notification

    with field.drill(groups=1, redis=False) as drill:
        lines = [f"M{number:05} {'检😀é'[number % 3] * (280 + number % 11)}" for number in range(1, 121)]
        send_notification("长报告", "\n".join(lines), "wechat_bot", "G001")
        drill.deliver_all(most_leaps=3000)
        found = drill.shown()
        wrong = [line[:6] for line in lines if found[line[:6]] != 1]
        if wrong or drill.server.counts["refused"]:
            drill.judge.complaints.append(f"lines not shown once: {wrong[:3]}")
        parts = drill.server.counts["shown"]
    return drill, Result(f"{len(lines)} wide lines", 0, f"{parts} parts, each with n/m", 0, 0)


def f21(field: Range) -> tuple[Any, Result]:
    """The robot's key is wrong until somebody mends it."""
    from notifications.models import Budget
    from notifications.services import mend

    with field.drill(groups=1, redis=False) as drill:
        drill.create(field.many(20))
        fault = drill.server.fail("errcode", errcode=93000)
        drill.deliver()
        drill.leap(1800)
        drill.deliver()
        held = drill.verdict().states.get("held", 0)
        drill.server.mend(fault)
        for budget in Budget.objects.filter(is_dead=True):
            mend(budget)
        began = drill.time()
        drill.deliver_all(most_leaps=3000)
        took = drill.time() - began
    if held != len(drill.markers):
        drill.judge.complaints.append(f"only {held} of {len(drill.markers)} were held")
    return drill, Result("93000 until mended", took, f"{held} held with the cause", 0, 0, 120)


def f22(field: Range) -> tuple[Any, Result]:
    """The clock jumps an hour back and forth while messages wait for their retry."""
    from notifications.services.holding import wake_after_a_step_of_the_clock

    slowest = 0.0
    with field.drill(groups=400, redis=False) as drill:
        for step_s in (-3600, 3600, 3600, -3600):
            drill.create(20)
            drill.server.fail("http", status=500, times=20)
            drill.deliver()
            drill.skew(step_s)
            began = drill.time()
            drill.deliver()
            drill.leap(60)
            wake_after_a_step_of_the_clock()  # as the pump does every minute
            drill.deliver_all(most_leaps=3000)
            slowest = max(slowest, drill.time() - began)
    return drill, Result("clock ± 1 h, 4 ×", slowest, "nothing", 0, 0, 3600)


def f23(field: Range) -> tuple[Any, Result]:
    """Two pumps and four workers on the same rows."""
    with field.drill(groups=50) as drill:
        for _ in range(2):
            drill.start("--workers", "0")
        for _ in range(4):
            drill.start("--queue", "notify")
        for _ in range(5):
            drill.create(field.many(200), priority=3)
            drill.settle(seconds=120)
    return drill, Result("2 pumps, 4 workers, digests", 0, "nothing", 0, 0)


def f24(field: Range) -> tuple[Any, Result]:
    """A template breaks, then is mended, and the dead letters are sent again."""
    from django.contrib.auth.models import User

    from notifications.models import Notification, NotificationTemplate
    from notifications.services import resend, send_template_notification

    count = field.many(20)
    with field.drill(groups=count, redis=False) as drill:
        name = "meeting_reminder"

        def send(number: int) -> None:
            values = {"meeting_title": f"M{number:05}", "meeting_time": "周一", "location": "二楼"}
            send_template_notification(name, f"G{number:03}", values)

        send(1)
        texts = NotificationTemplate.objects.filter(template_name=name)
        good = {row.pk: row.content_template for row in texts}
        if good:
            texts.update(content_template="{typo}")
        for number in range(2, count + 1):
            send(number)
        dead = list(Notification.objects.filter(status="dead"))
        for key, content in good.items():
            NotificationTemplate.objects.filter(pk=key).update(content_template=content)
        person = User.objects.create_superuser("mender")
        for row in dead:
            resend(row, user=person)
        drill.deliver_all(most_leaps=3000)
        found = drill.shown()
        wrong = [number for number in range(1, count + 1) if found[f"M{number:05}"] != 1]
        if wrong or (good and len(dead) != count - 1):
            drill.judge.complaints.append(f"dead letters {len(dead)}, not shown once: {wrong[:3]}")
    return drill, Result(f"{count - 1} on a broken template", 0, "dead letters with the placeholder", 0, 0)


def f25(field: Range) -> tuple[Any, Result]:
    """Thousands in a second from one source."""
    from notifications.models import Notification, NotificationConfig
    from notifications.services import send_notification

    count = max(field.many(2000), 1000)
    with field.drill(groups=1, redis=False) as drill:
        NotificationConfig.objects.filter(config_key="most_per_source_minute").update(config_value="500")
        for _ in range(count):
            send_notification("演练", "一次又一次", "wechat_bot", "G001", 3, source="runaway")
        withheld = Notification.objects.filter(status="suppressed", reason="flooded").count()
        rows = Notification.objects.filter(source="runaway").count()
        drill.deliver_all(most_leaps=3000)
        if rows != count or not withheld:
            drill.judge.complaints.append(f"{rows} rows of {count}, {withheld} withheld")
        sent = drill.server.counts["shown"]
    return drill, Result(
        f"{count} at once from one source", 0, f"{withheld} withheld and counted, {sent} shown", 0, 0
    )


def f26(field: Range) -> tuple[Any, Result]:
    """Deploys: SIGTERM to everything."""
    times, slowest = field.many(20), 0.0
    with field.drill(groups=2000, limit=None, channel_limit=20_000) as drill:
        for _ in range(times):
            processes = [drill.start("--workers", "0"), *(drill.start("--queue", "notify") for _ in range(2))]
            drill.create(40)
            with contextlib.suppress(AssertionError):
                await_more(drill, 5)
            began = time.monotonic()
            for pid in processes:
                drill.end(pid)
            slowest = max(slowest, time.monotonic() - began)
        drill.start("--workers", "0")
        drill.settle(seconds=60)
    return drill, Result(f"{times} × SIGTERM to all", slowest, "nothing", 0, 0, 15)


def soak(field: Range) -> tuple[Any, Result] | None:
    """B7: minutes of steady traffic with storms; memory, connections and the file stay flat."""
    minutes = field.options.soak_minutes
    if not minutes:
        return None
    dice = random.Random(7)
    samples: list[tuple[float, float, int, float]] = []
    with field.drill(groups=40) as drill:
        pids = [drill.start("--workers", "0"), *(drill.start("--queue", "notify") for _ in range(2))]
        began = time.monotonic()
        looked = 0.0
        while (now := time.monotonic() - began) < minutes * 60:
            if dice.random() < 0.01:
                drill.create(100, priority=3, group=dice.choice(drill.groups))
            drill.create(priority=dice.randint(1, 5), group=dice.choice(drill.groups))
            if now - looked > 10:
                looked = now
                samples.append((now, _memory_mb(pids), _open_files(pids), _database_mb()))
            time.sleep(0.5)
        drill.settle(seconds=180)
        count = len(drill.markers)
    half = [sample for sample in samples if sample[0] > minutes * 60 * 0.3] or samples
    memory, files = _slope(half, 1), _slope(half, 2)
    size = (half[-1][3] - half[0][3]) * 1024 / max(count, 1)
    if minutes >= 10 and (memory > 1.0 or files > 0.5):  # before that it is still warming up
        drill.judge.complaints.append(f"memory grows {memory:.2f} MB a minute, open files {files:.2f}")
    return drill, Result(
        f"{minutes:g} min, {count} messages, storms",
        0,
        f"memory {memory:+.2f} MB/min, open files {files:+.2f}/min, {size:.1f} KB a message",
        0,
        0,
    )


def _memory_mb(pids: list[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in pids)
    return pages * resource.getpagesize() / 2**20


def _open_files(pids: list[int]) -> int:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)


def _database_mb() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        else:
            cursor.execute("SELECT pg_database_size(current_database())")
        return float(cursor.fetchone()[0]) / 2**20


def _slope(samples: list[tuple[float, float, int, float]], column: int) -> float:
    """Least squares, per minute."""
    times = [sample[0] / 60 for sample in samples]
    values = [float(sample[column]) for sample in samples]
    middle, level = sum(times) / len(times), sum(values) / len(values)
    width = sum((at - middle) ** 2 for at in times)
    return (
        sum((at - middle) * (value - level) for at, value in zip(times, values, strict=True)) / width
        if width
        else 0.0
    )


DRILLS: dict[str, Callable[[Range], tuple[Any, Result] | None]] = {
    **{f"F{number}": globals()[f"f{number}"] for number in (*range(1, 17), *range(19, 27))},
    "soak": soak,
}
ELSEWHERE = {
    "F17": "tests/faults: one refresh by four workers (needs an application)",
    "F18": "tests/faults: invaliduser is recorded by name",
    "F27": "tests/faults: from the first tables to the newest and back",
}


def run(field: Range, name: str) -> str:
    """Run one drill; return its line."""
    began = time.monotonic()
    try:
        found = DRILLS[name](field)
    except AssertionError as error:
        return f"| {name} | – | – | – | – | – | {error} | BROKEN |"
    if found is None:
        return f"| {name} | not on this database, or switched off | – | – | – | – | – | – |"
    drill, result = found
    verdict = drill.ended
    broken = list(drill.judge.complaints)
    if verdict.lost:
        broken.append(f"{verdict.lost} lost")
    if verdict.unflagged:
        broken.append(f"{verdict.unflagged} doubled without a mark")
    if verdict.doubled > result.most_doubled:
        broken.append(f"doubled {verdict.doubled} > {result.most_doubled}")
    if result.most_marked is not None and verdict.flagged > result.most_marked:
        broken.append(f"marked {verdict.flagged} > {result.most_marked}")
    if result.within_s and result.recovered_s > result.within_s:
        broken.append(f"took {result.recovered_s:.0f} s > {result.within_s:.0f} s")
    cells = (
        name,
        result.injected,
        verdict.lost,
        f"{verdict.doubled} (≤ {result.most_doubled})",
        verdict.flagged,
        f"{result.recovered_s:.1f} s" if result.recovered_s else "–",
        result.seen,
        "BROKEN: " + "; ".join(broken) if broken else "held",
    )
    print(f"{name}: {time.monotonic() - began:.0f} s, {drill.judge.looks} looks", file=sys.stderr, flush=True)
    return "| " + " | ".join(map(str, cells)) + " |"


def prepare(directory: Path, url: str) -> None:
    """Make the tables; Django lives in this process from now on."""
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "spc_site.settings",
            "DATABASE_URL": url,
            "NOTIFICATION_DB_PATH": str(directory / "faults.sqlite3"),
            "SECRET_KEY": "faults-" + "k" * 50,
            "SECRETS_KEYS": "faults-" + "k" * 50,
            "REDIS_URL": "",
            "ALLOW_HTTP": "true",
        }
    )
    import logging

    import django

    django.setup()
    logging.getLogger().setLevel(logging.CRITICAL)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--faults", default=",".join(DRILLS), help="ids, with commas")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of the matrix")
    parser.add_argument("--soak-minutes", type=float, default=20)
    parser.add_argument("--markdown", type=Path, help="write the table there, too")
    options = parser.parse_args()
    names = [name for name in options.faults.split(",") if name]
    if unknown := set(names) - DRILLS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; elsewhere: {ELSEWHERE}")
    from tests import services

    lines = [
        f"| id ({options.database}) | injected | lost | doubled | marked | took | operator sees | verdict |",
        "| --- " * 8 + "|",
    ]
    with (
        tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as stack,
    ):
        directory = Path(name)
        postgres = None
        if options.database == "postgres":
            postgres = stack.enter_context(services.running_postgres(durable=True))
        prepare(directory, postgres.url if postgres else "")
        from tests.faults.drill import Nursery
        from tests.live import child_environment

        redis = services.Redis(directory / "redis")
        redis.start()
        stack.callback(redis.stop)
        nursery = Nursery(child_environment(), log=directory / "nursery.log")
        stack.callback(nursery.stop)
        field = Range(directory, options, redis, nursery, postgres)
        print("\n".join(lines), flush=True)
        for fault in names:
            lines.append(run(field, fault))
            print(lines[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(any("BROKEN" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
