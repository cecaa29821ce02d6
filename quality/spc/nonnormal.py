"""Capability of non-normal characteristics by the percentile method, and candidates to choose a model from.

The percentile method takes the place of mean ± 3 sigma: the points below which 0.135 %, 50 % and 99.865 %
of the distribution lie. For a normal distribution it gives Pp and Ppk themselves.

Which model to believe is decided by a person: `candidates` reports every family with its test values and
chooses none. Below 50 values most families fit most samples, and the choice is arbitrary; the notes say so.

Sources: ISO 22514-2:2017 (percentile method); GB/T 3358; Hyndman and Fan, The American
Statistician 50 (1996) for the types of sample quantiles (6: Minitab, 7: Excel, R and numpy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from quality.spc.distributions import FAMILIES, Fit, fit_sorted
from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray, per_characteristic, read
from quality.spc.missing import Missing, optional
from quality.spc.normality import sample_of, spread_missing
from quality.spc.transforms import BoxCox, Johnson, box_cox, box_cox_inverse, box_cox_transform, johnson

PERCENTS = (0.00135, 0.5, 0.99865)
FEW_VALUES = 50
QUANTILE_TYPES = {6: "weibull", 7: "linear"}


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every family with its test values: distributions by A² from best to worst, then those without a fit.

    notes: "few_values" below 50 values.
    """

    n: int
    fits: tuple[Fit, ...]
    box_cox: BoxCox
    johnson: tuple[Johnson, ...]
    johnson_missing: Missing | None
    notes: tuple[str, ...]


def candidates(values: Any, families: Sequence[str] | None = None) -> Candidates:
    """Fit all families (or those named), Box-Cox and the Johnson system to one sample.

    Parameters
        values: one sample, any shape; missing values are left out.
        families: names from FAMILIES.

    Returns
        Candidates.

    Raises
        SpcInputError: values are not numbers, a family is unknown.
    """
    names = tuple(FAMILIES) if families is None else tuple(families)
    for name in names:
        if not isinstance(name, str) or name not in FAMILIES:
            raise SpcInputError("families", f"unknown family {name!r}; known: {', '.join(FAMILIES)}")
    x = sample_of(values)
    fits = sorted((fit_sorted(x, name) for name in names), key=lambda fit: (fit.ad is None, fit.ad or 0.0))
    members = johnson(x)
    return Candidates(
        n=len(x),
        fits=tuple(fits),
        box_cox=box_cox(x),
        johnson=members.candidates,
        johnson_missing=members.missing,
        notes=("few_values",) if len(x) < FEW_VALUES else (),
    )


@dataclass(frozen=True, slots=True)
class PercentileCapability:
    """Capability by percentiles; what does not exist is None and stands in `missing` with its reason.

    model: "empirical", a family, "box_cox" or "johnson_sb" and the like.
    x_low, x_median, x_high: the 0.135 %, 50 % and 99.865 % points, in the unit of the data.
    ppm_below, ppm_above: per million beyond the limits by the model (by counting for "empirical").
    notes: "few_values" below 50 values; "quantiles_at_extremes" where the sample is too small to hold the
        outer quantiles, so that they are its smallest and largest value and capability looks too good.
    """

    model: str
    n: int
    x_low: float | None
    x_median: float | None
    x_high: float | None
    pp: float | None
    ppl: float | None
    ppu: float | None
    ppk: float | None
    ppm_below: float | None
    ppm_above: float | None
    notes: tuple[str, ...] = ()
    missing: Mapping[str, Missing] = field(default_factory=dict)


class _Model(NamedTuple):
    """What a model has to know: its name, quantiles, and fractions below and above a value."""

    name: str
    quantile: Callable[[FloatArray], FloatArray]
    below: Callable[[float], float]
    above: Callable[[float], float]


