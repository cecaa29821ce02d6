"""What a person should look at before a template is used."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from contracts.docx import markup
from contracts.docx.compiling import Compiler, Reading
from contracts.docx.packages import check_package, relations_of
from contracts.docx.placeholders import BARRIER, Fields, Mark
from contracts.docx.scan import Part, scan
from contracts.docx.template import Declared
from contracts.docx.zips import Limits

FindingCode = Literal[
    "fullwidth_dollar",
    "undeclared_field",
    "glued_field",
    "tracked_change",
    "comment_left",
    "bad_placeholder",
    "lone_dollar",
    "place_not_filled",
    "unused_field",
]
_NAME = r"([^\W\d]\w*(?:[.．。][^\W\d]\w*)?)"
_FULLWIDTH = re.compile(rf"＄(?:\s*[{{｛]?\s*{_NAME}\s*[}}｝]?)?|\$\s*｛\s*(?:{_NAME})?\s*[}}｝]?")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something suspicious.

    part, paragraph  where; paragraphs count from 1 in each part, 0 is a place outside of them
    text             the piece of text, or what kind of change it is
    suggestion       what to write there instead; empty where there is nothing to propose
    """

    code: FindingCode
    part: str
    paragraph: int
    text: str
    suggestion: str = ""


def lint(data: bytes, fields: Declared, *, limits: Limits | None = None) -> list[Finding]:
    """Return what is suspicious in a template, in the order of parts and paragraphs.

    Raises PackageRefused if the file may not become a template at all.
    """
    package = check_package(data, limits=limits)
    declared = Fields.of(fields)
    compiler = Compiler(declared)
    findings: list[Finding] = []
    for name in package.words:
        source = markup.as_utf8(package.texts[name])
        part = scan(source)
        compiler.words(name, source, part)
        findings += _of_oddities(name, part)
        if relations_of(name) in package.texts:
            compiler.relations(relations_of(name), markup.as_utf8(package.texts[relations_of(name)]))
    if package.core:
        compiler.title(package.core, markup.as_utf8(package.texts[package.core]))
    for reading in compiler.readings:
        findings += _of_reading(reading, declared)
    findings += (
        Finding("bad_placeholder", place.part, place.paragraph, place.text, place.reason)
        for place in compiler.bad
    )
    order = {name: n for n, name in enumerate(package.members)}
    findings.sort(key=lambda one: (order[one.part], one.paragraph))
    used = {name if column is None else f"{name}.{column}" for name, column in compiler.used}
    findings += (Finding("unused_field", "", 0, name) for name in declared.all() if name not in used)
    return findings


def _of_oddities(name: str, part: Part) -> Iterator[Finding]:
    """Return one finding per paragraph and kind."""
    for code, paragraph, text in dict.fromkeys(part.oddities):
        yield Finding(code, name, paragraph, text)


def _of_reading(reading: Reading, declared: Fields) -> Iterator[Finding]:
    for found in _FULLWIDTH.finditer(reading.readable):
        inside = (found[1] or found[2] or "").replace("．", ".").replace("。", ".")
        name = _declared_start(inside, declared)
        suggestion = f"${{{name}}}{inside[len(name) :]}" if name else ("${" + inside + "}" if inside else "$")
        yield Finding("fullwidth_dollar", reading.part, reading.paragraph, found[0].strip(), suggestion)
    for mark in reading.marks:
        text = reading.text[mark.start : mark.stop]
        if mark.kind == "unknown":
            near = difflib.get_close_matches(mark.full_name, declared.all(), n=1)
            suggestion = f"${{{near[0]}}}" if near else ""
            yield Finding("undeclared_field", reading.part, reading.paragraph, text, suggestion)
        elif mark.kind == "field" and not mark.braced and _is_glued(reading.text, mark):
            suggestion = f"${{{mark.full_name}}}"
            yield Finding("glued_field", reading.part, reading.paragraph, text, suggestion)
        elif mark.kind == "lone":
            after = reading.text[mark.stop : mark.stop + 8].partition(BARRIER)[0]
            yield Finding("lone_dollar", reading.part, reading.paragraph, text + after, "$$" + after)


def _is_glued(text: str, mark: Mark) -> bool:
    """Tell whether a letter follows, so that a longer name declared one day would be read instead."""
    following = text[mark.stop : mark.stop + 1]
    return following == "_" or following.isalnum()


def _declared_start(text: str, declared: Fields) -> str:
    found = declared.longest_at(text, 0)
    return text[: found[2]] if found else ""
