#!/usr/bin/env python3
"""The fault matrix F1–F27 in its long form: real processes, many kills, real locks, a soak.

The drill of `tests/faults` (a WeCom that counts, a clock that leaps, a judge that looks all the
time), with the numbers of the matrix. Waits of WeCom, leases and retries are leapt over; locks,
outages of Redis and of the database, and full disks last as long as they say, shortened to 30 s
where the matrix has minutes.

    .venv/bin/python benchmarks/faults.py [--database sqlite|postgres] [--faults F1,F7,…]
        [--scale 1.0] [--soak-minutes 20] [--markdown FILE]

Prints: id, injected, lost, doubled, marked, recovered in, what the operator sees, verdict; ends with 1
if a bound was broken. Traffic stays on this machine; everything ends by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.fault_drills import DRILLS, ELSEWHERE
from benchmarks.fault_drills.field import Range


def run(field: Range, name: str) -> str:
    """Run one drill; return its line."""
    began = time.monotonic()
    try:
        found = DRILLS[name](field)
    except AssertionError as error:
        return f"| {name} | – | – | – | – | – | {error} | BROKEN |"
    if found is None:
        return f"| {name} | not on this database, or switched off | – | – | – | – | – | – |"
    drill, result = found
    verdict = drill.ended
    broken = list(drill.judge.complaints)
    if verdict.lost:
        broken.append(f"{verdict.lost} lost")
    if verdict.unflagged:
        broken.append(f"{verdict.unflagged} doubled without a mark")
    if verdict.doubled > result.most_doubled:
        broken.append(f"doubled {verdict.doubled} > {result.most_doubled}")
    if result.most_marked is not None and verdict.flagged > result.most_marked:
        broken.append(f"marked {verdict.flagged} > {result.most_marked}")
    if result.within_s and result.recovered_s > result.within_s:
        broken.append(f"took {result.recovered_s:.0f} s > {result.within_s:.0f} s")
    cells = (
        name,
        result.injected,
        verdict.lost,
        f"{verdict.doubled} (≤ {result.most_doubled})",
        verdict.flagged,
        f"{result.recovered_s:.1f} s" if result.recovered_s else "–",
        result.seen,
        "BROKEN: " + "; ".join(broken) if broken else "held",
    )
    print(f"{name}: {time.monotonic() - began:.0f} s, {drill.judge.looks} looks", file=sys.stderr, flush=True)
    return "| " + " | ".join(map(str, cells)) + " |"


def prepare(directory: Path, url: str) -> None:
    """Make the tables; Django lives in this process from now on."""
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "spc_site.settings",
            "DATABASE_URL": url,
            "NOTIFICATION_DB_PATH": str(directory / "faults.sqlite3"),
            "SECRET_KEY": "faults-" + "k" * 50,
            "SECRETS_KEYS": "faults-" + "k" * 50,
            "REDIS_URL": "",
            "ALLOW_HTTP": "true",
        }
    )
    import logging

    import django

    django.setup()
    logging.getLogger().setLevel(logging.CRITICAL)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--faults", default=",".join(DRILLS), help="ids, with commas")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of the matrix")
    parser.add_argument("--soak-minutes", type=float, default=20)
    parser.add_argument("--markdown", type=Path, help="write the table there, too")
    options = parser.parse_args()
    names = [name for name in options.faults.split(",") if name]
    if unknown := set(names) - DRILLS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; elsewhere: {ELSEWHERE}")
    from tests import services

    lines = [
        f"| id ({options.database}) | injected | lost | doubled | marked | took | operator sees | verdict |",
        "| --- " * 8 + "|",
    ]
    with (
        tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as stack,
    ):
        directory = Path(name)
        postgres = None
        if options.database == "postgres":
            postgres = stack.enter_context(services.running_postgres(durable=True))
        prepare(directory, postgres.url if postgres else "")
        from tests.faults.drill import Nursery
        from tests.live import child_environment

        redis = services.Redis(directory / "redis")
        redis.start()
        stack.callback(redis.stop)
        nursery = Nursery(child_environment(), log=directory / "nursery.log")
        stack.callback(nursery.stop)
        field = Range(directory, options, redis, nursery, postgres)
        print("\n".join(lines), flush=True)
        for fault in names:
            lines.append(run(field, fault))
            print(lines[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(any("BROKEN" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
