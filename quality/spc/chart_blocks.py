"""One block of charts: points, lines and rule hits of every series, for all its characteristics at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.spc import estimators, lines
from quality.spc.inputs import FloatArray
from quality.spc.lines import Parameters, Sizes
from quality.spc.patterns import Comparison, Lines, firings
from quality.spc.plans import LARGEST_RANGE_SUBGROUP, LIMIT_FIELDS, Limits, Method, Plan
from quality.spc.rules import Rule, Rules
from quality.spc.selection import Mask, Selection
from quality.spc.stats import Stats

SIDES = ("high", "low", "both")


class Hits(NamedTuple):
    """Rule hits in columns, ordered by characteristic, then point: `column` is the place within the block."""

    column: NDArray[np.intp]
    point: NDArray[np.intp]
    rule: NDArray[np.intp]
    side: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SeriesBlock:
    """One chart of the pair (or three) for all characteristics of a block."""

    kind: str
    points: FloatArray
    lines: Lines
    sizes: Sizes
    rules: tuple[Rule, ...]
    hits: Hits


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """The charts of a block with the parameters of each stage."""

    method: Method
    nsigma: float
    selection: Selection
    parameters: tuple[Parameters, ...]
    given: NDArray[np.bool_]
    series: tuple[SeriesBlock, ...]


def chart_block(
    stats: Stats, plan: Plan, method: Method, selection: Selection, limits: GivenLimits
) -> ChartBlock:
    """Compute the charts of a block."""
    with np.errstate(invalid="ignore", divide="ignore"):
        stages = _parameters(stats, method, selection, limits)
        series = [_primary(stats, plan, method, selection, stages, limits)]
        series += _secondary(stats, plan, method, selection, stages, limits)
    return ChartBlock(method, plan.nsigma, selection, stages, limits.any_given, tuple(series))


class GivenLimits:
    """The `Limits` of a block's characteristics in columns, NaN where not given, (m,) each."""

    def __init__(self, limits: Sequence[Limits | None]) -> None:
        columns = {
            name: np.array([_number(entry, name) for entry in limits], dtype=np.float64)
            for name in LIMIT_FIELDS
        }
        self.centre, self.sigma = columns["centre"], columns["sigma"]
        nothing = np.full(len(limits), np.nan)
        self.primary = Lines(columns["centre"], columns["ucl"], columns["lcl"], nothing, nothing)
        self.secondary = Lines(
            columns["secondary_centre"], columns["secondary_ucl"], columns["secondary_lcl"], nothing, nothing
        )
        self.has_primary = ~np.isnan(columns["ucl"]) | ~np.isnan(columns["lcl"])
        self.has_secondary = ~np.isnan(columns["secondary_ucl"]) | ~np.isnan(columns["secondary_lcl"])
        self.any_given = np.array([entry is not None for entry in limits], dtype=np.bool_)

    def implied_sigma(self, nsigma: float, unit: FloatArray) -> FloatArray:
        """The given sigma, else the one that the given lines of the primary chart stand for."""
        up, down = self.primary.ucl - self.centre, self.centre - self.primary.lcl
        distance = np.where(np.isnan(up), down, np.where(np.isnan(down), up, (up + down) / 2.0))
        implied = distance / nsigma / unit
        return np.where(np.isnan(self.sigma), np.where(implied > 0, implied, np.nan), self.sigma)


def _number(limits: Limits | None, name: str) -> float:
    value = None if limits is None else getattr(limits, name)
    return np.nan if value is None else float(value)


def _parameters(
    stats: Stats, method: Method, selection: Selection, limits: GivenLimits
) -> tuple[Parameters, ...]:
    used = selection.used
    if selection.stage is None:
        stages = [lines.estimate(stats, method, selection, used)]
    else:
        count = int(selection.stage.max(initial=-1)) + 1
        masks = [selection.stage == code for code in range(count)]
        stages = [
            lines.estimate(stats, method, selection, mask if used is None else mask & used) for mask in masks
        ]
    return tuple(
        replace(stage, centre=_prefer(limits.centre, stage.centre), sigma=_prefer(limits.sigma, stage.sigma))
        for stage in stages
    )


def _prefer(given: FloatArray, estimated: FloatArray) -> FloatArray:
    return np.where(np.isnan(given), estimated, given)


