"""A message as the text of a WeCom channel: its style, its heading, what becomes of its length. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from notifications.choices import Overflow, Style
from wecom import markdown
from wecom.payloads import byte_length

TEST_MARK = "【测试】"
_NOTE_ROOM = 120


@dataclass(frozen=True, slots=True)
class Written:
    """The parts that will be shown, the whole as a file where that was wanted, who is called."""

    parts: tuple[str, ...]
    file: str = ""
    mentions: tuple[str, ...] = ()


def without_nul(value: Any) -> Any:
    """Return a text without NUL characters, a list or mapping of such; others as they are.

    Nobody sees them, and PostgreSQL refuses them.
    """
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else value
    if isinstance(value, dict):
        return {without_nul(key): without_nul(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nul(inner) for inner in value]
    return value


def headed(title: str, content: str) -> str:
    """Return the content under its title, unless it brings a heading of its own."""
    if not content.strip():
        return f"### {title}"
    return content if content.lstrip().startswith("#") else f"### {title}\n{content}"


def as_test(title: str, content: str) -> tuple[str, str]:
    """Mark title and heading of a message that only shows whether the way is open."""
    if content.lstrip().startswith("#"):
        marks, _blank, heading = content.lstrip().partition(" ")
        content = f"{marks} {TEST_MARK}{heading}"
    return f"{TEST_MARK}{title}", content


def write(title: str, content: str, *, style: str, overflow: str, limit: int) -> Written:
    """Write a message for a channel that takes `limit` bytes.

    Plain text keeps links as addresses and names those whom Markdown would mention. What is too
    long is split at line borders, or becomes its beginning and a file with all of it.
    """
    text = headed(title, content)
    is_plain = style == Style.PLAIN
    mentions = mentioned(text) if is_plain else ()
    shown = markdown.plain(text) if is_plain else text
    heading = shown.lstrip().partition("\n")[0]
    if byte_length(shown) > limit and overflow == Overflow.FILE:
        return Written((_beginning(shown, heading, limit),), markdown.plain(text), mentions)
    return Written(tuple(markdown.split(shown, limit=limit, heading=heading)), mentions=mentions)


def mentioned(text: str) -> tuple[str, ...]:
    """Return the userids that a Markdown text mentions, each once, in order."""
    spans = (span for line in markdown.parse(text) for span in line.spans)
    return tuple(dict.fromkeys(span.text for span in spans if span.kind == "mention"))


def _beginning(text: str, heading: str, limit: int) -> str:
    """Return as many whole lines as fit, and the word that the rest is in the file."""
    pages = markdown.split(text, limit=limit - _NOTE_ROOM, heading=heading)
    first = pages[0].replace(f" (1/{len(pages)})", "", 1)
    # Not translated: the group reads it, not the person whose language is active here.
    return f"{first}\n……共 {text.count(chr(10)) + 1} 行，全文见下面的文件"
