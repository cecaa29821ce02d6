"""The verification of the statistics for people: its words in their language, and the workbook for an
auditor.
"""

from __future__ import annotations

import io

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

from quality.spc.verify import Labels, Run
from quality.spc.verify.report import FORMATS as TEXT_FORMATS
from quality.spc.verify.report import shown

_WIDTHS = (34, 60, 44, 30, 30, 14, 20, 12)
_BAD = PatternFill("solid", fgColor="FFDDDD")


FORMATS = {
    "text": "text/plain",
    "json": "application/json",
    "html": "text/html",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""What a run can be written as, and the type of such a file."""


def written_as(run: Run, form: str) -> bytes:
    """Return the run as a file of one of FORMATS, in the active language."""
    if form == "xlsx":
        return as_workbook(run)
    return TEXT_FORMATS[form](run, labels()).encode("utf-8")


def labels() -> Labels:
    """The words of a report in the active language."""
    return Labels(
        title=_("SPC 引擎验证报告"),
        case=_("案例"),
        source=_("来源"),
        quantity=_("项目"),
        expected=_("标准值"),
        got=_("计算值"),
        difference=_("差异"),
        allowed=_("允差"),
        verdict=_("判定"),
        equal=_("一致"),
        differs=_("不一致"),
        error=_("出错"),
        versions=_("版本"),
        summary=_("已重新计算 {cases} 个公开案例的 {checks} 项结果，{failed} 项不一致"),
        language=get_language() or "zh-hans",
    )


def as_workbook(run: Run) -> bytes:
    """Return the run as an Excel workbook: one row per number, those that differ in colour."""
    words = labels()
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = words.title[:31]
    head = (
        words.case,
        words.source,
        words.quantity,
        words.expected,
        words.got,
        words.difference,
        words.allowed,
        words.verdict,
    )
    sheet.append([words.summary_of(run)])
    sheet.append([f"{words.versions}: " + ", ".join(f"{name} {v}" for name, v in run.versions.items())])
    sheet.append(list(head))
    for cell in sheet[3]:
        cell.font = Font(bold=True)
    for check in run.checks:
        sheet.append(
            [
                check.case,
                check.source,
                check.quantity,
                _cell(check.expected),
                _cell(check.got),
                check.difference,
                check.allowed,
                words.of(check),
            ]
        )
        row = sheet.max_row
        for cell in sheet[row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"  # a text that begins with "=" is a text
            if check.verdict != "equal":
                cell.fill = _BAD
    for column, width in enumerate(_WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "A4"
    sheet.auto_filter.ref = f"A3:{get_column_letter(len(head))}{sheet.max_row}"
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def _cell(value: object) -> object:
    """Numbers as numbers, everything else in short; Excel ends at 32767 characters."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return shown(value)[:32767]
