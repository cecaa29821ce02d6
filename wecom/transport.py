"""One HTTP call to WeCom, and what it came to.

Nothing that the network does leaves this module as an exception: every call returns a `Reply`, whose
`Outcome` says whether the message arrived, did not arrive, or *may* have arrived.  That third state
needs to know whether the request was written, and exception classes do not tell reliably; so the
request body itself watches whether its last byte was handed to the socket.

How an answer is read (`judge_answer`):

- HTTP 200 with a JSON object whose `errcode` is a number: WeCom's answer; `errcode` decides.
- HTTP 200 with anything else (a login page, half a JSON): the request was delivered to somebody, maybe
  to WeCom behind a proxy that spoiled the answer: uncertain.
- HTTP 429: wait, as long as `Retry-After` says.
- any other status: a proxy or gateway refused the request: retry.  Redirects are not followed, they
  would carry the key to another host.
"""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import NameResolutionError, NewConnectionError

from wecom.errors import SIGNS, Action, Kind, Outcome, judge
from wecom.masking import quiet_urls, scrub

Timeout = tuple[float, float]  # seconds to connect, seconds to wait for the answer

_ANSWER_LIMIT = 4 * 1024 * 1024  # approval details are long; a proxy's endless page is not worth reading
_EXCERPT = 500  # characters of an answer worth keeping
# A connection that idled longer may have been cut by WeCom or a firewall without a word; writing into it
# would end in "may have been shown" for a message that never left.  A fresh connection costs a few ms.
_IDLE_LIMIT_S = 15.0
# UnicodeError: a host name that cannot be written as one.
_NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError)


@dataclass(frozen=True, slots=True)
class Reply:
    """An outcome and, where WeCom answered with JSON, what it said (never printed: it may hold tokens)."""

    outcome: Outcome
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """What an upload came to; the media id lives three days."""

    outcome: Outcome
    media_id: str = ""

    @classmethod
    def of(cls, reply: Reply) -> Upload:
        """Read the answer to an upload."""
        return cls(reply.outcome, str(reply.data.get("media_id", "")) if reply.outcome.ok else "")


class _WatchedBody(io.BytesIO):
    """A request body that remembers whether its last byte was handed to the socket."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.size = len(data)
        self.is_handed_over = False

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if self.tell() == self.size:
            self.is_handed_over = True
        return chunk


_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_VARIABLES = (*_PROXIES, *map(str.upper, _PROXIES), "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_MOST_HOSTS = 32


class _Surroundings:
    """What the environment says of a host: its proxy, its certificates. Read anew when it changes.

    requests walks through the whole environment for each call, which costs a third of the call.
    """

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._said: tuple[str | None, ...] = ()
        self._known: dict[tuple[str, str], dict[str, Any]] = {}

    def of(self, url: str) -> dict[str, Any]:
        """Return how an address is called, as arguments of an adapter."""
        said = tuple(map(os.environ.get, _VARIABLES))
        if said != self._said or len(self._known) > _MOST_HOSTS:
            self._said, self._known = said, {}
        parts = urlsplit(url)
        host = parts.scheme, parts.netloc
        if host not in self._known:
            self._known[host] = _settings(self._session, url)
        return self._known[host]


def _settings(session: requests.Session, url: str) -> dict[str, Any]:
    found = session.merge_environment_settings(url, {}, True, None, None)
    return {name: found[name] for name in ("proxies", "stream", "verify", "cert")}


class _Line(threading.local):
    """The thread's own session: connections are kept between calls, and never shared with a fork."""

    session: requests.Session | None = None
    surroundings: _Surroundings | None = None
    pid = 0
    last_used = 0.0

    def take(self) -> requests.Session:
        if self.session is None or self.pid != os.getpid():
            self.session = requests.Session()
            self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            self.surroundings = _Surroundings(self.session)
            self.pid = os.getpid()
        elif time.monotonic() - self.last_used > _IDLE_LIMIT_S:
            self.session.close()  # closes what is pooled; the session itself stays usable
        self.touch()
        return self.session

    def touch(self) -> None:
        self.last_used = time.monotonic()


_line = _Line()


