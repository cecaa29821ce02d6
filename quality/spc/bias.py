"""A gauge against known values: type 1 study on one reference part, bias and linearity over the range.

Sources: AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III section B (bias and linearity);
VDA 5 and the formula notes published for Minitab for Cg and Cgk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from quality.spc.capability import Interval
from quality.spc.errors import SpcInputError
from quality.spc.inputs import as_floats, fraction, positive
from quality.spc.missing import Missing, optional


@dataclass(frozen=True, slots=True)
class GaugeType1:
    """One part of known value measured again and again; None with a reason in `missing` where nothing exists.

    t, p: is the bias different from zero? interval: of the bias.
    cg, cgk: `share` percent of the tolerance over `multiplier` standard deviations, without and with the
        bias; 1.33 or more is usual.
    resolution_percent: of the tolerance; 5 or less is usual.
    """

    n: int
    reference: float
    mean: float | None
    bias: float | None
    sd: float | None
    t: float | None
    p: float | None
    interval: Interval | None
    cg: float | None
    cgk: float | None
    resolution_percent: float | None
    share: float
    multiplier: float
    missing: Mapping[str, Missing] = field(default_factory=dict)


def gauge_type1(
    values: Any,
    reference: float,
    *,
    tolerance: float | None = None,
    resolution: float | None = None,
    share: float = 20.0,
    multiplier: float = 6.0,
    confidence: float = 0.95,
) -> GaugeType1:
    """Type 1 gauge study: bias and repeatability on one reference part.

    Parameters
        values: repeated measurements, shape (n,); missing ones are left out.
        reference: true value of the part.
        tolerance: USL - LSL of the characteristic, for Cg and Cgk.
        resolution: smallest step of the instrument.
        share: percent of the tolerance that the instrument may take (20 in most rules).
        multiplier: standard deviations in Cg (6; some rules 4).
        confidence: of the interval of the bias.

    Returns
        GaugeType1.

    Raises
        SpcInputError: values are not numbers, an option is out of range.

    Notes
        Cg = share/100 tolerance / (multiplier s); Cgk = (share/200 tolerance - |bias|) / (multiplier/2 s).
    """
    x = as_floats("values", values)
    if x.ndim != 1:
        raise SpcInputError("values", "must be one list of measurements")
    known = as_floats("reference", reference)
    if known.ndim or np.isnan(known):
        raise SpcInputError("reference", "must be the one known value of the part")
    true = float(known)
    for name, option in (("tolerance", tolerance), ("resolution", resolution)):
        if option is not None:
            positive(name, option)
    positive("share", share)
    positive("multiplier", multiplier)
    fraction("confidence", confidence)
    x = x[~np.isnan(x)]
    n = len(x)
    mean, sd = np.nan, np.nan
    if n:
        mean = float(np.mean(x))
    if n > 1:
        sd = 0.0 if np.ptp(x) == 0 else float(np.std(x, ddof=1))
    bias = mean - true
    no_spread = Missing.NO_VALUES if n == 0 else Missing.ONE_VALUE if n == 1 else Missing.ZERO_VARIANCE
    found: dict[str, float | None] = {"mean": optional(mean), "bias": optional(bias), "sd": optional(sd)}
    missing = {name: no_spread for name, value in found.items() if value is None}
    found |= dict.fromkeys(("t", "p", "cg", "cgk", "resolution_percent"))
    interval = None
    if sd > 0:
        error = sd / np.sqrt(n)
        t = bias / error
        reach = -float(special.stdtrit(n - 1, (1.0 - confidence) / 2.0)) * error
        found |= {"t": float(t), "p": float(2.0 * special.stdtr(n - 1, -abs(t)))}
        interval = Interval(float(bias - reach), float(bias + reach))
    else:
        missing |= dict.fromkeys(("t", "p", "interval"), no_spread)
    if tolerance is None:
        missing |= dict.fromkeys(("cg", "cgk"), Missing.NOT_GIVEN)
    elif sd > 0:
        room = share / 100.0 * tolerance
        found |= {"cg": room / (multiplier * sd), "cgk": (room / 2.0 - abs(bias)) / (multiplier / 2.0 * sd)}
    else:
        missing |= dict.fromkeys(("cg", "cgk"), no_spread)
    if tolerance is not None and resolution is not None:
        found["resolution_percent"] = 100.0 * resolution / tolerance
    else:
        missing["resolution_percent"] = Missing.NOT_GIVEN
    return GaugeType1(
        n=n,
        reference=true,
        interval=interval,
        share=share,
        multiplier=multiplier,
        missing=missing,
        **found,
    )


@dataclass(frozen=True, slots=True)
class PartBias:
    """Bias at one reference value; t and p test it against zero with the deviation of this part's repeats."""

    reference: float
    n: int
    mean: float
    bias: float
    sd: float | None
    t: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class Linearity:
    """bias = intercept + slope * reference, fitted to all single measurements; None with a reason in
    `missing`.

    s: residual standard deviation. linearity: |slope| times the process variation, linearity_percent 100
        |slope|.
    """

    parts: tuple[PartBias, ...]
    mean_bias: float | None
    slope: float | None
    intercept: float | None
    s: float | None
    r_squared: float | None
    slope_t: float | None
    slope_p: float | None
    intercept_t: float | None
    intercept_p: float | None
    linearity: float | None
    linearity_percent: float | None
    missing: Mapping[str, Missing] = field(default_factory=dict)


