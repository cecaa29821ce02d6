from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.importing.canonical import CANONICAL
from quality.importing.form import Form, FormRow
from quality.importing.parsed import ParsedReport, ParsedWorkbook
from quality.importing.profiles import ColumnRule, FieldRule, Profile, SampleRule
from quality.importing.read import read_workbook
from tests.workbooks import form, forms, grid, header, row

HEADER_ROWS: list[list[Any]] = [
    ["来料检验报告"],
    ["供应商", "宁波精环", None, "品名", "活塞环", None, "料号", "PR-74"],
    ["批号", "L1", None, "数量", 3000, None, "检验日期", "2024-01-15"],
]
TITLES = ["序号", "检测项目", "规格", "上限", "下限", "量具", 1, 2, 3]
ROW = [1, "外径", "10.00±0.05", 10.05, 9.95, "千分尺", 10.01, 9.99, 10.0]


def read(data: bytes, kind: str = "IQC", *profiles: Profile) -> ParsedWorkbook:
    return read_workbook(data, kind=kind, file_name="x.xlsx", profiles=profiles or (CANONICAL,))


def only(data: bytes, kind: str = "IQC", *profiles: Profile) -> ParsedReport:
    parsed = read(data, kind, *profiles)
    assert parsed.problems == []
    (report,) = parsed.reports
    return report


def problems(data: bytes, kind: str = "IQC") -> list[tuple[str, str]]:
    """Every problem as cell and code."""
    return [(problem.address, problem.code) for problem in read(data, kind).problems]


def sheet(*rows: Sequence[Any], merge: Sequence[str] = (), **formats: str) -> bytes:
    return grid([*HEADER_ROWS, *rows], merge=merge, **formats)


# --- the plain case ---------------------------------------------------------------------------


def test_a_plain_report_is_read_whole() -> None:
    report = only(sheet(TITLES, ROW))
    assert report.fields == {
        "supplier": "宁波精环",
        "part_name": "活塞环",
        "part_number": "PR-74",
        "lot": "L1",
        "quantity": "3000",
        "inspected_on": "2024-01-15",
    }
    (entry,) = report.entries
    assert (entry.position, entry.item_no, entry.name, entry.spec) == (1, "1", "外径", "10.00±0.05")
    assert (entry.nominal, entry.lsl, entry.usl, entry.gauge) == ("10.00", "9.95", "10.05", "千分尺")
    assert entry.values == ["10.01", "9.99", "10"]
    assert (entry.decimals, entry.source) == (2, "S1!G5")


def test_the_printed_results_are_kept_and_never_judged_by() -> None:
    titles = [*TITLES, "MAX", "MIN", "AVG", "STDEV", "CPK", "判定"]
    (entry,) = only(sheet(titles, [*ROW, 10.01, 9.99, 10.0, 0.01, "#DIV/0!", "OK"])).entries
    assert entry.printed == {
        "max": "10.01", "min": "9.99", "avg": "10", "stdev": "0.01", "cpk": "#DIV/0!", "verdict": "OK",
    }  # fmt: skip
    assert entry.values == ["10.01", "9.99", "10"]


def test_results_by_formulas_that_nobody_computed_are_left_out_without_complaint() -> None:
    assert only(sheet([*TITLES, "MAX"], [*ROW, "=MAX(G5:I5)"])).entries[0].printed == {}


def test_an_outgoing_report_asks_for_its_customer() -> None:
    assert ("", "label_missing") in problems(sheet(TITLES, ROW), "OQC")
    assert only(form(kind="OQC"), "OQC")["customer"] == "华东动力"


# --- the header -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        [["供应商", "宁波精环"]],
        [["供应商", None, None, "宁波精环"]],
        [["供应商：宁波精环"]],
        [["供应商 Supplier:", "宁波精环"]],
        [["供 应 商", "宁波精环"]],
        [["Vendor", "宁波精环"]],
        [["供应商 宁波精环"]],
        [["供应商"], ["宁波精环"]],
        [["供应商", "采购单号"], ["宁波精环", "PO-1"]],
    ],
)
def test_the_value_of_a_label_is_found_beside_it_or_below(header: list[list[Any]]) -> None:
    rest = [["品名", "环", "料号", "P1"], ["批号", "L1", "检验日期", "2024-01-15"]]
    assert only(grid([*header, *rest, TITLES, ROW]))["supplier"] == "宁波精环"


