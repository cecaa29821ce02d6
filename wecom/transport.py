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
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
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


@dataclass(frozen=True, slots=True)
class Download:
    """A file that WeCom keeps for us, or why there is none; `outcome.ok` tells."""

    outcome: Outcome
    name: str = ""
    data: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, reply: Reply) -> Download:
        """Read the answer of `Transport.get_file`."""
        if not reply.outcome.ok:
            return cls(reply.outcome)
        return cls(reply.outcome, reply.data["name"], reply.data["content"])


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


@dataclass(frozen=True, slots=True)
class _Way:
    """How a host is called: its connections, and what a target begins with (a proxy wants it whole)."""

    pool: urllib3.HTTPConnectionPool
    origin: str


class _Ways(HTTPAdapter):
    """The ways to hosts as requests finds them: proxies, certificates, names that are not ASCII.

    They are found once for each host, and anew when the environment changes. A message then costs
    what urllib3 takes for it; with a request and a response of requests it costs twice that.
    """

    def __init__(self, session: requests.Session) -> None:
        super().__init__()
        self.headers = {str(name): str(value) for name, value in session.headers.items()}
        self._session = session
        self._said: tuple[str | None, ...] = ()
        self._known: dict[tuple[str, str], _Way] = {}

    def to(self, url: str) -> tuple[urllib3.HTTPConnectionPool, str]:
        """Return the connections to the host of an address, and what to ask it for."""
        said = tuple(map(os.environ.get, _VARIABLES))
        if said != self._said or len(self._known) > _MOST_HOSTS:
            self._said, self._known = said, {}
        parts = urlsplit(url)
        host = parts.scheme, parts.netloc
        way = self._known.get(host)
        if way is None:
            way = self._known[host] = self._find(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        return way.pool, way.origin + target

    def close(self) -> None:
        """Close all connections; the next call makes new ones."""
        self._known = {}
        super().close()

    def _find(self, url: str) -> _Way:
        request = requests.Request("GET", url).prepare()
        assert request.url is not None
        settings = self._session.merge_environment_settings(request.url, {}, True, None, None)
        verify, cert, proxies = settings["verify"], settings["cert"], settings["proxies"]
        pool = self.get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
        assert isinstance(pool, urllib3.HTTPConnectionPool)
        self.cert_verify(pool, request.url, verify, cert)
        asked = self.request_url(request, proxies)
        return _Way(pool, "" if asked.startswith("/") else asked.removesuffix(request.path_url))


class _Line(threading.local):
    """The thread's own ways: connections are kept between calls, and never shared with a fork."""

    ways: _Ways | None = None
    pid = 0
    last_used = 0.0

    def take(self) -> _Ways:
        if self.ways is None or self.pid != os.getpid():
            self.ways = _Ways(requests.Session())
            self.pid = os.getpid()
        elif time.monotonic() - self.last_used > _IDLE_LIMIT_S:
            self.ways.close()
        self.touch()
        return self.ways

    def touch(self) -> None:
        self.last_used = time.monotonic()


_line = _Line()


class Transport:
    """HTTP with time-outs, bounded answers and no secret in any text.

    Without a session of its own it uses the line of its thread, so that many short-lived robots and
    applications keep one connection to WeCom.  A session that is passed in says how: its proxies,
    certificates and headers.
    """

    def __init__(
        self,
        *,
        session: requests.Session | None = None,
        timeout: Timeout = (3, 10),
        secrets: Iterable[str] = (),
    ) -> None:
        quiet_urls()
        self._ways = _Ways(session) if session is not None else None
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

    def get_file(self, url: str, *, limit: int, secrets: Iterable[str] = ()) -> Reply:
        """Ask for a file of at most so many bytes; where it comes, `data` holds its `name` and `content`."""
        reply = _repeatable(self._exchange("GET", url, b"", {}, secrets, file_limit=limit))
        if reply.outcome.ok and "content" not in reply.data:  # JSON that says ok, where a file belongs
            return Reply(unanswered(reply.outcome, Kind.UNREADABLE))
        return reply

    def _exchange(
        self,
        method: str,
        url: str,
        data: bytes,
        headers: dict[str, str],
        secrets: Iterable[str],
        *,
        at_gettoken: bool = False,
        file_limit: int = 0,
    ) -> Reply:
        hidden = (*self._secrets, *secrets)
        body = _WatchedBody(data) if data else None
        started = time.perf_counter()
        status: int | None = None
        file_of = ""
        raw = b""
        try:
            with self._call(method, url, body, headers) as response:
                status = response.status
                retry_after_s = _retry_after(response.headers.get("Retry-After"))
                if file_limit and status == 200:
                    file_of = response.headers.get("Content-Disposition", "")
                try:
                    raw = self._read(response, file_limit if file_of else _ANSWER_LIMIT)
                except _NETWORK_ERRORS:
                    if status == 200:
                        raise
            if file_of:
                taken = _signed(Kind.ACCEPTED, http_status=status, request_written=True)
                reply = Reply(taken, {"name": _name_in(file_of), "content": raw})
            else:
                reply = judge_answer(
                    status, raw, secrets=hidden, retry_after_s=retry_after_s, at_gettoken=at_gettoken
                )
        except _NETWORK_ERRORS as error:
            # A GET has no body to watch; it changes nothing at WeCom, so "written" is the careful guess.
            is_written = status is not None or (body.is_handed_over if body else not _is_before_write(error))
            kind = kind_of_failure(error, is_written=is_written)
            reply = Reply(_signed(kind, http_status=status, request_written=is_written))
        _line.touch()
        duration_s = time.perf_counter() - started
        return Reply(replace(reply.outcome, duration_s=duration_s), reply.data)

    def _call(
        self, method: str, url: str, body: _WatchedBody | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """Make the call: it follows no redirect, keeps no cookie and is not repeated."""
        ways = self._ways or _line.take()
        pool, target = ways.to(url)
        headers = {**ways.headers, **headers}
        if body is not None:
            headers["Content-Length"] = str(body.size)
        connect_s, read_s = self._timeout
        return pool.urlopen(
            method,
            target,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=connect_s, read=read_s),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
        )

    def _read(self, response: urllib3.BaseHTTPResponse, limit: int) -> bytes:
        """Read the answer within its size limit and within the time-out as a whole, not per packet."""
        deadline = time.monotonic() + self._timeout[1]
        parts: list[bytes] = []
        size = 0
        while chunk := response.read1(65536, decode_content=True):
            parts.append(chunk)
            size += len(chunk)
            if size > limit or time.monotonic() > deadline:
                raise urllib3.exceptions.ProtocolError("the answer does not end")
        return b"".join(parts)


_FILE_NAME = re.compile(r"filename\*=UTF-8''([^;]+)|filename=\"([^\"]*)\"|filename=([^;]+)", re.IGNORECASE)


def _name_in(disposition: str) -> str:
    """Return a file's name without any folder; what WeCom writes as plain UTF-8 arrives as Latin-1."""
    match = _FILE_NAME.search(disposition)
    if match is None:
        return ""
    if match[1]:
        name = unquote(match[1])
    else:
        plain = match[2] if match[2] is not None else match[3].strip()
        try:
            name = plain.encode("latin-1").decode("utf-8")
        except UnicodeError:
            name = plain
    return name.replace("\\", "/").rpartition("/")[2][:200]


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
    """Name what went wrong on the wire, from the chain of causes below the exception."""
    causes = _causes(error)
    if is_written:
        late = (urllib3.exceptions.ReadTimeoutError, TimeoutError)
        timed_out = any(isinstance(cause, late) for cause in causes)
        return Kind.READ_TIMEOUT if timed_out else Kind.CONNECTION_LOST
    for kind, classes in (
        (Kind.PROXY_FAILED, (urllib3.exceptions.ProxyError,)),
        (Kind.TLS_FAILED, (urllib3.exceptions.SSLError,)),
        (Kind.NAME_UNRESOLVED, (NameResolutionError, UnicodeError)),
        (Kind.CONNECTION_REFUSED, (NewConnectionError,)),  # by descent it is a ConnectTimeoutError, too
        (Kind.CONNECT_TIMEOUT, (urllib3.exceptions.ConnectTimeoutError,)),
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
