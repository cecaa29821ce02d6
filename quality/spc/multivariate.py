"""Hotelling's T²: several correlated characteristics of the same piece on one chart.

    p   characteristics         m   subgroups (or single pieces) of the baseline     n   pieces per subgroup
    S   covariance matrix: pooled within subgroups, or that of all single pieces of the baseline

Phase 1 judges the points that made the limits, phase 2 later points: their distributions differ, and a
phase 1 limit on new points calls too many of them out of control (or too few).

Sources: Tracy, Young and Mason, Journal of Quality Technology 24 (1992); Montgomery, Introduction to
Statistical Quality Control, section 11.3; Alt (1985) for subgroups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray, as_floats, fraction
from quality.spc.missing import Missing, optional
from quality.spc.selection import Mask, choices


@dataclass(frozen=True, slots=True)
class T2Chart:
    """T² of every point with its limit; NaN where a point is missing. There is no lower limit.

    phase: 1 for points of the baseline, 2 for the others.
    ucl: per point, the limit of its phase.
    beyond: indices of points above their limit.
    contributions: (k, p), which characteristic a T² comes from: the part that vanishes without it (the last
        term of Mason, Tracy and Young).
    """

    points: FloatArray
    ucl: FloatArray
    phase: NDArray[np.int64]
    beyond: tuple[int, ...]
    contributions: FloatArray
    mean: FloatArray
    covariance: FloatArray
    ucl_phase1: float | None
    ucl_phase2: float | None
    subgroup_size: int
    points_used: int
    alpha: float
    excluded: Mapping[int, str] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)


def hotelling_t2(
    values: Any,
    *,
    alpha: float = 0.0027,
    baseline: Any = None,
    excluded: Mapping[int, str] | None = None,
) -> T2Chart:
    """T² chart of p characteristics.

    Parameters
        values: single pieces, shape (k, p), or subgroups of equal size, shape (k, n, p); the unit of each
            characteristic. A piece with a missing value is missing; so is a subgroup with one.
        alpha: probability that a point of a stable process is beyond its limit; 0.0027 as on a Shewhart
            chart.
        baseline, excluded: as in `selection.py` for one characteristic; index by point.

    Returns
        T2Chart. `missing` may hold "limits": NO_VALUES, NO_BASELINE, TOO_FEW_VALUES (fewer points than the
        covariance or the limit needs) or SINGULAR (a characteristic is constant or follows from the
        others).

    Raises
        SpcInputError: values have another number of axes, or an option is impossible.

    Notes
        Phase 1: subgroups p (m - 1)(n - 1) / (m n - m - p + 1) F(p, m n - m - p + 1); single pieces
        (m - 1)² / m Beta(p / 2, (m - p - 1) / 2).
        Phase 2: subgroups p (m + 1)(n - 1) / (m n - m - p + 1) F; single pieces p (m + 1)(m - 1) / (m (m -
            p)) F(p, m - p).

    Source
        See the head of the module.
    """
    data = as_floats("values", values)
    if data.ndim not in (2, 3) or data.shape[-1] < 1:
        raise SpcInputError(
            "values", "must have the shape (points, characteristics) or (points, pieces, characteristics)"
        )
    fraction("alpha", alpha)
    groups = data[:, None, :] if data.ndim == 2 else data
    k, n, p = groups.shape
    if n < 1:
        raise SpcInputError("values", "a subgroup needs at least one piece")
    present = ~np.isnan(groups).any(axis=(1, 2))
    chosen = choices(1, is_one=True, stages=None, baseline=baseline, excluded=excluded)
    selection = chosen.select(np.zeros(1, dtype=np.intp), k)
    everything: Mask = np.ones(k, dtype=np.bool_)
    in_baseline = everything if selection.baseline is None else selection.baseline[:, 0]
    is_excluded = ~everything if selection.excluded is None else selection.excluded[:, 0]
    used = in_baseline & ~is_excluded & present
    means = np.where(np.asarray(present)[:, None], groups.mean(axis=1), np.nan)
    m = int(used.sum())
    missing: dict[str, Missing] = {}
    centre, spread = np.full(p, np.nan), np.full((p, p), np.nan)
    if not present.any():
        missing["limits"] = Missing.NO_VALUES
    elif m == 0:
        missing["limits"] = Missing.NO_BASELINE
    else:
        centre = means[used].mean(axis=0)
        spread = _covariance(groups[used])
    limits = _limits(m, n, p, alpha)
    inverse = None if missing else _inverse(spread)
    if not missing and inverse is None:
        too_few = (m * (n - 1) if n > 1 else m - 1) < p
        missing["limits"] = Missing.TOO_FEW_VALUES if too_few else Missing.SINGULAR
    points, parts = np.full(k, np.nan), np.full((k, p), np.nan)
    if inverse is not None:
        deviations = means[present] - centre
        points[present] = n * np.einsum("ij,jk,ik->i", deviations, inverse, deviations)
        # T² without characteristic j is T² minus (inverse d)_j² / inverse_jj.
        parts[present] = n * (deviations @ inverse) ** 2 / np.diag(inverse)
        if np.isnan(limits).all():
            missing["limits"] = Missing.TOO_FEW_VALUES
    phase = np.where(in_baseline, 1, 2)
    ucl = np.where(in_baseline, *limits) if inverse is not None else np.full(k, np.nan)
    tested = present & ~is_excluded
    with np.errstate(invalid="ignore"):
        beyond = np.flatnonzero(tested & (points > ucl * (1 + 1e-12)))
    return T2Chart(
        points=points,
        ucl=ucl,
        phase=phase,
        beyond=tuple(int(point) for point in beyond),
        contributions=parts,
        mean=centre,
        covariance=spread,
        ucl_phase1=optional(limits[0]) if inverse is not None else None,
        ucl_phase2=optional(limits[1]) if inverse is not None else None,
        subgroup_size=n,
        points_used=m,
        alpha=alpha,
        excluded=dict(sorted((excluded or {}).items())),
        missing=missing,
    )


def t2_limits(
    points: int, subgroup_size: int, characteristics: int, *, alpha: float = 0.0027
) -> tuple[float | None, float | None]:
    """Upper limits of phase 1 and phase 2 for a baseline of so many points; None where there are too few.

    Raises
        SpcInputError: a number is below 1 or `alpha` is not a probability.
    """
    for name, number in (
        ("points", points),
        ("subgroup_size", subgroup_size),
        ("characteristics", characteristics),
    ):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise SpcInputError(name, f"must be a whole number of at least 1, not {number!r}")
    first, second = _limits(points, subgroup_size, characteristics, fraction("alpha", alpha))
    return optional(first), optional(second)


def _covariance(groups: FloatArray) -> FloatArray:
    m, n, p = groups.shape
    if n > 1:
        within = groups - groups.mean(axis=1, keepdims=True)
        return np.asarray(np.einsum("kni,knj->ij", within, within) / (m * (n - 1)))
    if m < 2:
        return np.full((p, p), np.nan)
    deviations = groups[:, 0, :] - groups[:, 0, :].mean(axis=0)
    return np.asarray(deviations.T @ deviations / (m - 1))


def _inverse(spread: FloatArray) -> FloatArray | None:
    """The inverse by that of the correlations (units do not matter), or None where there is none."""
    deviation = np.sqrt(np.diag(spread))
    if not np.all(deviation > 0):
        return None
    correlation = spread / np.outer(deviation, deviation)
    if np.linalg.cond(correlation) > 1e12:
        return None
    return np.asarray(np.linalg.inv(correlation) / np.outer(deviation, deviation))


def _limits(m: int, n: int, p: int, alpha: float) -> tuple[float, float]:
    if n > 1:
        df = m * n - m - p + 1
        if df < 1 or m < 1:
            return np.nan, np.nan
        quantile = p * (n - 1) / df * float(special.fdtri(p, df, 1.0 - alpha))
        return (m - 1) * quantile if m > 1 else np.nan, (m + 1) * quantile
    if m <= p + 1:
        return np.nan, np.nan
    first = (m - 1) ** 2 / m * float(special.betainccinv(p / 2.0, (m - p - 1) / 2.0, alpha))
    second = p * (m + 1) * (m - 1) / (m * (m - p)) * float(special.fdtri(p, m - p, 1.0 - alpha))
    return first, second
