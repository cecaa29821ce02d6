"""The one door to the queue: nothing else in the system speaks to RQ or Redis.

The database is the queue. What is due stands in rows, and an app's *job function* drains many
of them, within a budget of time. RQ carries only a doorbell: "something is due in X, drain it".
A lost ring therefore costs at most a second, because the pump (`manage.py work`) looks at the
rows every second and rings again, or drains by itself when Redis or the workers are missing.

An app's `jobs.py` declares its bell; signals and services ring it::

    @doorbell(name="quality.judge", queue="judge", is_due=selectors.has_pending_entries)
    def judge_due_job() -> int:
        return services.judge_due(budget=Budget(20))

    enqueue("quality.judge")
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any

import django_rq
import redis
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import connections, transaction
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from spc_site import clock
from spc_site.models import Schedule, WorkerBeat

logger = logging.getLogger(__name__)

QUEUES = ("judge", "notify", "slow")
"""What has to be quick apart from what may take long; each worker listens on one of them."""

RING_TIMEOUT_S = 0.3
QUIET_AFTER_FAILURE_S = 10.0
RING_TTL_S = 30
STUCK_AFTER_S = 10.0
LONGEST_REST_S = 30.0
LONGEST_REST_FROM_DATABASE_S = 3.0
OLDEST_REDIS = (6, 2)
"""Before 6.2 there is no BLMOVE, and a ring that a dying worker has taken is gone."""


# --- what can be rung -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Doorbell:
    """One kind of work: where it is done, how to see that some is due, and what does it.

    `is_due` must be cheap (one indexed query): the pump asks it every second. `oldest_due`
    tells, for the health page, since when the oldest piece has been waiting.
    """

    name: str
    queue: str
    is_due: Callable[[], bool]
    job: Callable[[], int]
    timeout_s: int
    oldest_due: Callable[[], datetime | None] | None = None


_doorbells: dict[str, Doorbell] = {}


def doorbells() -> tuple[Doorbell, ...]:
    """Return every declared bell, in the order of their declaration."""
    return tuple(_doorbells.values())


def _declare(bell: Doorbell) -> None:
    if bell.queue not in QUEUES:
        raise ValueError(f"doorbell {bell.name}: there is no queue {bell.queue!r}")
    if bell.name in _doorbells:
        raise ValueError(f"doorbell {bell.name} is declared twice")
    _doorbells[bell.name] = bell


def doorbell(
    *,
    name: str,
    queue: str,
    is_due: Callable[[], bool],
    timeout_s: int = 120,
    oldest_due: Callable[[], datetime | None] | None = None,
) -> Callable[[Callable[[], int]], Callable[[], int]]:
    """Declare a job function that drains what is due and returns how many it handled.

    It can run twice, late and beside itself; its own budget of time stays well below
    `timeout_s`, after which a worker stops it.
    """

    def declare(job: Callable[[], int]) -> Callable[[], int]:
        _declare(Doorbell(name, queue, is_due, job, timeout_s, oldest_due))
        return job

    return declare


def every(
    *, seconds: int, name: str, queue: str = "slow", timeout_s: int = 120
) -> Callable[[Callable[[], Any]], Callable[[], int]]:
    """Declare periodic work: a bell that is due when its row in `Schedule` says so.

    The turn is claimed in the database, so that several pumps on several hosts run it once. A
    run that fails is logged and comes again at its next turn.
    """
    interval = timedelta(seconds=seconds)

    def is_due() -> bool:
        return Schedule.objects.is_due(name, interval=interval, now=clock.now())

    def declare(job: Callable[[], Any]) -> Callable[[], int]:
        @wraps(job)
        def take_turn() -> int:
            if not Schedule.objects.claim(name, interval=interval, now=clock.now()):
                return 0
            job()
            return 1

        _declare(Doorbell(name, queue, is_due, take_turn, timeout_s))
        return take_turn

    return declare


# --- how long a job goes on -----------------------------------------------------------------

stop_requested = threading.Event()
"""Set when this process was asked to end: drains finish the piece in hand and return."""


class Budget:
    """The time that one drain may use: true while there is some left and nobody said stop."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def __bool__(self) -> bool:
        return time.monotonic() < self._end and not stop_requested.is_set()


