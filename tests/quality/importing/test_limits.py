from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.importing.limits import Written, is_reference, read_limits


def limits_of(**written: str) -> tuple[str, str, str]:
    limits = read_limits(Written(**written))
    assert not limits.faults
    return limits.nominal, limits.lsl, limits.usl


def faults_of(**written: str) -> list[tuple[str, str]]:
    return [(column, fault.code) for column, fault in read_limits(Written(**written)).faults]


@pytest.mark.parametrize(
    ("written", "limits"),
    [
        ({"spec": "10.00±0.05"}, ("10.00", "9.95", "10.05")),
        ({"spec": "≤0.05"}, ("", "", "0.05")),
        ({"spec": "≥12"}, ("", "12", "")),
        ({"usl": "10.05", "lsl": "9.95"}, ("", "9.95", "10.05")),
        ({"usl": "10.05", "lsl": "/"}, ("", "", "10.05")),
        ({"spec": "10.00", "usl": "10.05", "lsl": "9.95"}, ("10.00", "9.95", "10.05")),
        ({"spec": "按图纸", "usl": "10.05"}, ("", "", "10.05")),
        ({"nominal": "10.00", "tolerance": "±0.05"}, ("10.00", "9.95", "10.05")),
        ({"nominal": "10.00", "tolerance": "+0.1/-0.2"}, ("10.00", "9.80", "10.10")),
        ({"nominal": "10", "upper_tolerance": "0.1", "lower_tolerance": "-0.2"}, ("10", "9.8", "10.1")),
        ({"nominal": "10", "upper_tolerance": "+0.10", "lower_tolerance": "+0.05"}, ("10", "10.05", "10.10")),
        ({"nominal": "10", "upper_tolerance": "0.1"}, ("10", "", "10.1")),
        ({"nominal": "10±0.1"}, ("10", "9.9", "10.1")),
        ({"nominal": "10", "usl": "10.2", "lsl": "9.8"}, ("10", "9.8", "10.2")),
        ({}, ("", "", "")),
    ],
)
def test_limits_follow_from_what_the_row_prints(
    written: dict[str, str], limits: tuple[str, str, str]
) -> None:
    assert limits_of(**written) == limits


def test_of_two_that_agree_the_one_with_more_decimals_is_kept() -> None:
    assert limits_of(spec="74.000±0.050", usl="74.05", lsl="73.95") == ("74.000", "73.950", "74.050")
    assert limits_of(spec="74±0.05", usl="74.0500", lsl="73.95") == ("74", "73.95", "74.0500")


@pytest.mark.parametrize(
    ("written", "faults"),
    [
        ({"spec": "10±0.1", "usl": "10.2"}, [("usl", "limit_contradicts_spec")]),
        (
            {"spec": "10±0.1", "usl": "10.2", "lsl": "9.8"},
            [("usl", "limit_contradicts_spec"), ("lsl", "limit_contradicts_spec")],
        ),
        ({"usl": "9", "lsl": "10"}, [("usl", "limits_reversed")]),
        ({"usl": "abc"}, [("usl", "not_a_number")]),
        ({"usl": "10,5"}, [("usl", "comma_decimal")]),
        ({"spec": "10±0.1", "nominal": "11"}, [("nominal", "nominal_contradicts_spec")]),
        ({"nominal": "abc"}, [("nominal", "not_a_number")]),
        ({"tolerance": "±0.1"}, [("tolerance", "tolerance_without_nominal")]),
        ({"upper_tolerance": "0.1"}, [("upper_tolerance", "tolerance_without_nominal")]),
        ({"nominal": "10", "tolerance": "小"}, [("tolerance", "tolerance_unreadable")]),
        (
            {"nominal": "10", "upper_tolerance": "0.1", "lower_tolerance": "大"},
            [("lower_tolerance", "tolerance_unreadable")],
        ),
        (
            {"nominal": "10", "upper_tolerance": "0.1", "lower_tolerance": "0.1"},
            [("lower_tolerance", "lower_tolerance_sign")],
        ),
        ({"usl": "0." + "1" * 30 + "1" * 0, "lsl": "1" * 30 + ".25"}, [("lsl", "too_long")]),
    ],
)
def test_what_cannot_hold_names_the_column_that_says_so(
    written: dict[str, str], faults: list[tuple[str, str]]
) -> None:
    found = faults_of(**written)
    assert [fault for fault in faults if fault not in found] == []


def test_equal_limits_are_allowed() -> None:
    assert limits_of(usl="10", lsl="10.0")[1:] == ("10.0", "10")


@pytest.mark.parametrize(
    "spec", ["参考", "(10.5)", "（10.5）", "10.5（参考）", "10.5 REF", "REF.", "(Ø10.5)"]
)
def test_a_dimension_for_reference_has_no_limits_and_needs_none(spec: str) -> None:
    assert is_reference(spec)
    assert not read_limits(Written(spec=spec)).exist


@pytest.mark.parametrize("spec", ["10.5±0.3", "10 (+0.1,-0.2)", "Ø10.5(孔)", "M6 螺纹", "", "preferred"])
def test_other_brackets_and_words_do_not_make_a_reference(spec: str) -> None:
    assert not is_reference(spec)


def test_the_unit_comes_from_its_column_or_from_the_specification() -> None:
    assert read_limits(Written(spec="10±0.1 mm")).unit == "mm"
    assert read_limits(Written(spec="10±0.1"), "cm").unit == "cm"
    assert read_limits(Written(spec="≥95%", lsl="95%")).lsl == "95"


def test_decimals_are_those_of_the_specification() -> None:
    assert read_limits(Written(spec="74.000±0.05")).decimals == 3
    assert read_limits(Written(usl="10")).decimals == 0
    assert read_limits(Written()).decimals is None


@given(
    nominal=st.decimals(min_value=-1000, max_value=1000, places=3),
    tolerance=st.decimals(min_value="0.001", max_value=10, places=3),
)
def test_specification_columns_and_tolerances_say_the_same(nominal: Decimal, tolerance: Decimal) -> None:
    spec = read_limits(Written(spec=f"{nominal}±{tolerance}"))
    pair = read_limits(
        Written(nominal=str(nominal), upper_tolerance=str(tolerance), lower_tolerance=str(-tolerance))
    )
    columns = read_limits(Written(usl=str(nominal + tolerance), lsl=str(nominal - tolerance)))
    assert (Decimal(spec.lsl), Decimal(spec.usl)) == (nominal - tolerance, nominal + tolerance)
    assert (spec.lsl, spec.usl) == (pair.lsl, pair.usl) == (columns.lsl, columns.usl)
