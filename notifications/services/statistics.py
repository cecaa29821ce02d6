"""The hourly figures of delivery: rolled up from messages and attempts, read as sums over a period.

Rolling an hour up is one computation from the rows, written over whatever stood there: it can be done
again at any time while the rows exist. An attempt belongs to the hour in which it began and to the channel
that it used; a message counts as created, sent or ended in the hour in which that happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.db import models, transaction
from django.db.models import Case, Count, F, Max, Min, Q, Sum, When
from django.db.models.functions import Greatest

from notifications.causes import Cause, cause_of
from notifications.choices import State
from notifications.models import DeliveryAttempt, HourlyFigure, Notification
from notifications.policy import Decision
from spc_site import clock
from spc_site.lib import buckets

HOUR = timedelta(hours=1)
RESPONSE_MS: tuple[float, ...] = (50, 100, 200, 300, 500, 1000, 2000, 3000, 5000, 10_000, 30_000)
RECEIPT_S: tuple[float, ...] = (0.3, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14_400)

_FURTHEST = timedelta(days=90)
"""A first roll-up goes back so far."""

_ENDED = {
    State.DEAD: "dead",
    State.SUPPRESSED: "suppressed",
    State.CANCELLED: "cancelled",
    State.MERGED: "merged",
}
_COUNTS = (
    "created",
    "sent",
    "dead",
    "suppressed",
    "cancelled",
    "merged",
    "requests",
    "failed",
    "retried",
    "uncertain",
    "lease_expired",
    "possible_duplicates",
    "response_ms_sum",
    "receipt_s_sum",
)
_ROLLED = (*_COUNTS, "response_buckets", "receipt_buckets", "causes", "reasons")


# --- writing ------------------------------------------------------------------------------------


def roll_up_due() -> int:
    """Roll up this hour and the last, and whatever was missed while nobody did; return how many hours."""
    now = clock.now()
    last = HourlyFigure.objects.aggregate(at=Max("hour"))["at"]
    if last is None:
        first = Notification.objects.aggregate(at=Min("created_at"))["at"]
        if first is None:
            return 0
        start = max(hour_of(first), hour_of(now - _FURTHEST))
    else:
        start = min(last, hour_of(now)) - HOUR
    return roll_up(since=start, until=now)


def roll_up(*, since: datetime, until: datetime) -> int:
    """Compute the figures of every hour that touches the period; return how many hours.

    Hours before the oldest message that is still there are left as they are: their rows are gone.
    """
    oldest = Notification.objects.aggregate(at=Min("created_at"))["at"]
    if oldest is None:
        return 0
    hour, count = max(hour_of(since), hour_of(oldest)), 0
    while hour <= until:
        _roll_up_hour(hour)
        hour += HOUR
        count += 1
    return count


def sample_queues() -> None:
    """Keep how long the queue of each channel is and how old its oldest message, where it is the most yet."""
    now = clock.now()
    open_rows = Notification.objects.filter(status__in=[State.PENDING, State.SENDING, State.HELD])
    for channel, length, oldest in (
        open_rows.order_by().values_list("channel").annotate(Count("pk"), Min("created_at"))
    ):
        age_s = max(round((now - oldest).total_seconds()), 0)
        row, _is_new = HourlyFigure.objects.get_or_create(channel=channel, hour=hour_of(now))
        HourlyFigure.objects.filter(pk=row.pk).update(
            queue_most=Greatest("queue_most", length), oldest_most_s=Greatest("oldest_most_s", age_s)
        )


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour that a moment is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


class _Figures:
    """The figures of one hour while they are added up, by channel."""

    def __init__(self, hour: datetime) -> None:
        self.hour = hour
        self._rows: dict[str, HourlyFigure] = {}

    def of(self, channel: str) -> HourlyFigure:
        if channel not in self._rows:
            self._rows[channel] = HourlyFigure(
                channel=channel,
                hour=self.hour,
                response_buckets=[],
                receipt_buckets=[],
                causes={},
                reasons={},
            )
        return self._rows[channel]

    def rows(self) -> list[HourlyFigure]:
        return list(self._rows.values())


def _roll_up_hour(hour: datetime) -> None:
    """Compute one hour; five queries, and one to write."""
    figures = _Figures(hour)
    for channel in HourlyFigure.objects.filter(hour=hour).order_by().values_list("channel", flat=True):
        figures.of(channel)  # one that has nothing any more falls to zero
    _add_attempts(figures)
    _add_messages(figures)
    with transaction.atomic():
        HourlyFigure.objects.bulk_create(
            figures.rows(), update_conflicts=True, unique_fields=["hour", "channel"], update_fields=_ROLLED
        )


def _add_attempts(figures: _Figures) -> None:
    hour = figures.hour
    via = Case(When(channel="", then=F("notification__channel")), default=F("channel"))
    edges = [-1.0, *RESPONSE_MS]
    answered: dict[str, Any] = {
        f"bucket_{place}": Count(
            "pk", filter=Q(duration_ms__gt=low) & (Q(duration_ms__lte=high) if high else Q())
        )
        for place, (low, high) in enumerate(zip(edges, [*RESPONSE_MS, None], strict=True))
    }
    groups = (
        DeliveryAttempt.objects.filter(
            started_at__gte=hour, started_at__lt=hour + HOUR, notification__is_test=False
        )
        .exclude(outcome="")
        .annotate(via=via, was_answered=Q(duration_ms__isnull=False))
        .order_by()
        .values("via", "outcome", "http_status", "errcode", "was_answered")
        .annotate(
            requests=Count("pk"),
            again=Count("pk", filter=Q(number__gt=1)),
            response=Sum("duration_ms"),
            **answered,
        )
    )
    for found in groups:
        group = cast(dict[str, Any], found)
        row = figures.of(group["via"])
        row.requests += group["requests"]
        row.retried += group["again"]
        row.response_ms_sum += group["response"] or 0
        counts = [group[f"bucket_{place}"] for place in range(len(RESPONSE_MS) + 1)]
        row.response_buckets = buckets.add([row.response_buckets, counts], RESPONSE_MS)
        cause = cause_of(
            group["outcome"],
            http_status=group["http_status"],
            errcode=group["errcode"],
            was_answered=group["was_answered"],
        )
        if cause is None:
            continue
        row.failed += group["requests"]
        row.causes[cause.value] = row.causes.get(cause.value, 0) + group["requests"]
        if group["outcome"] == Decision.UNCERTAIN.value:
            row.uncertain += group["requests"]
        if cause is Cause.WORKER_GONE:
            row.lease_expired += group["requests"]


def _add_messages(figures: _Figures) -> None:
    hour = figures.hour
    rows = Notification.objects.filter(is_test=False).order_by()
    created = rows.filter(created_at__gte=hour, created_at__lt=hour + HOUR)
    for channel, count in created.values_list("channel").annotate(Count("pk")):
        figures.of(channel).created = count
    waits: dict[str, list[float]] = {}
    sent = rows.filter(status=State.SENT, sent_at__gte=hour, sent_at__lt=hour + HOUR)
    for channel, created_at, sent_at, is_double in sent.values_list(
        "channel", "created_at", "sent_at", "possible_duplicate"
    ).iterator(chunk_size=2000):
        assert sent_at is not None  # the filter asks for it
        waits.setdefault(channel, []).append((sent_at - created_at).total_seconds())
        figures.of(channel).possible_duplicates += is_double
    for channel, seconds in waits.items():
        row = figures.of(channel)
        row.sent, row.receipt_s_sum = len(seconds), sum(seconds)
        row.receipt_buckets = buckets.fill(seconds, RECEIPT_S)
    ended = rows.filter(status__in=_ENDED, updated_at__gte=hour, updated_at__lt=hour + HOUR)
    for channel, status, reason, count in ended.values_list("channel", "status", "reason").annotate(
        Count("pk")
    ):
        row, name = figures.of(channel), _ENDED[State(status)]
        setattr(row, name, getattr(row, name) + count)
        row.reasons[f"{name}.{reason}"] = count


# --- reading ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Sums:
    """The figures of one span of time, over one channel or several."""

    start: datetime | None = None
    created: int = 0
    sent: int = 0
    dead: int = 0
    suppressed: int = 0
    cancelled: int = 0
    merged: int = 0
    requests: int = 0
    failed: int = 0
    retried: int = 0
    uncertain: int = 0
    lease_expired: int = 0
    possible_duplicates: int = 0
    response_ms_sum: int = 0
    receipt_s_sum: float = 0.0
    response_buckets: list[int] = field(default_factory=list)
    receipt_buckets: list[int] = field(default_factory=list)
    causes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    queue_most: int = 0
    oldest_most_s: int = 0

    def add(self, row: HourlyFigure) -> None:
        """Take an hour in. Of the samples the largest stays."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(row, name))
        self.response_buckets = buckets.add([self.response_buckets, row.response_buckets], RESPONSE_MS)
        self.receipt_buckets = buckets.add([self.receipt_buckets, row.receipt_buckets], RECEIPT_S)
        self.causes.update(row.causes)
        self.reasons.update(row.reasons)
        self.queue_most = max(self.queue_most, row.queue_most)
        self.oldest_most_s = max(self.oldest_most_s, row.oldest_most_s)

    @property
    def success_rate(self) -> float | None:
        """Of the messages that came to an end by being sent or given up, the share that was sent."""
        ended = self.sent + self.dead
        return self.sent / ended if ended else None

    @property
    def error_rate(self) -> float | None:
        """Of the requests, the share that failed."""
        return self.failed / self.requests if self.requests else None

    @property
    def response_mean_ms(self) -> float | None:
        answered = sum(self.response_buckets)
        return self.response_ms_sum / answered if answered else None

    @property
    def receipt_mean_s(self) -> float | None:
        return self.receipt_s_sum / self.sent if self.sent else None

    def response_ms(self, share: float) -> float | None:
        """Return the quantile of the response time, from the histogram."""
        return buckets.quantile(self.response_buckets, RESPONSE_MS, share)

    def receipt_s(self, share: float) -> float | None:
        """Return the quantile of the time from event to receipt, from the histogram."""
        return buckets.quantile(self.receipt_buckets, RECEIPT_S, share)


