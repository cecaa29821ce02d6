"""EWMA and CUSUM point by point, and run lengths by a Markov chain: slow and from the definitions."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats


def ewma(xs: list[float | None], target: float, weight: float) -> list[float | None]:
    """Explicit weights, not the recursion: sum of weight (1 - weight)^j x_(t-j) over the points so far."""
    seen: list[float] = []
    result: list[float | None] = []
    for x in xs:
        if x is None:
            result.append(None)
            continue
        seen.append(x)
        t = len(seen)
        total = (1 - weight) ** t * target
        total += math.fsum(weight * (1 - weight) ** (t - 1 - i) * value for i, value in enumerate(seen))
        result.append(total)
    return result


def ewma_deviation(sizes: list[int], sigma: float, weight: float) -> float:
    """Standard deviation after points of these sizes."""
    t = len(sizes)
    return sigma * math.sqrt(
        math.fsum((weight * (1 - weight) ** (t - 1 - i)) ** 2 / n for i, n in enumerate(sizes))
    )


def upper_cusum(xs: list[float], target: float, k: float) -> list[float]:
    """By the identity C_t = S_t - min(S_0 … S_t) with S_t the running sum of x - target - k."""
    sums = [0.0]
    for x in xs:
        sums.append(sums[-1] + x - target - k)
    return [sums[t] - min(sums[: t + 1]) for t in range(1, len(sums))]


def upper_cusum_arl_by_markov_chain(shift: float, k: float, h: float, states: int) -> float:
    """Brook and Evans (Biometrika 59, 1972): the sum between 0 and h as `states` states."""
    width = 2 * h / (2 * states - 1)
    i, j = np.arange(states)[:, None], np.arange(states)[None, :]
    edge = (j - i) * width + k - shift
    moves = stats.norm.cdf(edge + width / 2) - np.where(j == 0, 0.0, stats.norm.cdf(edge - width / 2))
    return float(np.linalg.solve(np.eye(states) - moves, np.ones(states))[0])
