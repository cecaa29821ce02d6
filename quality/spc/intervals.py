"""Confidence intervals of means, deviations and capability indices.

Sources: chi-square for deviations, Cp and Pp; Bissell (1990) for Cpk and Ppk of two limits; the noncentral t
distribution, exact, for one-sided indices; Boyles (1991) for Cpm. Degrees of freedom belong to the estimator
of sigma (`estimators.py`): N - 1 only for the overall one. Both ends of a two-sided interval take half of the
error probability.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from quality.spc.inputs import FloatArray

Ends = tuple[FloatArray, FloatArray]


def _tails(confidence: float) -> tuple[float, float]:
    return (1.0 - confidence) / 2.0, 1.0 - (1.0 - confidence) / 2.0


def of_mean(mean: FloatArray, sd: FloatArray, n: FloatArray, confidence: float) -> Ends:
    """Student's interval."""
    reach = special.stdtrit(n - 1.0, _tails(confidence)[1]) * sd / np.sqrt(n)
    return mean - reach, mean + reach


def of_sigma(sigma: FloatArray, df: FloatArray, confidence: float) -> Ends:
    """Chi-square interval of a standard deviation with `df` degrees of freedom."""
    low, high = _tails(confidence)
    return sigma * np.sqrt(df / special.chdtri(df, low)), sigma * np.sqrt(df / special.chdtri(df, high))


def of_ratio(index: FloatArray, df: FloatArray, confidence: float) -> Ends:
    """Cp and Pp: tolerance over sigma, chi-square."""
    low, high = _tails(confidence)
    return index * np.sqrt(special.chdtri(df, high) / df), index * np.sqrt(special.chdtri(df, low) / df)


def of_nearer_limit(index: FloatArray, n: FloatArray, df: FloatArray, confidence: float) -> Ends:
    """Cpk and Ppk of two limits, Bissell's normal approximation."""
    reach = special.ndtri(_tails(confidence)[1]) * np.sqrt(1.0 / (9.0 * n) + index * index / (2.0 * df))
    return index - reach, index + reach


def of_one_side(index: FloatArray, n: FloatArray, df: FloatArray, confidence: float) -> Ends:
    """Cpl, Cpu, Ppl, Ppu: 3 sqrt(n) times the index has a noncentral t distribution around its truth."""
    low, high = _tails(confidence)
    scale = 3.0 * np.sqrt(n)
    statistic = index * scale
    return _noncentrality(df, high, statistic) / scale, _noncentrality(df, low, statistic) / scale


def _noncentrality(df: FloatArray, probability: float, statistic: FloatArray) -> FloatArray:
    """Solve P(T <= statistic) = probability for the noncentrality; two steps sharpen the library's root.

    Beyond _FAR (a limit typed in the wrong unit) the library takes seconds, then for ever. There the normal
    part of T is all but lost beside the noncentrality: the root nears that of the chi-square part alone, with
    a distance that falls with the statistic and is known at the edge.
    """
    upper_tail = np.where(statistic > 0, probability, 1.0 - probability)
    slope = np.sqrt(special.chdtri(df, upper_tail) / df)
    edge = np.clip(statistic, -_FAR, _FAR)
    near = _near_noncentrality(df, probability, edge)
    far = slope * statistic + (near - slope * edge) * _FAR / np.maximum(np.abs(statistic), _FAR)
    return np.where(np.abs(statistic) > _FAR, far, near)


_FAR = 300.0


def _near_noncentrality(df: FloatArray, probability: float, statistic: FloatArray) -> FloatArray:
    root = special.nctdtrinc(df, probability, statistic)
    step = 1e-4 * np.maximum(1.0, np.abs(root))
    for _ in range(2):
        error = special.nctdtr(df, root, statistic) - probability
        slope = (special.nctdtr(df, root + step, statistic) - special.nctdtr(df, root - step, statistic)) / (
            2 * step
        )
        better = root - error / slope
        root = np.where((slope < 0) & np.isfinite(better), better, root)
    return np.asarray(root, dtype=np.float64)


def of_target_index(index: FloatArray, offset: FloatArray, n: FloatArray, confidence: float) -> Ends:
    """Cpm; `offset` is (mean - target) / sd."""
    square = offset * offset
    df = n * (1.0 + square) ** 2 / (1.0 + 2.0 * square)
    return of_ratio(index, df, confidence)
