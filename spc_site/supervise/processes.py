"""Start child processes, start them again when they die, and end every one of them.

Standard library alone (see the package). Each child leads a process group of its own, so that
Ctrl-C in a terminal reaches the supervisor only, and so that whatever a child started can be
ended with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

LAUNCHER = Path(__file__).with_name("launch.py")
LONGEST_PAUSE_S = 30.0
BASE_PATIENCE_S = 2.0
HEALTHY_AFTER_S = 60.0
"""A child that ran for this long has started well: its next death counts as the first."""


@dataclass(frozen=True)
class Program:
    """What to run. `log` takes its output; without it the child writes to our own.

    `is_base` marks what others stand on (Redis): it is ended after them.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] | None = None
    directory: Path | None = None
    log: Path | None = None
    pass_fds: Sequence[int] = ()
    is_base: bool = False


@dataclass(frozen=True)
class Death:
    """A child that ended by itself, what it said last and when it will be started again."""

    program: Program
    pid: int
    status: int
    last_lines: Sequence[str]
    pause_s: float

    @property
    def cause(self) -> str:
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    start_at: float = 0.0
    log_offset: int = 0


@dataclass
class Supervisor:
    """Keeps programs running. Not for several threads: one loop calls `poll` now and then."""

    on_death: Callable[[Death], None]
    on_start: Callable[[Program, int], None] = lambda _program, _pid: None
    _children: dict[str, _Child] = field(default_factory=dict)

    def start(self, program: Program) -> int:
        """Start a program and watch it from now on; return its process id."""
        child = self._children[program.name] = _Child(program)
        return self._spawn(child)

    def pid(self, name: str) -> int | None:
        """Return the process id of a running child."""
        process = self._children[name].process
        return process.pid if process is not None and process.poll() is None else None

    def poll(self) -> None:
        """Notice who died, and start again whose pause is over."""
        now = time.monotonic()
        for child in self._children.values():
            if child.process is not None and child.process.poll() is not None:
                self._bury(child, now)
            elif child.process is None and now >= child.start_at:
                self._spawn(child)

    def stop(self, *, patience_s: float) -> None:
        """End every child and its whole group: ask first, kill what is left after `patience_s`."""
        for is_base, seconds in ((False, patience_s), (True, BASE_PATIENCE_S)):
            processes = [
                child.process
                for child in self._children.values()
                if child.process is not None and child.program.is_base is is_base
            ]
            deadline = time.monotonic() + seconds
            for process in processes:
                _signal_group(process, signal.SIGTERM)
            for process in processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(deadline - time.monotonic(), 0.0))
                _signal_group(process, signal.SIGKILL)
                process.wait()
        self._children.clear()

    def _spawn(self, child: _Child) -> int:
        program = child.program
        with contextlib.ExitStack() as stack:
            output: IO[bytes] | None = None
            if program.log is not None:
                output = stack.enter_context(program.log.open("ab"))
                child.log_offset = output.tell()
            child.process = subprocess.Popen(
                [sys.executable, "-S", "-E", str(LAUNCHER), str(os.getpid()), *program.argv],
                env=None if program.environment is None else dict(program.environment),
                cwd=program.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(program.pass_fds),
            )
        child.started_at = time.monotonic()
        self.on_start(program, child.process.pid)
        return child.process.pid

    def _bury(self, child: _Child, now: float) -> None:
        process = child.process
        assert process is not None
        _signal_group(process, signal.SIGKILL)  # what it may have left behind
        child.process = None
        child.deaths = 1 if now - child.started_at > HEALTHY_AFTER_S else child.deaths + 1
        pause_s = min(2.0 ** (child.deaths - 1) - 1.0, LONGEST_PAUSE_S)
        child.start_at = now + pause_s
        self.on_death(Death(child.program, process.pid, process.returncode, _last_lines(child), pause_s))


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _last_lines(child: _Child, count: int = 8) -> list[str]:
    """Return the end of what a child has written since it was started."""
    if child.program.log is None:
        return []
    with child.program.log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(child.log_offset, size - 4096))
        return file.read().decode("utf-8", errors="replace").splitlines()[-count:]


def on_stop_signal(callback: Callable[[], None]) -> None:
    """Call back on SIGINT and SIGTERM instead of ending at once."""

    def note(_number: int, _frame: FrameType | None) -> None:
        callback()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
