"""A whole report at once: capability, values out of specification, control charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quality.spc.capability import Capabilities
from quality.spc.chart_blocks import chart_block
from quality.spc.charts import ControlChart, ControlCharts, Violation, control_chart
from quality.spc.cuts import Cut, Cuts
from quality.spc.errors import SpcInputError
from quality.spc.inputs import IndexArray, Subgroups, one_per
from quality.spc.moments import Moments, OutOfSpec, moments
from quality.spc.plans import Limits, Plan, method
from quality.spc.rules import Rules, rule_set
from quality.spc.selection import Selection
from quality.spc.stats import Stats


class Study(Capabilities):
    """Columns of capability results (see `Capabilities`) with the values out of specification and the charts.

    Values are numbered as they were given, from 0; those of subgroups row by row. `charts` are those of
    `study_many(rules=…)`, None when it was not asked for them.
    """

    def __init__(
        self, columns: Moments, confidence: float, values: Sequence[Any], cuts: Cuts, seen: _Seen
    ) -> None:
        super().__init__(columns, confidence)
        self.charts = seen.charts
        self._values, self._cuts = values, cuts
        self._owner, self._position = seen.out_of_spec()

    @property
    def out_of_spec_count(self) -> NDArray[np.int64]:
        """How many values are outside of their limits, (m,)."""
        return self.moments.below + self.moments.above

    def out_of_spec(self, index: int) -> tuple[int, ...]:
        """Positions of the values of one characteristic that are outside of their limits."""
        start, stop = np.searchsorted(self._owner, [index, index + 1])
        return tuple(self._position[start:stop].tolist())

    def chart(
        self,
        index: int,
        *,
        rules: str | Rules | None = "nelson",
        chart: str = "auto",
        limits: Limits | None = None,
    ) -> ControlChart:
        """The control chart of one characteristic, with the subgroup size and estimator of the study."""
        size, estimator = self._cuts[index]
        found: ControlChart = control_chart(
            self._values[index], Plan(chart, size, estimator, rules), limits=limits
        )
        return found

    def violations(
        self,
        rules: str | Rules | Sequence[str | Rules | None] | None,
        *,
        chart: str | Sequence[str] = "auto",
        limits: Limits | Sequence[Limits | None] | None = None,
    ) -> dict[int, tuple[Violation, ...]]:
        """Violations by characteristic, for those that have any.

        rules, chart, limits: one for all or one per characteristic. Where the rule set is empty nothing is
        charted.
        """
        m = len(self)
        sets = one_per("rules", rules, m, lambda item: isinstance(item, str | Rules))
        charts = one_per("chart", chart, m, lambda item: isinstance(item, str))
        given = one_per("limits", limits, m, lambda item: isinstance(item, Limits))
        groups: dict[Plan, list[int]] = {}
        plans: dict[tuple[object, ...], Plan | None] = {}
        for index in range(m):
            size, estimator = self._cuts[index]
            key = (charts[index], size, estimator, sets[index])
            if key not in plans:
                own = rule_set(sets[index])
                plans[key] = Plan(charts[index], size, estimator, own) if len(own) else None
            plan = plans[key]
            if plan is not None:
                groups.setdefault(plan, []).append(index)
        found: dict[int, tuple[Violation, ...]] = {}
        for plan, members in groups.items():
            values = [self._values[index] for index in members]
            drawn = control_chart(values, plan, limits=[given[index] for index in members])
            for place in np.flatnonzero(drawn.signals).tolist():
                found[members[place]] = drawn.violations_of(place)
        return dict(sorted(found.items()))


class _Seen:
    """What is kept of every block on the way: the values out of specification, and charts if asked for."""

    def __init__(self, charts: ControlCharts | None, rules: Rules, chart: str) -> None:
        self.charts = charts
        self._rules, self._chart = rules, chart
        self._owners: list[IndexArray] = [np.zeros(0, dtype=np.intp)]
        self._positions: list[IndexArray] = [np.zeros(0, dtype=np.intp)]

    def __call__(self, stats: Stats, cut: Cut, out: OutOfSpec) -> None:
        self._owners.append(out.column)
        self._positions.append(out.position)
        if self.charts is not None:
            plan = Plan(self._chart, cut.size, cut.estimator, self._rules)
            decided = method(self._chart, cut.estimator, cut.size)
            block = chart_block(stats, plan, decided, Selection())
            self.charts.add(stats.block.indices, block, None)

    def out_of_spec(self) -> tuple[IndexArray, IndexArray]:
        """Characteristic and position of each, ordered by both."""
        owners, positions = np.concatenate(self._owners), np.concatenate(self._positions)
        order = np.lexsort((positions, owners))
        return owners[order], positions[order]


def study_many(
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
    rules: str | Rules | None = None,
    chart: str = "auto",
) -> Study:
    """Study many characteristics in one pass over their values.

    values: an array with a leading axis or a list of series of any lengths; None or NaN is a missing value.
    lsl … confidence: those of `capability`, one for all or one per characteristic.
    rules, chart: draw a control chart of every characteristic in the same pass (`study.charts`); for rules
    that differ see `Study.violations`. Raises SpcInputError for input that makes no sense.
    """
    if not _are_many(values):
        raise SpcInputError("values", "must be many characteristics: a list of series or an array")
    charts = None if rules is None else ControlCharts(len(values))
    seen = _Seen(charts, rule_set(rules), chart)
    _, columns, cuts = moments(
        values if len(values) else np.zeros((0, 0)),
        lsl=lsl,
        usl=usl,
        target=target,
        lower_bound=lower_bound,
        upper_bound=upper_bound,
        subgroup_size=subgroup_size,
        estimator=estimator,
        on_block=seen,
    )
    return Study(columns, confidence, values, cuts, seen)


def _are_many(values: Any) -> bool:
    if isinstance(values, Subgroups | str | bytes | Mapping) or not hasattr(values, "__len__"):
        return False
    return len(values) == 0 or isinstance(values[0], Subgroups) or hasattr(values[0], "__len__")
