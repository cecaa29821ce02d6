"""E-mail over SMTP, encrypted: text and HTML from the same Markdown.

A target is one address or several, parted by commas. The mail's Message-ID is made from the
message's number, so that a mail program shows a doubled one once. What an answer means:

| the server | the message |
| --- | --- |
| refuses the connection, breaks off before the final dot, answers 4xx | tried again |
| refuses the user or the sender, knows no TLS, has no valid certificate | held: the account is at fault |
| refuses every recipient for good, refuses the mail (5xx) | dead, with its words |
| refuses some recipients | sent, and who was missed is recorded |
| is gone after the final dot | uncertain: it may have been taken |
"""

from __future__ import annotations

import email.policy
import hashlib
import html
import json
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import media, texts
from notifications.channels._targets import LENGTH, in_lots, names_in
from notifications.channels.base import (
    Credential,
    Driver,
    Form,
    NotConfigured,
    Probe,
    Result,
    Unusable,
    credential_name,
    register,
)
from notifications.choices import ChannelCode, Reason, Style
from notifications.models import Attachment
from notifications.policy import Decision
from notifications.uploads import Reference
from spc_site.sealed import masked
from wecom import markdown

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

_STYLES = {
    "md-h": "font-weight:600;margin:0 0 8px",
    "md-line": "margin:2px 0",
    "md-gap": "height:10px",
    "md-quote": "margin:6px 0;padding-left:10px;border-left:3px solid #c9ced6;color:#57606a",
    "md-code": "font-family:monospace;background:#f3f4f6;padding:0 3px",
    "md-link": "color:#0b63ce",
    "md-mention": "color:#0b63ce",
    "md-info": "color:#117a37",
    "md-comment": "color:#6b7280",
    "md-warning": "color:#b45309",
}
_SIZES = {1: "22px", 2: "20px", 3: "18px", 4: "16px", 5: "15px", 6: "15px"}


@dataclass(frozen=True, slots=True)
class Account:
    """The mail account of the settings."""

    host: str
    port: int
    security: str
    user: str
    sender: str
    password: str = field(repr=False)

    @property
    def name(self) -> str:
        return credential_name(
            ChannelCode.EMAIL, self.host, self.port, self.security, self.user, self.sender, self.password
        )


@register
class Email(Driver):
    """Sends mail from one account."""

    code = ChannelCode.EMAIL.value
    label = ChannelCode.EMAIL.label
    target_help = gettext_lazy("邮件地址，多个用逗号分隔")

    def compose(
        self, title: str, content: str, target: str, form: Form, attachments: Sequence[Attachment] = ()
    ) -> list[str]:
        """Return one payload: a mail has no limit worth splitting for, and carries its files itself."""
        text = texts.headed(title, content)
        inner: dict[str, Any] = {"subject": title, "content": text}
        if form.style == Style.PLAIN:
            inner["style"] = Style.PLAIN.value
        if attachments:
            inner["attachments"] = [row.pk for row in attachments]
        return [json.dumps({"msgtype": "email", "email": inner}, ensure_ascii=False)]

    def credentials(self, target: str) -> Sequence[Credential]:
        account = _account()
        label = f"{account.sender} → {account.host}:{account.port} {masked(account.password)}".strip()
        return [Credential(account.name, label=label, handle=account)]

    def deliver(
        self, payload: str, target: str, credential: Credential, *, timeout_s: float, message_id: str = ""
    ) -> Result:
        if problem := self.target_problem(target):
            return Result(Decision.DEAD, problem, reason=Reason.RECIPIENT)
        inner = json.loads(payload)["email"]
        files = [
            media.file_of(Reference("file", "", attachment_id=number))
            for number in inner.get("attachments", [])
        ]
        if None in files:
            return Result(Decision.DEAD, _("附件已被清理，无法发送"), reason=Reason.REFUSED)
        account: Account = credential.handle
        addresses = names_in(target)
        mail = build(inner, account.sender, addresses, message_id, [file for file in files if file])
        return _Conversation(account, timeout_s).send(mail, addresses)

    def check(self) -> Mapping[str, str]:
        try:
            _account()
        except NotConfigured as problem:
            return {"EMAIL_URL": str(problem)}
        return {}

    def is_set_up(self) -> bool:
        return bool(settings.MAIL_SERVER)

    def probe(self, *, timeout_s: float) -> Probe:
        """Sign in and say NOOP."""
        try:
            account = _account()
        except NotConfigured as problem:
            return Probe(False, str(problem), is_lasting=True)
        refusal = _Conversation(account, timeout_s).knock()
        if refusal is None:
            return Probe(True, _("邮件服务器应答正常"))
        is_lasting = refusal.decision is Decision.CHANNEL_DEAD
        return Probe(False, refusal.explanation, is_lasting=is_lasting)

    def pool(self) -> Sequence[Credential]:
        try:
            return self.credentials("")
        except NotConfigured:
            return []

    def lots(self, target: str) -> list[str]:
        if self.target_problem(target):
            return [target[:LENGTH]]
        return in_lots(names_in(target), ",")

    def target_problem(self, target: str) -> str:
        addresses = names_in(target)
        if not addresses:
            return _("没有写明邮件地址")
        wrong = [one for one in addresses if len(one) > LENGTH - 1 or not _ADDRESS.fullmatch(one)]
        return _("邮件地址写法不对：%(names)s") % {"names": "、".join(wrong)[:120]} if wrong else ""


