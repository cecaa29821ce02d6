"""Speed and memory of the SPC engine beside its peers: `python benchmarks/spc.py [--full] [--rounds N]`.

Needs the peers: `pip install -r benchmarks/requirements.txt`. Work: X-bar and R limits, eight Nelson rules
and Cp … Ppk of 100, 1,000 and 10,000 characteristics of 125 values (25 subgroups of 5), and of ragged input.

All routines run in turns in one process, the best of the rounds counts, in seconds of processor time: none of
them uses a second core, and other work on the machine does not count. The slow peers do a part of the
characteristics and their time is scaled up (marked ~); `--full` lets them do all. Results are compared first.
Prints Markdown tables for docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import spc_peers as peers
from quality import spc

LENGTH, SIZE = 125, 5


class Data:
    """Characteristics with realistic places, spreads and limits."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(20260501)
        nominal, sigma = rng.uniform(1, 100, count), rng.uniform(0.005, 0.05, count)
        self.values = rng.normal(nominal[:, None], sigma[:, None], (count, LENGTH)).round(4)
        self.lsl, self.usl = nominal - 4.5 * sigma, nominal + 4.5 * sigma
        lengths = rng.integers(100, 151, count)
        self.ragged = [
            rng.normal(place, spread, length).round(4).tolist()
            for place, spread, length in zip(nominal, sigma, lengths, strict=True)
        ]


def ours(values: Any, lsl: Any, usl: Any) -> peers.Found:
    """One call; the columns that are made on demand are asked for."""
    study = spc.study_many(values, lsl=lsl, usl=usl, subgroup_size=SIZE, rules="nelson")
    study.cpm, study.ca  # noqa: B018 - the whole family
    charts = study.charts
    assert charts is not None
    return peers.Found(charts, charts, study.cp, study.cpk, study.pp, study.ppk, int(charts.signals.sum()))


def check(data: Data) -> None:
    """All routines agree on the first characteristics."""
    m = 50
    values, lsl, usl = data.values[:m], data.lsl[:m], data.usl[:m]
    study = spc.study_many(values, lsl=lsl, usl=usl, subgroup_size=SIZE, rules="nelson")
    assert study.charts is not None
    mine = peers.Found(
        [chart.primary.ucl[0] for chart in study.charts],
        [chart.secondary.ucl[0] for chart in study.charts],
        study.cp,
        study.cpk,
        study.pp,
        study.ppk,
        sum(len(chart.primary.violations) for chart in study.charts),
    )
    frame = peers.long_frame(values)
    for other in (
        peers.numpy_each(values, lsl, usl),
        peers.pandas_agg(frame, lsl, usl),
        peers.pandas_apply(frame, lsl, usl),
        peers.plain_python(values.tolist(), lsl.tolist(), usl.tolist()),
    ):
        for one, two in zip(mine, other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-9)
    theirs = peers.manufacturing_each(values[:5], lsl[:5], usl[:5])
    np.testing.assert_allclose(theirs.ppk, mine.ppk[:5], rtol=1e-6)


Routine = tuple[str, int, Callable[[], object]]


def best_times(routines: list[Routine], rounds: int) -> dict[str, float]:
    """Best time of each in seconds, the routines taking turns; slow ones run once."""
    best: dict[str, float] = {}
    for turn in range(rounds):
        for name, _, run in routines:
            if turn and best[name] > 1.0:
                continue
            start = time.process_time()
            run()
            best[name] = min(best.get(name, np.inf), time.process_time() - start)
    return best


def peer_routines(data: Data, *, full: bool) -> list[Routine]:
    """Name, characteristics done, call."""
    m = len(data.values)
    some, few = (m, m) if full else (min(m, 1000), min(m, 100))
    frame = peers.long_frame(data.values)
    part_frame = peers.long_frame(data.values[:some])
    lists = (data.values[:some].tolist(), data.lsl[:some].tolist(), data.usl[:some].tolist())
    part = (data.values[:some], data.lsl[:some], data.usl[:some])
    small = (data.values[:few], data.lsl[:few], data.usl[:few])
    return [
        ("reading the array four times", m, lambda: [data.values.sum() for _ in range(4)]),
        ("quality.spc", m, lambda: ours(data.values, data.lsl, data.usl)),
        ("pandas groupby.agg + numpy rules", m, lambda: peers.pandas_agg(frame, data.lsl, data.usl)),
        ("plain Python loop", some, lambda: peers.plain_python(*lists)),
        ("numpy per characteristic", some, lambda: peers.numpy_each(*part)),
        ("pandas groupby.apply", some, lambda: peers.pandas_apply(part_frame, data.lsl, data.usl)),
        ("manufacturing", few, lambda: peers.manufacturing_each(*small)),
    ]


def print_peers(data: Data, rounds: int, *, full: bool) -> None:
    """The table of peers on all characteristics."""
    m = len(data.values)
    routines = peer_routines(data, full=full)
    times = best_times(routines, rounds)
    own, bare = times["quality.spc"], times["reading the array four times"]
    print(f"\n{m:,} characteristics × {LENGTH} values ({LENGTH // SIZE} × {SIZE})\n")
    print("| routine | s | times quality.spc |\n| --- | ---: | ---: |")
    for name, done, _ in routines:
        scaled = times[name] * m / done
        print(f"| {name} | {'' if done == m else '~'}{scaled:.4f} | {scaled / own:.2f} |")
    print(f"\nquality.spc takes {own / bare:.1f} times as long as reading the array four times.")


def print_sizes(rounds: int) -> None:
    """Cost per characteristic as the batch grows, and peak memory."""
    print("\n| characteristics | input | ms | µs each | peak memory / input |")
    print("| ---: | --- | ---: | ---: | ---: |")
    for count in (1, 10, 100, 1000, 10_000):
        data = Data(count)
        ragged = sum(sys.getsizeof(row) + sys.getsizeof(1.0) * len(row) for row in data.ragged)
        for kind, values, size in (
            ("array", data.values, data.values.nbytes),
            ("ragged", data.ragged, ragged),
        ):
            seconds = best_times([(kind, count, lambda v=values, d=data: ours(v, d.lsl, d.usl))], rounds)[
                kind
            ]
            tracemalloc.start()
            ours(values, data.lsl, data.usl)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            each = seconds / count * 1e6
            print(f"| {count:,} | {kind} | {seconds * 1e3:.2f} | {each:.1f} | {peak / size:.1f} |")


def main() -> None:
    """Compare, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="let the slow peers do all characteristics")
    parser.add_argument("--rounds", type=int, default=15, help="best of so many turns")
    arguments = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pandas", "manufacturing"))
    print(f"Python {platform.python_version()}, {packages}; {platform.machine()}")
    data = Data(10_000)
    check(data)
    print_peers(data, arguments.rounds, full=arguments.full)
    print_sizes(arguments.rounds)


if __name__ == "__main__":
    main()
