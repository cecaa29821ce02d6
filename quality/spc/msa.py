"""Measurement system analysis: crossed gauge R&R.

    EV   repeatability (equipment)    AV  reproducibility (appraiser), with the interaction where it is kept
    GRR  sqrt(EV² + AV²)              PV  part variation              TV  sqrt(GRR² + PV²)
    ndc  number of distinct categories, 1.41 PV / GRR without its decimals, at least 1

Sources: AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III section B; Montgomery,
Introduction to Statistical Quality Control, section 8.7. Type 1 study, bias and linearity: `bias.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from quality.spc import constants
from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray, as_floats, fraction, positive
from quality.spc.missing import Missing

SOURCES = ("repeatability", "operator", "interaction", "reproducibility", "grr", "part", "total")


@dataclass(frozen=True, slots=True)
class AnovaRow:
    """One line of an analysis of variance; f and p are None where there is no test."""

    source: str
    df: int
    ss: float
    ms: float
    f: float | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True)
class GaugeRR:
    """Result of a crossed study; what does not exist is None and stands in `missing` with its reason.

    Mappings are keyed by source, see SOURCES.
    variance: components, never negative.
    contribution: percent of the total variance.
    study: percent of the total standard deviation.
    tolerance: percent of the tolerance, `multiplier` standard deviations wide.
    anova tests part and operator against the interaction. Where the interaction is not kept it is pooled into
    the repeatability, and anova_pooled tests against that.
    """

    method: str
    parts: int
    operators: int
    repeats: int
    variance: Mapping[str, float | None]
    sd: Mapping[str, float | None]
    contribution: Mapping[str, float | None]
    study: Mapping[str, float | None]
    tolerance: Mapping[str, float | None]
    ndc: int | None
    multiplier: float
    interaction_kept: bool
    anova: tuple[AnovaRow, ...] = ()
    anova_pooled: tuple[AnovaRow, ...] = ()
    missing: Mapping[str, Missing] = field(default_factory=dict)


def crossed(part: Sequence[Any], operator: Sequence[Any], values: Any) -> FloatArray:
    """Arrange a list of measurements as (parts, operators, repeats), in the order of first appearance.

    Raises
        SpcInputError: lengths differ, a value is missing, or an operator did not measure every part equally
            often.
    """
    y = as_floats("values", values)
    parts, operators = list(part), list(operator)
    if not y.ndim == 1 or not len(parts) == len(operators) == len(y):
        raise SpcInputError("values", "part, operator and values must be lists of one length")
    cells: dict[tuple[Any, Any], list[float]] = {}
    for one_part, one_operator, value in zip(parts, operators, y.tolist(), strict=True):
        cells.setdefault((one_part, one_operator), []).append(value)
    rows, columns = list(dict.fromkeys(parts)), list(dict.fromkeys(operators))
    lengths = {len(cells.get((row, column), ())) for row in rows for column in columns}
    if len(lengths) != 1:
        raise SpcInputError("values", "every operator must measure every part the same number of times")
    return np.array([[cells[row, column] for column in columns] for row in rows])


def gauge_rr(
    values: Any,
    *,
    method: str = "anova",
    tolerance: float | None = None,
    multiplier: float = 6.0,
    alpha_interaction: float = 0.05,
) -> GaugeRR:
    """Crossed gauge R&R study.

    Parameters
        values: shape (parts, operators, repeats), at least two of each; see `crossed` for lists.
        method: "anova", or "range" (average and range method, without interaction).
        tolerance: USL - LSL, for percent of tolerance.
        multiplier: standard deviations of the study variation (6; older manuals 5.15).
        alpha_interaction: the interaction is pooled into the repeatability when its p value is above this.

    Returns
        GaugeRR. `missing` may hold "tolerance" (NOT_GIVEN), "study" (ZERO_VARIANCE: all values equal) and
        "ndc" (ZERO_VARIANCE: no measurement variation at all).

    Raises
        SpcInputError: values are not a complete table of that shape, an option is out of range.

    Notes
        Components from expected mean squares, negative ones set to zero. The range method takes d2* for the
        single ranges of operator and part means: d2*² = d2² + d3².
    """
    y = as_floats("values", values)
    if y.ndim == 3 and y.size:
        y = y - y.flat[0]  # equal values become exact zeros, and leading digits cost nothing
    if y.ndim != 3 or min(y.shape) < 2:
        raise SpcInputError(
            "values", "must have the shape (parts, operators, repeats) with at least two of each"
        )
    if np.isnan(y).any():
        raise SpcInputError("values", "a crossed study must be complete")
    if tolerance is not None:
        positive("tolerance", tolerance)
    positive("multiplier", multiplier)
    fraction("alpha_interaction", alpha_interaction)
    if method == "anova":
        study = _anova(y, alpha_interaction)
    elif method == "range":
        study = _Study(_by_ranges(y))
    else:
        raise SpcInputError("method", f"unknown method {method!r}; known: anova, range")
    return _report(y, method, study, tolerance, multiplier)


class _Study(NamedTuple):
    """Variance components, and the tables they come from."""

    components: dict[str, float | None]
    table: tuple[AnovaRow, ...] = ()
    pooled: tuple[AnovaRow, ...] = ()
    interaction_kept: bool = False


def _anova(y: FloatArray, alpha_interaction: float) -> _Study:
    p, o, r = y.shape
    centred = y - y.mean()
    of_parts, of_operators, cells = centred.mean(axis=(1, 2)), centred.mean(axis=(0, 2)), centred.mean(axis=2)
    ss = {
        "part": o * r * float(np.sum(of_parts**2)),
        "operator": p * r * float(np.sum(of_operators**2)),
        "interaction": r * float(np.sum((cells - of_parts[:, None] - of_operators) ** 2)),
        "repeatability": float(np.sum((centred - cells[:, :, None]) ** 2)),
    }
    df = {
        "part": p - 1,
        "operator": o - 1,
        "interaction": (p - 1) * (o - 1),
        "repeatability": p * o * (r - 1),
    }
    ms = {name: ss[name] / df[name] for name in ss}
    against = {"part": "interaction", "operator": "interaction", "interaction": "repeatability"}
    rows = [_anova_row(name, df, ss, ms, against.get(name)) for name in ss]
    total = AnovaRow("total", y.size - 1, float(np.sum(centred**2)), float(np.var(y, ddof=1)))
    interaction_p = rows[2].p
    # Without a trace of repeatability error there is no test, and any interaction is real.
    kept = ms["interaction"] > 0 if interaction_p is None else interaction_p <= alpha_interaction
    pooled: tuple[AnovaRow, ...] = ()
    if kept:
        error, between = ms["repeatability"], ms["interaction"]
        interaction: float | None = max(0.0, (between - error) / r)
    else:
        df["repeatability"] += df["interaction"]
        ss["repeatability"] += ss["interaction"]
        error = between = ms["repeatability"] = ss["repeatability"] / df["repeatability"]
        interaction = None
        tested = (("part", "repeatability"), ("operator", "repeatability"), ("repeatability", None))
        pooled = (*(_anova_row(name, df, ss, ms, other) for name, other in tested), total)
    operator = max(0.0, (ms["operator"] - between) / (p * r))
    components = {
        "repeatability": error,
        "operator": operator,
        "interaction": interaction,
        "reproducibility": operator + (interaction or 0.0),
        "part": max(0.0, (ms["part"] - between) / (o * r)),
    }
    return _Study(components, (*rows, total), pooled, kept)


def _anova_row(
    name: str, df: dict[str, int], ss: dict[str, float], ms: dict[str, float], against: str | None
) -> AnovaRow:
    if against is None or ms[against] <= 0:
        return AnovaRow(name, df[name], ss[name], ms[name])
    f = ms[name] / ms[against]
    return AnovaRow(name, df[name], ss[name], ms[name], f, float(special.fdtrc(df[name], df[against], f)))


def d2_star(n: int, ranges: int) -> float:
    """d2* of so many ranges of n: makes (mean range / d2*)² an unbiased variance.

    Source: Duncan (1986), table D3; AIAG MSA appendix C prints it. d2*² = d2² + d3² / ranges.
    """
    return float(np.hypot(constants.constant("d2", n), constants.constant("d3", n) / np.sqrt(ranges)))


def _by_ranges(y: FloatArray) -> dict[str, float | None]:
    """AIAG's average and range method: K1 = 1/d2 of the repeats, K2 and K3 = 1/d2* of a single range."""
    p, o, r = y.shape
    mean_range = float(np.mean(np.max(y, axis=2) - np.min(y, axis=2)))
    ev = mean_range / constants.constant("d2", r)
    of_operators, of_parts = y.mean(axis=(0, 2)), y.mean(axis=(1, 2))
    between = float(np.ptp(of_operators)) / d2_star(o, 1)
    operator = max(0.0, between**2 - ev**2 / (p * r))
    part = (float(np.ptp(of_parts)) / d2_star(p, 1)) ** 2
    return {
        "repeatability": ev**2,
        "operator": operator,
        "interaction": None,
        "reproducibility": operator,
        "part": part,
    }


