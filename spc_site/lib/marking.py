"""The file back, with what is wrong marked in it: red cells with a comment, and a list in front.

The one place that opens a workbook with openpyxl, because only it can write one back. It is
slow on large forms, so it runs when somebody asks for the marked file, never on an import.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from spc_site.lib.problems import Language, Problem, Wording

MAX_MARKS = 2000
"""More comments than this make Excel slow and help nobody; the list has all of them."""

_LIST = {"zh": "导入问题", "en": "Import problems"}
_HEADINGS = {
    "zh": ("序号", "工作表", "单元格", "栏目", "问题与处理办法"),
    "en": ("No.", "Sheet", "Cell", "Column", "What is wrong, and what to do"),
}
_RED = PatternFill("solid", fgColor="FFFFC7CE")
_UNREADABLE = (BadZipFile, InvalidFileException, OSError, ValueError, KeyError, TypeError, ParseError)
"""What openpyxl raises on files that are no workbooks, old ones, or damaged."""
_FORMULA_STARTS = ("=", "+", "-", "@")


def marked_workbook(
    data: bytes, found: Sequence[Problem], wording: Wording, language: Language = "zh"
) -> bytes:
    """Return a workbook with its problems marked, as the bytes of an .xlsx file.

    A file that openpyxl cannot open (.xls, damaged) yields the list alone.
    """
    workbook = _open(data)
    for (sheet_name, _, _), group in groupby(
        sorted(
            (problem for problem in found if problem.address),
            key=lambda problem: (problem.sheet, problem.row, problem.column),
        )[:MAX_MARKS],
        key=lambda problem: (problem.sheet, problem.row, problem.column),
    ):
        if sheet_name in workbook.sheetnames:
            _mark(workbook[sheet_name], list(group), wording, language)
    _write_list(workbook, found, wording, language)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _open(data: bytes) -> Workbook:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what openpyxl cannot keep is of no concern here
        try:
            return load_workbook(io.BytesIO(data))
        except _UNREADABLE:
            return _bare()


def _bare() -> Workbook:
    workbook = Workbook()
    assert workbook.active is not None
    workbook.remove(workbook.active)
    return workbook


def _mark(sheet: Worksheet, problems: Sequence[Problem], wording: Wording, language: Language) -> None:
    """Mark one cell; inside a merged area, the corner that holds its value."""
    row, column = problems[0].row + 1, problems[0].column + 1
    cell = sheet.cell(row=row, column=column)
    if not isinstance(cell, Cell):
        area = next(area for area in sheet.merged_cells.ranges if cell.coordinate in area)
        cell = sheet.cell(row=area.min_row, column=area.min_col)
    cell.fill = _RED
    comment = Comment("\n".join(wording.sentence(problem, language) for problem in problems), "")
    comment.width, comment.height = 320, 60 + 40 * len(problems)
    cell.comment = comment


def _write_list(
    workbook: Workbook, problems: Sequence[Problem], wording: Wording, language: Language
) -> None:
    name = _LIST[language]
    sheet = workbook.create_sheet(name, 0)
    workbook.active = sheet
    for other in workbook.worksheets:
        other.sheet_view.tabSelected = other is sheet  # several selected tabs would be edited as one
    sheet.append(_HEADINGS[language])
    for number, problem in enumerate(problems, start=1):
        sheet.append(
            (
                number,
                problem.sheet,
                problem.address,
                wording.title(problem, language),
                wording.sentence(problem, language),
            )
        )
        for cell in sheet[number + 1]:
            if isinstance(cell.value, str) and cell.value.startswith(_FORMULA_STARTS):
                cell.data_type = "s"  # what a file holds must not become a formula here
        if problem.address and problem.sheet in workbook.sheetnames:
            link = sheet.cell(row=number + 1, column=3)
            quoted = problem.sheet.replace("'", "''")
            link.hyperlink = Hyperlink(ref=link.coordinate, location=f"'{quoted}'!{problem.address}")
            link.font = Font(color="FF0563C1", underline="single")
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for letter, width in zip("ABCDE", (7, 20, 9, 22, 90), strict=True):
        sheet.column_dimensions[letter].width = width
    for row in sheet.iter_rows(min_row=2, min_col=5, max_col=5):
        row[0].alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"