def test_labels_and_values_in_merged_cells_belong_together() -> None:
    rows = [
        ["供应商", None, "宁波精环", None, None, "品名", None, "活塞环"],
        ["Supplier", None, None, None, None, "Part Name"],
        ["料号", None, "PR-74", None, None, "批号", None, "L1"],
        ["检验日期", None, date(2024, 1, 15)],
        TITLES,
        ROW,
    ]
    merge = [
        "A1:B1",
        "A2:B2",
        "C1:E2",
        "F1:G1",
        "F2:G2",
        "H1:I2",
        "A3:B3",
        "C3:E3",
        "F3:G3",
        "H3:I3",
        "A4:B4",
    ]
    report = only(grid(rows, merge=merge))
    assert (report["supplier"], report["part_name"], report["lot"]) == ("宁波精环", "活塞环", "L1")


def test_an_open_merged_cell_is_blank_and_the_next_label_is_not_its_value() -> None:
    rows = [
        ["批号", None, None, "订单号", "PO-1"],
        *HEADER_ROWS[1:2],
        ["检验日期", "2024-01-15"],
        TITLES,
        ROW,
    ]
    assert problems(grid(rows, merge=["B1:C1"])) == [("B1", "field_missing")]
    assert problems(grid(rows)) == [("B1", "field_missing")]


def test_missing_fields_say_whether_the_value_or_the_label_is_missing() -> None:
    data = grid([["供应商", None, "品名", "环"], ["料号", "P1"], TITLES, ROW])
    parsed = read(data)
    assert [(problem.code, problem.address, problem.params["name"]) for problem in parsed.problems] == [
        ("label_missing", "", "批号"),
        ("label_missing", "", "检验日期"),
        ("field_missing", "B1", "供应商"),
    ]


def test_the_more_telling_of_two_dates_is_taken() -> None:
    rows = [*HEADER_ROWS, ["日期", "2024-02-01"], TITLES, ROW]
    assert only(grid(rows))["inspected_on"] == "2024-01-15"


def test_a_field_that_is_filled_in_twice_and_differently_is_refused() -> None:
    rows = [*HEADER_ROWS, ["批号", "L2", "供应商", "宁波精环"], TITLES, ROW]
    assert problems(grid(rows)) == [("B4", "label_twice")]


@pytest.mark.parametrize(
    ("lot", "code", "read_as"),
    [
        ("000123", "", "000123"),
        (123, "000000", "000123"),
        (123, "", "123"),
        (date(2024, 1, 15), "yyyy-mm-dd", "2024-01-15"),
    ],
)
def test_a_lot_is_read_as_its_cell_shows_it(lot: Any, code: str, read_as: str) -> None:
    rows = [HEADER_ROWS[1], ["批号", lot, "检验日期", "2024-01-15"], TITLES, ROW]
    assert only(grid(rows, **({"B2": code} if code else {})))["lot"] == read_as


@pytest.mark.parametrize("code", ["d-mmm", 'm"月"d"日"'])
def test_a_lot_that_excel_made_a_date_of_is_refused(code: str) -> None:
    rows = [HEADER_ROWS[1], ["批号", date(2024, 1, 2), "检验日期", "2024-01-15"], TITLES, ROW]
    assert problems(grid(rows, B2=code)) == [("B2", "lot_lost_digits")]


def test_a_date_that_is_none_is_named_by_its_cell() -> None:
    rows = [HEADER_ROWS[1], ["批号", "L1", "检验日期", "下周"], TITLES, ROW]
    assert problems(grid(rows)) == [("D2", "not_a_date")]


