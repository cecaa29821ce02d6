"""What WeCom refuses: the checks of a message, each with its error code and the vendor's wording.

Pure: bytes in, `Checked` out.  The limits are those of the vendor's pages for robots (99110) and
application messages (90236); where no page names the code, the choice is said beside it.  They are
written down here a second time on purpose: a wrong limit in the client must not hide itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ROBOT_TEXT_LIMIT = 2048
ROBOT_MARKDOWN_LIMIT = 4096
APP_LIMIT = 2048
IMAGE_LIMIT = 2 * 1024 * 1024
FILE_LIMIT = 20 * 1024 * 1024
RECIPIENT_LIMITS = {"touser": (1000, 40031), "toparty": (100, 82002), "totag": (100, 82003)}


BUTTON_CARD = "button_interaction"
_CARDS_WITH_CALLBACK = (BUTTON_CARD, "vote_interaction", "multiple_interaction")
_TASK_ID = re.compile(r"[A-Za-z0-9_@-]{1,128}")


def needs_callback(data: Mapping[str, Any]) -> bool:
    """Say whether a message is a card that tells by a callback what was chosen on it."""
    inner = data.get("template_card")
    return isinstance(inner, dict) and inner.get("card_type") in _CARDS_WITH_CALLBACK


@dataclass(frozen=True, slots=True)
class Checked:
    """A message as it was understood, and the refusal if there is one (errcode 0: none)."""

    errcode: int = 0
    errmsg: str = "ok"
    msgtype: str = ""
    content: str = ""  # what a reader sees of it, or a file's name
    size: int = 0
    limit: int = 0


class Refusal(Exception):
    """The message is refused."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.errcode = errcode
        self.errmsg = errmsg


@dataclass(slots=True)
class _Facts:
    """What is known of a message so far, so that a refused one can be shown too."""

    msgtype: str = ""
    content: str = ""
    size: int = 0
    limit: int = 0

    def measure(self, content: str, limit: int) -> None:
        self.content, self.size, self.limit = content, len(content.encode("utf-8", "replace")), limit


FindMedia = Callable[[str], tuple[str, int] | None]
"""Returns name and size of the file of a media id, or None when this sender cannot use it."""


def check_robot(raw: bytes, find_media: FindMedia) -> Checked:
    """Check what a robot was asked to post."""
    return _checked(raw, find_media, _ROBOT_TYPES)


def check_application(raw: bytes, find_media: FindMedia) -> Checked:
    """Check the message part of what an application was asked to send."""
    return _checked(raw, find_media, _APP_TYPES)


def parse(raw: bytes) -> Mapping[str, Any]:
    """Return the request's JSON object; WeCom answers 40008 to unreadable JSON, 93017 to nothing."""
    if not raw.strip():
        raise Refusal(93017, "empty request body")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refusal(40008, "Warning: wrong json format. invalid message type") from None
    if not isinstance(data, dict):
        raise Refusal(40008, "Warning: wrong json format. invalid message type")
    return data


def _checked(raw: bytes, find_media: FindMedia, types: Mapping[str, _Check]) -> Checked:
    facts = _Facts()
    errcode, errmsg = 0, "ok"
    try:
        data = parse(raw)
        msgtype = data.get("msgtype")
        if not isinstance(msgtype, str) or msgtype not in types:
            raise Refusal(40008, "invalid message type")
        facts.msgtype = msgtype
        inner = data.get(msgtype)
        if inner is None:
            raise Refusal(44004, "empty content")
        if not isinstance(inner, dict):
            raise Refusal(40035, f"Warning: wrong json format. invalid parameter {msgtype}")
        types[msgtype](inner, facts, find_media)
    except Refusal as refusal:
        errcode, errmsg = refusal.errcode, refusal.errmsg
    return Checked(errcode, errmsg, facts.msgtype, facts.content, facts.size, facts.limit)


_Check = Callable[[Mapping[str, Any], _Facts, FindMedia], None]


