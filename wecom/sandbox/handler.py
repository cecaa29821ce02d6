"""The sandbox over HTTP: which path goes where, pages and files, and how an answer ends on the connection."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from wecom.sandbox import bodies, controls, feed
from wecom.sandbox.approval_page import approval_page
from wecom.sandbox.desks import JSON_TYPE, Answer
from wecom.sandbox.multipart import uploaded_file
from wecom.sandbox.view import View

if TYPE_CHECKING:
    from wecom.sandbox.server import SandboxServer

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


class HttpServer(ThreadingHTTPServer):
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
    server: HttpServer

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
        token = query.get("access_token", "")
        if path == "/gettoken":
            return apps.gettoken(query.get("corpid", ""), query.get("corpsecret", ""))
        if path == "/media/get":
            return apps.download(token, query.get("media_id", ""))
        if path == "/department/get":
            return apps.department(token, query.get("id", ""))
        if method != "POST":
            return _json({"errcode": 43002, "errmsg": "require POST method"})
        if path.startswith("/oa/"):
            return self.sandbox.approvals.call(token, path.removeprefix("/oa/"), body)
        match path:
            case "/webhook/send":
                return robots.send(query.get("key", ""), body)
            case "/webhook/upload_media":
                file = uploaded_file(self.headers.get("Content-Type", ""), body)
                return robots.upload(query.get("key", ""), query.get("type", ""), file.name, file.data)
            case "/message/send":
                return apps.send(token, body)
            case "/message/update_template_card":
                return apps.update_card(token, body)
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
        elif path == "/approvals":
            page = approval_page(View.from_query(query), query.get("no", ""), sandbox)
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
            data: Any = controls.form(body) if is_form else json.loads(body)
            if not isinstance(data, dict):
                raise ValueError("a control is a JSON object")
            back = controls.back(data)
            result = controls.act(self.sandbox, data)
        except (ValueError, UnicodeDecodeError) as error:
            self._json({"error": str(error)}, status=400)
            return
        if is_form:
            headers = {"Location": back.address(), "Cache-Control": "no-store"}
            self._answer(Answer(b"", status=303, headers=headers))
        else:
            self._json(result)

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
