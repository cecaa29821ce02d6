"""What one call came to: arrived, not arrived, or maybe."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import certifi
import pytest
import requests
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wecom.servers import KEY, Behaviour, read_request, reset
from wecom import transport
from wecom.errors import Action, Kind
from wecom.masking import mask, scrub
from wecom.robot import Robot, markdown
from wecom.sandbox import SandboxServer
from wecom.transport import Download, Transport, judge_answer

Start = Callable[[Behaviour], str]
OK = b'{"errcode":0,"errmsg":"ok"}'
HELLO = markdown("### 你好")


def answer(body: bytes, status: str = "200 OK", length: int | None = None, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# --- reading an answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "action"),
    [
        (200, OK, Kind.ACCEPTED, Action.NONE),
        (200, b'{"errcode":93000,"errmsg":"x"}', Kind.REFUSED, Action.CHANNEL_DEAD),
        (200, b"<html>login</html>", Kind.UNREADABLE, Action.UNCERTAIN),
        (200, b'{"errcode":0,"errm', Kind.UNREADABLE, Action.UNCERTAIN),
        (200, b"", Kind.UNREADABLE, Action.UNCERTAIN),
        (200, b"[]", Kind.UNREADABLE, Action.UNCERTAIN),
        (200, b'{"errmsg":"ok"}', Kind.UNREADABLE, Action.UNCERTAIN),
        (200, b'{"errcode":false}', Kind.UNREADABLE, Action.UNCERTAIN),
        (200, b'{"errcode":"0"}', Kind.UNREADABLE, Action.UNCERTAIN),
        (200, b"[" * 100_000, Kind.UNREADABLE, Action.UNCERTAIN),
        (201, OK, Kind.HTTP_ERROR, Action.RETRY),
        (302, b"", Kind.HTTP_ERROR, Action.RETRY),
        (403, b"<html>", Kind.HTTP_ERROR, Action.RETRY),
        (500, OK, Kind.HTTP_ERROR, Action.RETRY),
        (502, b"<html>", Kind.HTTP_ERROR, Action.RETRY),
        (429, b"", Kind.THROTTLED, Action.WAIT),
    ],
)
def test_status_and_body_decide(status: int, body: bytes, kind: Kind, action: Action) -> None:
    outcome = judge_answer(status, body).outcome
    assert (outcome.kind, outcome.action) == (kind, action)
    assert outcome.ok == (kind is Kind.ACCEPTED)
    assert outcome.request_written


@given(st.integers(100, 599), st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode)))
@settings(max_examples=60, deadline=None)
def test_nothing_but_a_zero_errcode_in_a_200_is_success(status: int, body: bytes) -> None:
    outcome = judge_answer(status, body).outcome
    if outcome.ok:
        assert status == 200
        assert json.loads(body)["errcode"] == 0


def test_only_the_numeric_form_of_retry_after_is_used() -> None:
    for given_value, seconds in {
        "120": 120.0,
        "Wed, 21 Oct 2026 07:28:00 GMT": None,
        "-5": None,
        "²": None,
    }.items():
        assert transport._retry_after(given_value) == seconds
    assert transport._retry_after("99999999") == 86_400


# --- what the network does ------------------------------------------------------------------------------


def test_a_refused_connection_did_not_arrive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome = Robot(f"http://127.0.0.1:{port}/cgi-bin/webhook/send?key=", KEY).send(HELLO)
    assert (outcome.kind, outcome.action) == (Kind.CONNECTION_REFUSED, Action.RETRY)
    assert not outcome.request_written


def test_an_unknown_host_did_not_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    outcome = Robot("http://wecom.invalid/cgi-bin/webhook/send?key=", KEY).send(HELLO)
    assert (outcome.kind, outcome.action) == (Kind.NAME_UNRESOLVED, Action.RETRY)
    assert not outcome.request_written


def test_a_failed_tls_handshake_did_not_arrive(misbehaving: Start) -> None:
    base = misbehaving(lambda connection: connection.sendall(b"HTTP/1.0 400 no tls here\r\n\r\n"))
    outcome = Robot(base.replace("http://", "https://"), KEY).send(HELLO)
    assert (outcome.kind, outcome.action) == (Kind.TLS_FAILED, Action.RETRY)
    assert not outcome.request_written


def test_a_connection_that_cannot_be_made_in_time_did_not_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    outcome = Robot("http://127.0.0.1:9/cgi-bin/webhook/send?key=", KEY).send(HELLO)
    assert (outcome.kind, outcome.action) == (Kind.CONNECT_TIMEOUT, Action.RETRY)
    assert not outcome.request_written


def test_a_dead_proxy_did_not_arrive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": f"http://127.0.0.1:{port}"}
        outcome = Robot("http://wecom.test/cgi-bin/webhook/send?key=", KEY, session).send(HELLO)
    assert (outcome.kind, outcome.action) == (Kind.PROXY_FAILED, Action.RETRY)
    assert not outcome.request_written


def test_the_environments_proxy_is_used_and_its_change_is_seen(
    misbehaving: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    def accept(connection: socket.socket) -> None:
        heard.append(read_request(connection))
        connection.sendall(answer(OK))

    proxy = misbehaving(accept).partition("/cgi-bin")[0]
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
    robot = Robot(f"http://{nobody}/cgi-bin/webhook/send?key=", KEY)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("http_proxy", proxy)
    assert robot.send(HELLO).kind is Kind.CONNECTION_REFUSED
    monkeypatch.setenv("no_proxy", "other.test")
    assert robot.send(HELLO).ok
    monkeypatch.delenv("http_proxy")
    assert robot.send(HELLO).kind is Kind.CONNECTION_REFUSED
    assert len(heard) == 1
    assert heard[0].startswith(f"POST http://{nobody}/".encode())


def test_a_certificate_nobody_knows_is_refused_unless_the_environment_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple[str | None, object]] = []

    def call(self: urllib3.HTTPSConnectionPool, *_args: object, **_options: object) -> None:
        seen.append((self.ca_certs, self.cert_reqs))
        raise urllib3.exceptions.SSLError("certificate verify failed")

    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setattr(urllib3.HTTPSConnectionPool, "urlopen", call)
    robot = Robot("https://wecom.test/cgi-bin/webhook/send?key=", KEY)
    assert robot.send(HELLO).kind is Kind.TLS_FAILED
    bundle = tmp_path / "plant-ca.pem"
    bundle.touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    robot.send(HELLO)
    assert seen == [(certifi.where(), "CERT_REQUIRED"), (str(bundle), "CERT_REQUIRED")]


def test_a_reset_before_the_last_byte_was_handed_over_did_not_arrive(misbehaving: Start) -> None:
    def hear_half(connection: socket.socket) -> None:
        connection.recv(1000)
        reset(connection)

    reply = Transport().post_file(misbehaving(hear_half) + KEY, "a.bin", b"x" * 8_000_000)
    assert (reply.outcome.kind, reply.outcome.action) == (Kind.NOT_WRITTEN, Action.RETRY)
    assert not reply.outcome.request_written


def test_no_answer_in_time_may_have_arrived(misbehaving: Start) -> None:
    done = threading.Event()

    def silent(connection: socket.socket) -> None:
        read_request(connection)
        done.wait(5)

    outcome = Robot(misbehaving(silent), KEY, timeout=(1, 0.2)).send(HELLO)
    done.set()
    assert (outcome.kind, outcome.action) == (Kind.READ_TIMEOUT, Action.UNCERTAIN)
    assert outcome.request_written
    assert outcome.duration_s >= 0.2


@pytest.mark.parametrize("ending", [reset, socket.socket.close])
def test_a_connection_lost_before_the_answer_may_have_arrived(misbehaving: Start, ending: Behaviour) -> None:
    def lose(connection: socket.socket) -> None:
        read_request(connection)
        ending(connection)

    outcome = Robot(misbehaving(lose), KEY).send(HELLO)
    assert (outcome.kind, outcome.action) == (Kind.CONNECTION_LOST, Action.UNCERTAIN)
    assert outcome.request_written


def test_an_answer_cut_on_the_way_may_have_arrived(misbehaving: Start) -> None:
    def cut(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(OK[:10], length=len(OK)))

    outcome = Robot(misbehaving(cut), KEY).send(HELLO)
    assert (outcome.kind, outcome.action) == (Kind.CONNECTION_LOST, Action.UNCERTAIN)
    assert outcome.http_status == 200


def test_a_gateway_error_cut_on_the_way_is_still_a_gateway_error(misbehaving: Start) -> None:
    def cut(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(b"<html>", "502 Bad Gateway", 999))

    outcome = Robot(misbehaving(cut), KEY).send(HELLO)
    assert (outcome.kind, outcome.http_status) == (Kind.HTTP_ERROR, 502)


def test_an_answer_that_drips_is_given_up_within_the_time_out_as_a_whole(misbehaving: Start) -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(b"", length=1000))
        while not stop.wait(0.05):
            connection.sendall(b" ")

    started = time.monotonic()
    outcome = Robot(misbehaving(drip), KEY, timeout=(1, 0.4)).send(HELLO)
    stop.set()
    assert outcome.action is Action.UNCERTAIN
    assert time.monotonic() - started < 5


def test_an_endless_answer_is_not_read_to_its_end(misbehaving: Start) -> None:
    sent = 0

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        read_request(connection)
        connection.sendall(answer(b"", length=1 << 40))
        while True:
            sent += connection.send(b"x" * 65536)

    outcome = Robot(misbehaving(pour), KEY).send(HELLO)
    assert outcome.action is Action.UNCERTAIN
    assert sent < 64 * 1024 * 1024
    assert len(outcome.raw_excerpt) <= 500


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a.pdf"', "a.pdf"),
        ('attachment; filename="合同.pdf"', "合同.pdf"),  # plain UTF-8, as WeCom writes it
        ("attachment; filename*=UTF-8''%E5%90%88%E5%90%8C.pdf", "合同.pdf"),
        ("attachment; filename=../../etc/passwd", "passwd"),
        ("attachment", ""),
    ],
)
def test_a_file_comes_with_its_name_whatever_its_content(
    misbehaving: Start, disposition: str, name: str
) -> None:
    content = b'{"errcode":93000}'  # a file of JSON is no answer

    def give(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(content, "200 OK", None, f"Content-Disposition: {disposition}"))

    found = Download.of(Transport().get_file(misbehaving(give), limit=100))
    assert (found.outcome.kind, found.name, found.data) == (Kind.ACCEPTED, name, content)


@pytest.mark.parametrize(
    ("body", "status", "headers", "kind", "action"),
    [
        (b'{"errcode":40007,"errmsg":"x"}', "200 OK", (), Kind.REFUSED, Action.UPLOAD),
        (OK, "200 OK", (), Kind.UNREADABLE, Action.RETRY),  # ok, but no file
        (b"<html>", "200 OK", (), Kind.UNREADABLE, Action.RETRY),
        (b"x", "502 Bad Gateway", ("Content-Disposition: attachment",), Kind.HTTP_ERROR, Action.RETRY),
        (b"x" * 101, "200 OK", ("Content-Disposition: attachment",), Kind.CONNECTION_LOST, Action.RETRY),
    ],
)
def test_what_is_no_file_or_too_large_is_asked_for_again_or_refused(
    misbehaving: Start, body: bytes, status: str, headers: tuple[str, ...], kind: Kind, action: Action
) -> None:
    def give(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(body, status, None, *headers))

    found = Download.of(Transport().get_file(misbehaving(give), limit=100))
    assert (found.outcome.kind, found.outcome.action, found.data) == (kind, action, b"")


def test_a_redirect_is_not_followed_with_the_key(misbehaving: Start) -> None:
    asked: list[bytes] = []

    def elsewhere(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        connection.sendall(answer(OK))

    target = misbehaving(elsewhere)

    def redirect(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer(b"", "307 Temporary Redirect", 0, f"Location: {target}{KEY}"))

    outcome = Robot(misbehaving(redirect), KEY).send(HELLO)
    assert (outcome.kind, outcome.http_status, asked) == (Kind.HTTP_ERROR, 307, [])


def test_the_request_is_utf8_json_as_it_was_frozen(misbehaving: Start) -> None:
    asked: list[bytes] = []

    def keep(connection: socket.socket) -> None:
        asked.append(read_request(connection))
        connection.sendall(answer(OK))

    assert Robot(misbehaving(keep), KEY).send(HELLO).ok
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert body == '{"msgtype":"markdown","markdown":{"content":"### 你好"}}'.encode()
    assert head.startswith(b"POST /cgi-bin/webhook/send?key=" + KEY.encode())
    assert b"Content-Type: application/json; charset=utf-8" in head
    assert b"Transfer-Encoding" not in head


# --- connections ----------------------------------------------------------------------------------------


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    made: list[object] = []
    original = socket.socket.connect

    def counted(self: socket.socket, address: object) -> None:
        made.append(address)
        original(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", counted)
    return made


def test_robots_of_one_thread_keep_one_connection(sandbox: SandboxServer, connections: list[object]) -> None:
    for key in (KEY, "second-robot-0000", KEY):
        assert Robot(sandbox.webhook_base_url, key).send(HELLO).ok
    assert len(connections) == 1


def test_a_connection_that_idled_is_not_trusted_with_a_message(
    sandbox: SandboxServer, connections: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = Robot(sandbox.webhook_base_url, KEY)
    assert robot.send(HELLO).ok
    monkeypatch.setattr(transport._line, "last_used", time.monotonic() - 16)
    assert robot.send(HELLO).ok
    assert len(connections) == 2


def test_a_fork_does_not_use_its_parents_connection(
    sandbox: SandboxServer, connections: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Robot(sandbox.webhook_base_url, KEY).send(HELLO).ok
    ways = transport._line.ways
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert Robot(sandbox.webhook_base_url, KEY).send(HELLO).ok
    assert transport._line.ways is not ways
    assert len(connections) == 2


# --- secrets --------------------------------------------------------------------------------------------

SECRET = "PLANTED-s3cr3t-0123456789/+=?"


def test_no_failure_shows_the_key_anywhere(
    misbehaving: Start,
    sandbox: SandboxServer,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/cgi-bin/webhook/send?key="

    def echo(connection: socket.socket) -> None:
        request = read_request(connection)
        connection.sendall(answer(request, "502 Bad Gateway"))

    def echo_json(connection: socket.socket) -> None:
        request = read_request(connection).decode()
        body = json.dumps({"errcode": 93000, "errmsg": f"invalid webhook {request.splitlines()[0]}"})
        connection.sendall(answer(body.encode()))

    def hang_up(connection: socket.socket) -> None:
        read_request(connection)

    texts: list[str] = []
    for base in (
        closed,
        misbehaving(echo),
        misbehaving(echo_json),
        misbehaving(hang_up),
        sandbox.webhook_base_url,
    ):
        robot = Robot(base, SECRET, timeout=(1, 1))
        texts += [repr(robot), repr(robot.send(HELLO)), repr(robot.upload_media("a.pdf", b"0123456789"))]
    texts += [repr(row) for row in sandbox.messages] + [caplog.text, *capsys.readouterr()]
    assert "urllib3" in caplog.text  # the loud one did speak
    written = "\n".join(texts)
    for part in (SECRET, "PLANTED", "s3cr3t", quote(SECRET, safe="")):
        assert part not in written


@pytest.mark.parametrize(
    "base",
    ["not a url", "http://h/cgi-bin/webhook/send?key=" + SECRET, "https:///x?key=", "http://h/other?key="],
)
def test_a_wrong_address_is_refused_without_being_repeated(base: str) -> None:
    with pytest.raises(ValueError, match="webhook base URL") as caught:
        Robot(base, SECRET)
    assert SECRET not in "".join(traceback.format_exception(caught.value, chain=True)).replace(
        "http://h/cgi-bin/webhook/send?key=" + SECRET, ""
    ).replace(repr(SECRET), "")
    assert SECRET not in str(caught.value)


@given(st.text(min_size=12, max_size=40))
@settings(max_examples=40, deadline=None)
def test_a_masked_secret_shows_four_characters_at_most(secret: str) -> None:
    assert mask(secret) == "…" + secret[-4:]


@pytest.mark.parametrize("secret", ["", "abc", "demo-iqc"])
def test_a_short_secret_is_not_shown_at_all(secret: str) -> None:
    assert mask(secret) == "***"


def test_scrubbing_knows_where_wecom_keeps_its_credentials() -> None:
    text = (
        'GET /cgi-bin/gettoken?corpid=ww1&corpsecret=AAA HTTP/1.1 {"access_token": "BBB","expires_in":7200} '
        '/cgi-bin/message/send?access_token=CCC&debug=1 send?key=DDD {"access_token":"EEE'
    )
    cleaned = scrub(text)
    assert not [secret for secret in ("AAA", "BBB", "CCC", "DDD", "EEE") if secret in cleaned]
    assert "corpid=ww1" in cleaned
    assert "&debug=1" in cleaned
