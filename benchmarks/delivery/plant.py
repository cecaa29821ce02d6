"""Ours: a database, Redis and workers; many messages at once, and how fast they go."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.delivery.server import Server, rate_of

TICKS = os.sysconf("SC_CLK_TCK")


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
