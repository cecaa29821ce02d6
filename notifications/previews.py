"""How a message will look: the payloads that its channel would send, as the reader sees them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from notifications import channels, hints, rendering, texts, uploads
from notifications import variables as declarations
from notifications.channels.sms import segments, text_of
from notifications.channels.wechat_api import has_callback
from notifications.choices import ChannelCode, Style
from notifications.hints import INFO, WARNING, Hint
from notifications.models import NotificationTemplate
from notifications.services import templates
from wecom import app, cards, markdown, robot
from wecom.errors import PayloadError
from wecom.payloads import Payload, byte_length

SAMPLE_TARGET = "IQC"
_PLAIN = frozenset({"text", "sms"})
"""Types of payloads whose text has no marks."""


@dataclass(frozen=True, slots=True)
class Look:
    """One way in which a text may reach its reader; `limit` is in bytes, 0 where there is none."""

    channel: str
    style: str
    label: str | Promise
    limit: int = 0

    @property
    def key(self) -> str:
        return f"{self.channel}.{self.style}" if self.style else self.channel


LOOKS = (
    Look(ChannelCode.WECHAT_BOT, Style.MARKDOWN, gettext_lazy("群机器人 · Markdown"), robot.MARKDOWN_LIMIT),
    Look(ChannelCode.WECHAT_BOT, Style.PLAIN, gettext_lazy("群机器人 · 纯文本"), robot.TEXT_LIMIT),
    Look(ChannelCode.WECHAT_API, Style.MARKDOWN, gettext_lazy("应用消息 · Markdown"), app.CONTENT_LIMIT),
    Look(ChannelCode.WECHAT_API, Style.PLAIN, gettext_lazy("应用消息 · 纯文本"), app.CONTENT_LIMIT),
    Look(ChannelCode.WECHAT_API, Style.CARD, gettext_lazy("应用消息 · 按钮卡片")),
    Look(ChannelCode.EMAIL, "", gettext_lazy("电子邮件")),
    Look(ChannelCode.SMS, "", gettext_lazy("短信")),
)


def looks() -> list[Look]:
    """Return the ways that ship, then those of the channels that the plant has added."""
    shipped = {look.channel for look in LOOKS}
    drivers = (channels.driver_for(code) for code in channels.registered() if code not in shipped)
    return [*LOOKS, *(Look(driver.code, "", driver.label) for driver in drivers if driver is not None)]


def look_for(key: str, channel: str) -> Look:
    """Return the look that was asked for, else the first one of the channel, else the first."""
    known = looks()
    asked = [look for look in known if look.key == key]
    return next(iter(asked or [look for look in known if look.channel == channel]), LOOKS[0])


@dataclass(frozen=True, slots=True)
class Part:
    """One message of those that a text becomes: safe HTML, and its size on the wire."""

    html: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a template yields: the parts, what keeps it from being saved, what is worth knowing."""

    look: Look
    title: str = ""
    parts: tuple[Part, ...] = ()
    has_picture: bool = False
    problems: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)

    @property
    def message_count(self) -> int:
        """Return how many messages the reader sees and the budget pays for."""
        return len(self.parts) + (self.has_picture and bool(self.parts))


def of_template(
    template: NotificationTemplate, *, look: Look, values: Mapping[str, object] | None = None
) -> Preview:
    """Show a template that need not be saved yet, with its samples or with the values of an event."""
    problems = tuple(reason for reasons in templates.problems(template).values() for reason in reasons)
    try:
        declared = declarations.read(template.variables)
    except ValueError:
        return Preview(look, problems=problems)
    text = templates.fill(template, templates.samples(declared) if values is None else values)
    if text.problem:
        # With the samples the problems say the same, and where.
        return Preview(look, problems=problems or (text.problem,))
    button = _sample_button(template.language) if template.with_button else None
    parts = _parts(text.title, text.content, look, button)
    remarks = hints.for_template(
        template.title_template,
        template.content_template,
        declared,
        filled=text.content,
        style=look.style,
    )
    if len(parts) > 1 and look.limit:
        remarks.insert(0, _too_long(text, look, len(parts)))
    if look.style == Style.CARD and not (button and has_callback()):
        words = _("没有受理按钮") if button is None else _("没有设置回调，不能用按钮卡片")
        remarks.insert(0, Hint(INFO, _("%(why)s，仍写 Markdown") % {"why": words}))
    if look.channel == ChannelCode.SMS:
        count = segments(text_of(text.title, text.content))
        remarks.insert(0, Hint(INFO, _("按 %(count)d 条短信计费") % {"count": count}))
    return Preview(
        look,
        title=text.title,
        parts=parts,
        has_picture=template.with_picture and look.channel != ChannelCode.SMS,
        problems=problems,
        hints=tuple(remarks),
    )


def _too_long(text: templates.Text, look: Look, count: int) -> Hint:
    size = byte_length(texts.headed(text.title, text.content))
    return Hint(
        WARNING,
        _("%(size)d 字节，超过 %(limit)d 字节，将分成 %(count)d 条")
        % {"size": size, "limit": look.limit, "count": count},
    )


def _sample_button(language: str) -> channels.Button:
    with override(language or settings.LANGUAGE_CODE):
        return channels.Button(_("受理"), "preview", settings.FRONTEND_URL)


def _parts(title: str, content: str, look: Look, button: channels.Button | None) -> tuple[Part, ...]:
    """Return what the channel itself would send; the text alone where none is connected."""
    driver = channels.driver_for(look.channel)
    if driver is None:
        return (_part(texts.headed(title, content), look.style),)
    form = channels.Form(style=look.style or Style.MARKDOWN, button=button)
    return tuple(of_payload(one) for one in driver.compose(title, content, SAMPLE_TARGET, form))


def of_payload(payload: str) -> Part:
    """Show one stored payload; what is no payload of a channel is shown as the text it is."""
    try:
        frozen = Payload.thaw(payload)
    except PayloadError:
        return _part(payload, Style.MARKDOWN)
    if (file := uploads.reference(payload)) is not None:
        return Part(html=f'<div class="md-line">📎 {html.escape(file.name)}</div>', size_bytes=0)
    inner = frozen.data.get(frozen.msgtype)
    if frozen.msgtype == "template_card" and isinstance(inner, dict):
        return Part(cards.to_html(inner), size_bytes=byte_length(payload))
    is_plain = frozen.msgtype in _PLAIN or frozen.data[frozen.msgtype].get("style") == Style.PLAIN
    return _part(frozen.content, Style.PLAIN if is_plain else Style.MARKDOWN)


def values_of(variables: Mapping[str, object], language: str) -> dict[str, object]:
    """Return the values that a message kept, for the language of a template."""
    return rendering.from_json(variables, language=language)


def _part(text: str, style: str) -> Part:
    """Show a text; in plain text marks are characters like any other."""
    shown = markdown.to_html(text) if style == Style.MARKDOWN else _plain_html(text)
    return Part(html=shown, size_bytes=byte_length(text))


def _plain_html(text: str) -> str:
    lines = text.split("\n")
    return "".join(f'<div class="md-line">{html.escape(line) or "&nbsp;"}</div>' for line in lines)
