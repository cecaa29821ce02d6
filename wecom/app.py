"""Application messages (应用消息): to people, departments and tags.

Facts from developer.work.weixin.qq.com/document/path/90236 (message/send), 90253 (media), 91039 (token).
Unlike a robot an application can be asked twice without showing the message twice: with the duplicate
check on, WeCom compares the request's JSON.  So a message is frozen into a `Payload`, recipients and
all, before it is sent the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from wecom.errors import Action, Outcome, PayloadError
from wecom.payloads import (
    Article,
    Payload,
    checked_articles,
    checked_file,
    checked_image,
    checked_link,
    checked_text,
    printable,
)
from wecom.tokens import Tokens, TokenStore
from wecom.transport import Download, Reply, Timeout, Transport, Upload, partly

CONTENT_LIMIT = 2048
USER_LIMIT = 1000
PARTY_LIMIT = 100
TAG_LIMIT = 100
FILE_LIMIT = 20 * 1024 * 1024
IMAGE_LIMIT = 10 * 1024 * 1024
DUPLICATE_CHECK_S = 1800
DUPLICATE_CHECK_MOST_S = 4 * 3600

_Exchange = Callable[[str], Reply]

_MISSED = {"invaliduser": "", "invalidparty": "party:", "invalidtag": "tag:", "unlicenseduser": "unlicensed:"}


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who gets a message; `@all` among the users overrides everything else at WeCom."""

    users: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = (*self.users, *self.parties, *self.tags)
        if not names:
            raise PayloadError("nobody is named to receive the message")
        if any(not name or "|" in name or name != name.strip() for name in names):
            raise PayloadError("a recipient is empty, has spaces around it or holds a |")

    def batches(self) -> Iterator[Recipients]:
        """Yield the recipients in lots that WeCom takes in one call."""
        lots = zip(
            *(
                [names[start : start + most] for start in range(0, self._rounds() * most, most)]
                for names, most in self._limits()
            ),
            strict=True,
        )
        for users, parties, tags in lots:
            yield Recipients(users, parties, tags)

    def _limits(self) -> tuple[tuple[tuple[str, ...], int], ...]:
        return (self.users, USER_LIMIT), (self.parties, PARTY_LIMIT), (self.tags, TAG_LIMIT)

    def _rounds(self) -> int:
        return max(-(-len(names) // most) for names, most in self._limits())


@dataclass(frozen=True, slots=True)
class Body:
    """The content of a message before it has recipients."""

    msgtype: str
    inner: Mapping[str, Any]


def text(content: str) -> Body:
    """Build plain text, at most 2048 bytes; WeCom would cut more off in silence."""
    return Body("text", {"content": checked_text("text.content", content, CONTENT_LIMIT)})


def markdown(content: str) -> Body:
    """Build a Markdown message, at most 2048 bytes: half of a robot's."""
    return Body("markdown", {"content": checked_text("markdown.content", content, CONTENT_LIMIT)})


def textcard(title: str, description: str, url: str, button: str = "") -> Body:
    """Build a card that opens a link; lengths are in characters here, longer texts end in an ellipsis."""
    if not title.strip() or not description.strip():
        raise PayloadError("a card needs a title and a description")
    inner = {
        "title": _shortened(title, 128),
        "description": _shortened(description, 512),
        "url": checked_link("url", url),
    }
    if button:
        inner["btntxt"] = _shortened(button, 4)
    return Body("textcard", inner)


def news(articles: Sequence[Article]) -> Body:
    """Build 1 to 8 articles."""
    return Body("news", {"articles": checked_articles(articles)})


def file(media_id: str) -> Body:
    """Build a file message from what `App.upload_media` returned."""
    return _media("file", media_id)


def image(media_id: str) -> Body:
    """Build a picture message from what `App.upload_media` returned."""
    return _media("image", media_id)


def _media(msgtype: str, media_id: str) -> Body:
    if not media_id:
        raise PayloadError("media_id is empty")
    return Body(msgtype, {"media_id": media_id})


def _shortened(words: str, most: int) -> str:
    words = printable(words)
    return words if len(words) <= most else words[: most - 1] + "…"


def compose(
    agent_id: int,
    body: Body,
    to: Recipients,
    *,
    duplicate_check_s: int = DUPLICATE_CHECK_S,
    safe: bool = False,
) -> Payload:
    """Freeze a message with its recipients; sent again within the interval it is not shown again."""
    if not 0 < duplicate_check_s <= DUPLICATE_CHECK_MOST_S:
        raise PayloadError(f"the duplicate check lasts 1 to {DUPLICATE_CHECK_MOST_S} seconds")
    if len(to.users) > USER_LIMIT or len(to.parties) > PARTY_LIMIT or len(to.tags) > TAG_LIMIT:
        raise PayloadError("too many recipients for one call: use Recipients.batches()")
    members: dict[str, Any] = {
        "touser": "|".join(to.users),
        "toparty": "|".join(to.parties),
        "totag": "|".join(to.tags),
        "agentid": agent_id,
        body.msgtype: dict(body.inner),
        "enable_duplicate_check": 1,
        "duplicate_check_interval": duplicate_check_s,
    }
    if safe:
        members["safe"] = 1
    return Payload.build(body.msgtype, **members)


class App:
    """One application; `base_url` is the setting `WECHAT_API_BASE_URL`, without a path."""

    def __init__(
        self,
        base_url: str,
        corp_id: str,
        secret: str,
        agent_id: int,
        *,
        tokens: TokenStore,
        session: requests.Session | None = None,
        timeout: Timeout = (3, 10),
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("the API base URL must be a complete http(s) address without a query")
        if not corp_id or not secret:
            raise ValueError("corp id and secret are needed")
        self.agent_id = agent_id
        self._base_url = base_url.rstrip("/")
        self._name = f"{corp_id}:{agent_id}"
        self._transport = Transport(session=session, timeout=timeout, secrets=(secret,))
        self._tokens = Tokens(
            self._base_url, corp_id, secret, name=self._name, store=tokens, transport=self._transport
        )

    def __repr__(self) -> str:
        return f"<App {self._name}>"

    def compose(
        self, body: Body, to: Recipients, *, duplicate_check_s: int = DUPLICATE_CHECK_S, safe: bool = False
    ) -> Payload:
        """Freeze a message of this application; see the function of the same name."""
        return compose(self.agent_id, body, to, duplicate_check_s=duplicate_check_s, safe=safe)

    def probe(self) -> Outcome | None:
        """Ask for the token anew, past the cache; return what is wrong, None when it was granted."""
        return self._tokens.renew().failure

    def send(self, payload: Payload) -> Outcome:
        """Send a frozen message; recipients whom WeCom names as invalid make the outcome partial."""
        reply = self.call("message/send", payload.json)
        outcome = partly(reply.outcome, _missed(reply.data))
        code = reply.data.get("response_code")
        return replace(
            outcome,
            message_id=str(reply.data.get("msgid", "")),
            response_code=code if isinstance(code, str) else "",
        )

    def update_card(self, request: str) -> Outcome:
        """Change a card that was sent; the request is that of `wecom.cards.update`."""
        return self.call("message/update_template_card", request).outcome

    def upload_media(self, filename: str, data: bytes, *, media_type: str = "file") -> Upload:
        """Upload a file or picture; every application of the company can send it for three days."""
        if media_type == "image":
            checked_image(data, IMAGE_LIMIT)
        elif media_type != "file":
            raise PayloadError("an application uploads file or image here")
        checked_file(data, FILE_LIMIT)

        def upload(token: str) -> Reply:
            url = f"{self._url('media/upload', token)}&type={media_type}"
            return self._transport.post_file(url, filename, data, secrets=(token,))

        return Upload.of(self._with_token(upload))

    def download_media(self, media_id: str) -> Download:
        """Fetch a file by its media id; one larger than WeCom takes is none."""

        def download(token: str) -> Reply:
            url = f"{self._url('media/get', token)}&media_id={quote(media_id, safe='')}"
            return self._transport.get_file(url, limit=FILE_LIMIT, secrets=(token,))

        return Download.of(self._with_token(download))

    def department(self, number: str) -> Reply:
        """Ask for a department by its number; the answer has its `name` in `department`."""

        def exchange(token: str) -> Reply:
            url = f"{self._url('department/get', token)}&id={quote(number, safe='')}"
            return self._transport.get(url, secrets=(token,))

        return self._with_token(exchange)

    def call(self, path: str, text: str | None = None) -> Reply:
        """Call an API with the shared token: POST the JSON text, or GET where there is none."""

        def exchange(token: str) -> Reply:
            url = self._url(path, token)
            if text is None:
                return self._transport.get(url, secrets=(token,))
            return self._transport.post_json(url, text, secrets=(token,))

        return self._with_token(exchange)

    def _url(self, path: str, token: str) -> str:
        return f"{self._base_url}/cgi-bin/{path}?access_token={quote(token, safe='')}"

    def _with_token(self, exchange: _Exchange) -> Reply:
        """Call with the token; when WeCom does not take it, drop it, fetch once, repeat once."""
        first = self._tokens.current()
        if first.failure is not None:
            return Reply(replace(first.failure, request_written=False))  # the message itself never left
        reply = exchange(first.token)
        if reply.outcome.action is not Action.TOKEN:
            return reply
        self._tokens.reject(first.token)
        second = self._tokens.current()
        if second.failure is not None:
            return Reply(replace(second.failure, request_written=False))
        reply = exchange(second.token)
        if reply.outcome.action is Action.TOKEN:
            # A fresh token that is refused, too, is a matter of configuration.
            self._tokens.reject(second.token)
            dead = replace(
                reply.outcome,
                action=Action.CHANNEL_DEAD,
                explanation="新取的 access_token 仍不被接受：请核对应用的 Secret、AgentId 和接口地址。",
                explanation_en="A fresh access token was refused, too: check secret, agent id and address.",
            )
            return Reply(dead, reply.data)
        return reply


def _missed(data: Mapping[str, Any]) -> Iterator[str]:
    for field, mark in _MISSED.items():
        names = data.get(field)
        if isinstance(names, str):
            yield from (mark + name for name in names.split("|") if name)
