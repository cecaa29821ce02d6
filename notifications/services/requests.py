"""Ask for a message: validate, choose the way, render, freeze the payload, write the row.

Either to a channel and a target that the sender names, or as an event whose routes say to
whom. The rows are written in the caller's transaction, so that an event and its messages
stand or fall together. Nothing here touches the network.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import channels, config, rendering, safety, texts
from notifications.choices import ChannelCode, Reason, State
from notifications.media import keep_attachment
from notifications.models import (
    Attachment,
    Channel,
    ContentRule,
    Notification,
    NotificationEvent,
    NotificationTemplate,
)
from notifications.policy import SLACK
from notifications.rendering import Prepared
from notifications.routing import SEVERITIES, Chain, Event, Way
from notifications.services import content as content_rules
from notifications.services import flooding, routing, templates
from notifications.services.composing import Part, compose, form_of
from spc_site.errors import AppError
from wecom import markdown

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
    is_limited: bool = True,
) -> str:
    """Queue a message; return its message id (of the first part, if it had to be split).

    `title` and `content` are the sender's own markup. With `template_vars` both may hold
    `{name}` placeholders; the values are user text and lose their markup. `fallbacks` are
    further ways, in order, for when this one cannot be used or is late.

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
    title, content, kept = _from_template(template, variables)
    return _queue(
        title,
        content,
        channel=channel or template.channel,
        target=target,
        priority=priority,
        **kept,
        **fields,
    )


def _from_template(
    template: NotificationTemplate, variables: Mapping[str, object], *, calls: str = ""
) -> tuple[str, str, dict[str, Any]]:
    """Return title and content, and the fields of the row that say where they came from.

    Whoever is called (mentions, as the variable `mention`) stands where the template says so,
    else in a last line. A template that cannot be filled settles the message as a dead letter.
    """
    has_place = "mention" in rendering.names(template.content_template)
    if has_place or calls:
        variables = {"mention": Prepared(calls), **variables}
    stored = rendering.to_json(variables, zone=timezone.get_current_timezone())
    # Filled from what the row keeps, so that a resend says the same.
    values = rendering.from_json(stored, language=template.language)
    text = templates.fill(template, values)
    kept: dict[str, Any] = {
        "template_name": template.template_name,
        "template_language": template.language,
        "template_version": template.version or None,
        "variables": stored,
    }
    if text.problem:
        log.error("template %s cannot be filled", template.template_name)
        kept["settled"] = (State.DEAD, Reason.BAD_TEMPLATE, text.problem)
        return text.title, text.content, kept
    called = values.get("mention", "")
    last_line = called if isinstance(called, Prepared) and not has_place else ""
    return text.title, _with_calls(text.content, last_line), kept