def test_inspector_and_date_may_stand_below_the_table() -> None:
    rows = [
        HEADER_ROWS[1],
        ["批号", "L1"],
        TITLES,
        ROW,
        [],
        ["检验：王芳", None, "审核：", None, "日期", date(2024, 1, 15)],
    ]
    report = only(grid(rows))
    assert (report["inspector"], report["inspected_on"]) == ("王芳", "2024-01-15")


def test_text_that_does_not_fit_its_field_is_refused() -> None:
    rows = [HEADER_ROWS[1], ["批号", "L" * 81, "检验日期", "2024-01-15"], TITLES, ROW]
    assert problems(grid(rows)) == [("B2", "text_too_long")]


@pytest.mark.parametrize(
    ("size", "code"), [(0, "not_a_count"), (2.5, "not_a_count"), (201, "count_too_large")]
)
def test_a_subgroup_is_a_count_within_reason(size: float, code: str) -> None:
    rows = [*HEADER_ROWS, ["每组样本数", size], TITLES, ROW]
    assert problems(grid(rows)) == [("B4", code)]


# --- titles -----------------------------------------------------------------------------------


def test_titles_of_two_rows_in_two_languages_are_joined() -> None:
    english = ["No.", "Item", "Specification", "USL", "LSL", "Gauge"]
    (entry,) = only(sheet(TITLES, english, ROW)).entries
    assert (entry.name, entry.values) == ("外径", ["10.01", "9.99", "10"])


def test_sample_numbers_may_stand_below_a_heading_over_all_of_them() -> None:
    upper = [*TITLES[:6], "测量值"]
    lower = [*[None] * 6, 1, 2, 3]
    merge = [f"{letter}4:{letter}5" for letter in "ABCDEF"] + ["G4:I4"]
    (entry,) = only(sheet(upper, lower, ROW, merge=merge)).entries
    assert entry.values == ["10.01", "9.99", "10"]


def test_a_heading_over_samples_does_without_numbers() -> None:
    data = sheet([*TITLES[:6], "实测值", None, None, "判定"], [*ROW, "OK"], merge=["G4:I4"])
    assert only(data).entries[0].values == ["10.01", "9.99", "10"]


def test_a_group_over_several_titles_gives_way_to_them() -> None:
    upper = ["序号", "检测项目", "规格", None, None, "量具", 1, 2, 3]
    lower = [None, None, "标准值", "上公差", "下公差"]
    merge = ["C4:E4", "A4:A5", "B4:B5", "F4:F5"]
    data = sheet(upper, lower, [1, "外径", 10, 0.05, -0.05, "卡尺", 10.01, 9.99, 10], merge=merge)
    (entry,) = only(data).entries
    assert (entry.nominal, entry.lsl, entry.usl) == ("10", "9.95", "10.05")


@pytest.mark.parametrize(("missing", "name"), [("检测项目", "检测项目"), ("规格", "规格")])
def test_a_missing_column_is_named_once_and_rows_are_not_guessed(missing: str, name: str) -> None:
    titles = [None if title in (missing, "上限", "下限") else title for title in TITLES]
    titles += ["MAX", "MIN"]
    parsed = read(sheet(titles, ROW))
    assert [(problem.code, problem.params.get("missing")) for problem in parsed.problems] == [
        ("column_missing", name)
    ]


def test_titles_without_samples_are_refused() -> None:
    assert problems(sheet(TITLES[:6], ROW[:6])) == [("", "samples_missing")]


def test_limits_in_columns_do_without_a_specification() -> None:
    titles = [title if title != "规格" else None for title in TITLES]
    (entry,) = only(sheet(titles, [1, "外径", None, *ROW[3:]])).entries
    assert (entry.spec, entry.lsl, entry.usl) == ("", "9.95", "10.05")


# --- rows -------------------------------------------------------------------------------------