class Transport:
    """HTTP with time-outs, bounded answers and no secret in any text.

    Without a session of its own it uses the one of its thread, so that many short-lived robots and
    applications keep one connection to WeCom.  A session that is passed in must not retry by itself.
    """

    def __init__(
        self,
        *,
        session: requests.Session | None = None,
        timeout: Timeout = (3, 10),
        secrets: Iterable[str] = (),
    ) -> None:
        quiet_urls()
        self._session = session
        self._timeout = timeout
        self._secrets = tuple(secrets)

    def __repr__(self) -> str:
        return f"Transport(timeout={self._timeout})"

    def post_json(self, url: str, text: str, *, secrets: Iterable[str] = ()) -> Reply:
        """Send a JSON text as it stands."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return self._exchange("POST", url, text.encode("utf-8"), headers, secrets)

    def post_file(self, url: str, filename: str, data: bytes, *, secrets: Iterable[str] = ()) -> Reply:
        """Send a file as the multipart field `media`, its name as plain UTF-8 (WeCom reads no other form)."""
        part = (filename, data, "application/octet-stream")
        body, content_type = urllib3.encode_multipart_formdata({"media": part})
        return _repeatable(self._exchange("POST", url, body, {"Content-Type": content_type}, secrets))

    def get(self, url: str, *, secrets: Iterable[str] = (), at_gettoken: bool = False) -> Reply:
        """Ask for something."""
        return _repeatable(self._exchange("GET", url, b"", {}, secrets, at_gettoken=at_gettoken))

    def _exchange(
        self,
        method: str,
        url: str,
        data: bytes,
        headers: dict[str, str],
        secrets: Iterable[str],
        *,
        at_gettoken: bool = False,
    ) -> Reply:
        hidden = (*self._secrets, *secrets)
        session = self._session if self._session is not None else _line.take()
        body = _WatchedBody(data) if data else None
        started = time.perf_counter()
        status: int | None = None
        raw = b""
        try:
            with self._call(session, method, url, body, headers) as response:
                status = response.status_code
                retry_after_s = _retry_after(response.headers.get("Retry-After"))
                try:
                    raw = self._read(response)
                except _NETWORK_ERRORS:
                    if status == 200:
                        raise
            reply = judge_answer(
                status, raw, secrets=hidden, retry_after_s=retry_after_s, at_gettoken=at_gettoken
            )
        except _NETWORK_ERRORS as error:
            # A GET has no body to watch; it changes nothing at WeCom, so "written" is the careful guess.
            is_written = status is not None or (body.is_handed_over if body else not _is_before_write(error))
            reply = Reply(_signed(kind_of_failure(error, is_written=is_written), http_status=status))
            reply = replace(reply, outcome=replace(reply.outcome, request_written=is_written))
        _line.touch()
        duration_s = time.perf_counter() - started
        return replace(reply, outcome=replace(reply.outcome, duration_s=duration_s))

    def _call(
        self,
        session: requests.Session,
        method: str,
        url: str,
        body: _WatchedBody | None,
        headers: Mapping[str, str],
    ) -> requests.Response:
        """Make the call by the session's adapter: it follows no redirect and keeps no cookie."""
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.prepare_url(url, None)
        request.headers = CaseInsensitiveDict({**session.headers, **headers})  # type: ignore[arg-type]
        if body is not None:
            request.body = body  # type: ignore[assignment]  # a file, as the adapter takes it
            request.headers["Content-Length"] = str(body.size)
        assert request.url is not None
        surroundings = _line.surroundings if session is _line.session else None
        settings = surroundings.of(request.url) if surroundings else _settings(session, request.url)
        return session.get_adapter(request.url).send(request, timeout=self._timeout, **settings)

    def _read(self, response: requests.Response) -> bytes:
        """Read the answer within its size limit and within the time-out as a whole, not per packet."""
        deadline = time.monotonic() + self._timeout[1]
        parts: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(65536, decode_content=True):
            parts.append(chunk)
            size += len(chunk)
            if size > _ANSWER_LIMIT or time.monotonic() > deadline:
                raise requests.exceptions.ChunkedEncodingError("the answer does not end")
        return b"".join(parts)