def _with_calls(content: str, calls: str) -> str:
    return f"{content}\n{calls}" if calls else content


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the rows of one request have in common: settings, switches, content rules, the time."""

    settings: Mapping[str, Any]
    switches: Mapping[str, Channel]
    rules: list[ContentRule]
    now: datetime

    @classmethod
    def open(cls) -> _Desk:
        """Read all in three queries."""
        return cls(
            settings=config.load(),
            switches={switch.code: switch for switch in Channel.objects.all()},
            rules=content_rules.active_rules(),
            now=timezone.now(),
        )

    def form(self, channel: str) -> channels.Form:
        """Return how the plant wants the messages of a channel."""
        return form_of(self.switches.get(channel))

    def problem(self, way: Way) -> tuple[str, str, str] | None:
        """Return state, reason and words of why a way cannot be used as things are set up."""
        driver = channels.driver_for(way.channel)
        if driver is None:
            return State.HELD, Reason.NO_DRIVER, ""
        switch = self.switches.get(way.channel)
        if switch is not None and not switch.is_enabled:
            return State.HELD, Reason.CHANNEL_DISABLED, ""
        try:
            driver.credentials(way.target)
        except channels.Unusable as unusable:
            return State.HELD, Reason.NO_ROBOT, str(unusable)
        except channels.NotConfigured as missing:
            return State.SUPPRESSED, Reason.NO_ROBOT, str(missing)
        return None

    def choose(self, ways: Sequence[Way]) -> tuple[list[Way], tuple[str, str, str] | None]:
        """Return the ways with the first usable one in front, and what is wrong if none is.

        Those passed over move to the end: they may be mended before the message is late.
        """
        first = None
        for number, way in enumerate(ways):
            problem = self.problem(way)
            if problem is None:
                return [*ways[number:], *ways[:number]], None
            first = first or problem
        return list(ways), first


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
    if dedupe_key and (earlier := _earlier(dedupe_key)):
        return earlier
    ways = [Way(channel, target), *fallbacks]
    return _write(title, content, ways, desk=_Desk.open(), priority=priority, dedupe_key=dedupe_key, **fields)


def _write(
    title: str,
    content: str,
    ways: Sequence[Way],
    *,
    desk: _Desk,
    priority: int,
    source: str = "",
    dedupe_key: str = "",
    correlation_id: str = "",
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
    quiet_until: datetime | None = None,
    settled: tuple[str, str, str] | None = None,
    attachments: Sequence[Attachment] = (),
    is_limited: bool = True,
    **fields: Any,
) -> str:
    """Write the rows of one message, a row per part; return the id of the first.

    `settled` (state, reason, words) is an end that is certain before anything was tried.
    """
    if fields.get("is_test"):
        title, content = texts.as_test(title, content)
    screened = safety.screen(title, content, desk.rules)
    title, content = screened.title, screened.content
    if fields.get("variables"):
        fields["variables"] = content_rules.mask_values(fields["variables"], desk.rules)
    start = max(at for at in (desk.now, not_before, quiet_until) if at is not None)
    ways, problem = desk.choose(ways)
    channel, target = ways[0].channel, ways[0].target
    driver = channels.driver_for(channel)
    status: str = State.PENDING
    reason: str = Reason.QUIET if start == quiet_until else Reason.NONE
    error, parts = "", [Part(target, "", content, tuple(attachments))]
    if settled := settled or _withheld(
        screened, source, target, desk=desk, expires_at=expires_at, is_limited=is_limited
    ):
        status, reason, error = settled
    else:
        if problem is not None:
            status, reason, error = problem
            if status == State.SUPPRESSED:
                log.warning("message for %s not sent: %s", safety.mask_contacts(target), error)
        if driver is not None:
            parts = compose(driver, title, content, target, desk.form(channel), attachments)
    common = {
        "title": title[:255],
        "channel": channel,
        "fallbacks": [way.as_json() for way in ways[1:]],
        "priority": priority,
        "status": status,
        "reason": reason,
        "error_message": error[:500],
        "source": source[:64],
        "dedupe_key": dedupe_key,
        "correlation_id": correlation_id or uuid.uuid4().hex,
        "part_count": len(parts),
        "max_retries": desk.settings["max_retries"],
        "next_at": start,
        "due_at": start + SLACK[priority],
        "expires_at": expires_at,
        **fields,
    }
    rows = [
        Notification(
            message_id=uuid.uuid4().hex,
            target=part.target,
            payload=part.payload,
            content=part.content,
            part_no=number,
            **common,
        )
        for number, part in enumerate(parts, start=1)
    ]
    try:
        with transaction.atomic():
            # One by one: `save` sends the signal that rings for delivery; parts are few.
            for row, part in zip(rows, parts, strict=True):
                row.save(force_insert=True)
                if part.carried:
                    row.attachments.set(part.carried)
            for kind, names in safety.describe(screened):
                NotificationEvent.objects.create(notification=rows[0], kind=kind, note=names[:255])
    except IntegrityError:
        if dedupe_key and (earlier := _earlier(dedupe_key)):
            return earlier
        raise
    return rows[0].message_id


def _withheld(
    screened: safety.Screened,
    source: str,
    target: str,
    *,
    desk: _Desk,
    expires_at: datetime | None,
    is_limited: bool,
) -> tuple[str, str, str] | None:
    """Return state, reason and words where a message must not go at all."""
    if screened.blocked:
        return State.SUPPRESSED, Reason.CONTENT, f"内容规则：{screened.blocked}"
    if expires_at is not None and expires_at <= desk.now:
        return State.SUPPRESSED, Reason.EXPIRED, ""
    if is_limited and flooding.is_over(source, target, desk.settings):
        return State.SUPPRESSED, Reason.FLOODED, ""
    return None


def _earlier(dedupe_key: str) -> str | None:
    """Return the message that a key was used for, after counting the repetition."""
    first = Notification.objects.filter(dedupe_key=dedupe_key, part_no=1)
    row = first.values_list("message_id", flat=True).first()
    if row is not None:
        first.update(repeats=F("repeats") + 1)
    return row


def _validate(title: str, content: str, channel: str, target: str, priority: int) -> None:
    if channel not in {*ChannelCode.values, *channels.registered()}:
        raise AppError("bad_channel", _("没有名为 %(name)s 的渠道。") % {"name": channel})
    _validate_priority(priority)
    if not target.strip():
        raise AppError("no_target", _("没有给出发送目标。"))
    _validate_text(title, content)


def _validate_priority(priority: int) -> None:
    if not isinstance(priority, int) or isinstance(priority, bool) or not 1 <= priority <= 5:
        raise AppError("bad_priority", _("优先级必须是 1 到 5 的整数，1 最高。"))


def _validate_text(title: str, content: str) -> None:
    if not content.strip() and not title.strip():
        raise AppError("no_content", _("消息没有内容。"))


# --- events -----------------------------------------------------------------------------------


def notify(event: Event) -> list[str]:
    """Queue the messages of an event for everybody its routes name; return their message ids.

    One message per recipient, all with one correlation id; none when everybody it is meant for
    is spared it: then the ids are those of rows that say so. Raises AppError as
    `send_notification` does, and when neither a route nor the event says to whom.
    """
    template = templates.find(event.template) if event.template else None
    _validate_event(event)
    if event.dedupe_key and _earlier(event.dedupe_key):
        return _ids_of(event.dedupe_key)
    plan = routing.plan(event, at=timezone.now(), default=_default_way(event, template))
    correlation_id = uuid.uuid4().hex
    desk = _Desk.open()
    picture = functools.cache(lambda: _drawn(event))
    with transaction.atomic():
        return [
            _write_chain(
                event,
                chain,
                template,
                picture=picture,
                desk=desk,
                correlation_id=correlation_id,
                dedupe_key=_key_of(event.dedupe_key, chain, is_first=number == 0),
            )
            for number, chain in enumerate(plan.chains)
        ]


def who_would_get(event: Event, *, at: datetime) -> routing.Plan:
    """Return what `notify` would do with an event at a moment, without doing it."""
    template = templates.find(event.template) if event.template else None
    return routing.plan(event, at=at, default=_default_way(event, template))


def _default_way(event: Event, template: NotificationTemplate | None) -> Way | None:
    """Return where an event goes that no route knows: a fresh plant has none and works."""
    target = event.target or event.group
    channel = event.channel or (template.channel if template else ChannelCode.WECHAT_BOT.value)
    return Way(channel, target) if target else None


def _write_chain(
    event: Event,
    chain: Chain,
    template: NotificationTemplate | None,
    *,
    picture: Callable[[], Sequence[Attachment]],
    desk: _Desk,
    correlation_id: str,
    dedupe_key: str,
) -> str:
    """Write the message of one chain, with the calls of its route."""
    calls = " ".join(map(markdown.mention, chain.mentions))
    title, content = event.title, _with_calls(event.content, calls)
    kept: dict[str, Any] = {"attachments": event.attachments}
    if template is not None:
        language = chain.person.language if chain.person else ""
        if language and language != template.language:
            template = templates.find(template.template_name, language)
        title, content, made = _from_template(template, event.variables, calls=calls)
        kept |= made
        if template.with_picture:
            kept["attachments"] = (*event.attachments, *picture())
    ways = chain.ways
    if not ways:  # everybody of this chain chose not to get it: kept, with the reason
        person = chain.skipped[0][0]
        ways = person.ways
        kept["settled"] = (State.SUPPRESSED, Reason.MUTED, person.name)
    return _write(
        title,
        content,
        ways,
        desk=desk,
        priority=event.priority,
        event=event.name[:64],
        source=event.source,
        link=event.link,
        subject=event.subject,
        dedupe_key=dedupe_key,
        correlation_id=correlation_id,
        not_before=event.not_before,
        expires_at=event.expires_at,
        quiet_until=chain.quiet_until,
        is_limited=not (event.is_alarm and event.priority == 1),
        **kept,
    )


def _drawn(event: Event) -> Sequence[Attachment]:
    """Return the picture of an event, once for all its messages; one that fails costs only itself."""
    if event.picture is None:
        return ()
    try:
        with transaction.atomic():
            drawn = event.picture()
            return (keep_attachment(*drawn),) if drawn else ()
    except Exception:
        log.exception("the picture of event %s cannot be drawn", event.name)
        return ()


def _key_of(dedupe_key: str, chain: Chain, *, is_first: bool) -> str:
    """Return the key of one message of an event: the first has the event's own, the others extend it."""
    if not dedupe_key or is_first:
        return dedupe_key
    digest = hashlib.sha256(repr(chain.ways or chain.skipped).encode()).hexdigest()[:12]
    return f"{dedupe_key[:147]}|{digest}"


def _ids_of(dedupe_key: str) -> list[str]:
    """Return the messages that an event made when its key was first used."""
    first = Notification.objects.get(dedupe_key=dedupe_key, part_no=1)
    story = Notification.objects.filter(correlation_id=first.correlation_id, part_no=1, resent_from=None)
    return list(story.order_by("pk").values_list("message_id", flat=True))


def _validate_event(event: Event) -> None:
    if not event.name.strip():
        raise AppError("no_event", _("没有给出事件名。"))
    if event.severity and event.severity not in SEVERITIES:
        raise AppError("bad_severity", _("级别只能是 %(known)s。") % {"known": "、".join(SEVERITIES)})
    if not event.template:
        _validate_text(event.title, event.content)
    _validate_priority(event.priority)


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
        "repeats": row.repeats,
        "expires_at": row.expires_at,
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
