"""B1, B2: how many a second, against a bare loop."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

from benchmarks.delivery.peers import run_peer
from benchmarks.delivery.plant import Plant, drain_rate
from benchmarks.delivery.report import head, tell, word
from benchmarks.delivery.server import Server, serving

DELAYS_MS = (0, 20, 50)
GOALS = {("sqlite", 0): 0.5, ("postgres", 0): 0.3, ("sqlite", 20): 0.85, ("postgres", 20): 0.65}


def counts_for(messages: int) -> dict[int, int]:
    """A server that takes its time costs the run its time: fewer messages say the same there."""
    return {0: messages, 20: max(messages // 5, 50), 50: max(messages // 10, 50)}


def throughput(plant: Plant, database: str, options: argparse.Namespace, bare: dict[int, float]) -> bool:
    """B1, B2: 1, 2 and 4 workers against servers that answer at once, after 20 and after 50 ms."""
    from importlib.metadata import version

    title = f"B1/B2 {database}: whole way, limit on, one result written per send"
    head(title, "server, workers", "messages", "per second", "CPU s / 1,000", "of bare", "goal")
    python = Path(sys.executable)
    held = True
    assert version("requests")
    for delay, count in counts_for(options.messages).items():
        with serving(delay) as server:
            for workers in (0, 1, 2, 4):
                if workers == 0:
                    # The loop stands in the same run, right before what is measured against it.
                    rate, cpu = run_peer(python, "bare", server, count, plant.redis.url)
                    bare[delay] = rate
                    tell(f"{delay} ms, bare loop", count, f"{rate:.0f}", f"{cpu:.2f}", "1.00", "")
                    continue
                if workers == 1:
                    rate, cpu, share, share_of_cpu = in_turns(plant, server, count, options.rounds)
                else:
                    rate, cpu = drain_rate(plant, server, count, workers)
                    share, share_of_cpu = rate / bare[delay], 0.0
                goal = GOALS.get((database, delay)) if workers == 1 else None
                verdict = "" if goal is None else f"≥ {goal}: {word(share >= goal)}"
                held &= goal is None or share >= goal
                tell(
                    f"{delay} ms, {workers} worker(s)",
                    count,
                    f"{rate:.0f}",
                    f"{cpu:.2f}",
                    f"{share:.2f}",
                    f"{verdict} (by processor {share_of_cpu:.2f})" if share_of_cpu else verdict,
                )
    return held


def in_turns(plant: Plant, server: Server, count: int, rounds: int) -> tuple[float, float, float, float]:
    """Let one worker and the bare loop take turns; return medians: rate, processor, and both as shares.

    Whatever else the machine does meets both of a pair.
    """
    pairs = []
    for _ in range(rounds):
        bare, cpu_of_bare = run_peer(Path(sys.executable), "bare", server, count, plant.redis.url)
        rate, cpu = drain_rate(plant, server, count, 1)
        pairs.append((rate, cpu, rate / bare, cpu_of_bare / cpu))
    rate, cpu, share, share_of_cpu = (median(column) for column in zip(*pairs, strict=True))
    return rate, cpu, share, share_of_cpu
