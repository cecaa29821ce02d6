"""Write the rows of one message: choose its way, screen its words, freeze its payloads.

One that must not go, or cannot, is a row too, with the reason. Nothing here touches the network.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from notifications import channels, config, kept, safety, texts
from notifications.choices import Reason, State
from notifications.models import Attachment, Channel, ContentRule, Notification, NotificationEvent
from notifications.policy import SLACK
from notifications.routing import Way
from notifications.services import content as content_rules
from notifications.services import flooding
from notifications.services.composing import Part, compose, form_of
from spc_site.errors import AppError

log = logging.getLogger("notifications")


Problem = tuple[str, str, str]
"""State, reason and words of why a way cannot be used."""


def _read() -> tuple[list[tuple[str, str]], dict[str, Channel], list[ContentRule], dict[Any, Problem | None]]:
    switches = {switch.code: switch for switch in Channel.objects.all()}
    return config.stored(), switches, content_rules.active_rules(), {}


@dataclass(frozen=True, slots=True)
class Desk:
    """What the rows of one request have in common: settings, switches, content rules, the time.

    `problems` is what was found of each way so far, kept as long as the rest: no key is among it.
    """

    settings: Mapping[str, Any]
    switches: Mapping[str, Channel]
    rules: list[ContentRule]
    problems: dict[Any, Problem | None]
    now: datetime

    @classmethod
    def open(cls) -> Desk:
        """Read all in three queries, or take what was read a moment ago."""
        rows, switches, rules, problems = kept.recall(_read)
        return cls(config.typed(rows), switches, rules, problems, timezone.now())

    def form(self, channel: str) -> channels.Form:
        """Return how the plant wants the messages of a channel."""
        return form_of(self.switches.get(channel))

    def problem(self, way: Way) -> Problem | None:
        """Return why a way cannot be used as things are set up; None if it can."""
        place = (way, get_language())
        if place not in self.problems:
            self.problems[place] = self._look(way)
        return self.problems[place]

    def _look(self, way: Way) -> Problem | None:
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

    def choose(self, ways: Sequence[Way]) -> tuple[list[Way], Problem | None]:
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


def write(
    title: str,
    content: str,
    ways: Sequence[Way],
    *,
    desk: Desk,
    priority: int,
    source: str = "",
    dedupe_key: str = "",
    correlation_id: str = "",
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
    quiet_until: datetime | None = None,
    settled: Problem | None = None,
    attachments: Sequence[Attachment] = (),
    is_limited: bool = True,
    **fields: Any,
) -> str:
    """Write the rows of one message, a row per part; return the id of the first.

    `settled` (state, reason, words) is an end that is certain before anything was tried.
    """
    title, content, source, dedupe_key, correlation_id = map(
        texts.without_nul, (title, content, source, dedupe_key, correlation_id)
    )
    fields = texts.without_nul(fields)
    ways = [Way(way.channel, texts.without_nul(way.target)) for way in ways]
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
            parts = compose(
                driver, title, content, target, desk.form(channel), attachments, button=fields.get("button")
            )
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
        if dedupe_key and (earlier := count_repeat(dedupe_key)):
            return earlier
        raise
    return rows[0].message_id


def _withheld(
    screened: safety.Screened,
    source: str,
    target: str,
    *,
    desk: Desk,
    expires_at: datetime | None,
    is_limited: bool,
) -> Problem | None:
    """Return state, reason and words where a message must not go at all."""
    if screened.blocked:
        return State.SUPPRESSED, Reason.CONTENT, f"内容规则：{screened.blocked}"
    if expires_at is not None and expires_at <= desk.now:
        return State.SUPPRESSED, Reason.EXPIRED, ""
    if is_limited and flooding.is_over(source, target, desk.settings):
        return State.SUPPRESSED, Reason.FLOODED, ""
    return None


def count_repeat(dedupe_key: str) -> str | None:
    """Return the message that a key was used for, after counting the repetition."""
    first = Notification.objects.filter(dedupe_key=texts.without_nul(dedupe_key), part_no=1)
    row = first.values_list("message_id", flat=True).first()
    if row is not None:
        first.update(repeats=F("repeats") + 1)
    return row


def validate_priority(priority: int) -> None:
    """Raise AppError for a priority outside of 1–5."""
    if not isinstance(priority, int) or isinstance(priority, bool) or not 1 <= priority <= 5:
        raise AppError("bad_priority", _("优先级必须是 1 到 5 的整数，1 最高。"))


def validate_text(title: str, content: str) -> None:
    """Raise AppError for a message that says nothing."""
    if not texts.without_nul(title + content).strip():
        raise AppError("no_content", _("消息没有内容。"))
