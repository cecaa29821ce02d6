"""Control charts of variables: `control_chart` for one characteristic and for thousands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from quality.spc import chart_blocks
from quality.spc.blocks import blocks
from quality.spc.chart_blocks import SIDES, ChartBlock, SeriesBlock
from quality.spc.cuts import Cuts
from quality.spc.given import given_limits
from quality.spc.inputs import FloatArray, IndexArray, one_per, read
from quality.spc.lines import Parameters
from quality.spc.missing import Missing, optional
from quality.spc.patterns import Lines
from quality.spc.plans import Limits, Plan, method
from quality.spc.rules import Kind, Rule
from quality.spc.selection import Selection, choices
from quality.spc.stats import Stats

SERIES_NAMES = {"ewma": "EWMA", "x": "X", "xbar": "X̄", "median": "X̃", "mr": "MR", "r": "R", "s": "S"} | {
    kind: kind for kind in ("p", "np", "c", "u")
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule at one point: `point` completes the `window` (indices of all its points, from 0).

    `limit` is the line that was crossed or counted from: the control limit, the zone line, the centre of a
    run; None for trends and alternations, which compare points with each other, and for zones on both sides.
    `side` is "high", "low" or "both".
    """

    rule: str
    kind: Kind
    point: int
    window: tuple[int, ...]
    side: str
    value: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """One drawn chart. Arrays have one entry per point; NaN where a point or line does not exist.

    `sigma` is the standard error of the plotted statistic (one zone), `sizes` the values behind each point,
    `stage` the stage number, `excluded` the points left out of limits and rules.
    """

    kind: str
    name: str
    points: FloatArray
    centre: FloatArray
    ucl: FloatArray
    lcl: FloatArray
    sigma: FloatArray
    sizes: NDArray[np.int64]
    stage: NDArray[np.intp]
    excluded: NDArray[np.bool_]
    violations: tuple[Violation, ...]

    def __len__(self) -> int:
        return len(self.points)

    @property
    def violating_points(self) -> tuple[int, ...]:
        """Indices of points at which at least one rule fires."""
        return tuple(sorted({violation.point for violation in self.violations}))


@dataclass(frozen=True, slots=True)
class StageParameters:
    """What the limits of one stage come from; None where it does not exist."""

    centre: float | None
    sigma_within: float | None
    df: float | None
    sigma_points: float | None
    sigma_between: float | None
    sigma_total: float | None
    points_used: int


