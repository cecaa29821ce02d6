"""Cards with buttons (按钮交互型模板卡片) of an application: built here, told what was pressed, changed once.

Facts from developer.work.weixin.qq.com/document/path/90236 (message/send), 90240 (the event of a click)
and 94888 (update_template_card).  `task_id` and `key` have limits in bytes, past which WeCom refuses the
card.  For words it only gives advice, in characters of full width: what is longer would be cut by the
reader's client wherever its window ends, so it ends in an ellipsis here.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wecom import markdown
from wecom.app import Body
from wecom.errors import PayloadError, TooLong
from wecom.payloads import byte_length, checked_link, printable

TASK_ID_LIMIT = 128
KEY_LIMIT = 1024
BUTTONS = 6
FACTS = 6
USERS = 1000
CODE_LIFE_S = 72 * 3600
"""A response code changes its card once, within this time."""

TITLE, DESCRIPTION, FACT_NAME, FACT_VALUE, TEXT, BUTTON, NOTICE = 26, 30, 5, 26, 112, 10, 26
"""So many characters of full width are shown whole."""

_TASK_ID = re.compile(r"[A-Za-z0-9_@-]+")
_FACT = re.compile(r"(?P<name>[^\d\s:：，,。;；][^:：，,。;；]{0,23}?)\s*[:：]\s*(?P<value>\S.*)")
_BULLET = re.compile(r"[-*•] +")


@dataclass(frozen=True, slots=True)
class Button:
    """A button: its words, and the `key` that the event of a click brings back."""

    text: str
    key: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says: title, a line under it, facts as (name, value), text; `url` is what it opens."""

    title: str
    buttons: tuple[Button, ...]
    description: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    text: str = ""
    url: str = ""


def button_card(card: Card, task_id: str) -> Body:
    """Build a card with buttons; `task_id` must never have been used by this application.

    Raises PayloadError, TooLong where a limit in bytes is passed.
    """
    inner: dict[str, Any] = {"card_type": "button_interaction", "task_id": _checked_task_id(task_id)}
    title = {"title": shortened(_words("main_title.title", card.title), TITLE)}
    if card.description.strip():
        title["desc"] = shortened(card.description, DESCRIPTION)
    inner["main_title"] = title
    if card.text.strip():
        inner["sub_title_text"] = shortened(card.text, TEXT)
    if len(card.facts) > FACTS:
        raise PayloadError(f"a card takes at most {FACTS} facts, not {len(card.facts)}")
    if card.facts:
        inner["horizontal_content_list"] = [
            {"keyname": shortened(name, FACT_NAME), "value": shortened(value, FACT_VALUE)}
            for name, value in card.facts
        ]
    if card.url:
        inner["card_action"] = {"type": 1, "url": checked_link("card_action.url", card.url)}
    inner["button_list"] = _checked_buttons(card.buttons)
    return Body("template_card", inner)


def update(agent_id: int, response_code: str, notice: str, *, users: Sequence[str] = ()) -> str:
    """Return the request that puts words in the place of a card's buttons, which are dead from then on.

    For all who got the card, or for `users` alone.
    """
    if not response_code:
        raise PayloadError("a card can be changed with a response code only")
    if len(users) > USERS:
        raise PayloadError(f"a card is changed for at most {USERS} users at once, not {len(users)}")
    members: dict[str, Any] = {"userids": list(users)} if users else {"atall": 1}
    members |= {
        "agentid": agent_id,
        "response_code": response_code,
        "button": {"replace_name": shortened(_words("button.replace_name", notice), NOTICE)},
    }
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def _checked_task_id(task_id: str) -> str:
    if byte_length(task_id) > TASK_ID_LIMIT:
        raise TooLong("task_id", byte_length(task_id), TASK_ID_LIMIT)
    if not _TASK_ID.fullmatch(task_id):
        raise PayloadError("task_id takes letters, digits, _ - and @")
    return task_id