def _content(inner: Mapping[str, Any], facts: _Facts, limit: int) -> None:
    content = inner.get("content", "")
    if not isinstance(content, str):
        raise Refusal(40035, f"Warning: wrong json format. invalid parameter {facts.msgtype}.content")
    facts.measure(content, limit)
    if not content.strip():
        raise Refusal(44004, "empty content")


def _robot_markdown(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    _content(inner, facts, ROBOT_MARKDOWN_LIMIT)
    if facts.size > ROBOT_MARKDOWN_LIMIT:
        raise Refusal(40058, f"{facts.msgtype}.content exceed max length {ROBOT_MARKDOWN_LIMIT}")


def _robot_text(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    _content(inner, facts, ROBOT_TEXT_LIMIT)
    for name in ("mentioned_list", "mentioned_mobile_list"):
        listed = inner.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            raise Refusal(40035, f"Warning: wrong json format. invalid parameter text.{name}")
    if facts.size > ROBOT_TEXT_LIMIT:
        raise Refusal(40058, f"text.content exceed max length {ROBOT_TEXT_LIMIT}")


def _robot_image(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    facts.limit = IMAGE_LIMIT
    try:
        data = base64.b64decode(str(inner.get("base64", "")), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(93018, "invalid base64 of image") from None
    facts.size = len(data)
    if not data:
        raise Refusal(44001, "empty media data")
    if len(data) > IMAGE_LIMIT:
        raise Refusal(45001, f"image size exceed max length {IMAGE_LIMIT}")
    if image_type(data) is None:
        raise Refusal(40123, "invalid image format")
    if inner.get("md5") != hashlib.md5(data, usedforsecurity=False).hexdigest():
        raise Refusal(301019, "md5 of image does not match")


def image_type(data: bytes) -> str | None:
    """Return the media type of a picture that WeCom takes."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return "image/jpeg" if data.startswith(b"\xff\xd8\xff") else None


def _news(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    articles = inner.get("articles")
    if not isinstance(articles, list) or not 1 <= len(articles) <= 8:
        raise Refusal(45008, "articles count must be 1 to 8")
    for article in articles:
        if not isinstance(article, dict) or not str(article.get("title", "")).strip():
            raise Refusal(41016, "missing title of article")
        _link(article.get("url"), missing=41010, name="url of article")
    facts.content = "\n".join(clipped(str(article["title"]), 128) for article in articles)
    facts.size = len(facts.content.encode("utf-8", "replace"))


def _link(url: object, *, missing: int, name: str) -> None:
    if not isinstance(url, str) or not url:
        raise Refusal(missing, f"missing {name}")
    if not url.lower().startswith(("http://", "https://")):
        raise Refusal(45034, f"invalid {name}: scheme is missing")


def clipped(text: str, limit: int) -> str:
    """Return the beginning of a text that WeCom keeps when it cuts silently."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _media(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    found = find_media(str(inner.get("media_id", "")))
    if found is None:
        raise Refusal(40007, "invalid media_id")
    facts.content, facts.size = found
    facts.limit = FILE_LIMIT


def _template_card(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    # No page gives these refusals codes of their own; 40058 is the code for a bad parameter.
    if inner.get("card_type") not in ("text_notice", "news_notice"):
        raise Refusal(40058, "template_card.card_type invalid")
    _card_title(inner, facts)
    _card_action(inner.get("card_action"))
    _card_lists(inner)


def _card_action(action: object) -> None:
    if not isinstance(action, dict) or action.get("type") not in (1, 2):
        raise Refusal(40058, "template_card.card_action.type invalid")
    if action["type"] == 1:
        _link(action.get("url"), missing=40058, name="template_card.card_action.url")


def _card_lists(inner: Mapping[str, Any]) -> None:
    for name, most in (("horizontal_content_list", 6), ("jump_list", 3), ("vertical_content_list", 4)):
        rows = inner.get(name, [])
        if not isinstance(rows, list) or len(rows) > most:
            raise Refusal(40058, f"template_card.{name} takes at most {most}")


def _card_title(inner: Mapping[str, Any], facts: _Facts) -> None:
    title = inner.get("main_title")
    words = title.get("title", "") if isinstance(title, dict) else ""
    facts.content = str(words or inner.get("sub_title_text", ""))
    facts.size = len(facts.content.encode("utf-8", "replace"))
    if not facts.content:
        raise Refusal(40058, "template_card.main_title.title or sub_title_text is needed")


def _app_text(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    _content(inner, facts, APP_LIMIT)
    facts.content = clipped(facts.content, APP_LIMIT)  # silently, as the vendor says


def _app_markdown(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    _content(inner, facts, APP_LIMIT)
    if facts.size > APP_LIMIT:
        raise Refusal(45002, f"markdown.content exceed max length {APP_LIMIT}")


def _app_textcard(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    title, description = str(inner.get("title", "")), str(inner.get("description", ""))
    if not title.strip() or not description.strip():
        raise Refusal(41016, "missing title or description of textcard")
    _link(inner.get("url"), missing=41010, name="url of textcard")
    facts.content = f"{title[:128]}\n{description[:512]}"
    facts.size = len(facts.content.encode("utf-8", "replace"))


def _app_card(inner: Mapping[str, Any], facts: _Facts, find_media: FindMedia) -> None:
    if inner.get("card_type") != BUTTON_CARD:
        _template_card(inner, facts, find_media)
        return
    _card_title(inner, facts)
    if not _TASK_ID.fullmatch(str(inner.get("task_id", ""))):
        raise Refusal(40058, "template_card.task_id invalid")
    if "card_action" in inner:
        _card_action(inner["card_action"])
    _card_lists(inner)
    buttons = inner.get("button_list")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 6:
        raise Refusal(40058, "template_card.button_list takes 1 to 6")
    keys = [str(one.get("key") or "") for one in buttons if isinstance(one, dict) and one.get("text")]
    if len(keys) != len(buttons) or not all(keys):
        raise Refusal(40058, "template_card.button_list.key or text is missing")
    if len(set(keys)) != len(keys) or any(len(key.encode()) > 1024 for key in keys):
        raise Refusal(40058, "template_card.button_list.key is too long or twice there")


_ROBOT_TYPES: Mapping[str, _Check] = {
    "text": _robot_text,
    "markdown": _robot_markdown,
    "markdown_v2": _robot_markdown,
    "image": _robot_image,
    "news": _news,
    "file": _media,
    "voice": _media,
    "template_card": _template_card,
}
_APP_TYPES: Mapping[str, _Check] = {
    "text": _app_text,
    "markdown": _app_markdown,
    "textcard": _app_textcard,
    "news": _news,
    "image": _media,
    "file": _media,
    "voice": _media,
    "template_card": _app_card,
}


def check_upload(media_type: str, name: str | None, data: bytes, *, allowed: Mapping[str, int]) -> None:
    """Check an uploaded file; `allowed` gives each type's limit in bytes.  Raises Refusal."""
    if media_type not in allowed:
        raise Refusal(40004, "invalid media type")
    if not name or not data:
        raise Refusal(44001, "empty media data")
    if len(data) <= 5:
        raise Refusal(40006, "invalid media size")
    if len(data) > allowed[media_type]:
        raise Refusal(45001, "media size out of limit")
    if media_type == "image" and image_type(data) is None:
        raise Refusal(40123, "invalid image format")


def check_recipients(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the recipients by kind; refuse none at all (82001) and too many."""
    found: dict[str, list[str]] = {}
    for name, (most, errcode) in RECIPIENT_LIMITS.items():
        value = data.get(name, "")
        if not isinstance(value, str):
            raise Refusal(40035, f"Warning: wrong json format. invalid parameter {name}")
        found[name] = [item for item in value.split("|") if item]
        if len(found[name]) > most:
            raise Refusal(errcode, f"{name} takes at most {most}")
    if not any(found.values()):
        raise Refusal(82001, "touser, toparty and totag are all empty")
    return found
