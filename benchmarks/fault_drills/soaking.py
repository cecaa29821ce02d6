"""B7: minutes of steady traffic with storms; memory, connections and the file stay flat."""

from __future__ import annotations

import random
import resource
import time
from pathlib import Path
from typing import Any

from benchmarks.fault_drills.field import Range, Result


def soak(field: Range) -> tuple[Any, Result] | None:
    """B7: minutes of steady traffic with storms; memory, connections and the file stay flat."""
    minutes = field.options.soak_minutes
    if not minutes:
        return None
    dice = random.Random(7)
    samples: list[tuple[float, float, int, float]] = []
    with field.drill(groups=40) as drill:
        pids = [drill.start("--workers", "0"), *(drill.start("--queue", "notify") for _ in range(2))]
        began = time.monotonic()
        looked = -10.0
        while (now := time.monotonic() - began) < minutes * 60:
            if dice.random() < 0.01:
                drill.create(100, priority=3, group=dice.choice(drill.groups))
            drill.create(priority=dice.randint(1, 5), group=dice.choice(drill.groups))
            if now - looked > 10:
                looked = now
                samples.append((now, _memory_mb(pids), _open_files(pids), _database_mb()))
            time.sleep(0.5)
        drill.settle(seconds=180)
        count = len(drill.markers)
    half = [sample for sample in samples if sample[0] > minutes * 60 * 0.3] or samples
    memory, files = _slope(half, 1), _slope(half, 2)
    size = (half[-1][3] - half[0][3]) * 1024 / max(count, 1)
    if minutes >= 10 and (memory > 1.0 or files > 0.5):  # before that it is still warming up
        drill.judge.complaints.append(f"memory grows {memory:.2f} MB a minute, open files {files:.2f}")
    return drill, Result(
        f"{minutes:g} min, {count} messages, storms",
        0,
        f"memory {memory:+.2f} MB/min, open files {files:+.2f}/min, {size:.1f} KB a message",
        0,
        0,
    )


def _memory_mb(pids: list[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in pids)
    return pages * resource.getpagesize() / 2**20


def _open_files(pids: list[int]) -> int:
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)


def _database_mb() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        else:
            cursor.execute("SELECT pg_database_size(current_database())")
        return float(cursor.fetchone()[0]) / 2**20


def _slope(samples: list[tuple[float, float, int, float]], column: int) -> float:
    """Least squares, per minute."""
    times = [sample[0] / 60 for sample in samples]
    values = [float(sample[column]) for sample in samples]
    middle, level = sum(times) / len(times), sum(values) / len(values)
    width = sum((at - middle) ** 2 for at in times)
    return (
        sum((at - middle) * (value - level) for at, value in zip(times, values, strict=True)) / width
        if width
        else 0.0
    )
