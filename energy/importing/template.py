"""The empty files to download: one row a reading, or one column a meter, with instructions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

LONG, WIDE = "long", "wide"
SHAPES = (LONG, WIDE)
_EXAMPLE_METERS = ("M001", "M002", "M003")
_INSTRUCTIONS = (
    ("怎样填写", "How to fill in"),
    (
        "每行一个读数：表号、时间、读数；或一列时间，每块表一列。列可增加，行可任意多。",
        "A row for each reading: meter, time, reading; or a column of times and one for each meter.",
    ),
    ("没有读数的单元格留空，不要填 0。", "Leave a cell blank where there is no reading; never write 0."),
    ("时间是北京时间，如 2026-03-01 08:15。", "Times are of Asia/Shanghai, such as 2026-03-01 08:15."),
    (
        "读数是表上显示的数（未乘倍率），单位按该表的能源种类。",
        "A reading is what the meter shows, before its ratio, in the unit of its energy type.",
    ),
    (
        "同一块表同一时刻的后一个值替换前一个；整份导入可以撤销。",
        "A later value for a meter and moment replaces the earlier one; a file can be undone.",
    ),
)
_HEAD = PatternFill("solid", fgColor="FFDCE6F1")
_START = datetime(2026, 3, 1)  # noqa: DTZ001 — local, as a sheet has it


def template(shape: str, meters: Sequence[str] = ()) -> Workbook:
    """Return an empty file of a shape, with the given meters and a few lines as an example."""
    workbook = Workbook()
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "读数"
    shown = list(meters) or list(_EXAMPLE_METERS)
    times = [_START + timedelta(minutes=15 * n) for n in range(4)]
    if shape == WIDE:
        sheet.append(["时间", *shown])
        for at in times:
            sheet.append([at])
    else:
        sheet.append(["表号", "时间", "读数"])
        for meter in shown:
            sheet.append([meter, _START])
    for row in sheet.iter_rows(min_row=2, min_col=1, max_col=2):
        for cell in row:
            if isinstance(cell.value, datetime):
                cell.number_format = "yyyy-mm-dd hh:mm"
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True), _HEAD
    for letter in "AB":
        sheet.column_dimensions[letter].width = 18
    sheet.freeze_panes = "A2"
    _explain(workbook.create_sheet("填写说明"))
    return workbook


def _explain(sheet: Worksheet) -> None:
    for line in _INSTRUCTIONS:
        sheet.append(line)
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True), _HEAD
    for letter in "AB":
        sheet.column_dimensions[letter].width = 64
    for row in sheet.iter_rows():
        for cell in row:
            cell.alignment = Alignment(vertical="top", wrap_text=True)
