"""Recomputation of cases about control charts. Published point numbers count from 1, ours from 0."""

from __future__ import annotations

import math
from typing import Any

from quality.spc.arl import arl_cusum, arl_ewma
from quality.spc.attributes import AttributeChart, AttributePlan, attribute_chart
from quality.spc.charts import Series, control_chart
from quality.spc.constants import constant
from quality.spc.inputs import Subgroups
from quality.spc.multivariate import t2_limits
from quality.spc.plans import Limits, Plan
from quality.spc.rules import Rules, rule_set
from quality.spc.timeweighted import CusumPlan, EwmaPlan, cusum_chart, ewma_chart
from quality.spc.verify.checks import Checks

REMOVED = "removed in the published example"


def _beyond(series: Series) -> list[int]:
    return [violation.point + 1 for violation in series.violations if violation.rule == "1"]


def _excluded(data: dict[str, Any]) -> dict[int, str]:
    return {point - 1: REMOVED for point in data.get("exclude_1based", ())}


def xbar_r(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """X-bar and R chart: limits from phase 1, applied to phase 2."""
    first, later = data["subgroups_phase1"], data.get("subgroups_phase2", [])
    n = len(first[0])
    plan = Plan(chart="xbar_r", subgroup_size=n, rules="rule_1", nsigma=data["nsigma"])
    chart = control_chart(Subgroups([*first, *later]), plan, baseline=len(first))
    stage = chart.stages[0]
    found = {
        "center": stage.centre,
        "sigma_within": stage.sigma_within,
        "xbar_ucl": chart.primary.ucl[0],
        "xbar_lcl": chart.primary.lcl[0],
        "R_center": chart.secondary.centre[0],
        "R_ucl": chart.secondary.ucl[0],
        "R_lcl": chart.secondary.lcl[0],
        "phase2_xbar": chart.primary.points[len(first) :],
    }
    _compare(expected, found, checks)
    _phases(expected, "beyond_limits", chart.primary, len(first), checks)
    if "qcc_with_3_decimal_d2" in expected:
        other = expected["qcc_with_3_decimal_d2"]
        sigma = chart.secondary.centre[0] / round(constant("d2", n), 3)
        reach = data["nsigma"] * sigma / math.sqrt(n)
        centre = chart.primary.centre[0]
        rounded = {"sigma_within": sigma, "xbar_ucl": centre + reach, "xbar_lcl": centre - reach}
        _with_rounded_constants(other, rounded, checks)
    checks.published(expected, found)


def imr(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Chart of single values and moving ranges, with a second phase."""
    first, later = data["x_phase1"], data["x_phase2"]
    chart = control_chart([*first, *later], Plan(chart="i_mr", rules="rule_1"), baseline=len(first))
    robust = control_chart(first, Plan(chart="i_mr", estimator="sd", rules="rule_1"))
    stage = chart.stages[0]
    found = {
        "center": stage.centre,
        "mr_bar": chart.secondary.centre[0],
        "sigma_within": stage.sigma_within,
        "x_ucl": chart.primary.ucl[0],
        "x_lcl": chart.primary.lcl[0],
        "mr_ucl": chart.secondary.ucl[0],
        "mr_lcl": chart.secondary.lcl[0],
        "sigma_sd_over_c4": robust.stages[0].sigma_within,
    }
    _compare(expected, found, checks)
    _phases(expected, "beyond", chart.primary, len(first), checks)
    if "qcc_with_3_decimal_d2" in expected:
        sigma = chart.secondary.centre[0] / round(constant("d2", 2), 3)
        centre = chart.primary.centre[0]
        rounded = {"sigma_within": sigma, "x_ucl": centre + 3 * sigma, "x_lcl": centre - 3 * sigma}
        _with_rounded_constants(expected["qcc_with_3_decimal_d2"], rounded, checks)


def _compare(expected: dict[str, Any], found: dict[str, Any], checks: Checks) -> None:
    for name, value in found.items():
        if name in expected:
            checks.close(name, expected[name], value)


def _phases(expected: dict[str, Any], name: str, series: Series, first: int, checks: Checks) -> None:
    beyond = _beyond(series)
    for phase, points in ((1, [p for p in beyond if p <= first]), (2, [p for p in beyond if p > first])):
        key = f"phase{phase}_{name}_1based"
        if key in expected:
            checks.exact(key, expected[key], points)


def _with_rounded_constants(other: dict[str, Any], found: dict[str, Any], checks: Checks) -> None:
    for name, value in found.items():
        checks.close(f"{name} with d2 of three decimals", other[name], value)


def rules(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Where rules fire. The preset is told by the rule numbers: eight of Nelson, four of Western Electric."""
    is_western = "western" in checks.case
    preset, prefix = ("western_electric", "WE") if is_western else ("nelson", "")
    other = {"rule3_six_steps": "3", "rule4_fourteen_steps": "4"}
    for series in expected["series"]:
        fired = _fired(series["x"], data, rule_set(preset))
        found = {rule.removeprefix(prefix): points for rule, points in fired.items()}
        checks.exact(series["name"], series["fires_at_1based"], found)
        for convention, points in series.get("under_other_convention", {}).items():
            rule = other[convention]
            in_steps = rule_set("nelson").changed(rule, in_steps=True).only(rule)
            fired = _fired(series["x"], data, in_steps)
            checks.exact(f"{series['name']} {convention}", points, fired.get(rule, []))


def _fired(x: list[float], data: dict[str, Any], rules: Rules) -> dict[str, list[int]]:
    limits = Limits(centre=data["center"], sigma=data["sigma"])
    fired: dict[str, list[int]] = {}
    for violation in control_chart(x, Plan(rules=rules), limits=limits).primary.violations:
        points = fired.setdefault(violation.rule, [])
        if violation.point + 1 not in points:
            points.append(violation.point + 1)
    return fired


def p(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """p chart; with exclusions and new samples where the case has them."""
    counts = data["defectives_phase1"]
    first = attribute_chart(counts, data["n"], AttributePlan("p", rules="rule_1"))
    found = _attribute(first, "p")
    _compare(expected, found, checks)
    checks.exact("beyond_1based", expected["beyond_1based"], _beyond(first.series))
    if "exclude_1based" in data:
        later = [*counts, *data["defectives_phase2"]]
        plan = AttributePlan("p", rules="rule_1")
        chart = attribute_chart(later, data["n"], plan, baseline=len(counts), excluded=_excluded(data))
        revised = _attribute(chart, "p")
        after = expected["after_excluding_15_and_23"]
        _compare(after, revised, checks)
        still, new = "still_beyond_original_numbers", "phase2_beyond_revised_1based"
        beyond = _beyond(chart.series)
        checks.exact(still, after[still], [point for point in beyond if point <= len(counts)])
        checks.exact(new, expected[new], [point for point in beyond if point > len(counts)])
        found |= {f"revised_{name}": value for name, value in revised.items()}
    checks.published(expected, found)


def _attribute(chart: AttributeChart, letter: str) -> dict[str, Any]:
    ucl, lcl = chart.series.ucl[0], chart.series.lcl[0]
    return {f"{letter}bar": chart.stages[0].rate, "ucl": ucl, "lcl": lcl}


def u(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """u chart with limits for each size."""
    chart = attribute_chart(data["defects"], data["units"], AttributePlan("u", rules="rule_1"))
    checks.close("ubar", expected["ubar"], chart.stages[0].rate)
    checks.exact("beyond_1based", expected["beyond_1based"], _beyond(chart.series))
    found = {"ubar": chart.stages[0].rate, "ucl": chart.series.ucl, "lcl": chart.series.lcl}
    checks.published(expected, found)


def c(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """c chart; a point exactly at a limit is inside."""
    plan = AttributePlan("c", rules="rule_1")
    chart = attribute_chart(data["defects"], plan=plan)
    found = _attribute(chart, "c")
    _compare(expected, found, checks)
    checks.exact("beyond", expected["beyond_strict_1based"], _beyond(chart.series))
    if "at_limit_not_beyond_1based" in expected:
        lines = (chart.series.ucl[0], chart.series.lcl[0])
        at = [i + 1 for i, count in enumerate(data["defects"]) if count in lines]
        checks.exact("at the limit, not beyond", expected["at_limit_not_beyond_1based"], at)
    if "exclude_1based" in data:
        revised = _attribute(attribute_chart(data["defects"], plan=plan, excluded=_excluded(data)), "c")
        found |= {f"revised_{name}": value for name, value in revised.items()}
    checks.published(expected, found)


def ewma(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """EWMA with exact and with final limits."""
    known = {"target": data["target"], "sigma": data["sigma"]}
    chart = ewma_chart(data["x"], EwmaPlan(data["lambda"], data["L"]), **known)
    final = ewma_chart(data["x"], EwmaPlan(data["lambda"], data["L"], exact=False), **known)
    points = chart.series.points
    found = {
        "ewma": points,
        "ucl_exact": chart.series.ucl,
        "ucl_asymptotic": final.series.ucl[0],
        "lcl_asymptotic": final.series.lcl[0],
    }
    _compare(expected, found, checks)
    checks.exact("beyond_1based", expected["beyond_1based"], _beyond(chart.series))
    printed = {"ucl": final.series.ucl[0], "lcl": final.series.lcl[0], "first_ewma": points[:2]}
    checks.published(expected, printed | {"ewma": points, "first_ucl": chart.series.ucl[:2]})


def cusum(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Tabular CUSUM with its first signal."""
    plan = CusumPlan(data["k"], data["h"])
    chart = cusum_chart(data["x"], plan, target=data["target"], sigma=data["sigma"])
    first = chart.signals[0]
    checks.exact("first_signal_1based", expected["first_signal_1based"], first.point + 1)
    checks.exact("shift_began_after_1based", expected["shift_began_after_1based"], first.start)
    checks.published(expected, {"upper": chart.upper, "lower": chart.lower, "mean_after_shift": first.mean})


def arl(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Average run lengths of published tables."""
    shifts = data["shifts"]
    found = {
        "ewma": [arl_ewma(shifts, weight=row["lambda"], nsigma=row["L"]) for row in data["ewma"]],
        "cusum": [_cusum_arl(row, shifts) for row in data["cusum"]],
        "cusum_fast": [_cusum_arl(row, row["shifts"]) for row in data["cusum_fast"]],
    }
    checks.published(expected, found)


def _cusum_arl(row: dict[str, Any], shifts: list[float]) -> Any:
    return arl_cusum(shifts, k=row["k"], h=row["h"], head_start=row["head_start"])


def t2(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Limits of Hotelling's T² in both phases."""
    checks.published(expected, {"limits": list(t2_limits(**data))})
