"""The canonical layout, drawn: the empty form to download, the examples, and what tests fill in.

Drawn from the same objects that read it back, so that the form and the reader cannot part.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from openpyxl.cell.cell import Cell
from openpyxl.comments import Comment
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from quality.importing.meanings import COLUMN_BY_KEY, FIELD_BY_KEY, PARTY_FIELD
from spc_site.lib.columns import Column

TITLES = {
    "IQC": "来料检验报告 Incoming Inspection Report",
    "OQC": "出货检验报告 Outgoing Inspection Report",
}
LEADING = ("item_no", "item", "spec", "usl", "lsl", "gauge")
RESULTS = ("max", "min", "avg", "stdev", "cpk", "verdict")
UNITS = ("mm", "μm", "°", "g", "kg", "N", "N·m", "MPa", "V", "Ω", "%", "HRC")
MIN_SAMPLES = 5
SAMPLE_WIDTH = 7.6

_FRACTION = re.compile(r"\d\.(\d+)")
_FONT = "宋体"
_THIN = Side(style="thin", color="FF7F7F7F")
_BORDER = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)
_LEFT = Alignment(horizontal="left", vertical="center", wrap_text=True)
_OPEN = Alignment(horizontal="left", vertical="center")
_LABEL_FILL = PatternFill("solid", fgColor="FFF2F2F2")
_TITLE_FILL = PatternFill("solid", fgColor="FFDCE6F1")
_RED = Font(name=_FONT, size=9, color="FFC00000", bold=True)

Value: TypeAlias = "str | float | int | Decimal | date | None"
"""What a form may be filled with. Text stays text, also where it looks like a number."""


@dataclass(slots=True)
class FormRow:
    """One characteristic of a form, by the keys of `meanings.COLUMNS`; `values` are its samples."""

    cells: Mapping[str, Value]
    values: Sequence[Value] = ()


@dataclass(slots=True)
class Form:
    """One report to draw.

    `samples` is the number of columns of samples, `lines` how many sheet rows a characteristic
    takes: 125 samples are 5 lines of 25. `blank_rows` are left for filling in.
    """

    kind: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    rows: Sequence[FormRow] = ()
    samples: int = 32
    lines: int = 1
    blank_rows: int = 0
    remark: str = ""


def header_keys(kind: str) -> tuple[str, ...]:
    """Return the fields of a form's header in the order in which they are printed."""
    return (
        PARTY_FIELD[kind],
        "part_name",
        "part_number",
        "lot",
        "report_no",
        "quantity",
        "sample_size",
        "inspected_on",
        "inspector",
        "drawing",
        "unit",
        "subgroup_size",
    )


def draw_form(sheet: Worksheet, form: Form, *, top: int = 1) -> dict[str, str | float]:
    """Draw a report from row `top` on and return the result of every formula in it, by address.

    openpyxl stores formulas without results; whoever wants them stored puts them in.
    """
    samples = max(form.samples, MIN_SAMPLES)
    first_sample = len(LEADING) + 1
    last_column = len(LEADING) + samples + len(RESULTS)
    _merge(sheet, top, 1, top, last_column, TITLES[form.kind], size=16, bold=True, border=False)
    sheet.row_dimensions[top].height = 30
    title_row = _draw_header(sheet, form, top + 1, samples)
    _draw_titles(sheet, title_row, samples)
    results: dict[str, str | float] = {}
    row = title_row + 2
    for number in range(len(form.rows) + form.blank_rows):
        filled = form.rows[number] if number < len(form.rows) else FormRow({})
        bottom = row + form.lines - 1
        _draw_row(sheet, row, bottom, filled, samples, results)
        row = bottom + 1
    _mark_outside(sheet, title_row + 2, row - 1, first_sample, samples)
    _draw_footer(sheet, row, last_column, form.remark)
    for column, width in enumerate(
        [COLUMN_BY_KEY[key].width for key in LEADING]
        + [SAMPLE_WIDTH] * samples
        + [COLUMN_BY_KEY[key].width for key in RESULTS],
        start=1,
    ):
        sheet.column_dimensions[get_column_letter(column)].width = width
    if top == 1:
        sheet.freeze_panes = f"C{title_row + 2}"
        sheet.print_title_rows = f"{title_row}:{title_row + 1}"
        _set_up_print(sheet)
    return results


