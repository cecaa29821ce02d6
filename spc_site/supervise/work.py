"""What `manage.py work` runs: the pump, and the workers as its children.

Every process ends within 15 seconds of SIGINT or SIGTERM: drains stop between two pieces, and
what does not is killed; its lease runs out and somebody else takes the piece up again.
"""

from __future__ import annotations

import logging
import signal
import sys
import time

from django.conf import settings
from django.db import close_old_connections

from spc_site import jobs
from spc_site.models import WorkerBeat
from spc_site.supervise.beats import Beat, bury
from spc_site.supervise.processes import Death, Program, Supervisor, on_stop_signal
from spc_site.supervise.pump import TICK_S, Pump

logger = logging.getLogger(__name__)

PATIENCE_S = 10.0
LAST_RESORT_S = 14
ROUNDS_AT_ONCE = 1000


def run(*, workers: int) -> None:
    """Pump, and keep `workers` RQ workers per queue running, until asked to end."""

    def stop() -> None:
        jobs.stop_requested.set()
        signal.alarm(LAST_RESORT_S)  # ends this process whatever it is stuck in

    on_stop_signal(stop)
    supervisor = Supervisor(on_death=_note_death)
    if settings.REDIS_URL:
        for queue in jobs.QUEUES:
            for number in range(workers):
                supervisor.start(_worker(queue, number))
    pump = Pump()
    logger.info("work started: workers=%d redis=%s", workers, "yes" if settings.REDIS_URL else "no")
    with Beat(WorkerBeat.Role.PUMP):
        while not jobs.stop_requested.is_set():
            began = time.monotonic()
            jobs.tally.move()
            supervisor.poll()
            _tick(pump)
            jobs.stop_requested.wait(max(TICK_S - (time.monotonic() - began), 0.05))
        deadline = time.monotonic() + PATIENCE_S
        supervisor.stop(patience_s=PATIENCE_S)
        pump.finish(max(deadline - time.monotonic(), 0.0))
    logger.info("work ended")


def run_worker(queue: str) -> None:
    """Be one worker of one queue until asked to end."""
    on_stop_signal(jobs.stop_requested.set)
    with Beat(WorkerBeat.Role.WORKER, queue):
        jobs.run_worker(queue)


def run_once() -> int:
    """Drain in this process until nothing is due or nothing moves; return how much was handled."""
    total = 0
    for _round in range(ROUNDS_AT_ONCE):
        handled = sum(jobs.drain(name) for name in jobs.due())
        if not handled:
            break
        total += handled
    return total


def _worker(queue: str, number: int) -> Program:
    argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "work", "--queue", queue]
    return Program(name=f"{queue}-{number + 1}", argv=argv, directory=settings.BASE_DIR)


def _tick(pump: Pump) -> None:
    """Let the pump look once; nothing that goes wrong in it may end the pump."""
    close_old_connections()
    try:
        pump.tick()
    except Exception:
        logger.exception("pump failed")
    close_old_connections()


def _note_death(death: Death) -> None:
    logger.warning(
        "worker died: name=%s cause=%s again_in_s=%d", death.program.name, death.cause, death.pause_s
    )
    bury(death.pid)
