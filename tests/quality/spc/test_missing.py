"""Results on their way into JSON."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np

from quality.spc import Kind, Plan, capability, control_chart, parse_spec, quality_warnings
from quality.spc.missing import Missing, jsonable, optional


def test_no_result_brings_nan_into_json() -> None:
    results = [
        capability([1.0], lsl=0),
        capability([1.0, 2.0, None], lsl=0, usl=4),
        control_chart([1.0, None, 9.0], excluded={0: "x"}),
        control_chart([1.0, 2.0, 9.0], Plan("three_way", 2)),
        quality_warnings([1.0, 2.0] * 9, subgroup_size=2),
        parse_spec("10±0.05"),
    ]
    for result in results:
        text = json.dumps(jsonable(result), allow_nan=False)
        assert json.loads(text) == jsonable(result)


def test_each_kind_of_value_has_its_plain_form() -> None:
    found = jsonable(
        {
            "decimal": Decimal("1E+2"),
            "array": np.array([1.0, np.nan]),
            "flag": np.bool_(True),
            "whole": np.int64(3),
            "inf": float("inf"),
            "code": Missing.ONE_SIDED,
            "tuple": (1, "a", None),
            7: Kind.RUN,
        }
    )
    assert found == {
        "decimal": "100",
        "array": [1.0, None],
        "flag": True,
        "whole": 3,
        "inf": None,
        "code": "one_sided",
        "tuple": [1, "a", None],
        "7": "run",
    }
    assert type(found["flag"]) is bool


def test_optional_keeps_numbers_and_drops_what_is_none() -> None:
    assert optional(np.float64(2.5)) == 2.5
    assert optional(float("nan")) is None
    assert optional(float("-inf")) is None
    assert optional(0.0) == 0.0


def test_a_capability_as_json_names_what_is_missing() -> None:
    found = jsonable(capability([1.0, 2.0, 3.0], usl=5))
    assert found["cp"] is None
    assert found["missing"]["cp"] == "one_sided"
    low, high = found["intervals"]["ppk"]
    assert low < found["ppk"] < high
