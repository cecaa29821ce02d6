"""Ask for a message: validate, render, freeze the payload, write the row.

The row is written in the caller's transaction, so that an event and its message stand or
fall together. Nothing here touches the network.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import channels, config, rendering, safety
from notifications.choices import ChannelCode, Reason, State
from notifications.models import Attachment, Channel, Notification, NotificationEvent
from notifications.policy import SLACK
from notifications.services import content as content_rules
from notifications.services import templates
from spc_site.errors import AppError

log = logging.getLogger("notifications")


def send_notification(
    title: str,
    content: str,
    channel: str,
    target: str,
    priority: int = 1,
    template_vars: Mapping[str, object] | None = None,
    *,
    event: str = "",
    dedupe_key: str = "",
    link: str = "",
    subject: str = "",
    correlation_id: str = "",
    not_before: datetime | None = None,
    resent_from: Notification | None = None,
    attachments: Sequence[Attachment] = (),
) -> str:
    """Queue a message; return its message id (of the first part, if it had to be split).

    `title` and `content` are the sender's own markup. With `template_vars` both may hold
    `{name}` placeholders; the values are user text and lose their markup.

    Raises AppError for an unknown channel, a priority outside 1–5, an empty target or text,
    and a placeholder without value. A `dedupe_key` that was used before returns the id of
    the message of then.
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
        dedupe_key=dedupe_key,
        link=link,
        subject=subject,
        correlation_id=correlation_id,
        not_before=not_before,
        resent_from=resent_from,
        attachments=attachments,
    )


def send_template_notification(
    template_name: str,
    target: str,
    variables: Mapping[str, object],
    *,
    priority: int = 1,
    language: str = "",
    **fields: Any,
) -> str:
    """Queue a message from a template row; return its message id.

    `language` is the recipient's; without it, or without a text in it, the default language
    speaks. A template that cannot be filled loses nothing: the message becomes a dead letter
    that keeps its variables and can be resent once the template is mended. Further fields are
    those of `send_notification`. Raises AppError when there is no such template.
    """
    template = templates.find(template_name, language)
    stored = rendering.to_json(variables, zone=timezone.get_current_timezone())
    # Filled from what the row keeps, so that a resend says the same.
    text = templates.fill(template, rendering.from_json(stored, language=template.language))
    if text.problem:
        log.error("template %s cannot be filled", template_name)
    return _queue(
        text.title,
        text.content,
        channel=template.channel,
        target=target,
        priority=priority,
        failure=(Reason.BAD_TEMPLATE, text.problem) if text.problem else None,
        template_name=template_name,
        template_language=template.language,
        template_version=template.version or None,
        variables=stored,
        **fields,
    )


