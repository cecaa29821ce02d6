#!/usr/bin/env python3
"""The nightly cleaning of old messages, and how long others wait for the database meanwhile.

A database of its own gets so many messages that ended 100 days ago, each with an attempt and an
event. The cleaning runs as at night; another process writes a row every 20 ms and notes how long
each write took.

    .venv/bin/python benchmarks/retention.py [--messages 100000]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def _set_up(database: str) -> None:
    os.environ["NOTIFICATION_DB_PATH"] = database
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spc_site.settings")
    os.environ["DATABASE_URL"] = ""
    import django

    django.setup()


def _fill(count: int) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from notifications.models import DeliveryAttempt, Notification, NotificationEvent

    at = timezone.now() - timedelta(days=100, seconds=count)
    size = 2_000
    for start in range(0, count, size):
        rows = Notification.objects.bulk_create(
            Notification(
                message_id=f"m{number}",
                title=f"消息{number}",
                content="### IQC 异常汇总\n" + "- **异常项**: 内径 [x](http://qms/IQC/12/345)\n" * 8,
                payload="{}" + "x" * 900,
                channel="wechat_bot",
                target=f"G{number % 20}",
                status="sent",
                next_at=at,
                due_at=at,
                sent_at=at,
                correlation_id=f"c{number}",
            )
            for number in range(start, min(start + size, count))
        )
        DeliveryAttempt.objects.bulk_create(
            DeliveryAttempt(notification=row, number=1, started_at=at, outcome="sent", answer="ok" * 40)
            for row in rows
        )
        NotificationEvent.objects.bulk_create(
            NotificationEvent(notification=row, kind="masked", note="手机号") for row in rows
        )
        for place in range(0, len(rows), 20):  # twenty in a second: a busy plant
            some = Notification.objects.filter(pk__in=[row.pk for row in rows[place : place + 20]])
            ended = at + timedelta(seconds=(start + place) // 20)
            some.update(created_at=ended, updated_at=ended)


def _write_beside(database: str, stop: Any, waits: Any) -> None:
    """Do what a sender does: a short write every 20 ms."""
    _set_up(database)
    from spc_site.models import Schedule

    row = Schedule.objects.create(name="beside", next_run="2026-01-01T00:00:00Z")
    took = []
    while not stop.is_set():
        started = time.perf_counter()
        Schedule.objects.filter(pk=row.pk).update(next_run="2026-01-02T00:00:00Z")
        took.append(time.perf_counter() - started)
        time.sleep(0.02)
    waits.put(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder) / "retention.sqlite3")
        _set_up(database)
        from django.core.management import call_command
        from django.db import connection

        from notifications.services import retention

        call_command("migrate", verbosity=0)
        started = time.perf_counter()
        _fill(arguments.messages)
        print(f"{platform.python_version()}, {platform.machine()}, {connection.vendor}")
        print(f"{arguments.messages} messages made in {time.perf_counter() - started:.1f} s")

        chunks: list[float] = []
        plain = retention._Work._timed

        def timed(work: Any, do: Any) -> int:
            def and_note() -> int:
                began = time.perf_counter()
                count: int = do()
                chunks.append(time.perf_counter() - began)
                return count

            return plain(work, and_note)

        retention._Work._timed = timed  # type: ignore[method-assign]
        context = multiprocessing.get_context("spawn")
        stop, waits = context.Event(), context.Queue()
        beside = context.Process(target=_write_beside, args=(database, stop, waits))
        beside.start()
        time.sleep(3)
        started = time.perf_counter()
        done = retention.clean(budget_s=3600)
        took = time.perf_counter() - started
        stop.set()
        written = sorted(waits.get())
        beside.join()
        print(
            f"cleaned in {took:.1f} s with rests: {done.texts} texts, {done.attempts} attempts, "
            f"{done.messages} messages"
        )
        print(
            f"{len(chunks)} chunks of {retention.CHUNK}: median {median(chunks) * 1000:.0f} ms, "
            f"longest {max(chunks) * 1000:.0f} ms"
        )
        print(
            f"{len(written)} writes beside it: median {median(written) * 1000:.1f} ms, "
            f"99th percentile {written[int(len(written) * 0.99)] * 1000:.0f} ms, "
            f"longest {written[-1] * 1000:.0f} ms"
        )


if __name__ == "__main__":
    main()
