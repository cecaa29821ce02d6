"""Parts to programs: every placeholder becomes a slot, every row with a list a program of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from contracts.docx import markup
from contracts.docx.errors import Place
from contracts.docx.markup import Attribute, Token
from contracts.docx.packages import is_link
from contracts.docx.placeholders import Fields, Mark, find
from contracts.docx.programs import (
    DrawingSlot,
    Flavour,
    Insert,
    LinkTarget,
    Node,
    Plain,
    Program,
    Rows,
    RunText,
    Slot,
    Unless,
    joined,
    walk,
)
from contracts.docx.scan import Break, Drawing, Paragraph, Part, Piece, Span

_SPACE = re.compile(r"""xml:space\s*=\s*("[^"]*"|'[^']*')""")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A text with its marks; `text` has barriers, `readable` what a person sees instead."""

    part: str
    paragraph: int
    text: str
    readable: str
    marks: Sequence[Mark]

    def place(self, mark: Mark) -> Place:
        return Place(self.part, self.paragraph, self.readable, mark.reason)


@dataclass(frozen=True, slots=True)
class _Edit:
    """What stands at [start, stop) of the source gives way to these nodes, or is a region of its own."""

    start: int
    stop: int
    nodes: tuple[Node | str, ...] = ()
    region: tuple[Literal["row"], str] | tuple[Literal["table"], frozenset[str]] | None = None


@dataclass(slots=True)
class Compiler:
    """Collects what all parts of one template have in common while they are compiled."""

    fields: Fields
    keys: dict[tuple[str, str | None, Flavour], int] = field(default_factory=dict)
    used: dict[tuple[str, str | None], bool] = field(default_factory=dict)
    """Fields in the order in which they appear, and whether each is declared."""

    readings: list[Reading] = field(default_factory=list)
    bad: list[Place] = field(default_factory=list)

    def words(self, name: str, source: str, part: Part) -> Program:
        """Return the program of a part with paragraphs."""
        readings = [self._read(name, paragraph) for paragraph in part.paragraphs]
        lists = self._lists_of_rows(part.paragraphs, readings)
        edits: list[_Edit] = []
        for paragraph, reading in zip(part.paragraphs, readings, strict=True):
            edits += self._edits(paragraph, reading.marks, strict=part.strict)
        for drawing in part.drawings:
            edits += self._drawing_edits(name, drawing)
        repeating = {id(row): own for row, own in lists}
        for row in part.rows:
            if any(id(outer) in repeating for outer in (row, *_rows_around(row))):
                edits += (_Edit(start, stop) for start, stop in row.unique)
        edits += (_Edit(row.start, row.stop, region=("row", own)) for row, own in lists)
        for table in part.tables:
            if table.rows and all(id(row) in repeating for row in table.rows):
                all_lists = frozenset(repeating[id(row)] for row in table.rows)
                edits.append(_Edit(table.start, table.stop, region=("table", all_lists)))
        return _assembled(source, edits)

    def title(self, name: str, source: str) -> Program:
        """Return the program of the core properties, where the title alone is text."""
        edits: list[_Edit] = []
        for piece in _elements_with_text(source, (markup.DC, "title")):
            paragraph = Paragraph(1, None, [piece])
            reading = self._read(name, paragraph)
            edits += self._edits(paragraph, reading.marks, strict=False, flavour=Plain())
        return _assembled(source, edits)

    def relations(self, name: str, source: str) -> Program:
        """Return the program of a relations part: link targets are text, new pictures find their place."""
        edits: list[_Edit] = []
        for token in markup.tokens(source):
            if token.kind == "open" and token.name[1] == "Relationship":
                values = {one.name[1]: one for one in markup.attributes(token)}
                if is_link(values["Type"].value) and "TargetMode" in values:
                    edits += self._link_edits(name, values["Target"])
        return _assembled(source, [*edits, insert_before_end(source)])

    # --- reading

    def _read(self, part: str, paragraph: Paragraph) -> Reading:
        text = paragraph.text
        marks = find(text, self.fields, in_row=paragraph.row is not None) if "$" in text else []
        return self._note(Reading(part, paragraph.number, text, paragraph.readable, marks))

    def _note(self, reading: Reading) -> Reading:
        for mark in reading.marks:
            if mark.kind == "bad":
                self.bad.append(reading.place(mark))
            elif mark.kind in ("field", "unknown"):
                self._use(mark)
        self.readings.append(reading)
        return reading

    def _use(self, mark: Mark) -> None:
        self.used.setdefault((mark.name, mark.column), mark.kind == "field")

    def _lists_of_rows(
        self, paragraphs: Sequence[Paragraph], readings: Sequence[Reading]
    ) -> list[tuple[Span, str]]:
        """Return the rows that repeat and their lists; what an outer row repeats is not an inner one's."""
        rows: dict[int, Span] = {}
        direct: dict[int, dict[str, Reading]] = {}
        for paragraph, reading in zip(paragraphs, readings, strict=True):
            for mark in reading.marks:
                if mark.kind == "field" and mark.column is not None and paragraph.row:
                    rows[id(paragraph.row)] = paragraph.row
                    direct.setdefault(id(paragraph.row), {}).setdefault(mark.name, reading)
        result = []
        for key, row in rows.items():
            around = {name for outer in _rows_around(row) for name in direct.get(id(outer), ())}
            own = [name for name in direct[key] if name not in around]
            for name in own[1:]:
                reading = direct[key][name]
                self.bad.append(
                    Place(reading.part, reading.paragraph, reading.readable, "two lists in one table row")
                )
            if own:
                result.append((row, own[0]))
        return result

    # --- edits

    def _slot(self, mark: Mark, flavour: Flavour, raw: str) -> Slot:
        key = self.keys.setdefault((mark.name, mark.column, flavour), len(self.keys))
        return Slot(key, mark.name, mark.column, flavour, raw.encode())

    def _edits(
        self, paragraph: Paragraph, marks: Sequence[Mark], *, strict: bool, flavour: Flavour | None = None
    ) -> Iterator[_Edit]:
        """Return the new text elements of a paragraph: a value goes where its `$` stands."""
        wanted = [mark for mark in marks if mark.kind in ("field", "unknown", "escape")]
        text = paragraph.text if wanted else ""
        begin = first = 0
        for piece in paragraph.pieces if wanted else ():
            end = begin + (1 if isinstance(piece, Break) else len(piece.text))
            while first < len(wanted) and wanted[first].stop <= begin:
                first += 1
            touching = [mark for mark in _until(wanted, first, end) if not isinstance(piece, Break)]
            if isinstance(piece, Piece) and touching:
                of_piece = flavour or RunText(piece.written, strict)
                head = piece.head if flavour else _preserving(piece.head)
                nodes: list[Node | str] = [head + ">"]
                at = begin
                for mark in touching:
                    if mark.start >= begin:
                        nodes.append(markup.escape(text[at : mark.start]))
                        raw = markup.escape(text[mark.start : mark.stop])
                        nodes.append("$" if mark.kind == "escape" else self._slot(mark, of_piece, raw))
                    at = min(mark.stop, end)
                nodes += (markup.escape(text[at:end]), f"</{piece.written}>")
                yield _Edit(piece.start, piece.stop, tuple(nodes))
            begin = end

    def _link_edits(self, part: str, target: Attribute) -> Iterator[_Edit]:
        raws = _characters(target.value)
        text = "".join(character for character, _ in raws)
        marks = find(text, self.fields, in_row=False) if "$" in text else []
        if not marks:
            return
        self._note(Reading(part, 0, text, target.value, marks))
        in_address = target.value.lower().startswith("mailto:")
        flavour = LinkTarget("@" if in_address else "")
        nodes: list[Node | str] = []
        at = 0

        def raw(start: int, stop: int) -> str:
            return markup.escape_attribute("".join(written for _, written in raws[start:stop]))

        for mark in marks:
            nodes.append(raw(at, mark.start))
            if mark.kind in ("field", "unknown"):
                nodes.append(self._slot(mark, flavour, raw(mark.start, mark.stop)))
            else:
                nodes.append("$" if mark.kind == "escape" else raw(mark.start, mark.stop))
            at = mark.stop
        nodes.append(raw(at, len(raws)))
        yield _Edit(target.start, target.stop, tuple(nodes))

    def _drawing_edits(self, part: str, drawing: Drawing) -> Iterator[_Edit]:
        """Return the edits of a picture whose alternative text is a field: `name`, `$name` or `${name}`."""
        text = drawing.description
        marks = find(text, self.fields, in_row=drawing.row is not None)
        explicit = len(marks) == 1 and (marks[0].start, marks[0].stop) == (0, len(text))
        if explicit and marks[0].kind in ("field", "unknown", "bad"):
            mark = marks[0]
        elif text in self.fields.singles:
            mark = Mark("field", 0, len(text), text)
        else:
            return
        self._note(Reading(part, drawing.paragraph, text, text, [mark]))
        places: tuple[tuple[Literal["relation", "width", "height"], list[Attribute]], ...] = (
            ("relation", drawing.embeds),
            ("width", drawing.widths),
            ("height", drawing.heights),
        )
        for what, attributes in places:
            for one in attributes:
                was = markup.escape_attribute(one.value).encode()
                node = DrawingSlot(mark.name, mark.column, what, was, explicit)
                yield _Edit(one.start, one.stop, (node,))
        # Extensions of the picture (an SVG beside its PNG) would be shown instead of the new one.
        yield from (_Edit(start, stop) for start, stop in drawing.extensions)


