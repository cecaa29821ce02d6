"""B8: other queues, in an environment of their own."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.delivery.plant import Plant
from benchmarks.delivery.report import head, tell
from benchmarks.delivery.server import HERE, ROOT, Server, rate_of, serving

PEERS = ("apprise", "huey", "dramatiq", "celery", "rq-simple", "rq")


def peers_python() -> Path | None:
    """Make the peers' environment where it is missing; None when it cannot be made."""
    folder = ROOT / "var" / "benchmarks" / "peers"
    python = folder / "bin" / "python"
    wanted = (HERE / "notifications_peers.txt").read_text(encoding="utf-8")
    mark = folder / "installed.txt"
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    print("installing the peers …", file=sys.stderr, flush=True)
    steps = (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / "notifications_peers.txt")],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"peers left out: {done.stderr[-400:]}", file=sys.stderr)
            return None
    mark.write_text(wanted, encoding="utf-8")
    return python


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_peer(python: Path, name: str, server: Server, count: int, redis_url: str) -> tuple[float, float]:
    """Let a peer send; return messages a second and seconds of processor for a thousand."""
    server.forget()
    environment = {
        **os.environ,
        "PEER": name,
        "PEER_URL": f"{server.webhook}drill",
        "PEER_COUNT": str(count),
        "PEER_REDIS": redis_url,
    }
    before = cpu_of_children()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [str(python), str(HERE / "notifications_peers.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        arrivals = server.await_arrivals(count, seconds=60 + count * 0.3)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
        if len(arrivals) < count:
            errors.seek(0)
            print(errors.read().decode(errors="replace")[-1500:], file=sys.stderr)
            return 0.0, 0.0
    return rate_of(arrivals), (cpu_of_children() - before) / count * 1000


def peers(plant: Plant, options: argparse.Namespace) -> None:
    """B8: the same server, other queues, one job for each message, one worker."""
    head(
        "B8 peers: no record of what was sent, no limit",
        "peer",
        "messages",
        "per second",
        "CPU s / 1,000",
        "of bare",
    )
    python = peers_python()
    if python is None:
        tell("the peers could not be installed", "-", "-", "-", "-")
        return
    with serving(0) as server:
        own = min(options.messages, 5000)
        bare, cpu = run_peer(python, "bare", server, own, plant.redis.url)
        tell("bare requests.Session", own, f"{bare:.0f}", f"{cpu:.2f}", "1.00")
        for name in PEERS:
            count = min(options.messages, 300 if name == "rq" else 1000 if name == "rq-simple" else 3000)
            plant.redis.flush()
            rate, cpu = run_peer(python, name, server, count, plant.redis.url)
            label = {"rq": "RQ, forking", "rq-simple": "RQ, SimpleWorker"}.get(name, name)
            if rate:
                tell(label, count, f"{rate:.0f}", f"{cpu:.2f}", f"{rate / bare:.2f}")
            else:
                tell(label, count, "failed", "-", "-")