def test_every_problem_of_a_file_is_found_at_once() -> None:
    data = sheet(
        TITLES,
        [1, "外径", "10.00±0.05", 10.1, 9.95, "卡尺", "abc", "<0.01", "10,05"],
        [2, None, "10.00±0.05", None, None, "卡尺", 10.0],
        [3, "高度", None, None, None, "卡尺", 5.0],
        [4, "长度", "约十毫米", None, None, "卡尺", 10.0],
        [5, "宽度", None, None, None, None],
        [6, "厚度", None, 1, 2, None, 1.5, "OK", 1.4],
    )
    assert problems(data) == [
        ("D5", "limit_contradicts_spec"),
        ("G5", "not_a_number"),
        ("H5", "censored"),
        ("I5", "comma_decimal"),
        ("B6", "item_missing"),
        ("C7", "no_limits"),
        ("C8", "spec_unreadable"),
        ("B9", "row_without_content"),
        ("D10", "limits_reversed"),
        ("H10", "verdict_among_numbers"),
    ]


def test_a_contradiction_names_both_cells() -> None:
    (problem,) = read(sheet(TITLES, [1, "外径", "10±0.1", 10.2, None, None, 10.0])).problems
    assert (problem.address, problem.title) == ("D5", "上限")
    assert problem.params == {
        "limit": "上限", "value": "10.2", "spec": "10±0.1", "spec_cell": "C5", "computed": "10.1",
    }  # fmt: skip


def test_excel_errors_and_unstored_formulas_among_samples_are_problems() -> None:
    data = sheet(TITLES, [*ROW[:6], "#N/A", "=1+1", 10.0])
    assert problems(data) == [("G5", "excel_error"), ("H5", "uncached")]


def test_a_row_of_verdicts_needs_no_limits() -> None:
    (entry,) = only(sheet(TITLES, [1, "外观", "无毛刺", None, None, "目视", "OK", "×", "合格"])).entries
    assert entry.values == ["OK", "NG", "OK"]


def test_one_verdict_for_all_pieces_is_taken_from_its_column() -> None:
    data = sheet([*TITLES, "判定"], [1, "外观", "无毛刺", None, None, "目视", None, None, None, "NG"])
    assert only(data).entries[0].values == ["NG"]


def test_a_printed_verdict_is_no_value_of_a_measured_row() -> None:
    data = sheet([*TITLES, "判定"], [1, "外径", "10±0.1", None, None, None, None, None, None, "OK"])
    assert only(data).entries[0].values == []


def test_a_reference_dimension_needs_no_limits() -> None:
    assert only(sheet(TITLES, [1, "长度", "(20.5)", None, None, None, 20.1])).entries[0].values == ["20.1"]


def test_samples_left_out_on_purpose_are_kept_as_marks() -> None:
    (entry,) = only(sheet(TITLES, [*ROW[:6], 10.0, "N/A", 10.01])).entries
    assert (entry.values, entry.marks) == (["10", None, "10.01"], {"2": "N/A"})


def test_prepared_rows_without_content_are_no_entries() -> None:
    assert len(only(sheet(TITLES, ROW, [2], [3], [], [4, "内径", *ROW[2:]])).entries) == 2


def test_a_row_that_was_not_measured_is_kept_without_values() -> None:
    assert only(sheet(TITLES, ROW[:6])).entries[0].values == []


def test_special_marks_leave_the_name_and_same_names_are_counted() -> None:
    entries = only(
        sheet(TITLES, [1, "★外径", *ROW[2:]], [2, "外径", *ROW[2:]], ["▲3", "内径", *ROW[2:]])
    ).entries
    assert [(entry.name, entry.occurrence, entry.is_special) for entry in entries] == [
        ("外径", 1, True),
        ("外径", 2, False),
        ("内径", 1, True),
    ]
    assert entries[2].item_no == "3"


def test_the_unit_comes_from_row_specification_or_header_in_this_order() -> None:
    titles = [*TITLES[:5], "单位", 1, 2, 3]
    rows = [
        [1, "a", "10±0.1 cm", None, None, "dm", 10.0],
        [2, "b", "10±0.1 cm", None, None, None, 10.0],
        [3, "c", "10±0.1", None, None, None, "10.0 mm"],
        [4, "外观", "无毛刺", None, None, None, "OK"],
    ]
    entries = only(grid([*HEADER_ROWS, ["单位", "mm"], titles, *rows])).entries
    assert [entry.unit for entry in entries] == ["dm", "cm", "mm", ""]
    assert entries[2].values == ["10.0"]