def percentile_capability(
    values: Any,
    *,
    lsl: Any = None,
    usl: Any = None,
    model: str | Fit | BoxCox | Johnson = "empirical",
    quantile_type: int = 6,
    lower_bound: bool = False,
    upper_bound: bool = False,
) -> Any:
    """Capability by the percentile method, of one sample (→ PercentileCapability) or of many (→ list of
    them).

    Parameters
        values: see `inputs.py`; missing values are left out.
        lsl, usl: specification limits, None, a number, or one per characteristic.
        model: "empirical", a family to fit (see FAMILIES), "box_cox", or a fit made before, which is then
            used for the sample as it is.
        quantile_type: 6 or 7, for "empirical".
        lower_bound, upper_bound: the limit is a physical bound: no index looks at it.

    Returns
        PercentileCapability.

    Raises
        SpcInputError: unknown model or type, LSL above USL, values that are not numbers, a given fit
            without parameters.

    Notes
        Pp = (USL - LSL) / (X99.865 - X0.135), Ppl = (X50 - LSL) / (X50 - X0.135), Ppu = (USL - X50) /
        (X99.865 - X50), Ppk the smaller of the two.
    """
    is_made = isinstance(model, Fit | BoxCox | Johnson)
    if not is_made and not (isinstance(model, str) and model in ("empirical", "box_cox", *FAMILIES)):
        raise SpcInputError(
            "model", f"unknown model {model!r}; known: empirical, box_cox, {', '.join(FAMILIES)}"
        )
    if not isinstance(quantile_type, int) or quantile_type not in QUANTILE_TYPES:
        raise SpcInputError("quantile_type", f"must be 6 or 7, not {quantile_type!r}")
    batch = read(values)
    lower = per_characteristic("lsl", np.nan if lsl is None else lsl, batch.size)
    upper = per_characteristic("usl", np.nan if usl is None else usl, batch.size)
    if np.any(lower > upper):
        raise SpcInputError("lsl", "must not be above usl")
    bounds = _Bounds(lower_bound, upper_bound)
    found: list[Any] = [None] * batch.size
    for group in batch.groups:
        for index, row in zip(group.indices, group.data.reshape(len(group.data), -1), strict=True):
            x = np.sort(row[~np.isnan(row)])
            found[index] = _capability(x, lower[index], upper[index], model, quantile_type, bounds)
    return found[0] if batch.is_one else found


class _Bounds(NamedTuple):
    lower: bool
    upper: bool


_RESULTS = ("x_low", "x_median", "x_high", "pp", "ppl", "ppu", "ppk", "ppm_below", "ppm_above")


def _capability(
    x: FloatArray,
    lsl: float,
    usl: float,
    model: str | Fit | BoxCox | Johnson,
    quantile_type: int,
    bounds: _Bounds,
) -> PercentileCapability:
    n = len(x)
    chosen = Missing.NO_VALUES if n == 0 else _model(x, model, quantile_type)
    if isinstance(chosen, Missing):
        name = model if isinstance(model, str) else type(model).__name__.lower()
        nothing: dict[str, Any] = dict.fromkeys(_RESULTS)
        return PercentileCapability(name, n, **nothing, missing=dict.fromkeys(_RESULTS, chosen))
    with np.errstate(all="ignore"):
        low, median, high = (float(value) for value in chosen.quantile(np.array(PERCENTS)))
        below = 1e6 * chosen.below(lsl) if not np.isnan(lsl) else np.nan
        above = 1e6 * chosen.above(usl) if not np.isnan(usl) else np.nan
        used_lsl = np.nan if bounds.lower else lsl
        used_usl = np.nan if bounds.upper else usl
        values = {
            "x_low": low,
            "x_median": median,
            "x_high": high,
            "pp": _ratio(used_usl - used_lsl, high - low),
            "ppl": _ratio(median - used_lsl, median - low),
            "ppu": _ratio(used_usl - median, high - median),
            "ppm_below": below,
            "ppm_above": above,
        }
    values["ppk"] = float(np.fmin(values["ppl"], values["ppu"]))
    if lsl == usl:
        values |= dict.fromkeys(("pp", "ppl", "ppu", "ppk"), np.nan)
    results = {name: optional(values[name]) for name in _RESULTS}
    missing = {
        name: _reason(name, lsl, usl, bounds, has_quantiles=bool(np.isfinite([low, median, high]).all()))
        for name, value in results.items()
        if value is None
    }
    notes = ("few_values",) if n < FEW_VALUES else ()
    if chosen.name == "empirical" and n < 1.0 / PERCENTS[0] - 1.0:
        notes = (*notes, "quantiles_at_extremes")
    return PercentileCapability(model=chosen.name, n=n, notes=notes, missing=missing, **results)


