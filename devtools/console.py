"""Words for the person at the terminal: one line per step, trouble in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from spc_site.supervise.processes import LAUNCHER

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
LOGS = VAR / "log"


class Trouble(Exception):
    """Something that a person has to put right; the message says what and how."""


def say(text: str = "") -> None:
    print(text, flush=True)


class Step:
    """One line of progress: what is done, how long it has been going on, how it ended."""

    def __init__(self, title: str) -> None:
        self._title = f"  {title:<24}"
        self._began = time.monotonic()
        self._is_terminal = sys.stdout.isatty()
        self._outcome = "done"

    def show(self, doing: str) -> None:
        """Say what is going on now; on a terminal with the seconds, elsewhere not at all."""
        if self._is_terminal:
            print(f"\r{self._title}{doing} {self._seconds()}\033[K", end="", flush=True)

    def outcome(self, text: str) -> None:
        self._outcome = text

    def end(self, text: str | None = None) -> None:
        clear = "\r" if self._is_terminal else ""
        rest = "\033[K" if self._is_terminal else ""
        say(f"{clear}{self._title}{text or self._outcome} ({self._seconds()}){rest}")

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show one step of the way."""
    line = Step(title)
    try:
        yield line
    except BaseException:
        line.end("failed")
        raise
    line.end()


class Captured:
    """The part of a log file that is written from now on."""

    def __init__(self, name: str) -> None:
        LOGS.mkdir(parents=True, exist_ok=True)
        self.path = LOGS / f"{name}.log"
        self._start = self.path.stat().st_size if self.path.exists() else 0

    def text(self) -> str:
        with self.path.open("rb") as file:
            file.seek(self._start)
            return file.read().decode("utf-8", errors="replace")

    def trouble(self) -> Trouble:
        """Return what failed, in plain words or else with the last lines."""
        text = self.text()
        lines = [f"    {line}" for line in text.rstrip().splitlines()[-12:]]
        where = f"  All of it: {self.path.relative_to(ROOT)}"
        return Trouble(explain(text) or "\n".join(["It ended with an error:", *lines, where]))


def supervised(argv: Sequence[str | Path]) -> list[str]:
    """Return the command line with which a program ends when we do."""
    return [sys.executable, "-S", "-E", str(LAUNCHER), str(os.getpid()), *map(str, argv)]


def run_quietly(
    argv: Sequence[str | Path], *, line: Step, doing: str, log: str, env: Mapping[str, str] | None = None
) -> None:
    """Run a program whose output goes to var/log. Raises Trouble if it fails."""
    captured = Captured(log)
    with captured.path.open("ab") as output:
        process = subprocess.Popen(
            supervised(argv), cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        while process.poll() is None:
            line.show(doing)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
    finally:
        process.terminate()
        process.wait()
    if process.returncode != 0:
        raise captured.trouble()


_NO_NETWORK = (
    "name resolution|Name or service not known|NewConnectionError|ConnectTimeout|ReadTimeout"
    "|Network is unreachable|Connection refused|dns error|error sending request"
)
_CAUSES: Sequence[tuple[str, str]] = (
    (
        r"No space left on device|disk quota exceeded|database or disk is full",
        "There is no space left on the disk.",
    ),
    (
        _NO_NETWORK,
        "The package index cannot be reached. Check the network, or the proxy and index settings of pip.",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES|Hash mismatch",
        "A downloaded package is not the pinned one (its hash differs). Check the package index in use.",
    ),
    (
        r"No matching distribution found|No solution found|has no wheels",
        "The package index does not have a pinned package for this Python and machine.",
    ),
    (r"ensurepip is not available", "Python lacks venv. On Debian: sudo apt-get install python3-venv"),
)


def explain(output: str) -> str | None:
    """Return what a failed installation means, in one sentence, where that is known."""
    for pattern, sentence in _CAUSES:
        if found := re.search(f"^.*(?:{pattern}).*$", output, re.IGNORECASE | re.MULTILINE):
            return f"{sentence}\n    {found[0].strip()[:300]}"
    return None
