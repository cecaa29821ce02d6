"""Charts that remember: EWMA and tabular CUSUM, for small sustained shifts.

    target   mean that the process should have
    sigma    standard deviation of single values within subgroups
    sigma_x  standard deviation of a plotted mean of n values, sigma / sqrt(n)
    weight   lambda of the EWMA
    k, h     reference value (allowance) and decision interval of the CUSUM

Points are subgroup means (single values with subgroups of one). A missing or excluded point leaves the
memory as it is. A new stage starts afresh. Neighbouring points of these charts depend on each other, so run
and zone rules do not apply.

Sources: Montgomery, Introduction to Statistical Quality Control, chapter 9; Lucas and Saccucci,
Technometrics 32 (1990) for the EWMA; Lucas and Crosier, Technometrics 24 (1982) for the fast initial
response.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from quality.spc import memory
from quality.spc.blocks import blocks
from quality.spc.chart_blocks import series_block
from quality.spc.charts import Series, Violation, drawn_series
from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray, number, one_of, per_characteristic, positive, read
from quality.spc.memory import Remembered
from quality.spc.missing import Missing, optional
from quality.spc.patterns import Lines
from quality.spc.plans import method
from quality.spc.rules import rule_set
from quality.spc.selection import choices
from quality.spc.stats import Stats

Chart = TypeVar("Chart")


@dataclass(frozen=True, slots=True)
class EwmaPlan:
    """How an EWMA chart is drawn.

    weight: lambda, above 0 and up to 1 (1 is the Shewhart chart); small values see small shifts.
    nsigma: distance of the limits (L) in standard deviations of the EWMA.
    exact: limits that widen from the first point on, as the variance does; False draws their final width
        throughout.
    subgroup_size, estimator: as in `Plan`.
    Raises SpcInputError(argument=field).
    """

    weight: float = 0.2
    nsigma: float = 3.0
    exact: bool = True
    subgroup_size: int = 1
    estimator: str = "auto"

    def __post_init__(self) -> None:
        if not 0.0 < number("weight", self.weight) <= 1.0:
            raise SpcInputError("weight", f"must be above 0 and up to 1, not {self.weight!r}")
        positive("nsigma", self.nsigma)
        _check_subgroups(self.subgroup_size, self.estimator)


@dataclass(frozen=True, slots=True)
class CusumPlan:
    """How a tabular CUSUM is kept.

    k, h: reference value and decision interval, in the unit of `unit`.
    unit: "sigma" (standard deviations of the plotted points; the usual k = 0.5, h = 4 or 5) or "data" (the
        unit of the measurements). Sums are reported in the same unit.
    head_start: fast initial response, as a fraction of h (0.5 is usual, 0 is none).
    after_signal: "continue" (sums go on), "zero" (both sums start again at 0) or "head_start" (start again
        there).
    subgroup_size, estimator: as in `Plan`.
    Raises SpcInputError(argument=field).
    """

    k: float = 0.5
    h: float = 5.0
    unit: str = "sigma"
    head_start: float = 0.0
    after_signal: str = "continue"
    subgroup_size: int = 1
    estimator: str = "auto"

    def __post_init__(self) -> None:
        number("k", self.k, least=0.0)
        positive("h", self.h)
        one_of("unit", self.unit, ("sigma", "data"), "unit")
        if not number("head_start", self.head_start, least=0.0) < 1.0:
            raise SpcInputError("head_start", f"must be a fraction of h below 1, not {self.head_start!r}")
        one_of("after_signal", self.after_signal, ("continue", "zero", "head_start"), "policy")
        _check_subgroups(self.subgroup_size, self.estimator)


def _check_subgroups(size: int, estimator: str) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise SpcInputError("subgroup_size", f"must be a whole number of at least 1, not {size!r}")
    method("auto", estimator, size)


@dataclass(frozen=True, slots=True)
class TimeWeightedStage:
    """What the limits of one stage come from; None where it does not exist."""

    target: float | None
    sigma: float | None
    points_used: int


@dataclass(frozen=True, slots=True)
class EwmaChart:
    """`series.points` are the EWMA, `observed` the means it is made of. `missing` may hold "limits"."""

    plan: EwmaPlan
    series: Series
    observed: FloatArray
    stages: tuple[TimeWeightedStage, ...]
    excluded: Mapping[int, str] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Points beyond the limits."""
        return self.series.violations


