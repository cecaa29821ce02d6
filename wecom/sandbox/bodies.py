"""The inside of each kind of message, as WeCom shows it.

Pure, and safe: everything that comes from a message is escaped here or in `wecom.markdown`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from wecom import cards, markdown
from wecom.sandbox.cards import Card
from wecom.sandbox.ledger import Received
from wecom.sandbox.rules import clipped, image_type
from wecom.sandbox.view import View

RAW_SHOWN = 4000

FindCard = Callable[[int, str], Card | None]


def body(view: View, row: Received, card: Card | None = None) -> str:
    """Return a message's inside as WeCom shows it; unreadable requests are shown as they came.

    `card` is what became of one with buttons.
    """
    inner = _inner(row)
    match row.msgtype:
        case "markdown" if row.content:
            return f'<div class="md">{markdown.to_html(row.content)}</div>'
        case "markdown_v2" if row.content:
            note = f'<p class="mut">{view.say("v2_note")}</p>'
            return f'<pre class="plain">{escape(row.content)}</pre>{note}'
        case "text" if row.content:
            return f'<div class="plain">{linked(row.content)}</div>{_mentions(view, inner)}'
        case "image" if picture(row) or media_id(row):
            address = f"/pictures/{row.id}"
            return (
                f'<a href="{address}"><img class="picture" src="{address}" alt="{view.say("picture")}"></a>'
            )
        case "news" | "textcard" if row.content:
            return _articles(inner.get("articles") if row.msgtype == "news" else [inner])
        case "file" | "voice" if row.content:
            return (
                f'<a class="file" href="/files/{row.id}"><span class="file-name">{escape(row.content)}</span>'
                f'<span class="mut">{view.say(row.msgtype)}</span></a>'
            )
        case "template_card" if row.content:
            return cards.to_html(inner, buttons=_buttons(view, card) if card else None)
    return f'<pre class="plain mut">{escape(row.raw[:RAW_SHOWN])}</pre>'


def _inner(row: Received) -> Mapping[str, Any]:
    try:
        data = json.loads(row.raw)
    except ValueError:
        return {}
    inner = data.get(row.msgtype) if isinstance(data, dict) else None
    return inner if isinstance(inner, dict) else {}


def linked(text: str) -> str:
    """Return plain text as HTML, its http(s) addresses as links, as WeCom does for text messages."""
    parts: list[str] = []
    for line in text.split("\n"):
        words = [
            _anchor(part, part) if part.lower().startswith(("http://", "https://")) else escape(part)
            for part in line.split(" ")
        ]
        parts.append(" ".join(words))
    return "<br>".join(parts)


def _mentions(view: View, inner: Mapping[str, Any]) -> str:
    listed = [*_strings(inner.get("mentioned_list")), *_strings(inner.get("mentioned_mobile_list"))]
    if not listed:
        return ""
    names = "".join(
        f'<span class="md-mention">{view.say("people") if name == "@all" else "@" + escape(name)}</span> '
        for name in listed
    )
    return f'<p class="mentions"><span class="mut">{view.say("mentions")}</span> {names}</p>'


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _articles(articles: object) -> str:
    rows = (
        [article for article in articles if isinstance(article, dict)] if isinstance(articles, list) else []
    )
    return "".join(
        f'<div class="article">{_anchor(article.get("url"), clipped(str(article.get("title", "")), 128))}'
        f'<p class="mut">{escape(clipped(str(article.get("description", "")), 512))}</p></div>'
        for article in rows
    )


def _anchor(url: object, label: str) -> str:
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
        return f"<strong>{escape(label)}</strong>"
    attributes = f'class="md-link" href="{escape(url)}" target="_blank" rel="noopener noreferrer"'
    return f"<a {attributes}>{escape(label)}</a>"


def card_of(row: Received, find: FindCard) -> Card | None:
    """Return the card with buttons that a message is, as its readers see it now."""
    if row.msgtype != "template_card" or not row.shown:
        return None
    try:
        agent = json.loads(row.raw).get("agentid")
    except (ValueError, AttributeError):
        return None
    task = _inner(row).get("task_id")
    return find(agent, task) if isinstance(agent, int) and isinstance(task, str) else None


def _buttons(view: View, card: Card) -> str:
    """Return what stands at the end of a card: its buttons, for whoever can still press them."""
    if card.notice:
        return f'<p class="card-notice">{escape(card.notice)}</p>'
    said = "".join(
        f'<p class="card-notice"><b>{escape(who)}</b> {escape(words)}</p>' for who, words in card.told.items()
    )
    names = dict(card.buttons)
    said += "".join(
        f'<p class="mut">{view.say("pressed", who, names[key])}</p>'
        for who, key in card.clicks
        if not card.notice_for(who)
    )
    free = [who for who in card.readers if not card.notice_for(who)]
    if not free:
        return said
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in {
            "action": "click",
            "agent": str(card.agent_id),
            "task_id": card.task_id,
            **view.kept(),
        }.items()
    )
    pressed = "".join(
        f'<button class="main" name="key" value="{escape(key)}">{escape(text)}</button>'
        for key, text in card.buttons
    )
    return f'{said}<form method="post" action="/control">{hidden}{_who(view, free)}{pressed}</form>'


def _who(view: View, readers: list[str]) -> str:
    """Return who presses: the one reader, one of them, or somebody of a department that is not known here."""
    if any(name == "@all" or ":" in name for name in readers):
        return f'<label class="mut">{view.say("as_whom")}<input name="who" value="boss.li"></label>'
    if len(readers) == 1:
        return f'<input type="hidden" name="who" value="{escape(readers[0])}">'
    options = "".join(f"<option>{escape(name)}</option>" for name in readers)
    return f'<label class="mut">{view.say("as_whom")}<select name="who">{options}</select></label>'


def picture(row: Received, uploaded: bytes = b"") -> tuple[str, bytes] | None:
    """Return the media type and bytes of a picture message: a robot's own, or what was uploaded."""
    if row.msgtype != "image":
        return None
    try:
        data = base64.b64decode(str(_inner(row).get("base64", "")), validate=True) or uploaded
    except (binascii.Error, ValueError):
        return None
    media_type = image_type(data)
    return (media_type, data) if media_type else None


def media_id(row: Received) -> str:
    """Return the media id that a file message names."""
    return str(_inner(row).get("media_id", ""))
