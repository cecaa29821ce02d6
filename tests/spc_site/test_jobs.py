"""The door to the queue: what rings, what drains, and what must never happen."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from spc_site import clock, jobs
from spc_site.models import Schedule
from tests.services import Redis


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Declare a bell for one test; returns the list that its job appends to."""
    monkeypatch.setattr(jobs, "_doorbells", dict(jobs._doorbells))

    def declare(
        name: str = "tests.bell", *, queue: str = "notify", error: Exception | None = None, due: bool = True
    ) -> list[str]:
        handled: list[str] = []

        @jobs.doorbell(name=name, queue=queue, is_due=lambda: due)
        def job() -> int:
            handled.append(name)
            if error is not None:
                raise error
            return 1

        return handled

    return declare


def queued(redis: Redis, queue: str = "notify") -> int:
    return int(redis.command(f"LLEN rq:queue:{queue}").strip().removeprefix(b":"))


# --- declaring --------------------------------------------------------------------------------


def test_a_name_cannot_be_declared_twice(bell: Callable[..., list[str]]) -> None:
    bell("tests.once")
    with pytest.raises(ValueError, match="declared twice"):
        bell("tests.once")


def test_a_bell_needs_a_queue_that_exists(bell: Callable[..., list[str]]) -> None:
    with pytest.raises(ValueError, match="no queue 'fast'"):
        bell("tests.lost", queue="fast")


def test_ringing_an_undeclared_bell_is_a_mistake_of_the_code() -> None:
    with pytest.raises(LookupError, match="no doorbell is called"):
        jobs.enqueue("tests.typo")


# --- ringing ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_ring_waits_for_the_commit(redis_server: Redis, bell: Callable[..., list[str]]) -> None:
    bell()
    with transaction.atomic():
        jobs.enqueue("tests.bell")
        assert queued(redis_server) == 0
    assert queued(redis_server) == 1


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_rings_nothing(redis_server: Redis, bell: Callable[..., list[str]]) -> None:
    bell()
    with pytest.raises(RuntimeError), transaction.atomic():
        jobs.enqueue("tests.bell")
        raise RuntimeError
    assert queued(redis_server) == 0


@pytest.mark.django_db(transaction=True)
def test_a_storm_of_rings_is_one_job_a_second(redis_server: Redis, bell: Callable[..., list[str]]) -> None:
    bell()
    began = int(time.time())
    for _ in range(50):
        jobs.enqueue("tests.bell")
    assert 1 <= queued(redis_server) <= int(time.time()) - began + 1


@pytest.mark.django_db(transaction=True)
def test_a_ring_carries_json_with_the_name_alone(redis_server: Redis, bell: Callable[..., list[str]]) -> None:
    bell()
    jobs.enqueue("tests.bell")
    (job,) = jobs._queue("notify").jobs
    assert job.data == b'["spc_site.jobs.answer", null, ["tests.bell"], {}]'
    assert job.ttl == jobs.RING_TTL_S


@pytest.mark.django_db(transaction=True)
def test_without_redis_nothing_runs_in_the_caller(bell: Callable[..., list[str]]) -> None:
    handled = bell()
    jobs.enqueue("tests.bell")
    assert handled == []
    assert jobs.tally.ring_failures == 0


@pytest.mark.django_db(transaction=True)
def test_dead_redis_neither_breaks_nor_slows_the_caller(
    redis_server: Redis, bell: Callable[..., list[str]]
) -> None:
    bell()
    redis_server.kill()
    later: list[str] = []
    with transaction.atomic():
        jobs.enqueue("tests.bell")
        transaction.on_commit(lambda: later.append("ran"))
    assert later == ["ran"]
    assert jobs.tally.ring_failures == 1


