"""Readings to daily use beside its peers: `python benchmarks/energy.py [--rounds N] [--meters M] [--days D]`.

Needs the peers: `pip install -r benchmarks/requirements.txt`. Work: 2,000 meters read every 15 minutes for
31 days, in random order of arrival, 1 % lost, 0.5 % sent twice (half of those corrected), a tenth of the
meters rolling over and a twentieth reset, to the whole counts used on each local day.

Every routine gets the same three arrays and must give the same whole numbers, which is checked before
anything is printed. They run in turns in one process; the best of the rounds counts, by the clock, because
some use both cores; seconds of processor time stand beside. The plain loop does some meters, scaled (~).
The peers know the rules that this data needs (last arrival, rollover, reset, a step divided at midnight);
glitches, spikes, gaps of days, coverage and flags, which `plant_use` tells as well, are left out for them.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import energy_peers as peers
from energy.metering import Register, plant_use

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = int(datetime(2026, 3, 1, tzinfo=SHANGHAI).timestamp())
INTERVAL_S, MODULUS, MAX_PER_HOUR = 900, 1_000_000, 400
LOOPED = 40
"""Meters that the plain loop does."""


def readings(meters: int, days: int) -> peers.Readings:
    """Return what arrives from so many meters in so many days."""
    dice = np.random.default_rng(20260301)
    number = days * 86400 // INTERVAL_S
    use = dice.integers(1, MAX_PER_HOUR // 8, (meters, number))
    counts = np.cumsum(use, axis=1) + dice.integers(0, 9 * MODULUS // 10, (meters, 1))
    odd = dice.permutation(meters)
    rolling, reset = np.split(odd[: meters * 3 // 20], [meters // 10])
    for meter in rolling:
        counts[meter] += MODULUS - counts[meter, dice.integers(1, number)]
    counts %= MODULUS
    for meter in reset:
        at = dice.integers(1, number)
        counts[meter, at:] = np.cumsum(use[meter, at:])
    arrived = peers.Readings(
        np.repeat(np.arange(meters), number),
        np.tile(START + INTERVAL_S * np.arange(number), meters),
        counts.reshape(-1),
    )
    arrived = arrived[dice.random(len(arrived.meter)) >= 0.01]
    again = arrived[dice.random(len(arrived.meter)) < 0.005]
    wrong = np.maximum(again.count - dice.integers(0, 2, len(again.meter)), 0)
    return arrived.and_also(again.meter, again.time, wrong).shuffled(dice)


@dataclass(frozen=True)
class Contender:
    """A way to daily use; `share` is the part of the readings that it does."""

    name: str
    run: Callable[[], np.ndarray]
    share: float = 1.0


@dataclass
class Took:
    """The best times of one contender, scaled to all readings."""

    clock_s: float = np.inf
    processor_s: float = np.inf


def ours(data: peers.Readings, meters: int) -> np.ndarray:
    """Return counts used by meter and day."""
    register = Register(interval_s=INTERVAL_S, modulus=MODULUS, max_per_hour=MAX_PER_HOUR)
    return plant_use(data.meter, data.time, data.count, [register] * meters, zone=SHANGHAI).counts


def contenders(data: peers.Readings, meters: int, days: int) -> list[Contender]:
    """Return ours and the peers."""
    plant = peers.Plant(meters, days, START, MODULUS, MAX_PER_HOUR)
    few = data[data.meter < LOOPED]
    share = len(few.meter) / len(data.meter)
    return [
        Contender("energy.metering.plant_use", lambda: ours(data, meters)),
        Contender("numpy, sorted by one key", lambda: peers.numpy_sorted(data, plant)),
        Contender("duckdb, window functions", lambda: peers.duckdb_windows(data, plant)),
        Contender("polars, lazy", lambda: peers.polars_lazy(data, plant)),
        Contender("pandas, groupby", lambda: peers.pandas_groupby(data, plant)),
        Contender("plain Python loop", lambda: peers.plain_loop(few, plant), share),
    ]


def measured(ways: list[Contender], rounds: int) -> tuple[dict[str, Took], dict[str, np.ndarray]]:
    """Return the best times and the results, all taking turns; the loop runs once."""
    took = {way.name: Took() for way in ways}
    found: dict[str, np.ndarray] = {}
    for turn in range(rounds):
        for way in ways:
            if turn and way.share < 1:
                continue
            clock, processor = time.perf_counter(), time.process_time()
            found[way.name] = way.run()
            best = took[way.name]
            best.clock_s = min(best.clock_s, (time.perf_counter() - clock) / way.share)
            best.processor_s = min(best.processor_s, (time.process_time() - processor) / way.share)
    return took, found


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="best of so many turns")
    parser.add_argument("--meters", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=31)
    arguments = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "polars", "duckdb"))
    print(f"Python {platform.python_version()}, {packages}; {platform.machine()}, {os.cpu_count()} cores")
    data = readings(arguments.meters, arguments.days)
    ways = contenders(data, arguments.meters, arguments.days)
    took, found = measured(ways, arguments.rounds)
    expected = found[ways[0].name]
    for way in ways:
        np.testing.assert_array_equal(found[way.name], expected[: len(found[way.name])], err_msg=way.name)
    number = len(data.meter)
    print(
        f"\n{number:,} readings of {arguments.meters:,} meters, {arguments.days} days; "
        f"all give the same {expected.size:,} whole numbers, {int(expected.sum()):,} counts together; "
        f"load {os.getloadavg()[0]:.1f}\n"
    )
    own = took[ways[0].name].clock_s
    print("| way | s by the clock | s of processor | M readings/s | times ours |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for way in ways:
        best, about = took[way.name], "~" if way.share < 1 else ""
        print(
            f"| {way.name} | {about}{best.clock_s:.2f} | {about}{best.processor_s:.2f} "
            f"| {number / best.clock_s / 1e6:.2f} | {best.clock_s / own:.1f} |"
        )


if __name__ == "__main__":
    main()
