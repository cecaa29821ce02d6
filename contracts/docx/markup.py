"""XML of a package: verified once by a parser, then read as tokens that know their place in the text.

Edits are made in the text itself, so that everything a template does not touch keeps its characters:
prefixes, order of attributes, `mc:Ignorable`. The tokens are right for well-formed XML without DTD alone,
which `verify` makes sure of.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from xml.parsers import expat

from contracts.docx.errors import PackageRefused

W = frozenset(
    {
        "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "http://purl.oclc.org/ooxml/wordprocessingml/main",
    }
)
STRICT_W = "http://purl.oclc.org/ooxml/wordprocessingml/main"
R = frozenset(
    {
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "http://purl.oclc.org/ooxml/officeDocument/relationships",
    }
)
A = frozenset(
    {
        "http://schemas.openxmlformats.org/drawingml/2006/main",
        "http://purl.oclc.org/ooxml/drawingml/main",
    }
)
WP = frozenset(
    {
        "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing",
    }
)
M = frozenset(
    {
        "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "http://purl.oclc.org/ooxml/officeDocument/math",
    }
)
W14 = "http://schemas.microsoft.com/office/word/2010/wordml"
DC = "http://purl.org/dc/elements/1.1/"

_TOKEN = re.compile(
    r"""
    <!--.*?-->
  | <\?.*?\?>
  | <!\[CDATA\[(?P<cdata>.*?)\]\]>
  | </(?P<close>[^\s>]++)\s*+>
  | <(?P<open>[^\s/>]++)(?P<attributes>(?:[^>"'/]++|"[^"]*+"|'[^']*+'|/(?!>))*+)(?P<empty>/?)>
  | (?P<text>[^<]++)
    """,
    re.DOTALL | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_REFERENCE = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|(lt|gt|amp|quot|apos));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_DECLARATION = re.compile(r"\s*<\?xml\b([^>]*)\?>")
_DECLARED_ENCODING = re.compile(r"""encoding\s*=\s*["']([^"']+)["']""")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TO_ESCAPE = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


@dataclass(frozen=True, slots=True)
class Token:
    """A start tag, an end tag or text; an empty element is a start tag followed by an end tag.

    start, stop  where it stands; an end tag of an empty element has no length
    name         (namespace, local name) of a tag
    body         the attributes of a start tag as written, or the text with its references resolved
    scope        prefixes and their namespaces
    """

    kind: Literal["open", "close", "text"]
    start: int
    stop: int
    name: tuple[str, str] = ("", "")
    written: str = ""
    body: str = ""
    empty: bool = False
    scope: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute with the place of its value."""

    name: tuple[str, str]
    value: str
    start: int
    stop: int
    whole_start: int


def decode(name: str, data: bytes) -> str:
    """Return the text of an XML part. OPC allows UTF-8 and UTF-16 only (part 2, 6.2.3).

    Raises PackageRefused.
    """
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise PackageRefused("not_docx", f"{name}: encoded in UTF-32")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data.startswith(b"<\x00"):
        encoding = "utf-16-le"
    elif data.startswith(b"\x00<"):
        encoding = "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise PackageRefused("not_docx", f"{name}: {error}") from error
    declaration = _DECLARATION.match(text)
    declared = declaration and _DECLARED_ENCODING.search(declaration[1])
    family = encoding[:6] if encoding.startswith("utf-16") else "utf-8"
    if declared and not declared[1].lower().startswith((family, "us-ascii")):
        raise PackageRefused("not_docx", f"{name}: encoded in {declared[1]}")
    return text


def as_utf8(text: str) -> str:
    """Return the text with its declaration changed to UTF-8 if it names another encoding."""
    declaration = _DECLARATION.match(text)
    if not declaration or re.search(r"encoding\s*=\s*[\"']utf-8[\"']", declaration[1], re.IGNORECASE):
        return text
    return DECLARATION + text[declaration.end() :].lstrip()


def verify(
    name: str,
    text: str,
    depth: int,
    visit: Callable[[str, dict[str, str]], None] | None = None,
) -> None:
    """Make sure that the text is well-formed XML without DTD, at most `depth` elements deep.

    `visit` gets every element: "namespace local" and its attributes, named in the same way.

    Raises PackageRefused.
    """
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    level = 0

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal level
        level += 1
        if level > depth:
            raise PackageRefused("too_deep", f"{name}: more than {depth} elements deep")
        if visit:
            visit(element, attributes)

    def end(_: str) -> None:
        nonlocal level
        level -= 1

    def doctype(*_: object) -> None:
        raise PackageRefused("dtd", name)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError as error:
        raise PackageRefused("not_docx", f"{name}: {error}") from error


def tokens(text: str) -> Iterator[Token]:
    """Return the tags and texts of well-formed XML in their order; comments and instructions are left out."""
    scopes: list[Mapping[str, str]] = [{"xml": "http://www.w3.org/XML/1998/namespace"}]
    for found in _TOKEN.finditer(text):
        start, stop = found.span()
        if found["text"] is not None:
            yield Token("text", start, stop, body=unescape(found["text"]))
        elif found["cdata"] is not None:
            yield Token("text", start, stop, body=_one_kind_of_line_end(found["cdata"]))
        elif found["close"] is not None:
            scope = scopes.pop()
            yield Token("close", start, stop, _resolved(found["close"], scope), found["close"])
        elif found["open"] is not None:
            written, body = found["open"], found["attributes"]
            scope = _inner_scope(scopes[-1], body) if "xmlns" in body else scopes[-1]
            name = _resolved(written, scope)
            empty = bool(found["empty"])
            yield Token("open", start, stop, name, written, body, empty, scope)
            if empty:
                yield Token("close", stop, stop, name, written)
            else:
                scopes.append(scope)


def attributes(token: Token) -> list[Attribute]:
    """Return the attributes of a start tag."""
    assert token.scope is not None
    offset = token.start + 1 + len(token.written)
    result = []
    for found in _ATTRIBUTE.finditer(token.body):
        group = 2 if found[2] is not None else 3
        prefix, _, local = found[1].rpartition(":")
        name = (token.scope.get(prefix, "") if prefix else "", local)
        start, stop = found.span(group)
        result.append(
            Attribute(name, unescape(found[group]), offset + start, offset + stop, offset + found.start())
        )
    return result


def unescape(text: str) -> str:
    """Return what a parser would read: references resolved, one kind of line end."""
    text = _one_kind_of_line_end(text)
    return _REFERENCE.sub(_referred, text) if "&" in text else text


def escape(text: str) -> str:
    """Return text for the content of an element; what XML forbids is dropped."""
    if _TO_ESCAPE.search(text) is None:
        return text
    text = without_forbidden(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


def without_forbidden(text: str) -> str:
    """Return the text without the characters that XML forbids (XML 1.0, 2.2)."""
    return _FORBIDDEN.sub("", text)


def escape_attribute(text: str) -> str:
    """Return text for the value of an attribute in quotes of either kind."""
    return (
        escape(text)
        .replace('"', "&quot;")
        .replace("'", "&apos;")
        .replace("\n", "&#10;")
        .replace("\t", "&#9;")
    )


def prefix_of(written: str) -> str:
    """Return the prefix of a name with its colon, or nothing."""
    prefix, colon, _ = written.rpartition(":")
    return prefix + colon


def _one_kind_of_line_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _referred(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return chr(int(found[2])) if found[2] else _NAMED[found[3]]


def _inner_scope(outer: Mapping[str, str], body: str) -> Mapping[str, str]:
    inner = dict(outer)
    for found in _ATTRIBUTE.finditer(body):
        value = unescape(found[2] if found[2] is not None else found[3])
        if found[1] == "xmlns":
            inner[""] = value
        elif found[1].startswith("xmlns:"):
            inner[found[1][6:]] = value
    return inner


def _resolved(written: str, scope: Mapping[str, str]) -> tuple[str, str]:
    prefix, _, local = written.rpartition(":")
    return scope.get(prefix, ""), local
