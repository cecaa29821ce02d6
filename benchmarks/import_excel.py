#!/usr/bin/env python3
"""Our whole import against openpyxl's mere reading of the same workbook, in one run.

Ours: read, check, store, judge, queue the messages. The peer reads every cell and does nothing
with it (`load_workbook`, full and read-only). A database of its own is made and removed.

    .venv/bin/python benchmarks/import_excel.py [--characteristics 10000] [--samples 32] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def make_workbook(path: Path, characteristics: int, samples: int) -> None:
    """Write a report in the canonical layout; about one characteristic in a hundred is abnormal."""
    from openpyxl import Workbook

    dice = random.Random(20261122)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("检验报告")
    sheet.append(["进料检验报告"])
    sheet.append(["供应商", "基准供应商", None, "品名", "基准零件", None, "料号", "BM-1"])
    sheet.append(["批号", f"B{characteristics}", None, "数量", 1000, None, "检验日期", "2026-11-22"])
    sheet.append(["检验员", "王芳"])
    sheet.append(["序号", "检测项目", "规格", "上限", "下限", "量具", *range(1, samples + 1)])
    for number in range(1, characteristics + 1):
        nominal = 10 + number % 50
        spread = 0.02 if number % 100 == 0 else 0.008
        values = [round(dice.gauss(nominal, spread), 3) for _ in range(samples)]
        spec = f"{nominal}.000±0.050"
        sheet.append([number, f"尺寸{number}", spec, nominal + 0.05, nominal - 0.05, "三坐标", *values])
    book.save(path)


def time_of(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds on the clock, and those of the processor: other work counts in the first alone."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


def openpyxl_full(path: Path) -> int:
    from openpyxl import load_workbook

    book = load_workbook(path)
    return sum(1 for row in book.active.iter_rows(values_only=True) for _ in row)


def openpyxl_read_only(path: Path) -> int:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True)
    return sum(1 for row in book.active.iter_rows(values_only=True) for _ in row)


def our_import(path: Path, marks: dict[str, list[float]]) -> None:
    """Import, judge and queue; note how long each step took."""
    from notifications.models import Notification
    from quality.choices import Origin
    from quality.kinds import IQC
    from quality.models import IQCReport
    from quality.services import imports, judgement

    steps = [time.perf_counter()]
    parsed = imports.parse_workbook(path, kind=IQC)
    if parsed.problems:
        sys.exit(f"the workbook was refused: {parsed.problems[:3]}")
    steps.append(time.perf_counter())
    imports.store(parsed, kind=IQC, origin=Origin.SUPPLIER)
    steps.append(time.perf_counter())
    judgement.judge_due()
    steps.append(time.perf_counter())
    for name, start, end in zip(
        ("read and check", "store", "judge and queue"), steps, steps[1:], strict=False
    ):
        marks.setdefault(name, []).append(end - start)
    report = IQCReport.objects.get()
    if report.status == "PENDING" or not Notification.objects.exists():
        sys.exit("the import did not come to its end")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--characteristics", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "spc_site.settings",
            "NOTIFICATION_DB_PATH": str(Path(folder) / "bench.sqlite3"),
            "IQC_WEBHOOK_KEY": "benchmark",
            "WEBHOOK_BASE_URL": "http://127.0.0.1:9/cgi-bin/webhook/send?key=",
        }
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("REDIS_URL", None)
        import django
        from django.conf import settings
        from django.core.management import call_command

        django.setup()
        settings.IMPORT_DIR = Path(folder) / "imports"
        settings.LOGGING_CONFIG = None
        import logging

        logging.disable(logging.WARNING)
        call_command("migrate", verbosity=0)
        path = Path(folder) / "report.xlsx"
        make_workbook(path, options.characteristics, options.samples)
        size = path.stat().st_size / 2**20
        print(
            f"{options.characteristics:,} characteristics × {options.samples} values, {size:.1f} MiB; "
            f"Python {platform.python_version()}, {os.cpu_count()} cores, SQLite; "
            f"median of {options.rounds} rounds, run in turn"
        )
        ours: list[tuple[float, float]] = []
        full: list[tuple[float, float]] = []
        read_only: list[tuple[float, float]] = []
        marks: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            call_command("flush", verbosity=0, interactive=False)
            ours.append(time_of(lambda: our_import(path, marks)))
            read_only.append(time_of(lambda: openpyxl_read_only(path)))
            full.append(time_of(lambda: openpyxl_full(path)))
        whole = median(wall for wall, _ in ours)
        print(f"{'':<50} {'clock':>10} {'ratio':>10} {'processor':>11}")
        for name, seconds in (
            ("whole import: read, check, store, judge, queue", ours),
            ("openpyxl, read-only: reading alone", read_only),
            ("openpyxl, full: reading alone", full),
        ):
            wall, busy = (median(column) for column in zip(*seconds, strict=True))
            print(f"{name:<50} {wall:8.2f} s {wall / whole:8.2f} × {busy:9.2f} s")
        print("of the whole import:")
        for name, parts in marks.items():
            print(f"    {name:<46} {median(parts):8.2f} s {median(parts) / whole:8.2f} ×")


if __name__ == "__main__":
    main()
