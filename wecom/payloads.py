"""Messages as frozen JSON, and the byte arithmetic that all builders share.

A payload is built once, stored, and sent as the same bytes every time: WeCom's duplicate check compares
the request's JSON, and a log that shows another text than was sent is worth nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wecom.errors import PayloadError, TooLong

NEWS_LIMIT = 8

_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
_IMAGE_MARKS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


@dataclass(frozen=True, slots=True)
class Payload:
    """One message: its type and the exact JSON text that goes over the wire."""

    msgtype: str
    json: str

    @classmethod
    def build(cls, msgtype: str, **members: Any) -> Payload:
        """Freeze a message; members keep their order, text stays readable UTF-8."""
        text = json.dumps({"msgtype": msgtype, **members}, ensure_ascii=False, separators=(",", ":"))
        return cls(msgtype=msgtype, json=printable(text))

    @classmethod
    def thaw(cls, text: str) -> Payload:
        """Take up a payload again that was stored as its JSON text; not one byte of it changes."""
        try:
            data = json.loads(text)
        except ValueError:
            raise PayloadError("the stored payload is not JSON") from None
        if not isinstance(data, dict) or not isinstance(data.get("msgtype"), str):
            raise PayloadError("the stored payload has no msgtype")
        return cls(msgtype=data["msgtype"], json=text)

    @property
    def data(self) -> Mapping[str, Any]:
        """Return the message as a mapping."""
        parsed: Mapping[str, Any] = json.loads(self.json)
        return parsed

    @property
    def content(self) -> str:
        """Return the text a reader sees, or nothing for pictures and files."""
        inner = self.data.get(self.msgtype)
        content = inner.get("content") if isinstance(inner, dict) else None
        return content if isinstance(content, str) else ""

    @property
    def size(self) -> int:
        """Return the size of the content in bytes, the number that WeCom's limits speak of."""
        return byte_length(self.content)


@dataclass(frozen=True, slots=True)
class Article:
    """One article of a news message."""

    title: str
    url: str
    description: str = ""
    picurl: str = ""


def byte_length(text: str) -> int:
    """Return the length of a text in UTF-8 bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def printable(text: str) -> str:
    """Replace what UTF-8 cannot carry: half a surrogate pair, as broken files contain it."""
    return _HALF_PAIR.sub("\ufffd", text)


def checked_text(field: str, text: str, limit: int) -> str:
    """Return the text as it can be sent; refuse an empty one and one over the limit."""
    text = printable(text)
    if not text.strip():
        raise PayloadError(f"{field} is empty")
    size = byte_length(text)
    if size > limit:
        raise TooLong(field, size, limit)
    return text


def clip(text: str, limit: int) -> str:
    """Shorten a text to so many bytes, between characters, with an ellipsis where something was cut."""
    text = printable(text)
    raw = text.encode("utf-8")
    if len(raw) <= limit:
        return text
    ellipsis = "…" if limit >= 3 else ""
    return raw[: limit - byte_length(ellipsis)].decode("utf-8", "ignore") + ellipsis


def checked_link(field: str, url: str, limit: int = 2048) -> str:
    """Return the link; refuse what WeCom does not open (no scheme) or cuts (over 2048 bytes)."""
    if not url.lower().startswith(("http://", "https://")):
        raise PayloadError(f"{field} must start with http:// or https://")
    if byte_length(url) > limit:
        raise TooLong(field, byte_length(url), limit)
    return url


def checked_articles(articles: Sequence[Article]) -> list[dict[str, str]]:
    """Return 1 to 8 articles as WeCom takes them.

    Long titles and descriptions end in an ellipsis: WeCom would cut them in silence.
    """
    if not 1 <= len(articles) <= NEWS_LIMIT:
        raise PayloadError(f"news takes 1 to {NEWS_LIMIT} articles, not {len(articles)}")
    rows: list[dict[str, str]] = []
    for article in articles:
        if not article.title.strip():
            raise PayloadError("the title of an article is empty")
        row = {
            "title": clip(article.title, 128),
            "description": clip(article.description, 512),
            "url": checked_link("url", article.url),
        }
        if article.picurl:
            row["picurl"] = checked_link("picurl", article.picurl)
        rows.append(row)
    return rows


def checked_image(data: bytes, limit: int) -> bytes:
    """Return the picture; refuse what is not JPG or PNG, and what is over the limit."""
    if not data.startswith(_IMAGE_MARKS):
        raise PayloadError("image is neither PNG nor JPG")
    if len(data) > limit:
        raise TooLong("image", len(data), limit)
    return data


def checked_file(data: bytes, limit: int) -> bytes:
    """Return the file's bytes; WeCom wants more than 5 of them and no more than the limit."""
    if len(data) <= 5:
        raise PayloadError("file is too small: WeCom takes more than 5 bytes")
    if len(data) > limit:
        raise TooLong("file", len(data), limit)
    return data
