"""F10–F12: the database locked, stopped, without room."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from benchmarks.fault_drills.field import LEASE_S, Range, Result, await_more


def f10(field: Range) -> tuple[Any, Result]:
    """The database locked by another program for 5, 30 and 90 seconds."""
    from tests.faults.test_database import written_by_another

    slowest = 0.0
    holds = (5, 30, 90) if field.options.scale >= 1 else (5,)
    with field.drill(groups=500, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        workers = [drill.start("--queue", "notify") for _ in range(2)]
        for hold_s in holds:
            drill.create(100)
            with contextlib.suppress(AssertionError):
                await_more(drill, 20)
            with written_by_another():
                time.sleep(hold_s)
            slowest = max(slowest, drill.settle(seconds=120))
    return drill, Result(
        f"write lock for {', '.join(map(str, holds))} s",
        slowest,
        "errors counted, latency",
        len(workers) + 1,
        None,
        LEASE_S + 30,
    )


def f11(field: Range) -> tuple[Any, Result] | None:
    """PostgreSQL stopped at once, away for 6 and 30 seconds."""
    from django.db import connections

    if field.postgres is None:
        return None
    slowest = 0.0
    aways = (6, 30) if field.options.scale >= 1 else (3,)
    with field.drill(groups=1000, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        workers = [drill.start("--queue", "notify") for _ in range(2)]
        for away_s in aways:
            drill.create(200)
            with contextlib.suppress(AssertionError):
                await_more(drill, 20)
            field.postgres.kill()
            time.sleep(away_s)
            field.postgres.start()
            connections.close_all()
            slowest = max(slowest, drill.settle(seconds=120))
    return drill, Result(
        f"immediate stop, {', '.join(map(str, aways))} s away",
        slowest,
        "failures counted",
        len(aways) * (len(workers) + 1),
        None,
        LEASE_S + 30,
    )


def f12(field: Range) -> tuple[Any, Result] | None:
    """No room: the files of SQLite may not grow any more."""
    from django.db import DatabaseError, connection

    if connection.vendor != "sqlite":
        return None
    with field.drill(groups=2000, limit=None, channel_limit=20_000) as drill:
        drill.create(200)
        path = Path(str(connection.settings_dict["NAME"]))
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            pages = cursor.execute("PRAGMA page_count").fetchone()[0]
            cursor.execute(f"PRAGMA max_page_count={pages}")
        (drill.directory / "pages").write_text(str(pages), encoding="ascii")
        refused = 0
        for _ in range(200):
            try:
                drill.create()
            except DatabaseError:
                refused += 1
        drill.start("--workers", "0")
        time.sleep(10)
        (drill.directory / "pages").unlink()
        connection.close()
        took = drill.settle(seconds=90)
    logged = "database or disk is full" in drill.log.read_text(encoding="utf-8")
    if not refused:
        drill.judge.complaints.append("creation never failed: the disk was not full")
    return drill, Result(
        f"page limit for 10 s at {path.stat().st_size >> 20} MB",
        took,
        f"{refused} refused loudly; {'in the log' if logged else 'drains went on'}",
        1,
        None,
        LEASE_S + 30,
    )