def _report(
    y: FloatArray,
    method: str,
    study: _Study,
    tolerance: float | None,
    multiplier: float,
) -> GaugeRR:
    components = study.components
    grr = (components["repeatability"] or 0.0) + (components["reproducibility"] or 0.0)
    total = grr + (components["part"] or 0.0)
    variance = {**components, "grr": grr, "total": total}
    variance = {name: variance[name] for name in SOURCES}
    sd = {name: None if value is None else float(np.sqrt(value)) for name, value in variance.items()}
    missing: dict[str, Missing] = {}
    nothing: dict[str, float | None] = dict.fromkeys(SOURCES)
    contribution, of_study, of_tolerance = dict(nothing), dict(nothing), dict(nothing)
    if total > 0:
        contribution = {n: None if v is None else 100.0 * v / total for n, v in variance.items()}
        of_study = {n: None if v is None else 100.0 * v / float(np.sqrt(total)) for n, v in sd.items()}
    else:
        missing |= {"contribution": Missing.ZERO_VARIANCE, "study": Missing.ZERO_VARIANCE}
    if tolerance is not None:
        of_tolerance = {n: None if v is None else 100.0 * multiplier * v / tolerance for n, v in sd.items()}
    else:
        missing["tolerance"] = Missing.NOT_GIVEN
    ndc = None
    if grr > 0:
        ndc = max(1, int(1.41 * np.sqrt((components["part"] or 0.0) / grr)))
    else:
        missing["ndc"] = Missing.ZERO_VARIANCE
    p, o, r = y.shape
    return GaugeRR(
        method=method,
        parts=p,
        operators=o,
        repeats=r,
        variance=variance,
        sd=sd,
        contribution=contribution,
        study=of_study,
        tolerance=of_tolerance,
        ndc=ndc,
        multiplier=multiplier,
        interaction_kept=study.interaction_kept,
        anova=study.table,
        anova_pooled=study.pooled,
        missing=missing,
    )