# --- what this process has done -------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What this process did; its beat shows it. Moments are of the monotonic clock."""

    handled: int = 0
    failures: int = 0
    ring_failures: int = 0
    moved_at: float = field(default_factory=time.monotonic)
    busy_since: float | None = None
    busy_until: float = 0.0
    answered_at: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *, handled: int = 0, failures: int = 0, ring_failures: int = 0) -> None:
        """Count, from any thread."""
        with self._lock:
            self.handled += handled
            self.failures += failures
            self.ring_failures += ring_failures

    def move(self) -> None:
        """Note that the main loop goes round."""
        self.moved_at = time.monotonic()

    def is_moving(self) -> bool:
        """Tell whether the main loop goes round, or is in a job that still has time."""
        now = time.monotonic()
        return now - self.moved_at < STUCK_AFTER_S if self.busy_since is None else now < self.busy_until


tally = Tally()


# --- ringing --------------------------------------------------------------------------------

_quiet_until = 0.0
_queues: dict[tuple[str, str], Queue] = {}


def enqueue(name: str, *, using: str | None = None) -> None:
    """Ring a bell as soon as the caller's transaction has committed (at once without one).

    Never raises and never slows the caller for more than a few tenths of a second: Redis may
    be down, slow or not there at all, and the pump finds the rows anyway.
    """
    if name not in _doorbells:
        raise LookupError(f"no doorbell is called {name!r}")
    transaction.on_commit(partial(ring, name), using=using, robust=True)


def ring(name: str) -> bool:
    """Ring now; tell whether a ring is in the queue (this one, or one of the same second)."""
    global _quiet_until
    if not settings.REDIS_URL or time.monotonic() < _quiet_until:
        return False
    bell = _doorbells[name]
    try:
        _queue(bell.queue).enqueue_call(
            "spc_site.jobs.answer",
            args=(name,),
            # One per second and bell: a ring that a killed worker took with it blocks no longer.
            job_id=f"drain-{name.replace('.', '_')}-{int(time.time())}",
            unique=True,
            ttl=RING_TTL_S,
            timeout=bell.timeout_s,
            result_ttl=0,
            failure_ttl=3600,
        )
    except DuplicateJobError:
        return True
    except Exception as error:  # whatever Redis, the network or RQ come up with: it is only a bell
        _quiet_until = time.monotonic() + QUIET_AFTER_FAILURE_S
        tally.add(ring_failures=1)
        logger.warning("ring failed: bell=%s error=%s", name, type(error).__name__)
        return False
    return True


def _queue(name: str) -> Queue:
    """Return the queue for ringing; kept, because a new one asks Redis for its version."""
    key = (settings.REDIS_URL, name)
    if key not in _queues:
        connection = _connect(timeout_s=RING_TIMEOUT_S)
        _queues[key] = django_rq.get_queue(name, connection=connection, commit_mode="auto")
    return _queues[key]