@dataclass(frozen=True, slots=True)
class CusumSignal:
    """A sum above h at `point`. `start` is the first point after the sum was last zero: the shift began
    about there.

    `mean` estimates where the process is now, in the unit of the data.
    """

    point: int
    side: str
    start: int
    value: float
    mean: float


@dataclass(frozen=True, slots=True)
class CusumChart:
    """Upper and lower sums (both from 0 upwards) in the plan's unit, NaN at missing and excluded points.

    `missing` may hold "sums" with the reason why there are none.
    """

    plan: CusumPlan
    upper: FloatArray
    lower: FloatArray
    observed: FloatArray
    signals: tuple[CusumSignal, ...]
    stages: tuple[TimeWeightedStage, ...]
    excluded: Mapping[int, str] = field(default_factory=dict)
    missing: Mapping[str, Missing] = field(default_factory=dict)

    @property
    def h(self) -> float:
        """The line that a sum must not cross."""
        return self.plan.h


def ewma_chart(
    values: Any,
    plan: EwmaPlan = EwmaPlan(),
    *,
    target: Any = None,
    sigma: Any = None,
    stages: Any = None,
    excluded: Any = None,
    baseline: Any = None,
) -> Any:
    """EWMA chart of one characteristic (→ EwmaChart) or of many (→ list of them).

    Parameters
        values: see `inputs.py`, the unit of the data.
        target, sigma: known mean and standard deviation of single values; None, one number, or one per
            characteristic. What is not given is estimated from the baseline.
        stages, baseline, excluded: see `selection.py`.

    Returns
        EwmaChart; the limits are missing with a reason where there is no spread.

    Raises
        SpcInputError: input that cannot be charted; `argument` names it.

    Notes
        z_t = weight x_t + (1 - weight) z_(t-1), z_0 = target. Its variance follows the same recursion,
        which for equal subgroups is sigma_x² weight / (2 - weight) (1 - (1 - weight)^2t), and holds for
        unequal ones too. The limits of `exact=False` use the last factor as 1.
    """

    def build(part: Remembered) -> list[EwmaChart]:
        return _ewma(part, plan)

    return _charts(values, plan, target, sigma, stages, excluded, baseline, build)


def cusum_chart(
    values: Any,
    plan: CusumPlan = CusumPlan(),
    *,
    target: Any = None,
    sigma: Any = None,
    stages: Any = None,
    excluded: Any = None,
    baseline: Any = None,
) -> Any:
    """Tabular CUSUM of one characteristic (→ CusumChart) or of many (→ list of them).

    Parameters
        As in `ewma_chart`. With `unit="data"` sigma is not needed.

    Returns
        CusumChart.

    Raises
        SpcInputError: input that cannot be charted; `argument` names it.

    Notes
        C+_t = max(0, C+_(t-1) + x_t - target - k), C-_t = max(0, C-_(t-1) + target - x_t - k); a sum
        signals above h.
    """

    def build(part: Remembered) -> list[CusumChart]:
        return _cusum(part, plan)

    return _charts(values, plan, target, sigma, stages, excluded, baseline, build)


def _charts(
    values: Any,
    plan: EwmaPlan | CusumPlan,
    target: Any,
    sigma: Any,
    stages: Any,
    excluded: Any,
    baseline: Any,
    build: Callable[[Remembered], list[Chart]],
) -> Chart | list[Chart]:
    batch = read(values)
    chosen = choices(batch.size, is_one=batch.is_one, stages=stages, baseline=baseline, excluded=excluded)
    given_target = per_characteristic("target", np.nan if target is None else target, batch.size)
    given_sigma = per_characteristic("sigma", np.nan if sigma is None else sigma, batch.size)
    if np.any(given_sigma <= 0):
        raise SpcInputError("sigma", "must be above zero")
    reasons = chosen.excluded or [{}] * batch.size
    charts: list[Any] = [None] * batch.size
    for group in batch.groups:
        size = group.data.shape[2] if group.data.ndim == 3 else plan.subgroup_size
        for block in blocks(group, size):
            selection = chosen.select(block.indices, block.x.shape[1])
            with np.errstate(invalid="ignore", divide="ignore"):
                part = memory.remembered(
                    Stats(block),
                    method("auto", plan.estimator, max(size, 1)),
                    selection,
                    given_target[block.indices],
                    given_sigma[block.indices],
                    [reasons[index] or {} for index in block.indices],
                )
                for index, chart in zip(block.indices, build(part), strict=True):
                    charts[index] = chart
    return charts[0] if batch.is_one else charts


