"""How long requests take: counted in memory, written as histogram rows every few seconds.

Each web process has one meter. It starts with the first request of a process that `start` was called in
(`spc_site/wsgi.py`), also after a fork; elsewhere it only counts. Nothing is written in a request.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
import time
import uuid
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import Error as AnyDatabaseError
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from alarms.models import RequestMinute
from spc_site import jobs

log = logging.getLogger("alarms.metering")

BOUNDS_MS = (5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 10000)
"""Ends of the buckets; that of the shipped limit, 500 ms, is one of them."""

FLUSH_S = 10.0
WATCH = "alarms.system"
NOBODY_AFTER = timedelta(minutes=3)

_UNCOUNTED = ("/static/", "/healthz", "/metrics")


@dataclass(slots=True)
class _Minute:
    count: int = 0
    failed: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))


class Meter:
    """Counts requests by minute, from any thread, and writes its rows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minutes: dict[datetime, _Minute] = {}
        self._may_run = False
        self._pid = 0
        self.process = ""

    def start(self) -> None:
        """Let the process of this meter write, from its first request on."""
        self._may_run = True

    def add(self, duration_ms: float, *, is_failed: bool, at: datetime) -> None:
        """Count one request in the minute in which it ended."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            one = self._minutes.setdefault(at.replace(second=0, microsecond=0), _Minute())
            one.count += 1
            one.failed += is_failed
            one.buckets[bisect_left(BOUNDS_MS, duration_ms)] += 1

    def _begin(self) -> None:
        """Be the meter of this process: one that was forked has counted nothing yet."""
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid, self._minutes = os.getpid(), {}
            self.process = f"{socket.gethostname()[:40]}:{self._pid}:{uuid.uuid4().hex[:8]}"
        if self._may_run:
            threading.Thread(target=self._run, name="request-meter", daemon=True).start()
            atexit.register(self._last_words)

    def flush(self, *, at: datetime) -> int:
        """Write what was counted; return how many rows. One statement."""
        with self._lock:
            rows = [
                RequestMinute(
                    minute=minute,
                    process=self.process,
                    count=one.count,
                    failed=one.failed,
                    buckets=list(one.buckets),
                )
                for minute, one in self._minutes.items()
            ]
        if not rows:
            return 0
        RequestMinute.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["minute", "process"],
            update_fields=["count", "failed", "buckets"],
        )
        over = at.replace(second=0, microsecond=0) - timedelta(minutes=1)
        with self._lock:
            for minute in [minute for minute in self._minutes if minute < over]:
                del self._minutes[minute]
        return len(rows)

    def _run(self) -> None:
        while True:
            time.sleep(FLUSH_S)
            self._round()

    def _round(self) -> None:
        """Write, and look after the system if nobody else does."""
        try:
            self.flush(at=timezone.now())
            watch_in_need()
        except AnyDatabaseError as error:
            log.warning("requests not written: %s", type(error).__name__)
        except Exception:
            log.exception("request meter failed")
        finally:
            connections.close_all()

    def _last_words(self) -> None:
        if self._pid == os.getpid():
            self._round()


def watch_in_need() -> bool:
    """Look at the system from here when no process of `manage.py work` has for minutes; say whether.

    So a dead pump becomes an alarm with its work order at once, though its messages wait for the next pump.
    """
    from spc_site import clock
    from spc_site.models import Schedule

    last = Schedule.objects.filter(name=WATCH).values_list("last_run", flat=True).first()
    if last is None or clock.now() - last < NOBODY_AFTER:
        return False
    return bool(jobs.answer(WATCH))


meter = Meter()


class RequestMeter:
    """Middleware: time every request of the site. It stands outermost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self._get_response(request)
        if not request.path.startswith(_UNCOUNTED):
            duration_ms = (time.perf_counter() - began) * 1000
            meter.add(duration_ms, is_failed=response.status_code >= 500, at=timezone.now())
        return response
