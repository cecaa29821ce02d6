"""The empty form to download: the canonical layout, and a sheet that tells how to fill it in."""

from __future__ import annotations

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from quality.importing.canonical import CANONICAL
from quality.importing.form import LEADING, Form, draw_form, header_keys
from quality.importing.meanings import COLUMN_BY_KEY, FIELD_BY_KEY

SHEET = "检验报告"
INSTRUCTIONS = "填写说明"
BLANK_ROWS = 20
SAMPLES = 32

_VALUES = (
    "测量值",
    "Measured values",
    "",
    "直接填数值，没测的留空；外观等填 OK 或 NG，不要混用。列可增加",
    (
        "Numbers as they are; leave blank what was not measured; OK or NG for visual checks, never both in "
        "one row. Insert columns and go on numbering where 32 do not suffice"
    ),
    "74.012",
)
_RESULTS = (
    "MAX … 判定",
    "Max. … Judgement",
    "",
    "由公式计算，不需要填写；系统按测量值自行判定",
    "Computed by formulas; the system judges by the measured values itself",
    "",
)


def template(kind: str) -> Workbook:
    """Return the empty form of a kind as an openpyxl workbook."""
    workbook = Workbook()
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    sheet.title = SHEET
    draw_form(sheet, Form(kind=kind, samples=SAMPLES, blank_rows=BLANK_ROWS))
    _instructions(workbook.create_sheet(INSTRUCTIONS), kind)
    return workbook


def _instructions(sheet: Worksheet, kind: str) -> None:
    required = {rule.key for rule in CANONICAL.fields if kind in rule.required_for}
    fields = [(FIELD_BY_KEY[key], key in required) for key in header_keys(kind)]
    columns = [(COLUMN_BY_KEY[key], COLUMN_BY_KEY[key].required) for key in LEADING]
    rows: list[tuple[str | float, ...]] = [("栏目", "Name", "必填", "怎样填写", "How to fill in", "示例")]
    for column, is_required in (*fields, *columns):
        rows.append(
            (
                column.title,
                column.english,
                "是 Yes" if is_required else "",
                column.note,
                column.note_english,
                column.example,
            )
        )
    rows.extend((_VALUES, _RESULTS))
    for number, row in enumerate(rows, start=1):
        for column_number, value in enumerate(row, start=1):
            cell = sheet.cell(row=number, column=column_number, value=value)
            cell.font = Font(name="宋体", size=10, bold=number == 1)
            cell.alignment = Alignment(vertical="top", wrap_text=True)
            if number == 1:
                cell.fill = PatternFill("solid", fgColor="FFDCE6F1")
    for letter, width in zip("ABCDEF", (14, 18, 9, 48, 54, 20), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "A2"
