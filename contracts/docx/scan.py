"""One part read as a person reads it: paragraphs with their text, table rows, pictures, and where they stand.

A paragraph's text joins its `w:t` in document order. Deleted and moved-away text and field instructions are
not text. A break, tab or hyphen is read as such, and no placeholder goes on behind it. Paragraphs of a text
box stand on their own, after the one that holds the box.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contracts.docx import markup
from contracts.docx.markup import Attribute, Token
from contracts.docx.placeholders import BARRIER

Oddity = Literal["tracked_change", "comment_left", "place_not_filled"]

_BREAKS = {
    "br": "\n",
    "cr": "\n",
    "tab": "\t",
    "ptab": "\t",
    "noBreakHyphen": "-",
    "softHyphen": "",
    "sym": "",
}
_NOT_TEXT = frozenset({"del", "moveFrom"})
_TRACKED = frozenset(
    {
        "ins",
        "del",
        "moveFrom",
        "moveTo",
        "cellIns",
        "cellDel",
        "cellMerge",
        "rPrChange",
        "pPrChange",
        "sectPrChange",
        "tblPrChange",
        "tblPrExChange",
        "tblGridChange",
        "trPrChange",
        "tcPrChange",
        "numberingChange",
    }
)
_COMMENTED = frozenset({"commentRangeStart", "commentReference"})


@dataclass(slots=True)
class Span:
    """A table row or a table, and the table or the row that holds it."""

    start: int
    outer: Span | None
    stop: int = 0
    rows: list[Span] = field(default_factory=list)
    unique: list[tuple[int, int]] = field(default_factory=list)
    """What must not be repeated with the row: marks and numbers that are unique in the document."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one `w:t`; start and stop are those of the element, head is its start tag without `>`."""

    text: str
    start: int
    stop: int
    head: str
    written: str


@dataclass(frozen=True, slots=True)
class Break:
    """What a reader sees where no placeholder goes on."""

    text: str


