"""Control charts of attributes: `attribute_chart` for one characteristic and for thousands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, overload

import numpy as np

from quality.spc import attribute_lines
from quality.spc.attribute_lines import CHARTS, METHODS, Counts, Rates
from quality.spc.chart_blocks import SeriesBlock, series_block
from quality.spc.charts import Series, Violation, drawn_series
from quality.spc.errors import SpcInputError
from quality.spc.inputs import Batch, FloatArray, Group, as_floats, number, one_of, one_per, positive, read
from quality.spc.missing import Missing, optional
from quality.spc.patterns import Lines
from quality.spc.rules import Rules, rule_set
from quality.spc.selection import Selection, choices


@dataclass(frozen=True, slots=True)
class AttributePlan:
    """How counts are charted.

    chart: "p", "np", "c" or "u".
    method: "normal" (nsigma standard deviations), "exact" (binomial or Poisson limits that a stable process
        crosses no more often than a normal one on each side; for small counts) or "laney" (p′, u′: standard
        deviation times sigma_z, for large samples whose rate varies by nature).
    rules: preset name or Rules. nsigma: distance of the limits.
    Raises SpcInputError(argument=field).
    """

    chart: str
    method: str = "normal"
    nsigma: float = 3.0
    rules: str | Rules | None = "rule_1_2"

    def __post_init__(self) -> None:
        one_of("chart", self.chart, CHARTS, "chart")
        one_of("method", self.method, METHODS, "method")
        positive("nsigma", self.nsigma)
        rule_set(self.rules)


@dataclass(frozen=True, slots=True)
class AttributeLimits:
    """What is given instead of estimated: the rate of the process, and sigma_z of Laney's charts.

    Limits follow from them by the sample size of each point, so a locked rate fits lots of any size.
    Raises SpcInputError(argument=field).
    """

    rate: float | None = None
    sigma_z: float | None = None

    def __post_init__(self) -> None:
        if self.rate is not None:
            number("rate", self.rate, least=0.0)
        if self.sigma_z is not None:
            positive("sigma_z", self.sigma_z)


@dataclass(frozen=True, slots=True)
class AttributeStage:
    """What the limits of one stage come from; None where it does not exist.

    sigma_z is told for every method: far from 1 it says that the counts are not binomial or Poisson.
    """

    rate: float | None
    sigma_z: float | None
    points_used: int


@dataclass(frozen=True, slots=True)
class AttributeChart:
    """The chart of one characteristic. `missing` maps "limits" to the reason why there are none.

    A lower limit of 0 is a clipped one: no count can be below it, so it is drawn but tests nothing.
    """

    chart: str
    method: str
    nsigma: float
    series: Series
    stages: tuple[AttributeStage, ...]
    limits_given: bool
    excluded: Mapping[int, str] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Rules that fire, by point."""
        return self.series.violations

    @property
    def is_in_control(self) -> bool:
        """No rule fires."""
        return not self.series.violations

    @property
    def limits(self) -> AttributeLimits:
        """The parameters of the last stage as given limits, to lock them and apply them to later points."""
        last = self.stages[-1]
        return AttributeLimits(last.rate, last.sigma_z or None)


class AttributeCharts(Sequence[AttributeChart]):
    """The charts of many characteristics; each is put together when it is asked for.

    `signals` (m,) tells which have any violation.
    """

    def __init__(self, size: int, plan: AttributePlan) -> None:
        self.plan = plan
        self.signals = np.zeros(size, dtype=np.bool_)
        self._places: list[tuple[_Block, int]] = [None] * size  # type: ignore[list-item]

    def add(self, group: Group, block: _Block) -> None:
        """Take over the block of the characteristics of a group."""
        self.signals[group.indices[block.series.hits.column]] = True
        for column, index in enumerate(group.indices):
            self._places[index] = (block, column)

    def __len__(self) -> int:
        return len(self.signals)

    @overload
    def __getitem__(self, index: int) -> AttributeChart: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[AttributeChart]: ...
    def __getitem__(self, index: int | slice) -> AttributeChart | Sequence[AttributeChart]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        block, column = self._places[index]
        return _build(block, column, self.plan)

    def __iter__(self) -> Iterator[AttributeChart]:
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True, slots=True)
class _Block:
    """The charts of one group of equal length."""

    selection: Selection
    rates: tuple[Rates, ...]
    series: SeriesBlock
    given: Sequence[AttributeLimits | None]
    excluded: Sequence[Mapping[int, str]]


