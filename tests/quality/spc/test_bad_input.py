"""Whatever is wrong with an argument, one error type says so and names the argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quality import spc
from quality.spc import sampling
from quality.spc.missing import jsonable

GOOD = [1.0, 2.0, 3.0, 2.5, 1.5, 2.2, 1.8, 2.1, 2.4]
NONSENSE: list[Any] = [
    "abc",
    b"12",
    True,
    {"a": 1},
    object(),
    [object()],
    [1, [2, 3]],
    np.array(["1", "2"]),
    1 + 1j,
]

VALUES: dict[str, Callable[[Any], object]] = {
    "control_chart": spc.control_chart,
    "capability": lambda v: spc.capability(v, lsl=0, usl=5),
    "study_many": lambda v: spc.study_many(v, rules="nelson"),
    "study_many, one of two": lambda v: spc.study_many([GOOD, v]),
    "out_of_spec": lambda v: spc.out_of_spec(v, 0, 5),
    "quality_warnings": spc.quality_warnings,
    "normality": spc.normality,
    "candidates": spc.candidates,
    "fit_distribution": lambda v: spc.fit_distribution(v, "weibull"),
    "box_cox": spc.box_cox,
    "johnson": spc.johnson,
    "percentile_capability": lambda v: spc.percentile_capability(v, usl=5),
    "ewma_chart": spc.ewma_chart,
    "cusum_chart": spc.cusum_chart,
    "hotelling_t2": spc.hotelling_t2,
    "gauge_rr": spc.gauge_rr,
    "gauge_type1": lambda v: spc.gauge_type1(v, reference=2, tolerance=1),
    "judge_variables": lambda v: sampling.judge_variables(sampling.variables_plan(100, 1.0), v, usl=5),
}
COUNTS: dict[str, Callable[[Any], object]] = {
    "attribute_chart": lambda v: spc.attribute_chart(v, 50, spc.AttributePlan("p")),
    "binomial_capability": lambda v: spc.binomial_capability(v, 50),
    "poisson_capability": spc.poisson_capability,
}
NAMED: dict[str, Callable[[Any], object]] = {
    "lsl": lambda v: spc.capability(GOOD, lsl=v),
    "usl": lambda v: spc.capability(GOOD, usl=v),
    "target": lambda v: spc.capability(GOOD, target=v),
    "subgroup_size": lambda v: spc.Plan(subgroup_size=v),
    "estimator": lambda v: spc.Plan(estimator=v),
    "chart": lambda v: spc.Plan(chart=v),
    "rules": lambda v: spc.Plan(rules=v),
    "nsigma": lambda v: spc.Plan(nsigma=v),
    "confidence": lambda v: spc.capability(GOOD, usl=5, confidence=v),
    "stages": lambda v: spc.control_chart(GOOD, stages=v),
    "excluded": lambda v: spc.control_chart(GOOD, excluded=v),
    "baseline": lambda v: spc.control_chart(GOOD, baseline=v),
    "limits": lambda v: spc.control_chart(GOOD, limits=v),
    "centre": lambda v: spc.Limits(centre=v),
    "sigma": lambda v: spc.Limits(sigma=v),
    "rate": lambda v: spc.AttributeLimits(rate=v),
    "method": lambda v: spc.AttributePlan("p", method=v),
    "sizes": lambda v: spc.attribute_chart([1, 2, 3], v, spc.AttributePlan("p")),
    "weight": spc.EwmaPlan,
    "k": lambda v: spc.CusumPlan(k=v),
    "h": lambda v: spc.CusumPlan(h=v),
    "unit": lambda v: spc.CusumPlan(unit=v),
    "head_start": lambda v: spc.CusumPlan(head_start=v),
    "after_signal": lambda v: spc.CusumPlan(after_signal=v),
    "shift": spc.arl_cusum,
    "name": lambda v: spc.constant(v, 5),
    "n": lambda v: spc.constant("d2", v),
    "family": lambda v: spc.fit_distribution(GOOD, v),
    "model": lambda v: spc.percentile_capability(GOOD, usl=5, model=v),
    "quantile_type": lambda v: spc.percentile_capability(GOOD, usl=5, quantile_type=v),
    "alpha": lambda v: spc.hotelling_t2(np.eye(3), alpha=v),
    "decimals": lambda v: spc.round_gbt8170("1.25", v),
    "lot_size": lambda v: sampling.single_plan(v, 1.0),
    "aql": lambda v: sampling.single_plan(100, v),
    "level": lambda v: sampling.single_plan(100, 1.0, level=v),
    "severity": lambda v: sampling.single_plan(100, 1.0, severity=v),
    "standard": lambda v: sampling.single_plan(100, 1.0, standard=v),
    "limiting_quality": lambda v: sampling.zero_acceptance_plan(100, limiting_quality=v),
    "consumer_risk": lambda v: sampling.zero_acceptance_plan(100, 1.0, consumer_risk=v),
    "pa": lambda v: sampling.quality_at(50, 1, v),
    "nonconforming": lambda v: sampling.judge_lot(sampling.single_plan(100, 1.0), v),
}


@pytest.mark.parametrize("name", [*VALUES, *COUNTS])
@pytest.mark.parametrize(
    "value", [*NONSENSE, [1, math.inf], ["1", "2"], [True, False]], ids=lambda value: type(value).__name__
)
def test_values_that_are_no_numbers(name: str, value: Any) -> None:
    with pytest.raises(spc.SpcInputError) as caught:
        (VALUES | COUNTS)[name](value)
    assert caught.value.argument in ("values", "counts")


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: type(value).__name__)
def test_an_argument_that_makes_no_sense_is_named(name: str, value: Any) -> None:
    with pytest.raises(spc.SpcInputError) as caught:
        NAMED[name](value)
    assert caught.value.argument == name


@pytest.mark.parametrize("field", ["length", "count", "width"])
@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: type(value).__name__)
def test_a_rule_with_nonsense_in_it(field: str, value: Any) -> None:
    with pytest.raises(spc.SpcInputError) as caught:
        spc.rule_set("nelson").changed("5", **{field: value})
    assert caught.value.argument == "rules"


@pytest.mark.parametrize(
    "values",
    [[], [None], [None, None], [5.0], [5.0] * 7, [5.0, None]],
    ids=lambda value: type(value).__name__,
)
def test_too_little_to_say_something_is_missing_and_no_error(values: list[float | None]) -> None:
    for name, call in VALUES.items():
        if name in ("hotelling_t2", "gauge_rr", "study_many", "judge_variables"):
            continue  # need a shape; their own tests
        spc_result = call(values)
        text = repr(jsonable(spc_result))
        assert "nan" not in text and "inf" not in text, name