def test_percentages_are_read_in_the_unit_of_the_specification() -> None:
    data = sheet(TITLES, [1, "良率", "≥95%", None, 0.95, None, 0.97, "98.5%", 96.0], E5="0%", G5="0.0%")
    (entry,) = only(data).entries
    assert (entry.lsl, entry.unit, entry.values) == (
        "95",
        "%",
        ["97", "98.5", "96.0".rstrip("0").rstrip(".")],
    )


def test_a_value_without_sample_number_above_it_is_not_lost_silently() -> None:
    assert problems(sheet(TITLES, [*ROW, 10.02])) == [("J5", "sample_without_title")]
    wide = [*TITLES[:6], 1, None, 2, None, 3]
    assert problems(sheet(wide, [*ROW[:6], 10.0, None, 10.0, 10.1, 10.0])) == [("J5", "sample_without_title")]


def test_samples_may_be_two_columns_wide() -> None:
    wide = [*TITLES[:6], 1, None, 2, None, 3]
    data = sheet(wide, [*ROW[:6], 10.01, None, 9.99, None, 10.0], merge=["G4:H4", "I4:J4", "G5:H5", "I5:J5"])
    assert only(data).entries[0].values == ["10.01", "9.99", "10"]


def test_a_value_merged_over_several_samples_is_one_value() -> None:
    data = sheet(TITLES, [1, "外观", "无毛刺", None, None, "目视", "OK"], merge=["G5:I5"])
    assert only(data).entries[0].values == ["OK"]


def test_a_specification_merged_over_several_rows_holds_for_each() -> None:
    data = sheet(
        TITLES,
        ROW,
        [2, "外径2", None, None, None, None, 10.0, 10.1],
        merge=["C5:C6", "D5:D6", "E5:E6", "F5:F6"],
    )
    second = only(data).entries[1]
    assert (second.spec, second.usl, second.gauge) == ("10.00±0.05", "10.05", "千分尺")


def test_a_name_merged_over_several_rows_has_all_their_samples() -> None:
    data = sheet(
        TITLES,
        ROW,
        [None] * 6 + [10.02, None, 10.03],
        [None] * 6 + [10.04],
        merge=["A5:A7", "B5:B7", "C5:C7"],
    )
    (entry,) = only(data).entries
    assert entry.values == ["10.01", "9.99", "10", "10.02", None, "10.03", "10.04"]


def test_a_fault_in_a_further_line_names_the_number_of_its_sample() -> None:
    data = sheet(TITLES, ROW, [None] * 6 + [10.02, "abc"], merge=["B5:B6"])
    (problem,) = read(data).problems
    assert (problem.address, problem.title) == ("H6", "外径 #5")


def test_titles_printed_again_for_further_samples_lengthen_the_rows() -> None:
    again = ["序号", "检测项目", "规格", None, None, None, 4, 5, 6]
    data = sheet(
        TITLES,
        ROW,
        [2, "内径", *ROW[2:8]],
        again,
        [1, "外径", None, None, None, None, 10.1, 10.2],
        [2, "内径"],
    )
    parsed = read(data)
    assert [entry.values for entry in parsed.reports[0].entries] == [
        ["10.01", "9.99", "10", "10.1", "10.2"],
        ["10.01", "9.99"],
    ]


def test_further_samples_of_other_rows_are_refused() -> None:
    again = ["序号", "检测项目", "规格", None, None, None, 4, 5, 6]
    other = [1, "长度", None, None, None, None, 10.1]
    assert ("B7", "continuation_differs") in problems(sheet(TITLES, ROW, again, other))


def test_titles_printed_again_on_a_further_page_add_rows() -> None:
    report = only(sheet(TITLES, ROW, TITLES, [2, "内径", *ROW[2:]]))
    assert [(entry.position, entry.name) for entry in report.entries] == [(1, "外径"), (2, "内径")]


