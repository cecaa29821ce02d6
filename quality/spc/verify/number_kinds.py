"""Recomputation of cases about constants, plain numbers, notations and capability."""

from __future__ import annotations

from typing import Any

import numpy as np

from quality.spc.capability import Capability
from quality.spc.capability import capability as compute_capability
from quality.spc.constants import constant
from quality.spc.inputs import Subgroups
from quality.spc.numbers import round_gbt8170
from quality.spc.specifications import parse_spec
from quality.spc.verify.checks import Checks

ESTIMATORS = {"Rbar/d2": "rbar"}


def constants(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Control chart constants, exact and as printed."""
    for n, row in zip(data["n"], expected["rows"], strict=True):
        checks.exact("n", row["n"], n)
        for name, value in row.items():
            if name != "n":
                checks.close(f"{name}({n})", value, constant(name, n))
    for key, printed in expected["published_rounded"].items():
        n = int(key.removeprefix("n="))
        for name, value in printed.items():
            if name == "E2":  # printed tables divide 3 by d2 of three decimals: 2.660, not 2.6587
                checks.close(f"E2({n}) (published)", value, 3.0 / round(constant("d2", n), 3), "published_")
            else:
                checks.close(f"{name}({n}) (published)", value, constant(name, n), "published_")


def numeric(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Mean and standard deviation of numerically difficult data."""
    for name, certified in expected.items():
        found = compute_capability(_series(data[name]))
        checks.close(f"{name} mean", certified["mean"], found.mean, "mean_")
        checks.close(f"{name} sd", certified["sd"], found.sd_overall, "sd_")


def _series(described: Any) -> list[float]:
    if isinstance(described, list):
        return described
    series = [described["first"], *described["then_alternating"] * described["repeats"]]
    assert len(series) == described["n"]
    return series


def rounding(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Rounding of GB/T 8170."""
    for one, rounded in zip(data["cases"], expected["rounded"], strict=True):
        _rounded(one, rounded, checks)
    if "once_only" in expected:
        once = expected["once_only"]
        _rounded(once, once["rounded"], checks)
        twice = round_gbt8170(str(round_gbt8170(once["x"], interval="0.001")), interval=once["interval"])
        checks.exact("rounded twice (wrong)", once["wrong_by_repeated_rounding"], f"{twice:f}")


def _rounded(one: dict[str, str], rounded: str, checks: Checks) -> None:
    found = round_gbt8170(one["x"], interval=one["interval"])
    checks.exact(f"{one['x']} to {one['interval']}", rounded, f"{found:f}")


def spec_parse(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Specification notations of drawings."""
    for text, limits in zip(data["strings"], expected["parsed"], strict=True):
        found = parse_spec(text)
        for name, value in limits.items():
            got = getattr(found, name)
            checks.close(f"{text} {name}", value, None if got is None else float(got))


def capability(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Capability indices, from subgroups or from a mean and a standard deviation."""
    limits = {"lsl": data["lsl"], "usl": data["usl"]}
    if "subgroups" in data:
        estimator = ESTIMATORS[data["sigma_method"]]
        found = compute_capability(Subgroups(data["subgroups"]), estimator=estimator, **limits)
        results = _within(found) | _overall(found)
    else:
        half = data["sd"] / np.sqrt(2.0)  # two values with exactly this mean and standard deviation
        two = [data["mean"] - half, data["mean"] + half]
        found = compute_capability(two, target=data["target"], **limits)
        overall = _overall(found)
        # With one standard deviation only, the book's Cp is our index of the overall one.
        results = {name.replace("Pp", "Cp"): value for name, value in overall.items()}
        results |= {"Cpm": found.cpm, "ppm_below": found.ppm_expected_overall_below}
        results["ppm_above"] = found.ppm_expected_overall_above
    for name, value in expected.items():
        if name != "published":
            checks.close(name, value, results[name])
    checks.published(expected, results)


def _within(found: Capability) -> dict[str, float | None]:
    return {
        "Cp": found.cp,
        "Cpl": found.cpl,
        "Cpu": found.cpu,
        "Cpk": found.cpk,
        "ppm_below_within": found.ppm_expected_within_below,
        "ppm_above_within": found.ppm_expected_within_above,
    }


def _overall(found: Capability) -> dict[str, float | None]:
    return {"Pp": found.pp, "Ppl": found.ppl, "Ppu": found.ppu, "Ppk": found.ppk}


def degrees_of_freedom(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Degrees of freedom of the within standard deviation; they do not depend on the values."""
    for row in expected["subgrouped"]:
        values = np.sin(np.arange(row["k"] * row["n"], dtype=np.float64))
        for estimator in ("pooled", "rbar", "sbar"):
            found = compute_capability(values, usl=1.0, subgroup_size=row["n"], estimator=estimator)
            checks.close(f"{estimator} of {row['k']} x {row['n']}", row[estimator], found.df_within)
    points = data["average_moving_range"]["points"]
    found = compute_capability(np.sin(np.arange(float(points))), usl=1.0, estimator="mr")
    checks.close(f"moving range of {points}", expected["average_moving_range_df"], found.df_within)
