#!/usr/bin/env python3
"""A day of readings of a plant through the API and through a file, beside openpyxl's mere reading of it.

2,000 meters × 96 readings. The API gets them in requests of 10,000, as a gateway sends them, and
answers each after they are stored; the file goes the whole way of `import_energy`: read, check
every cell, store. Then the daily use of all meters. The peer reads every cell and does nothing
with it. A database of its own is made and removed; DATABASE_URL may name a PostgreSQL to be used
instead, whose tables must be empty.

    .venv/bin/python benchmarks/energy_ingest.py [--meters 2000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PER_DAY = 96
START = datetime(2026, 3, 1, 0, 15, tzinfo=ZoneInfo("Asia/Shanghai"))


def registers(meters: int, seed: int) -> list[list[int]]:
    """Return what each meter shows, in counts, for every quarter of an hour of a day."""
    dice = random.Random(seed)
    shown = []
    for _ in range(meters):
        count = dice.randrange(1_000_000)
        shown.append([count := count + dice.randrange(40) for _ in range(PER_DAY)])
    return shown


def make_workbook(path: Path, shown: list[list[int]], day: int) -> None:
    """Write the day with a column for each meter."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("读数")
    sheet.append(["时间", *(f"B{n}" for n in range(len(shown)))])
    for slot in range(PER_DAY):
        at = START.replace(tzinfo=None) + timedelta(days=day, minutes=15 * slot)
        sheet.append([at, *(counts[slot] / 100 for counts in shown)])
    book.save(path)


def requests_of(shown: list[list[int]], round_: int, day: int) -> list[bytes]:
    """Return the bodies of the requests, as a gateway sends them: time after time, meter after meter."""
    rows = [
        {
            "meter": f"B{number}",
            "at": (START + timedelta(days=day, minutes=15 * slot)).isoformat(),
            "value": counts[slot] / 100,
        }
        for slot in range(PER_DAY)
        for number, counts in enumerate(shown)
    ]
    parts = [rows[start : start + 10_000] for start in range(0, len(rows), 10_000)]
    return [
        json.dumps({"batch_id": f"r{round_}.{n}", "readings": part}).encode() for n, part in enumerate(parts)
    ]


def time_of(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds on the clock, and those of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


def openpyxl_reads(path: Path) -> int:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True)
    return sum(1 for row in book.active.iter_rows(values_only=True) for _ in row)


def make_plant(meters: int) -> Any:
    """Make the meters and somebody who may bring readings; return a client with a token."""
    from decimal import Decimal

    from django.contrib.auth.models import User
    from django.test import Client

    from accounts.services import issue_token
    from energy.models import Device, EnergyType
    from spc_site.bulk import insert_many

    kind = EnergyType.objects.get(code="electricity")
    insert_many(
        [
            Device(
                code=f"B{number}",
                name="表",
                energy_type=kind,
                count_size=Decimal("0.01"),
                interval_s=900,
                max_per_hour=5000,
            )
            for number in range(meters)
        ]
    )
    _token, raw = issue_token(User.objects.create_superuser("gateway"), name="gateway")
    return Client(headers={"Authorization": f"Bearer {raw}"})


def check(shown: list[list[int]], day: int) -> None:
    """Hold the stored use of the day to what the registers say."""
    from django.db.models import Sum

    from energy.models import EnergyDailySummary

    found = EnergyDailySummary.objects.filter(date=START.date() + timedelta(days=day)).aggregate(
        Sum("amount")
    )
    expected = sum(counts[-1] - counts[0] for counts in shown) * 10
    if found["amount__sum"] != expected:
        sys.exit(f"day {day}: {found['amount__sum']} steps are stored, the registers say {expected}")


def by_api(client: Any, bodies: list[bytes]) -> None:
    for body in bodies:
        answer = client.post("/api/v1/readings", body, content_type="application/json")
        if answer.status_code != 201 or answer.json()["rejected"]:
            sys.exit(f"a request was refused: {answer.status_code} {answer.content[:300]!r}")


def by_file(path: Path) -> None:
    from energy.services import imports

    file = imports.parse_file(path)
    if not file.is_clean:
        sys.exit(f"the file was refused: {file.problems[:3]}")
    imports.store(file)


def measure(meters: int, rounds: int, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Bring days in both ways in turn; each is checked against the registers."""
    from django.core.cache import cache

    from energy.services import days

    client = make_plant(meters)
    found: dict[str, list[tuple[float, float]]] = {}

    def note(name: str, work: Callable[[], object]) -> None:
        found.setdefault(name, []).append(time_of(work))

    for number in range(rounds):
        cache.clear()  # the limit of requests a minute is not what is measured
        for way, day in (("API", 4 * number), ("file", 4 * number + 2)):  # a day between: no step leads over
            shown = registers(meters, seed=day)
            if way == "API":
                bodies = requests_of(shown, number, day)
                note("API: 10,000 a request, stored", lambda b=bodies: by_api(client, b))  # type: ignore[misc]
            else:
                path = folder / f"{day}.xlsx"
                make_workbook(path, shown, day)
                note("file: read, checked by cell, stored", lambda p=path: by_file(p))  # type: ignore[misc]
                note("openpyxl, read-only: reading alone", lambda p=path: openpyxl_reads(p))  # type: ignore[misc]
            note("daily use of all meters, afterwards", days.compute_due)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--meters", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "spc_site.settings",
            "NOTIFICATION_DB_PATH": str(Path(folder) / "bench.sqlite3"),
            "ALLOWED_HOSTS": "testserver",
        }
        os.environ.pop("REDIS_URL", None)
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connection

        django.setup()
        settings.IMPORT_DIR = Path(folder) / "imports"
        import logging

        logging.disable(logging.WARNING)
        call_command("migrate", verbosity=0)
        readings = options.meters * PER_DAY
        print(
            f"{options.meters:,} meters × {PER_DAY} = {readings:,} readings of a day; "
            f"Python {platform.python_version()}, {os.cpu_count()} cores, {connection.vendor}; "
            f"median of {options.rounds} rounds, run in turn"
        )
        print(f"{'':<42} {'clock':>9} {'processor':>10} {'readings/s':>12}")
        for name, seconds in measure(options.meters, options.rounds, Path(folder)).items():
            wall, busy = (median(column) for column in zip(*seconds, strict=True))
            print(f"{name:<42} {wall:7.2f} s {busy:8.2f} s {readings / wall:12,.0f}")


if __name__ == "__main__":
    main()
