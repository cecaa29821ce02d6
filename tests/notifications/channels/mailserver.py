"""A mail server on this machine (aiosmtpd), encrypted by a certificate made for the test."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "qms", "mail-password-0001"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1; return it and its key as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


class Postbox:
    """Takes mails; `answers` replaces what it says at a step, `cut` breaks off there."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.answers: dict[str, str | Callable[[str], str]] = {}
        self.cut = ""
        self.sign_ins = 0

    def _say(self, step: str, server: SMTP, argument: str = "") -> str | None:
        if self.cut == step and server.transport is not None:
            server.transport.abort()
        answer = self.answers.get(step)
        return answer(argument) if callable(answer) else answer

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if answer := self._say("MAIL", server):
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self._say("RCPT", server, address)
        if answer and not answer.startswith("250"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_NOOP(self, server: Any, session: Any, envelope: Any, argument: str) -> str:
        return self._say("NOOP", server) or "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return self._say("QUIT", server) or "221 Bye"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self._say("DATA", server)
        if answer and not answer.startswith("250"):
            return answer
        self.raw.append(envelope.content)
        mail = message_from_bytes(envelope.content, policy=policy.SMTP)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return answer or "250 Ok: queued as ABC123"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.sign_ins += 1
        if answer := self._say("AUTH", server):
            return AuthResult(success=False, handled=False, message=answer)
        known = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
        return AuthResult(success=known and data.login == USER.encode(), handled=False)


class Server(Controller):
    """`security` as in `EMAIL_URL`: tls, starttls or none."""

    def __init__(self, postbox: Postbox, security: str, files: tuple[Path, Path]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        options: dict[str, Any] = {
            "authenticator": postbox.authenticate,
            "auth_require_tls": security != "none",
        }
        if security == "tls":
            options |= {"ssl_context": context}
        elif security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if security == "tls":
            options["auth_require_tls"] = False  # aiosmtpd does not see the TLS around it
        super().__init__(postbox, hostname="127.0.0.1", port=0, **options)

    def _trigger_server(self) -> None:
        """Learn which port the system chose, then see that it answers."""
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
