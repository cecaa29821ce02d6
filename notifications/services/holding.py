"""Messages that wait for a channel to be mended, and what lets them go on by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from notifications import config, policy
from notifications.choices import Reason, State, Verb
from notifications.credentials import label_of
from notifications.models import Budget, Channel, Notification
from notifications.services import audit, failover
from notifications.services.claiming import let_expire
from notifications.services.composing import add_parts, compose
from notifications.services.failover import Why
from notifications.services.lanes import Lane, Lanes
from notifications.services.states import locked, move
from spc_site import clock

OBSTACLES = (Reason.NO_ROBOT, Reason.NO_DRIVER, Reason.CHANNEL_DISABLED, Reason.CHANNEL_DEAD)
"""Why a message is held until somebody mends something; others are held until their time."""

WAITS = (Reason.RATE, Reason.GATHERING, Reason.PART_BEFORE, Reason.TRANSIENT, Reason.ANSWER_LOST)
"""Why delivery itself puts a message off."""

_MOST_MOVED = 500


def obstacle(channel: str, target: str) -> str:
    """Return why a target cannot be sent to now, in words; empty when it can."""
    found = Lanes().of(channel, target).obstacle
    return found.words if found else ""


def release_mended() -> int:
    """Let held messages go whose obstacle is gone, or that have another way by now; return how many.

    Runs every minute, so that a mended setting needs no second step. What is held for another
    reason than an obstacle goes when its time has come.
    """
    now = clock.now()
    held = Notification.objects.filter(status=State.HELD)
    released = move(held.exclude(reason__in=OBSTACLES).filter(next_at__lte=now), State.PENDING, reason="")
    lanes = Lanes()
    held = held.filter(reason__in=OBSTACLES)
    for channel, target in held.values_list("channel", "target").distinct().order_by():
        lane = lanes.of(channel, target)
        waiting = held.filter(channel=channel, target=target)
        if lane.obstacle is None:
            for row in waiting.filter(payload=""):
                _compose(row, lane)
            released += move(waiting, State.PENDING, reason="", error_message="", next_at=now)
        else:
            released += _take_another_way(waiting.exclude(fallbacks=[])[:_MOST_MOVED], lanes)
    return released


def _take_another_way(rows: Iterable[Notification], lanes: Lanes) -> int:
    """Move held messages whose own way is still dead to one that is not."""
    now = clock.now()
    moved = 0
    for row in rows:
        with transaction.atomic():
            mine = locked(Notification.objects.filter(pk=row.pk, status=State.HELD)).first()
            if mine is not None and (fields := failover.leave(mine, Why.DEAD, lanes, now)):
                moved += move(Notification.objects.filter(pk=row.pk), State.PENDING, **fields)
    return moved


def _compose(row: Notification, lane: Lane) -> None:
    """Freeze the payload of a row that was written before its channel had a driver.

    What it makes besides the first message gets rows of their own.
    """
    assert lane.driver is not None
    carried = list(row.attachments.all())
    parts = compose(lane.driver, row.title, row.content, row.target, lane.form, carried)
    first, count = parts[0], len(parts)
    row.payload, row.content, row.target = first.payload, first.content, first.target
    add_parts(row, parts, carried, part_count=count)
    row.part_count = count
    row.save(update_fields=["payload", "content", "target", "part_count", "updated_at"])


def mend(budget: Budget) -> int:
    """Trust a credential again after a person put it right; return how many messages go on."""
    before = (budget.is_dead, budget.note)
    budget.is_dead, budget.note, budget.blocked_until = False, "", None
    with transaction.atomic():
        budget.save(update_fields=["is_dead", "note", "blocked_until"])
        changes = {"is_dead": (before[0], False), "note": (before[1], "")}
        audit.record(Verb.MENDED, budget, name=label_of(budget.name), changes=changes)
    return release_mended()


def expire_overdue() -> int:
    """End what waits or is held beyond its time; return how many."""
    now = clock.now()
    return let_expire(Notification.objects.filter(expires_at__lte=now))


def wake_after_a_step_of_the_clock() -> int:
    """Let go what waits longer than delivery ever lets anything wait; return how many.

    Such a time was written before the clock was set back, and so were sends of the future in the
    logs of the budgets: they count as of now. A time that a person or a quiet hour gave is left
    alone.
    """
    now = clock.now()
    for budget in Budget.objects.all():
        _settle(budget, now)
    waits = [config.load().get("max_delay", policy.MAX_DELAY_S)]
    waits += [most for most in Channel.objects.values_list("max_delay_s", flat=True) if most]
    longest_s = max(waits) * (1 + policy.JITTER) + policy.RATE_WINDOW.total_seconds()
    soon = now + 2 * policy.LEASE
    put_off = Q(next_at__gt=now + timedelta(seconds=longest_s)) | Q(updated_at__gt=soon)
    at_once = Q(updated_at__gt=soon, next_at__lte=F("updated_at"))
    waiting = Notification.objects.filter(
        Q(put_off, reason__in=WAITS) | at_once,
        status=State.PENDING,
        priority__in=policy.SLACK,
        next_at__gt=now,
    )
    return waiting.update(next_at=now, updated_at=now)


def _settle(budget: Budget, now: datetime) -> None:
    """Bring a budget that is ahead of the clock back to it: its sends and its rest."""
    ahead_s = policy.ahead_s(budget.sent_at, now.timestamp())
    if not ahead_s:
        return
    rest = budget.blocked_until and budget.blocked_until - timedelta(seconds=ahead_s)
    Budget.objects.filter(pk=budget.pk, turn=budget.turn).update(
        sent_at=policy.settled(budget.sent_at, now.timestamp()), turn=budget.turn + 1, blocked_until=rest
    )