def _checked_buttons(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    if not 1 <= len(buttons) <= BUTTONS:
        raise PayloadError(f"a card takes 1 to {BUTTONS} buttons, not {len(buttons)}")
    keys = [button.key for button in buttons]
    if not all(keys) or len(set(keys)) < len(keys):
        raise PayloadError("each button needs a key of its own")
    for key in keys:
        if byte_length(key) > KEY_LIMIT:
            raise TooLong("button_list.key", byte_length(key), KEY_LIMIT)
    return [
        {
            "text": shortened(_words("button_list.text", one.text), BUTTON),
            "style": 1,
            "key": printable(one.key),
        }
        for one in buttons
    ]


def _words(field: str, text: str) -> str:
    if not text.strip():
        raise PayloadError(f"{field} is empty")
    return text


def width(text: str) -> float:
    """Return how wide a text is, in characters of full width; a Latin letter is half of one."""
    return sum(1 if unicodedata.east_asian_width(one) in "WFA" else 0.5 for one in text)


def shortened(text: str, most: int) -> str:
    """Return a text that is shown whole, at most so wide; one that was cut ends in an ellipsis."""
    text = printable(text).strip()
    if width(text) <= most:
        return text
    kept, room = [], most - width("…")
    for one in text:
        room -= width(one)
        if room < 0:
            break
        kept.append(one)
    return "".join(kept).rstrip() + "…"


# --- from Markdown, and as a page shows it --------------------------------------------------------------


def from_markdown(title: str, content: str, *, buttons: Sequence[Button], url: str) -> Card:
    """Return the card that says what a Markdown message says.

    Lines such as `> 时间：02:00` and `- **品名**: 活塞环` become facts, as many as a card takes; other lines
    become its text. Left out are the heading, which is the title, the links, as the card itself opens
    `url`, and the mentions: a card goes to people, who need not be called.
    """
    facts: list[tuple[str, str]] = []
    text: list[str] = []
    for line in markdown.parse(content):
        if line.level:
            continue
        plain = "".join(_shown(span) for span in line.spans).strip()
        bullet = _BULLET.match(plain)
        is_row = line.is_quote or bullet is not None
        found = _FACT.fullmatch(plain, bullet.end() if bullet else 0) if is_row else None
        if found and len(facts) < FACTS:
            facts.append((found["name"], found["value"]))
        elif plain:
            text.append(plain)
    return Card(title=title, buttons=tuple(buttons), facts=tuple(facts), text="\n".join(text), url=url)


def _shown(span: markdown.Span) -> str:
    return "" if span.kind in ("link", "mention") else span.text


def to_html(inner: Mapping[str, Any], *, buttons: str | None = None) -> str:
    """Show a card as safe HTML: classes only (`card-…`), links only to http(s).

    `buttons` is HTML that stands in the place of the buttons, where these can be pressed or are gone.
    """
    title, action = _mapping(inner.get("main_title")), _mapping(inner.get("card_action"))
    emphasis = _mapping(inner.get("emphasis_content"))
    head = _heading(action.get("url"), str(title.get("title") or inner.get("sub_title_text", "")))
    rows = "".join(
        f"<dt>{_escaped(row.get('keyname'))}</dt><dd>{_escaped(row.get('value'))}</dd>"
        for row in _mappings(inner.get("horizontal_content_list"))
    )
    big = (
        f'<p class="big">{_escaped(emphasis.get("title"))}'
        f'<span class="mut">{_escaped(emphasis.get("desc"))}</span></p>'
        if emphasis
        else ""
    )
    text = _escaped(inner.get("sub_title_text")).replace("\n", "<br>") if title.get("title") else ""
    if buttons is None:
        buttons = "".join(
            f'<span class="card-button">{_escaped(one.get("text"))}</span>'
            for one in _mappings(inner.get("button_list"))
        )
    parts = (
        head,
        f'<p class="mut">{_escaped(title["desc"])}</p>' if title.get("desc") else "",
        big,
        f'<p class="card-text">{text}</p>' if text else "",
        f"<dl>{rows}</dl>" if rows else "",
        f'<div class="card-buttons">{buttons}</div>' if buttons else "",
    )
    return f'<div class="card">{"".join(parts)}</div>'


def _heading(url: object, label: str) -> str:
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
        return f"<strong>{html.escape(label)}</strong>"
    return (
        f'<a class="md-link" href="{html.escape(url)}" target="_blank" rel="noopener noreferrer">'
        f"{html.escape(label)}</a>"
    )


def _escaped(value: object) -> str:
    return html.escape("" if value is None else str(value))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
