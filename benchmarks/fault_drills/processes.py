"""F1–F5, F23, F26: processes killed, ended and beside each other; a transaction taken back."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any

from benchmarks.fault_drills.field import LEASE_S, Range, Result, await_more


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
