"""Text messages to phones: the interface, and a driver that only writes to the log.

Which gateway a plant has is the plant's matter: a driver of its own under the code `sms`,
registered after this one, takes its place. This one sends nothing; its row ships switched off.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications.channels._targets import in_lots, names_in
from notifications.channels.base import Credential, Driver, Form, Probe, Result, register
from notifications.choices import ChannelCode, Reason
from notifications.models import Attachment
from notifications.policy import Decision
from wecom import markdown

log = logging.getLogger("notifications.sms")

_PHONE = re.compile(r"\+?\d{6,15}")

# GSM 03.38, the alphabet of seven bits; the second line counts twice.
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")


@register
class Sms(Driver):
    """Writes to the log what would be sent."""

    code = ChannelCode.SMS.value
    label = ChannelCode.SMS.label
    target_help = gettext_lazy("手机号，多个用逗号分隔")

    def compose(
        self, title: str, content: str, target: str, form: Form, attachments: Sequence[Attachment] = ()
    ) -> list[str]:
        """Return one payload: title and content without markup. Pictures and files stay behind."""
        text = text_of(title, content)
        return [json.dumps({"msgtype": "sms", "sms": {"content": text}}, ensure_ascii=False)]

    def credentials(self, target: str) -> Sequence[Credential]:
        return [Credential(f"{self.code}:log", label=_("只写日志"))]

    def deliver(
        self, payload: str, target: str, credential: Credential, *, timeout_s: float, message_id: str = ""
    ) -> Result:
        if problem := self.target_problem(target):
            return Result(Decision.DEAD, problem, reason=Reason.RECIPIENT)
        parts = segments(json.loads(payload)["sms"]["content"])
        for phone in names_in(target):
            log.info("sms to %s: message=%s segments=%d", mask_phone(phone), message_id, parts)
        return Result(Decision.SENT, answer=f"log only, {parts} segments")

    def check(self) -> Mapping[str, str]:
        return {}

    def probe(self, *, timeout_s: float) -> Probe:
        """Ask nobody: there is no gateway."""
        return Probe(None, _("没有短信网关，只写日志"))

    def pool(self) -> Sequence[Credential]:
        return self.credentials("")

    def lots(self, target: str) -> list[str]:
        return in_lots(names_in(target), ",")

    def target_problem(self, target: str) -> str:
        phones = names_in(target)
        if not phones:
            return _("没有写明手机号")
        wrong = [phone for phone in phones if not _PHONE.fullmatch(phone)]
        return (
            _("手机号写法不对：%(names)s") % {"names": "、".join(map(mask_phone, wrong))[:120]}
            if wrong
            else ""
        )


def text_of(title: str, content: str) -> str:
    """Return a message as the plain words of a text message."""
    body = markdown.plain(content).strip()
    first = body.partition("\n")[0]
    return "\n".join(line for line in ("" if first == title else title, body) if line)


def segments(text: str) -> int:
    """Return how many text messages a text is on the air, which is what is paid for.

    160 characters of the seven-bit alphabet in one, 153 each in several; with any other
    character 70 and 67 units of UTF-16 (3GPP TS 23.038 and 23.040).
    """
    if all(letter in _BASIC or letter in _EXTENDED for letter in text):
        return _in_segments([1 + (letter in _EXTENDED) for letter in text], 160, 153)
    return _in_segments([1 + (ord(letter) > 0xFFFF) for letter in text], 70, 67)


def _in_segments(sizes: Sequence[int], alone: int, each: int) -> int:
    """Fill segments with characters that are never parted."""
    if sum(sizes) <= alone:
        return 1
    count, used = 1, 0
    for size in sizes:
        if used + size > each:
            count, used = count + 1, 0
        used += size
    return count


def mask_phone(phone: str) -> str:
    """Show a phone number by its first three and last two digits."""
    return f"{phone[:3]}****{phone[-2:]}" if len(phone) >= 8 else "****"
