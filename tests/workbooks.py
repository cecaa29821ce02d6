"""Workbooks for tests, as bytes: from a grid of values, from a form, or from raw XML."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from openpyxl import Workbook

from quality.importing.form import Form, FormRow, draw_form

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"

HEADER: dict[str, Any] = {
    "supplier": "宁波精环",
    "customer": "华东动力",
    "part_name": "活塞环",
    "part_number": "PR-74",
    "lot": "L1",
    "inspected_on": date(2024, 1, 15),
}


def grid(
    *sheets: Sequence[Sequence[Any]], names: Sequence[str] = (), merge: Iterable[str] = (), **formats: str
) -> bytes:
    """Return a workbook with one sheet per grid; `merge` and `formats` (`B2="0%"`) go to the first."""
    workbook = Workbook()
    assert workbook.active is not None
    workbook.remove(workbook.active)
    for number, rows in enumerate(sheets):
        sheet = workbook.create_sheet(names[number] if number < len(names) else f"S{number + 1}")
        for row in rows:
            sheet.append(list(row))
        if number == 0:
            for area in merge:
                sheet.merge_cells(area)
            for cell, code in formats.items():
                sheet[cell].number_format = code
    return saved(workbook)


def saved(workbook: Workbook) -> bytes:
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def row(item: str = "外径", values: Sequence[Any] = (10.01, 9.99, 10.0), **cells: Any) -> FormRow:
    """One row of a form, 10.00±0.05 unless told otherwise; None leaves a cell open."""
    cells = {"item": item, "spec": "10.00±0.05"} | cells
    return FormRow(cells, list(values))


def form(*rows: FormRow, kind: str = "IQC", samples: int = 0, lines: int = 1, **fields: Any) -> bytes:
    """Return a filled-in canonical form; `None` for a field leaves it open."""
    return forms(Form(kind, header(kind, **fields), rows or [row()], samples=samples, lines=lines))


def header(kind: str = "IQC", **fields: Any) -> dict[str, Any]:
    unneeded = "customer" if kind == "IQC" else "supplier"
    return {key: value for key, value in (HEADER | fields).items() if key != unneeded}


def forms(*drawn: Form) -> bytes:
    """Return a workbook with one form per sheet."""
    workbook = Workbook()
    assert workbook.active is not None
    workbook.remove(workbook.active)
    for number, one in enumerate(drawn, start=1):
        draw_form(workbook.create_sheet(f"报告{number}"), one)
    return saved(workbook)


def raw(sheet_data: str, *, styles: str = "") -> bytes:
    """Return a workbook whose only sheet has this XML inside `sheetData`, written exactly so."""
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{sheet_data}</sheetData></worksheet>'
    return package({"xl/worksheets/sheet1.xml": sheet.encode(), "xl/styles.xml": styles.encode()})


def package(parts: Mapping[str, bytes]) -> bytes:
    """Return an archive of these members and what every workbook needs besides."""
    main = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>'.encode(),
        "_rels/.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ).encode(),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">'
            '<sheets><sheet name="S1" sheetId="1" r:id="rId1"/></sheets></workbook>'
        ).encode(),
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
            f'Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>'
        ).encode(),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (main | dict(parts)).items():
            if content:
                archive.writestr(name, content)
    return out.getvalue()
