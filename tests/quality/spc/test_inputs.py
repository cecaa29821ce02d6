"""What may be given as values, and how the rest is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from quality.spc import (
    CusumPlan,
    Limits,
    Plan,
    SpcInputError,
    Subgroups,
    capability,
    control_chart,
    out_of_spec,
    quality_warnings,
    study_many,
)

MANY = [[1.0, 2.0, 3.0], [1.0, 2.5]]


@pytest.mark.parametrize(
    "values",
    [
        "1 2 3",
        b"12",
        ["1.0", "2.0"],
        [1.0, "2.0"],
        [1.0, None, "x"],
        [True, False],
        [None, True],
        [1.0, 2j],
        [1.0, float("inf")],
        [1.0, float("-inf"), float("nan")],
        [date(2026, 1, 1)],
        [[1.0, 2.0], 3.0],
        [[1.0, 2.0], "12"],
        [[1.0, 2.0], ["a", 2.0]],
        [[1.0, [2.0]], [1.0, 2.0]],
        [[[[1.0]]]],
        np.zeros((2, 2, 2, 2)),
        np.array(3.0),
        7.5,
        {"a": 1},
    ],
)
@pytest.mark.parametrize("call", [control_chart, capability, out_of_spec, quality_warnings])
def test_values_that_are_no_numbers_are_refused_by_name(values, call) -> None:
    with pytest.raises(SpcInputError) as refused:
        call(values)
    assert refused.value.argument == "values"
    assert str(refused.value).startswith("values: ")


@pytest.mark.parametrize(
    ("argument", "kwargs"),
    [
        ("lsl", {"lsl": 5.0, "usl": 4.0}),
        ("lsl", {"lsl": "5"}),
        ("lsl", {"lsl": [1.0, 2.0, 3.0]}),
        ("lsl", {"lsl": float("inf")}),
        ("usl", {"usl": [1.0]}),
        ("usl", {"usl": True}),
        ("target", {"target": "x"}),
        ("lower_bound", {"lower_bound": 1}),
        ("upper_bound", {"upper_bound": [True]}),
        ("subgroup_size", {"subgroup_size": 0}),
        ("subgroup_size", {"subgroup_size": -2}),
        ("subgroup_size", {"subgroup_size": 2.5}),
        ("subgroup_size", {"subgroup_size": [2, 3, 4]}),
        ("subgroup_size", {"subgroup_size": None}),
        ("estimator", {"estimator": "range"}),
        ("estimator", {"estimator": "rbar"}),
        ("estimator", {"estimator": "mr", "subgroup_size": 3}),
        ("estimator", {"estimator": ["mr"]}),
        ("confidence", {"confidence": 1.0}),
        ("confidence", {"confidence": 95}),
        ("confidence", {"confidence": "0.95"}),
    ],
)
@pytest.mark.parametrize("call", [capability, study_many])
def test_arguments_that_make_no_sense_are_refused_by_name(argument: str, kwargs: dict, call) -> None:
    with pytest.raises(SpcInputError) as refused:
        call(MANY, **kwargs)
    assert refused.value.argument == argument


@pytest.mark.parametrize(
    ("argument", "kwargs"),
    [
        ("chart", {"chart": "xbar"}),
        ("subgroup_size", {"subgroup_size": 0}),
        ("subgroup_size", {"subgroup_size": True}),
        ("subgroup_size", {"subgroup_size": 2.0}),
        ("subgroup_size", {"chart": "i_mr", "subgroup_size": 2}),
        ("estimator", {"chart": "i_mr", "estimator": "pooled"}),
        ("estimator", {"estimator": "mr", "subgroup_size": 5}),
        ("nsigma", {"nsigma": 0}),
        ("nsigma", {"nsigma": float("nan")}),
        ("rules", {"rules": "all"}),
        ("rules", {"secondary_rules": "all"}),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(argument: str, kwargs: dict) -> None:
    with pytest.raises(SpcInputError) as refused:
        Plan(**kwargs)
    assert refused.value.argument == argument


def test_lsl_above_usl_names_the_characteristic() -> None:
    with pytest.raises(SpcInputError, match="characteristic 1"):
        capability(MANY, lsl=[0.0, 3.0], usl=[1.0, 2.0])
    with pytest.raises(SpcInputError, match=r"lsl: 3 is above usl 2$"):
        capability(MANY[0], lsl=3.0, usl=2.0)


def test_lsl_that_is_usl_but_for_binary_noise_is_not_above_it() -> None:
    assert capability(MANY[0], lsl=10.050000000000001, usl=10.05).ppm_observed == 1e6


@pytest.mark.parametrize("call", [study_many])
@pytest.mark.parametrize("values", [[1.0, 2.0], Subgroups([[1.0]]), 5.0, "abc"])
def test_a_study_wants_many(values, call) -> None:
    with pytest.raises(SpcInputError, match="values"):
        call(values)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 4],
        (1.0, 2.0, 4.0),
        np.array([1, 2, 4], dtype=np.int32),
        np.array([1, 2, 4], dtype=np.float32),
        [Decimal(1), Decimal(2), Decimal(4)],
        [Decimal(1), 2, 4.0],
        [Fraction(1), Fraction(2), 4],
        [np.float64(1), np.int64(2), 4],
    ],
)
def test_every_kind_of_number_is_read(values) -> None:
    assert capability(values).mean == pytest.approx(7 / 3)


def test_missing_values_may_be_none_nan_or_masked() -> None:
    expected = capability([1.0, None, 4.0], usl=9)
    assert capability([1.0, float("nan"), 4.0], usl=9) == expected
    assert capability(np.ma.masked_array([1.0, 77.0, 4.0], mask=[False, True, False]), usl=9) == expected
    assert expected.n == 2


def test_the_caller_keeps_the_own_array_unchanged() -> None:
    values = np.array([[1.0, np.nan, 3.0, 2.0], [5.0, 6.0, 7.0, 9.0]])
    before = values.copy()
    study_many(values, lsl=0, usl=4, subgroup_size=2, rules="nelson")
    control_chart(values[0], Plan("median_r", 2))
    quality_warnings(values)
    assert np.array_equal(values, before, equal_nan=True)


def test_subgroups_of_unequal_length_are_padded_and_text_in_them_is_refused() -> None:
    rows = Subgroups([[1.0, 2.0], [3.0], []]).rows
    assert rows.shape == (3, 2)
    assert np.isnan(rows[1:, 1]).all()
    for wrong in ([["a"]], [[[1.0]]], [[float("inf")]]):
        with pytest.raises(SpcInputError) as refused:
            Subgroups(wrong)
        assert refused.value.argument == "values"


@pytest.mark.parametrize(
    ("call", "needed"),
    [
        (lambda: CusumPlan(k=-1.0), "k: must be a number from 0, not -1.0"),
        (lambda: Limits(centre=float("nan")), "centre: must be a finite number, not nan"),
    ],
)
def test_a_refused_number_says_which_would_do(call, needed: str) -> None:
    with pytest.raises(SpcInputError) as refused:
        call()
    assert str(refused.value) == needed
