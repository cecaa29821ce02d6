"""What the caller decides about a chart, and limits that were decided before.

i_mr       single values and moving ranges of two
xbar_r     subgroup means and ranges           xbar_s     subgroup means and standard deviations
median_r   subgroup medians and ranges
three_way  means of lots with limits from their moving range, the moving ranges, and the spread within a lot:
           the chart for lots, whose pieces are alike while lots differ
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from quality.spc import estimators
from quality.spc.errors import SpcInputError
from quality.spc.inputs import number, one_of, positive
from quality.spc.rules import Rules, rule_set

CHARTS = ("i_mr", "xbar_r", "xbar_s", "median_r", "three_way")
LARGEST_RANGE_SUBGROUP = 10
"""Above this size a range wastes too much of the information; `auto` takes S instead of R."""

_USUAL_ESTIMATOR = {"i_mr": "mr", "xbar_r": "rbar", "xbar_s": "sbar", "median_r": "rbar"}


class Method(NamedTuple):
    """The chart and the estimator of the within standard deviation that `auto` came to."""

    chart: str
    estimator: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How a characteristic is charted.

    chart: one of CHARTS or "auto" (subgroup size 1: i_mr; 2 to 10: xbar_r; above: xbar_s).
    subgroup_size: how a flat series is cut, in order; what is left over is a smaller last subgroup.
    estimator: see `estimators.py`; "auto" is the chart's own (MR, R-bar, S-bar, weighted for unequal sizes),
        so that the sigma of the chart and of its capability are the same number.
    rules: preset name or Rules, for the primary chart; secondary_rules: for R, S and MR charts, by default
        only the points beyond the limits, and those only when `rules` asks for them.
    nsigma: distance of the control limits.
    Raises SpcInputError(argument=field).
    """

    chart: str = "auto"
    subgroup_size: int = 1
    estimator: str = "auto"
    rules: str | Rules | None = "nelson"
    secondary_rules: str | Rules | None = "auto"
    nsigma: float = 3.0

    def __post_init__(self) -> None:
        one_of("chart", self.chart, ("auto", *CHARTS), "chart")
        size = self.subgroup_size
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise SpcInputError("subgroup_size", f"must be a whole number of at least 1, not {size!r}")
        positive("nsigma", self.nsigma)
        rule_set(self.rules)
        if self.secondary_rules != "auto":
            rule_set(self.secondary_rules)
        if self.chart != "auto" or not isinstance(self.estimator, str) or self.estimator != "auto":
            method(self.chart, self.estimator, size if self.chart in ("auto", "i_mr") else max(size, 2))

    @property
    def primary_rule_set(self) -> Rules:
        """The rules of the primary chart."""
        return rule_set(self.rules)

    @property
    def secondary_rule_set(self) -> Rules:
        """The rules of the spread charts."""
        if self.secondary_rules == "auto":
            return self.primary_rule_set.for_spreads()
        return rule_set(self.secondary_rules)


def method(chart: str, estimator: str, subgroup_size: int) -> Method:
    """Decide chart and estimator for a subgroup size. Raises SpcInputError where they do not go together."""
    by_size = "xbar_r" if subgroup_size <= LARGEST_RANGE_SUBGROUP else "xbar_s"
    if chart == "auto":
        chart = "i_mr" if subgroup_size == 1 else by_size
    if chart == "i_mr" and subgroup_size != 1:
        raise SpcInputError(
            "subgroup_size", f"a chart of single values has subgroups of one, not {subgroup_size}"
        )
    allowed = estimators.OF_SINGLE_VALUES if chart == "i_mr" else estimators.OF_SUBGROUPS
    if isinstance(estimator, str) and estimator == "auto":
        return Method(chart, _USUAL_ESTIMATOR.get(chart) or _USUAL_ESTIMATOR[by_size])
    if not isinstance(estimator, str) or estimator not in allowed:
        raise SpcInputError(
            "estimator", f"{estimator!r} does not go with chart {chart}; possible: auto, {', '.join(allowed)}"
        )
    return Method(chart, estimator)


def within_estimator(estimator: str, subgroup_size: int) -> str:
    """The estimator that capability uses for a subgroup size: the one of the chart that `auto` draws."""
    return method("auto", estimator, subgroup_size).estimator


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that are given, not computed: locked ones, or known process parameters.

    centre, sigma: mean and standard deviation of single values; each that is given replaces its estimate.
    ucl, lcl: lines of the primary chart as drawn, for every point alike. When one of them is given the
        primary lines are these and no others: a missing one is no line, not a computed one.
    secondary_centre, secondary_ucl, secondary_lcl: the same for the secondary chart; without them its lines
        follow from sigma (given, or else from the distance of ucl and lcl).
    Raises SpcInputError(argument=field).
    """

    centre: float | None = None
    sigma: float | None = None
    ucl: float | None = None
    lcl: float | None = None
    secondary_centre: float | None = None
    secondary_ucl: float | None = None
    secondary_lcl: float | None = None

    def __post_init__(self) -> None:
        for name in LIMIT_FIELDS:
            value = getattr(self, name)
            if value is not None:
                number(name, value)
        if self.sigma is not None:
            positive("sigma", float(self.sigma))
        _in_order("lcl", self.lcl, self.centre, self.ucl)
        _in_order("secondary_lcl", self.secondary_lcl, self.secondary_centre, self.secondary_ucl)


LIMIT_FIELDS = ("centre", "sigma", "ucl", "lcl", "secondary_centre", "secondary_ucl", "secondary_lcl")


def _in_order(argument: str, *lines: float | None) -> None:
    given = [line for line in lines if line is not None]
    if given != sorted(given):
        raise SpcInputError(argument, "lcl, centre and ucl must be in this order")