def _account() -> Account:
    """Return the account of the settings; raises NotConfigured, or Unusable for one in the clear."""
    server = settings.MAIL_SERVER
    if not server:
        raise NotConfigured("没有配置邮件服务器：请设置 EMAIL_URL")
    account = Account(**server)
    if account.security == "none" and account.host not in _LOOPBACK and not settings.ALLOW_HTTP:
        raise Unusable("EMAIL_URL 使用不加密的 smtp://：请改用 smtps:// 或 smtp+tls://，或设 ALLOW_HTTP=true")
    return account


# --- the mail ---------------------------------------------------------------------------------


def one_line(text: str) -> str:
    """Return a text as it may stand in a header: one line without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))


def build(
    inner: Mapping[str, Any],
    sender: str,
    addresses: Sequence[str],
    message_id: str,
    files: Sequence[media.File],
) -> EmailMessage:
    """Build the mail of a payload."""
    mail = EmailMessage(policy=email.policy.SMTP.clone(cte_type="7bit"))
    mail["Subject"] = one_line(str(inner["subject"]))
    mail["From"] = sender
    mail["To"] = ", ".join(addresses)
    mail["Date"] = format_datetime(timezone.now())
    number = message_id or hashlib.sha256(json.dumps(inner, sort_keys=True).encode()).hexdigest()[:32]
    mail["Message-ID"] = f"<{number}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
    mail.set_content(markdown.plain(str(inner["content"])))
    if inner.get("style") != Style.PLAIN:
        mail.add_alternative(as_html(str(inner["subject"]), str(inner["content"])), subtype="html")
    for file in files:
        kind = ("image", "png") if file.data.startswith(b"\x89PNG") else ("application", "octet-stream")
        mail.add_attachment(file.data, maintype=kind[0], subtype=kind[1], filename=file.name)
    return mail


def as_html(subject: str, content: str) -> str:
    """Return the Markdown as a page whose styles stand in the elements: mail programs drop sheets."""
    body = markdown.to_html(content)
    body = re.sub(r'class="(md-[a-z0-9 -]+)"', lambda match: f'style="{_style_of(match[1])}"', body)
    return (
        '<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(subject)}</title></head>"
        "<body style=\"margin:0;padding:16px;font:15px/1.6 -apple-system,'Segoe UI',"
        "'PingFang SC','Microsoft YaHei',sans-serif;color:#1f2328;background:#ffffff\">"
        f'<div style="max-width:640px">{body}</div></body></html>'
    )


def _style_of(classes: str) -> str:
    styles = [_STYLES[name] for name in classes.split() if name in _STYLES]
    if heading := re.search(r"md-h(\d)", classes):
        styles.append(f"font-size:{_SIZES[int(heading[1])]}")
    return ";".join(styles)


# --- the conversation -------------------------------------------------------------------------


class _Over(Exception):
    """The conversation ended before its aim; carries what that means."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.explanation)
        self.result = result


