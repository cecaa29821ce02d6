"""The same work done with other tools, each as well as its users would write it.

Work: from characteristics of 25 subgroups of 5 values: X-bar and R limits, eight Nelson rules on the means,
and Cp, Cpk (R-bar / d2), Pp, Ppk. Every routine returns `Found`, so that the benchmark can compare them.
"""

from __future__ import annotations

import logging
import math
import warnings
from typing import Any, NamedTuple

import numpy as np

D2, A2, D4 = 2.3259289472810105, 0.5768193340850535, 2.114499145092924
SIZE = 5


class Found(NamedTuple):
    """Upper limits of means and ranges, indices, and how many rule signals there are in all."""

    ucl: Any
    r_ucl: Any
    cp: Any
    cpk: Any
    pp: Any
    ppk: Any
    signals: int


def windows(flags: np.ndarray, length: int) -> np.ndarray:
    """How many flags are set in each window along the last axis."""
    sums = np.cumsum(flags, axis=-1, dtype=np.int16)
    sums[..., length:] -= sums[..., :-length].copy()
    return sums[..., length - 1 :]


def count_signals(z: np.ndarray) -> int:
    """Eight Nelson rules on points in sigma units, along the last axis."""
    up, down = np.diff(z) > 0, np.diff(z) < 0
    high1, low1, high2, low2 = z > 1, z < -1, z > 2, z < -2
    count = np.count_nonzero(np.abs(z) > 3)
    for side in (z > 0, z < 0):
        count += np.count_nonzero(windows(side, 9) == 9)
    for side in (up, down):
        count += np.count_nonzero(windows(side, 5) == 5)
    turns = (up[..., :-1] & down[..., 1:]) | (down[..., :-1] & up[..., 1:])
    count += np.count_nonzero(windows(turns, 12) == 12)
    for side in (high2, low2):
        count += np.count_nonzero((windows(side, 3) >= 2) & side[..., 2:])
    for side in (high1, low1):
        count += np.count_nonzero((windows(side, 5) >= 4) & side[..., 4:])
    outside = high1 | low1
    count += np.count_nonzero(windows(~outside, 15) == 15)
    far, above = windows(outside, 8), windows(high1, 8)
    count += np.count_nonzero((far == 8) & (above > 0) & (above < 8))
    return int(count)


def indices(mean: Any, within: Any, overall: Any, lsl: Any, usl: Any) -> tuple[Any, Any, Any, Any]:
    """Cp, Cpk, Pp, Ppk of arrays or numbers."""
    nearer = np.minimum(usl - mean, mean - lsl)
    return (
        (usl - lsl) / (6 * within),
        nearer / (3 * within),
        (usl - lsl) / (6 * overall),
        nearer / (3 * overall),
    )


def numpy_each(values: np.ndarray, lsl: np.ndarray, usl: np.ndarray) -> Found:
    """numpy called for one characteristic at a time."""
    rows = []
    signals = 0
    for series, low, high in zip(values, lsl, usl, strict=True):
        groups = series.reshape(-1, SIZE)
        means = groups.mean(axis=1)
        rbar = (groups.max(axis=1) - groups.min(axis=1)).mean()
        centre, within = means.mean(), rbar / D2
        rows.append((centre + A2 * rbar, D4 * rbar, *indices(centre, within, series.std(ddof=1), low, high)))
        signals += count_signals((means - centre) / (within / math.sqrt(SIZE)))
    return Found(*np.array(rows).T, signals)


