"""What a document shows, words and pictures, to be seen beside the form that it is made from."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.docx import Package, Picture, check_package, markup
from contracts.docx.markup import Token
from contracts.docx.packages import relations_of
from contracts.docx.scan import scan
from contracts.docx.zips import Limits, unpack

_MOST_PARAGRAPHS = 400
_MOST_SHOWN = 6 << 20
"""Bytes of all pictures of a document together: a page stands in one answer."""
_EMU_PER_PIXEL = 9525
"""At the 96 pixels an inch of browsers."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as large as it will be printed; `source` is blank for one that is too much for a page."""

    source: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph: its text, and the pictures in it."""

    text: str
    pictures: tuple[Shown, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a document with its paragraphs, empty ones left out."""

    name: str
    paragraphs: list[Line]


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a picture stands: the number of its paragraph from 1, its relation, its size in EMU."""

    paragraph: int
    relation: str
    width: int
    height: int


def look(document: bytes) -> list[Part]:
    """Return the text and the pictures of a document, headers and footers around the body.

    Raises DocxError.
    """
    package = check_package(document)
    pictures = _Pictures(package)
    found = []
    for name in sorted(package.words, key=_order):
        source = markup.as_utf8(package.texts[name])
        shown = pictures.of_part(name, source)
        lines = [
            Line(one.readable.strip(), tuple(shown.get(one.number, ())))
            for one in scan(source).paragraphs[:_MOST_PARAGRAPHS]
        ]
        if lines := [line for line in lines if line.text or line.pictures]:
            found.append(Part(posixpath.basename(name).removesuffix(".xml"), lines))
    return found


def _order(name: str) -> tuple[int, str]:
    """Put headers first, then the body, then what stands below it."""
    base = posixpath.basename(name)
    return (0 if base.startswith("header") else 1 if base.startswith("document") else 2, base)


class _Pictures:
    """The pictures of a package, each read once and as long as there is room."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._room = _MOST_SHOWN
        self._sources: dict[str, str] = {}

    def of_part(self, name: str, source: str) -> Mapping[int, list[Shown]]:
        """Return the pictures of a part by the number of their paragraph."""
        targets = self._targets(name)
        found: dict[int, list[Shown]] = {}
        for one in _placed(source):
            target = targets.get(one.relation, "")
            if target in self._package.members and min(one.width, one.height) >= _EMU_PER_PIXEL * 4:
                size = (round(one.width / _EMU_PER_PIXEL), round(one.height / _EMU_PER_PIXEL))
                found.setdefault(one.paragraph, []).append(Shown(self._source(target), *size))
        return found

    def _targets(self, name: str) -> dict[str, str]:
        relations = self._package.texts.get(relations_of(name), "")
        folder = posixpath.dirname(name)
        found = {}
        for token in markup.tokens(relations):
            if token.kind == "open" and token.name[1] == "Relationship":
                values = {one.name[1]: one.value for one in markup.attributes(token)}
                target = posixpath.normpath(posixpath.join("/", folder, values.get("Target", "")))
                found[values.get("Id", "")] = target.lstrip("/")
        return found

    def _source(self, target: str) -> str:
        if target not in self._sources:
            self._sources[target] = self._read(target)
        return self._sources[target]

    def _read(self, target: str) -> str:
        member = self._package.members[target]
        if member.size > self._room:
            return ""
        data = unpack(member, Limits(), self._room)
        try:
            kind = Picture(data, width_mm=1).content_type
        except ValueError:  # a drawing of Windows, or whatever a browser does not show
            return ""
        self._room -= len(data)
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _placed(source: str) -> Iterator[_Placed]:
    """Return the pictures of a part; their paragraphs are counted as `scan` counts them."""
    count = 0
    paragraphs: list[int] = []
    sizes: list[tuple[int, int]] = []
    for token in markup.tokens(source):
        if token.kind == "text":
            continue
        space, local = token.name
        if space in markup.W and local == "p":
            if token.kind == "close":
                paragraphs.pop()
            else:
                count += 1
                paragraphs.append(count)
        elif token.kind == "close":
            if space in markup.WP and local in ("inline", "anchor"):
                sizes.pop()
        elif space in markup.WP and local in ("inline", "anchor"):
            sizes.append((0, 0))
        elif space in markup.WP and local == "extent" and sizes:
            sizes[-1] = _size(token)
        elif space in markup.A and local == "blip" and sizes and paragraphs:
            for one in markup.attributes(token):
                if one.name[0] in markup.R and one.name[1] == "embed":
                    yield _Placed(paragraphs[-1], one.value, *sizes[-1])


def _size(token: Token) -> tuple[int, int]:
    values = {one.name[1]: one.value for one in markup.attributes(token)}
    width, height = (values.get(name, "") for name in ("cx", "cy"))
    return int(width) if width.isdecimal() else 0, int(height) if height.isdecimal() else 0
