"""Capability indices from mean, standard deviation and limits, for all characteristics at once.

Every function takes and returns arrays (m,), NaN for what does not exist. `Side` limits are NaN for a limit
that is not given or that is a physical bound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from quality.spc.inputs import FloatArray


class Indices(NamedTuple):
    """Tolerance over 6 sigma; distance of the mean to each limit over 3 sigma; the smaller of these."""

    p: FloatArray
    pl: FloatArray
    pu: FloatArray
    pk: FloatArray


def capability_indices(mean: FloatArray, sigma: FloatArray, lsl: FloatArray, usl: FloatArray) -> Indices:
    """Cp, Cpl, Cpu, Cpk (sigma within) or Pp, Ppl, Ppu, Ppk (sigma overall). ISO 22514-2, AIAG SPC.

    With one limit Cp does not exist and Cpk is the one-sided index.
    """
    spread = np.where(sigma > 0, sigma, np.nan)
    lower, upper = (mean - lsl) / (3.0 * spread), (usl - mean) / (3.0 * spread)
    tolerance = usl - lsl
    ratio = np.where(tolerance > 0, tolerance, np.nan) / (6.0 * spread)
    # LSL equal to USL leaves no tolerance to be capable of: no index at all.
    lower, upper = (np.where(tolerance == 0, np.nan, side) for side in (lower, upper))
    return Indices(ratio, lower, upper, np.fmin(lower, upper))


def cpm(mean: FloatArray, sd: FloatArray, lsl: FloatArray, usl: FloatArray, target: FloatArray) -> FloatArray:
    """min(USL - T, T - LSL) / (3 tau), tau^2 = s^2 + (mean - T)^2; T may be off centre."""
    tau = np.sqrt(sd * sd + (mean - target) ** 2)
    reach = np.fmin(usl - target, target - lsl)
    return np.where(reach >= 0, reach, np.nan) / (3.0 * np.where(tau > 0, tau, np.nan))


def ca(mean: FloatArray, lsl: FloatArray, usl: FloatArray) -> FloatArray:
    """准确度: (mean - centre of the limits) over half the tolerance, signed, 1 at a limit."""
    half = (usl - lsl) / 2.0
    return (mean - (lsl + usl) / 2.0) / np.where(half > 0, half, np.nan)


class Expected(NamedTuple):
    """Expected parts per million outside of the limits under a normal distribution."""

    below: FloatArray
    above: FloatArray
    total: FloatArray


def expected_ppm(indices: Indices) -> Expected:
    """From the one-sided indices."""
    below, above = 1e6 * special.ndtr(-3.0 * indices.pl), 1e6 * special.ndtr(-3.0 * indices.pu)
    both = np.where(np.isnan(below), above, np.where(np.isnan(above), below, below + above))
    return Expected(below, above, both)


def z_bench(indices: Indices) -> FloatArray:
    """The z beyond which a normal distribution has the whole expected fraction outside of both limits.

    In logarithms: at Cpk 3 and beyond the fraction itself is lost in rounding. When the mean is outside of a
    limit the fraction inside is the small number, so the way goes over that.
    """
    z_low, z_high = 3.0 * indices.pl, 3.0 * indices.pu
    near, far = np.fmin(z_low, z_high), np.fmax(z_low, z_high)
    outside = -special.ndtri_exp(np.logaddexp(special.log_ndtr(-near), special.log_ndtr(-far)))
    gap = special.log_ndtr(-far) - special.log_ndtr(near)
    inside = special.ndtri_exp(special.log_ndtr(near) + special.xlogy(1.0, -special.expm1(gap)))
    both = np.where(near >= 0, outside, inside)
    one_sided = np.isnan(z_low) | np.isnan(z_high)
    return np.where(one_sided, near, np.where(np.isfinite(both), both, np.nan))