@dataclass(slots=True)
class Paragraph:
    number: int
    row: Span | None
    pieces: list[Piece | Break] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text as it is searched: a barrier for each break."""
        return "".join(BARRIER if isinstance(piece, Break) else piece.text for piece in self.pieces)

    @property
    def readable(self) -> str:
        return "".join(piece.text for piece in self.pieces)


@dataclass(slots=True)
class Drawing:
    """A picture with an alternative text, and the places of what makes it this picture and this large."""

    paragraph: int
    row: Span | None
    description: str
    embeds: list[Attribute] = field(default_factory=list)
    widths: list[Attribute] = field(default_factory=list)
    heights: list[Attribute] = field(default_factory=list)
    extensions: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """What `scan` found; `tables` in the order of their ends."""

    paragraphs: list[Paragraph] = field(default_factory=list)
    rows: list[Span] = field(default_factory=list)
    tables: list[Span] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    oddities: list[tuple[Oddity, int, str]] = field(default_factory=list)
    highest_id: int = 0
    strict: bool = False


@dataclass(slots=True)
class _Element:
    token: Token
    text: list[str] | None = None


class _Reader:
    def __init__(self, text: str) -> None:
        self.source = text
        self.part = Part()
        self.stack: list[_Element] = []
        self.paragraphs: list[Paragraph] = []
        self.rows: list[Span] = []
        self.tables: list[Span] = []
        self.drawings: list[Drawing] = []
        self.not_text = 0
        self.marks: dict[str, tuple[Span, int, int]] = {}

    @property
    def number(self) -> int:
        return self.paragraphs[-1].number if self.paragraphs else len(self.part.paragraphs)

    def open(self, token: Token) -> None:
        space, local = token.name
        if not self.stack:
            self.part.strict = markup.STRICT_W in (token.scope or {}).values()
        element = _Element(token)
        if space in markup.W:
            self._open_word(token, local, element)
        elif local == "t" and (space in markup.M or space in markup.A):
            element.text = []
        elif space in markup.WP:
            self._open_drawing(token, local)
        elif space in markup.A and self.drawings and self.drawings[-1].description:
            self._open_picture(token, local)
        if self.rows and "Id=" in token.body:
            self._note_unique_attributes(token)
        self.stack.append(element)

    def close(self, token: Token) -> None:
        element = self.stack.pop()
        space, local = token.name
        if space in markup.W:
            self._close_word(token, local, element)
        elif element.text is not None:
            self._odd_place("".join(element.text))
        elif space in markup.WP and local in ("inline", "anchor") and self.drawings:
            drawing = self.drawings.pop()
            if drawing.description and drawing.embeds:
                self.part.drawings.append(drawing)
        elif token.name[1] == "extLst" and self.drawings and self._inside("blip"):
            self.drawings[-1].extensions.append((element.token.start, token.stop))

    def read(self, token: Token) -> None:
        if self.stack and (text := self.stack[-1].text) is not None:
            text.append(token.body)

    def _inside(self, local: str) -> bool:
        return bool(self.stack) and self.stack[-1].token.name[1] == local

    # --- words

    def _open_word(self, token: Token, local: str, element: _Element) -> None:
        parent = self.stack[-1].token.name[1] if self.stack else ""
        if local in _NOT_TEXT:
            self.not_text += 1
        if local in _TRACKED:
            self.part.oddities.append(("tracked_change", self.number, local))
        elif local in _COMMENTED:
            self.part.oddities.append(("comment_left", self.number, ""))
        if local == "p":
            paragraph = Paragraph(len(self.part.paragraphs) + 1, self.rows[-1] if self.rows else None)
            self.part.paragraphs.append(paragraph)
            self.paragraphs.append(paragraph)
        elif local in ("t", "instrText"):
            element.text = []
        elif local == "tr":
            self.rows.append(Span(token.start, self.tables[-1] if self.tables else None))
        elif local == "tbl":
            self.tables.append(Span(token.start, self.rows[-1] if self.rows else None))
        elif local in _BREAKS and parent == "r" and self.paragraphs and not self.not_text:
            self.paragraphs[-1].pieces.append(Break(_BREAKS[local]))
        elif local in ("bookmarkStart", "bookmarkEnd") and self.rows:
            self._note_bookmark(token, local)

    def _close_word(self, token: Token, local: str, element: _Element) -> None:
        if local in _NOT_TEXT:
            self.not_text -= 1
        if local == "p":
            self.paragraphs.pop()
        elif local == "t" and self.paragraphs and not self.not_text:
            opened = element.token
            head = self.source[opened.start : opened.stop].rstrip(">").rstrip("/").rstrip()
            assert element.text is not None
            piece = Piece("".join(element.text), opened.start, token.stop, head, opened.written)
            self.paragraphs[-1].pieces.append(piece)
        elif local == "instrText":
            assert element.text is not None
            self._odd_place("".join(element.text))
        elif local == "tr":
            row = self.rows.pop()
            row.stop = token.stop
            self.part.rows.append(row)
            if row.outer:
                row.outer.rows.append(row)
        elif local == "tbl":
            table = self.tables.pop()
            table.stop = token.stop
            self.part.tables.append(table)

    def _odd_place(self, text: str) -> None:
        if "$" in text:
            self.part.oddities.append(("place_not_filled", self.number, text))

    # --- what must not be repeated with a row

    def _note_unique_attributes(self, token: Token) -> None:
        for one in markup.attributes(token):
            if one.name in ((markup.W14, "paraId"), (markup.W14, "textId")):
                self.rows[-1].unique.append((one.whole_start, one.stop + 1))

    def _note_bookmark(self, token: Token, local: str) -> None:
        row = self.rows[-1]
        number = next((one.value for one in markup.attributes(token) if one.name[1] == "id"), "")
        if not token.empty:
            return
        if local == "bookmarkStart":
            self.marks[number] = (row, token.start, token.stop)
        elif number in self.marks:
            first_row, start, stop = self.marks.pop(number)
            if first_row is row:
                row.unique += ((start, stop), (token.start, token.stop))

    # --- pictures

    def _open_drawing(self, token: Token, local: str) -> None:
        if local in ("inline", "anchor"):
            self.drawings.append(Drawing(self.number, self.rows[-1] if self.rows else None, ""))
        elif local == "docPr":
            values = {one.name[1]: one.value for one in markup.attributes(token) if not one.name[0]}
            if (number := values.get("id", "")).isascii() and number.isdigit():
                self.part.highest_id = max(self.part.highest_id, int(number))
            if self.drawings:
                self.drawings[-1].description = values.get("descr", "").strip()
        elif local == "extent" and self.drawings:
            self._note_size(token)

    def _open_picture(self, token: Token, local: str) -> None:
        drawing = self.drawings[-1]
        if local == "blip":
            drawing.embeds += [
                one for one in markup.attributes(token) if one.name[0] in markup.R and one.name[1] == "embed"
            ]
        elif local == "ext" and self._inside("xfrm"):
            self._note_size(token)

    def _note_size(self, token: Token) -> None:
        drawing = self.drawings[-1]
        for one in markup.attributes(token):
            if one.name == ("", "cx"):
                drawing.widths.append(one)
            elif one.name == ("", "cy"):
                drawing.heights.append(one)


def scan(text: str) -> Part:
    """Return what stands in a part of well-formed XML."""
    reader = _Reader(text)
    for token in markup.tokens(text):
        if token.kind == "open":
            reader.open(token)
        elif token.kind == "close":
            reader.close(token)
        else:
            reader.read(token)
    return reader.part