def insert_before_end(source: str) -> _Edit:
    """Return the edit that makes room before the end tag of the root element."""
    last: Token | None = None
    first: Token | None = None
    for token in markup.tokens(source):
        first = first or (token if token.kind == "open" else None)
        last = token if token.kind == "close" else last
    assert first is not None and last is not None
    room = Insert(markup.prefix_of(first.written))
    if not first.empty:
        return _Edit(last.start, last.start, (room,))
    head = source[first.start : first.stop].removesuffix("/>")
    return _Edit(first.start, first.stop, (f"{head}>", room, f"</{first.written}>"))


def with_room(source: str) -> Program:
    """Return the program of a part to which something may be added before its end."""
    return _assembled(source, [insert_before_end(source)])


def _until(marks: Sequence[Mark], first: int, end: int) -> Iterator[Mark]:
    for n in range(first, len(marks)):
        if marks[n].start >= end:
            return
        yield marks[n]


def _rows_around(row: Span) -> Iterator[Span]:
    """Return the rows that hold a row, from the inside."""
    table = row.outer
    while table and table.outer:
        yield table.outer
        table = table.outer.outer


def _preserving(head: str) -> str:
    """Return a start tag, without its end, that keeps spaces."""
    found, count = _SPACE.subn('xml:space="preserve"', head)
    return found if count else f'{head} xml:space="preserve"'


