#!/usr/bin/env python3
"""Our whole delivery against a bare loop and other queues, side by side in one run.

Ours: a row, the queue in the database, real workers (`manage.py work`) that Redis rings, a limit
for every robot, HTTP, an attempt and a result written down for each message. The
bare loop is a `requests.Session` that posts and keeps no record at all. Every message of a run goes
to the same lean server on 127.0.0.1, and is timed by when it arrived there. No robot may send ten
thousand messages in half a minute: for these runs the limit of each is raised to 20,000, so that it
is kept and counted, but nothing is merged or put off. `--limit 20` measures with the real one, with
as many groups as it takes (two messages each).

    .venv/bin/python benchmarks/notifications.py [--messages 10000] [--parts throughput,latency,…]
        [--databases sqlite,postgres] [--markdown FILE]

Peers go into an environment of their own under var/ (from the package index); one that cannot be
installed is named and left out. Traffic stays on this machine; everything ends by itself.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.delivery.crowds import backlog, history, storm
from benchmarks.delivery.moments import creation, latency
from benchmarks.delivery.peers import peers
from benchmarks.delivery.plant import Plant
from benchmarks.delivery.report import machine, markdown
from benchmarks.delivery.sending import throughput

PARTS = ("throughput", "latency", "creation", "storm", "backlog", "history", "peers")


def measure(database: str, url: str, options: argparse.Namespace) -> bool:
    """Run the chosen parts on one database, in this process."""
    with tempfile.TemporaryDirectory(prefix="notifications-") as name:
        directory = Path(name)
        os.environ.update(
            {
                "DJANGO_SETTINGS_MODULE": "spc_site.settings",
                "DATABASE_URL": url,
                "NOTIFICATION_DB_PATH": str(directory / "benchmark.sqlite3"),
                "SECRET_KEY": "benchmark-" + "k" * 50,
                "SECRETS_KEYS": "benchmark-" + "k" * 50,
                "REDIS_URL": "",
                "ALLOW_HTTP": "true",
                "ALLOWED_HOSTS": "testserver,127.0.0.1",
            }
        )
        import django

        django.setup()
        import logging

        from django.core.management import call_command

        from notifications.models import Channel
        from tests import services

        logging.getLogger().setLevel(logging.WARNING)
        call_command("migrate", verbosity=0)
        Channel.objects.update_or_create(
            code="wechat_bot", defaults={"rate_limit": options.limit, "timeout_s": 10}
        )
        redis = services.Redis(directory / "redis")
        redis.start()
        plant = Plant(directory, redis, limit=options.limit, groups=options.groups)
        held = True
        bare: dict[int, float] = {}
        try:
            for part in options.parts:
                Channel.objects.update(rate_limit=options.limit, timeout_s=10)
                match part:
                    case "throughput":
                        held &= throughput(plant, database, options, bare)
                    case "latency":
                        held &= latency(plant, database, options)
                    case "creation":
                        held &= creation(plant, database, options)
                    case "backlog":
                        held &= backlog(plant, database, options)
                    case "history":
                        held &= history(plant, database, options)
                    case "storm":
                        held &= storm(plant, database, directory)
                    case "peers":
                        peers(plant, options)
        finally:
            plant.stop()
            plant.nursery.stop()
            redis.stop()
        return held


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="in which bare loop and one worker take turns")
    parser.add_argument("--limit", type=int, default=20_000, help="of each robot, a minute")
    parser.add_argument("--groups", type=int, default=50, help="each with one robot")
    parser.add_argument("--samples", type=int, default=60, help="messages into an idle queue")
    parser.add_argument("--backlog", type=int, default=100_000)
    parser.add_argument("--history", type=int, default=1_000_000)
    parser.add_argument("--databases", default="sqlite,postgres")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--pages", default="/admin/notifications/hourlyfigure/", help="further pages to time")
    parser.add_argument("--markdown", type=Path, help="write the tables there, too")
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)  # a child of this command
    options = parser.parse_args()
    options.parts = [part for part in options.parts.split(",") if part]
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown parts: {unknown}")
    options.pages = [page for page in options.pages.split(",") if page]
    if "," in options.databases:
        return each_alone(options)
    print(machine())
    if options.databases == "postgres" and not options.url:
        from tests import services

        with services.running_postgres(durable=True) as cluster:
            held = measure("postgres", cluster.url, options)
    else:
        held = measure(options.databases, options.url, options)
    if options.markdown:
        with options.markdown.open("a", encoding="utf-8") as file:
            file.write(markdown())
    return 0 if held else 1


def each_alone(options: argparse.Namespace) -> int:
    """Run each database in a process of its own (Django knows one); peers once."""
    status = 0
    for place, database in enumerate(options.databases.split(",")):
        parts = [part for part in options.parts if part != "peers" or place == 0]
        argv = [sys.executable, __file__, "--databases", database, "--parts", ",".join(parts)]
        for name in ("messages", "rounds", "limit", "groups", "samples", "backlog", "history"):
            argv += [f"--{name}", str(getattr(options, name))]
        argv += ["--pages", ",".join(options.pages)]
        if options.markdown:
            argv += ["--markdown", str(options.markdown)]
        status |= subprocess.run(argv, check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