def _queue(
    title: str,
    content: str,
    *,
    channel: str,
    target: str,
    priority: int,
    dedupe_key: str = "",
    correlation_id: str = "",
    not_before: datetime | None = None,
    failure: tuple[str, str] | None = None,
    attachments: Sequence[Attachment] = (),
    **fields: Any,
) -> str:
    _validate(title, content, channel, target, priority)
    if dedupe_key and (earlier := _earlier(dedupe_key)):
        return earlier
    rules = content_rules.active_rules()
    screened = safety.screen(title, content, rules)
    title, content = screened.title, screened.content
    if fields.get("variables"):
        fields["variables"] = content_rules.mask_values(fields["variables"], rules)
    now = timezone.now()
    start = max(now, not_before) if not_before else now
    driver = channels.driver_for(channel)
    switch = Channel.objects.filter(code=channel).first()
    form = channels.Form(switch.style, switch.overflow) if switch else channels.Form()
    status: str = State.PENDING
    reason: str = Reason.NONE
    error = ""
    messages = [(target, "")]
    if failure is not None:
        status, (reason, error) = State.DEAD, failure
    elif screened.blocked:
        status, reason, error = State.SUPPRESSED, Reason.CONTENT, f"内容规则：{screened.blocked}"
    elif driver is None:
        status, reason = State.HELD, Reason.NO_DRIVER
    elif switch is not None and not switch.is_enabled:
        status, reason = State.HELD, Reason.CHANNEL_DISABLED
        messages = _messages(driver, title, content, target, form, attachments)
    else:
        messages = _messages(driver, title, content, target, form, attachments)
        try:
            driver.credentials(target)
        except channels.Unusable as unusable:
            status, reason, error = State.HELD, Reason.NO_ROBOT, str(unusable)
        except channels.NotConfigured as missing:
            status, reason, error = State.SUPPRESSED, Reason.NO_ROBOT, str(missing)
            log.warning("message for %s not sent: %s", safety.mask_contacts(target), missing)
    common = {
        "title": title[:255],
        "content": content,
        "channel": channel,
        "priority": priority,
        "status": status,
        "reason": reason,
        "error_message": error[:500],
        "dedupe_key": dedupe_key,
        "correlation_id": correlation_id or uuid.uuid4().hex,
        "part_count": len(messages),
        "max_retries": config.load()["max_retries"],
        "next_at": start,
        "due_at": start + SLACK[priority],
        **fields,
    }
    rows = [
        Notification(message_id=uuid.uuid4().hex, target=lot, payload=payload, part_no=number, **common)
        for number, (lot, payload) in enumerate(messages, start=1)
    ]
    try:
        with transaction.atomic():
            # One by one: `save` sends the signal that rings for delivery; parts are few.
            for row in rows:
                row.save(force_insert=True)
                if attachments:
                    row.attachments.set(attachments)
            for kind, names in safety.describe(screened):
                NotificationEvent.objects.create(notification=rows[0], kind=kind, note=names[:255])
    except IntegrityError:
        if dedupe_key and (earlier := _earlier(dedupe_key)):
            return earlier
        raise
    return rows[0].message_id


def _messages(
    driver: channels.Driver,
    title: str,
    content: str,
    target: str,
    form: channels.Form,
    attachments: Sequence[Attachment],
) -> list[tuple[str, str]]:
    """Return target and payload of each message: one per lot of recipients and part of the text."""
    return [
        (lot, payload)
        for lot in driver.lots(target)
        for payload in driver.compose(title, content, lot, form, attachments)
    ]


def _earlier(dedupe_key: str) -> str | None:
    return (
        Notification.objects.filter(dedupe_key=dedupe_key)
        .order_by("part_no")
        .values_list("message_id", flat=True)
        .first()
    )


def _validate(title: str, content: str, channel: str, target: str, priority: int) -> None:
    if channel not in {*ChannelCode.values, *channels.registered()}:
        raise AppError("bad_channel", _("没有名为 %(name)s 的渠道。") % {"name": channel})
    if not isinstance(priority, int) or isinstance(priority, bool) or not 1 <= priority <= 5:
        raise AppError("bad_priority", _("优先级必须是 1 到 5 的整数，1 最高。"))
    if not target.strip():
        raise AppError("no_target", _("没有给出发送目标。"))
    if not content.strip() and not title.strip():
        raise AppError("no_content", _("消息没有内容。"))


def get_notification_status(message_id: str) -> dict[str, Any]:
    """Return where a message stands, with its attempts; raises AppError for an unknown id."""
    row = Notification.objects.filter(message_id=message_id).prefetch_related("attempts").first()
    if row is None:
        raise AppError("no_message", _("没有编号为 %(id)s 的消息。") % {"id": message_id})
    return {
        "message_id": row.message_id,
        "status": row.status,
        "reason": row.reason,
        "channel": row.channel,
        "target": row.target,
        "priority": row.priority,
        "retry_count": row.retry_count,
        "max_retries": row.max_retries,
        "possible_duplicate": row.possible_duplicate,
        "part_no": row.part_no,
        "part_count": row.part_count,
        "created_at": row.created_at,
        "next_at": row.next_at if row.status == State.PENDING else None,
        "sent_at": row.sent_at,
        "error_message": row.error_message,
        "attempts": [
            {
                "number": attempt.number,
                "started_at": attempt.started_at,
                "duration_ms": attempt.duration_ms,
                "outcome": attempt.outcome,
                "errcode": attempt.errcode,
                "explanation": attempt.explanation,
            }
            for attempt in row.attempts.all()
        ],
    }