def long_frame(values: np.ndarray) -> Any:
    """The values as pandas users keep them: one row each, keyed by characteristic and subgroup, sorted."""
    import pandas as pd

    m, n = values.shape
    return pd.DataFrame(
        {
            "characteristic": np.repeat(np.arange(m), n),
            "subgroup": np.tile(np.repeat(np.arange(n // SIZE), SIZE), m),
            "value": values.ravel(),
        }
    )


def pandas_agg(frame: Any, lsl: np.ndarray, usl: np.ndarray) -> Found:
    """groupby with built-in aggregations, rules and indices in numpy over the whole table."""
    grouped = frame.groupby(["characteristic", "subgroup"], sort=False)["value"]
    shape = (len(lsl), -1)
    means = grouped.mean().to_numpy().reshape(shape)
    ranges = (grouped.max() - grouped.min()).to_numpy().reshape(shape)
    overall = frame.groupby("characteristic", sort=False)["value"].std().to_numpy()
    centre, rbar = means.mean(axis=1), ranges.mean(axis=1)
    within = rbar / D2
    z = (means - centre[:, None]) / (within / math.sqrt(SIZE))[:, None]
    signals = count_signals(z)
    return Found(centre + A2 * rbar, D4 * rbar, *indices(centre, within, overall, lsl, usl), signals)


def pandas_apply(frame: Any, lsl: np.ndarray, usl: np.ndarray) -> Found:
    """groupby.apply with one function per characteristic."""
    import pandas as pd

    def study(part: Any) -> Any:
        subgroups = part.groupby("subgroup", sort=False)["value"]
        means = subgroups.mean()
        rbar = (subgroups.max() - subgroups.min()).mean()
        centre, within = means.mean(), rbar / D2
        low, high = lsl[part.name], usl[part.name]
        signals = count_signals(((means - centre) / (within / math.sqrt(SIZE))).to_numpy())
        return pd.Series(
            (centre + A2 * rbar, D4 * rbar, *indices(centre, within, part["value"].std(), low, high), signals)
        )

    table = frame.groupby("characteristic", sort=False)[["subgroup", "value"]].apply(study).to_numpy()
    return Found(*table.T[:6], int(table[:, 6].sum()))


def plain_python(values: list[list[float]], lsl: list[float], usl: list[float]) -> Found:
    """Lists and loops, no package."""
    rows = []
    signals = 0
    for series, low, high in zip(values, lsl, usl, strict=True):
        groups = [series[start : start + SIZE] for start in range(0, len(series), SIZE)]
        means = [sum(group) / SIZE for group in groups]
        rbar = sum(max(group) - min(group) for group in groups) / len(groups)
        centre, within = sum(means) / len(means), rbar / D2
        square = sum((value - centre) ** 2 for value in series)
        overall = math.sqrt(square / (len(series) - 1))
        nearer = min(high - centre, centre - low)
        rows.append(
            (
                centre + A2 * rbar,
                D4 * rbar,
                (high - low) / (6 * within),
                nearer / (3 * within),
                (high - low) / (6 * overall),
                nearer / (3 * overall),
            )
        )
        signals += plain_signals([(mean - centre) / (within / math.sqrt(SIZE)) for mean in means])
    return Found(*zip(*rows, strict=True), signals)


def plain_signals(z: list[float]) -> int:
    """Eight Nelson rules, one pass with counters."""
    count = above = below = rising = falling = turning = calm = far = 0
    for place, now in enumerate(z):
        count += abs(now) > 3
        above, below = (above + 1 if now > 0 else 0), (below + 1 if now < 0 else 0)
        count += (above >= 9) + (below >= 9)
        if place:
            step = now - z[place - 1]
            last = z[place - 1] - z[place - 2] if place > 1 else 0.0
            turning = turning + 1 if step * last < 0 else 0
            rising, falling = (rising + 1 if step > 0 else 0), (falling + 1 if step < 0 else 0)
            count += (rising >= 5) + (falling >= 5) + (turning >= 12)
        if place >= 2 and abs(now) > 2:
            count += sum(value * now > 0 and abs(value) > 2 for value in z[place - 2 : place + 1]) >= 2
        if place >= 4 and abs(now) > 1:
            count += sum(value * now > 0 and abs(value) > 1 for value in z[place - 4 : place + 1]) >= 4
        calm, far = (calm + 1 if abs(now) <= 1 else 0), (far + 1 if abs(now) > 1 else 0)
        count += calm >= 15
        if far >= 8:
            window = z[place - 7 : place + 1]
            count += min(window) < 0 < max(window)
    return count


def manufacturing_each(values: np.ndarray, lsl: np.ndarray, usl: np.ndarray) -> Found:
    """The package `manufacturing`, its eight control functions and its indices.

    It has no within-subgroup sigma (its Cpk is Ppk here) and its rules differ, so only the limits and Ppk can
    be compared; the time is that of the same kind of work.
    """
    import pandas as pd
    from manufacturing import analysis, calc_pp, calc_ppk

    logging.getLogger("manufacturing").setLevel(logging.ERROR)
    rules = [
        analysis.control_beyond_limits,
        analysis.control_zone_a,
        analysis.control_zone_b,
        analysis.control_zone_c,
        analysis.control_zone_mixture,
        analysis.control_zone_overcontrol,
        analysis.control_zone_stratification,
    ]
    rows = []
    signals = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for series, low, high in zip(values, lsl.tolist(), usl.tolist(), strict=True):
            groups = pd.DataFrame(series.reshape(-1, SIZE))
            means = groups.mean(axis=1)
            rbar = float((groups.max(axis=1) - groups.min(axis=1)).mean())
            centre = float(means.mean())
            ucl, lcl = centre + A2 * rbar, centre - A2 * rbar
            pp = calc_pp(series, upper_specification_limit=high, lower_specification_limit=low)
            ppk = calc_ppk(series, upper_specification_limit=high, lower_specification_limit=low)
            rows.append((ucl, D4 * rbar, pp, ppk, pp, ppk))
            between = {"upper_control_limit": ucl, "lower_control_limit": lcl}
            signals += sum(len(rule(means, **between)) for rule in rules)
            signals += len(analysis.control_zone_trend(means))
    return Found(*np.array(rows).T, signals)
