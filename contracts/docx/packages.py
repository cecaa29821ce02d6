"""What may become a template: the checks at upload, and what the compiler then knows of the package.

Everything is judged by content types and relation types, never by file names; sizes by counting.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from contracts.docx import markup
from contracts.docx.errors import PackageRefused, RefusalCode
from contracts.docx.zips import Limits, Member, read_members, unpack

CONTENT_TYPES = "[Content_Types].xml"
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_WORD_TEXT = re.compile(
    r"application/vnd\.openxmlformats-officedocument\.wordprocessingml\."
    r"(document\.main|header|footer|footnotes|endnotes)\+xml"
)
_CORE_PROPERTIES = "application/vnd.openxmlformats-package.core-properties+xml"
_RELATIONS = "application/vnd.openxmlformats-package.relationships+xml"

_REFUSED_TYPES: tuple[tuple[RefusalCode, re.Pattern[str]], ...] = (
    ("macro", re.compile(r"macroenabled|vbaproject|vbadata|attachedtoolbars|keymapcustomizations")),
    (
        "embedded_object",
        re.compile(
            r"oleobject|activex|officedocument\.package|webextension|ms-package|x-ms-?dos|msdownload"
            r"|spreadsheetml\.(sheet|template)(\.|$)|presentationml\.(presentation|slideshow|template)(\.|$)"
            r"|^application/(msword|vnd\.ms-(excel|powerpoint)|rtf|zip|pdf)$|^text/html|^message/rfc822"
        ),
    ),
)
_REFUSED_RELATIONS: Mapping[str, RefusalCode] = {
    "vbaproject": "macro",
    "wordvbadata": "macro",
    "attachedtoolbars": "macro",
    "keymapcustomizations": "macro",
    "oleobject": "embedded_object",
    "package": "embedded_object",
    "afchunk": "embedded_object",
    "control": "embedded_object",
    "activexcontrolbinary": "embedded_object",
    "webextension": "embedded_object",
    "webextensiontaskpanes": "embedded_object",
}
_FIELDS_THAT_FETCH = re.compile(
    r"\s*(DDE|DDEAUTO|INCLUDETEXT|INCLUDEPICTURE|INCLUDE|IMPORT|LINK|RD|DATABASE|MACROBUTTON)\b",
    re.IGNORECASE,
)
_LINK_SCHEME = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
_LEAVES_THE_PACKAGE = re.compile(r"[a-z][a-z0-9+.-]*:|[\\/]{2}|\\", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Package:
    """A checked package.

    members   as they are stored, in their order
    texts     decoded XML of the parts that a template may change, their relations and the content types
    words     names of the parts with text: the document, headers, footers, footnotes, endnotes
    core      name of the core properties, if there are any
    """

    members: Mapping[str, Member]
    texts: Mapping[str, str]
    main: str
    words: tuple[str, ...]
    core: str | None


def check_package(data: bytes, *, limits: Limits | None = None) -> Package:
    """Return the package if it may become a template. Raises PackageRefused with a reason code."""
    limits = limits or Limits()
    members = read_members(data, limits)
    if CONTENT_TYPES not in members:
        raise PackageRefused("not_docx", "no content types")
    room = limits.unpacked
    raw_types = unpack(members[CONTENT_TYPES], limits, room)
    room -= len(raw_types)
    types_text = markup.decode(CONTENT_TYPES, raw_types)
    types = _content_types(types_text, members, limits)
    texts = {CONTENT_TYPES: types_text}
    words = tuple(name for name in members if _WORD_TEXT.fullmatch(types.get(name, "")))
    core = next((name for name in members if types.get(name) == _CORE_PROPERTIES), None)
    kept = {*words, core, *(relations_of(name) for name in words)}
    for name, member in members.items():
        if name == CONTENT_TYPES:
            continue
        content = unpack(member, limits, room)
        room -= len(content)
        if not _is_xml(name, types.get(name, "")):
            continue
        text = markup.decode(name, content)
        if name.lower().endswith(".rels") or types.get(name) == _RELATIONS:
            _check_relations(name, text, limits)
        else:
            markup.verify(name, text, limits.depth)
            if _WORD_TEXT.fullmatch(types.get(name, "")):
                _check_fields(name, text)
        if name in kept:
            texts[name] = text
    mains = [name for name in words if types[name] == _MAIN]
    if len(mains) != 1:
        raise PackageRefused("not_docx", f"{len(mains)} main documents")
    return Package(members, texts, mains[0], words, core)


def relations_of(part: str) -> str:
    """Return the name of the member that holds the relations of a part."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def default_types(text: str) -> dict[str, str]:
    """Return the content type of each file name extension."""
    return {
        found["Extension"].lower(): found["ContentType"]
        for token in markup.tokens(text)
        if token.kind == "open" and token.name[1] == "Default"
        for found in [{one.name[1]: one.value for one in markup.attributes(token)}]
    }


