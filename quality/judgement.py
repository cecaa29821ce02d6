"""Values and settings → verdicts, pure: many characteristics in one pass, one the same way.

A verdict is the status, the reasons as plain data (worded by `quality.wording`) and the
statistics. Points count from 0. Judged are the stored decimal values: equal to a limit is
inside, and both are decimals of at most 15 significant digits, which doubles tell apart
exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quality import spc
from quality.choices import Distribution, Index, ReasonCode, Status
from quality.spc.reasons import reason as why_missing

OK, NG = "OK", "NG"

NOT_NORMAL = "not_normal"
"""Why an index within subgroups does not exist where the distribution is set to another than the normal."""

_UNRULED = spc.Plan(rules="none")
_STATISTICS = ("mean", "minimum", "maximum", "sd_overall", "sd_within", "cp", "cpk", "pp", "ppk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One characteristic to judge: its values as written, its limits, its settings.

    `plan` carries the rules that make it abnormal (none by default); `limits` are locked control
    limits, which win over those computed from the values. A `distribution` other than the normal has
    percentiles instead of standard deviations: whatever `index` says, the overall one is judged.
    """

    values: Sequence[str | None]
    lsl: str = ""
    usl: str = ""
    plan: spc.Plan = _UNRULED
    lower_is_bound: bool = False
    upper_is_bound: bool = False
    limits: spc.Limits | None = None
    index: str = Index.OVERALL
    cpk_limit: str = "1.33"
    distribution: str = Distribution.NORMAL

    @property
    def is_attribute(self) -> bool:
        return any(value in (OK, NG) for value in self.values)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Status, reasons as stored, statistics as stored (missing ones null, with their reason)."""

    status: str
    reasons: list[dict[str, Any]] = field(default_factory=list)
    statistics: dict[str, Any] = field(default_factory=dict)


def judge(tasks: Sequence[Task]) -> list[Verdict]:
    """Return one verdict per task, in their order."""
    verdicts: dict[int, Verdict] = {}
    measured: list[int] = []
    for place, task in enumerate(tasks):
        if all(value is None for value in task.values):
            verdicts[place] = Verdict(Status.ERROR, [{"code": ReasonCode.NO_VALUES.value}])
        elif task.is_attribute:
            verdicts[place] = _judge_attribute(task)
        else:
            measured.append(place)
    if measured:
        chosen = [tasks[place] for place in measured]
        verdicts.update(zip(measured, _judge_measured(chosen), strict=True))
    return [verdicts[place] for place in range(len(tasks))]


def by_percentiles(
    values: Sequence[float | None],
    *,
    distribution: str,
    lsl: float | None,
    usl: float | None,
    lower_is_bound: bool,
    upper_is_bound: bool,
) -> spc.PercentileCapability:
    """Return the capability of a characteristic that is not normal (ISO 22514-2)."""
    found: spc.PercentileCapability = spc.percentile_capability(
        list(values),
        lsl=lsl,
        usl=usl,
        model=str(distribution),
        lower_bound=lower_is_bound,
        upper_bound=upper_is_bound,
    )
    return found


def _judge_attribute(task: Task) -> Verdict:
    bad = [point for point, value in enumerate(task.values) if value == NG]
    count = sum(value is not None for value in task.values)
    statistics = {"n": count, "not_good": len(bad), "missing": {}}
    if not bad:
        return Verdict(Status.NORMAL, [], statistics)
    return Verdict(Status.ABNORMAL, [{"code": ReasonCode.NOT_GOOD.value, "points": bad}], statistics)


def _judge_measured(tasks: Sequence[Task]) -> list[Verdict]:
    """Judge measured characteristics, each chart and estimator in one pass."""
    together: dict[tuple[str, str], list[int]] = {}
    for place, task in enumerate(tasks):
        together.setdefault((task.plan.chart, task.plan.estimator), []).append(place)
    verdicts: dict[int, Verdict] = {}
    for places in together.values():
        group = [tasks[place] for place in places]
        verdicts.update(zip(places, _judge_safely(group), strict=True))
    return [verdicts[place] for place in range(len(tasks))]


def _judge_safely(tasks: Sequence[Task]) -> list[Verdict]:
    """Judge in one pass; where one of them cannot be judged, each alone: it stops no other."""
    try:
        return _judge_together(tasks)
    except (spc.SpcInputError, ValueError) as error:
        if len(tasks) == 1:
            reason = {"code": ReasonCode.FAULT.value, "detail": str(error)}
            return [Verdict(Status.ERROR, [reason])]
        return [verdict for task in tasks for verdict in _judge_safely([task])]


def _judge_together(tasks: Sequence[Task]) -> list[Verdict]:
    values = [np.array([_number(value) for value in task.values]) for task in tasks]
    study = spc.study_many(
        values,
        lsl=np.array([_number(task.lsl) for task in tasks]),
        usl=np.array([_number(task.usl) for task in tasks]),
        lower_bound=np.array([task.lower_is_bound for task in tasks]),
        upper_bound=np.array([task.upper_is_bound for task in tasks]),
        subgroup_size=np.array([task.plan.subgroup_size for task in tasks]),
        estimator=tasks[0].plan.estimator,
    )
    columns = {name: getattr(study, name).tolist() for name in _STATISTICS}
    out_of_control = _out_of_control(study, tasks)
    out_counts = study.out_of_spec_count.tolist()
    counts = study.n.tolist()
    verdicts = []
    for place, task in enumerate(tasks):
        numbers = {name: _finite(column[place]) for name, column in columns.items()}
        absent = [name for name, number in numbers.items() if number is None]
        missing = {}
        if absent:
            one = study.moments.at(place)
            missing = {name: str(why_missing(name, one)) for name in absent}
        index, further = task.index, {}
        if task.distribution != Distribution.NORMAL:
            further = _without_normality(task, values[place], numbers, missing)
            index = Index.OVERALL
        reasons = []
        if out_counts[place]:
            reasons.append(_out_of_spec(task, study.out_of_spec(place)))
        judged = numbers["cpk" if index == Index.WITHIN else "ppk"]
        if judged is not None and judged < float(task.cpk_limit):
            reason = {
                "code": ReasonCode.CAPABILITY.value,
                "index": str(index),
                "value": judged,
                "limit": task.cpk_limit,
            }
            if further:
                reason["distribution"] = str(task.distribution)
            reasons.append(reason)
        if place in out_of_control:
            reasons.extend(_rule_reasons(out_of_control[place]))
        verdicts.append(
            Verdict(
                Status.ABNORMAL if reasons else Status.NORMAL,
                reasons,
                {
                    "n": counts[place],
                    "subgroup_size": task.plan.subgroup_size,
                    **numbers,
                    "out_of_spec": out_counts[place],
                    "missing": missing,
                    **further,
                },
            )
        )
    return verdicts


def _without_normality(
    task: Task, values: np.ndarray, numbers: dict[str, float | None], missing: dict[str, str]
) -> dict[str, Any]:
    """Put the indices by percentiles in the place of the usual ones; return what else is stored.

    The usual one stays beside them, because it is what a report prints.
    """
    usual = numbers["ppk"]
    found = by_percentiles(
        values.tolist(),
        distribution=task.distribution,
        lsl=_finite(_number(task.lsl)),
        usl=_finite(_number(task.usl)),
        lower_is_bound=task.lower_is_bound,
        upper_is_bound=task.upper_is_bound,
    )
    numbers |= {"pp": found.pp, "ppk": found.ppk, "cp": None, "cpk": None}
    for name in ("pp", "ppk", "cp", "cpk"):
        missing.pop(name, None)
    missing |= {name: str(found.missing[name]) for name in ("pp", "ppk") if name in found.missing}
    missing |= dict.fromkeys(("cp", "cpk"), NOT_NORMAL)
    return {"distribution": str(task.distribution), "ppk_normal": usual}


def _number(text: str | None) -> float:
    return float(text) if text else math.nan


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _out_of_spec(task: Task, points: Sequence[int]) -> dict[str, Any]:
    values = [task.values[point] for point in points]
    is_over = [bool(task.usl) and float(value or "nan") > float(task.usl) for value in values]
    side = "upper" if all(is_over) else "both" if any(is_over) else "lower"
    return {
        "code": ReasonCode.OUT_OF_SPEC.value,
        "points": list(points),
        "values": values,
        "side": side,
        "limit": {"upper": task.usl, "lower": task.lsl}.get(side, ""),
        "limits": [task.lsl, task.usl],
    }


def _out_of_control(study: spc.Study, tasks: Sequence[Task]) -> dict[int, spc.ControlChart]:
    """Return the charts on which a rule fires that the characteristic has switched on, by place."""
    rules = [task.plan.primary_rule_set for task in tasks]
    if not any(rules):
        return {}
    chart, limits = tasks[0].plan.chart, [task.limits for task in tasks]
    return {
        place: study.chart(place, rules=rules[place], chart=chart, limits=limits[place])
        for place in study.violations(rules, chart=chart, limits=limits)
    }


_PART_NAMES = {"x": "i"}
_SIDES = {"high": "upper", "low": "lower"}


def _rule_reasons(chart: spc.ControlChart) -> list[dict[str, Any]]:
    """Draw the violations of one rule on one chart and side together into one reason."""
    together: dict[tuple[str, str, str], list[spc.Violation]] = {}
    for series in chart.series:
        for violation in series.violations:
            key = (violation.rule, series.kind, violation.side)
            together.setdefault(key, []).append(violation)
    return [
        {
            "code": ReasonCode.CONTROL_RULE.value,
            "rule": int(rule) if rule.isdigit() else rule,
            "chart": _PART_NAMES.get(kind, kind),
            "points": [violation.point for violation in group],
            "values": [violation.value for violation in group],
            "limit": group[-1].limit,
            "side": _SIDES.get(side, side),
        }
        for (rule, kind, side), group in together.items()
    ]