def _ewma(part: Remembered, plan: EwmaPlan) -> list[EwmaChart]:
    z, deviation = memory.ewma(part, plan.weight)
    if not plan.exact:
        deviation = part.sigma_x * np.sqrt(plan.weight / (2.0 - plan.weight))
    width = plan.nsigma * np.where(deviation > 0, deviation, np.nan)
    drawn = Lines(
        part.target, part.target + width, part.target - width, width / plan.nsigma, width / plan.nsigma
    )
    block = series_block(
        "ewma", z, drawn, part.sizes, rule_set("rule_1"), part.selection, part.selection.excluded
    )
    charts = []
    for column, excluded in enumerate(part.excluded):
        series = drawn_series(part.selection, block, column)
        rows = _stage_rows(part, column)
        charts.append(
            EwmaChart(
                plan=plan,
                series=series,
                observed=np.ascontiguousarray(part.observed[:, column]),
                stages=rows,
                excluded=dict(sorted(excluded.items())),
                missing={"limits": _reason(part, column, rows[-1])} if np.isnan(series.ucl).all() else {},
            )
        )
    return charts


def _cusum(part: Remembered, plan: CusumPlan) -> list[CusumChart]:
    in_sigma = plan.unit == "sigma"
    scale = np.where(part.sigma_x > 0, part.sigma_x, np.nan) if in_sigma else np.ones_like(part.observed)
    sums = memory.cusum(
        part,
        (part.observed - part.target) / scale,
        k=plan.k,
        h=plan.h,
        head_start=plan.head_start * plan.h,
        restart={"continue": None, "zero": 0.0, "head_start": plan.head_start * plan.h}[plan.after_signal],
    )
    charts = []
    for column, excluded in enumerate(part.excluded):
        rows = _stage_rows(part, column)
        upper, lower = (np.ascontiguousarray(side[:, column]) for side in (sums.upper, sums.lower))
        charts.append(
            CusumChart(
                plan=plan,
                upper=upper,
                lower=lower,
                observed=np.ascontiguousarray(part.observed[:, column]),
                signals=_signals(part, plan, sums, scale, column),
                stages=rows,
                excluded=dict(sorted(excluded.items())),
                missing={"sums": _reason(part, column, rows[-1])} if np.isnan(upper).all() else {},
            )
        )
    return charts


def _signals(
    part: Remembered, plan: CusumPlan, sums: memory.Sums, scale: FloatArray, column: int
) -> tuple[CusumSignal, ...]:
    found = []
    for side, sign, values, starts in (
        ("high", 1.0, sums.upper, sums.upper_start),
        ("low", -1.0, sums.lower, sums.lower_start),
    ):
        for point in np.flatnonzero(memory.is_above(values[:, column], plan.h)):
            start = int(starts[point, column])
            run = np.flatnonzero(part.counted[start : point + 1, column]).size
            head = plan.head_start * plan.h if sums.from_head[start, column] else 0.0
            shift = plan.k + (values[point, column] - head) / run
            mean = part.target[point, column] + sign * shift * scale[point, column]
            found.append(CusumSignal(int(point), side, start, float(values[point, column]), float(mean)))
    return tuple(sorted(found, key=lambda signal: (signal.point, signal.side)))


def _stage_rows(part: Remembered, column: int) -> tuple[TimeWeightedStage, ...]:
    stage = part.selection.stage
    count = 1 if stage is None else int(stage[:, column].max(initial=0)) + 1
    return tuple(
        TimeWeightedStage(
            optional(one.centre[column]), optional(one.sigma[column]), int(one.points_used[column])
        )
        for one in part.stages[:count]
    )


def _reason(part: Remembered, column: int, last: TimeWeightedStage) -> Missing:
    if not part.counted[:, column].any():
        return Missing.NO_VALUES
    if last.target is None:
        return Missing.NO_BASELINE
    if last.sigma is None:
        return Missing.ONE_VALUE if last.points_used == 1 else Missing.NO_WITHIN_SPREAD
    return Missing.ZERO_VARIANCE