def test_the_report_ends_where_the_footer_begins() -> None:
    data = sheet(
        TITLES, ROW, ["备注：", "测量温度 20 ℃"], ["检验：王芳", None, "审核：李伟"], ["表单编号 QR-01"]
    )
    assert len(only(data).entries) == 1


def test_rows_below_the_footer_are_not_lost_silently() -> None:
    data = sheet(TITLES, ROW, ["备注："], [2, "内径", *ROW[2:]])
    assert problems(data) == [("B7", "rows_after_end")]


# --- several reports --------------------------------------------------------------------------


def test_every_sheet_with_a_report_is_read_and_others_are_named() -> None:
    second = [*HEADER_ROWS[:2], ["批号", "L2", None, "检验日期", "2024-01-16"], TITLES, ROW]
    data = grid(
        [*HEADER_ROWS, TITLES, ROW], second, [["填写说明"], ["请按图纸测量"]], names=["一", "二", "说明"]
    )
    parsed = read(data)
    assert parsed.problems == []
    assert [(report.block, report.sheet, report["lot"]) for report in parsed.reports] == [
        (0, "一", "L1"),
        (1, "二", "L2"),
    ]
    assert parsed.skipped_sheets == ["说明"]


def test_reports_may_stand_below_each_other_on_one_sheet() -> None:
    second = [
        ["来料检验报告"],
        *HEADER_ROWS[1:2],
        ["批号", "L2", None, "检验日期", "2024-01-16"],
        TITLES,
        ROW,
    ]
    data = sheet(TITLES, ROW, ["备注", "无"], ["检验员", "王芳"], [], *second, ["备注"], ["检验员", "李伟"])
    parsed = read(data)
    assert parsed.problems == []
    assert [(report["lot"], report["inspector"]) for report in parsed.reports] == [
        ("L1", "王芳"),
        ("L2", "李伟"),
    ]


def test_one_report_twice_in_a_file_is_refused() -> None:
    assert [
        problem.code
        for problem in read(forms(Form("IQC", header(), [row()]), Form("IQC", header(), [row()]))).problems
    ] == ["same_report_twice"]


def test_report_numbers_tell_reports_of_one_lot_apart() -> None:
    first, second = (Form("IQC", header(report_no=number), [row()]) for number in ("R-1", "R-2"))
    assert [report["report_no"] for report in read(forms(first, second)).reports] == ["R-1", "R-2"]


def test_an_empty_form_beside_a_filled_one_is_skipped_and_alone_it_is_a_problem() -> None:
    empty = Form("IQC", blank_rows=5)
    assert len(read(forms(Form("IQC", header(), [row()]), empty)).reports) == 1
    assert [problem.code for problem in read(forms(empty)).problems] == ["nothing_filled_in"]


def test_a_workbook_without_any_report_says_what_it_lacks() -> None:
    assert problems(grid([["姓名", "电话"], ["王芳", "123"]])) == [("", "no_report_found")]


def test_a_file_that_cannot_be_opened_has_one_problem() -> None:
    assert problems(b"hello") == [("", "not_a_workbook")]


# --- other layouts, as data -------------------------------------------------------------------


def test_a_layout_is_recognised_by_its_own_words_and_the_canonical_one_is_tried_first() -> None:
    german = Profile(
        "deutsch",
        fields=(
            FieldRule("supplier", default="Müller GmbH"),
            FieldRule("part_number", ("Sachnummer",)),
            FieldRule("part_name", ("Benennung",), offset=(1, 0)),
            FieldRule("lot", cell="H1"),
            FieldRule("inspected_on", ("Datum",)),
        ),
        columns=(
            ColumnRule("item", ("Merkmal",)),
            ColumnRule("nominal", ("Soll",)),
            ColumnRule("upper_tolerance", ("ob. Abmaß",)),
            ColumnRule("lower_tolerance", letter="D"),
        ),
        samples=SampleRule(prefixes=("Teil",)),
    )
    data = grid(
        [
            ["Sachnummer", "4711", "Benennung", None, "Datum", "2024-01-15", None, "C-99"],
            [None, None, "Kolbenring"],
            ["Merkmal", "Soll", "ob. Abmaß", None, "Teil 1", "Teil 2"],
            ["Durchmesser", 10, 0.1, -0.2, 10.05, 9.9],
        ]
    )
    report = only(data, "IQC", CANONICAL, german)
    assert (report["supplier"], report["part_number"], report["lot"]) == ("Müller GmbH", "4711", "C-99")
    assert report["part_name"] == "Kolbenring"
    (entry,) = report.entries
    assert (entry.lsl, entry.usl, entry.values) == ("9.8", "10.1", ["10.05", "9.9"])
    assert read(form(), "IQC", CANONICAL, german).profile == CANONICAL.name


