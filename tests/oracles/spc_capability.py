"""Capability in plain Python, with intervals from scipy's distributions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from scipy import integrate, optimize, special, stats


def overall(values: Sequence[float], lsl: float | None, usl: float | None) -> dict[str, float | None]:
    """Pp, Ppl, Ppu, Ppk by their definitions."""
    return indices(statistics.fmean(values), statistics.stdev(values), lsl, usl)


def indices(mean: float, sigma: float, lsl: float | None, usl: float | None) -> dict[str, float | None]:
    """The four indices for a given mean and sigma."""
    lower = None if lsl is None else (mean - lsl) / (3 * sigma)
    upper = None if usl is None else (usl - mean) / (3 * sigma)
    both = None if lsl is None or usl is None else (usl - lsl) / (6 * sigma)
    nearer = min(side for side in (lower, upper) if side is not None)
    return {"p": both, "pl": lower, "pu": upper, "pk": nearer}


def cpm(values: Sequence[float], lsl: float, usl: float, target: float) -> float:
    """Around the target, wherever it is between the limits."""
    tau = math.sqrt(statistics.variance(values) + (statistics.fmean(values) - target) ** 2)
    return min(usl - target, target - lsl) / (3 * tau)


def ratio_interval(index: float, df: float, confidence: float) -> tuple[float, float]:
    """Cp, Pp."""
    tail = (1 - confidence) / 2
    return (
        index * math.sqrt(stats.chi2.ppf(tail, df) / df),
        index * math.sqrt(stats.chi2.ppf(1 - tail, df) / df),
    )


def bissell_interval(index: float, n: int, df: float, confidence: float) -> tuple[float, float]:
    """Cpk, Ppk of two limits."""
    z = stats.norm.ppf(1 - (1 - confidence) / 2)
    reach = z * math.sqrt(1 / (9 * n) + index**2 / (2 * df))
    return index - reach, index + reach


def noncentral_t_cdf(t: float, df: float, noncentrality: float) -> float:
    """P(T <= t) by the definition: a normal value over the root of a chi-square one, integrated."""
    spread = math.sqrt(2 * df)
    u = np.linspace(max(0.0, df - 14 * spread), df + 24 * spread, 20_001)
    inside = special.ndtr(t * np.sqrt(u / df) - noncentrality)
    return float(integrate.simpson(inside * stats.chi2.pdf(u, df), x=u))


def one_sided_interval(index: float, n: int, df: float, confidence: float) -> tuple[float, float]:
    """Cpl, Cpu, Ppl, Ppu: search the true index under which the estimate is that far out."""
    tail = (1 - confidence) / 2
    scale = 3 * math.sqrt(n)

    def excess(true: float, probability: float) -> float:
        return noncentral_t_cdf(index * scale, df, true * scale) - probability

    reach = 1 + abs(index)
    return (
        optimize.brentq(excess, index - reach, index + reach, args=(1 - tail,), xtol=1e-12),
        optimize.brentq(excess, index - reach, index + reach, args=(tail,), xtol=1e-12),
    )


def z_bench(mean: float, sigma: float, lsl: float, usl: float) -> float:
    """The z of the total fraction outside of two limits."""
    fraction = stats.norm.cdf(lsl, mean, sigma) + stats.norm.sf(usl, mean, sigma)
    return float(stats.norm.isf(fraction))
