"""Average run length: how many points pass until a chart signals, for a sustained shift of a normal process.

    shift    distance of the process mean to the target, in standard deviations of the plotted points
    ARL      average run length from the start of the chart; at shift 0 the mean distance of false alarms

The points are independent, mean and standard deviation known. Limits estimated from few points signal more
often.

Sources: Montgomery, Introduction to Statistical Quality Control, chapters 5 and 9; Crowder, Technometrics
29 (1987) for the integral equation of the EWMA; Page, Biometrika 41 (1954), Vance, Journal of Quality
Technology 18 (1986) and Lucas and Crosier, Technometrics 24 (1982) for the CUSUM.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray, as_floats, number, positive

_NODES = 200
"""Gauss-Legendre nodes of the integral equations; doubling them changes published ARLs by less than 1e-8."""


def _density(z: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))


def arl_shewhart(shift: Any, *, nsigma: float = 3.0) -> FloatArray:
    """ARL of a chart with limits at `nsigma` on both sides and no other rule.

    Parameters
        shift: any shape, standard deviations of the plotted points (for a mean of n: sqrt(n) times those of
            a value).
        nsigma: distance of the limits.

    Returns
        Array of the shape of `shift`; NaN where it is NaN.

    Raises
        SpcInputError: `shift` is not numeric, `nsigma` not above zero.
    """
    limit, distance = positive("nsigma", nsigma), as_floats("shift", shift)
    return np.asarray(1.0 / (special.ndtr(distance - limit) + special.ndtr(-limit - distance)))


def arl_ewma(shift: Any, *, weight: float, nsigma: float) -> FloatArray:
    """ARL of an EWMA chart with limits of constant (asymptotic) width, starting at the target.

    Parameters
        shift: any shape, standard deviations of the plotted points.
        weight: lambda, above 0 and up to 1.
        nsigma: distance of the limits in standard deviations of the EWMA.

    Returns
        Array of the shape of `shift`; NaN where it is NaN.

    Raises
        SpcInputError: an argument is out of range.

    Notes
        Exact limits are narrower at the start, so a chart that has them signals a little sooner.
    """
    if not 0.0 < number("weight", weight) <= 1.0:
        raise SpcInputError("weight", f"must be above 0 and up to 1, not {weight!r}")
    distance = as_floats("shift", shift)
    if weight == 1.0:
        return arl_shewhart(distance, nsigma=nsigma)
    limit = positive("nsigma", nsigma) * np.sqrt(weight / (2.0 - weight))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    z, w = limit * nodes, limit * weights
    results = np.full(distance.shape, np.nan)
    for place in np.ndindex(distance.shape):
        if not np.isnan(distance[place]):
            results[place] = _ewma_from_target(z, w, weight, float(distance[place]))
    return results


def _ewma_from_target(z: FloatArray, w: FloatArray, weight: float, shift: float) -> float:
    """Solve L(u) = 1 + integral of L(y) f((y - (1 - weight) u) / weight) / weight dy, and give L(0)."""
    rest = 1.0 - weight
    kernel = w * _density((z - rest * z[:, None]) / weight - shift) / weight
    at_nodes = np.linalg.solve(np.eye(len(z)) - kernel, np.ones(len(z)))
    return 1.0 + float((w * _density(z / weight - shift) / weight) @ at_nodes)


def arl_cusum(
    shift: Any, *, k: float = 0.5, h: float = 5.0, head_start: float = 0.0, two_sided: bool = True
) -> FloatArray:
    """ARL of a tabular CUSUM.

    Parameters
        shift: any shape, standard deviations of the plotted points; upwards where it is positive.
        k, h: reference value and decision interval in the same unit.
        head_start: where the sums start, as a fraction of h below 1 (fast initial response).
        two_sided: both sums are kept; False keeps the upper one only.

    Returns
        Array of the shape of `shift`; NaN where it is NaN.

    Raises
        SpcInputError: an argument is out of range.

    Notes
        The two sums are combined as if a signal of one did not meet a large value of the other, which is
        exact for k > 0 without a head start while h is not tiny, and the usual formula otherwise.
    """
    number("k", k, least=0.0)
    if not number("head_start", head_start, least=0.0) < 1.0:
        raise SpcInputError("head_start", f"must be a fraction of h below 1, not {head_start!r}")
    limit, distance = positive("h", h), as_floats("shift", shift)
    results = np.full(distance.shape, np.nan)
    for place in np.ndindex(distance.shape):
        if np.isnan(distance[place]):
            continue
        up, up_head = _cusum_one_sided(float(distance[place]), k, limit, head_start)
        if not two_sided:
            results[place] = up_head
            continue
        down, down_head = _cusum_one_sided(-float(distance[place]), k, limit, head_start)
        results[place] = (up_head * down + down_head * up - up * down) / (up + down)
    return results


def _cusum_one_sided(shift: float, k: float, h: float, head_start: float) -> tuple[float, float]:
    """ARL of the upper sum from zero and from its head start.

    L(u) = 1 + L(0) Phi(k - u - shift) + integral from 0 to h of L(y) phi(y + k - u - shift) dy, with L(0)
    as one more unknown beside the nodes: the sum rests at zero with positive probability.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    y, w = h * (nodes + 1.0) / 2.0, h * weights / 2.0
    u = np.concatenate(([0.0, head_start * h], y))
    step = k - shift - u
    system = np.eye(len(u))
    system[:, 0] -= special.ndtr(step)
    system[:, 2:] -= w * _density(y + step[:, None])
    at = np.linalg.solve(system, np.ones(len(u)))
    return float(at[0]), float(at[1])
