"""How a case of each kind is recomputed: kind → function(data, expected, checks)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quality.spc.verify import chart_kinds, method_kinds, number_kinds, sampling_kinds
from quality.spc.verify.checks import Checks

Recompute = Callable[[dict[str, Any], dict[str, Any], Checks], None]

KINDS: dict[str, Recompute] = {
    "constants": number_kinds.constants,
    "numeric": number_kinds.numeric,
    "rounding": number_kinds.rounding,
    "spec_parse": number_kinds.spec_parse,
    "capability": number_kinds.capability,
    "capability_ci": number_kinds.degrees_of_freedom,
    "xbar_r": chart_kinds.xbar_r,
    "imr": chart_kinds.imr,
    "rules": chart_kinds.rules,
    "p": chart_kinds.p,
    "u": chart_kinds.u,
    "c": chart_kinds.c,
    "ewma": chart_kinds.ewma,
    "cusum": chart_kinds.cusum,
    "arl": chart_kinds.arl,
    "t2": chart_kinds.t2,
    "normality": method_kinds.normality,
    "attribute_capability": method_kinds.attribute_capability,
    "grr": method_kinds.grr,
    "linearity": method_kinds.linearity,
    "gauge_type1": method_kinds.gauge_type1,
    "sampling": sampling_kinds.plans,
    "switching": sampling_kinds.switching,
    "oc": sampling_kinds.oc,
    "variables_sampling": sampling_kinds.fractions,
    "variables_plan": sampling_kinds.variables_plans,
}
