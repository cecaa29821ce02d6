"""Mails: what they look like and what each answer of a server means; against a real one over TLS."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifications.channels import NotConfigured, Unusable
from notifications.channels.email import Email
from notifications.choices import Reason, State
from notifications.media import keep_attachment
from notifications.models import Budget, Channel, Notification
from notifications.services import release_mended, send_notification
from spc_site import env
from tests.notifications.channels.conftest import Time, deliver, rows
from tests.notifications.channels.mailserver import PASSWORD, USER, Postbox, Server, certificate

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture(params=["starttls"])
def security(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(
    security: str, files: tuple[Path, Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    server = Server(Postbox(), security, files)
    server.start()
    settings.MAIL_SERVER = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": security,
        "user": USER,
        "password": PASSWORD,
        "sender": "qms@example.com",
    }
    yield server
    server.stop()


@pytest.fixture
def postbox(server: Server) -> Postbox:
    return server.handler


def _send(target: str = "lin@example.com", title: str = "IQC 异常", **fields: Any) -> str:
    content = "### IQC 异常\n- **供应商**: 甲\n> [查看](https://qms.example/IQC/1/2)\n<@lin.qc>"
    return send_notification(title, content, "email", target, **fields)


def _row(message_id: str) -> Notification:
    return Notification.objects.get(message_id=message_id)


# --- the mail ---------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["tls", "starttls", "none"], indirect=True)
def test_a_mail_goes_out_signed_in_and_by_every_kind_of_encryption(postbox: Postbox) -> None:
    message_id = _send("lin@example.com，wang@example.com")
    assert deliver(message_id) == [(State.SENT, "")]
    assert postbox.recipients == [["lin@example.com", "wang@example.com"]]
    assert postbox.sign_ins == 1
    assert _row(message_id).receipt == "Ok: queued as ABC123"


def test_its_number_is_the_messages_and_nobody_answers_it_automatically(postbox: Postbox) -> None:
    message_id = _send()
    deliver(message_id)
    (mail,) = postbox.mails
    assert mail["Message-ID"] == f"<{message_id}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (mail["Subject"], mail["From"], mail["To"]) == ("IQC 异常", "qms@example.com", "lin@example.com")


def test_text_and_page_say_the_same(postbox: Postbox) -> None:
    deliver(_send())
    text = postbox.mails[0].get_body(("plain",))
    page = postbox.mails[0].get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().splitlines() == [
        "IQC 异常",
        "- 供应商: 甲",
        "查看 https://qms.example/IQC/1/2",
        "@lin.qc",
    ]
    html = page.get_content()
    assert '<a style="color:#0b63ce" href="https://qms.example/IQC/1/2"' in html
    assert "class=" not in html
    assert "<strong>供应商</strong>" in html


def test_plain_style_sends_no_page(postbox: Postbox) -> None:
    Channel.objects.filter(code="email").update(style="plain")
    deliver(_send())
    assert postbox.mails[0].get_content_type() == "text/plain"


@pytest.mark.parametrize(
    "title", ["停线\r\nBcc: spy@example.com", "停线\nTo: x@example.com\n\nbody", "停\x00线\x0b"]
)
def test_a_title_cannot_bring_headers_of_its_own(postbox: Postbox, title: str) -> None:
    assert deliver(_send(title=title)) == [(State.SENT, "")]
    (mail,) = postbox.mails
    assert mail["Bcc"] is None
    assert mail["To"] == "lin@example.com"
    assert postbox.recipients == [["lin@example.com"]]


@pytest.mark.parametrize(
    "target",
    ["lin", "lin@", "林@example.com", "a@b.c\r\nRCPT TO:<spy@example.com>", "<a@b.c>", "Lin <lin@b.c>", " "],
)
def test_what_is_no_address_never_reaches_the_server(postbox: Postbox, target: str) -> None:
    if target.strip():
        assert deliver(_send(target)) == [(State.DEAD, Reason.RECIPIENT)]
    assert Email().target_problem(target)
    assert postbox.recipients == []


@pytest.mark.parametrize(
    "content", [f"第一行\n.\n..两点\n{'长' * 3000}\n最后", f"first\n.\n..two\n{'long ' * 600}end\nlast"]
)
def test_a_line_that_is_a_dot_and_a_long_line_arrive_whole(postbox: Postbox, content: str) -> None:
    deliver(send_notification("Title", content, "email", "lin@example.com"))
    body = postbox.mails[0].get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Title", *content.split("\n")]
    assert max(len(line) for line in postbox.raw[0].split(b"\r\n")) <= 998


def test_pictures_and_files_go_with_the_mail(postbox: Postbox) -> None:
    carried = [keep_attachment("控制图.png", PNG), keep_attachment("合同 HT-001.docx", b"PK\x03\x04 word")]
    assert deliver(_send(attachments=carried)) == [(State.SENT, "")]
    attached = {part.get_filename(): part for part in postbox.mails[0].iter_attachments()}
    assert set(attached) == {"控制图.png", "合同 HT-001.docx"}
    assert attached["控制图.png"].get_content_type() == "image/png"
    assert attached["合同 HT-001.docx"].get_content() == b"PK\x03\x04 word"


def test_many_addresses_become_several_mails(postbox: Postbox) -> None:
    people = [f"person{number:03}@example.com" for number in range(30)]
    assert len(deliver(_send(",".join(people)))) > 1
    assert [one for each in postbox.recipients for one in each] == people


# --- answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "answer", "end"),
    [
        ("RCPT", "450 greylisted", (State.PENDING, Reason.TRANSIENT)),
        ("DATA", "451 try later", (State.PENDING, Reason.TRANSIENT)),
        ("MAIL", "421 too busy", (State.PENDING, Reason.TRANSIENT)),
        ("RCPT", "550 no such user", (State.DEAD, Reason.RECIPIENT)),
        ("DATA", "554 spam", (State.DEAD, Reason.REFUSED)),
        ("MAIL", "552 too large", (State.DEAD, Reason.REFUSED)),
        ("MAIL", "550 not your address", (State.HELD, Reason.CHANNEL_DEAD)),
        ("AUTH", "535 wrong", (State.HELD, Reason.CHANNEL_DEAD)),
        ("AUTH", "454 later", (State.PENDING, Reason.TRANSIENT)),
    ],
)
def test_each_answer_means_one_thing(postbox: Postbox, step: str, answer: str, end: tuple[str, str]) -> None:
    postbox.answers[step] = answer
    message_id = _send()
    assert deliver(message_id) == [end]
    attempt = rows(message_id)[0].attempts.get()
    assert attempt.answer.startswith(answer.split()[0])
    assert attempt.errcode == int(answer.split()[0])
    assert rows(message_id)[0].error_message


@pytest.mark.parametrize(
    ("step", "end"),
    [
        ("MAIL", (State.PENDING, Reason.TRANSIENT)),
        ("RCPT", (State.PENDING, Reason.TRANSIENT)),
        ("DATA", (State.PENDING, Reason.ANSWER_LOST)),
    ],
)
def test_a_server_that_breaks_off_has_taken_the_mail_only_after_the_dot(
    postbox: Postbox, step: str, end: tuple[str, str]
) -> None:
    postbox.cut = step
    message_id = _send()
    assert deliver(message_id) == [end]
    assert _row(message_id).possible_duplicate == (step == "DATA")


def test_a_bad_farewell_changes_nothing(postbox: Postbox) -> None:
    postbox.answers["QUIT"] = "500 what?"
    assert deliver(_send()) == [(State.SENT, "")]
    postbox.answers, postbox.cut = {}, "QUIT"
    assert deliver(_send()) == [(State.SENT, "")]


def test_some_refused_are_recorded_and_the_others_have_it(postbox: Postbox) -> None:
    postbox.answers["RCPT"] = lambda address: "550 unknown" if address.startswith("ghost") else "250 ok"
    message_id = _send("lin@example.com,ghost@example.com")
    assert deliver(message_id) == [(State.SENT, "")]
    assert _row(message_id).missed == ["ghost@example.com"]
    assert postbox.recipients == [["lin@example.com"]]


def test_when_one_address_may_work_later_nothing_is_given_up(postbox: Postbox) -> None:
    postbox.answers["RCPT"] = lambda address: "550 unknown" if address.startswith("ghost") else "450 later"
    assert deliver(_send("lin@example.com,ghost@example.com")) == [(State.PENDING, Reason.TRANSIENT)]


def test_a_double_of_a_lost_answer_bears_the_same_number(postbox: Postbox, time: Time) -> None:
    postbox.cut = "DATA"
    message_id = _send()
    deliver(message_id)
    postbox.cut = ""
    time.advance(minutes=2)
    assert deliver(message_id) == [(State.SENT, "")]
    assert {mail["Message-ID"] for mail in postbox.mails} == {f"<{message_id}@example.com>"}


def test_nobody_listening_is_tried_again(server: Server, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings.MAIL_SERVER = {**settings.MAIL_SERVER, "port": port}
    assert deliver(_send()) == [(State.PENDING, Reason.TRANSIENT)]


def test_a_certificate_that_nobody_vouches_for_holds_the_mail(
    postbox: Postbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path)[0]))
    message_id = _send()
    assert deliver(message_id) == [(State.HELD, Reason.CHANNEL_DEAD)]
    assert "证书" in _row(message_id).error_message
    assert postbox.sign_ins == 0


@pytest.mark.parametrize("security", ["none"], indirect=True)
def test_a_server_without_starttls_gets_no_password(postbox: Postbox, settings: Any) -> None:
    settings.MAIL_SERVER = {**settings.MAIL_SERVER, "security": "starttls"}
    assert deliver(_send()) == [(State.HELD, Reason.CHANNEL_DEAD)]
    assert postbox.sign_ins == 0


def test_a_slow_server_does_not_hold_the_sender_longer_than_its_time(settings: Any) -> None:
    from time import monotonic

    Channel.objects.filter(code="email").update(timeout_s=1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.MAIL_SERVER = {
            "host": "127.0.0.1",
            "port": silent.getsockname()[1],
            "security": "none",
            "user": "",
            "password": "",
            "sender": "qms@example.com",
        }
        started = monotonic()
        assert deliver(_send()) == [(State.PENDING, Reason.TRANSIENT)]
        assert monotonic() - started < 3


def test_a_mended_password_lets_the_held_mail_go(postbox: Postbox, settings: Any) -> None:
    right = settings.MAIL_SERVER
    settings.MAIL_SERVER = {**right, "password": "wrong"}
    message_id = _send()
    assert deliver(message_id) == [(State.HELD, Reason.CHANNEL_DEAD)]
    assert Budget.objects.get(is_dead=True).name.startswith("email:")
    settings.MAIL_SERVER = right
    release_mended()
    assert deliver(message_id) == [(State.SENT, "")]


# --- configuration ----------------------------------------------------------------------------


def test_the_probe_signs_in_and_shows_nothing(postbox: Postbox, settings: Any) -> None:
    assert Email().probe(timeout_s=3).is_well is True
    postbox.answers["NOOP"] = "421 going down"
    assert (Email().probe(timeout_s=3).is_well, Email().probe(timeout_s=3).is_lasting) == (False, False)
    settings.MAIL_SERVER = {**settings.MAIL_SERVER, "password": "wrong"}
    probe = Email().probe(timeout_s=3)
    assert (probe.is_well, probe.is_lasting) == (False, True)
    assert "wrong" not in probe.note
    assert postbox.mails == []


def test_an_unencrypted_account_elsewhere_needs_somebodys_consent(settings: Any) -> None:
    settings.MAIL_SERVER = env.read("EMAIL_URL", {"EMAIL_URL": "smtp://mail.example.com/?from=a@example.com"})
    settings.ALLOW_HTTP = False
    with pytest.raises(Unusable, match="smtps"):
        Email().credentials("lin@example.com")
    settings.ALLOW_HTTP = True
    assert Email().credentials("lin@example.com")
    settings.MAIL_SERVER = None
    with pytest.raises(NotConfigured, match="EMAIL_URL"):
        Email().credentials("lin@example.com")
    assert not Email().is_set_up()