def test_characteristics_in_columns_are_read_by_a_transposed_layout() -> None:
    rows = [*HEADER_ROWS_TRANSPOSED, TITLES, ROW, [2, "内径", "20±0.1", None, None, "卡尺", 20.0, "abc"]]
    turned = [
        list(column) for column in zip(*[[*line, *[None] * (9 - len(line))] for line in rows], strict=True)
    ]
    parsed = read(grid(turned), "IQC", replace(CANONICAL, name="转置", transposed=True))
    assert [(problem.address, problem.code) for problem in parsed.problems] == [("E8", "not_a_number")]
    assert parsed.reports[0].entries[0].values == ["10.01", "9.99", "10"]
    assert parsed.reports[0].entries[0].source == "S1!D7"


HEADER_ROWS_TRANSPOSED = [
    ["供应商：宁波精环", "品名：活塞环", "料号：PR-74"],
    ["批号：L1", "检验日期：2024-01-15"],
]


# --- round trip -------------------------------------------------------------------------------

_words = st.text(st.sampled_from("外径内高度宽厚圆弧槽孔ABCD12"), min_size=1, max_size=8).filter(
    lambda text: not text.isdigit()
)
_numbers = st.decimals(min_value=-999, max_value=999, places=3)


@st.composite
def _form_rows(draw: st.DrawFn) -> FormRow:
    nominal = draw(_numbers)
    tolerance = draw(st.decimals(min_value="0.001", max_value=5, places=3))
    size = draw(st.integers(0, 12))
    if draw(st.booleans()):
        values: list[Any] = draw(st.lists(st.one_of(st.none(), _numbers), min_size=size, max_size=size))
    else:
        values = draw(st.lists(st.sampled_from(["OK", "NG", None]), min_size=size, max_size=size))
    cells = {"item_no": draw(st.integers(1, 99)), "item": draw(_words), "spec": f"{nominal}±{tolerance}"}
    if draw(st.booleans()):
        cells |= {"usl": nominal + tolerance, "lsl": nominal - tolerance}
    return FormRow(cells | {"gauge": draw(_words)}, values)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(_form_rows(), min_size=1, max_size=6),
    lot=_words,
    lines=st.integers(1, 3),
    kind=st.sampled_from(["IQC", "OQC"]),
)
def test_what_is_written_into_the_form_is_what_is_read(
    rows: list[FormRow], lot: str, lines: int, kind: str
) -> None:
    samples = max(5, *(-(-len(one.values) // lines) for one in rows))
    data = forms(Form(kind, header(kind, lot=lot), rows, samples=samples, lines=lines))
    report = only(data, kind)
    assert report["lot"] == lot
    assert len(report.entries) == len(rows)
    for entry, written in zip(report.entries, rows, strict=True):
        assert (entry.name, entry.spec) == (written.cells["item"], written.cells["spec"])
        assert entry.gauge == written.cells["gauge"]
        nominal, tolerance = map(Decimal, str(written.cells["spec"]).split("±"))
        assert (Decimal(entry.lsl), Decimal(entry.usl)) == (nominal - tolerance, nominal + tolerance)
        expected = [value if isinstance(value, str | None) else Decimal(value) for value in written.values]
        while expected and expected[-1] is None:
            expected.pop()
        found = [value if value in ("OK", "NG", None) else Decimal(value) for value in entry.values]
        assert found == expected