def _connect(*, timeout_s: float | None) -> redis.Redis:
    """Return a client that tries once: what comes after a failure is decided here, not in it."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=RING_TIMEOUT_S,
        socket_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )


def redis_answers() -> bool | None:
    """Tell whether Redis answers now; None where none is configured."""
    if not settings.REDIS_URL:
        return None
    try:
        with _connect(timeout_s=RING_TIMEOUT_S) as connection:
            return bool(connection.ping())
    except (redis.RedisError, OSError):
        return False


# --- answering ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Rest:
    """How long a bell that failed is left alone, so that a fault does not fill the log."""

    failures: int = 0
    until: float = 0.0


_rests: dict[str, _Rest] = {}


def _failed(name: str, doing: str, error: Exception) -> None:
    """Log and count a failure, and let the bell rest for 1, 2, 4 … seconds.

    A database that is locked or away is not the bell's fault: one line, and it is tried again
    soon, since people wait for it.
    """
    rest = _rests.setdefault(name, _Rest())
    rest.failures += 1
    tally.add(failures=1)
    longest_s = LONGEST_REST_S
    if isinstance(error, AnyDatabaseError):
        longest_s = LONGEST_REST_FROM_DATABASE_S
        logger.error("%s failed: bell=%s database error=%s", doing, name, error)
    else:
        logger.error("%s failed: bell=%s", doing, name, exc_info=error)
    rest.until = time.monotonic() + min(2.0 ** (rest.failures - 1), longest_s)
    _close_stale_connections()


def _is_resting(name: str) -> bool:
    rest = _rests.get(name)
    return rest is not None and time.monotonic() < rest.until


def _close_stale_connections() -> None:
    """Close what has gone bad or is too old, since Django would otherwise go on using it.

    A transaction that is under way (the caller's) keeps its connection, good or bad.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def due() -> list[str]:
    """Return the bells for which there is work. An error in one of them hides no other."""
    names = []
    for bell in doorbells():
        if _is_resting(bell.name):
            continue
        try:
            if bell.is_due():
                names.append(bell.name)
        except Exception as error:
            _failed(bell.name, "look", error)
    return names


def drain(name: str) -> int:
    """Do what is due, in this process; return how many pieces were handled.

    An error is logged and counted and ends this drain only.
    """
    _close_stale_connections()
    try:
        handled = _doorbells[name].job()
    except Exception as error:
        _failed(name, "drain", error)
        return 0
    _rests.pop(name, None)
    tally.add(handled=handled)
    _close_stale_connections()
    return handled


def answer(name: str) -> int:
    """Answer a ring: what a worker runs for a job, and the pump in place of a worker.

    A ring for a bell that this version of the code does not know, or for one that rests, is
    nothing to do.
    """
    if name not in _doorbells:
        logger.warning("unknown bell: bell=%s", name)
        return 0
    return 0 if _is_resting(name) else drain(name)


# --- the worker -----------------------------------------------------------------------------


class DrainWorker(SimpleWorker):
    """An RQ worker that runs its jobs in its own process, one queue, without side threads.

    Not forking: a drain opens its own database connection, and a fork per ring costs more than
    most drains. No subscription: it serves commands that nobody sends here, and its thread is
    what other people's workers hang in after Redis has been away.
    """

    max_connection_wait_time = 2.0

    def subscribe(self) -> None:
        """Listen for no commands."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        tally.move()
        super().heartbeat(timeout, pipeline=pipeline)

    def handle_warm_shutdown_request(self) -> None:
        stop_requested.set()

    def execute_job(self, job: Job, queue: Queue) -> None:
        tally.busy_until = time.monotonic() + float(job.timeout or 0)
        tally.busy_since = time.monotonic()
        try:
            super().execute_job(job, queue)
        finally:
            tally.busy_since = None
            tally.answered_at = time.monotonic()
            tally.move()


def run_worker(queue: str) -> None:
    """Answer the rings of one queue until `stop_requested`; survive Redis going and coming."""
    while not stop_requested.is_set():
        tally.move()
        try:
            connection = _connect(timeout_s=None)
            _warn_about_old_redis(connection)
            worker = DrainWorker(
                [django_rq.get_queue(queue, connection=connection, commit_mode="auto")],
                connection=connection,
                serializer=JSONSerializer,  # the one of the queues (settings)
                log_job_description=False,
                worker_ttl=20,  # waits 5 s for a ring, then shows that it is alive
            )
            worker.work(logging_level="WARNING")
        except (redis.RedisError, OSError) as error:
            logger.warning("worker waits for Redis: queue=%s error=%s", queue, type(error).__name__)
            stop_requested.wait(1.0)
        else:
            stop_requested.wait(0.2)


def _warn_about_old_redis(connection: redis.Redis) -> None:
    version = str(connection.info("server")["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        logger.warning("Redis %s is older than 6.2: rings may be lost", version)


# --- the system's own periodic work ------------------------------------------------------------


@every(name="spc_site.forget_dead_processes", seconds=600)
def forget_dead_processes() -> None:
    """Remove the beats of processes that went without a word long ago."""
    WorkerBeat.objects.filter(beat_at__lt=clock.now() - timedelta(hours=1)).delete()