def _draw_header(sheet: Worksheet, form: Form, row: int, samples: int) -> int:
    """Draw labels and values, three pairs a row over the whole width, and return the row below."""
    middle = len(LEADING) + max(MIN_SAMPLES, samples // 2)
    label_end = middle + (2 if samples < 10 else 3)
    last_column = len(LEADING) + samples + len(RESULTS)
    places = ((1, 2, 3, 4), (5, 6, 7, middle), (middle + 1, label_end, label_end + 1, last_column))
    keys = header_keys(form.kind)
    for at, key in enumerate(keys):
        column = FIELD_BY_KEY[key]
        label_from, label_to, value_from, value_to = places[at % 3]
        line = row + at // 3
        label = _merge(
            sheet, line, label_from, line, label_to, f"{column.title} {column.english}", fill=_LABEL_FILL
        )
        label.comment = _comment(column)
        cell = _merge(sheet, line, value_from, line, value_to, form.fields.get(key), align=_LEFT)
        cell.number_format = "yyyy-mm-dd" if key == "inspected_on" else "@"
        if key == "unit":
            _choices(sheet, cell.coordinate, UNITS, strict=False)
        elif key == "subgroup_size":
            rule = DataValidation(type="whole", operator="between", formula1="1", formula2="200")
            rule.allow_blank = True
            rule.error, rule.errorTitle = column.note, column.title
            sheet.add_data_validation(rule)
            rule.add(cell.coordinate)
            cell.number_format = "0"
        sheet.row_dimensions[line].height = 26
    return row + (len(keys) + 2) // 3


def _draw_titles(sheet: Worksheet, row: int, samples: int) -> None:
    first_result = len(LEADING) + samples + 1
    for at, key in enumerate(LEADING, start=1):
        _draw_title(sheet, row, at, COLUMN_BY_KEY[key])
    _merge(
        sheet,
        row,
        len(LEADING) + 1,
        row,
        first_result - 1,
        "测量值 Measured Values",
        fill=_TITLE_FILL,
        bold=True,
    )
    for number in range(1, samples + 1):
        _write(sheet, row + 1, len(LEADING) + number, number, fill=_TITLE_FILL, bold=True)
    for at, key in enumerate(RESULTS, start=first_result):
        _draw_title(sheet, row, at, COLUMN_BY_KEY[key])
    sheet.row_dimensions[row].height = sheet.row_dimensions[row + 1].height = 18


def _draw_title(sheet: Worksheet, row: int, at: int, column: Column) -> None:
    same = column.title.casefold() == column.english.casefold().rstrip(".")
    text = column.title if same else f"{column.title}\n{column.english}"
    cell = _merge(sheet, row, at, row + 1, at, text, fill=_TITLE_FILL, bold=True)
    if column.note:
        cell.comment = _comment(column)


def _draw_row(
    sheet: Worksheet, row: int, bottom: int, filled: FormRow, samples: int, results: dict[str, str | float]
) -> None:
    decimals = _decimals(filled.cells.get("spec"))
    number_format = _format(decimals)
    for at, key in enumerate(LEADING, start=1):
        align = _LEFT if key in ("item", "spec") else _CENTRE
        _merge(sheet, row, at, bottom, at, filled.cells.get(key), align=align)
        if key in ("usl", "lsl"):
            sheet.cell(row=row, column=at).number_format = number_format
    first, last = len(LEADING) + 1, len(LEADING) + samples
    for line in range(row, bottom + 1):
        offset = (line - row) * samples
        for at in range(samples):
            index = offset + at
            value = filled.values[index] if index < len(filled.values) else None
            _write(sheet, line, first + at, value).number_format = number_format
        sheet.row_dimensions[line].height = 18
    area = f"{get_column_letter(first)}{row}:{get_column_letter(last)}{bottom}"
    formulas = _formulas(area, f"D{row}", f"E{row}")
    computed = _results(filled)
    for at, key in enumerate(RESULTS, start=last + 1):
        cell = _merge(sheet, row, at, bottom, at, formulas[key])
        extra = {"cpk": 2, "avg": decimals + 1, "stdev": decimals + 2}.get(key, decimals)
        cell.number_format = _format(extra) if decimals or key == "cpk" else "General"
        results[cell.coordinate] = computed[key]


def _decimals(spec: Value) -> int:
    """Return how many decimals a specification is written with: its values are shown with as many."""
    return max((len(fraction) for fraction in _FRACTION.findall(str(spec or ""))), default=0)


def _format(decimals: int) -> str:
    return "0." + "0" * decimals if decimals else "General"


def _formulas(area: str, usl: str, lsl: str) -> dict[str, str]:
    """Return what a Chinese form prints as results, as formulas; CPK as such forms mean it."""
    mean, spread = f"AVERAGE({area})", f"STDEV({area})"
    margins = f'MIN(IF({usl}="",9E+99,{usl}-{mean}),IF({lsl}="",9E+99,{mean}-{lsl}))'
    outside = f'OR(AND({usl}<>"",MAX({area})>{usl}),AND({lsl}<>"",MIN({area})<{lsl}))'
    verdicts = f'IF(COUNTIF({area},"OK")>0,"OK","")'
    return {
        "max": f'=IF(COUNT({area})=0,"",MAX({area}))',
        "min": f'=IF(COUNT({area})=0,"",MIN({area}))',
        "avg": f'=IF(COUNT({area})=0,"",{mean})',
        "stdev": f'=IF(COUNT({area})<2,"",{spread})',
        "cpk": (
            f'=IF(OR(COUNT({area})<2,AND({usl}="",{lsl}="")),"",IF({spread}=0,"",{margins}/(3*{spread})))'
        ),
        "verdict": (
            f'=IF(COUNTIF({area},"NG")>0,"NG",IF(COUNT({area})=0,{verdicts},IF({outside},"NG","OK")))'
        ),
    }


def _results(filled: FormRow) -> dict[str, str | float]:
    """Compute what the formulas of a row yield, as a spreadsheet program does."""
    blank: dict[str, str | float] = dict.fromkeys(RESULTS, "")
    numbers = [float(value) for value in filled.values if isinstance(value, int | float | Decimal)]
    verdicts = {value for value in filled.values if isinstance(value, str)}
    usl, lsl = (_float(filled.cells.get(key)) for key in ("usl", "lsl"))
    if not numbers:
        return blank | {"verdict": "NG" if "NG" in verdicts else "OK" if "OK" in verdicts else ""}
    mean = statistics.fmean(numbers)
    outside = (usl is not None and max(numbers) > usl) or (lsl is not None and min(numbers) < lsl)
    results = blank | {
        "max": max(numbers),
        "min": min(numbers),
        "avg": mean,
        "verdict": "NG" if outside or "NG" in verdicts else "OK",
    }
    if len(numbers) > 1:
        spread = statistics.stdev(numbers)
        results["stdev"] = spread
        margins = [usl - mean] if usl is not None else []
        margins += [mean - lsl] if lsl is not None else []
        if spread and margins:
            results["cpk"] = min(margins) / (3 * spread)
    return results


def _float(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float | Decimal) else None


def _mark_outside(sheet: Worksheet, top: int, bottom: int, first_sample: int, samples: int) -> None:
    """Let values outside their limits, and NG, show in red while somebody fills the form in."""
    if bottom < top:
        return
    corner = f"{get_column_letter(first_sample)}{top}"
    area = f"{corner}:{get_column_letter(first_sample + samples - 1)}{bottom}"
    outside = (
        f'OR({corner}="NG",AND(ISNUMBER({corner}),'
        f'OR(AND($D{top}<>"",{corner}>$D{top}),AND($E{top}<>"",{corner}<$E{top}))))'
    )
    sheet.conditional_formatting.add(area, FormulaRule(formula=[outside], font=_RED))


def _draw_footer(sheet: Worksheet, row: int, last_column: int, remark: str) -> None:
    _merge(sheet, row, 1, row, 2, "备注 Remark", fill=_LABEL_FILL)
    _merge(sheet, row, 3, row, last_column, remark, align=_LEFT)
    sheet.row_dimensions[row].height = 24
    for text, column in (("检验 Inspected by:", 1), ("审核 Reviewed by:", 5), ("批准 Approved by:", 12)):
        _write(sheet, row + 1, column, text, size=10, border=False, align=_OPEN)


def _merge(
    sheet: Worksheet,
    top: int,
    left: int,
    bottom: int,
    right: int,
    value: Value,
    *,
    size: int = 9,
    bold: bool = False,
    border: bool = True,
    fill: PatternFill | None = None,
    align: Alignment = _CENTRE,
) -> Cell:
    """Write into the first cell of an area, merge it, and draw its border all round."""
    if (top, left) != (bottom, right):
        sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)
    if border:
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                sheet.cell(row=row, column=column).border = _BORDER
    return _write(sheet, top, left, value, size=size, bold=bold, fill=fill, align=align, border=border)


