"""Workbook → reports and problems. Everything wrong is found in one pass, nothing is stored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import zip_longest

from quality.importing.canonical import CANONICAL
from quality.importing.layout import Layout
from quality.importing.limits import Limits, Written, read_limits
from quality.importing.locate import Block, Found, Table, find_blocks
from quality.importing.meanings import COLUMN_BY_KEY, FIELD_BY_KEY, PARTY_FIELD, PRINTED, SPECIAL_MARKS
from quality.importing.parsed import ParsedEntry, ParsedReport, ParsedWorkbook, Problem
from quality.importing.profiles import Profile
from quality.importing.values import Samples, clean_samples, verdict_of
from spc_site.lib.columns import CellFault, clean_text
from spc_site.lib.hashing import content_hash
from spc_site.lib.sheets import (
    BLANK,
    CellValue,
    ExcelError,
    Sheet,
    Uncached,
    WorkbookError,
    is_blank,
    open_workbook,
)
from spc_site.lib.text import NumberError, decimal_text, tidy

MAX_SUBGROUP = 200
_GRADES = {
    "CR": "CR",
    "A": "CR",
    "MA": "MAJ",
    "MAJ": "MAJ",
    "B": "MAJ",
    "MI": "MIN",
    "MIN": "MIN",
    "C": "MIN",
}
_ZEROS = re.compile(r"0+")
_YEAR = re.compile(r"y", re.IGNORECASE)
_CODES = {"part_number", "lot", "report_no", "drawing"}
_NOTHING = Written()
_SPECIAL = frozenset(SPECIAL_MARKS)
_PRINTED_LENGTH = 200
_SPECIFYING = {"spec", "nominal", "usl", "lsl"}
_LIMIT_COLUMNS = ("nominal", "tolerance", "upper_tolerance", "lower_tolerance", "usl", "lsl")


def read_workbook(
    data: bytes, *, kind: str, file_name: str = "", profiles: Sequence[Profile] = (CANONICAL,)
) -> ParsedWorkbook:
    """Return the reports of a workbook, or everything that keeps it from being imported.

    Parameters
    ----------
    data
        The file as it is.
    kind
        `IQC` or `OQC`: decides which fields a header needs.
    profiles
        Layouts to try in this order; the first that finds a report in the file is taken.
    """
    parsed = ParsedWorkbook(kind=kind, file_name=file_name, content_hash=content_hash(data), data=data)
    try:
        sheets = list(open_workbook(data))
    except WorkbookError as error:
        parsed.problems.append(Problem(error.code, params=error.params))
        return parsed
    for profile in profiles:
        layout = Layout(profile)
        turned = [sheet.transposed() for sheet in sheets] if profile.transposed else sheets
        found = [(sheet, *find_blocks(sheet, layout)) for sheet in turned]
        if any(blocks for _, blocks, _ in found):
            parsed.profile = profile.name
            for sheet, blocks, problems in found:
                _read_sheet(parsed, layout, sheet, blocks, problems)
            _refuse_twins(parsed)
            if not parsed.reports and not parsed.problems:
                parsed.problems.append(Problem("nothing_filled_in"))
            return parsed
    parsed.problems.append(Problem("no_report_found"))
    return parsed


def _read_sheet(
    parsed: ParsedWorkbook, layout: Layout, sheet: Sheet, blocks: list[Block], problems: list[Problem]
) -> None:
    if not blocks:
        parsed.skipped_sheets.append(sheet.name)
    for block in blocks:
        reader = _BlockReader(sheet, layout, parsed.kind, block, problems)
        if reader.is_empty_form:
            continue
        report = ParsedReport(
            block=len(parsed.reports), sheet=sheet.name, fields=reader.fields(), entries=reader.entries()
        )
        parsed.reports.append(report)
    problems.sort(key=lambda problem: (problem.row, problem.column))
    if sheet.is_transposed:
        problems = [replace(problem, row=problem.column, column=problem.row) for problem in problems]
    parsed.problems.extend(problems)


def _refuse_twins(parsed: ParsedWorkbook) -> None:
    """Refuse two reports of one identity in one file: which of them is right is not for us to say."""
    seen: dict[tuple[str, ...], ParsedReport] = {}
    for report in parsed.reports:
        identity = tuple(report[key] for key in (PARTY_FIELD[parsed.kind], "part_number", "lot", "report_no"))
        first = seen.setdefault(identity, report)
        if first is not report and all(identity[:3]):
            other = f"{first.sheet}（{first.entries[0].source}）" if first.entries else first.sheet
            parsed.problems.append(Problem("same_report_twice", report.sheet, params={"other": other}))


class _BlockReader:
    """Reads one report: its fields, then the rows of its tables. Problems collect on the way."""

    def __init__(
        self, sheet: Sheet, layout: Layout, kind: str, block: Block, problems: list[Problem]
    ) -> None:
        self._sheet = sheet
        self._layout = layout
        self._kind = kind
        self._block = block
        self._problems = problems
        self._unit = ""
        self._names: Counter[str] = Counter()

    @property
    def is_empty_form(self) -> bool:
        """Say whether nobody wrote anything here: neither an item nor a company, part or lot."""
        asked = (PARTY_FIELD[self._kind], "part_number", "lot")
        if any(key in self._block.fields for key in asked):
            return False
        return not any(
            not is_blank(self._sheet.at(row, table.columns.get("item", -1)))
            for table in self._block.tables
            for row in range(table.last + 1, table.end)
        )

    def fields(self) -> dict[str, str]:
        """Return the header, cleaned; what is missing and required becomes a problem.

        By the profile, and in any case what a report is known by.
        """
        fields: dict[str, str] = {}
        identity = (PARTY_FIELD[self._kind], "part_number", "lot")
        for key in FIELD_BY_KEY:
            rule = self._layout.fields.get(key)
            found = self._block.fields.get(key)
            if found is None and (key in identity or (rule and self._kind in rule.required_for)):
                self._report_missing(key)
            if found and (text := self._field(key, found)):
                fields[key] = text
        self._unit = fields.get("unit", "")
        return fields

    def _field(self, key: str, found: Found) -> str:
        column = FIELD_BY_KEY[key]
        try:
            value = self._as_shown(found) if key in _CODES else found.value
            text = column.read(value)
            if key == "subgroup_size" and text and int(text) > MAX_SUBGROUP:
                raise CellFault("count_too_large", value=text, limit=str(MAX_SUBGROUP))
        except CellFault as fault:
            self._problem(fault, found.row, found.column, column.title)
            return ""
        return text

    def _as_shown(self, found: Found) -> CellValue:
        """Return a code as its cell shows it: zeros in front, dates with a year as text.

        A date without a year (`1-2` became 2 January) has lost what was typed.
        """
        value = found.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            digits = self._sheet.number_format(found.row, found.column) or ""
            return decimal_text(value).zfill(len(digits)) if _ZEROS.fullmatch(digits) else value
        if isinstance(value, date):
            code = self._sheet.number_format(found.row, found.column)
            if code is not None and not _YEAR.search(code):
                raise CellFault("lot_lost_digits", value=f"{value:%m-%d}")
            return f"{value:%Y-%m-%d}"
        return value

    def _report_missing(self, key: str) -> None:
        title = FIELD_BY_KEY[key].title
        if key in self._block.labels:
            row, column = self._block.labels[key]
            column = self._sheet.span(row, column)[3] + 1
            self._add("field_missing", row, column, title, name=title)
        else:
            self._add("label_missing", name=title)

    def entries(self) -> list[ParsedEntry]:
        """Return the rows of all tables; a table of further samples lengthens the rows before."""
        if any(problem.code in ("column_missing", "samples_missing") for problem in self._problems):
            return []
        entries: list[ParsedEntry] = []
        last_number = 0
        for table in self._block.tables:
            if last_number and table.samples[0][0] == last_number + 1:
                self._lengthen(entries, table, last_number)
            else:
                entries.extend(self._table(table, len(entries)))
            last_number = table.samples[-1][0]
        self._refuse_rows_below()
        return entries

    def _table(self, table: Table, position: int) -> list[ParsedEntry]:
        entries: list[ParsedEntry] = []
        row_reader = _RowReader(self, table)
        for row in range(table.last + 1, table.end):
            entry = row_reader.read(row, entries[-1] if entries else None)
            if entry is not None:
                position += 1
                entry.position = position
                self._names[entry.name] += 1
                entry.occurrence = self._names[entry.name]
                entries.append(entry)
        return entries

    def _lengthen(self, entries: list[ParsedEntry], table: Table, length: int) -> None:
        """Append the samples of a further table to the rows that they belong to, in order."""
        names = Counter(self._names)
        self._names.clear()
        further = self._table(table, 0)
        self._names = names
        for entry, more in zip_longest(entries, further):
            if entry is None or (more is not None and more.name != entry.name):
                other = entry.name if entry else ""
                column = table.columns["item"]
                self._add("continuation_differs", more.row, column, "检测项目", value=more.name, other=other)
                return
            if more is not None and more.values:
                entry.values.extend([None] * (length - len(entry.values)))
                entry.values.extend(more.values)
                entry.marks |= {str(int(at) + length): mark for at, mark in more.marks.items()}
                entry.printed |= more.printed

    def _refuse_rows_below(self) -> None:
        """Find rows that were written below the remarks, where nobody would read them."""
        table = self._block.tables[-1]
        item = table.columns["item"]
        for row in range(table.end + 1, self._block.bottom):
            name = self._sheet.at(row, item)
            filled = sum(type(self._sheet.at(row, column)) is float for _, column in table.samples)
            if not is_blank(name) and filled:
                self._add("rows_after_end", row, item, "检测项目", value=tidy(str(name)))

    def _problem(self, fault: CellFault, row: int, column: int, title: str, **params: str) -> None:
        self._add(fault.code, row, column, title, **(fault.params | params))

    def _add(self, code: str, row: int = -1, column: int = -1, title: str = "", **params: str) -> None:
        self._problems.append(Problem(code, self._sheet.name, row, column, title, params))


class _RowReader:
    """Reads the rows of one table; everything about its columns is settled once."""

    def __init__(self, block: _BlockReader, table: Table) -> None:
        self._block = block
        self._sheet = block._sheet
        self._table = table
        columns = table.columns
        self._item = columns["item"]
        self._texts = [
            (key, columns[key]) for key in ("item_no", "spec", "row_unit", "gauge", "grade") if key in columns
        ]
        self._limits = [(key, columns[key]) for key in _LIMIT_COLUMNS if key in columns]
        self._printed = [(key, columns[key]) for key in PRINTED if key in columns]
        at = [column for _, column in table.samples]
        self._samples = slice(at[0], at[-1] + 1) if at == list(range(at[0], at[-1] + 1)) else None
        self._sample_columns = at
        titled = [column for column in columns.values() if column > at[-1]]
        end = min(titled, default=self._sheet.width)
        self._untitled = sorted(set(range(at[0], end)) - set(at))
        self._has_spans = any(
            bottom > table.last and top < table.end for top, _, bottom, _ in self._sheet.spans
        )

    def read(self, row: int, above: ParsedEntry | None) -> ParsedEntry | None:
        """Return the entry of a row; None for a row that holds none, or lengthens the one above."""
        cells = self._sheet.rows[row]
        samples = cells[self._samples] if self._samples else [cells[at] for at in self._sample_columns]
        name_cell = cells[self._item]
        if is_blank(name_cell):
            if all(map(is_blank, samples)) and not self._has_specification(cells):
                return None
            top = self._sheet.span(row, self._item)[0]
            if above is not None and top == above.row:
                self._lengthen(above, row, samples)
            else:
                self._block._add("item_missing", row, self._item, "检测项目")
            return None
        texts = {key: self._text(row, column, cells, key) for key, column in self._texts}
        written = Written(
            spec=texts.get("spec", ""),
            **{key: self._text(row, column, cells, key) for key, column in self._limits},
        )
        name = self._text(row, self._item, cells, "item")
        printed = self._results(cells)
        if all(map(is_blank, samples)) and written == _NOTHING and "verdict" not in printed:
            if self._sheet.span(row, self._item)[3] == self._item:
                self._block._add("row_without_content", row, self._item, "检测项目", value=name)
            return None
        limits = read_limits(written, texts.get("row_unit", ""))
        unit = limits.unit or self._block._unit
        read = clean_samples(samples, unit)
        entry = ParsedEntry(
            position=0,
            row=row,
            name=name.strip(SPECIAL_MARKS + " ") or name,
            item_no=texts.get("item_no", "").strip(SPECIAL_MARKS + " "),
            spec=written.spec,
            nominal=limits.nominal,
            lsl=limits.lsl,
            usl=limits.usl,
            unit=unit if limits.exist or not read.is_attribute else "",
            gauge=texts.get("gauge", ""),
            grade=_GRADES.get(texts.get("grade", "").upper(), ""),
            is_special=not _SPECIAL.isdisjoint(name + texts.get("item_no", "")),
            decimals=limits.decimals,
            values=read.values,
            marks={str(at + 1): mark for at, mark in read.marks.items()},
            printed=printed,
            source=f"{self._sheet.name}!{self._sheet.address(row, self._sample_columns[0])}",
        )
        self._refuse(row, cells, entry, read, written, limits)
        if not entry.values and not limits.exist and (verdict := verdict_of(printed.get("verdict", ""))):
            # 外观 and its like: one verdict for all pieces, printed in the last column alone.
            entry.values = [verdict]
        return entry

    def _refuse(
        self,
        row: int,
        cells: list[CellValue],
        entry: ParsedEntry,
        read: Samples,
        written: Written,
        limits: Limits,
    ) -> None:
        """Note everything that is wrong with a row."""
        self._note_faults(row, entry.name, read, 0)
        for key, fault in limits.faults:
            column = self._table.columns.get(key, self._table.columns.get("spec", self._item))
            params = {"limit": COLUMN_BY_KEY[key].title, "spec": written.spec, "value": getattr(written, key)}
            if "spec" in self._table.columns:
                params["spec_cell"] = self._sheet.address(row, self._table.columns["spec"])
            self._block._problem(
                CellFault(fault.code, **(params | fault.params)), row, column, COLUMN_BY_KEY[key].title
            )
        has_numbers = any(value is not None for value in read.values) and not read.is_attribute
        if has_numbers and not limits.exist and not limits.is_reference and not limits.faults:
            key = "spec" if "spec" in self._table.columns else "item"
            column = self._table.columns[key]
            code = "no_limits" if limits.is_readable else "spec_unreadable"
            self._block._add(code, row, column, COLUMN_BY_KEY[key].title, value=written.spec)
        for column in self._untitled:
            if isinstance(value := cells[column], int | float):
                self._block._add("sample_without_title", row, column, entry.name, value=decimal_text(value))

    def _lengthen(self, entry: ParsedEntry, row: int, cells: Sequence[CellValue]) -> None:
        """Append a further line of samples: the name is merged over several rows."""
        lines = (row - entry.row) * len(self._sample_columns)
        read = clean_samples(cells, entry.unit)
        self._note_faults(row, entry.name, read, lines)
        if read.values:
            entry.values.extend([None] * (lines - len(entry.values)))
            entry.values.extend(read.values)
        entry.marks |= {str(lines + at + 1): mark for at, mark in read.marks.items()}

    def _note_faults(self, row: int, name: str, read: Samples, offset: int) -> None:
        for index, fault in read.faults.items():
            number = self._table.samples[index][0] + offset
            self._block._problem(fault, row, self._sample_columns[index], f"{name} #{number}")

    def _text(self, row: int, column: int, cells: list[CellValue], key: str) -> str:
        """Return a text of a row; below the first row of a merged cell, the text of that cell."""
        value = cells[column]
        if value == BLANK:
            if not self._has_spans or key in ("item", "item_no"):
                return ""
            value = self._sheet.anchor(row, column)
        column_object = COLUMN_BY_KEY[key]
        if type(value) is str and column_object.clean is clean_text and not column_object.choices:
            text = tidy(value)  # what `read` does, for nearly every text of nearly every file
            if len(text) <= column_object.max_length:
                return text
        try:
            return column_object.read(value)
        except CellFault as fault:
            self._block._problem(fault, row, column, COLUMN_BY_KEY[key].title)
            return ""

    def _has_specification(self, cells: list[CellValue]) -> bool:
        columns = [column for key, column in (*self._texts, *self._limits) if key in _SPECIFYING]
        return any(not is_blank(cells[column]) for column in columns)

    def _results(self, cells: list[CellValue]) -> dict[str, str]:
        """Return what the report prints as results; a formula nobody computed prints nothing."""
        printed = {}
        for key, column in self._printed:
            value = cells[column]
            if type(value) is float:
                printed[key] = _printed_number(value)
            elif isinstance(value, ExcelError):
                printed[key] = value.code
            elif not is_blank(value) and not isinstance(value, Uncached):
                printed[key] = tidy(str(value))[:_PRINTED_LENGTH]
        return printed


def _printed_number(value: float) -> str:
    try:
        return decimal_text(value)
    except NumberError:
        return str(value)
