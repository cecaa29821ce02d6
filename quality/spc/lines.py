"""Centre lines and control limits of one block, for every kind of variables chart.

All arrays broadcast against the points (k, m). A sigma of zero or none has no limits: the lines are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quality.spc import constants, estimators
from quality.spc.blocks import Block, total
from quality.spc.inputs import FloatArray
from quality.spc.patterns import Lines
from quality.spc.plans import Method
from quality.spc.selection import Mask, Selection
from quality.spc.stats import Stats

Sizes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the lines of a stage come from, (m,) each: NaN where there is none.

    sigma is of single values within subgroups; sigma_points of the plotted means by their moving range and
    sigma_between of the true means of lots (three-way chart only).
    """

    centre: FloatArray
    sigma: FloatArray
    df: FloatArray
    sigma_points: FloatArray
    sigma_between: FloatArray
    points_used: NDArray[np.int64]


def plotted_sizes(block: Block) -> Sizes:
    """Subgroup sizes, as (1, 1) when they are all equal so that lines stay small."""
    sizes = block.sizes
    if sizes.size and bool((sizes == sizes[0, 0]).all()):
        return sizes[:1, :1]
    return sizes


def modal_size(sizes: Sizes, use: Mask | None) -> Sizes:
    """The most frequent size of the used subgroups (the larger one when tied), (m or 1,)."""
    counted = sizes if use is None else np.where(use, sizes, 0)
    best = np.zeros(counted.shape[1:], dtype=np.int64)
    best_count = np.zeros(counted.shape[1:], dtype=np.int64)
    for size in np.flatnonzero(np.bincount(counted.ravel())[1:]) + 1:
        count = total((counted == size).astype(np.int64))
        better = count >= np.maximum(best_count, 1)
        best, best_count = np.where(better, size, best), np.where(better, count, best_count)
    return best


def plotted(stats: Stats, chart: str) -> FloatArray:
    """The points of the primary chart, (k, m)."""
    return stats.medians if chart == "median_r" else stats.means


def estimate(stats: Stats, method: Method, selection: Selection, use: Mask | None) -> Parameters:
    """Estimate the parameters from the used points of one stage."""
    sizes = stats.block.sizes
    points = plotted(stats, method.chart)
    counted = _counted(stats, use)
    spread = estimators.within(stats, method.estimator, use, selection.starts)
    none = np.full(stats.block.width, np.nan)
    between = points_sigma = none
    if method.chart == "three_way":
        ranges = estimators.moving_ranges(points, starts=selection.starts, use=use)
        points_sigma = estimators.of_moving_ranges(ranges, "mr").sigma
        within_part = np.nan_to_num(spread.sigma) ** 2 / np.maximum(modal_size(sizes, use), 1)
        between = np.sqrt(np.maximum(0.0, points_sigma**2 - within_part))
    return Parameters(
        centre=_centre(stats, method.chart, points, counted, is_whole=use is None),
        sigma=np.broadcast_to(spread.sigma, none.shape),
        df=np.broadcast_to(spread.df, none.shape),
        sigma_points=points_sigma,
        sigma_between=between,
        points_used=np.broadcast_to(total(counted.astype(np.int64)), none.shape),
    )


def _counted(stats: Stats, use: Mask | None) -> Mask:
    """Subgroups with a value that are used; (k, 1) where that is the same for all characteristics."""
    return stats.block.sizes > 0 if use is None else (stats.block.sizes > 0) & use


def _centre(stats: Stats, chart: str, points: FloatArray, counted: Mask, *, is_whole: bool) -> FloatArray:
    """Mean of the counted points: when all count and are means, the mean of all values, to the last bit."""
    of_values = chart in ("i_mr", "xbar_r", "xbar_s")
    if of_values and is_whole:
        return stats.mean
    weights = np.where(counted, _centre_weights(stats.block.sizes, chart), 0.0)
    centre = _weighted_mean(points, weights)
    if of_values:
        centre = np.where((counted | (stats.block.sizes == 0)).all(axis=0), stats.mean, centre)
    return centre


def _centre_weights(sizes: Sizes, chart: str) -> FloatArray:
    """Means count by their size, medians by the inverse of their variance, lots each once."""
    if chart == "three_way":
        return np.ones(sizes.shape)
    if chart == "median_r":
        return np.asarray(1.0 / constants.at_sizes("em", sizes) ** 2)
    return sizes.astype(np.float64)


def _weighted_mean(points: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean of points, taken as deviations from the lowest so that leading digits cost nothing."""
    is_counted = weights > 0
    near = np.minimum.reduce(np.where(is_counted, points, np.inf), axis=0, initial=np.inf)
    near = np.where(np.isfinite(near), near, 0.0)
    deviations = np.where(is_counted, points - near, 0.0)
    weight_sum = total(weights)
    return near + total(weights * deviations) / np.where(weight_sum > 0, weight_sum, np.nan)


def location_lines(centre: FloatArray, sigma: FloatArray, sizes: Sizes, chart: str, nsigma: float) -> Lines:
    """Lines of single values, means or medians with sigma of single values."""
    return _around(centre, sigma * unit_of(chart, sizes), nsigma)


def unit_of(chart: str, sizes: Sizes) -> FloatArray:
    """Standard error of the plotted statistic for a sigma of one; NaN for an empty subgroup."""
    if chart == "median_r":
        return constants.at_sizes("em", sizes)
    return 1.0 / np.sqrt(np.where(sizes > 0, sizes, np.nan))


def lot_lines(centre: FloatArray, sigma_points: FloatArray, nsigma: float) -> Lines:
    """Lines of the means of lots: their own sigma, whatever the sizes."""
    return _around(centre, sigma_points, nsigma)


def _around(centre: FloatArray, se: FloatArray, nsigma: float) -> Lines:
    se = np.where(se > 0, se, np.nan)
    return Lines(centre, centre + nsigma * se, centre - nsigma * se, se, se)


def spread_lines(sigma: FloatArray, sizes: Sizes, kind: str, nsigma: float) -> Lines:
    """Lines of ranges ("r", "mr") or standard deviations ("s") with sigma of single values."""
    mean_name, deviation_name = ("c4", "c5") if kind == "s" else ("d2", "d3")
    sigma = np.where(sigma > 0, sigma, np.nan)
    centre = constants.at_sizes(mean_name, sizes) * sigma
    se = constants.at_sizes(deviation_name, sizes) * sigma
    return Lines(centre, centre + nsigma * se, np.maximum(centre - nsigma * se, 0.0), se, se)


def by_stage(selection: Selection, values: Sequence[FloatArray]) -> FloatArray:
    """Spread one (m,) array per stage over the points: (k, m), or (1, m) when there are no stages."""
    if selection.stage is None:
        return values[0][None]
    result = np.full((*selection.stage.shape[:1], *values[0].shape), np.nan)
    for code, value in enumerate(values):
        result = np.where(selection.stage == code, value, result)
    return result
