"""Ask for a message: validate, render, write the row.

To a channel and a target that the sender names; `notifying` asks for an event, whose routes
say to whom. The rows are written in the caller's transaction, so that an event and its messages
stand or fall together. Nothing here touches the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from notifications import channels, rendering
from notifications.choices import ChannelCode
from notifications.models import Attachment, Notification
from notifications.routing import Way
from notifications.services import templates
from notifications.services.filling import from_template
from notifications.services.writing import Desk, count_repeat, validate_priority, validate_text, write
from spc_site.errors import AppError


def send_notification(
    title: str,
    content: str,
    channel: str,
    target: str,
    priority: int = 1,
    template_vars: Mapping[str, object] | None = None,
    *,
    event: str = "",
    source: str = "",
    dedupe_key: str = "",
    link: str = "",
    subject: str = "",
    correlation_id: str = "",
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
    fallbacks: Sequence[Way] = (),
    resent_from: Notification | None = None,
    attachments: Sequence[Attachment] = (),
    button: Mapping[str, str] | None = None,
    is_limited: bool = True,
) -> str:
    """Queue a message; return its message id (of the first part, if it had to be split).

    `title` and `content` are the sender's own markup. With `template_vars` both may hold
    `{name}` placeholders; the values are user text and lose their markup. `fallbacks` are
    further ways, in order, for when this one cannot be used or is late. `button` (text, key, url) is
    what can be pressed on a channel that has buttons.

    Raises AppError for an unknown channel, a priority outside 1–5, an empty target or text,
    and a placeholder without value. A `dedupe_key` that was used before returns the id of
    the message of then, which counts the repetition. What exceeds the limits of its source or
    target is kept as not sent, unless `is_limited` is false: its status says so.
    """
    if template_vars is not None:
        try:
            title = rendering.in_title(rendering.render(title, template_vars))
            content = rendering.render(content, template_vars)
        except rendering.RenderError as error:
            raise AppError("bad_template", str(error)) from error
    return _queue(
        title,
        content,
        channel=channel,
        target=target,
        priority=priority,
        event=event,
        source=source,
        dedupe_key=dedupe_key,
        link=link,
        subject=subject,
        correlation_id=correlation_id,
        not_before=not_before,
        expires_at=expires_at,
        fallbacks=fallbacks,
        resent_from=resent_from,
        attachments=attachments,
        button=dict(button or {}),
        is_limited=is_limited and resent_from is None,
    )


def send_trial(title: str, content: str, channel: str, target: str) -> str:
    """Queue a message that only tries the way: tried once, urgent, marked as a test; return its id."""
    return _queue(
        title,
        content,
        channel=channel,
        target=target,
        priority=1,
        event="test",
        is_test=True,
        max_retries=0,
        is_limited=False,
    )


def send_template_notification(
    template_name: str,
    target: str,
    variables: Mapping[str, object],
    *,
    priority: int = 1,
    channel: str = "",
    language: str = "",
    **fields: Any,
) -> str:
    """Queue a message from a template row; return its message id.

    `channel` takes the place of the template's own. `language` is the recipient's; without it,
    or without a text in it, the default language speaks. A template that cannot be filled loses
    nothing: the message becomes a dead letter that keeps its variables and can be resent once
    the template is mended. Further fields are those of `send_notification`. Raises AppError when
    there is no such template.
    """
    template = templates.find(template_name, language)
    title, content, kept = from_template(template, variables)
    return _queue(
        title,
        content,
        channel=channel or template.channel,
        target=target,
        priority=priority,
        **kept,
        **fields,
    )


def _queue(
    title: str,
    content: str,
    *,
    channel: str,
    target: str,
    priority: int,
    fallbacks: Sequence[Way] = (),
    dedupe_key: str = "",
    **fields: Any,
) -> str:
    """Write one message, unless its key was used before."""
    _validate(title, content, channel, target, priority)
    if dedupe_key and (earlier := count_repeat(dedupe_key)):
        return earlier
    ways = [Way(channel, target), *fallbacks]
    return write(title, content, ways, desk=Desk.open(), priority=priority, dedupe_key=dedupe_key, **fields)


def _validate(title: str, content: str, channel: str, target: str, priority: int) -> None:
    if channel not in {*ChannelCode.values, *channels.registered()}:
        raise AppError("bad_channel", _("没有名为 %(name)s 的渠道。") % {"name": channel})
    validate_priority(priority)
    if not target.strip():
        raise AppError("no_target", _("没有给出发送目标。"))
    validate_text(title, content)
