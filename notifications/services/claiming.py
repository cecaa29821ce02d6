"""Choose what goes next, and put off, hold, move or merge what may not.

One look at the front of the queue reads at most a batch per priority, through an index in which
what is not yet due stands behind: it costs the same whatever waits. What may not go now gets its
time with one statement for the whole lane, so that it is not looked at again before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from notifications import policy
from notifications.choices import Reason, State
from notifications.models import DeliveryAttempt, Notification
from notifications.policy import LATE_AFTER, OPEN_STATES
from notifications.services import failover, merging, statements
from notifications.services.failover import Why
from notifications.services.lanes import Lane, Lanes
from notifications.services.states import locked, move_unlocked, update_unlocked
from spc_site import clock

BEHIND_AN_EARLIER_PART = timedelta(seconds=2)
_MOST_MOVED = 200

_places = count()
"""Numbers the places of this process over its claims, so that small batches share them fairly."""


@dataclass(slots=True)
class Claimed:
    """What one look at the queue gave: rows that are ours now.

    `attempts` says how often each of them has been tried. `is_over`: nothing was due. Without rows
    and not over: what was due had to be put off, or other processes were quicker; look again.
    """

    rows: list[Notification] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)
    is_over: bool = False


def due(now: datetime) -> QuerySet[Notification]:
    """Return what may go by its own time. The priorities are named, so that their index serves."""
    return Notification.objects.filter(status=State.PENDING, priority__in=policy.SLACK, next_at__lte=now)


def claim(worker: str, size: int, lanes: Lanes) -> Claimed:
    """Take up to `size` messages for this process, with a lease."""
    now = clock.now()
    front = statements.front(now, size, _FRONT)
    if not front:
        return Claimed(is_over=True)
    lanes.look((row.channel, row.target) for row in front)
    ready = _behind_earlier_parts(_plan(front, lanes, now), now)
    chosen = _choose(ready, lanes, now, size)
    lanes.keep_logs((row.channel, row.target) for row in chosen)
    return _lease(chosen, worker, now)


_FRONT = (
    "channel",
    "target",
    "priority",
    "status",
    "due_at",
    "next_at",
    "expires_at",
    "correlation_id",
    "part_no",
    "part_count",
    "is_test",
    "is_digest",
    "retry_count",
    "possible_duplicate",
    "fallbacks",
)


# --- what may not go ---------------------------------------------------------------------------


def _plan(front: Sequence[Notification], lanes: Lanes, now: datetime) -> list[Notification]:
    """Return what may go now; everything else of the front gets its time or its end."""
    by_lane: dict[tuple[str, str], list[Notification]] = defaultdict(list)
    for row in front:
        by_lane[row.channel, row.target].append(row)
    ready: list[Notification] = []
    for (channel, target), rows in by_lane.items():
        lane = lanes.of(channel, target)
        over = [row.pk for row in rows if row.expires_at is not None and row.expires_at <= now]
        if over:
            let_expire(Notification.objects.filter(pk__in=over))
            rows = [row for row in rows if row.pk not in over]
        if rows:
            ready += _plan_lane(lane, rows, lanes, now)
    return ready


def _plan_lane(lane: Lane, rows: list[Notification], lanes: Lanes, now: datetime) -> list[Notification]:
    if lane.obstacle is not None:
        set_aside(lane, lanes, now)
        return []
    free = lane.free(now)
    if not free:
        _move_late(lane, lanes, now)
        put_off(lane, lane.opens_at(now), Reason.RATE, now)
        return []
    failing = [row for row in rows if row.retry_count and _is_late(row, now)]
    if failing:
        moved = _move_each(failing, Why.LATE, lanes, now)
        rows = [row for row in rows if row.pk not in moved]
    return _gather(lane, rows, free, now)


def _gather(lane: Lane, rows: list[Notification], free: int, now: datetime) -> list[Notification]:
    """Return what leaves as it is; in a storm merge the rest, or let it wait a few seconds."""
    most_alone = lane.few(now)
    loose = [row for row in rows if _is_loose(row)]
    if most_alone is None or not loose:
        return rows
    calm_at = lane.calm_at(now, is_urgent=any(row.priority == 1 for row in loose))
    is_calm = calm_at <= now
    if is_calm and len(loose) <= most_alone:
        return rows
    fixed = [row for row in rows if not _is_loose(row)]
    if len(fixed) >= free:
        put_off(lane, lane.opens_at(now), Reason.RATE, now, loose_only=True)
        return fixed
    merged = merging.merge(lane, now, most=free - len(fixed), only_full=not is_calm)
    if merged.digests:
        return fixed  # the digests are in the queue, and what was left over is looked at beside them
    if is_calm:
        return rows
    put_off(lane, calm_at, Reason.GATHERING, now, loose_only=True, but=merged.full_alone)
    return [*fixed, *(row for row in loose if row.pk in merged.full_alone)]


def _is_loose(row: Notification) -> bool:
    """Say whether a message may be merged, at first sight (`merging` looks closer)."""
    return not (row.is_digest or row.is_test or row.part_count > 1 or row.possible_duplicate)


def put_off(
    lane: Lane,
    until: datetime,
    reason: Reason,
    now: datetime,
    *,
    loose_only: bool = False,
    but: Collection[int] = (),
) -> int:
    """Give everything that is due on a lane a later time, with one statement.

    On a lane that rests for long, what has another way is looked at every minute, for it may be late.
    """
    waiting = due(now).filter(channel=lane.channel, target=lane.target)
    if loose_only:
        waiting = waiting.filter(is_digest=False, is_test=False, part_count=1, possible_duplicate=False)
    if but:
        waiting = waiting.exclude(pk__in=but)
    soon = now + policy.RATE_WINDOW
    if until > soon:
        update_unlocked(waiting.exclude(fallbacks=[]), next_at=soon, reason=reason, updated_at=now)
    return update_unlocked(waiting, next_at=until, reason=reason, updated_at=now)


def set_aside(lane: Lane, lanes: Lanes, now: datetime) -> int:
    """Take what is due on a lane that cannot send to its next way, or hold it until that is mended."""
    obstacle = lane.obstacle
    assert obstacle is not None
    waiting = due(now).filter(channel=lane.channel, target=lane.target)
    _move_each(waiting.exclude(fallbacks=[])[:_MOST_MOVED], Why.DEAD, lanes, now)
    words = obstacle.words[:500]
    # A test tells whether the channel works: it is no use to anybody once it has been mended.
    move_unlocked(waiting.filter(is_test=True), State.DEAD, reason=obstacle.reason, error_message=words)
    return move_unlocked(waiting, State.HELD, reason=obstacle.reason, error_message=words)


def _is_late(row: Notification, now: datetime) -> bool:
    late_at = failover.late_at(row)
    return late_at is not None and late_at <= now


def _move_late(lane: Lane, lanes: Lanes, now: datetime) -> None:
    """Take what has waited too long for a place on a lane to its next way."""
    late = Q()
    for priority, grace in LATE_AFTER.items():
        late |= Q(priority=priority, due_at__lte=now - grace)
    waiting = due(now).filter(late, channel=lane.channel, target=lane.target, is_test=False)
    rows = waiting.exclude(fallbacks=[]).order_by("due_at", "pk")[:_MOST_MOVED]
    _move_each([row for row in rows if failover.may_go_late(row)], Why.LATE, lanes, now)


def _move_each(
    rows: Sequence[Notification] | QuerySet[Notification], why: Why, lanes: Lanes, now: datetime
) -> set[int]:
    """Move messages to their next ways, each with its story; return which had one."""
    moved: set[int] = set()
    for row in rows:
        with transaction.atomic():
            mine = locked(Notification.objects.filter(pk=row.pk, status=row.status)).first()
            if mine is None:
                continue
            fields = failover.leave(mine, why, lanes, now)
            if fields is not None:
                Notification.objects.filter(pk=row.pk).update(updated_at=now, **fields)
                moved.add(row.pk)
    return moved


def let_expire(rows: QuerySet[Notification]) -> int:
    """End messages whose time is over: one that was tried has failed, others were not sent."""
    rows = rows.filter(status__in=[State.PENDING, State.HELD])
    tried = Exists(DeliveryAttempt.objects.filter(notification=OuterRef("pk")))
    ended = 0
    for was_tried in (True, False):
        some = rows.filter(tried if was_tried else ~tried)
        ended += move_unlocked(some, policy.expired_state(was_tried=was_tried), reason=Reason.EXPIRED)
    return ended


def _behind_earlier_parts(rows: list[Notification], now: datetime) -> list[Notification]:
    """Leave out parts whose earlier part is still open and not in this claim before them."""
    parts = [row for row in rows if row.part_count > 1 and row.part_no > 1]
    if not parts:
        return rows
    here = {row.pk for row in rows}
    unsent = OPEN_STATES - {State.UNCERTAIN}
    earlier = Notification.objects.filter(
        correlation_id__in={row.correlation_id for row in parts}, part_count__gt=1, status__in=unsent
    ).values_list("pk", "correlation_id", "part_no", "next_at", "status")
    ahead = defaultdict(list)
    for key, story, number, next_at, status in earlier:
        ahead[story].append((key, number, next_at, status))
    blocked: dict[int, datetime] = {}
    for row in parts:
        for key, number, next_at, _status in ahead[row.correlation_id]:
            if number < row.part_no and key < row.pk and key not in here:
                until = max(next_at, now + BEHIND_AN_EARLIER_PART)
                blocked[row.pk] = max(until, blocked.get(row.pk, until))
    for key, until in blocked.items():
        waiting = Notification.objects.filter(pk=key, status=State.PENDING)
        waiting.update(next_at=until, reason=Reason.PART_BEFORE, updated_at=now)
    return [row for row in rows if row.pk not in blocked]


# --- what goes ---------------------------------------------------------------------------------


def _choose(rows: list[Notification], lanes: Lanes, now: datetime, size: int) -> list[Notification]:
    """Return the batch in the order in which it goes: no more of a lane than it has places."""
    free: dict[tuple[str, str], int] = {}
    chosen: list[Notification] = []
    start = next(_places)
    for row in policy.in_order(rows, place=start):
        way = row.channel, row.target
        if way not in free:
            free[way] = lanes.of(*way).free(now)
        if free[way] > 0:
            free[way] -= 1
            chosen.append(row)
            if len(chosen) == size:
                break
    for _ in chosen[1:]:
        next(_places)
    return chosen


def _lease(chosen: list[Notification], worker: str, now: datetime) -> Claimed:
    """Claim the chosen ones, as many of them as nobody else has taken meanwhile."""
    claimed = Claimed()
    if not chosen:
        return claimed
    keys = [row.pk for row in chosen]
    found = {row.pk: row for row in statements.lease(keys, worker, now + policy.LEASE, now)}
    for key in keys:
        if row := found.get(key):
            claimed.rows.append(row)
            claimed.attempts[key] = row.last_attempt or 0  # type: ignore[attr-defined]
    return claimed
