"""Numbers as text, rounding of GB/T 8170, and judgement on decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.spc import SpcInputError, Subgroups, normalise_number, out_of_spec, round_gbt8170, to_decimal
from tests.quality.spc.spc_cases import case


def test_published_roundings_are_met() -> None:
    reference = case("rounding_gbt8170_published")
    for given_case, expected in zip(
        reference["data"]["cases"], reference["expected"]["rounded"], strict=True
    ):
        assert str(round_gbt8170(given_case["x"], interval=given_case["interval"])) == expected
    once = reference["expected"]["once_only"]
    assert str(round_gbt8170(once["x"], 2)) == once["rounded"] != once["wrong_by_repeated_rounding"]


@pytest.mark.parametrize(
    ("value", "interval", "expected"),
    # GB/T 8170-2008, clause 4.3: rounding to multiples of 0.5 and of 0.2 units.
    [
        ("60.25", "0.5", "60.0"),
        ("60.38", "0.5", "60.5"),
        ("60.28", "0.5", "60.5"),
        ("-60.75", "0.5", "-61.0"),
        ("830", "20", "840"),
        ("842", "20", "840"),
        ("832", "20", "840"),
        ("-930", "20", "-920"),
    ],
)
def test_rounding_to_half_and_fifth_units(value: str, interval: str, expected: str) -> None:
    assert str(round_gbt8170(value, interval=interval)) == expected


@settings(max_examples=200, deadline=None)
@given(value=st.decimals(-10_000, 10_000, places=6), decimals=st.integers(0, 6))
def test_rounding_is_half_to_even_on_the_digits(value: Decimal, decimals: int) -> None:
    expected = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)
    got = round_gbt8170(value, decimals)
    assert got == expected
    assert -got.as_tuple().exponent == decimals


def test_a_float_is_rounded_as_it_is_written_not_as_it_is_stored() -> None:
    # 0.35 is stored below 0.35, 2.675 below 2.675: rounding the binary number gives 0.3 and 2.67.
    assert str(round_gbt8170(0.35, 1)) == "0.4"
    assert str(round_gbt8170(2.675, 2)) == "2.68"
    assert str(round_gbt8170(0.1 + 0.2, 1)) == "0.3"
    assert str(round_gbt8170(1268, -2)) == "1300"
    assert str(round_gbt8170(-0.0004, 3)) == "0.000"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (10.050000000000001, "10.05"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (-0.0, "0"),
        (5, "5"),
        (5.0, "5"),
        (100.0, "100"),
        (Decimal("1.50"), "1.50"),
        ("10.50", "10.50"),
        ("１０．５０", "10.50"),
        (" 1,234.5 ", "1234.5"),
        ("－0.02", "-0.02"),
        ("+3", "3"),
        ("1e3", "1000"),
        (".5", "0.5"),
        (123456789.123456789, "123456789.123457"),
        ("0.12345678901234567", "0.123456789012346"),
        (np.float64(0.3), "0.3"),
    ],
)
def test_a_number_is_its_shortest_decimal_of_fifteen_digits(value, expected: str) -> None:
    assert normalise_number(value) == expected


@pytest.mark.parametrize(
    ("argument", "value"),
    [("value", bad) for bad in ("", "abc", "1,23", "1.2.3", "12mm", "NaN", "<0.01", "1 2x", None, True, [1])]
    + [("value", float("nan")), ("value", float("inf")), ("value", Decimal("NaN"))],
)
def test_what_is_no_number_is_refused(argument: str, value) -> None:
    with pytest.raises(SpcInputError) as refused:
        normalise_number(value)
    assert refused.value.argument == argument


@pytest.mark.parametrize(
    ("argument", "kwargs"),
    [
        ("decimals", {"decimals": 1.5}),
        ("decimals", {"decimals": 99}),
        ("interval", {"interval": "0"}),
        ("interval", {"interval": "-1"}),
        ("interval", {"interval": "x"}),
        ("interval", {"interval": "Infinity"}),
    ],
)
def test_a_rounding_that_is_none_is_refused(argument: str, kwargs: dict) -> None:
    with pytest.raises(SpcInputError) as refused:
        round_gbt8170("1.5", **kwargs)
    assert refused.value.argument == argument


@settings(max_examples=200, deadline=None)
@given(value=st.integers(-(10**9), 10**9), places=st.integers(0, 6), noise=st.integers(-2, 2))
def test_reading_undoes_the_noise_of_a_formula(value: int, places: int, noise: int) -> None:
    written = Decimal(value).scaleb(-places)
    stored = float(written)
    for _ in range(abs(noise)):
        stored = float(np.nextafter(stored, np.inf if noise > 0 else -np.inf))
    if written:
        assert to_decimal(stored) == written


def test_a_value_on_the_limit_is_inside_with_and_without_binary_noise() -> None:
    values = [10.050000000000001, 10.05, 10.050001, None, 9.949999999999999, 9.95, 9.949999]
    assert out_of_spec(values, 9.95, 10.05).tolist() == [False, False, True, False, False, False, True]
    assert out_of_spec([0.3, 0.30000000000000004, 0.1 + 0.2], usl=0.1 + 0.2).tolist() == [False] * 3
    assert out_of_spec([0.3], lsl=0.1 + 0.2).tolist() == [False]


def test_sums_of_tenths_are_judged_like_decimals() -> None:
    # A limit computed as 9.7 + 0.1 + 0.2 and values typed as decimals.
    limit = 9.7 + 0.1 + 0.2
    assert limit != 10.0
    assert out_of_spec([10.0, 10.000001, 9.999999], usl=limit).tolist() == [False, True, False]


@settings(max_examples=200, deadline=None)
@given(
    value=st.decimals(-1000, 1000, places=4),
    lsl=st.decimals(-1000, 1000, places=4),
    usl=st.decimals(-1000, 1000, places=4),
    noise=st.integers(-2, 2),
)
def test_judgement_agrees_with_decimal_arithmetic(
    value: Decimal, lsl: Decimal, usl: Decimal, noise: int
) -> None:
    lsl, usl = min(lsl, usl), max(lsl, usl)
    for written in (value, lsl, usl):
        stored = float(written)
        if abs(written) > 1:
            for _ in range(abs(noise)):
                stored = float(np.nextafter(stored, np.inf if noise > 0 else -np.inf))
        expected = written < lsl or written > usl
        assert out_of_spec([stored], lsl, usl).tolist() == [expected]


def test_flags_have_the_form_of_the_values() -> None:
    assert out_of_spec(np.array([[1.0, 5.0], [2.0, 9.0]]), usl=[4.0, 8.0]).tolist() == [
        [False, True],
        [False, True],
    ]
    ragged = out_of_spec([[1.0, 5.0, 6.0], [2.0]], lsl=[None, 3.0], usl=[4.0, None])
    assert [part.tolist() for part in ragged] == [[False, True, True], [True]]
    assert out_of_spec(Subgroups([[1.0, 5.0], [6.0]]), usl=4.0).tolist() == [[False, True], [True, False]]
    assert out_of_spec([], usl=4.0).tolist() == []
    assert out_of_spec([1.0, 2.0]).tolist() == [False, False]
