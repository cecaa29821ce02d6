"""Capability of one characteristic or of many: `capability`, and the columns behind it.

The same formula has two names for two standard deviations. Cp, Cpk take the deviation within subgroups; Pp,
Ppk that of all values. What a Chinese inspection report prints as CPK is computed over all values: it is
`ppk` here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from quality.spc import indices as formulas
from quality.spc import intervals
from quality.spc.inputs import FloatArray, fraction
from quality.spc.missing import Missing, optional
from quality.spc.moments import Moments, moments
from quality.spc.reasons import reason


class Interval(NamedTuple):
    """A two-sided confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Capability:
    """Capability of one characteristic; what does not exist is None and stands in `missing` with its reason.

    Suffix `_within` and `_overall` tell the standard deviation. `z_bench` is of the overall one. ppm are
    parts per
    million: `expected` under a normal distribution, `observed` among the values. `intervals` holds those that
    exist, by the name of the field.
    """

    n: int
    mean: float | None
    minimum: float | None
    maximum: float | None
    sd_overall: float | None
    sd_within: float | None
    df_within: float | None
    estimator: str
    confidence: float
    cp: float | None
    cpl: float | None
    cpu: float | None
    cpk: float | None
    pp: float | None
    ppl: float | None
    ppu: float | None
    ppk: float | None
    cpm: float | None
    ca: float | None
    z_bench: float | None
    z_bench_within: float | None
    ppm_expected_overall_below: float | None
    ppm_expected_overall_above: float | None
    ppm_expected_overall: float | None
    ppm_expected_within_below: float | None
    ppm_expected_within_above: float | None
    ppm_expected_within: float | None
    ppm_observed_below: float | None
    ppm_observed_above: float | None
    ppm_observed: float | None
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)


RESULTS = tuple(
    name
    for name in Capability.__dataclass_fields__
    if name not in ("n", "estimator", "confidence", "intervals", "missing")
)
"""Names of the results that may be missing; each is also a column of `Capabilities`."""

WITH_INTERVAL = (
    "mean",
    "sd_overall",
    "sd_within",
    *("cp", "cpl", "cpu", "cpk", "pp", "ppl", "ppu", "ppk", "cpm"),
)


