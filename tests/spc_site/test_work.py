"""`manage.py work` as real processes under fire: nothing is lost, and everything ends when told."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from spc_site import clock, jobs
from spc_site.models import Schedule, WorkerBeat
from tests import databases
from tests.bells.jobs import NAME, Pieces, do_pieces_job, is_due
from tests.live import Workers, child_environment
from tests.services import Postgres, Redis, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pieces:
    """Work for the bell of `tests.bells`, which this process knows, too."""
    directory = tmp_path / "pieces"
    directory.mkdir()
    monkeypatch.setenv("TESTS_BELLS", str(directory))
    bell = jobs.Doorbell(NAME, "notify", is_due, do_pieces_job, 30)
    monkeypatch.setattr(jobs, "_doorbells", {NAME: bell})
    return Pieces(directory)


@pytest.fixture
def workers(transactional_db: None, pieces: Pieces, tmp_path: Path) -> Iterator[Callable[..., Workers]]:
    """Make the launcher of processes that share this test's database, work and Redis."""
    made: list[Workers] = []

    def make(redis: Redis | None = None) -> Workers:
        environment = child_environment(redis_url=redis.url if redis else "") | {
            "DJANGO_SETTINGS_MODULE": "tests.bells.settings",
            "TESTS_BELLS": str(pieces.directory),
        }
        made.append(Workers(environment, log=tmp_path / "work.log"))
        return made[-1]

    yield make
    for each in made:
        each.stop()
    print((tmp_path / "work.log").read_text(encoding="utf-8") if made else "")  # shown if the test failed


def await_beats(count: int, *, role: str = "worker") -> list[WorkerBeat]:
    def fresh() -> list[WorkerBeat]:
        return list(WorkerBeat.objects.filter(role=role).fresh(now=clock.now()))

    wait_until(lambda: len(fresh()) == count, seconds=40, what=f"{count} beats of {role}")
    return fresh()


def await_done(pieces: Pieces, count: int, *, seconds: float = 40) -> None:
    wait_until(lambda: len(pieces.done()) == count, seconds=seconds, what=f"{count} pieces are done")