def judge_answer(
    http_status: int,
    raw: bytes,
    *,
    secrets: Iterable[str] = (),
    retry_after_s: float | None = None,
    at_gettoken: bool = False,
) -> Reply:
    """Say what an answer means; see the rules at the top of the module."""
    excerpt = scrub(raw[: 8 * _EXCERPT].decode("utf-8", "replace"), secrets)[:_EXCERPT]
    facts: dict[str, Any] = {"http_status": http_status, "request_written": True, "raw_excerpt": excerpt}
    if http_status == 429:
        return Reply(_signed(Kind.THROTTLED, retry_after_s=retry_after_s, **facts))
    if http_status != 200:
        return Reply(_signed(Kind.HTTP_ERROR, retry_after_s=retry_after_s, **facts))
    data = _json_object(raw)
    errcode = data.get("errcode")
    if not isinstance(errcode, int) or isinstance(errcode, bool):
        return Reply(_signed(Kind.UNREADABLE, **facts))
    facts |= {"errcode": errcode, "errmsg": scrub(str(data.get("errmsg", "")), secrets)[:_EXCERPT]}
    if errcode != 0:
        verdict = judge(errcode, at_gettoken=at_gettoken)
        refused = Outcome(Kind.REFUSED, verdict.action, verdict.explanation, verdict.explanation_en, **facts)
        return Reply(refused, data)
    return Reply(_signed(Kind.ACCEPTED, **facts), data)


def kind_of_failure(error: BaseException, *, is_written: bool) -> Kind:
    """Name what went wrong on the wire, from the chain of causes below requests' exception."""
    causes = _causes(error)
    if is_written:
        timed_out = any(isinstance(cause, requests.exceptions.Timeout | TimeoutError) for cause in causes)
        return Kind.READ_TIMEOUT if timed_out else Kind.CONNECTION_LOST
    for kind, classes in (
        (Kind.PROXY_FAILED, (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)),
        (Kind.TLS_FAILED, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)),
        (Kind.NAME_UNRESOLVED, (NameResolutionError, UnicodeError)),
        (Kind.CONNECTION_REFUSED, (NewConnectionError,)),  # by descent it is a ConnectTimeoutError, too
        (Kind.CONNECT_TIMEOUT, (requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError)),
    ):
        if any(isinstance(cause, classes) for cause in causes):
            return kind
    return Kind.NOT_WRITTEN


def _is_before_write(error: BaseException) -> bool:
    return kind_of_failure(error, is_written=False) is not Kind.NOT_WRITTEN


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    pending: list[BaseException] = [error]
    while pending:
        current = pending.pop()
        if current in found:
            continue
        found.append(current)
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        pending.extend(cause for cause in inner if isinstance(cause, BaseException))
    return found


def _signed(kind: Kind, **facts: Any) -> Outcome:
    sign = SIGNS[kind]
    return Outcome(kind, sign.action, sign.zh, sign.en, **facts)


def _repeatable(reply: Reply) -> Reply:
    """Where nothing was shown to anybody, a lost answer is no uncertainty: ask again."""
    return replace(reply, outcome=unanswered(reply.outcome)) if reply.outcome.is_uncertain else reply


def unanswered(outcome: Outcome, kind: Kind | None = None) -> Outcome:
    """Turn an outcome into "no usable answer, ask again"."""
    return replace(
        outcome,
        kind=kind or outcome.kind,
        action=Action.RETRY,
        explanation="企业微信没有给出可用的应答，消息没有发出：系统会自动重试。",
        explanation_en="WeCom gave no usable answer, nothing was sent: it is retried automatically.",
    )


def partly(outcome: Outcome, missed: Iterable[str]) -> Outcome:
    """Turn an accepted outcome into a partial one, when somebody was missed."""
    names = tuple(missed)
    if not names or outcome.kind is not Kind.ACCEPTED:
        return outcome
    sign = SIGNS[Kind.PARTIAL]
    return replace(
        outcome,
        kind=Kind.PARTIAL,
        action=sign.action,
        explanation=sign.zh,
        explanation_en=sign.en,
        missed=names,
    )


def oversized(outcome: Outcome) -> Outcome:
    """Judge a refusal again, knowing that the content was over the limit."""
    if outcome.kind is not Kind.REFUSED or outcome.errcode is None:
        return outcome
    verdict = judge(outcome.errcode, oversized=True)
    return replace(
        outcome,
        action=verdict.action,
        explanation=verdict.explanation,
        explanation_en=verdict.explanation_en,
    )


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _retry_after(value: str | None) -> float | None:
    """Read `Retry-After` in seconds, within a day; its date form is as good as none."""
    if value is None or not value.strip().isascii() or not value.strip().isdigit():
        return None
    return float(min(int(value), 86_400))
