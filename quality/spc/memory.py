"""The recursions behind EWMA and CUSUM for a block of characteristics of one shape.

All arrays are (k, m): points down, characteristics across. Symbols as in `timeweighted.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.spc import lines
from quality.spc.inputs import FloatArray
from quality.spc.plans import Method
from quality.spc.selection import Mask, Selection
from quality.spc.stats import Stats

_MARGIN = 1e-9
"""A sum above h by less than this part of h is rounding noise: equal is inside."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The points of a block with target and sigma of each point's stage."""

    observed: FloatArray
    sizes: NDArray[Any]
    selection: Selection
    stages: tuple[lines.Parameters, ...]
    target: FloatArray
    sigma_x: FloatArray
    counted: Mask
    starts: Mask
    excluded: Sequence[Mapping[int, str]]


class Sums(NamedTuple):
    """CUSUMs, NaN at points that do not count, and the first point after each was last zero (or started)."""

    upper: FloatArray
    lower: FloatArray
    upper_start: NDArray[np.intp]
    lower_start: NDArray[np.intp]
    from_head: Mask


def remembered(
    statistics: Stats,
    method: Method,
    selection: Selection,
    target: FloatArray,
    sigma: FloatArray,
    excluded: Sequence[Mapping[int, str]],
) -> Remembered:
    """Estimate what is not given (NaN) from the used points of each stage."""
    used, stage = selection.used, selection.stage
    masks: list[Mask | None] = [used]
    if stage is not None:
        of_stages = [stage == code for code in range(int(stage.max(initial=-1)) + 1)]
        masks = [mask if used is None else mask & used for mask in of_stages]
    found = []
    for mask in masks:
        one = lines.estimate(statistics, method, selection, mask)
        found.append(
            replace(
                one,
                centre=np.where(np.isnan(target), one.centre, target),
                sigma=np.where(np.isnan(sigma), one.sigma, sigma),
            )
        )
    observed = statistics.means
    counted = ~np.isnan(observed)
    if selection.excluded is not None:
        counted = counted & ~selection.excluded
    starts = selection.starts
    starts = np.zeros(observed.shape, dtype=np.bool_) if starts is None else starts
    starts[:1] = True
    sizes = np.broadcast_to(statistics.block.sizes, observed.shape)
    centre, spread = np.full(observed.shape, np.nan), np.full(observed.shape, np.nan)
    for code, one in enumerate(found):
        here = True if stage is None else stage == code
        centre, spread = np.where(here, one.centre, centre), np.where(here, one.sigma, spread)
    return Remembered(
        observed=observed,
        sizes=sizes,
        selection=selection,
        stages=tuple(found),
        target=centre,
        sigma_x=spread / np.sqrt(np.maximum(sizes, 1)),
        counted=counted,
        starts=starts,
        excluded=excluded,
    )


def ewma(part: Remembered, weight: float) -> tuple[FloatArray, FloatArray]:
    """EWMA and its exact standard deviation at every point; NaN at points that do not count."""
    z, deviation = np.full(part.observed.shape, np.nan), np.full(part.observed.shape, np.nan)
    last, variance = np.zeros(part.observed.shape[1]), np.zeros(part.observed.shape[1])
    rest = 1.0 - weight
    for point, x in enumerate(part.observed):
        starts, counted = part.starts[point], part.counted[point]
        last = np.where(starts, part.target[point], last)
        variance = np.where(starts, 0.0, variance)
        last = np.where(counted, weight * x + rest * last, last)
        variance = np.where(counted, weight**2 * part.sigma_x[point] ** 2 + rest**2 * variance, variance)
        z[point] = np.where(counted, last, np.nan)
        deviation[point] = np.sqrt(variance)
    return z, deviation


def cusum(
    part: Remembered, shift: FloatArray, *, k: float, h: float, head_start: float, restart: float | None
) -> Sums:
    """Upper and lower sums of `shift` (distance to the target, in the unit of k and h).

    `restart` is where both sums begin again at the point after a signal; None lets them go on.
    """
    shape = shift.shape
    sums = {side: np.full(shape, np.nan) for side in ("upper", "lower")}
    begun = {side: np.zeros(shape, dtype=np.intp) for side in ("upper", "lower")}
    last = {side: np.zeros(shape[1]) for side in ("upper", "lower")}
    start = {side: np.zeros(shape[1], dtype=np.intp) for side in ("upper", "lower")}
    from_head = np.zeros(shape, dtype=np.bool_)
    signalled = np.zeros(shape[1], dtype=np.bool_)
    for point in range(shape[0]):
        counted = part.counted[point] & ~np.isnan(shift[point])
        again = signalled if restart is not None else np.zeros_like(signalled)
        fresh = part.starts[point] | again
        from_head[point] = np.where(part.starts[point], head_start > 0, again & bool(restart))
        signalled = np.zeros_like(signalled)
        for side, sign in (("upper", 1.0), ("lower", -1.0)):
            before = np.where(part.starts[point], head_start, np.where(again, restart or 0.0, last[side]))
            start[side] = np.where(fresh | (before <= 0), point, start[side])
            now = np.maximum(0.0, before + sign * shift[point] - k)
            last[side] = np.where(counted, now, before)
            sums[side][point] = np.where(counted, now, np.nan)
            begun[side][point] = start[side]
            signalled |= counted & is_above(last[side], h)
    return Sums(sums["upper"], sums["lower"], begun["upper"], begun["lower"], from_head)


def is_above(sums: FloatArray, h: float) -> Mask:
    """Sums that signal."""
    return np.asarray(sums > h * (1.0 + _MARGIN))
