"""Make few messages of many: what waits for one lane becomes digests, as full as they can be.

A digest is a row of its own with a frozen payload; its members end as MERGED and count as the
digest from then on. Nothing is written while another process takes one of the members.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from notifications import digests
from notifications.choices import Reason, State
from notifications.models import DeliveryAttempt, Notification
from notifications.policy import Decision, in_order
from notifications.services.composing import compose
from notifications.services.lanes import Lane
from notifications.services.states import locked, move_locked
from spc_site import clock

log = logging.getLogger("notifications.merging")

MOST_READ = 1500
MOST_IN_ONE = 200
CARD_MARK = '{"msgtype":"template_card"'
_DEFERRED = (Reason.RATE, Reason.GATHERING)


@dataclass(frozen=True, slots=True)
class Merged:
    """How many digests were made, and which messages fill one by themselves."""

    digests: int
    full_alone: frozenset[int]


def merge(lane: Lane, now: datetime, *, most: int, only_full: bool) -> Merged:
    """Merge what waits for a lane into at most `most` digests.

    With `only_full` the last one, which has room left, stays in parts. Never merged: parts of a
    split message, digests, tests, what carries a picture or file, cards, whose buttons a digest would
    lose, and what may have been shown already.
    """
    rows = list(_mergeable(lane, now))
    pages: list[list[Notification]] = []
    for _ways, alike in groupby(sorted(rows, key=_route), key=_route):
        found = _pages(lane, list(in_order(alike)), most=most - len(pages) + 1)
        pages += found[:-1] if only_full else found
    alone = frozenset(page[0].pk for page in pages if len(page) == 1)
    shared = [page for page in pages if len(page) > 1][:most]
    made = sum(_write(lane, page, number, len(shared)) for number, page in enumerate(shared, start=1))
    return Merged(made, alone)


def _route(row: Notification) -> str:
    """Return what must be the same in all members: the further ways."""
    return repr(row.fallbacks)


def _mergeable(lane: Lane, now: datetime) -> QuerySet[Notification]:
    unsure = DeliveryAttempt.objects.filter(
        notification=OuterRef("pk"), outcome__in=["", Decision.UNCERTAIN.value]
    )
    return (
        Notification.objects.filter(
            Q(next_at__lte=now) | Q(reason__in=_DEFERRED),
            Q(expires_at__isnull=True) | Q(expires_at__gt=now),
            ~Exists(unsure),
            status=State.PENDING,
            channel=lane.channel,
            target=lane.target,
            is_digest=False,
            is_test=False,
            part_count=1,
            possible_duplicate=False,
            attachments=None,
        )
        .exclude(payload__startswith=CARD_MARK)
        .defer("payload", "variables", "error_message")
        .order_by("priority", "next_at", "pk")[:MOST_READ]
    )


def _pages(lane: Lane, rows: list[Notification], *, most: int) -> list[list[Notification]]:
    """Share messages out to digests, each as full as its channel allows, in the order given."""
    pages: list[list[Notification]] = []
    while rows and len(pages) < most:
        size = _most_that_fit(lane, rows[:MOST_IN_ONE])
        pages.append(rows[:size])
        rows = rows[size:]
    return pages


def _most_that_fit(lane: Lane, rows: list[Notification]) -> int:
    """Return how many of the first messages one digest takes, at least 1."""
    low, high = 1, len(rows)
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(lane, rows[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _fits(lane: Lane, rows: list[Notification]) -> bool:
    assert lane.driver is not None
    title, text = _text(rows, 999, 999)
    return len(lane.driver.compose(title, text, lane.target, lane.form)) == 1


def _text(rows: list[Notification], page: int, pages: int) -> tuple[str, str]:
    shown = sorted(rows, key=lambda row: (row.priority, row.created_at, row.pk))
    members = [digests.Member(row.title, row.content, timezone.localtime(row.created_at)) for row in shown]
    return digests.title_of(members), digests.write(members, page=page, pages=pages)


def _write(lane: Lane, rows: list[Notification], page: int, pages: int) -> int:
    """Write one digest and end its members, all or nothing; return 1 if it was written."""
    assert lane.driver is not None
    title, text = _text(rows, page, pages)
    (part,) = compose(lane.driver, title, text, lane.target, lane.form)
    keys = [row.pk for row in rows]
    digest = Notification(
        message_id=uuid.uuid4().hex,
        event=_common(rows, "event"),
        source=_common(rows, "source"),
        title=title[:255],
        content=part.content,
        payload=part.payload,
        channel=lane.channel,
        target=lane.target,
        priority=min(row.priority for row in rows),
        correlation_id=uuid.uuid4().hex,
        fallbacks=rows[0].fallbacks,
        is_digest=True,
        max_retries=max(row.max_retries for row in rows),
        next_at=min(clock.now(), *(row.next_at for row in rows)),
        due_at=min(row.due_at for row in rows),
        expires_at=_last_expiry(rows),
    )
    with transaction.atomic():
        members = locked(Notification.objects.filter(pk__in=keys).order_by("pk"))
        if list(members.values_list("status", flat=True)) != [State.PENDING] * len(keys):
            return 0  # another process sends or merges one of them
        digest.save(force_insert=True)
        ended = {"merged_into": digest, "reason": Reason.MERGED, "updated_at": clock.now()}
        move_locked(keys, State.PENDING, State.MERGED, **ended)
    log.info("digest %s of %d messages", digest.message_id, len(rows))
    return 1


def _common(rows: list[Notification], field: str) -> str:
    """Return what all members have in a field, or nothing."""
    values = {getattr(row, field) for row in rows}
    return str(values.pop()) if len(values) == 1 else ""


def _last_expiry(rows: list[Notification]) -> datetime | None:
    """A digest is worth sending as long as any of its members is."""
    ends = [row.expires_at for row in rows]
    return None if None in ends else max(end for end in ends if end is not None)