def _ratio(tolerance: float, spread: float) -> float:
    return tolerance / spread if spread > 0 else np.nan


def _reason(name: str, lsl: float, usl: float, bounds: _Bounds, *, has_quantiles: bool) -> Missing:
    no_lower = Missing.NO_LSL if np.isnan(lsl) else Missing.LOWER_BOUND if bounds.lower else None
    no_upper = Missing.NO_USL if np.isnan(usl) else Missing.UPPER_BOUND if bounds.upper else None
    if not has_quantiles and name.startswith("x_"):
        return Missing.NO_FIT
    if name in ("ppl", "ppm_below") and no_lower:
        return no_lower
    if name in ("ppu", "ppm_above") and no_upper:
        return no_upper
    if name in ("pp", "ppk") and no_lower and no_upper:
        if np.isnan(lsl) and np.isnan(usl):
            return Missing.NO_LIMITS
        return Missing.LOWER_BOUND if no_lower is Missing.LOWER_BOUND else Missing.UPPER_BOUND
    if name == "pp" and (no_lower or no_upper):
        bound = next((one for one in (no_lower, no_upper) if one and one.value.endswith("_bound")), None)
        return bound or Missing.ONE_SIDED
    if lsl == usl:
        return Missing.ZERO_TOLERANCE
    return Missing.ZERO_VARIANCE if has_quantiles else Missing.NO_FIT


def _model(x: FloatArray, model: str | Fit | BoxCox | Johnson, quantile_type: int) -> _Model | Missing:
    if isinstance(model, Johnson):
        return _johnson_model(model)
    if isinstance(model, Fit):
        return _fitted(model)
    if isinstance(model, BoxCox):
        if model.lam is None:
            raise SpcInputError("model", "the Box-Cox estimate does not exist")
        return _box_cox_model(x, model.lam)
    if model == "empirical":
        return _empirical(x, QUANTILE_TYPES[quantile_type])
    if model == "box_cox":
        estimate = box_cox(x)
        return estimate.missing["lam"] if estimate.lam is None else _box_cox_model(x, estimate.lam)
    fit = fit_sorted(x, model)
    return _fitted(fit) if fit.exists else fit.missing["parameters"]


def _empirical(x: FloatArray, method: Any) -> _Model | Missing:
    reason = spread_missing(x)
    if reason is not None:
        return reason
    return _Model(
        "empirical",
        lambda q: np.quantile(x, q, method=method),
        lambda limit: float(np.mean(x < limit)),
        lambda limit: float(np.mean(x > limit)),
    )


def _fitted(fit: Fit) -> _Model:
    frozen = fit.distribution()
    return _Model(
        fit.family,
        lambda q: np.asarray(frozen.ppf(q)),
        lambda limit: float(frozen.cdf(limit)),
        lambda limit: float(frozen.sf(limit)),
    )


def _johnson_model(fit: Johnson) -> _Model:
    return _Model(
        f"johnson_{fit.family.lower()}",
        lambda q: fit.inverse(special.ndtri(q)),
        lambda limit: float(special.ndtr(fit.transform(limit))),
        lambda limit: float(special.ndtr(-fit.transform(limit))),
    )


def _box_cox_model(x: FloatArray, lam: float) -> _Model | Missing:
    z = box_cox_transform(x, lam)
    if np.isnan(z).any():
        return Missing.NOT_POSITIVE
    mean, sd = float(np.mean(z)), float(np.std(z, ddof=1)) if len(z) > 1 else np.nan
    if not sd > 0:
        return spread_missing(x) or Missing.ZERO_VARIANCE

    def below(limit: float) -> float:
        standard = (float(box_cox_transform(limit, lam)) - mean) / sd
        return 0.0 if np.isnan(standard) and limit <= 0 else float(special.ndtr(standard))

    return _Model(
        "box_cox",
        lambda q: box_cox_inverse(mean + sd * special.ndtri(q), lam),
        below,
        lambda limit: 1.0 - below(limit),
    )
