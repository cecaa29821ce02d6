"""Callbacks in their envelope: what WeCom delivers, and what it is answered.

Facts from developer.work.weixin.qq.com/document/path/90930 (receiving), 90241 (passive answers),
101033 (the JSON form of smart robots).  Nothing here decides what an event means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from wecom.crypto import CallbackKeys, CallbackRefused, Stage

BODY_LIMIT = 1024 * 1024
"""Larger than anything that WeCom sends: an approval's event holds no form contents."""
_DEPTH_LIMIT = 32
_NEEDED = ("msg_signature", "timestamp", "nonce")


@dataclass(slots=True)
class Element:
    """One element of an event: its text, and its children in order. Names may repeat.

    WeCom repeats siblings where there are several (`SpRecord`, `Details`); a mapping would keep one
    of them or change its shape with their number.
    """

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, *path: str) -> Element | None:
        """Return the first element under the names of the path."""
        element: Element | None = self
        for name in path:
            element = next(element.all(name), None) if element is not None else None
        return element

    def all(self, name: str) -> Iterator[Element]:
        """Yield the children of a name, in order."""
        return (child for child in self.children if child.name == name)

    def value(self, *path: str) -> str:
        """Return the text under the path; empty where there is none."""
        found = self.find(*path)
        return found.text if found is not None else ""


def parse(data: bytes) -> Element:
    """Read XML without DTD or entities; raises CallbackRefused at stage XML for anything else.

    Processing stops at the DTD itself: no entity is ever declared, let alone expanded.
    """
    if len(data) > BODY_LIMIT:
        raise CallbackRefused(Stage.SIZE)
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, ValueError):
        raise CallbackRefused(Stage.XML) from None
    if reader.root is None:
        raise CallbackRefused(Stage.XML)
    return reader.root


class _Reader:
    """Builds elements from the parser's calls."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_declaration: object) -> None:
        raise CallbackRefused(Stage.XML)

    def _start(self, name: str, _attributes: Mapping[str, str]) -> None:
        if len(self._open) >= _DEPTH_LIMIT:
            raise CallbackRefused(Stage.XML)
        element = Element(name)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        text = "".join(self._texts.pop())
        # White space between children is layout; in a leaf it is the sender's text.
        element.text = text.strip() if element.children else text

    def _text(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)


def query_of(raw: str) -> dict[str, str]:
    """Return the parameters of a raw query string, percent-decoded once.

    A `+` stays a `+`: it is a character of base64, and WeCom writes it as %2B or as it is, never for a
    blank. Of a parameter given twice the first counts. Raises CallbackRefused at stage PARAMETERS for
    text that is not UTF-8.
    """
    found: dict[str, str] = {}
    for pair in raw.split("&"):
        name, _, value = pair.partition("=")
        try:
            found.setdefault(name, unquote_to_bytes(value).decode())
        except UnicodeDecodeError:
            raise CallbackRefused(Stage.PARAMETERS) from None
    return found


def _open(keys: CallbackKeys, query: Mapping[str, str], encrypted: str) -> bytes:
    return keys.open(
        encrypted, signature=query["msg_signature"], timestamp=query["timestamp"], nonce=query["nonce"]
    )


def _checked(raw_query: str, *needed: str) -> dict[str, str]:
    query = query_of(raw_query)
    if not all(query.get(name) for name in needed):
        raise CallbackRefused(Stage.PARAMETERS)
    return query


def verify_url(keys: CallbackKeys, raw_query: str) -> bytes:
    """Return what the check of the address wants for an answer: these bytes and nothing else."""
    query = _checked(raw_query, *_NEEDED, "echostr")
    return _open(keys, query, query["echostr"])


def receive(keys: CallbackKeys, raw_query: str, body: bytes) -> bytes:
    """Return the message inside of a delivery, as XML; raises CallbackRefused with its stage."""
    query = _checked(raw_query, *_NEEDED)
    encrypted = parse(body).value("Encrypt")
    if not encrypted:
        raise CallbackRefused(Stage.XML)
    return _open(keys, query, encrypted)


def receive_json(keys: CallbackKeys, raw_query: str, body: bytes) -> bytes:
    """Return the message inside of a smart robot's delivery, whose envelope is JSON."""
    query = _checked(raw_query, *_NEEDED)
    if len(body) > BODY_LIMIT:
        raise CallbackRefused(Stage.SIZE)
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        raise CallbackRefused(Stage.JSON) from None
    encrypted = envelope.get("encrypt") if isinstance(envelope, dict) else None
    if not isinstance(encrypted, str) or not encrypted:
        raise CallbackRefused(Stage.JSON)
    return _open(keys, query, encrypted)


def answer(keys: CallbackKeys, message: bytes, *, timestamp: int, nonce: str, random: bytes) -> str:
    """Return a passive answer (such as the update of a clicked card), encrypted and signed.

    `nonce` must be letters and digits: it stands in the XML as it is.
    """
    if not nonce.isalnum():
        raise ValueError("the nonce must be letters and digits")
    encrypted = keys.seal(message, random=random)
    signature = keys.signature(str(timestamp), nonce, encrypted)
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
    )