_LINE = ("slope", "intercept", "s", "r_squared", "linearity_percent")
_TESTS = ("slope_t", "slope_p", "intercept_t", "intercept_p")


def gauge_linearity(references: Any, values: Any, *, process_variation: float | None = None) -> Linearity:
    """Bias and linearity study.

    Parameters
        references: true values of the parts, shape (g,).
        values: repeated measurements of each part, shape (g, n) or a list of g lists; missing ones are left
            out.
        process_variation: usually 6 standard deviations of the process, for `linearity` in the unit of the
            data.

    Returns
        Linearity; the line is missing with NO_VALUES, ONE_VALUE (one reference only) or TOO_FEW_VALUES, its
        tests with ZERO_VARIANCE where the points lie exactly on the line.

    Raises
        SpcInputError: references and values do not fit each other or are not numbers.
    """
    x = as_floats("references", references)
    if x.ndim != 1 or np.isnan(x).any():
        raise SpcInputError("references", "must be one known value per part")
    try:
        rows = [as_floats("values", row) for row in values]
    except TypeError:
        raise SpcInputError("values", "must be one list of measurements per part") from None
    if len(rows) != len(x) or any(row.ndim != 1 for row in rows):
        raise SpcInputError("values", f"must be one list of measurements for each of the {len(x)} parts")
    if process_variation is not None:
        positive("process_variation", process_variation)
    rows = [row[~np.isnan(row)] for row in rows]
    parts = tuple(_part(float(true), row) for true, row in zip(x, rows, strict=True) if len(row))
    missing: dict[str, Missing] = {}
    found: dict[str, float | None] = dict.fromkeys(("mean_bias", *_LINE, *_TESTS, "linearity"))
    at = np.concatenate([np.full(len(row), true) for true, row in zip(x, rows, strict=True)] or [np.empty(0)])
    bias = np.concatenate([row - true for true, row in zip(x, rows, strict=True)] or [np.empty(0)])
    if len(bias) == 0:
        missing = dict.fromkeys(found, Missing.NO_VALUES)
        return Linearity(parts=parts, missing=missing, **found)
    found["mean_bias"] = float(np.mean(bias))
    if np.ptp(at) == 0:
        missing |= dict.fromkeys((*_LINE, *_TESTS, "linearity"), Missing.ONE_VALUE)
    elif len(bias) < 3:
        missing |= dict.fromkeys((*_LINE, *_TESTS, "linearity"), Missing.TOO_FEW_VALUES)
    else:
        found |= _line(at, bias, missing)
        if process_variation is not None:
            found["linearity"] = abs(found["slope"] or 0.0) * process_variation
    if process_variation is None:
        missing["linearity"] = Missing.NOT_GIVEN
    return Linearity(parts=parts, missing=missing, **found)


def _part(true: float, row: Any) -> PartBias:
    n, mean = len(row), float(np.mean(row))
    bias = mean - true
    if n < 2 or np.ptp(row) == 0:
        return PartBias(true, n, mean, bias, 0.0 if n > 1 else None, None, None)
    sd = float(np.std(row, ddof=1))
    t = bias / (sd / np.sqrt(n))
    return PartBias(true, n, mean, bias, sd, float(t), float(2.0 * special.stdtr(n - 1, -abs(t))))


def _line(at: Any, bias: Any, missing: dict[str, Missing]) -> dict[str, float | None]:
    n = len(at)
    dx, dy = at - at.mean(), bias - bias.mean()
    sxx, sxy, syy = (float(np.sum(product)) for product in (dx * dx, dx * dy, dy * dy))
    slope = sxy / sxx
    intercept = float(bias.mean() - slope * at.mean())
    residual = float(np.sum((dy - slope * dx) ** 2))
    s = float(np.sqrt(residual / (n - 2)))
    found: dict[str, float | None] = {
        "slope": slope,
        "intercept": intercept,
        "s": s,
        "linearity_percent": 100.0 * abs(slope),
    }
    if syy > 0:
        found["r_squared"] = 1.0 - residual / syy
    else:
        missing["r_squared"] = Missing.ZERO_VARIANCE
    if s <= 1e-12 * float(np.max(np.abs(at)) + np.max(np.abs(bias))):
        missing |= dict.fromkeys(_TESTS, Missing.ZERO_VARIANCE)
        return found
    errors = s / np.sqrt(sxx), s * np.sqrt(1.0 / n + float(at.mean()) ** 2 / sxx)
    for name, value, error in (("slope", slope, errors[0]), ("intercept", intercept, errors[1])):
        t = value / error
        found |= {f"{name}_t": float(t), f"{name}_p": float(2.0 * special.stdtr(n - 2, -abs(t)))}
    return found