def is_running(pid: int) -> bool:
    """Tell whether a process lives (a zombie that its parent has not yet buried does not)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_ring_wakes_a_worker_without_any_pump(
    redis_server: Redis, workers: Callable[..., Workers], pieces: Pieces
) -> None:
    (pid,) = workers(redis_server).start("notify")
    pieces.add(3)
    jobs.enqueue(NAME)
    await_done(pieces, 3)
    assert {who for by in pieces.done().values() for who in by} == {pid}


def test_without_redis_the_pump_drains_by_itself(workers: Callable[..., Workers], pieces: Pieces) -> None:
    pid = workers().spawn()
    await_beats(1, role="pump")
    pieces.add(3)
    await_done(pieces, 3)
    assert {who for by in pieces.done().values() for who in by} == {pid}
    assert not WorkerBeat.objects.workers().exists()


def test_a_killed_worker_is_replaced_and_its_work_is_taken_up_again(
    redis_server: Redis, workers: Callable[..., Workers], pieces: Pieces
) -> None:
    workers(redis_server).spawn()
    victim = next(beat.pid for beat in await_beats(3) if beat.queue == "notify")
    pieces.add(20, seconds=0.2)
    wait_until(pieces.doing, seconds=20, what="a piece is under way")
    os.kill(victim, signal.SIGKILL)
    await_done(pieces, 20)
    wait_until(
        lambda: not WorkerBeat.objects.filter(pid=victim).exists() and len(await_beats(3)) == 3,
        seconds=20,
        what="another worker has taken its place",
    )


def test_redis_may_die_and_come_back(
    redis_server: Redis, workers: Callable[..., Workers], pieces: Pieces
) -> None:
    pump = workers(redis_server).spawn()
    beats = await_beats(3)
    redis_server.kill()
    pieces.add(3)
    await_done(pieces, 3)
    assert {who for by in pieces.done().values() for who in by} == {pump}
    redis_server.start()
    listener = next(beat.pid for beat in beats if beat.queue == "notify")

    def rung_again() -> bool:
        pieces.add(1)
        time.sleep(1)
        return any(listener in by for by in pieces.done().values())

    wait_until(rung_again, seconds=40, what="the same worker answers again")


def test_flushing_redis_again_and_again_loses_nothing(
    redis_server: Redis, workers: Callable[..., Workers], pieces: Pieces
) -> None:
    workers(redis_server).spawn()
    await_beats(3)
    for _ in range(10):
        pieces.add(5, seconds=0.02)
        jobs.enqueue(NAME)
        redis_server.flush()
        time.sleep(0.1)
    await_done(pieces, 50)


def test_two_pumps_and_many_workers_do_each_piece_once(
    redis_server: Redis, workers: Callable[..., Workers], pieces: Pieces
) -> None:
    group = workers(redis_server)
    for _ in range(2):
        group.spawn("--workers", "2")
    await_beats(2, role="pump")
    pieces.add(200, seconds=0.005)
    await_done(pieces, 200)
    assert all(len(by) == 1 for by in pieces.done().values())


def test_sigterm_ends_everything_and_finishes_the_piece_in_hand(
    redis_server: Redis, workers: Callable[..., Workers], pieces: Pieces
) -> None:
    group = workers(redis_server)
    pump = group.spawn()
    pids = [beat.pid for beat in await_beats(3)]
    pieces.add(50, seconds=0.5)
    wait_until(pieces.doing, seconds=20, what="a piece is under way")
    assert group.end(pump, seconds=15) == 0
    assert not [pid for pid in pids if is_running(pid)]
    assert pieces.doing() == []
    assert 0 < len(pieces.done()) < 50
    assert not WorkerBeat.objects.exists()  # nobody waits for processes that ended in good order


def test_what_does_not_stop_by_itself_is_killed(workers: Callable[..., Workers], pieces: Pieces) -> None:
    group = workers()
    pump = group.spawn()
    await_beats(1, role="pump")
    pieces.add(1, seconds=600)
    wait_until(pieces.doing, seconds=20, what="the endless piece is under way")
    began = time.monotonic()
    group.end(pump, seconds=30)
    assert time.monotonic() - began < 16


def test_the_workers_end_when_their_pump_is_killed(
    redis_server: Redis, workers: Callable[..., Workers], pieces: Pieces
) -> None:
    group = workers(redis_server)
    pump = group.spawn()
    pids = [beat.pid for beat in await_beats(3)]
    os.kill(pump, signal.SIGKILL)
    wait_until(lambda: not any(is_running(pid) for pid in pids), seconds=15, what="the workers have ended")


@contextlib.contextmanager
def locked_database() -> Iterator[None]:
    """Let another program hold what every beat wants to write: all of SQLite, or the table."""
    if connection.vendor == "sqlite":
        with contextlib.closing(
            sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
    else:
        with psycopg.connect(child_environment()["DATABASE_URL"]) as link:
            link.execute("LOCK TABLE spc_site_workerbeat IN EXCLUSIVE MODE")  # reading is free
            yield
            link.rollback()


def test_a_locked_database_is_waited_out(workers: Callable[..., Workers], pieces: Pieces) -> None:
    pump = workers().spawn()
    await_beats(1, role="pump")
    # The periodic work of the queue takes its first turns now; in the lock it would stand in front.
    wait_until(
        lambda: (
            {"notifications.release", "notifications.floods", "alarms.follow_up", "alarms.work_orders"}
            <= set(Schedule.objects.exclude(last_run=None).values_list("name", flat=True))
        ),
        seconds=60,
        what="the first turns are taken",
    )
    with locked_database():
        pieces.add(2)
        await_done(pieces, 2)  # looking needs no lock
        time.sleep(3)
        before = WorkerBeat.objects.get(pid=pump).beat_at
    wait_until(
        lambda: WorkerBeat.objects.get(pid=pump).beat_at > before, seconds=30, what="the pump beats again"
    )


def test_a_database_server_may_crash_and_come_back(
    postgres: Postgres, workers: Callable[..., Workers], pieces: Pieces
) -> None:
    group = workers()
    group.environment |= {"DATABASE_URL": postgres.url}
    databases.fill(postgres)
    group.spawn()

    def last_beat() -> float:
        with psycopg.connect(postgres.url) as link:
            row = link.execute("SELECT extract(epoch FROM max(beat_at)) FROM spc_site_workerbeat").fetchone()
        return float((row and row[0]) or 0)

    group.wait_until(last_beat, seconds=40, what="the pump beats")
    postgres.kill()
    time.sleep(3)
    postgres.start()
    before = last_beat()
    pieces.add(3)
    group.wait_until(lambda: len(pieces.done()) == 3, seconds=40, what="the pump drains again")
    group.wait_until(lambda: last_beat() > before, seconds=40, what="the pump beats again")


def test_once_drains_everything_and_returns(pieces: Pieces) -> None:
    pieces.add(4)
    output = StringIO()
    call_command("work", "--once", stdout=output)
    assert len(pieces.done()) == 4
    assert output.getvalue() == "4\n"
