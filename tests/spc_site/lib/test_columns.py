from __future__ import annotations

from datetime import date, datetime, time

import pytest

from spc_site.lib.columns import CellFault, Column, clean_count, clean_day, clean_number, clean_text
from spc_site.lib.sheets import UNCACHED, CellValue, ExcelError


def code(call: object, value: CellValue) -> str:
    with pytest.raises(CellFault) as caught:
        call(value)  # type: ignore[operator]
    return caught.value.code


@pytest.mark.parametrize(
    ("value", "text"),
    [("  a\n b ", "a b"), ("", ""), (74.0, "74"), (10.050000000000001, "10.05"), (True, "TRUE")],
)
def test_a_cell_reads_as_tidy_text(value: CellValue, text: str) -> None:
    assert clean_text(value) == text


def test_blank_absent_error_and_unstored_formula_are_different_and_none_is_zero() -> None:
    assert clean_number("") == ""
    assert clean_number("  ") == ""
    assert code(clean_number, "N/A") == "not_a_number"
    assert code(clean_number, ExcelError("#N/A")) == "excel_error"
    assert code(clean_number, UNCACHED) == "uncached"


@pytest.mark.parametrize("value", [True, date(2024, 1, 1), time(8, 0)])
def test_a_truth_or_a_date_is_no_number(value: CellValue) -> None:
    assert code(clean_number, value) == "not_a_number"


def test_a_date_is_no_text_because_excel_may_have_made_it() -> None:
    assert code(clean_text, date(2024, 1, 2)) == "date_not_text"


@pytest.mark.parametrize(("value", "text"), [(5.0, "5"), ("5", "5"), ("", ""), ("5.0", "5")])
def test_a_count_is_a_whole_number(value: CellValue, text: str) -> None:
    assert clean_count(value) == text


@pytest.mark.parametrize("value", [0.0, -1.0, 2.5])
def test_a_count_is_neither_zero_nor_a_fraction(value: float) -> None:
    assert code(clean_count, value) == "not_a_count"


@pytest.mark.parametrize(
    "value",
    [
        date(2024, 1, 15),
        datetime(2024, 1, 15, 8, 30),  # noqa: DTZ001  as a cell holds it
        "2024-01-15",
        "2024/1/15",
        "2024.1.15",
        "2024年1月15日",
        "２０２４－０１－１５",
        "2024-01-15 08:30",
        "20240115",
        20240115.0,
        45306.0,
    ],
)
def test_a_day_is_understood_as_people_and_excel_write_it(value: CellValue) -> None:
    assert clean_day(value) == "2024-01-15"


@pytest.mark.parametrize("value", ["24/1/15", "2024-13-01", "2024-02-30", "昨天", 5.0])
def test_what_is_no_day_is_refused(value: CellValue) -> None:
    assert code(clean_day, value) == "not_a_date"


def test_a_column_refuses_what_does_not_fit_it() -> None:
    column = Column("grade", "等级", "Class", max_length=4, choices=("CR", "MAJ"))
    assert column.read(" CR ") == "CR"
    assert column.read("") == ""
    assert code(column.read, "MAJOR") == "text_too_long"
    assert code(column.read, "MIN") == "not_a_choice"
