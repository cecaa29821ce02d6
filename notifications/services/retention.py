"""Forget what is older than the plant wants to keep: texts, attempts, ended messages, the audit.

In chunks, each a short transaction of its own with a rest after it, so that nobody waits long for
the database. What is open stays whatever its age, and so does a message to which another one refers:
the original of a resend, the digest of its members, the parts of one text while one of them is open.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import config
from notifications.choices import State, Verb
from notifications.models import (
    AuditEntry,
    BulkResend,
    CardCode,
    DeliveryAttempt,
    Flood,
    Notification,
    NotificationEvent,
)
from notifications.policy import OPEN_STATES
from notifications.services import audit
from notifications.services.states import locked
from spc_site import clock
from spc_site.bulk import update_many
from spc_site.jobs import Budget, stop_requested

CHUNK = 200
LONGEST_REST_S = 0.2
HASHED = "sha256:"
"""Begins what is left of a payload whose text was forgotten."""

_KEPT_WITH_SENT = (State.SENT, State.MERGED, State.SUPPRESSED, State.CANCELLED)
_ENDED = (*_KEPT_WITH_SENT, State.DEAD)
_OVERDUE_AFTER = timedelta(days=2)


@dataclass(slots=True)
class Cleaned:
    """How much was forgotten, or would be; `is_complete` is false where time ran out."""

    texts: int = 0
    attempts: int = 0
    messages: int = 0
    audit: int = 0
    others: int = 0
    is_complete: bool = True

    @property
    def total(self) -> int:
        return sum(getattr(self, one.name) for one in fields(self) if one.name != "is_complete")

    def __str__(self) -> str:
        return _(
            "正文 %(texts)d，发送记录 %(attempts)d，消息 %(messages)d，审计 %(audit)d，"
            "限流与批量记录 %(others)d"
        ) % {one.name: getattr(self, one.name) for one in fields(self)}


def clean(
    *, now: datetime | None = None, is_dry_run: bool = False, budget_s: float = 240, rest: bool = True
) -> Cleaned:
    """Forget what has passed its time; return how much. With `is_dry_run` only count it.

    What time did not allow is done by the next run. A run that did something is told in the audit.
    """
    now = now or clock.now()
    keep = _Keep.from_settings(now)
    if is_dry_run:
        return _count(keep)
    work = _Work(Budget(budget_s), rest=rest)
    done = Cleaned()
    for state in _ENDED:
        done.texts += work.through(_chunks(_with_text(keep, state)), _forget_texts)
    done.attempts = work.through(_chunks(_old_attempts(keep), "started_at"), _delete_attempts)
    passed = 1
    while passed and work.budget:
        # Resends and members go before what they refer to: each pass frees what the next may take.
        passed = sum(work.through(_chunks(_old_messages(keep, one)), _delete_messages) for one in _ENDED)
        done.messages += passed
    done.audit = work.until_none(lambda: AuditEntry.objects.forget(before=keep.audit, most=CHUNK))
    for rows in _old_others(keep):
        done.others += work.until_none(partial(_delete_some, rows))
    done.is_complete = bool(work.budget)
    if done.total:
        audit.record(Verb.CLEANED, name=_("旧记录"), note=str(done))
    return done


def is_due(now: datetime | None = None) -> bool:
    """Say whether to clean now: in the hour of the night, or when that was missed for days."""
    now = now or clock.now()
    if timezone.localtime(now).hour == config.load()["cleaning_hour"]:
        return True
    keep = _Keep.from_settings(now - _OVERDUE_AFTER)
    return any(_old_messages(keep, state).exists() for state in _ENDED)


# --- what is old ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Keep:
    """What ended before these moments is forgotten."""

    text: datetime
    attempts: datetime
    sent: datetime
    dead: datetime
    audit: datetime

    @classmethod
    def from_settings(cls, now: datetime) -> _Keep:
        values = config.load()
        return cls(**{one.name: now - timedelta(days=values[f"keep_{one.name}_days"]) for one in fields(cls)})


def _with_text(keep: _Keep, state: str) -> models.QuerySet[Notification]:
    """Ended messages that still have their text; of dead letters the payload alone goes.

    A dead letter is rendered again from its text or its variables when it is resent.
    """
    has_text = ~Q(payload="") if state == State.DEAD else ~Q(payload="") | ~Q(content="")
    rows = Notification.objects.filter(has_text, status=state, updated_at__lt=keep.text)
    return rows.exclude(payload__startswith=HASHED)


def _old_attempts(keep: _Keep) -> models.QuerySet[DeliveryAttempt]:
    """Attempts of messages that ended before that, too; asked attempt by attempt, in their order."""
    live = Notification.objects.filter(Q(status__in=OPEN_STATES) | Q(updated_at__gte=keep.attempts))
    theirs = live.filter(pk=OuterRef("notification_id"))
    return DeliveryAttempt.objects.filter(~Exists(theirs), started_at__lt=keep.attempts)


def _old_messages(keep: _Keep, state: str) -> models.QuerySet[Notification]:
    """Ended messages whose time is over and to which nothing refers."""
    mine = Notification.objects.filter
    others = (
        mine(resent_from=OuterRef("pk")),
        mine(merged_into=OuterRef("pk")),
        mine(correlation_id=OuterRef("correlation_id"), status__in=OPEN_STATES).exclude(correlation_id=""),
    )
    until = keep.dead if state == State.DEAD else keep.sent
    return mine(*(~Exists(other) for other in others), status=state, updated_at__lt=until)


def _old_others(keep: _Keep) -> tuple[models.QuerySet[models.Model], ...]:
    return (
        Flood.objects.filter(minute__lt=keep.sent),
        BulkResend.objects.filter(finished_at__lt=keep.sent),
    )


def _count(keep: _Keep) -> Cleaned:
    return Cleaned(
        texts=sum(_with_text(keep, state).count() for state in _ENDED),
        attempts=_old_attempts(keep).count(),
        messages=sum(_old_messages(keep, state).count() for state in _ENDED),
        audit=AuditEntry.objects.filter(at__lt=keep.audit).count(),
        others=sum(rows.count() for rows in _old_others(keep)),
    )


# --- how it goes ------------------------------------------------------------------------------

Rows = models.QuerySet  # of any model


class _Work:
    """Does chunks until there are none or time is over, and rests as long as each of them took."""

    def __init__(self, budget: Budget, *, rest: bool) -> None:
        self.budget = budget
        self._rest = rest

    def through(self, chunks: Iterable[Rows], do: Callable[[Rows], int]) -> int:
        done = 0
        for rows in chunks:
            if not self.budget:
                break
            done += self._timed(partial(do, rows))
        return done

    def until_none(self, do: Callable[[], int]) -> int:
        done = 0
        while self.budget and (count := self._timed(do)):
            done += count
        return done

    def _timed(self, do: Callable[[], int]) -> int:
        started = time.monotonic()
        count = do()
        if self._rest:
            stop_requested.wait(min(time.monotonic() - started, LONGEST_REST_S))
        return count


def _chunks(rows: Rows, moment: str = "updated_at") -> Iterator[Rows]:
    """Walk through rows by their time, each seen once, also those that stay."""
    at, pk = None, 0
    while True:
        further = rows
        if at is not None:
            # Both conditions: the second is the one by which an index can be entered.
            further = rows.filter(Q(**{f"{moment}__gt": at}) | Q(pk__gt=pk), **{f"{moment}__gte": at})
        found = list(further.order_by(moment, "pk").values_list("pk", moment)[:CHUNK])
        if not found:
            return
        pk, at = found[-1]
        yield rows.filter(pk__in=[key for key, _at in found])


def _forget_texts(rows: Rows) -> int:
    """Leave of each text its digest, so that it can still be shown what was sent."""
    with transaction.atomic():
        kept = list(locked(rows).only("pk", "status", "payload", "content", "variables"))
        for row in kept:
            said = row.payload or row.content
            row.payload = HASHED + hashlib.sha256(said.encode()).hexdigest()
            if row.status != State.DEAD:
                row.content, row.variables = "", {}
        update_many(kept, ["payload", "content", "variables"])
    return len(kept)


def _delete_attempts(rows: Rows) -> int:
    return DeliveryAttempt.objects.filter(pk__in=list(rows.values_list("pk", flat=True)))._raw_delete(rows.db)


def _delete_messages(rows: Rows) -> int:
    """Delete messages with what belongs to them; a resend that came between keeps its original."""
    with transaction.atomic():
        keys = list(locked(rows).values_list("pk", flat=True))
        for below in (CardCode, DeliveryAttempt, NotificationEvent, Notification.attachments.through):
            below._base_manager.filter(notification_id__in=keys)._raw_delete(rows.db)
        return Notification.objects.filter(pk__in=keys)._raw_delete(rows.db)


def _delete_some(rows: Rows) -> int:
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return rows.model._base_manager.filter(pk__in=keys)._raw_delete(rows.db)