def _characters(target: str) -> list[tuple[str, str]]:
    """Return the characters of a link with what each is written as; an encoded `$` stays what it is."""
    result: list[tuple[str, str]] = []
    at = 0
    for found in _PERCENT.finditer(target):
        result += ((character, character) for character in target[at : found.start()])
        at = found.end()
        codes = found[0]
        try:
            decoded = bytes.fromhex(codes.replace("%", "")).decode()
        except UnicodeDecodeError:
            decoded = ""
        if not decoded or "$" in decoded or "\x00" in decoded:
            result += ((character, character) for character in codes)
            continue
        place = 0
        for character in decoded:
            length = 3 * len(character.encode())
            result.append((character, codes[place : place + length]))
            place += length
    return [*result, *((character, character) for character in target[at:])]


def _elements_with_text(source: str, name: tuple[str, str]) -> Iterator[Piece]:
    opened: Token | None = None
    text: list[str] = []
    for token in markup.tokens(source):
        if token.kind == "open":
            opened, text = (token, []) if token.name == name else (None, [])
        elif token.kind == "text":
            text.append(token.body)
        elif opened and token.name == name:
            head = source[opened.start : opened.stop].rstrip(">").rstrip("/").rstrip()
            yield Piece("".join(text), opened.start, token.stop, head, opened.written)
            opened = None


def _assembled(source: str, edits: Sequence[_Edit]) -> Program:
    # Where two start together, the longer holds the other.
    ordered = sorted(edits, key=lambda edit: (edit.start, -edit.stop))
    assert all(one.stop <= two.start or one.region for one, two in pairwise(ordered))
    waiting = iter(ordered)
    upcoming = next(waiting, None)

    def nodes(start: int, stop: int) -> Iterator[Node | str]:
        nonlocal upcoming
        at = start
        while upcoming and upcoming.start < stop:
            edit, upcoming = upcoming, next(waiting, None)
            yield source[at : edit.start]
            at = edit.stop
            if edit.region is None:
                yield from edit.nodes
                continue
            body = joined(nodes(edit.start, edit.stop))
            if edit.region[0] == "row":
                name = edit.region[1]
                yield Rows(name, body, _columns(name, body), _drawings(name, body))
            else:
                yield Unless(edit.region[1], body)
        yield source[at:stop]

    return joined(nodes(0, len(source)))


def _columns(name: str, body: Program) -> tuple[Slot, ...]:
    found = (node for node in walk(body) if isinstance(node, Slot) and node.column and node.name == name)
    return tuple({slot.key: slot for slot in found}.values())


def _drawings(name: str, body: Program) -> tuple[DrawingSlot, ...]:
    return tuple(
        node for node in walk(body) if isinstance(node, DrawingSlot) and node.column and node.name == name
    )
