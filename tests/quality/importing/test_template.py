from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from quality.importing.canonical import CANONICAL
from quality.importing.form import LEADING, header_keys
from quality.importing.meanings import COLUMN_BY_KEY, FIELD_BY_KEY
from quality.importing.read import read_workbook
from quality.importing.template import BLANK_ROWS, INSTRUCTIONS, SAMPLES, SHEET, template
from quality.models import Customer, IQCReport, IQCReportEntry, Part, Supplier
from tests.workbooks import saved


def reopened(kind: str) -> Workbook:
    return load_workbook(io.BytesIO(saved(template(kind))))


def beside(sheet: Any, label: str) -> Any:
    """The cell right of a label."""
    for cells in sheet.iter_rows():
        for cell in cells:
            if isinstance(cell.value, str) and cell.value.startswith(label):
                area = next(one for one in sheet.merged_cells.ranges if cell.coordinate in one)
                return sheet.cell(row=cell.row, column=area.max_col + 1)
    raise AssertionError(label)


@pytest.mark.parametrize("kind", ["IQC", "OQC"])
def test_the_form_filled_in_imports_cleanly(kind: str) -> None:
    workbook = reopened(kind)
    sheet = workbook[SHEET]
    for key in header_keys(kind):
        column = FIELD_BY_KEY[key]
        beside(sheet, column.title).value = date(2024, 1, 15) if key == "inspected_on" else column.example
    first = next(cell.row for cell in sheet["A"] if str(cell.value).startswith("序号")) + 2
    for number in range(BLANK_ROWS):
        for at, key in enumerate(LEADING, start=1):
            sheet.cell(row=first + number, column=at).value = COLUMN_BY_KEY[key].example
        for at in range(SAMPLES):
            sheet.cell(row=first + number, column=len(LEADING) + 1 + at).value = 74.0 + at / 1000
    parsed = read_workbook(saved(workbook), kind=kind, file_name="form.xlsx")
    assert parsed.problems == []
    assert parsed.skipped_sheets == [INSTRUCTIONS]
    (report,) = parsed.reports
    assert report["lot"] == FIELD_BY_KEY["lot"].example
    assert len(report.entries) == BLANK_ROWS
    assert [len(entry.values) for entry in report.entries] == [SAMPLES] * BLANK_ROWS


@pytest.mark.parametrize("kind", ["IQC", "OQC"])
def test_the_empty_form_says_that_it_is_empty(kind: str) -> None:
    parsed = read_workbook(saved(template(kind)), kind=kind, file_name="form.xlsx")
    assert [problem.code for problem in parsed.problems] == ["nothing_filled_in"]


def test_the_instructions_explain_every_field_and_say_which_are_required() -> None:
    rows = list(reopened("IQC")[INSTRUCTIONS].iter_rows(values_only=True))
    explained = {row[0]: bool(row[2]) for row in rows[1:]}
    required = {FIELD_BY_KEY[rule.key].title for rule in CANONICAL.fields if "IQC" in rule.required_for}
    assert {title for title, is_required in explained.items() if is_required} == required | {"检测项目"}
    assert {FIELD_BY_KEY[key].title for key in header_keys("IQC")} <= set(explained)
    assert "客户" not in explained


def test_units_are_offered_and_the_form_prints_on_one_page_width() -> None:
    sheet = reopened("IQC")[SHEET]
    assert any(
        rule.type == "list" and "mm" in rule.formula1 for rule in sheet.data_validations.dataValidation
    )
    assert sheet.page_setup.orientation == "landscape"
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
    assert sheet.print_title_rows is not None


def test_every_column_that_people_fill_in_has_a_comment() -> None:
    sheet = reopened("IQC")[SHEET]
    titles = {str(cell.value).split("\n")[0]: cell for row in sheet.iter_rows() for cell in row if cell.value}
    for key in LEADING:
        assert titles[COLUMN_BY_KEY[key].title].comment is not None, key


HOMES = {
    "supplier": (Supplier, "name"),
    "customer": (Customer, "name"),
    "part_name": (Part, "name"),
    "part_number": (Part, "number"),
    "lot": (IQCReport, "lot"),
    "report_no": (IQCReport, "report_no"),
    "quantity": (IQCReport, "quantity"),
    "sample_size": (IQCReport, "sample_size"),
    "inspector": (IQCReport, "inspector"),
    "drawing": (IQCReport, "drawing"),
    "unit": (IQCReportEntry, "unit"),
    "item_no": (IQCReportEntry, "item_no"),
    "item": (IQCReportEntry, "name"),
    "spec": (IQCReportEntry, "spec"),
    "row_unit": (IQCReportEntry, "unit"),
    "gauge": (IQCReportEntry, "gauge"),
    "usl": (IQCReportEntry, "usl"),
    "lsl": (IQCReportEntry, "lsl"),
    "nominal": (IQCReportEntry, "nominal"),
}


@pytest.mark.parametrize("key", list(HOMES))
def test_what_is_read_fits_its_column_in_the_database(key: str) -> None:
    column = FIELD_BY_KEY.get(key) or COLUMN_BY_KEY[key]
    model, name = HOMES[key]
    assert column.max_length == model._meta.get_field(name).max_length