def figures(*, since: datetime, until: datetime, channel: str = "") -> list[HourlyFigure]:
    """Return the hours of a period, oldest first; one query."""
    rows = HourlyFigure.objects.filter(hour__gte=since, hour__lt=until)
    if channel:
        rows = rows.filter(channel=channel)
    return list(rows.order_by("hour", "channel"))


def total(rows: Iterable[HourlyFigure]) -> Sums:
    """Return the sums of hours."""
    sums = Sums()
    for row in rows:
        sums.add(row)
    return sums


def by_channel(rows: Iterable[HourlyFigure]) -> dict[str, Sums]:
    """Return the sums of hours for each channel, in the order of their first appearance."""
    sums: dict[str, Sums] = {}
    for row in rows:
        sums.setdefault(row.channel, Sums()).add(row)
    return sums


def by_step(rows: Sequence[HourlyFigure], *, since: datetime, until: datetime, step: timedelta) -> list[Sums]:
    """Return the sums of equal steps from `since` to `until`; a step without figures is one of zeros."""
    steps: list[Sums] = []
    start = since
    while start < until:
        steps.append(Sums(start=start))
        start += step
    for row in rows:
        place = (row.hour - since) // step
        if 0 <= place < len(steps):
            steps[place].add(row)
    return steps


def open_by_channel() -> list[dict[str, Any]]:
    """Return what is open now per channel and state: count, oldest, the latest time that waits for a budget.

    One query.
    """
    rows = Notification.objects.filter(
        status__in=[State.PENDING, State.SENDING, State.HELD, State.UNCERTAIN]
    ).order_by()
    groups = rows.values("channel", "status").annotate(
        count=Count("pk"),
        oldest=Min("created_at"),
        rate_until=Max("next_at", filter=Q(reason="rate"), output_field=models.DateTimeField()),
    )
    return [cast(dict[str, Any], group) for group in groups]


def waiting_by_channel() -> list[dict[str, Any]]:
    """Return what is open and goes on by itself, as `open_by_channel` does; one query."""
    return [row for row in open_by_channel() if row["status"] != State.UNCERTAIN]