@pytest.mark.django_db(transaction=True)
def test_after_a_failure_the_bell_is_quiet_for_a_while(
    redis_server: Redis, bell: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bell()
    redis_server.kill()
    assert jobs.ring("tests.bell") is False
    redis_server.start()
    assert jobs.ring("tests.bell") is False  # does not even try
    assert jobs.tally.ring_failures == 1
    monkeypatch.setattr(jobs, "_quiet_until", 0.0)
    assert jobs.ring("tests.bell") is True


@pytest.fixture
def deaf_server() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def test_slow_redis_is_given_up_after_one_short_try(
    deaf_server: socket.socket, bell: Callable[..., list[str]], settings: Any
) -> None:
    bell()
    settings.REDIS_URL = f"redis://127.0.0.1:{deaf_server.getsockname()[1]}/0"
    assert jobs.ring("tests.bell") is False
    client, _address = deaf_server.accept()
    client.close()
    with pytest.raises(BlockingIOError):  # nobody else came: no second try
        deaf_server.accept()
    timeouts = jobs._queue("notify").connection.connection_pool.connection_kwargs
    assert timeouts["socket_connect_timeout"] == timeouts["socket_timeout"] == 0.3
    assert jobs.redis_answers() is False


@pytest.mark.django_db(transaction=True)
def test_flushed_redis_is_rung_again(redis_server: Redis, bell: Callable[..., list[str]]) -> None:
    bell()
    assert jobs.ring("tests.bell")
    redis_server.flush()
    assert jobs.ring("tests.bell")
    assert queued(redis_server) == 1


# --- draining ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_failing_drain_is_logged_counted_and_harms_no_other(
    bell: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    bell("tests.bad", error=ZeroDivisionError("planted"))
    good = bell("tests.good")
    assert jobs.drain("tests.bad") == 0
    assert jobs.drain("tests.good") == 1
    assert good == ["tests.good"]
    assert jobs.tally.failures == 1
    assert jobs.tally.handled == 1
    assert "drain failed: bell=tests.bad" in caplog.text


@pytest.mark.django_db
def test_a_bell_that_fails_rests_longer_each_time(
    bell: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    handled = bell("tests.bad", error=ZeroDivisionError())
    tries = []
    for second in range(70):
        now[0] = 1000.0 + second
        before = len(handled)
        jobs.answer("tests.bad")
        if len(handled) > before:
            tries.append(second)
    assert tries == [0, 1, 3, 7, 15, 31, 61]  # pauses of 1, 2, 4, 8, 16 and then 30 s


@pytest.mark.django_db
def test_a_database_that_is_away_is_tried_again_soon(
    bell: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    handled = bell("tests.locked", error=OperationalError("database is locked"))
    for second in range(30):
        now[0] = 1000.0 + second
        jobs.answer("tests.locked")
    assert len(handled) >= 30 / jobs.LONGEST_REST_FROM_DATABASE_S
    assert "Traceback" not in caplog.text


@pytest.mark.django_db
def test_a_rest_ends_with_the_first_success(bell: Callable[..., list[str]]) -> None:
    errors: list[Exception] = [ValueError()]

    @jobs.doorbell(name="tests.mended", queue="slow", is_due=lambda: True)
    def job() -> int:
        if errors:
            raise errors.pop()
        return 1

    assert jobs.drain("tests.mended") == 0
    assert jobs.due() == []  # it rests
    assert jobs.drain("tests.mended") == 1
    assert jobs.due() == ["tests.mended"]


@pytest.fixture(autouse=True)
def _no_other_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_doorbells", {})


@pytest.mark.django_db
def test_an_error_while_looking_hides_no_other_bell(
    bell: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> bool:
        raise DatabaseError("planted")

    jobs.doorbell(name="tests.blind", queue="slow", is_due=fails)(lambda: 0)
    bell("tests.due")
    bell("tests.idle", due=False)
    with caplog.at_level(logging.ERROR):
        assert jobs.due() == ["tests.due"]
    assert "look failed: bell=tests.blind" in caplog.text


def test_a_ring_of_another_version_of_the_code_is_nothing_to_do() -> None:
    assert jobs.answer("tests.gone") == 0


def test_a_budget_ends_with_its_time_or_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    budget = jobs.Budget(20)
    assert budget
    now[0] = 70.0
    assert not budget
    fresh = jobs.Budget(20)
    assert fresh
    jobs.stop_requested.set()
    assert not fresh


# --- periodic work ----------------------------------------------------------------------------


def declare_periodic(name: str = "tests.hourly", seconds: int = 3600) -> list[datetime]:
    runs: list[datetime] = []
    jobs.every(name=name, seconds=seconds)(lambda: runs.append(clock.now()))
    return runs


@pytest.mark.django_db
def test_periodic_work_runs_at_first_sight_and_then_once_per_interval() -> None:
    runs = declare_periodic()
    assert jobs.due() == ["tests.hourly"]
    assert jobs.drain("tests.hourly") == 1
    assert jobs.due() == []
    assert jobs.drain("tests.hourly") == 0
    assert len(runs) == 1


@pytest.mark.django_db
def test_after_a_long_stop_periodic_work_runs_once_not_for_each_turn_missed() -> None:
    runs = declare_periodic(seconds=60)
    Schedule.objects.create(name="tests.hourly", next_run=clock.now() - timedelta(days=3))
    assert jobs.drain("tests.hourly") == 1
    assert jobs.drain("tests.hourly") == 0
    assert len(runs) == 1


@pytest.mark.django_db
def test_a_next_run_further_away_than_the_interval_is_not_believed() -> None:
    declare_periodic()
    Schedule.objects.create(name="tests.hourly", next_run=clock.now() + timedelta(hours=2))
    assert jobs.due() == ["tests.hourly"]
    assert jobs.drain("tests.hourly") == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_pumps_exactly_one_takes_a_turn() -> None:
    interval, now = timedelta(hours=1), clock.now()
    Schedule.objects.create(name="tests.raced", next_run=now)
    barrier, taken = threading.Barrier(6), []

    def claim() -> None:
        try:
            barrier.wait()
            taken.append(Schedule.objects.claim("tests.raced", interval=interval, now=now))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 5 + [True]


@pytest.mark.django_db
def test_the_clock_is_aware_and_in_utc() -> None:
    now = clock.now()
    assert now.tzinfo is UTC
    assert abs((now - datetime.now(UTC)).total_seconds()) < 60
