"""What a part becomes: constant bytes, and between them the places where values go.

A program is a tuple of nodes; a repeating row is a node with a program of its own. Programs never change
after they were made, so threads may share them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from contracts.docx import markup
from contracts.docx.zips import Packed

_WORTH_PACKING = 64
"""Bytes below which a constant piece goes uncompressed with its neighbours: blocks would not be smaller."""


@dataclass(frozen=True, slots=True)
class RunText:
    """A value inside a text element of a run, whose name as written is `written`."""

    written: str
    strict: bool

    def render(self, text: str) -> bytes:
        if "\r" in text:  # a forbidden character between the two does not make them two breaks
            text = markup.without_forbidden(text).replace("\r\n", "\n").replace("\r", "\n")
        text = markup.escape(text)
        if "\n" in text:
            text = text.replace("\n", self.broken_by("br"))
        if "\t" in text:
            text = text.replace("\t", self.broken_by("tab"))
        return text.encode()

    def broken_by(self, element: str) -> str:
        """Return what ends the text element, puts an empty element behind it and starts another text."""
        return self.around(f"<{markup.prefix_of(self.written)}{element}/>")

    def around(self, element: str) -> str:
        return f'</{self.written}>{element}<{self.written} xml:space="preserve">'


@dataclass(frozen=True, slots=True)
class Plain:
    """A value inside an element that holds text alone."""

    def render(self, text: str) -> bytes:
        return markup.escape(text).encode()


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """A value inside a link, percent-encoded; `safe` characters stay as they are."""

    safe: str = ""

    def render(self, text: str) -> bytes:
        return quote(markup.without_forbidden(text), safe=self.safe).encode()


Flavour = RunText | Plain | LinkTarget


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a value.

    key       the same for every slot with the same field and flavour
    raw       the placeholder as it stood, for the mode `keep`
    """

    key: int
    name: str
    column: str | None
    flavour: Flavour
    raw: bytes

    @property
    def full_name(self) -> str:
        return self.name if self.column is None else f"{self.name}.{self.column}"


@dataclass(frozen=True, slots=True)
class DrawingSlot:
    """An attribute of a picture that a value may replace; `was` is what the template says.

    explicit  the alternative text is a placeholder, so that nothing but a picture will do
    """

    name: str
    column: str | None
    what: Literal["relation", "width", "height"]
    was: bytes
    explicit: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """A table row that repeats once per item of a list; `columns` are the slots that an item fills."""

    name: str
    body: Program
    columns: tuple[Slot, ...]
    drawings: tuple[DrawingSlot, ...]


@dataclass(frozen=True, slots=True)
class Unless:
    """A table of repeating rows alone: it stands unless all these lists are empty (a table needs a row)."""

    lists: frozenset[str]
    body: Program


@dataclass(frozen=True, slots=True)
class Insert:
    """Where relations or content types of new pictures go; `prefix` is that of the part, with its colon."""

    prefix: str


Node = bytes | Slot | DrawingSlot | Rows | Unless | Insert
Program = tuple[Node, ...]


def walk(program: Program) -> Iterator[Node]:
    """Return all nodes that are not constant, in their order, at any depth."""
    for node in program:
        if not isinstance(node, bytes):
            yield node
            if isinstance(node, Rows | Unless):
                yield from walk(node.body)


def joined(nodes: Iterable[Node | str]) -> Program:
    """Return the nodes with neighbouring constants joined."""
    result: list[Node] = []
    texts: list[bytes] = []
    for node in nodes:
        if isinstance(node, str | bytes):
            texts.append(node.encode() if isinstance(node, str) else node)
            continue
        if constant := b"".join(texts):
            result.append(constant)
        texts.clear()
        result.append(node)
    if constant := b"".join(texts):
        result.append(constant)
    return tuple(result)


def packed(program: Program) -> Program:
    """Return the program with its longer constants deflated."""
    result: list[Node] = []
    for node in program:
        if isinstance(node, bytes):
            result.append(Packed.of(node) if len(node) >= _WORTH_PACKING else node)
        elif isinstance(node, Rows):
            result.append(Rows(node.name, packed(node.body), node.columns, node.drawings))
        elif isinstance(node, Unless):
            result.append(Unless(node.lists, packed(node.body)))
        else:
            result.append(node)
    return tuple(result)
