"""What can be read about messages as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from statistics import median
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, When
from django.utils.translation import gettext as _

from notifications import safety
from notifications.choices import State
from notifications.models import Notification
from notifications.policy import OPEN_STATES
from spc_site.errors import AppError

LOOKED_AT = 20_000
"""So many messages are read for a word; who looks further back gives a range of time."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where all messages are that were ever asked for; a merged one is where its digest is."""

    created: int
    sent: int
    dead: int
    suppressed: int
    cancelled: int
    open: int
    unaccounted: int
    """Merged without a digest, or in no state that counts: always 0, or something is wrong."""

    @property
    def balances(self) -> bool:
        """Say whether created = sent + dead + suppressed + cancelled + open."""
        ended = self.sent + self.dead + self.suppressed + self.cancelled
        return self.created == ended + self.open and not self.unaccounted


def ledger(*, since: datetime | None = None) -> Ledger:
    """Count the messages asked for (since a moment) by where they are, in one query.

    One statement, so that the numbers are of one moment also while others write. Digests are not
    counted themselves: nobody asked for them.
    """
    asked_for = Notification.objects.filter(is_digest=False).order_by()
    if since is not None:
        asked_for = asked_for.filter(created_at__gte=since)
    place = Case(When(status=State.MERGED, then=F("merged_into__status")), default=F("status"))
    counts = dict(asked_for.annotate(place=place).values_list("place").annotate(count=Count("pk")))
    ends = {
        state: counts.pop(state, 0) for state in (State.SENT, State.DEAD, State.SUPPRESSED, State.CANCELLED)
    }
    still_open = sum(counts.pop(state, 0) for state in OPEN_STATES)
    unaccounted = sum(counts.values())
    return Ledger(
        created=sum(ends.values()) + still_open + unaccounted,
        sent=ends[State.SENT],
        dead=ends[State.DEAD],
        suppressed=ends[State.SUPPRESSED],
        cancelled=ends[State.CANCELLED],
        open=still_open,
        unaccounted=unaccounted,
    )


def history(
    *,
    event: str = "",
    target: str = "",
    text: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    status: str = "",
    channel: str = "",
    source: str = "",
    correlation_id: str = "",
) -> QuerySet[Notification]:
    """Return messages that fit everything that is given, the newest first.

    An event may end in `*`; `until` is excluded. `text` is looked for in title and content of
    the newest that fit all else: no index finds words inside of texts on both databases.
    """
    rows = Notification.objects.order_by("-pk")
    if event.endswith("*"):
        rows = rows.filter(event__startswith=event[:-1])
    elif event:
        rows = rows.filter(event=event)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    if until is not None:
        rows = rows.filter(created_at__lt=until)
    exact = {
        "target": target,
        "status": status,
        "channel": channel,
        "source": source,
        "correlation_id": correlation_id,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if not text:
        return rows
    return newest_of(rows).filter(Q(title__icontains=text) | Q(content__icontains=text))


def newest_of(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    """Return the newest `LOOKED_AT` of messages (and those of the same moment); one query.

    A moment bounds them, not a list of rows: so both databases read one range of one index.
    """
    moments = rows.order_by("-created_at", "-pk").values_list("created_at", flat=True)
    edge = list(moments[LOOKED_AT - 1 : LOOKED_AT])
    return rows.filter(created_at__gte=edge[0]) if edge else rows


# --- unusual volume -------------------------------------------------------------------------

_USUAL_DAYS = 7


@dataclass(frozen=True, slots=True)
class Unusual:
    """A source that asked for far more messages to a target within an hour than it usually does."""

    source: str
    channel: str
    target: str
    count: int
    usual: float

    @property
    def limit_name(self) -> str:
        """A key that stays the same while the same source goes on."""
        return f"{self.source or '-'}:{self.channel}:{safety.mask_contacts(self.target)}"


def unusual_sources(now: datetime, *, factor: float, floor: int) -> list[Unusual]:
    """Return the sources whose last hour is unusual, the most messages first; two queries.

    Usual is the median of the same hour of the last seven days, so that neither the daily shift
    change nor one bad day counts. Below `floor` messages nothing is unusual; above it, `factor`
    times the usual is, and anything is for a source that is new. Tests and digests do not count.
    """
    hour = timedelta(hours=1)
    asked_for = Notification.objects.filter(is_digest=False, is_test=False).order_by()
    group = ("source", "channel", "target")
    recent = asked_for.filter(created_at__gt=now - hour, created_at__lte=now)
    busy = {
        tuple(row[name] for name in group): row["count"]
        for row in recent.values(*group).annotate(count=Count("pk")).filter(count__gte=floor)
    }
    if not busy:
        return []
    ends = [now - timedelta(days=day) for day in range(1, _USUAL_DAYS + 1)]
    spans = [Q(created_at__gt=end - hour, created_at__lte=end) for end in ends]
    counts = {f"day{number}": Count("pk", filter=span) for number, span in enumerate(spans)}
    targets = {target for _source, _channel, target in busy}
    earlier = asked_for.filter(reduce(or_, spans), target__in=targets).values(*group).annotate(**counts)
    usual = {
        tuple(row[name] for name in group): float(median(row[name] for name in counts)) for row in earlier
    }
    found = [
        Unusual(source, channel, target, count, usual.get((source, channel, target), 0.0))
        for (source, channel, target), count in busy.items()
        if count >= factor * usual.get((source, channel, target), 0.0)
    ]
    return sorted(found, key=lambda one: (-one.count, one.limit_name))


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
