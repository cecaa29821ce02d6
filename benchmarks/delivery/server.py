"""The server that all send to, and what arrived there."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent


class Server:
    """The lean server of `robot_server.py`, as a process of its own."""

    def __init__(self, delay_ms: float) -> None:
        argv = [sys.executable, str(HERE / "robot_server.py"), "--delay-ms", str(delay_ms)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.webhook = f"{self.base}/cgi-bin/webhook/send?key="
        self._seen: list[tuple[str, float]] = []

    def arrivals(self) -> list[tuple[str, float]]:
        """Return what arrived since `forget`."""
        with urllib.request.urlopen(f"{self.base}/arrivals", timeout=30) as answer:  # noqa: S310  our own
            # What has no marker is the system's own: it tells of a backlog.
            self._seen += [(marker, at) for marker, at in json.load(answer) if marker]
        return self._seen

    def forget(self) -> None:
        self.arrivals()
        self._seen = []

    def await_arrivals(self, count: int, *, seconds: float, look_s: float = 0.25) -> list[tuple[str, float]]:
        """Wait for so many; return them (fewer if time is up)."""
        deadline = time.monotonic() + seconds
        while len(found := self.arrivals()) < count and time.monotonic() < deadline:
            time.sleep(look_s)
        return found

    def stop(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@contextlib.contextmanager
def serving(delay_ms: float) -> Iterator[Server]:
    server = Server(delay_ms)
    try:
        yield server
    finally:
        server.stop()


def rate_of(arrivals: Sequence[tuple[str, float]]) -> float:
    """Messages a second between the first arrival and the last."""
    times = [at for _, at in arrivals]
    return (len(times) - 1) / (max(times) - min(times)) if len(times) > 1 else 0.0