def attribute_chart(
    counts: Any,
    sizes: Any = None,
    plan: AttributePlan = AttributePlan("p"),
    *,
    limits: AttributeLimits | Sequence[AttributeLimits | None] | None = None,
    stages: Any = None,
    excluded: Any = None,
    baseline: Any = None,
) -> Any:
    """Chart the counts of one characteristic (→ AttributeChart) or of many (→ AttributeCharts).

    Parameters
        counts: nonconforming items (p, np) or nonconformities (c, u), shape (k,) for one characteristic;
            (m, k) or a list of sequences for many. None or NaN is a missing point.
        sizes: items (p, np) or units (u, fractions allowed) behind each count: one number for all points,
            or of the shape of `counts`; for many also one number or sequence per characteristic. None with
            c only.
        plan: chart, method of the limits, rules.
        limits: given rate and sigma_z, which win over estimated ones.
        stages, baseline, excluded: see `selection.py`.

    Returns
        AttributeChart, or AttributeCharts with one per characteristic.

    Raises
        SpcInputError: counts or sizes are no such numbers or do not fit each other; poor data give missing
            limits, never an error.

    Notes
        The rate is the sum of counts over the sum of sizes. sigma_z is the mean moving range of the
        standardised points over d2(2) = 1.128379; a moving range next to a missing or excluded point does
        not count. A point exactly at a limit is inside.

    Source
        See `attribute_lines.py`.
    """
    try:
        batch = read(counts)
    except SpcInputError as error:
        raise SpcInputError("counts", error.message) from None
    if any(group.data.ndim != 2 for group in batch.groups):
        raise SpcInputError("counts", "must be one sequence of counts per characteristic, without subgroups")
    given = one_per("limits", limits, batch.size, lambda item: isinstance(item, AttributeLimits))
    chosen = choices(batch.size, is_one=batch.is_one, stages=stages, baseline=baseline, excluded=excluded)
    size_of = _sizes(sizes, batch, plan.chart)
    reasons = chosen.excluded or [{}] * batch.size
    charts = AttributeCharts(batch.size, plan)
    for group in batch.groups:
        k = group.data.shape[1]
        n = np.stack([_size_row(size_of[index], k) for index in group.indices], axis=1)
        data = attribute_lines.check(np.ascontiguousarray(group.data.T), n, plan.chart)
        own = [given[index] for index in group.indices]
        block = _block(
            data, plan, chosen.select(group.indices, k), own, [reasons[i] or {} for i in group.indices]
        )
        charts.add(group, block)
    return charts[0] if batch.is_one else charts


def _sizes(sizes: Any, batch: Batch, chart: str) -> list[Any]:
    """One entry per characteristic: a number or a sequence of them."""
    if (sizes is None) != (chart == "c"):
        needed = "has a constant area and takes no sizes" if chart == "c" else "needs the sample sizes"
        raise SpcInputError("sizes", f"chart {chart} {needed}")
    if sizes is None:
        return [1.0] * batch.size
    return one_per(
        "sizes",
        sizes,
        batch.size,
        lambda item: batch.is_one or isinstance(item, Real),
        is_item=lambda item: True,
    )


def _size_row(sizes: Any, k: int) -> FloatArray:
    row = as_floats("sizes", sizes)
    if row.ndim > 1 or (row.ndim == 1 and len(row) != k):
        raise SpcInputError("sizes", f"{row.size} sizes for {k} counts")
    return np.broadcast_to(row, (k,))


def _block(
    data: Counts,
    plan: AttributePlan,
    selection: Selection,
    given: Sequence[AttributeLimits | None],
    excluded: Sequence[Mapping[int, str]],
) -> _Block:
    given_rate, given_sigma_z = (
        np.array(
            [np.nan if one is None or getattr(one, name) is None else getattr(one, name) for one in given]
        )
        for name in ("rate", "sigma_z")
    )
    if plan.chart in ("p", "np") and np.any(given_rate > 1):
        raise SpcInputError("rate", "must not be above 1 on a p or np chart")
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = attribute_lines.estimate(data, plan.chart, selection, given_rate, given_sigma_z)
        by_point = attribute_lines.spread_rates(selection, rates, data.found.shape)
        computed: Lines = attribute_lines.lines(
            data, plan.chart, plan.method, by_point.rate, by_point.sigma_z, plan.nsigma
        )
        points = attribute_lines.plotted(data, plan.chart)
        sizes: Any = data.n  # units of a u chart may be fractions
        series = series_block(
            plan.chart, points, computed, sizes, rule_set(plan.rules), selection, selection.excluded
        )
    return _Block(selection, rates, series, given, excluded)


def _build(block: _Block, column: int, plan: AttributePlan) -> AttributeChart:
    rates = block.rates
    if block.selection.stage is not None:
        rates = rates[: int(block.selection.stage[:, column].max(initial=0)) + 1]
    stages = tuple(
        AttributeStage(
            optional(one.rate[column]), optional(one.sigma_z[column]), int(one.points_used[column])
        )
        for one in rates
    )
    series = drawn_series(block.selection, block.series, column)
    missing = {}
    if np.isnan(series.ucl).all():
        missing["limits"] = _reason(block, stages[-1], plan)
    return AttributeChart(
        chart=plan.chart,
        method=plan.method,
        nsigma=plan.nsigma,
        series=series,
        stages=stages,
        limits_given=block.given[column] is not None,
        excluded=dict(sorted(block.excluded[column].items())),
        missing=missing,
    )


def _reason(block: _Block, last: AttributeStage, plan: AttributePlan) -> Missing:
    if last.rate is None:
        return Missing.NO_VALUES if block.selection.used is None else Missing.NO_BASELINE
    if last.rate == 0 or (last.rate == 1 and plan.chart in ("p", "np")):
        return Missing.ZERO_VARIANCE
    if plan.method != "laney":
        return Missing.NO_VALUES  # a given rate, but no point to draw limits at
    return Missing.NO_WITHIN_SPREAD if last.sigma_z is None else Missing.ZERO_VARIANCE
