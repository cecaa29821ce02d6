"""Estimators of the standard deviation within subgroups, with the degrees of freedom of each.

    rbar             ranges over d2, weighted by d2^2/d3^2 (equal sizes: R-bar / d2)
    sbar             standard deviations over c4, weighted by c4^2/(1 - c4^2) (equal sizes: S-bar / c4)
    pooled           sqrt(sum of squares / degrees of freedom)
    pooled_unbiased  the same over c4(degrees of freedom + 1)
    mr               mean moving range of two / d2(2), for single values
    median_mr        median moving range / d4(2), for single values, robust against a few jumps
    sd               standard deviation of all values over c4(n), for single values

Weights: Burr (1969), minimum variance among linear combinations; mean(R_i / d2_i) is not that estimator.
Degrees of freedom: Minitab's published formula notes (pooled: sum of n_i - 1; rbar: 0.9 of it; sbar: f(n) of
it; mr: number of moving ranges).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.spc import constants
from quality.spc.blocks import total
from quality.spc.inputs import FloatArray
from quality.spc.stats import Stats, middle

OF_SUBGROUPS = ("rbar", "sbar", "pooled", "pooled_unbiased")
OF_SINGLE_VALUES = ("mr", "median_mr", "sd")

Mask = NDArray[np.bool_]


class Spread(NamedTuple):
    """A standard deviation and its degrees of freedom, (m,) each; NaN and 0 where it does not exist."""

    sigma: FloatArray
    df: FloatArray


def within(stats: Stats, estimator: str, use: Mask | None = None, starts: Mask | None = None) -> Spread:
    """Estimate the within standard deviation of every characteristic of a block.

    `use` (k, 1 or m) selects the subgroups that count; `starts` marks those before which a moving range is
    cut (a new stage).
    """
    if use is not None or starts is not None:
        return _within(stats, estimator, use, starts)
    if estimator not in stats.spreads:
        stats.spreads[estimator] = _within(stats, estimator, None, None)
    known: Spread = stats.spreads[estimator]
    return known


def _within(stats: Stats, estimator: str, use: Mask | None, starts: Mask | None) -> Spread:
    with np.errstate(invalid="ignore", divide="ignore"):
        if estimator in OF_SUBGROUPS:
            return _of_subgroups(stats, estimator, use)
        if estimator == "sd":
            return _of_all_values(stats, use)
        ranges = moving_ranges(stats.means, starts=starts, use=use)
        return of_moving_ranges(ranges, estimator)


def moving_ranges(points: FloatArray, *, starts: Mask | None = None, use: Mask | None = None) -> FloatArray:
    """Absolute differences of neighbours, (k, m); NaN at the first point, at a start, beside a missing or
    unused point.
    """
    ranges = np.full(points.shape, np.nan)
    np.abs(np.subtract(points[1:], points[:-1]), out=ranges[1:])
    if starts is not None:
        ranges = np.where(starts, np.nan, ranges)
    if use is not None:
        ranges[1:] = np.where(use[1:] & use[:-1], ranges[1:], np.nan)
    return ranges


def of_moving_ranges(ranges: FloatArray, estimator: str) -> Spread:
    """Sigma of the points from their moving ranges of two."""
    counted = ~np.isnan(ranges)
    df = total(counted.astype(np.float64))
    if estimator == "median_mr":
        return Spread(middle(ranges) / constants.d4_of_two(), df)
    mean = total(np.where(counted, ranges, 0.0)) / np.where(df > 0, df, np.nan)
    return Spread(mean / constants.constant("d2", 2), df)


def _of_subgroups(stats: Stats, estimator: str, use: Mask | None) -> Spread:
    sizes = stats.block.sizes
    counted = sizes >= 2 if use is None else (sizes >= 2) & use
    df_each = np.where(counted, sizes - 1, 0).astype(np.float64)
    if estimator in ("pooled", "pooled_unbiased"):
        df = total(df_each)
        sigma = np.sqrt(total(np.where(counted, stats.squares, 0.0)) / np.where(df > 0, df, np.nan))
        if estimator == "pooled_unbiased":
            sigma = sigma / constants.c4_of(df + 1.0)
        return _spread(sigma, df)
    if estimator == "rbar":
        unit, spread, factor = constants.at_sizes("d2", sizes), constants.at_sizes("d3", sizes), 0.9
        values = stats.ranges
        df = factor * total(df_each)
    else:
        unit, spread = constants.at_sizes("c4", sizes), constants.at_sizes("c5", sizes)
        values = stats.deviations
        df = total(df_each * sbar_efficiency(sizes))
    # d2^2/d3^2 times 1/d2, the value's own divisor
    weights = np.where(counted, unit / (spread * spread), 0.0)
    weighted = weights * values
    if not counted.all():
        weighted = np.where(counted, weighted, 0.0)
    weight_sum = total(np.where(counted, weights * unit, 0.0))
    return _spread(total(weighted) / np.where(weight_sum > 0, weight_sum, np.nan), df)


def _spread(sigma: FloatArray, df: FloatArray) -> Spread:
    sigma, df = np.broadcast_arrays(sigma, df)
    return Spread(sigma, df)


def _of_all_values(stats: Stats, use: Mask | None) -> Spread:
    values = stats.means
    counted = ~np.isnan(values) if use is None else ~np.isnan(values) & use
    df = total(counted.astype(np.float64)) - 1.0
    high = np.maximum.reduce(np.where(counted, values, -np.inf), axis=0, initial=-np.inf)
    low = np.minimum.reduce(np.where(counted, values, np.inf), axis=0, initial=np.inf)
    offsets = np.where(counted, values - np.where(df >= 0, low, 0.0), 0.0)
    centre = total(offsets) / np.where(df >= 0, df + 1.0, np.nan)
    squares = total(np.where(counted, (offsets - centre) ** 2, 0.0))
    sigma = np.sqrt(np.where(high > low, squares, 0.0) / np.where(df > 0, df, np.nan))
    return Spread(sigma / constants.c4_of(df + 1.0), np.maximum(df, 0.0))


def sbar_efficiency(sizes: NDArray[np.int64]) -> FloatArray:
    """f(n) of the degrees of freedom of S-bar: 0.88 … 0.97 for n = 2 … 9, then 0.98, 0.99 (18), 1 (65)."""
    steps = np.array([2, 3, 4, 5, 6, 8, 10, 18, 65])
    values = np.array([0.0, 0.88, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 1.0])
    return np.asarray(values[np.searchsorted(steps, sizes, side="right")], dtype=np.float64)
