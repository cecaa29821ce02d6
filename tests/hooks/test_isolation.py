"""Whatever a hook does, it does to its own process alone: one child serves all of these."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hooks.models import Outcome
from hooks.points import Event
from hooks.runner import Call, HooksUnusable, Result, Runner
from tests.hooks import plants
from tests.hooks.payloads import AT, alarm

LAB = '''
def on_alarm_created(self, title, description):
    getattr(self, title)(description)

def fine(self, text):
    print("worked", text, os.getpid())

def raises(self, text):
    raise LookupError("no such valve: " + text)

def leaves(self, text):
    sys.exit(3)

def hangs(self, text):
    while True:
        time.sleep(60)

def hangs_deaf(self, text):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass

def exits(self, text):
    os._exit(7)

def crashes(self, text):
    os.kill(os.getpid(), signal.SIGSEGV)

def kills_the_parent(self, text):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)

def eats(self, text):
    rows = []
    while True:
        rows.append(bytearray(8_000_000))

def floods(self, text):
    line = "x" * 9_999
    print("the beginning")
    for _ in range(2_000):
        print(line)
        print(line, file=sys.stderr)
    print("the end")

def forks(self, text):
    """Leave two behind: one in the group, one that has left it and lost its parent."""
    if os.fork() == 0:
        time.sleep(60)
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        os.write(os.open(text, os.O_WRONLY | os.O_CREAT), str(pid).encode())
        os._exit(0)
    while not os.path.exists(text) or not os.path.getsize(text):
        time.sleep(0.01)

def starts_a_thread(self, text):
    threading.Thread(target=time.sleep, args=(60,)).start()

def spoils(self, text):
    os.environ["SPOILT"] = "1"
    type(self).fine = None
    os.chdir("/")

def on_alarm_resolved(self, event, **everything):
    print(type(event).__name__, event.id, event.attempt, event.occurred_at.isoformat(), sorted(everything))
    try:
        event.payload["title"] = "other"
    except TypeError:
        print("frozen")

def calculate_custom_kpis(self, now):
    return {"a": Decimal("1.50"), "big": "x" * 70_000} if now.endswith("+00:00") else None
'''
HEAD = (
    "import os, signal, sys, threading, time\nfrom decimal import Decimal\n"
    "from hooks.base import CustomerHooks\n\nprint('printed at import')\n\nclass Lab(CustomerHooks):\n"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    path = tmp_path_factory.mktemp("lab")
    plants.write(path, "lab", LAB, head=HEAD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(path))
        with Runner("lab") as runner:
            yield runner


def call(title: str, text: str = "", **changes: Any) -> Call:
    payload = alarm(title=title, description=text, triggered_at=AT.isoformat())
    return Call(point="on_alarm_created", event_id="e1", payload=payload, occurred_at=AT, **changes)


def run(lab: Runner, title: str, text: str = "", *, settings: Any, seconds: int = 1) -> Result:
    """Run something bad, and see that the next one works as if nothing had been."""
    settings.HOOK_TIMEOUT = seconds
    result = lab.run(call(title, text))
    settings.HOOK_TIMEOUT = 5
    after = lab.run(call("fine", "afterwards"))
    assert (after.outcome, after.error) == (Outcome.OK, "")
    assert "worked afterwards" in after.output
    return result


def test_a_hook_that_raises_is_told_with_its_traceback(lab: Runner, settings: Any) -> None:
    result = run(lab, "raises", "V17", settings=settings)
    assert (result.outcome, result.error) == (Outcome.RAISED, "LookupError: no such valve: V17")
    assert 'raise LookupError("no such valve: " + text)' in result.traceback


@pytest.mark.parametrize("how", ["hangs", "hangs_deaf"])
def test_a_hook_that_hangs_is_killed_in_time(lab: Runner, settings: Any, how: str) -> None:
    result = run(lab, how, settings=settings)
    assert result.outcome == Outcome.TIMEOUT
    assert 1000 <= result.duration_ms < 5000


@pytest.mark.parametrize(
    ("how", "outcome", "words"),
    [
        ("exits", Outcome.DIED, "exit status 7"),
        ("crashes", Outcome.DIED, "SIGSEGV"),
        ("leaves", Outcome.RAISED, "SystemExit: 3"),
        ("eats", Outcome.MEMORY, "MemoryError"),
        ("starts_a_thread", Outcome.OK, ""),
        ("spoils", Outcome.OK, ""),
    ],
)
def test_a_hook_that_breaks_its_process_breaks_nothing_else(
    lab: Runner, settings: Any, how: str, outcome: Outcome, words: str
) -> None:
    result = run(lab, how, settings=settings, seconds=5)
    assert result.outcome == outcome, result
    assert words in result.error


def test_a_hook_that_kills_the_process_which_forked_it_is_survived(lab: Runner, settings: Any) -> None:
    assert run(lab, "kills_the_parent", settings=settings).outcome == Outcome.DIED


def test_of_a_flood_the_beginning_and_the_end_are_kept(lab: Runner, settings: Any) -> None:
    result = run(lab, "floods", settings=settings, seconds=5)
    assert result.outcome == Outcome.OK
    assert result.output.startswith("the beginning")
    assert result.output.endswith("the end\n")
    assert "bytes …" in result.output
    assert len(result.output) < 10_000


def test_what_a_hook_leaves_behind_ends_with_it(lab: Runner, settings: Any, tmp_path: Path) -> None:
    note = tmp_path / "orphan"
    assert run(lab, "forks", str(note), settings=settings, seconds=5).outcome == Outcome.OK
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text(encoding="ascii")), 0)


def test_a_hook_gets_what_it_names_and_cannot_change_it(lab: Runner) -> None:
    payload = {**alarm(triggered_at=AT.isoformat()), "resolved_by": "li"}
    told = Call(point="on_alarm_resolved", event_id="alarm:7", payload=payload, occurred_at=AT, attempt=2)
    result = lab.run(told)
    first, second = result.output.splitlines()
    names = sorted([*payload, "event_id"])
    assert first == f"{Event.__name__} alarm:7 2 2026-11-24T02:00:00+00:00 {names}"
    assert second == "frozen"


def test_a_result_comes_back_as_plain_data_and_no_longer_than_allowed(lab: Runner) -> None:
    def figures(now: str) -> Result:
        payload = {"now": now, "core": {}}
        one = Call(
            point="calculate_custom_kpis", event_id="", payload=payload, occurred_at=AT, wants_result=True
        )
        return lab.run(one)

    assert figures("later").value is None
    assert figures(AT.isoformat()).outcome == Outcome.REFUSED


def test_hooks_that_cannot_be_imported_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plants.write(tmp_path, "lab", "import nothing_of_this_name", head="")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Runner("lab") as runner, pytest.raises(HooksUnusable) as raised:
        runner.run(call("fine"))
    assert raised.value.problems[0].code == "W002"
    assert "ModuleNotFoundError: No module named 'nothing_of_this_name'" in raised.value.problems[0].details
