from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.importing.values import clean_samples, verdict_of
from spc_site.lib.sheets import UNCACHED, ExcelError


def test_numbers_are_kept_as_written_and_inner_blanks_stay_blanks() -> None:
    samples = clean_samples([10.05, "10.050", "", "１０．０６", 10.050000000000001, "", ""])
    assert samples.values == ["10.05", "10.050", None, "10.06", "10.05"]
    assert not samples.faults


def test_blank_absent_and_error_are_different_and_none_is_zero() -> None:
    samples = clean_samples([10.0, "", "N/A", ExcelError("#DIV/0!"), UNCACHED, "/", 0.0])
    assert samples.values == ["10", None, None, None, None, None, "0"]
    assert samples.marks == {2: "N/A", 5: "/"}
    assert {index: fault.code for index, fault in samples.faults.items()} == {3: "excel_error", 4: "uncached"}


@pytest.mark.parametrize("word", ["OK", "ok", " 合格 ", "√", "ＯＫ", "GO", "Pass", "○"])
def test_words_of_acceptance_become_ok(word: str) -> None:
    assert clean_samples([word]).values == ["OK"]
    assert verdict_of(word) == "OK"


@pytest.mark.parametrize("word", ["NG", "ng", "不合格", "×", "x", "NO GO", "no-go", "FAIL"])
def test_words_of_rejection_become_ng(word: str) -> None:
    assert clean_samples([word]).values == ["NG"]
    assert clean_samples([word]).is_attribute


def test_a_verdict_among_numbers_is_a_fault_and_a_number_among_verdicts_too() -> None:
    among_numbers = clean_samples([10.0, "OK", 10.1]).faults
    assert {index: fault.code for index, fault in among_numbers.items()} == {1: "verdict_among_numbers"}
    among_verdicts = clean_samples(["OK", "OK", 10.1, "NG"]).faults
    assert {index: fault.code for index, fault in among_verdicts.items()} == {2: "number_among_verdicts"}


@pytest.mark.parametrize(
    ("cell", "code"),
    [("abc", "not_a_number"), ("<0.01", "censored"), ("10,05", "comma_decimal"), (True, "not_a_number")],
)
def test_what_is_no_value_names_its_place_and_its_fault(cell: object, code: str) -> None:
    samples = clean_samples([10.0, cell])  # type: ignore[list-item]
    assert samples.faults[1].code == code
    assert samples.values == ["10"]


def test_a_row_without_values_is_empty() -> None:
    assert clean_samples(["", " ", ""]).values == []
    assert clean_samples([]).values == []


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9), min_size=1))
def test_the_short_way_for_rows_of_numbers_reads_what_the_long_way_reads(row: list[float]) -> None:
    assert clean_samples(row).values == clean_samples([*row, ""]).values
