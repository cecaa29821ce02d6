"""A whole report at once: capability, values out of specification, control charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.spc.capability import Capabilities
from quality.spc.charts import ControlChart, Violation, control_chart
from quality.spc.errors import SpcInputError
from quality.spc.inputs import Subgroups, one_per, whole_numbers
from quality.spc.judgement import SpecificationLimits
from quality.spc.moments import Moments, moments, outside
from quality.spc.plans import Limits, Plan
from quality.spc.rules import Rules, rule_set
from quality.spc.stats import Stats

_NO_POINTS: NDArray[np.intp] = np.zeros(0, dtype=np.intp)


class Study(Capabilities):
    """Columns of capability results (see `Capabilities`) with the values out of specification and the charts.

    Values are numbered as they were given, from 0; those of subgroups row by row.
    """

    def __init__(
        self, columns: Moments, confidence: float, values: Sequence[Any], out: _Outside, plan: _Cut
    ) -> None:
        super().__init__(columns, confidence)
        self._values = values
        self._plan = plan
        self._owner, self._position = out.columns()

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
        plan = Plan(
            chart, int(self._plan.sizes[index]), self._plan.estimator, rules, confidence=self.confidence
        )
        found: ControlChart = control_chart(self._values[index], plan, limits=limits)
        return found

    def violations(
        self,
        rules: str | Rules | Sequence[str | Rules | None] | None,
        *,
        chart: str = "auto",
        limits: Limits | Sequence[Limits | None] | None = None,
    ) -> dict[int, tuple[Violation, ...]]:
        """Violations by characteristic, for those that have any.

        rules, limits: one for all or one per characteristic. Where the rule set is empty nothing is charted.
        """
        m = len(self)
        sets = [
            rule_set(item) for item in one_per("rules", rules, m, lambda item: isinstance(item, str | Rules))
        ]
        given = one_per("limits", limits, m, lambda item: isinstance(item, Limits))
        groups: dict[tuple[Rules, int], list[int]] = {}
        for index, (own, size) in enumerate(zip(sets, self._plan.sizes.tolist(), strict=True)):
            if own.rules:
                groups.setdefault((own, size), []).append(index)
        found: dict[int, tuple[Violation, ...]] = {}
        for (own, size), members in groups.items():
            charts = control_chart(
                [self._values[index] for index in members],
                Plan(chart, size, self._plan.estimator, own),
                limits=[given[index] for index in members],
            )
            for place in np.flatnonzero(charts.signals).tolist():
                found[members[place]] = charts[place].violations
        return dict(sorted(found.items()))


class _Cut(NamedTuple):
    """How the values were cut into subgroups."""

    sizes: NDArray[np.int64]
    estimator: str


class _Outside:
    """Collects the values out of specification block by block."""

    def __init__(self) -> None:
        self._owners: list[NDArray[np.intp]] = []
        self._positions: list[NDArray[np.intp]] = []

    def __call__(self, stats: Stats, limits: SpecificationLimits) -> None:
        block = stats.block
        out = outside(block, limits.usl[block.indices], sign=1)
        out |= outside(block, limits.lsl[block.indices], sign=-1)
        if out.any():
            place, subgroup, column = np.nonzero(out)
            self._owners.append(block.indices[column])
            self._positions.append(subgroup * block.subgroup_size + place)

    def columns(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Characteristic and position of each, ordered by both."""
        if not self._owners:
            return _NO_POINTS, _NO_POINTS
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
    estimator: str = "auto",
    confidence: float = 0.95,
) -> Study:
    """Study many characteristics in one pass over their values.

    values: an array with a leading axis or a list of series of any lengths; None or NaN is a missing value.
    The other arguments are those of `capability`, one for all or one per characteristic.
    Raises SpcInputError for input that makes no sense.
    """
    if isinstance(values, Subgroups):
        raise SpcInputError("values", "must be many characteristics: a list of series or an array")
    out = _Outside()
    is_one, columns = moments(
        values,
        lsl=lsl,
        usl=usl,
        target=target,
        lower_bound=lower_bound,
        upper_bound=upper_bound,
        subgroup_size=subgroup_size,
        estimator=estimator,
        on_block=out,
    )
    if is_one and len(values):
        raise SpcInputError("values", "must be many characteristics: a list of series or an array")
    sizes = whole_numbers("subgroup_size", subgroup_size, len(columns.n))
    return Study(columns, confidence, values, out, _Cut(sizes, estimator))
