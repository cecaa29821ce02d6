"""The sandbox on a port of this machine: the protocol's calls, the page, and the controls.

`SandboxServer` is a context manager for tests and the body of the command `wecom_sandbox`:

    with SandboxServer(keys={"demo-iqc": "IQC"}) as sandbox:
        Robot(sandbox.webhook_base_url, "demo-iqc").send(markdown("### 你好"))
        assert sandbox.messages[-1].shown
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta, timezone, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from wecom.masking import mask
from wecom.sandbox import bodies, feed
from wecom.sandbox.application import App, AppDesk
from wecom.sandbox.desks import JSON_TYPE, Answer, MediaShelf, RobotDesk
from wecom.sandbox.faults import Fault, FaultPlan, Mode
from wecom.sandbox.ledger import Ledger, Received
from wecom.sandbox.multipart import uploaded_file
from wecom.sandbox.view import RobotState, State, View
from wecom.sandbox.words import DRILLS

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
HOST = "127.0.0.1"
DEMO_KEYS: Mapping[str, str] = {"demo-iqc": "IQC", "demo-oqc": "OQC", "demo-energy": "ENERGY"}
"""Robot keys and the groups they post to, for a start without any configuration."""
DEMO_APP = App(corp_id="demo-corp", secret="demo-secret", agent_id=1000002)  # noqa: S106 - the sandbox's own
"""The application of such a start."""


_BODY_LIMIT = 24 * 1024 * 1024  # a 20 MB file and its multipart frame
_STATIC = Path(__file__).with_name("static")
_STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LOCAL_NAMES = {"127.0.0.1", "localhost", "[::1]"}
_BEAT_S = 15.0
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # a stricter one would hide the origin of our own forms
    "Cache-Control": "no-store",
}


class SandboxServer:
    """A WeCom on this machine.

    `keys` maps each robot's key to the name of its group; `rate` messages are taken in any `span_s`
    seconds (None: without limit, for benchmarks).  `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        *,
        keys: Mapping[str, str] = DEMO_KEYS,
        apps: Collection[App] = (),
        port: int = 0,
        rate: int | None = 20,
        span_s: float = 60.0,
        history: int = 500,
        store: Path | None = None,
        users: Collection[str] | None = None,
        unknown: Collection[str] = (),
        token_life_s: int = 7200,
        clock: Callable[[], float] = time.time,
        zone: tzinfo = SHANGHAI,
    ) -> None:
        self.clock = clock
        self.zone = zone
        self.ledger = Ledger(history=history, store=store)
        self.faults = FaultPlan(clock)
        self.media = MediaShelf(clock)
        self.robots = RobotDesk(
            keys,
            ledger=self.ledger,
            faults=self.faults,
            media=self.media,
            clock=clock,
            rate=rate,
            span_s=span_s,
        )
        self.apps = AppDesk(
            apps,
            ledger=self.ledger,
            faults=self.faults,
            media=self.media,
            clock=clock,
            token_life_s=token_life_s,
            users=users,
            unknown=unknown,
        )
        self._port = port
        self._http: _HttpServer | None = None
        self._thread: threading.Thread | None = None
        self.stopping = threading.Event()

    # --- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        self.stopping.clear()
        self._http = _HttpServer((HOST, self._port), self)
        self._port = self._http.server_address[1]
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="wecom-sandbox", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every connection; `start` takes the same port again, with all state."""
        if self._http is None or self._thread is None:
            return
        self.stopping.set()
        self.ledger.touch()  # wakes the pages that watch
        self._http.shutdown()
        self._http.server_close()
        self._http.cut_connections()
        self._thread.join()
        self._http = self._thread = None

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # --- addresses --------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Return the port; known once started, where 0 was asked for."""
        return self._port

    @property
    def base_url(self) -> str:
        """Return the root: the feed for people, and the value for `WECHAT_API_BASE_URL`."""
        return f"http://{HOST}:{self._port}"

    @property
    def webhook_base_url(self) -> str:
        """Return the value for `WEBHOOK_BASE_URL`."""
        return f"{self.base_url}/cgi-bin/webhook/send?key="

    # --- what tests ask ---------------------------------------------------------------------------------

    @property
    def messages(self) -> list[Received]:
        """Return every call that asked to show something, oldest first; `shown`: it stands in the group."""
        return self.ledger.records()

    @property
    def counts(self) -> dict[str, Any]:
        """Return the counters: received, shown, refused (by code), doubles, faults, applications' calls."""
        return {
            **{
                name: self.ledger.counts[name]
                for name in ("received", "shown", "refused", "doubles", "faults")
            },
            "refusals": {str(code): count for code, count in sorted(self.ledger.refusals.items())},
            "peak_per_span": max((window.peak for window in self.robots.windows.values()), default=0),
            "calls": dict(self.apps.calls),
        }

    def tally(self, pattern: str) -> Counter[str]:
        """Count how often each match of a pattern stands in shown messages: 0 is lost, 2 is double."""
        return self.ledger.tally(pattern)

    def fail(self, mode: Mode | str, **options: Any) -> int:
        """Make calls fail (see `Fault`); return the number to mend it by."""
        number = self.faults.arm(Fault.from_mapping({"mode": mode, **options}))
        self.ledger.touch()
        return number

    def mend(self, number: int | None = None) -> None:
        """Lift one fault, or all."""
        self.faults.clear(number)
        self.ledger.touch()

    def state(self) -> State:
        """Return what the page shows beside the messages."""
        return State(
            webhook_base_url=self.webhook_base_url,
            robots=tuple(
                RobotState(
                    name=self.robots.name(key),
                    group=group,
                    number=self.robots.number(key),
                    shown_key=mask(key),
                    used=self.robots.windows[key].used(),
                    rate=self.robots.rate,
                )
                for key, group in self.robots.keys.items()
            ),
            faults=tuple({**row, "key": self._group_of(row["key"])} for row in self.faults.listed()),
            counts=self.counts,
            now=self.clock(),
            zone=self.zone,
        )

    def _group_of(self, key: str | None) -> str:
        if key is None:
            return ""
        return self.robots.name(key) or mask(key)

    def key_named(self, name: str) -> str:
        """Return the key of a robot, as the page names it."""
        for key in self.robots.keys:
            if name == self.robots.name(key):
                return key
        raise ValueError(f"there is no robot {name}")


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        if request.fileno() >= 0 and _is_set_to_reset(request):
            request.close()  # without the polite end, so that the caller sees a reset
        else:
            super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._open_lock:
            remaining = list(self._open)
        for connection in remaining:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about callers that hang up; a failure of our own goes up as usual."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _is_set_to_reset(connection: socket.socket) -> bool:
    linger = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.calcsize("ii"))
    return bool(struct.unpack("ii", linger)[0])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "wecom-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _HttpServer

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: request lines hold keys."""

    @property
    def sandbox(self) -> SandboxServer:
        return self.server.sandbox

    def do_GET(self) -> None:
        self._route("GET")

    def do_POST(self) -> None:
        self._route("POST")

    # --- routing ----------------------------------------------------------------------------------------

    def _route(self, method: str) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self._body()
        if body is None:
            return
        if parts.path.startswith("/cgi-bin/"):
            self._answer(self._call(method, parts.path.removeprefix("/cgi-bin"), query, body))
        elif (self.headers.get("Host") or "").rpartition(":")[0] not in _LOCAL_NAMES:
            self._error(403, "this page is for 127.0.0.1")  # a foreign name that was made to point here
        elif method == "GET":
            self._page(parts.path, query)
        elif parts.path == "/control":
            self._control(body)
        else:
            self._error(404, "not found")

    def _body(self) -> bytes | None:
        """Read the request's body; answer for itself and return None when it is not acceptable."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _BODY_LIMIT or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._error(413, "the body needs a length of at most 24 MB")
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        return body

    def _call(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """Hand a call of the protocol to its desk."""
        robots, apps = self.sandbox.robots, self.sandbox.apps
        if path == "/gettoken":
            return apps.gettoken(query.get("corpid", ""), query.get("corpsecret", ""))
        if method != "POST":
            return _json({"errcode": 43002, "errmsg": "require POST method"})
        token = query.get("access_token", "")
        match path:
            case "/webhook/send":
                return robots.send(query.get("key", ""), body)
            case "/webhook/upload_media":
                file = uploaded_file(self.headers.get("Content-Type", ""), body)
                return robots.upload(query.get("key", ""), query.get("type", ""), file.name, file.data)
            case "/message/send":
                return apps.send(token, body)
            case "/media/upload":
                file = uploaded_file(self.headers.get("Content-Type", ""), body)
                return apps.upload(token, query.get("type", ""), file.name, file.data)
        return _json({"errcode": 404, "errmsg": "no such API"}, status=404)

    def _page(self, path: str, query: Mapping[str, str]) -> None:
        """Show the feed, its parts, and the same as JSON."""
        sandbox = self.sandbox
        if path == "/":
            view = View.from_query(query)
            page = feed.page(view, sandbox.ledger.records(), sandbox.state(), sandbox.ledger.version)
            self._answer(
                Answer(page.encode(), content_type="text/html; charset=utf-8", headers=_PAGE_HEADERS)
            )
        elif path == "/messages.json":
            after = query.get("after", "0")
            records = sandbox.ledger.records(
                group=query.get("group"), after=int(after) if after.isdecimal() else 0
            )
            self._json({"messages": [row.as_json(sandbox.zone) for row in records], "counts": sandbox.counts})
        elif path == "/counts.json":
            self._json(sandbox.counts)
        elif path == "/control":
            self._json({"faults": list(sandbox.state().faults)})
        elif path == "/events":
            self._events()
        elif path.startswith("/static/"):
            self._static(path.removeprefix("/static/"))
        elif path.startswith("/pictures/"):
            self._picture(path.removeprefix("/pictures/"))
        elif path.startswith("/files/"):
            self._file(path.removeprefix("/files/"))
        else:
            self._error(404, "not found")

    # --- controls ---------------------------------------------------------------------------------------

    def _control(self, body: bytes) -> None:
        """Act on a control: JSON from scripts, a form from the page; never from a foreign page."""
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers.get('Host')}":
            self._error(403, "controls come from this page or from scripts")
            return
        is_form = self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        try:
            if is_form:
                data: Any = {name: values[-1] for name, values in parse_qs(body.decode("utf-8")).items()}
            else:
                data = json.loads(body)
            if not isinstance(data, dict):
                raise ValueError("a control is a JSON object")
            back = {
                name: str(data.pop(f"view_{name}"))
                for name in ("lang", "group", "view")
                if f"view_{name}" in data
            }
            result = self._act(data)
        except (ValueError, UnicodeDecodeError) as error:
            self._json({"error": str(error)}, status=400)
            return
        if is_form:
            self._answer(
                Answer(
                    b"", status=303, headers={"Location": f"/?{urlencode(back)}", "Cache-Control": "no-store"}
                )
            )
        else:
            self._json(result)

    def _act(self, data: dict[str, Any]) -> dict[str, Any]:
        sandbox = self.sandbox
        match data.pop("action", "fail"):
            case "fail":
                if robot := data.pop("robot", ""):
                    data["key"] = sandbox.key_named(str(robot))
                data |= DRILLS.get(data.pop("drill", ""), {})
                return {"number": sandbox.fail(**{"mode": "", **data})}
            case "mend":
                number = data.get("number")
                sandbox.mend(int(number) if number is not None else None)
            case "forget":
                sandbox.ledger.forget()
            case "expire_tokens":
                sandbox.apps.expire_tokens()
            case "withdraw_tokens":
                sandbox.apps.withdraw_tokens()
            case "unknown_users":
                users = data.get("users", [])
                if not isinstance(users, list):
                    raise ValueError("users must be a list")
                sandbox.apps.unknown = {str(user).lower() for user in users}
            case other:
                raise ValueError(f"unknown action {other}")
        return {"done": True}

    # --- answers ----------------------------------------------------------------------------------------

    def _answer(self, answer: Answer) -> None:
        if answer.delay_s:
            self.sandbox.stopping.wait(answer.delay_s)
        if answer.ending != "keep":
            self.close_connection = True
            if answer.ending == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _json(self, data: Mapping[str, Any], status: int = 200) -> None:
        self._answer(_json(data, status=status))

    def _error(self, status: int, text: str) -> None:
        self._json({"error": text}, status=status)

    def _static(self, name: str) -> None:
        path = _STATIC / name
        if path.parent != _STATIC or not path.is_file():
            self._error(404, "not found")
            return
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        media_type = _STATIC_TYPES.get(path.suffix, "application/octet-stream")
        self._answer(Answer(path.read_bytes(), content_type=f"{media_type}; charset=utf-8", headers=headers))

    def _picture(self, number: str) -> None:
        record = self.sandbox.ledger.find(int(number)) if number.isdecimal() else None
        _name, uploaded = (self.sandbox.media.data(bodies.media_id(record)) if record else None) or ("", b"")
        found = bodies.picture(record, uploaded) if record else None
        if found is None:
            self._error(404, "not found")
            return
        media_type, data = found
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
        self._answer(Answer(data, content_type=media_type, headers=headers))

    def _file(self, number: str) -> None:
        record = self.sandbox.ledger.find(int(number)) if number.isdecimal() else None
        found = self.sandbox.media.data(bodies.media_id(record)) if record else None
        if found is None:
            self._error(404, "not found")
            return
        name, data = found
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        }
        self._answer(Answer(data, content_type="application/octet-stream", headers=headers))

    def _events(self) -> None:
        """Tell the page whenever something changed, as server-sent events."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        ledger, stopping = self.sandbox.ledger, self.sandbox.stopping
        version = ledger.version
        self.wfile.write(f"retry: 1000\ndata: {version}\n\n".encode())
        self.wfile.flush()
        while not stopping.is_set():
            latest = ledger.wait(version, _BEAT_S)
            line = f"data: {latest}\n\n" if latest != version else ": beat\n\n"
            version = latest
            self.wfile.write(line.encode())
            self.wfile.flush()


def _json(data: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(json.dumps(data, ensure_ascii=False).encode(), status=status, content_type=JSON_TYPE)
