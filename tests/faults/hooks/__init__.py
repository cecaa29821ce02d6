"""What a process under fire has and production has not: a clock that leaps, a moment to die, a full disk.

A process takes them from its environment: `FAULTS_DIR` names the drill's folder (`settings.json`,
`clock`, `skew`, `pages`), `FAULTS_KILL` the point at which it kills itself as a crash does; with
`FAULTS_CLOCK=real` its clock is left alone, since looking for leaps costs what benchmarks measure. The
functions below are put in front of the real ones; the code of the system knows nothing of them.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

POINTS = ("claimed", "begun", "sent", "committed")
"""Claimed, nothing begun; begun, not on the wire; answered, not recorded; committed, not rung."""


def offset_s(directory: Path, name: str = "clock") -> float:
    """Return how far the drill's clock has been moved; `skew` is how far the system's is ahead of it."""
    try:
        return float((directory / name).read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0.0


def overrides(directory: Path) -> dict[str, Any]:
    """Return the settings of the drill."""
    path = directory / "settings.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def leaping(now: Callable[[], datetime], directory: Path) -> Callable[[], datetime]:
    """Return a clock that is the real one, moved by what the drill's folder says."""
    return lambda: now() + timedelta(seconds=offset_s(directory) + offset_s(directory, "skew"))


def install() -> None:
    """Put the hooks that this process's environment asks for in their places."""
    from spc_site import clock

    if not (folder := os.environ.get("FAULTS_DIR")):
        return
    directory = Path(folder)
    if os.environ.get("FAULTS_CLOCK") != "real":
        clock.now = leaping(clock.now, directory)
    _limit_pages(directory / "pages")
    if wanted := os.environ.get("FAULTS_KILL"):
        point, _, after = wanted.partition(":")
        _die_at(point, int(after or 1))


def _limit_pages(path: Path) -> None:
    """Let each new connection to SQLite find its disk as full as the file says (in pages)."""
    from django.db.backends.signals import connection_created

    def limit(connection: Any, **_rest: Any) -> None:
        if connection.vendor == "sqlite" and path.exists():
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA max_page_count={int(path.read_text(encoding='ascii'))}")

    connection_created.connect(limit, weak=False, dispatch_uid="tests.faults.hooks")


def _die_at(point: str, passing: int) -> None:
    """Kill this process when it comes to the point for the given time."""
    from notifications.channels import base
    from spc_site import jobs

    if point not in POINTS:
        raise ValueError(f"{point} is none of {POINTS}")
    left = passing

    def pass_by(here: str) -> None:
        nonlocal left
        if here == point:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watched(factory: Callable[[], base.Driver]) -> Callable[[], Any]:
        return lambda: _Watched(factory(), pass_by)

    for code, factory in list(base._REGISTRY.items()):
        base._REGISTRY[code] = watched(factory)
    ring = jobs.ring

    def ring_or_die(name: str) -> bool:
        pass_by("committed")
        return ring(name)

    jobs.ring = ring_or_die


class _Watched:
    """A driver that tells when delivery passes by."""

    def __init__(self, driver: Any, pass_by: Callable[[str], None]) -> None:
        self._driver = driver
        self._pass_by = pass_by

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def credentials_of(self, targets: Any) -> Any:
        self._pass_by("claimed")
        return self._driver.credentials_of(targets)

    def deliver(self, *arguments: Any, **options: Any) -> Any:
        self._pass_by("begun")
        result = self._driver.deliver(*arguments, **options)
        self._pass_by("sent")
        return result
