"""The words of a document, to be shown beside the form that it is made from."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from contracts.docx import check_package, markup
from contracts.docx.scan import scan

_MOST_PARAGRAPHS = 400


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a document with its paragraphs, empty ones left out."""

    name: str
    paragraphs: list[str]


def text_of(document: bytes) -> list[Part]:
    """Return the text of a document, headers and footers around the body. Raises DocxError."""
    package = check_package(document)
    found = []
    for name in sorted(package.words, key=_order):
        part = scan(markup.as_utf8(package.texts[name]))
        lines = [one.readable.strip() for one in part.paragraphs[:_MOST_PARAGRAPHS]]
        if lines := [line for line in lines if line]:
            found.append(Part(posixpath.basename(name).removesuffix(".xml"), lines))
    return found


def _order(name: str) -> tuple[int, str]:
    """Put headers first, then the body, then what stands below it."""
    base = posixpath.basename(name)
    return (0 if base.startswith("header") else 1 if base.startswith("document") else 2, base)