def is_link(kind: str) -> bool:
    """Tell whether a relation of this type is a hyperlink."""
    return kind.rpartition("/")[2].lower() == "hyperlink"


def _is_xml(name: str, kind: str) -> bool:
    return kind.endswith(("+xml", "/xml")) or name.lower().endswith((".xml", ".rels", ".vml"))


def _content_types(text: str, members: Mapping[str, Member], limits: Limits) -> dict[str, str]:
    """Return the content type of each member. Raises PackageRefused for a type that no template may have."""
    defaults: dict[str, str] = {}
    overrides: dict[str, str] = {}

    def visit(element: str, attributes: dict[str, str]) -> None:
        local = element.rpartition(" ")[2]
        kind = attributes.get("ContentType", "").strip().lower()
        if local == "Default":
            defaults[attributes.get("Extension", "").lower()] = kind
        elif local == "Override":
            overrides[unquote(attributes.get("PartName", "")).removeprefix("/").casefold()] = kind

    markup.verify(CONTENT_TYPES, text, limits.depth, visit)
    types = {
        name: overrides.get(name.casefold(), defaults.get(posixpath.splitext(name)[1][1:].lower(), ""))
        for name in members
    }
    for name, kind in (*types.items(), *overrides.items()):
        for code, pattern in _REFUSED_TYPES:
            if pattern.search(kind):
                raise PackageRefused(code, f"{name}: {kind}")
    return types


def _check_relations(name: str, text: str, limits: Limits) -> None:
    def visit(element: str, attributes: dict[str, str]) -> None:
        if element.rpartition(" ")[2] != "Relationship":
            return
        kind = attributes.get("Type", "").rpartition("/")[2].strip().lower()
        if kind in _REFUSED_RELATIONS:
            raise PackageRefused(_REFUSED_RELATIONS[kind], f"{name}: {kind}")
        target = attributes.get("Target", "").strip()
        outside = attributes.get("TargetMode", "").strip().lower() == "external"
        if outside and kind == "hyperlink" and _LINK_SCHEME.match(target):
            return
        if outside or _LEAVES_THE_PACKAGE.match(target):
            raise PackageRefused("external_relation", f"{name}: {kind} to {target[:200]}")

    markup.verify(name, text, limits.depth, visit)


def _check_fields(name: str, text: str) -> None:
    """Refuse fields that fetch something or start something when the document is opened."""
    for instruction in _instructions(text):
        if found := _FIELDS_THAT_FETCH.match(instruction):
            raise PackageRefused("external_relation", f"{name}: field {found[1].upper()}")


def _instructions(text: str) -> Iterator[str]:
    """Return the instructions of all fields; those of nested fields are joined where they stand."""
    open_fields: list[list[str]] = []
    in_instruction = False
    for token in markup.tokens(text):
        if token.name[0] in markup.W:
            local = token.name[1]
            if local == "instrText":
                in_instruction = token.kind == "open"
            elif token.kind != "open":
                continue
            elif local == "fldSimple":
                yield from (one.value for one in markup.attributes(token) if one.name[1] == "instr")
            elif local == "fldChar":
                kind = next(
                    (one.value for one in markup.attributes(token) if one.name[1] == "fldCharType"), ""
                )
                if kind == "begin":
                    open_fields.append([])
                elif kind in ("separate", "end") and open_fields:
                    yield "".join(open_fields[-1])
                    if kind == "end":
                        open_fields.pop()
        elif token.kind == "text" and in_instruction and open_fields:
            open_fields[-1].append(token.body)
    yield from ("".join(field) for field in open_fields)