class Capabilities(Sequence[Capability]):
    """Capability of many characteristics: every result is a column (m,), NaN where it does not exist.

    `capabilities[i]` is the whole `Capability` of one, with reasons and intervals.
    """

    def __init__(self, columns: Moments, confidence: float) -> None:
        self.moments = columns
        self.confidence = fraction("confidence", confidence)

    def __len__(self) -> int:
        return len(self.moments.n)

    n = property(lambda self: self.moments.n, doc="Number of values.")
    mean = property(lambda self: self.moments.mean, doc="Mean of all values.")
    minimum = property(lambda self: self.moments.minimum, doc="Smallest value.")
    maximum = property(lambda self: self.moments.maximum, doc="Largest value.")
    sd_overall = property(
        lambda self: self.moments.sd_overall, doc="Standard deviation (n - 1) of all values."
    )
    sd_within = property(lambda self: self.moments.sd_within, doc="Standard deviation within subgroups.")
    estimator = property(
        lambda self: self.moments.estimator, doc="Estimator of sd_within, by characteristic."
    )

    @cached_property
    def df_within(self) -> FloatArray:
        """Degrees of freedom of `sd_within`."""
        return np.where(np.isnan(self.sd_within), np.nan, self.moments.df_within)

    @cached_property
    def within(self) -> formulas.Indices:
        """Cp, Cpl, Cpu, Cpk."""
        m = self.moments
        with np.errstate(invalid="ignore"):
            return formulas.capability_indices(m.mean, m.sd_within, m.lower, m.upper)

    @cached_property
    def overall(self) -> formulas.Indices:
        """Pp, Ppl, Ppu, Ppk."""
        m = self.moments
        with np.errstate(invalid="ignore"):
            return formulas.capability_indices(m.mean, m.sd_overall, m.lower, m.upper)

    cp = property(lambda self: self.within.p)
    cpl = property(lambda self: self.within.pl)
    cpu = property(lambda self: self.within.pu)
    cpk = property(lambda self: self.within.pk)
    pp = property(lambda self: self.overall.p)
    ppl = property(lambda self: self.overall.pl)
    ppu = property(lambda self: self.overall.pu)
    ppk = property(lambda self: self.overall.pk)

    @cached_property
    def cpm(self) -> FloatArray:
        """Index around the target, overall standard deviation."""
        m = self.moments
        with np.errstate(invalid="ignore"):
            return formulas.cpm(m.mean, m.sd_overall, m.lower, m.upper, m.target)

    @cached_property
    def ca(self) -> FloatArray:
        """准确度, signed."""
        return formulas.ca(self.moments.mean, self.moments.lower, self.moments.upper)

    @cached_property
    def z_bench(self) -> FloatArray:
        """Z.bench of the overall standard deviation."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return formulas.z_bench(self.overall)

    @cached_property
    def z_bench_within(self) -> FloatArray:
        """Z.bench of the within standard deviation."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return formulas.z_bench(self.within)

    @cached_property
    def _expected(self) -> tuple[formulas.Expected, formulas.Expected]:
        return formulas.expected_ppm(self.overall), formulas.expected_ppm(self.within)

    ppm_expected_overall_below = property(lambda self: self._expected[0].below)
    ppm_expected_overall_above = property(lambda self: self._expected[0].above)
    ppm_expected_overall = property(lambda self: self._expected[0].total)
    ppm_expected_within_below = property(lambda self: self._expected[1].below)
    ppm_expected_within_above = property(lambda self: self._expected[1].above)
    ppm_expected_within = property(lambda self: self._expected[1].total)

    @cached_property
    def ppm_observed_below(self) -> FloatArray:
        """Values below LSL per million."""
        return self._observed(self.moments.below, self.moments.lsl)

    @cached_property
    def ppm_observed_above(self) -> FloatArray:
        """Values above USL per million."""
        return self._observed(self.moments.above, self.moments.usl)

    @cached_property
    def ppm_observed(self) -> FloatArray:
        """Values outside of the limits that are given, per million."""
        m = self.moments
        return self._observed(m.below + m.above, np.fmax(m.lsl, m.usl))

    def _observed(self, count: NDArray[np.int64], limit: FloatArray) -> FloatArray:
        n = self.moments.n
        return np.where((n > 0) & ~np.isnan(limit), 1e6 * count / np.maximum(n, 1), np.nan)

    def interval(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Both ends of the confidence interval of a column, (m,) each, NaN where there is none."""
        return _interval(self, name)

    @overload
    def __getitem__(self, index: int) -> Capability: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Capability]: ...
    def __getitem__(self, index: int | slice) -> Capability | Sequence[Capability]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        one = Capabilities(self.moments.at(index % len(self)), self.confidence)
        return _capability(one)

    def __iter__(self) -> Iterator[Capability]:
        return (self[index] for index in range(len(self)))


def capability(
    values: Any,
    *,
    lsl: Any = None,
    usl: Any = None,
    target: Any = None,
    lower_bound: Any = False,
    upper_bound: Any = False,
    subgroup_size: Any = 1,
    estimator: str | Sequence[str] = "auto",
    confidence: float = 0.95,
) -> Any:
    """Capability of one characteristic (→ Capability) or of many (→ Capabilities, columns and a sequence).

    values: see `inputs.py`. lsl, usl, target: None, a number, or one per characteristic; lower_bound,
    upper_bound: the limit is a physical bound (flatness cannot be below 0): values beyond it are still
    counted, but no index looks at it. subgroup_size: one, or one per characteristic. estimator: see
    `estimators.py`.
    Raises SpcInputError for input that makes no sense; poor data give missing results, never an error.
    """
    is_one, columns, _ = moments(
        values,
        lsl=lsl,
        usl=usl,
        target=target,
        lower_bound=lower_bound,
        upper_bound=upper_bound,
        subgroup_size=subgroup_size,
        estimator=estimator,
    )
    table = Capabilities(columns, confidence)
    return table[0] if is_one else table


def _capability(one: Capabilities) -> Capability:
    found = {name: optional(getattr(one, name)[0]) for name in RESULTS}
    missing = {name: reason(name, one.moments) for name, value in found.items() if value is None}
    ends: dict[str, Interval] = {}
    for name in WITH_INTERVAL:
        if found[name] is not None:
            low, high = (optional(end[0]) for end in one.interval(name))
            if low is not None and high is not None:
                ends[name] = Interval(low, high)
    return Capability(
        n=int(one.n[0]),
        estimator=str(one.estimator[0]),
        confidence=one.confidence,
        intervals=ends,
        missing=missing,
        **found,
    )


def _interval(table: Capabilities, name: str) -> tuple[FloatArray, FloatArray]:
    m, confidence = table.moments, table.confidence
    n = m.n.astype(np.float64)
    overall_df = np.where(n > 1, n - 1.0, np.nan)
    within_df = np.where(m.df_within > 0, m.df_within, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        match name:
            case "mean":
                return intervals.of_mean(
                    m.mean, np.where(m.sd_overall > 0, m.sd_overall, np.nan), n, confidence
                )
            case "sd_overall" | "sd_within":
                sigma, df = (m.sd_overall, overall_df) if name == "sd_overall" else (m.sd_within, within_df)
                return intervals.of_sigma(np.where(sigma > 0, sigma, np.nan), df, confidence)
            case "cp":
                return intervals.of_ratio(table.cp, within_df, confidence)
            case "pp":
                return intervals.of_ratio(table.pp, overall_df, confidence)
            case "cpl" | "cpu" | "ppl" | "ppu":
                df = within_df if name.startswith("c") else overall_df
                return intervals.of_one_side(getattr(table, name), n, df, confidence)
            case "cpk" | "ppk":
                index, df = (table.within, within_df) if name == "cpk" else (table.overall, overall_df)
                one_sided = np.isnan(index.pl) | np.isnan(index.pu)
                two = intervals.of_nearer_limit(index.pk, n, df, confidence)
                if not one_sided.any():
                    return two
                one = intervals.of_one_side(np.where(one_sided, index.pk, np.nan), n, df, confidence)
                return np.where(one_sided, one[0], two[0]), np.where(one_sided, one[1], two[1])
            case "cpm":
                sd = np.where(m.sd_overall > 0, m.sd_overall, np.nan)
                return intervals.of_target_index(table.cpm, (m.mean - m.target) / sd, n, confidence)
    raise KeyError(name)