class _Conversation:
    """One talk with the server, within a time as a whole."""

    def __init__(self, account: Account, timeout_s: float) -> None:
        self._account = account
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s

    def send(self, mail: EmailMessage, addresses: Sequence[str]) -> Result:
        """Hand the mail over; return what came of it."""
        try:
            with self._signed_in() as smtp:
                return self._hand_over(smtp, mail, addresses)
        except _Over as over:
            return over.result

    def knock(self) -> Result | None:
        """Sign in and say NOOP; return what is wrong."""
        try:
            with self._signed_in() as smtp:
                code, words = self._say(smtp, "NOOP")
                return None if code == 250 else _refusal(code, words)
        except _Over as over:
            return over.result

    # --- steps ---

    @contextmanager
    def _signed_in(self) -> Iterator[smtplib.SMTP]:
        smtp = self._sign_in()
        try:
            yield smtp
        finally:
            # What became of the mail is known by now; a bad farewell changes nothing.
            with suppress(OSError, smtplib.SMTPException):
                self._hurry(smtp)
                smtp.quit()
            smtp.close()

    def _sign_in(self) -> smtplib.SMTP:
        account = self._account
        smtp = None
        try:
            smtp = self._connected()
            self._hurry(smtp)
            smtp.ehlo_or_helo_if_needed()
            if account.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo()
            if account.user and account.password:
                self._hurry(smtp)
                smtp.login(account.user, account.password)
        except smtplib.SMTPAuthenticationError as error:
            raise _closed(
                smtp, _refusal(error.smtp_code, error.smtp_error, at_fault=_("用户名或密码不被接受"))
            ) from None
        except smtplib.SMTPNotSupportedError:
            # No STARTTLS, or no way to sign in that we know.
            result = Result(
                Decision.CHANNEL_DEAD, _("邮件服务器不支持所设的加密或登录方式：请核对 EMAIL_URL")
            )
            raise _closed(smtp, result) from None
        except smtplib.SMTPResponseException as error:
            raise _closed(smtp, _refusal(error.smtp_code, error.smtp_error)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise _closed(smtp, _broken(error)) from None
        return smtp

    def _connected(self) -> smtplib.SMTP:
        account = self._account
        name = socket.gethostname()
        if account.security == "tls":
            return smtplib.SMTP_SSL(
                account.host,
                account.port,
                local_hostname=name,
                timeout=self._timeout_s,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(account.host, account.port, local_hostname=name, timeout=self._timeout_s)

    def _hand_over(self, smtp: smtplib.SMTP, mail: EmailMessage, addresses: Sequence[str]) -> Result:
        code, words = self._say(smtp, "MAIL", f"FROM:<{self._account.sender}>")
        if code != 250:
            at_fault = "" if code == 552 else _("发件地址不被接受")  # 552: this mail is too large
            return _refusal(code, words, at_fault=at_fault)
        missed: dict[str, tuple[int, bytes]] = {}
        for address in addresses:
            code, words = self._say(smtp, "RCPT", f"TO:<{address}>")
            if code not in (250, 251):
                missed[address] = (code, words)
        if len(missed) == len(addresses):
            code, words = max(missed.values(), key=lambda answer: answer[0] < 500)
            return _refusal(code, words, reason=Reason.RECIPIENT)
        code, words = self._say(smtp, "DATA")
        if code != 354:
            return _refusal(code, words)
        code, words = self._pour(smtp, mail.as_bytes())
        if code != 250:
            return _refusal(code, words)
        shown = _words(words)
        return Result(
            Decision.SENT, errcode=code, answer=f"{code} {shown}", receipt=shown[:128], missed=tuple(missed)
        )

    def _say(self, smtp: smtplib.SMTP, command: str, arguments: str = "") -> tuple[int, bytes]:
        self._hurry(smtp)
        try:
            return smtp.docmd(command, arguments)
        except (OSError, smtplib.SMTPException) as error:
            raise _Over(_broken(error)) from None

    def _pour(self, smtp: smtplib.SMTP, data: bytes) -> tuple[int, bytes]:
        """Send the mail's lines, then the dot that makes it the server's; return the answer to it."""
        self._hurry(smtp)
        lines = re.sub(rb"(?m)^\.", b"..", data)
        is_dotted = False
        try:
            smtp.send(lines if lines.endswith(b"\r\n") else lines + b"\r\n")
            is_dotted = True
            smtp.send(b".\r\n")
            return smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            if is_dotted:
                explanation = _("邮件已交出，但没有等到服务器的确认：可能已经收下，重发可能重复")
                raise _Over(Result(Decision.UNCERTAIN, explanation, answer=type(error).__name__)) from None
            raise _Over(_broken(error)) from None

    def _hurry(self, smtp: smtplib.SMTP) -> None:
        """Leave each step what is left of the time."""
        if smtp.sock is not None:
            smtp.sock.settimeout(max(0.1, self._deadline - time.monotonic()))


def _closed(smtp: smtplib.SMTP | None, result: Result) -> _Over:
    """End the connection without a word; return the exception that carries the result."""
    if smtp is not None:
        smtp.close()
    return _Over(result)


def _words(raw: bytes | str) -> str:
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return one_line(text)[:300]


def _refusal(code: int, raw: bytes | str, *, at_fault: str = "", reason: str = Reason.REFUSED) -> Result:
    """Judge an answer: 4xx is for now, 5xx for good; `at_fault` says what of the account is wrong."""
    answer = f"{code} {_words(raw)}"
    if code < 500:
        explanation = _("邮件服务器暂时不收：系统会自动重试")
        return Result(Decision.RETRY, explanation, errcode=code, answer=answer)
    if at_fault:
        explanation = _("%(fault)s：请核对 EMAIL_URL") % {"fault": at_fault}
        return Result(Decision.CHANNEL_DEAD, explanation, errcode=code, answer=answer)
    explanation = (
        _("收件地址都被拒收：请修正地址后重发")
        if reason == Reason.RECIPIENT
        else _("邮件服务器拒收这封邮件：请看它的答复")
    )
    return Result(Decision.DEAD, explanation, errcode=code, answer=answer, reason=reason)


def _broken(error: Exception) -> Result:
    """Judge a conversation that broke off before the mail was handed over."""
    answer = type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        explanation = _("邮件服务器的证书无效：请核对主机名、时钟与证书")
        return Result(Decision.CHANNEL_DEAD, explanation, answer=answer)
    return Result(
        Decision.RETRY,
        _("连不上邮件服务器，邮件没有发出：系统会自动重试；持续出现时请检查 EMAIL_URL 与网络"),
        answer=answer,
    )
