"""Tell an event: its routes say to whom, by which ways, when; one message for each."""

from __future__ import annotations

import functools
import hashlib
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications.choices import ChannelCode, Reason, State
from notifications.media import keep_attachment
from notifications.models import Attachment, Notification, NotificationTemplate
from notifications.routing import SEVERITIES, Chain, Event, Way
from notifications.services import routing, templates
from notifications.services.filling import from_template, with_calls
from notifications.services.writing import Desk, count_repeat, validate_priority, validate_text, write
from spc_site.errors import AppError
from wecom import markdown

log = logging.getLogger("notifications")


def notify(event: Event, *, chains: Sequence[Chain] = ()) -> list[str]:
    """Queue the messages of an event for everybody its routes name; return their message ids.

    `chains` say who gets it in place of the routes.

    One message per recipient, all with one correlation id; none when everybody it is meant for
    is spared it: then the ids are those of rows that say so. Raises AppError as
    `send_notification` does, and when neither a route nor the event says to whom.
    """
    template = templates.find(event.template) if event.template else None
    _validate_event(event)
    if event.dedupe_key and count_repeat(event.dedupe_key):
        return _ids_of(event.dedupe_key)
    if not chains:
        chains = routing.plan(event, at=timezone.now(), default=_default_way(event, template)).chains
    correlation_id = uuid.uuid4().hex
    desk = Desk.open()
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
            for number, chain in enumerate(chains)
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
    desk: Desk,
    correlation_id: str,
    dedupe_key: str,
) -> str:
    """Write the message of one chain, with the calls of its route."""
    called = () if chain.person else event.mentions  # a person who is written to need not be called
    calls = " ".join(map(markdown.mention, dict.fromkeys((*chain.mentions, *called))))
    title, content = event.title, with_calls(event.content, calls)
    kept: dict[str, Any] = {"attachments": event.attachments}
    if template is None:
        kept["button"] = _button_of(event, settings.LANGUAGE_CODE)
    else:
        language = chain.person.language if chain.person else ""
        if language and language != template.language:
            template = templates.find(template.template_name, language)
        title, content, made = from_template(template, event.variables, calls=calls)
        kept |= made
        if template.with_button:
            kept["button"] = _button_of(event, template.language)
        if template.with_picture:
            kept["attachments"] = (*event.attachments, *picture())
    ways = chain.ways
    if not ways:  # everybody of this chain chose not to get it: kept, with the reason
        person = chain.skipped[0][0]
        ways = person.ways
        kept["settled"] = (State.SUPPRESSED, Reason.MUTED, person.name)
    if event.withheld:
        kept["settled"] = (State.SUPPRESSED, Reason(event.withheld), event.withheld_by)
    return write(
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


def _button_of(event: Event, language: str) -> dict[str, str]:
    """Return the button of an event as a row keeps it; empty where it has none."""
    if event.button is None:
        return {}
    words = event.button.text
    text = words.get(language) or next(iter(words.values()))
    url = settings.FRONTEND_URL.rstrip("/") + event.link if event.link else ""
    return {"text": text, "key": event.button.key, "url": url}


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
        validate_text(event.title, event.content)
    validate_priority(event.priority)