def _primary(
    stats: Stats,
    plan: Plan,
    method: Method,
    selection: Selection,
    stages: tuple[Parameters, ...],
    limits: GivenLimits,
) -> SeriesBlock:
    points, sizes = lines.plotted(stats, method.chart), lines.plotted_sizes(stats.block)
    centre = lines.by_stage(selection, [stage.centre for stage in stages], points.shape)
    if method.chart == "three_way":
        sigma = lines.by_stage(selection, [stage.sigma_points for stage in stages], points.shape)
        computed = lines.lot_lines(centre, sigma, plan.nsigma)
    else:
        sigma = lines.by_stage(selection, [stage.sigma for stage in stages], points.shape)
        computed = lines.location_lines(centre, sigma, sizes, method.chart, plan.nsigma)
    if limits.has_primary.any():
        computed = lines.given_lines(computed, limits.primary, limits.has_primary, plan.nsigma)
    kind = {"i_mr": "x", "median_r": "median"}.get(method.chart, "xbar")
    return series_block(kind, points, computed, sizes, plan.primary_rule_set, selection, selection.excluded)


def _secondary(
    stats: Stats,
    plan: Plan,
    method: Method,
    selection: Selection,
    stages: tuple[Parameters, ...],
    limits: GivenLimits,
) -> list[SeriesBlock]:
    sizes = lines.plotted_sizes(stats.block)
    rules = plan.secondary_rule_set
    result = []
    if method.chart in ("i_mr", "three_way"):
        points = estimators.moving_ranges(lines.plotted(stats, method.chart), starts=selection.starts)
        sigmas = [stage.sigma_points if method.chart == "three_way" else stage.sigma for stage in stages]
        kind, two = "mr", np.full((1, 1), 2, dtype=np.int64)
        excluded = selection.excluded
        if excluded is not None:  # a range beside an excluded point is not tested either
            excluded = excluded.copy()
            excluded[1:] |= selection.excluded[:-1]  # type: ignore[index]
        result.append((kind, points, sigmas, two, excluded))
    if method.chart != "i_mr":
        kind = "r" if method.chart in ("xbar_r", "median_r") else "s"
        if method.chart == "three_way" and stats.block.subgroup_size <= LARGEST_RANGE_SUBGROUP:
            kind = "r"
        points = stats.ranges if kind == "r" else stats.deviations
        result.append((kind, points, [stage.sigma for stage in stages], sizes, selection.excluded))
    found = []
    for place, (kind, points, sigmas, shown, excluded) in enumerate(result):
        sigma = lines.by_stage(selection, sigmas, points.shape)
        if place == 0 and method.chart != "three_way":
            unit = lines.unit_of(method.chart, lines.modal_size(stats.block.sizes, selection.used))
            implied = limits.implied_sigma(plan.nsigma, unit)
            sigma = np.where(limits.has_primary & ~np.isnan(implied), implied, sigma)
        computed = lines.spread_lines(sigma, shown, kind, plan.nsigma)
        if place == 0 and limits.has_secondary.any():
            computed = lines.given_lines(computed, limits.secondary, limits.has_secondary, plan.nsigma)
        found.append(series_block(kind, points, computed, shown, rules, selection, excluded))
    return found


def series_block(
    kind: str,
    points: FloatArray,
    computed: Lines,
    sizes: Sizes,
    rules: Rules,
    selection: Selection,
    excluded: Mask | None,
) -> SeriesBlock:
    """One chart of a block with its rule hits; missing and excluded points are not tested."""
    tested: Mask | None = ~np.isnan(points)
    if tested is not None and tested.all():
        tested = None
    if excluded is not None:
        tested = ~excluded if tested is None else tested & ~excluded
    comparison = Comparison(points, computed, tested=tested, starts=selection.starts)
    return SeriesBlock(
        kind, points, computed, sizes, tuple(rules), find_hits(comparison, rules, points.shape[1])
    )


def find_hits(comparison: Comparison, rules: Rules, width: int) -> Hits:
    """Collect where rules fire, in columns."""
    places = {rule.id: place for place, rule in enumerate(rules)}
    found = []
    for rule, side, fired in firings(comparison, rules):
        if fired.any():
            fired = np.broadcast_to(fired, (len(fired), width))
            point, column = np.nonzero(fired)
            code = np.full(point.shape, places[rule.id]), np.full(point.shape, SIDES.index(side))
            found.append((column, point + rule.window - 1, *code))
    if not found:
        empty = np.zeros(0, dtype=np.intp)
        return Hits(empty, empty, empty, empty)
    column, point, rule_place, side_code = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((side_code, rule_place, point, column))
    return Hits(column[order], point[order], rule_place[order], side_code[order])