def _write(
    sheet: Worksheet,
    row: int,
    column: int,
    value: Value,
    *,
    size: int = 9,
    bold: bool = False,
    border: bool = True,
    fill: PatternFill | None = None,
    align: Alignment = _CENTRE,
) -> Cell:
    cell = sheet.cell(row=row, column=column)
    assert isinstance(cell, Cell)
    cell.value = value
    cell.font = Font(name=_FONT, size=size, bold=bold)
    cell.alignment = align
    if border:
        cell.border = _BORDER
    if fill is not None:
        cell.fill = fill
    return cell


def _comment(column: Column) -> Comment:
    comment = Comment(f"{column.note}\n{column.note_english}", "")
    comment.width, comment.height = 280, 90
    return comment


def _choices(sheet: Worksheet, address: str, choices: Sequence[str], *, strict: bool) -> None:
    rule = DataValidation(type="list", formula1='"' + ",".join(choices) + '"', allow_blank=True)
    rule.showErrorMessage = strict
    sheet.add_data_validation(rule)
    rule.add(address)


def _set_up_print(sheet: Worksheet) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_options.horizontalCentered = True
    for side in ("left", "right", "top", "bottom"):
        setattr(sheet.page_margins, side, 0.4)
    assert sheet.oddFooter is not None
    sheet.oddFooter.center.text = "第 &P 页 / 共 &N 页"
