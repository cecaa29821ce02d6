"""The group robot (消息推送, formerly 群机器人): builders for its messages, and the robot itself.

Limits are the vendor's (developer.work.weixin.qq.com/document/path/99110), in UTF-8 bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

import requests

from wecom.errors import Outcome, PayloadError
from wecom.masking import mask
from wecom.payloads import Article, Payload, checked_articles, checked_file, checked_image, checked_text
from wecom.transport import Timeout, Transport, Upload, oversized

TEXT_LIMIT = 2048
MARKDOWN_LIMIT = 4096
IMAGE_LIMIT = 2 * 1024 * 1024
FILE_LIMIT = 20 * 1024 * 1024
MESSAGES_PER_MINUTE = 20

_SEND_PATH = "/webhook/send"
_UPLOAD_PATH = "/webhook/upload_media"
_CONTENT_LIMITS = {"text": TEXT_LIMIT, "markdown": MARKDOWN_LIMIT, "markdown_v2": MARKDOWN_LIMIT}


def markdown(content: str) -> Payload:
    """Build a Markdown message, at most 4096 bytes."""
    content = checked_text("markdown.content", content, MARKDOWN_LIMIT)
    return Payload.build("markdown", markdown={"content": content})


def text(
    content: str, mentioned_list: Sequence[str] = (), mentioned_mobile_list: Sequence[str] = ()
) -> Payload:
    """Build a plain text message, at most 2048 bytes; `@all` in a list rings everybody."""
    inner: dict[str, object] = {"content": checked_text("text.content", content, TEXT_LIMIT)}
    if mentioned_list:
        inner["mentioned_list"] = list(mentioned_list)
    if mentioned_mobile_list:
        inner["mentioned_mobile_list"] = list(mentioned_mobile_list)
    return Payload.build("text", text=inner)


def image(data: bytes) -> Payload:
    """Build a picture message from PNG or JPG bytes, at most 2 MB."""
    checked_image(data, IMAGE_LIMIT)
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Payload.build("image", image={"base64": base64.b64encode(data).decode("ascii"), "md5": digest})


def news(articles: Sequence[Article]) -> Payload:
    """Build a news message of 1 to 8 articles."""
    return Payload.build("news", news={"articles": checked_articles(articles)})


def file(media_id: str) -> Payload:
    """Build a file message from what `Robot.upload_media` returned."""
    if not media_id:
        raise PayloadError("media_id is empty")
    return Payload.build("file", file={"media_id": media_id})


class Robot:
    """One robot in one group; whoever has its key can post, so the key is shown nowhere.

    `base_url` is the setting `WEBHOOK_BASE_URL`: everything up to and including `?key=`.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        session: requests.Session | None = None,
        timeout: Timeout = (3, 10),
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the webhook base URL must be a complete http(s) address")
        if not base_url.endswith("?key=") or not parts.path.endswith(_SEND_PATH):
            raise ValueError(f"the webhook base URL must end in {_SEND_PATH}?key=")
        if not key or key != key.strip():
            raise ValueError("the robot's key is empty or has spaces around it")
        self._send_url = base_url + quote(key, safe="")
        upload_base = urlunsplit(parts._replace(path=parts.path.removesuffix(_SEND_PATH) + _UPLOAD_PATH))
        self._upload_url = upload_base + quote(key, safe="")
        self._shown = f"{parts.hostname} {mask(key)}"
        self._transport = Transport(session=session, timeout=timeout, secrets=(key,))

    @classmethod
    def from_url(cls, url: str, session: requests.Session | None = None, timeout: Timeout = (3, 10)) -> Robot:
        """Make a robot from the complete address that WeCom shows (the setting `WECHAT_BOT_WEBHOOK`)."""
        base, key = split_webhook(url)
        return cls(base, key, session=session, timeout=timeout)

    def __repr__(self) -> str:
        return f"<Robot {self._shown}>"

    def send(self, payload: Payload) -> Outcome:
        """Send one message and say what came of it; never raises for what the network or WeCom does."""
        outcome = self._transport.post_json(self._send_url, payload.json).outcome
        limit = _CONTENT_LIMITS.get(payload.msgtype)
        if limit is not None and outcome.errcode and payload.size > limit:
            return oversized(outcome)
        return outcome

    def upload_media(self, filename: str, data: bytes, *, media_type: str = "file") -> Upload:
        """Upload a file; it is shown under the given name, and no other robot can send it."""
        if media_type not in ("file", "voice"):
            raise PayloadError("a robot uploads only file or voice")
        checked_file(data, FILE_LIMIT)
        return Upload.of(self._transport.post_file(f"{self._upload_url}&type={media_type}", filename, data))


def split_webhook(url: str) -> tuple[str, str]:
    """Take a robot's complete address apart into its base (ending in `?key=`) and its key."""
    parts = urlsplit(url.strip())
    keys = parse_qs(parts.query).get("key", [])
    if not parts.path.endswith(_SEND_PATH) or len(keys) != 1:
        raise ValueError(f"a robot's address looks like https://…{_SEND_PATH}?key=…")
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")) + "?key=", keys[0]
