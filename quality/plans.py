"""From a characteristic's settings to what the engine is asked: one place for judgement and pages.

No queries: everything arrives loaded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from quality import spc
from quality.choices import Chart
from quality.judgement import NG, OK
from quality.models import Characteristic, ControlLimits
from quality.models.reports import ReportEntry
from quality.spc.estimators import OF_SINGLE_VALUES, OF_SUBGROUPS
from quality.spc.plans import method


def subgroup_size(characteristic: Characteristic, entry: ReportEntry) -> int:
    """Return the size that the values are cut into: that of the settings, else that of the report.

    A chart of single values looks at single values.
    """
    return 1 if characteristic.chart == Chart.I_MR else characteristic.subgroup_size or entry.subgroup_size


def rules_of(characteristic: Characteristic) -> spc.Rules:
    """Return the rules that are drawn: the preset with the parameters that were changed."""
    return _rules(characteristic.rule_preset, json.dumps(characteristic.rule_parameters))


@lru_cache(maxsize=1024)
def _rules(preset: str, parameters: str) -> spc.Rules:
    rules = spc.rule_set(preset)
    for rule_id, fields in json.loads(parameters).items():
        rules = rules.changed(rule_id, **fields)
    return rules


def alarm_rules_of(characteristic: Characteristic, default: Sequence[Any]) -> spc.Rules:
    """Return those of the drawn rules that make an entry abnormal; empty by default."""
    switched_on = tuple(str(rule) for rule in (characteristic.alarm_rules or default))
    return _those_of(rules_of(characteristic), switched_on) if switched_on else spc.PRESETS["none"]


@lru_cache(maxsize=1024)
def _those_of(rules: spc.Rules, ids: tuple[str, ...]) -> spc.Rules:
    known = {rule.id for rule in rules}
    return rules.only(*(rule for rule in ids if rule in known))


def plan_of(
    characteristic: Characteristic, *, subgroup_size: int, rules: spc.Rules | None = None
) -> spc.Plan:
    """Return the plan of one chart.

    Values that were not taken in subgroups have no chart of subgroups, and an estimator that
    does not go with the chart gives way to the chart's own. The estimator is named, never left
    open: chart and indices have one sigma.
    """
    chart = Chart.I_MR.value if subgroup_size == 1 else str(characteristic.chart)
    allowed = OF_SINGLE_VALUES if subgroup_size == 1 else OF_SUBGROUPS
    wanted = str(characteristic.estimator) if characteristic.estimator in allowed else "auto"
    estimator = method(chart, wanted, subgroup_size).estimator
    return _plan(chart, subgroup_size, estimator, rules_of(characteristic) if rules is None else rules)


@lru_cache(maxsize=1024)
def _plan(chart: str, subgroup_size: int, estimator: str, rules: spc.Rules) -> spc.Plan:
    """Return a checked plan; the thousands of characteristics of a report share a handful."""
    return spc.Plan(chart=chart, subgroup_size=subgroup_size, estimator=estimator, rules=rules)


def limits_of(row: ControlLimits | None) -> spc.Limits | None:
    """Return a locked version as the engine takes it."""
    if row is None:
        return None
    return spc.Limits(
        centre=row.centre,
        sigma=row.sigma,
        ucl=row.ucl,
        lcl=row.lcl,
        secondary_centre=row.secondary_centre,
        secondary_ucl=row.secondary_ucl,
        secondary_lcl=row.secondary_lcl,
    )


def numbers(values: Sequence[str | None]) -> list[float]:
    """Return stored decimal texts as floats, NaN where a sample is missing."""
    return [float(value) if value else math.nan for value in values]


def is_measured(values: Sequence[str | None]) -> bool:
    """Say whether values are numbers, at least one, rather than OK and NG or nothing."""
    given = [value for value in values if value is not None]
    return bool(given) and not any(value in (OK, NG) for value in given)


__all__ = ["alarm_rules_of", "is_measured", "limits_of", "numbers", "plan_of", "rules_of", "subgroup_size"]