@dataclass(frozen=True, slots=True)
class ControlChart:
    """The charts of one characteristic.

    `chart` and `estimator` say what "auto" came to. `missing` maps "limits" and "secondary_limits" to the
    reason why there are none. `excluded` maps point to reason.
    """

    chart: str
    estimator: str
    nsigma: float
    primary: Series
    secondary: Series
    within: Series | None
    stages: tuple[StageParameters, ...]
    limits_given: bool
    excluded: Mapping[int, str] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)

    @property
    def series(self) -> tuple[Series, ...]:
        """All drawn charts, top to bottom."""
        pair = (self.primary, self.secondary)
        return pair if self.within is None else (*pair, self.within)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Violations of the primary chart and then of the others."""
        return tuple(violation for series in self.series for violation in series.violations)

    @property
    def is_in_control(self) -> bool:
        """No rule fires on any of the charts."""
        return not self.violations

    @property
    def limits(self) -> Limits:
        """The limits of the last stage as given limits, to lock them and apply them to later values."""
        last = self.stages[-1]
        if self.limits_given or self.chart == "three_way":
            rows = (self.primary, self.secondary)
            names = ("centre", "ucl", "lcl")
            lines = [optional(getattr(row, name)[-1]) if len(row) else None for row in rows for name in names]
            return Limits(lines[0], None, lines[1], lines[2], *lines[3:])
        return Limits(centre=last.centre, sigma=last.sigma_within or None)


class ControlCharts(Sequence[ControlChart]):
    """The charts of many characteristics; each is put together when it is asked for.

    `signals` (m,) tells which have any violation, without building a single one.
    """

    def __init__(self, size: int) -> None:
        self._blocks: list[tuple[ChartBlock, Sequence[Mapping[int, str] | None] | None]] = []
        self._block_of = np.zeros(size, dtype=np.intp)
        self._column_of = np.zeros(size, dtype=np.intp)
        self.signals = np.zeros(size, dtype=np.bool_)

    def add(
        self, indices: IndexArray, block: ChartBlock, excluded: Sequence[Mapping[int, str] | None] | None
    ) -> None:
        """Take over the block of the characteristics `indices`."""
        self._block_of[indices] = len(self._blocks)
        self._column_of[indices] = np.arange(len(indices))
        for series in block.series:
            self.signals[indices[series.hits.column]] = True
        self._blocks.append((block, excluded))

    def violations_of(self, index: int) -> tuple[Violation, ...]:
        """The violations of one characteristic, without building its chart."""
        if not self.signals[index]:
            return ()
        block, column = self._blocks[self._block_of[index]][0], int(self._column_of[index])
        return tuple(found for series in block.series for found in violations_of_series(series, column))

    def __len__(self) -> int:
        return len(self.signals)

    @overload
    def __getitem__(self, index: int) -> ControlChart: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ControlChart]: ...
    def __getitem__(self, index: int | slice) -> ControlChart | Sequence[ControlChart]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        block, excluded = self._blocks[self._block_of[index]]
        return build_chart(block, int(self._column_of[index]), (excluded or {index: None})[index])

    def __iter__(self) -> Iterator[ControlChart]:
        return (self[index] for index in range(len(self)))


def control_chart(
    values: Any,
    plan: Plan = Plan(),  # noqa: B008 - frozen
    *,
    limits: Limits | Sequence[Limits | None] | None = None,
    stages: Any = None,
    excluded: Any = None,
    baseline: Any = None,
) -> Any:
    """Chart one characteristic (→ ControlChart) or many (→ ControlCharts, a sequence of them).

    values: see `inputs.py`; flat series are cut into subgroups of `plan.subgroup_size`.
    limits: given limits win over computed ones. stages, baseline, excluded: see `selection.py`.
    Raises SpcInputError for input that cannot be charted; poor data give missing limits, never an error.
    Sources: ASTM MNL 7; Montgomery, Introduction to Statistical Quality Control.
    """
    batch = read(values)
    given = one_per("limits", limits, batch.size, lambda item: isinstance(item, Limits))
    chosen = choices(batch.size, is_one=batch.is_one, stages=stages, baseline=baseline, excluded=excluded)
    charts = ControlCharts(batch.size)
    cuts = Cuts(plan.subgroup_size, plan.estimator, batch.size)
    for group, cut in cuts.groups(batch, merge=chosen.is_empty):
        decided = method(plan.chart, cut.estimator, cut.size)
        for block in blocks(group, cut.size):
            selection = chosen.select(block.indices, block.x.shape[1])
            own = None if limits is None else given_limits([given[index] for index in block.indices])
            computed = chart_blocks.chart_block(Stats(block), plan, decided, selection, own)
            charts.add(block.indices, computed, chosen.excluded)
    return charts[0] if batch.is_one else charts


def build_chart(block: ChartBlock, column: int, excluded: Mapping[int, str] | None) -> ControlChart:
    """Put together the chart of one characteristic of a block."""
    series = [drawn_series(block.selection, one, column) for one in block.series]
    stages = tuple(_stage(parameters, column) for parameters in _stages_of(block, column))
    missing: dict[str, Missing] = {}
    for name, one in zip(("limits", "secondary_limits"), series, strict=False):
        if np.isnan(one.ucl).all() and np.isnan(one.lcl).all():
            missing[name] = _reason(block, stages)
    return ControlChart(
        chart=block.method.chart,
        estimator=block.method.estimator,
        nsigma=block.nsigma,
        primary=series[0],
        secondary=series[1],
        within=series[2] if len(series) > 2 else None,
        stages=stages,
        limits_given=block.given is not None and bool(block.given[column]),
        excluded=dict(sorted((excluded or {}).items())),
        missing=missing,
    )


def _stages_of(block: ChartBlock, column: int) -> tuple[Parameters, ...]:
    if block.selection.stage is None:
        return block.parameters
    return block.parameters[: int(block.selection.stage[:, column].max(initial=0)) + 1]


def _reason(block: ChartBlock, stages: tuple[StageParameters, ...]) -> Missing:
    last = stages[-1]
    if last.points_used == 0:
        return Missing.NO_VALUES if block.selection.used is None else Missing.NO_BASELINE
    sigma = last.sigma_points if block.method.chart == "three_way" else last.sigma_within
    if sigma is None:
        return Missing.ONE_VALUE if last.points_used == 1 else Missing.NO_WITHIN_SPREAD
    return Missing.ZERO_VARIANCE


def _stage(parameters: Parameters, column: int) -> StageParameters:
    within, between = optional(parameters.sigma[column]), optional(parameters.sigma_between[column])
    return StageParameters(
        centre=optional(parameters.centre[column]),
        sigma_within=within,
        df=None if within is None else optional(parameters.df[column]),
        sigma_points=optional(parameters.sigma_points[column]),
        sigma_between=between,
        sigma_total=None if within is None or between is None else float(np.hypot(within, between)),
        points_used=int(parameters.points_used[column]),
    )


def drawn_series(selection: Selection, series: SeriesBlock, column: int) -> Series:
    """The series of one characteristic of a block, with its violations."""
    count = len(series.points) if series.lengths is None else int(series.lengths[column])

    def own(array: NDArray[Any]) -> NDArray[Any]:
        part = array[:count, column if array.shape[1] > 1 else 0]
        return np.ascontiguousarray(np.broadcast_to(part, (count,)))

    stage = np.zeros(count, dtype=np.intp) if selection.stage is None else own(selection.stage)
    excluded = np.zeros(count, dtype=np.bool_) if selection.excluded is None else own(selection.excluded)
    lines = series.lines
    return Series(
        kind=series.kind,
        name=SERIES_NAMES[series.kind],
        points=own(series.points),
        centre=own(lines.centre),
        ucl=own(lines.ucl),
        lcl=own(lines.lcl),
        sigma=own(lines.up),
        sizes=own(series.sizes),
        stage=stage,
        excluded=excluded,
        violations=violations_of_series(series, column),
    )


def violations_of_series(series: SeriesBlock, column: int) -> tuple[Violation, ...]:
    """The violations of one characteristic of a block on one of its charts."""
    hits = series.hits
    start, stop = np.searchsorted(hits.column, [column, column + 1])
    found = []
    for place in range(start, stop):
        rule, point = series.rules[hits.rule[place]], int(hits.point[place])
        side = SIDES[hits.side[place]]
        found.append(
            Violation(
                rule=rule.id,
                kind=rule.kind,
                point=point,
                window=tuple(range(point - rule.window + 1, point + 1)),
                side=side,
                value=float(series.points[point, column]),
                limit=_limit(series.lines, rule, side, point, column),
            )
        )
    return tuple(found)


def _limit(lines: Lines, rule: Rule, side: str, point: int, column: int) -> float | None:
    """The line that the rule looks at on this side of this point."""

    def at(line: FloatArray) -> float:
        return float(line[point if line.shape[0] > 1 else 0, column if line.shape[1] > 1 else 0])

    if side == "both" or rule.kind in (Kind.TREND, Kind.ALTERNATION):
        return None
    if rule.kind is Kind.RUN:
        return optional(at(lines.centre))
    if rule.width is None:
        return optional(at(lines.ucl if side == "high" else lines.lcl))
    if side == "high":
        return optional(at(lines.centre) + rule.width * at(lines.up))
    return optional(at(lines.centre) - rule.width * at(lines.down))
