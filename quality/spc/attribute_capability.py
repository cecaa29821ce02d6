"""Capability of counts: binomial (nonconforming items) and Poisson (nonconformities per unit).

    p     fraction nonconforming
    dpu   nonconformities per unit        dpmo  per million opportunities
    Z     normal quantile of the good fraction: the Z.bench of counts, long term, without any 1.5 sigma shift

Intervals are exact: Clopper-Pearson for the binomial, chi-square for the Poisson. Whether there is one
process at all is a question for the chart; `homogeneity_p` only says whether the rates differ by more than
chance.

Sources: Montgomery, Introduction to Statistical Quality Control, chapters 4 and 8; Garwood, Biometrika 28
(1936).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from quality.spc.attribute_lines import check
from quality.spc.capability import Interval
from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray, as_floats, fraction, positive
from quality.spc.missing import Missing


@dataclass(frozen=True, slots=True)
class BinomialCapability:
    """Capability of nonconforming items; what does not exist is None and stands in `missing` with its reason.

    `intervals` holds the confidence intervals of p, ppm and z that exist by name. Where nothing bad was
    found z is missing, but the interval of p still has an upper end, and `z_low` is the Z that is exceeded
    with that confidence.
    """

    nonconforming: int
    items: int
    samples: int
    p: float | None
    ppm: float | None
    z: float | None
    z_low: float | None
    homogeneity_p: float | None
    confidence: float
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoissonCapability:
    """Capability of nonconformities. yield_: share of units without any, e^(-dpu). dpmo needs the
    opportunities.
    """

    nonconformities: int
    units: float
    samples: int
    dpu: float | None
    dpmo: float | None
    yield_: float | None
    z: float | None
    homogeneity_p: float | None
    confidence: float
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)


def binomial_capability(counts: Any, sizes: Any, *, confidence: float = 0.95) -> BinomialCapability:
    """Capability of nonconforming items in samples.

    Parameters
        counts: nonconforming items per sample, shape (k,) or one number; None or NaN leaves the sample out.
        sizes: items per sample, one number or shape (k,).
        confidence: of the two-sided intervals.

    Returns
        BinomialCapability; NO_VALUES, NONE_NONCONFORMING, ALL_NONCONFORMING and ONE_VALUE (homogeneity of
        one sample) are the reasons for what is missing.

    Raises
        SpcInputError: counts or sizes are not such numbers.
    """
    data, n = _samples(counts, "sizes", sizes, "p", confidence)
    found, items, samples = int(data.sum()), int(n.sum()), len(data)
    if samples == 0:
        names = ("p", "ppm", "z", "z_low", "homogeneity_p")
        return BinomialCapability(
            0, 0, 0, None, None, None, None, None, confidence, missing=dict.fromkeys(names, Missing.NO_VALUES)
        )
    tail = (1.0 - confidence) / 2.0
    p = found / items
    low = float(special.betaincinv(found, items - found + 1, tail)) if found else 0.0
    high = float(special.betainccinv(found + 1, items - found, tail)) if found < items else 1.0
    intervals = {"p": Interval(low, high), "ppm": Interval(1e6 * low, 1e6 * high)}
    missing: dict[str, Missing] = {}
    z = _z(p, "z", missing)
    if z is not None:
        intervals["z"] = Interval(-float(special.ndtri(high)), -float(special.ndtri(low)))
    z_low = None
    if found < items:
        z_low = -float(special.ndtri(high))
    else:
        missing["z_low"] = Missing.ALL_NONCONFORMING
    homogeneity = _homogeneity(data, n * p, n * p * (1.0 - p), missing)
    return BinomialCapability(
        found, items, samples, p, 1e6 * p, z, z_low, homogeneity, confidence, intervals, missing
    )


def poisson_capability(
    counts: Any, units: Any = 1.0, *, opportunities: float | None = None, confidence: float = 0.95
) -> PoissonCapability:
    """Capability of nonconformities in samples.

    Parameters
        counts: nonconformities per sample, shape (k,) or one number; None or NaN leaves the sample out.
        units: units per sample, one number or shape (k,); fractions are allowed.
        opportunities: opportunities for a nonconformity per unit, for dpmo.
        confidence: of the two-sided intervals.

    Returns
        PoissonCapability.

    Raises
        SpcInputError: counts, units or opportunities are not such numbers.
    """
    data, n = _samples(counts, "units", units, "u", confidence)
    if opportunities is not None:
        positive("opportunities", opportunities)
    found, total, samples = int(data.sum()), float(n.sum()), len(data)
    missing: dict[str, Missing] = {} if opportunities is not None else {"dpmo": Missing.NOT_GIVEN}
    if samples == 0:
        names = ("dpu", "dpmo", "yield_", "z", "homogeneity_p")
        return PoissonCapability(
            0,
            0.0,
            0,
            None,
            None,
            None,
            None,
            None,
            confidence,
            missing=dict.fromkeys(names, Missing.NO_VALUES) | missing,
        )
    tail = (1.0 - confidence) / 2.0
    dpu = found / total
    low = float(special.gammaincinv(found, tail)) / total if found else 0.0
    high = float(special.gammainccinv(found + 1, tail)) / total
    intervals = {"dpu": Interval(low, high), "yield_": Interval(float(np.exp(-high)), float(np.exp(-low)))}
    dpmo = None
    if opportunities is not None:
        dpmo = 1e6 * dpu / opportunities
        intervals["dpmo"] = Interval(1e6 * low / opportunities, 1e6 * high / opportunities)
    z = _z(float(-np.expm1(-dpu)), "z", missing)
    homogeneity = _homogeneity(data, n * dpu, n * dpu, missing)
    return PoissonCapability(
        found,
        total,
        samples,
        dpu,
        dpmo,
        float(np.exp(-dpu)),
        z,
        homogeneity,
        confidence,
        intervals,
        missing,
    )


def _samples(
    counts: Any, name: str, sizes: Any, chart: str, confidence: float
) -> tuple[FloatArray, FloatArray]:
    fraction("confidence", confidence)
    data, n = np.atleast_1d(as_floats("counts", counts)), as_floats(name, sizes)
    if data.ndim != 1:
        raise SpcInputError("counts", "must be one count per sample")
    if n.ndim > 1 or (n.ndim == 1 and n.shape != data.shape):
        raise SpcInputError(name, f"{n.size} sizes for {data.size} counts")
    try:
        checked = check(data, np.broadcast_to(n, data.shape), chart)
    except SpcInputError as error:
        raise SpcInputError(name if error.argument == "sizes" else "counts", error.message) from None
    present = ~np.isnan(checked.found)
    return checked.found[present], checked.n[present]


def _z(bad: float, name: str, missing: dict[str, Missing]) -> float | None:
    if bad == 0.0:
        missing[name] = Missing.NONE_NONCONFORMING
        return None
    if bad == 1.0:
        missing[name] = Missing.ALL_NONCONFORMING
        return None
    return -float(special.ndtri(bad))


def _homogeneity(
    found: FloatArray, expected: FloatArray, variance: FloatArray, missing: dict[str, Missing]
) -> float | None:
    """Chi-square test that all samples have one rate."""
    if len(found) < 2:
        missing["homogeneity_p"] = Missing.ONE_VALUE
        return None
    if not np.all(variance > 0):
        missing["homogeneity_p"] = Missing.ZERO_VARIANCE
        return None
    statistic = float(np.sum((found - expected) ** 2 / variance))
    return float(special.chdtrc(len(found) - 1, statistic))
