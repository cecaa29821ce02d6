from __future__ import annotations

import io
from pathlib import Path

from openpyxl import Workbook, load_workbook

from quality.importing.marking import marked_workbook
from quality.importing.read import read_workbook
from tests.workbooks import form, row

LEGACY = Path(__file__).parents[2] / "data" / "workbooks" / "legacy.xls"


def marked(data: bytes, language: str = "zh") -> Workbook:
    parsed = read_workbook(data, kind="IQC", file_name="x.xlsx")
    assert parsed.problems
    return load_workbook(io.BytesIO(marked_workbook(parsed, language)))  # type: ignore[arg-type]


def test_a_bad_cell_is_red_and_says_what_is_wrong() -> None:
    workbook = marked(form(row(values=[10.0, "abc"])))
    cell = workbook["报告1"]["H8"]
    assert cell.value == "abc"
    assert cell.fill.fgColor.rgb == "FFFFC7CE"
    assert cell.comment is not None and "不是数值" in cell.comment.text
    assert workbook["报告1"]["G8"].fill.fgColor.rgb != "FFFFC7CE"


def test_the_list_stands_in_front_and_leads_to_the_cells() -> None:
    workbook = marked(form(row(values=["abc"]), lot=None), "en")
    problems = workbook.worksheets[0]
    assert workbook.active is problems and problems.title == "Import problems"
    lines = list(problems.iter_rows(min_row=2, max_col=5, values_only=True))
    assert [line[1:4] for line in lines] == [("报告1", "C3", "Lot No."), ("报告1", "G8", "外径 #1")]
    assert problems["C3"].hyperlink.location == "'报告1'!G8"


def test_two_problems_of_one_cell_share_its_comment() -> None:
    workbook = marked(form(row(spec="10±0.1", usl=9.0, lsl=11.0)))
    assert workbook["报告1"]["D8"].comment.text.count("不一致") == 1
    assert workbook["报告1"]["E8"].comment.text.count("不一致") == 1


def test_a_value_inside_a_merged_range_is_marked_at_its_corner() -> None:
    workbook = marked(form(inspected_on="下周"))
    cell = workbook["报告1"]["G4"]
    assert cell.value == "下周"
    assert "不是日期" in cell.comment.text


def test_what_the_file_holds_does_not_become_a_formula_in_the_list() -> None:
    workbook = marked(form(row(item="=1+1外径", values=["abc"])))
    cell = workbook.worksheets[0]["D2"]
    assert cell.data_type == "s"


def test_a_file_that_cannot_be_written_back_yields_the_list_alone() -> None:
    for data in (b"hello", LEGACY.read_bytes()):
        assert marked(data).sheetnames == ["导入问题"]
