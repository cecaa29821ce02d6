"""Points, centre lines and limits of attribute charts, for one block of charts of equal length.

    p    fraction nonconforming of n items        np   number of nonconforming items among n
    u    nonconformities per unit, n units        c    nonconformities of a constant area
    r    rate of the process: nonconforming per item (p, np) or nonconformities per unit (u, c)
    z    standardised point (rate - r) / sigma     sigma_z  mean moving range of z over d2(2), Laney

Arrays are (k, m): points down, characteristics across. Limits belong to each point by its own n: an average
n is never used.

Sources: Montgomery, Introduction to Statistical Quality Control, chapter 7; Laney, Quality Engineering 14
(2002).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from quality.spc.blocks import total
from quality.spc.errors import SpcInputError
from quality.spc.estimators import moving_ranges, of_moving_ranges
from quality.spc.inputs import FloatArray
from quality.spc.patterns import Lines
from quality.spc.selection import Mask, Selection

CHARTS = ("p", "np", "c", "u")
METHODS = ("normal", "exact", "laney")


class Rates(NamedTuple):
    """What the limits of one stage come from, (m,) each; NaN where it does not exist."""

    rate: FloatArray
    sigma_z: FloatArray
    points_used: NDArray[np.int64]


class Counts(NamedTuple):
    """What was found and the sample sizes (k, m), NaN where the point is missing."""

    found: FloatArray
    n: FloatArray


def check(counts: FloatArray, sizes: FloatArray, chart: str) -> Counts:
    """Return the counts with the points NaN in both where one of them is missing.

    Raises
        SpcInputError: a count is negative, not whole, or above the sample size of a p or np chart; a size
            is not above 0, or not whole on a p or np chart.
    """
    with np.errstate(invalid="ignore"):
        if np.any((counts < 0) | (counts != np.floor(counts)) & ~np.isnan(counts)):
            raise SpcInputError("counts", "must be whole numbers from 0")
        if np.any(sizes <= 0):
            raise SpcInputError("sizes", "must be above 0")
        if chart in ("p", "np"):
            if np.any((sizes != np.floor(sizes)) & ~np.isnan(sizes)):
                raise SpcInputError("sizes", "must be whole numbers of items")
            if np.any(counts > sizes):
                raise SpcInputError("counts", "more nonconforming items than items")
    missing = np.isnan(counts) | np.isnan(sizes)
    return Counts(np.where(missing, np.nan, counts), np.where(missing, np.nan, sizes))


def estimate(
    data: Counts, chart: str, selection: Selection, given_rate: FloatArray, given_sigma_z: FloatArray
) -> tuple[Rates, ...]:
    """Rate and sigma_z of every stage; given ones win."""
    present = ~np.isnan(data.found)
    used = present if selection.used is None else present & selection.used
    if selection.stage is None:
        masks = [used]
    else:
        masks = [used & (selection.stage == code) for code in range(int(selection.stage.max(initial=-1)) + 1)]
    found = []
    for mask in masks:
        items = total(np.where(mask, data.n, 0.0))
        rate = total(np.where(mask, data.found, 0.0)) / np.where(items > 0, items, np.nan)
        rate = np.where(np.isnan(given_rate), rate, given_rate)
        deviation = np.where(mask, sigma_of_rate(rate, data.n, chart), np.nan)
        z = (data.found / data.n - rate) / np.where(deviation > 0, deviation, np.nan)
        # z exists inside of the mask only, so no range crosses a stage, a gap or an excluded point.
        sigma_z = of_moving_ranges(moving_ranges(z), "mr").sigma
        sigma_z = np.where(np.isnan(given_sigma_z), sigma_z, given_sigma_z)
        found.append(Rates(rate, sigma_z, total(mask.astype(np.int64))))
    return tuple(found)


def sigma_of_rate(rate: FloatArray, n: FloatArray, chart: str) -> FloatArray:
    """Standard deviation of the observed rate of n items or units."""
    variance = rate * (1.0 - rate) if chart in ("p", "np") else rate
    return np.asarray(np.sqrt(variance / n))


def plotted(data: Counts, chart: str) -> FloatArray:
    """The points of the chart."""
    return data.found / data.n if chart in ("p", "u") else data.found


def lines(
    data: Counts, chart: str, method: str, rate: FloatArray, sigma_z: FloatArray, nsigma: float
) -> Lines:
    """Centre and limits at every point; NaN where the process has no spread (rate 0, or 1 on p and np)."""
    unit = np.ones_like(data.n) if chart in ("p", "u") else data.n
    sigma = sigma_of_rate(rate, data.n, chart) * unit
    if method == "laney":
        sigma = sigma * sigma_z
    sigma = np.where(sigma > 0, sigma, np.nan)
    centre = np.where(np.isnan(data.n), np.nan, rate * unit)
    largest = unit if chart in ("p", "np") else np.inf
    if method == "exact":
        tail = float(special.ndtr(-nsigma))
        low, high = (quantile(data.n, rate, chart, q) for q in (tail, 1.0 - tail))
        scale = unit / data.n
        ucl, lcl = high * scale, low * scale
    else:
        ucl, lcl = centre + nsigma * sigma, centre - nsigma * sigma
    has_spread = ~np.isnan(sigma)
    ucl = np.where(has_spread, np.minimum(ucl, largest), np.nan)
    lcl = np.where(has_spread, np.maximum(lcl, 0.0), np.nan)
    return Lines(centre, ucl, lcl, sigma, sigma)


def quantile(n: FloatArray, rate: FloatArray, chart: str, q: float) -> FloatArray:
    """The smallest count that is not exceeded with probability q or more; NaN where n or rate is missing."""
    rate = np.broadcast_to(rate, n.shape)
    if chart in ("p", "np"):
        found = np.ceil(special.bdtrik(q, n, rate))
        less = np.clip(found - 1.0, 0.0, n - 1.0)
        one_less = special.betaincc(less + 1.0, n - less, rate)
    else:
        found = np.ceil(special.pdtrik(q, n * rate))
        one_less = special.pdtr(np.maximum(found - 1.0, 0.0), n * rate)
    found = np.where(one_less >= q, np.maximum(found - 1.0, 0.0), found)  # the inverse is not exact
    return np.asarray(found, dtype=np.float64)


def spread_rates(selection: Selection, rates: tuple[Rates, ...], shape: tuple[int, ...]) -> Rates:
    """Rate and sigma_z of each point's stage, (k, m)."""
    rate, sigma_z = np.full(shape, np.nan), np.full(shape, np.nan)
    for code, one in enumerate(rates):
        here: Mask = np.ones(shape, np.bool_) if selection.stage is None else selection.stage == code
        rate, sigma_z = np.where(here, one.rate, rate), np.where(here, one.sigma_z, sigma_z)
    return Rates(rate, sigma_z, rates[0].points_used)
