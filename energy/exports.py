"""Tables as workbooks: the exact numbers behind a page, one sheet, titles in bold."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

Cell = str | int | float | Decimal | datetime | None
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WIDEST = 40
_FORMULA = ("=", "+", "-", "@")


def table_response(name: str, titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> HttpResponse:
    """Return a workbook to download; `name` is that of the file and of the sheet."""
    response = HttpResponse(table_bytes(name, titles, rows), content_type=_XLSX)
    disposition = content_disposition_header(as_attachment=True, filename=f"{name}.xlsx")
    response.headers["Content-Disposition"] = disposition or "attachment"
    return response


def table_bytes(name: str, titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a workbook of one sheet. Text stays text, whatever it begins with."""
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "".join(letter for letter in name if letter not in "[]:*?/\\")[:31]
    sheet.append(list(titles))
    widths = [len(title) * 2 for title in titles]
    for row in rows:
        cells = [_cell(value) for value in row]
        sheet.append(cells)
        widths = [max(old, len(str(value or "")) + 2) for old, value in zip(widths, cells, strict=True)]
        for number, value in enumerate(cells, start=1):
            if isinstance(value, str) and value.startswith(_FORMULA):
                sheet.cell(row=sheet.max_row, column=number).data_type = "s"
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for number, wide in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = min(wide, _WIDEST)
    sheet.freeze_panes = "A2"
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def _cell(value: Cell) -> Cell:
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None)
    return value
