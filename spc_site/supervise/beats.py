"""Show in the database that this process is alive, as long as its main loop really moves."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from datetime import datetime, timedelta

from django.db import Error as AnyDatabaseError
from django.db import connections

from spc_site import clock, jobs
from spc_site.models import WorkerBeat
from spc_site.supervise.processor import Processor

logger = logging.getLogger(__name__)

INTERVAL_S = 2.0


class Beat:
    """Writes the beat of this process from a thread of its own, every two seconds.

    From a thread, so that a long drain does not look like a dead process; only while the main
    loop moves (`Tally.is_moving`), so that a stuck one does. `with Beat(…):` begins and ends it.
    """

    def __init__(self, role: WorkerBeat.Role, queue: str = "") -> None:
        self._role = role
        self._queue = queue
        self._row: WorkerBeat | None = None
        self._end = threading.Event()
        self._processor = Processor()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)

    def __enter__(self) -> Beat:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._end.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while True:
            try:
                if jobs.tally.is_moving():
                    self.write()
                if self._end.wait(INTERVAL_S):
                    self.erase()
                    return
            except AnyDatabaseError as error:
                logger.warning("beat not written: %s", type(error).__name__)
                self._end.wait(INTERVAL_S)
            finally:
                connections.close_all()

    def write(self) -> None:
        """Write the beat; make the row if it is new or was taken for dead and removed."""
        now, moment = clock.now(), time.monotonic()

        def shared(then: float | None) -> datetime | None:
            """Turn a moment of this process into the time that all hosts share."""
            return None if then is None else now - timedelta(seconds=moment - then)

        values = {
            "beat_at": now,
            "busy_since": shared(jobs.tally.busy_since),
            "answered_at": shared(jobs.tally.answered_at),
            "handled": jobs.tally.handled,
            "failures": jobs.tally.failures,
            "ring_failures": jobs.tally.ring_failures,
            "processor_pct": self._processor.busy_pct(),
        }
        if self._row is None or not WorkerBeat.objects.filter(pk=self._row.pk).update(**values):
            self._row = WorkerBeat.objects.create(
                host=socket.gethostname(),
                pid=os.getpid(),
                role=self._role,
                queue=self._queue,
                started_at=now,
                **values,
            )

    def erase(self) -> None:
        """Remove the row: this process ends in good order and nobody has to wait for it."""
        if self._row is not None:
            self._row.delete()


def bury(pid: int) -> None:
    """Remove the beat of a child of this host that is known to be dead."""
    with contextlib.suppress(AnyDatabaseError):  # it is stale in a few seconds anyway
        WorkerBeat.objects.filter(host=socket.gethostname(), pid=pid).delete()
