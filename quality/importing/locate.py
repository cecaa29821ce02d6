"""Where things stand on a sheet: reports, their headers, their tables. By content alone.

A table is found by its titles; what stands above it, up to the table before, is its header.
Two tables without a header between them are one report whose titles are printed again: on a
further page, or for further samples of the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quality.importing.layout import Layout
from quality.importing.meanings import COLUMN_BY_KEY, FIELD_BY_KEY, IDENTITY
from quality.importing.parsed import Problem
from spc_site.lib.sheets import CellValue, Sheet, is_blank
from spc_site.lib.text import tidy

_REACH = 3
"""How many cells right of a label its value may stand, blank cells between them."""
_TITLES_NEEDED = 3
"""How many titles make a row the title of a table."""


@dataclass(frozen=True, slots=True)
class Found:
    """A field of the header with its place; `rank` tells how specific its label was."""

    value: CellValue
    row: int
    column: int
    label: str
    rank: int = 0


@dataclass(slots=True)
class Table:
    """The title of a table and the rows below it.

    `first` and `last` are its title rows, `end` is one past its last row. `columns` maps keys to
    columns, `samples` lists number and column of each sample, `titles` what is printed above.
    """

    first: int
    last: int
    columns: dict[str, int]
    samples: list[tuple[int, int]]
    titles: dict[int, str]
    end: int = 0


@dataclass(slots=True)
class Block:
    """One report on a sheet: header rows, one or more tables, footer rows.

    `labels` says where a field is asked for, whether or not it is filled in.
    """

    top: int
    tables: list[Table]
    bottom: int = 0
    fields: dict[str, Found] = field(default_factory=dict)
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)


def find_blocks(sheet: Sheet, layout: Layout) -> tuple[list[Block], list[Problem]]:
    """Return the reports on a sheet, in order, and what is wrong with their headers and titles."""
    problems: list[Problem] = []
    tables = _find_tables(sheet, layout, problems)
    blocks: list[Block] = []
    for table in tables:
        above = blocks[-1].tables[-1].last + 1 if blocks else 0
        top = 0 if not blocks else _header_top(sheet, layout, above, table.first)
        if top is None:
            blocks[-1].tables[-1].end = table.first
            blocks[-1].tables.append(table)
        else:
            if blocks:
                blocks[-1].tables[-1].end = blocks[-1].bottom = top
            blocks.append(Block(top=top, tables=[table]))
    if blocks:
        blocks[-1].tables[-1].end = blocks[-1].bottom = len(sheet.rows)
    for block in blocks:
        _cut_footer(sheet, layout, block)
        _find_fields(sheet, layout, block, problems)
    return blocks, problems


def _find_tables(sheet: Sheet, layout: Layout, problems: list[Problem]) -> list[Table]:
    tables: list[Table] = []
    fixed = {rule.key: _column_of(rule.letter) for rule in layout.profile.columns if rule.letter}
    row = 0
    while row < len(sheet.rows):
        hits = _title_hits(sheet.rows[row], layout)
        if len(hits) >= 2 and _weight(sheet, layout, row, hits, fixed) >= _TITLES_NEEDED:
            table = _read_titles(sheet, layout, row, fixed, problems)
            tables.append(table)
            row = table.last + 1
        else:
            row += 1
    return tables


def _title_hits(cells: list[CellValue], layout: Layout) -> dict[int, str]:
    """Map columns of a row to the keys that their texts title.

    A row with a fraction is a row of data: that spares asking about its texts.
    """
    hits: dict[int, str] = {}
    if any(type(value) is float and value % 1 for value in cells):
        return hits
    for column, value in enumerate(cells):
        if type(value) is str and value and (key := layout.column(value)):
            hits[column] = key
    return hits


def _weight(sheet: Sheet, layout: Layout, row: int, hits: dict[int, str], fixed: dict[str, int]) -> int:
    """Count what speaks for a row of titles: different titles, and a run of sample numbers."""
    numbers = [number for _, number in _sample_titles(sheet, layout, row)]
    return len(set(hits.values()) | set(fixed)) + (numbers[:2] == [1, 2] or len(numbers) > 2)


def _read_titles(
    sheet: Sheet, layout: Layout, first: int, fixed: dict[str, int], problems: list[Problem]
) -> Table:
    last = first
    samples = _sample_titles(sheet, layout, first)
    while last + 1 < min(first + layout.profile.title_rows, len(sheet.rows)):
        below = _sample_titles(sheet, layout, last + 1)
        if _continues_titles(sheet, layout, first, last + 1, has_samples=bool(samples)):
            samples = samples or below
            last += 1
        else:
            break
    columns, titles = _merge_title_rows(sheet, layout, first, last)
    columns |= fixed
    taken = set(columns.values())
    samples = [(number, column) for column, number in samples if column not in taken]
    if not samples:
        samples = _grouped_samples(sheet, layout, first, last)
    table = Table(first=first, last=last, columns=columns, samples=samples, titles=titles)
    for number, column in samples:
        titles[column] = str(number)
    _check_titles(sheet, layout, table, problems)
    return table


def _continues_titles(sheet: Sheet, layout: Layout, first: int, row: int, *, has_samples: bool) -> bool:
    """Say whether a row below a title row still belongs to the titles."""
    cells = [
        (column, value)
        for column, value in enumerate(sheet.rows[row])
        if not is_blank(value) and sheet.span(row, column)[0] == row
    ]
    if not cells:
        # Below titles that are merged downwards there is nothing.
        return any(sheet.span(first, column)[2] >= row for column in range(sheet.width))
    named = sum(type(value) is str and layout.column(value) is not None for _, value in cells)
    numbered = sum(layout.sample_number(value) is not None for _, value in cells)
    if numbered == len(cells) and has_samples:
        return False
    return named + numbered == len(cells)


def _sample_titles(sheet: Sheet, layout: Layout, row: int) -> list[tuple[int, int]]:
    """Return column and number of the longest run of sample titles of a row."""
    best: list[tuple[int, int]] = []
    run: list[tuple[int, int]] = []
    for column, value in enumerate(sheet.rows[row]):
        if value == "":
            continue
        number = layout.sample_number(value)
        if number is None:
            run = []
        elif run and number == run[-1][1] + 1:
            run.append((column, number))
        else:
            run = [(column, number)]
        if len(run) > len(best):
            best = run
    return best


def _merge_title_rows(
    sheet: Sheet, layout: Layout, first: int, last: int
) -> tuple[dict[str, int], dict[int, str]]:
    """Join titles of several rows: the lowest one of a column names it, groups above give way."""
    by_column: dict[int, str] = {}
    titles: dict[int, str] = {}
    for row in range(last, first - 1, -1):
        for column, key in _title_hits(sheet.rows[row], layout).items():
            if column not in by_column:
                by_column[column] = key
                titles[column] = tidy(str(sheet.rows[row][column]))
    columns: dict[str, int] = {}
    for column in sorted(by_column):
        columns.setdefault(by_column[column], column)
    return columns, titles


def _grouped_samples(sheet: Sheet, layout: Layout, first: int, last: int) -> list[tuple[int, int]]:
    """Number the columns under one heading such as 测量值 where no numbers are printed."""
    for row in range(first, last + 1):
        for column, value in enumerate(sheet.rows[row]):
            if type(value) is str and value and layout.is_sample_group(value):
                _, left, _, right = sheet.span(row, column)
                return [(at - left + 1, at) for at in range(left, right + 1)]
    return []


def _check_titles(sheet: Sheet, layout: Layout, table: Table, problems: list[Problem]) -> None:
    def problem(code: str, column: int = -1, **params: str) -> None:
        problems.append(Problem(code, sheet.name, table.first, column, params=params))

    missing = [
        column.title
        for column in COLUMN_BY_KEY.values()
        if column.required and column.key not in table.columns
    ]
    found = "、".join(
        table.titles[column] for column in sorted(table.columns.values()) if column in table.titles
    )
    for title in missing:
        problem("column_missing", found=found, missing=title)
    if not {"spec", "usl", "lsl", "nominal"} & set(table.columns):
        problem("column_missing", found=found, missing="规格")
    if not table.samples:
        problem("samples_missing")


def _header_top(sheet: Sheet, layout: Layout, above: int, title_row: int) -> int | None:
    """Return where the header of a further report begins; None if there is none before the titles."""
    top = None
    for row in range(title_row - 1, above - 1, -1):
        texts = [value for value in sheet.rows[row] if type(value) is str and value.strip()]
        labels = [label for text in texts if (label := layout.field(text))]
        if not labels and len(texts) > 1:
            break
        if any(label.key in IDENTITY for label in labels):
            top = row
        elif labels and texts and layout.begins_footer(texts[0]):
            break
    return top


def _cut_footer(sheet: Sheet, layout: Layout, block: Block) -> None:
    """End the last table where the footer begins."""
    table = block.tables[-1]
    name_column = table.columns.get("item", -1)
    for row in range(table.last + 1, table.end):
        cells = sheet.rows[row]
        column = next((at for at, value in enumerate(cells) if value != ""), None)
        if column is None or type(text := cells[column]) is not str or not layout.begins_footer(text):
            continue
        # A row of the table may be called 说明; then it has samples or a specification.
        if column == name_column and any(
            not is_blank(sheet.at(row, at))
            for at in (*(at for _, at in table.samples), table.columns.get("spec", -1))
        ):
            continue
        table.end = row
        return


def _find_fields(sheet: Sheet, layout: Layout, block: Block, problems: list[Problem]) -> None:
    first_table, last_table = block.tables[0], block.tables[-1]
    header = range(block.top, first_table.first)
    for row in header:
        _labels_of_row(sheet, layout, block, row, header, problems)
    footer = range(last_table.end, block.bottom)
    missing = {rule.key for rule in layout.profile.fields if rule.in_footer} - set(block.fields)
    for row in footer:
        _labels_of_row(sheet, layout, block, row, footer, problems, only=missing)
    for rule in layout.profile.fields:
        if rule.cell and rule.key not in block.fields:
            row, column = _cell_of(rule.cell)
            value = sheet.anchor(row, column)
            if not is_blank(value):
                block.fields[rule.key] = Found(value, row, column, rule.cell)
        if rule.default and rule.key not in block.fields:
            block.fields[rule.key] = Found(rule.default, -1, -1, "")


def _labels_of_row(
    sheet: Sheet,
    layout: Layout,
    block: Block,
    row: int,
    region: range,
    problems: list[Problem],
    only: set[str] | None = None,
) -> None:
    for column, text in enumerate(sheet.rows[row]):
        if type(text) is not str or not text or (label := layout.field(text)) is None:
            continue
        if only is not None and label.key not in only:
            continue
        block.labels.setdefault(label.key, (row, column))
        value, place = _value_of(sheet, layout, row, column, region)
        if is_blank(value):
            continue
        found = Found(value, *place, tidy(text.split("：")[0].split(":")[0]), label.rank)
        known = block.fields.get(label.key)
        if known is None or found.rank < known.rank:
            block.fields[label.key] = found
        elif (
            found.rank == known.rank and (found.row, found.column) != (known.row, known.column)
        ) and found.value != known.value:
            problems.append(
                Problem(
                    "label_twice",
                    sheet.name,
                    *place,
                    title=FIELD_BY_KEY[label.key].title,
                    params={"value": str(value), "other": str(known.value)},
                )
            )


def _value_of(
    sheet: Sheet, layout: Layout, row: int, column: int, region: range
) -> tuple[CellValue, tuple[int, int]]:
    """Return the value that belongs to a label, and its place: blank if the form leaves it open."""
    text = sheet.rows[row][column]
    label = layout.field(text) if isinstance(text, str) else None
    assert label is not None
    if label.value:
        return label.value, (row, column)
    offset = layout.fields[label.key].offset
    if offset is not None:
        top, left, _, _ = sheet.span(row + offset[0], column + offset[1])
        return sheet.at(top, left), (top, left)
    _, _, bottom, right = sheet.span(row, column)
    for at in range(right + 1, min(right + 1 + _REACH, sheet.width)):
        top, left, _, span_right = sheet.span(row, at)
        value = sheet.at(top, left)
        if not is_blank(value):
            if isinstance(value, str) and layout.is_label(value):
                break
            return value, (top, left)
        if span_right > left:
            return label.loose_value, (row, column)  # a merged cell made for the value, left open
    if label.loose_value:
        return label.loose_value, (row, column)
    below = bottom + 1
    if below in region and not _has_label(sheet, layout, below):
        return sheet.at(below, column), (below, column)
    return "", (row, column)


def _has_label(sheet: Sheet, layout: Layout, row: int) -> bool:
    return any(isinstance(value, str) and value != "" and layout.is_label(value) for value in sheet.rows[row])


def _column_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _cell_of(cell: str) -> tuple[int, int]:
    letters = cell.rstrip("0123456789")
    return int(cell[len(letters) :]) - 1, _column_of(letters)
