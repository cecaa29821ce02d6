from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spc_site.lib.text import (
    NumberError,
    decimal_text,
    label_key,
    label_keys,
    parse_number,
    percent_text,
    split_label,
    tidy,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (10.050000000000001, "10.05"),
        (0.1 + 0.2, "0.3"),
        (10.0, "10"),
        (-0.0, "0"),
        (1e-05, "0.00001"),
        (1.5e-07, "0.00000015"),
        (123456789012345678.0, "123456789012346000"),
        (7, "7"),
    ],
)
def test_a_float_is_the_shortest_decimal_of_fifteen_digits(number: float, text: str) -> None:
    assert decimal_text(number) == text


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 1e300, 1e-300])
def test_a_float_that_no_instrument_shows_is_refused(number: float) -> None:
    with pytest.raises(NumberError):
        decimal_text(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=5))
def test_every_decimal_of_fifteen_digits_survives_the_float(number: Decimal) -> None:
    assert Decimal(decimal_text(float(number))) == number


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("10.05", "10.05"),
        ("10.050", "10.050"),
        (" 10.05 ", "10.05"),
        ("１０．０５", "10.05"),
        ("10。05", "10.05"),
        ("+10.05", "10.05"),
        ("-0.5", "-0.5"),
        ("−0.5", "-0.5"),
        ("－0.5", "-0.5"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("10.", "10"),
        ("007.50", "7.50"),
        ("0", "0"),
        ("-0.00", "0.00"),
        ("1,234.5", "1234.5"),
        ("1，234", "1234"),
        ("1 234 567", "1234567"),
        ("1.2E-3", "0.0012"),
        ("5%", "0.05"),
        ("10.05\u200b", "10.05"),
    ],
)
def test_a_number_as_people_type_it_is_understood(typed: str, text: str) -> None:
    assert parse_number(typed) == text


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("abc", "not_a_number"),
        ("", "not_a_number"),
        ("10..5", "not_a_number"),
        ("10 05", "not_a_number"),
        ("1,23,456", "not_a_number"),
        ("10.05mm", "not_a_number"),
        ("nan", "not_a_number"),
        ("inf", "not_a_number"),
        ("1_000", "not_a_number"),
        ("١٢", "not_a_number"),
        ("10,05", "comma_decimal"),
        ("<0.01", "censored"),
        ("＜0.01", "censored"),
        ("≤ 0.01 mm", "censored"),
        ("1e99", "too_long"),
        ("9" * 31, "too_long"),
        ("0." + "1" * 31, "too_long"),
    ],
)
def test_text_that_is_no_number_says_in_which_way(typed: str, code: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_number(typed)
    assert caught.value.code == code


def test_the_unit_of_the_row_may_follow_the_number_and_no_other() -> None:
    assert parse_number("10.05 MM", "mm") == "10.05"
    assert parse_number("95.20%", "%") == "95.20"
    with pytest.raises(NumberError):
        parse_number("10.05 cm", "mm")


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4),
    st.sampled_from(["{}", " {}  ", "{}\u3000"]),
)
def test_reading_a_number_keeps_its_value_and_its_decimals(number: Decimal, dress: str) -> None:
    read = parse_number(dress.format(format(number, "f")))
    assert Decimal(read) == number
    assert len(read.partition(".")[2]) == 4
    assert parse_number(read) == read


def test_a_percentage_shows_no_binary_noise() -> None:
    assert percent_text(0.07) == "7%"
    assert percent_text(0.952) == "95.2%"


def test_tidy_halves_full_width_forms_and_keeps_what_has_a_meaning() -> None:
    assert tidy("ＡＢＣ（１）\n 公司\u200b") == "ABC(1) 公司"
    assert tidy("Ra² ① Ø ±") == "Ra² ① Ø ±"
    assert tidy("a\x00b\x1f") == "ab"


@pytest.mark.parametrize("label", [" 供 应 商： ", "供应商:", "供应商", "【供应商】", "供应商*"])
def test_a_label_is_the_same_whatever_stands_around_it(label: str) -> None:
    assert label_key(label) == "供应商"


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("供应商 Supplier", "供应商"),
        ("供应商 Supplier", "supplier"),
        ("规格(mm)", "规格"),
        ("Lot No.", "lotno"),
        ("AVG\nMean", "avg"),
        ("上限/USL", "usl"),
    ],
)
def test_a_bilingual_label_is_known_by_each_of_its_halves(label: str, key: str) -> None:
    assert key in label_keys(label)


def test_a_label_and_its_value_in_one_cell_are_parted_at_the_first_colon() -> None:
    assert split_label("供应商：ABC: 上海") == ("供应商", "ABC: 上海")
    assert split_label("Lot No. : L1") == ("Lot No.", "L1")
    assert split_label("供应商") == ("供应商", "")
