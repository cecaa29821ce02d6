"""One block of charts: points, lines and rule hits of every series, for all its characteristics at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.spc import estimators, lines
from quality.spc.given import GivenLimits
from quality.spc.inputs import FloatArray
from quality.spc.lines import Parameters, Sizes
from quality.spc.patterns import Comparison, Lines, firings
from quality.spc.plans import LARGEST_RANGE_SUBGROUP, Method, Plan
from quality.spc.rules import Rule, Rules
from quality.spc.selection import Mask, Selection
from quality.spc.stats import Stats

SIDES = ("high", "low", "both")


class Hits(NamedTuple):
    """Rule hits in columns, ordered by characteristic, then point: `column` is the place within the block."""

    column: NDArray[np.int64]
    point: NDArray[np.int64]
    rule: NDArray[np.int64]
    side: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SeriesBlock:
    """One chart of the pair (or three) for all characteristics of a block.

    `lengths` (m,) tells how many points belong to each where that differs.
    """

    kind: str
    points: FloatArray
    lines: Lines
    sizes: Sizes
    rules: tuple[Rule, ...]
    hits: Hits
    lengths: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """The charts of a block with the parameters of each stage; `given` tells who has given limits."""

    method: Method
    nsigma: float
    selection: Selection
    parameters: tuple[Parameters, ...]
    given: Mask | None
    series: tuple[SeriesBlock, ...]


def chart_block(
    stats: Stats, plan: Plan, method: Method, selection: Selection, limits: GivenLimits | None = None
) -> ChartBlock:
    """Compute the charts of a block."""
    with np.errstate(invalid="ignore", divide="ignore"):
        work = _Work(stats, plan, method, selection, limits)
        series = (work.location(), *work.spreads())
    given = None if limits is None else limits.is_given
    lengths = stats.block.points
    if lengths is not None:
        series = tuple(replace(one, lengths=lengths) for one in series)
    return ChartBlock(method, plan.nsigma, selection, work.stages, given, series)


class _Work:
    """The steps from statistics to series."""

    def __init__(
        self, stats: Stats, plan: Plan, method: Method, selection: Selection, limits: GivenLimits | None
    ) -> None:
        self.stats, self.plan, self.chart = stats, plan, method.chart
        self.selection, self.limits = selection, limits
        self.points = lines.plotted(stats, method.chart)
        self.sizes = lines.plotted_sizes(stats.block)
        stages = [lines.estimate(stats, method, selection, use) for use in selection.used_by_stage()]
        self.stages = tuple(stages if limits is None else map(limits.parameters, stages))

    def _by_stage(self, name: str) -> FloatArray:
        return lines.by_stage(self.selection, [getattr(stage, name) for stage in self.stages])

    def location(self) -> SeriesBlock:
        """The primary chart: single values, means or medians."""
        nsigma, centre = self.plan.nsigma, self._by_stage("centre")
        if self.chart == "three_way":
            computed = lines.lot_lines(centre, self._by_stage("sigma_points"), nsigma)
        else:
            computed = lines.location_lines(centre, self._by_stage("sigma"), self.sizes, self.chart, nsigma)
        if self.limits is not None:
            computed = self.limits.primary(computed, nsigma)
        kind = {"i_mr": "x", "median_r": "median"}.get(self.chart, "xbar")
        rules, selection = self.plan.primary_rule_set, self.selection
        return series_block(kind, self.points, computed, self.sizes, rules, selection, selection.excluded)

    def spreads(self) -> Iterator[SeriesBlock]:
        """The secondary chart, and the one within lots of a three-way chart."""
        if self.chart == "i_mr":
            yield self._moving_ranges(self._sigma_of_lines(self._by_stage("sigma")))
        elif self.chart == "three_way":
            yield self._moving_ranges(self._by_stage("sigma_points"))
            small = self.stats.block.subgroup_size <= LARGEST_RANGE_SUBGROUP
            yield self._within("r" if small else "s", self._by_stage("sigma"), is_secondary=False)
        else:
            sigma = self._sigma_of_lines(self._by_stage("sigma"))
            yield self._within("s" if self.chart == "xbar_s" else "r", sigma, is_secondary=True)

    def _sigma_of_lines(self, sigma: FloatArray) -> FloatArray:
        if self.limits is None:
            return sigma
        modal = lines.modal_size(self.stats.block.sizes, self.selection.used)
        return self.limits.sigma_of_lines(sigma, self.plan.nsigma, lines.unit_of(self.chart, modal))

    def _moving_ranges(self, sigma: FloatArray) -> SeriesBlock:
        points = estimators.moving_ranges(self.points, starts=self.selection.starts)
        excluded = self.selection.excluded
        if excluded is not None:  # a range beside an excluded point is not tested either
            excluded = excluded | np.concatenate([np.zeros_like(excluded[:1]), excluded[:-1]])
        return self._spread("mr", points, sigma, np.full((1, 1), 2, dtype=np.int64), excluded, True)

    def _within(self, kind: str, sigma: FloatArray, *, is_secondary: bool) -> SeriesBlock:
        points = self.stats.ranges if kind == "r" else self.stats.deviations
        return self._spread(kind, points, sigma, self.sizes, self.selection.excluded, is_secondary)

    def _spread(
        self,
        kind: str,
        points: FloatArray,
        sigma: FloatArray,
        sizes: Sizes,
        excluded: Mask | None,
        is_secondary: bool,
    ) -> SeriesBlock:
        computed = lines.spread_lines(sigma, sizes, kind, self.plan.nsigma)
        if self.limits is not None and is_secondary:
            computed = self.limits.secondary(computed, self.plan.nsigma)
        rules = self.plan.secondary_rule_set
        return series_block(kind, points, computed, sizes, rules, self.selection, excluded)


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
    comparison = Comparison(points, computed, excluded=excluded, starts=selection.starts)
    return SeriesBlock(kind, points, computed, sizes, tuple(rules), find_hits(comparison, rules))


def find_hits(comparison: Comparison, rules: Rules) -> Hits:
    """Collect where rules fire, in columns."""
    count, width = comparison.points.shape
    places = {rule.id: place for place, rule in enumerate(rules)}
    codes = [np.zeros(0, dtype=np.int64)]
    base = len(places) * len(SIDES)
    for rule, side, fired in firings(comparison, rules):
        at = fired.ravel().nonzero()[0]
        if at.size:
            # One number says all: sorting the numbers sorts by characteristic, point, rule and side.
            point, column = np.divmod(at, width)
            code = column * count + point + rule.window - 1
            codes.append(code * base + places[rule.id] * len(SIDES) + SIDES.index(side))
    code = np.sort(np.concatenate(codes))
    code, side_code = np.divmod(code, len(SIDES))
    code, rule_place = np.divmod(code, max(len(places), 1))
    column, point = np.divmod(code, max(count, 1))
    return Hits(column, point, rule_place, side_code)
