"""Deliver what is due: claim, send, record. Any number of processes may do so at once.

A claim is a conditional update with a lease. The start of an attempt is written before the
request leaves, its end after the answer; whoever dies between leaves an open attempt, and
the row is taken up again, marked as possibly doubled. No network call stands inside a
transaction, and nobody sleeps on a budget: what may not go yet gets a time.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Min

from notifications import channels, config, policy
from notifications.choices import Reason, State
from notifications.models import Budget as SendBudget
from notifications.models import Channel, DeliveryAttempt, Notification
from notifications.policy import Decision
from spc_site import clock
from spc_site.jobs import Budget, stop_requested

log = logging.getLogger("notifications.delivery")

_ERROR_LENGTH = 500


def has_due(now: datetime | None = None) -> bool:
    """Say whether anything may go now or was left by a dead process; two cheap queries."""
    now = now or clock.now()
    return (
        Notification.objects.filter(status=State.PENDING, next_at__lte=now).exists()
        or Notification.objects.filter(status=State.SENDING, lease_until__lte=now).exists()
    )


def oldest_due() -> datetime | None:
    """Return since when the oldest message that may go has been waiting."""
    due = Notification.objects.filter(status=State.PENDING, next_at__lte=clock.now())
    return due.aggregate(at=Min("next_at"))["at"]


def deliver_due(*, budget_s: float = 20) -> int:
    """Send everything that may go now, for at most `budget_s`; return how many were tried."""
    worker = f"{socket.gethostname()}:{os.getpid()}"
    budget = Budget(budget_s)
    tried = 0
    settings = config.load()
    while budget:
        reclaim_expired()
        rows = _claim(worker, settings["batch_size"])
        if not rows:
            break
        switches = {channel.code: channel for channel in Channel.objects.all()}
        for place, row in enumerate(rows):
            if stop_requested.is_set():
                for rest in rows[place:]:
                    _put_back(rest, State.PENDING, reason=rest.reason)
                break
            tried += _deliver(row, switches, worker=worker, retry_delay_s=settings["retry_delay"])
    return tried


def reclaim_expired(now: datetime | None = None) -> int:
    """Take back what a dead process had claimed; return how many rows.

    Where its attempt had begun, the message may have been shown: that attempt ends as
    uncertain and the row is marked.
    """
    now = now or clock.now()
    if not Notification.objects.filter(status=State.SENDING, lease_until__lte=now).exists():
        return 0
    with transaction.atomic():
        rows = list(
            _locked(Notification.objects.filter(status=State.SENDING, lease_until__lte=now)).order_by("pk")
        )
        begun = set(
            DeliveryAttempt.objects.filter(notification__in=rows, outcome="").values_list(
                "notification_id", flat=True
            )
        )
        DeliveryAttempt.objects.filter(notification__in=begun, outcome="").update(
            outcome=Decision.UNCERTAIN.value, explanation=Reason.LEASE_EXPIRED.label
        )
        for row in rows:
            row.status, row.lease_until, row.lease_owner = State.PENDING, None, ""
            if row.pk in begun:
                row.possible_duplicate, row.reason = True, Reason.LEASE_EXPIRED
        Notification.objects.bulk_update(
            rows, ["status", "lease_until", "lease_owner", "possible_duplicate", "reason"]
        )
    log.warning("took back %d messages of a dead process", len(rows))
    return len(rows)


def _locked(rows: Any) -> Any:
    """Lock rows that nobody else holds; SQLite's IMMEDIATE transaction locks all."""
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True)
    return rows


def _claim(worker: str, size: int) -> list[Notification]:
    now = clock.now()
    with transaction.atomic():
        due = Notification.objects.filter(status=State.PENDING, next_at__lte=now)
        rows = list(_locked(due).order_by("due_at", "pk")[:size])
        Notification.objects.filter(pk__in=[row.pk for row in rows], status=State.PENDING).update(
            status=State.SENDING, lease_until=now + policy.LEASE, lease_owner=worker
        )
    for row in rows:
        row.status, row.lease_until, row.lease_owner = State.SENDING, now + policy.LEASE, worker
    return rows


def _deliver(row: Notification, switches: dict[str, Channel], *, worker: str, retry_delay_s: float) -> int:
    """Bring one claimed row one step further; return 1 if a request was made."""
    switch = switches.get(row.channel)
    driver = channels.driver_for(row.channel)
    if driver is None:
        _put_back(row, State.HELD, reason=Reason.NO_DRIVER)
        return 0
    if switch is not None and not switch.is_enabled:
        _put_back(row, State.HELD, reason=Reason.CHANNEL_DISABLED)
        return 0
    try:
        credential = driver.credentials(row.target)[0]
    except channels.NotConfigured as missing:
        _put_back(row, State.HELD, reason=Reason.NO_ROBOT, error_message=str(missing)[:_ERROR_LENGTH])
        return 0
    timeout_s = switch.timeout_s if switch else 10
    lease_left = (row.lease_until - clock.now()).total_seconds() if row.lease_until else 0
    if lease_left < 2 * timeout_s and not _renew(row, 3 * timeout_s):
        return 0  # slow neighbours used up the lease of this batch, and another has the row by now
    number = _begin(
        row, credential.name, limit=switch.rate_limit if switch else 20, worker=worker, admit=driver.admit
    )
    if number is None:
        return 0
    started = time.monotonic()
    try:
        result = driver.deliver(
            row.payload, row.target, credential, timeout_s=timeout_s, message_id=row.message_id
        )
    except Exception:
        # A fault of ours, not of the wire: the message is kept, the neighbours go on.
        log.exception("delivery of message %s failed", row.message_id)
        result = channels.Result(Decision.UNCERTAIN, explanation="发送程序出错，详见日志")
    duration_ms = round((time.monotonic() - started) * 1000)
    _record(row, number, result, credential.name, duration_ms=duration_ms, retry_delay_s=retry_delay_s)
    return 1


def _renew(row: Notification, seconds: float) -> bool:
    """Hold a row longer, before its request leaves; False when it is not ours any more."""
    until = clock.now() + max(policy.LEASE, timedelta(seconds=seconds))
    held = Notification.objects.filter(pk=row.pk, lease_owner=row.lease_owner, status=State.SENDING)
    row.lease_until = until
    return bool(held.update(lease_until=until))


def _begin(
    row: Notification, budget_name: str, *, limit: int, worker: str, admit: Callable[[str], float]
) -> int | None:
    """Take one place of the budget and write the start of the attempt, in one transaction.

    Returns the attempt's number, or None after giving the row a later time.
    """
    now = clock.now()
    SendBudget.objects.get_or_create(name=budget_name)
    with transaction.atomic():
        budget = SendBudget.objects.select_for_update().get(name=budget_name)
        stamp = now.timestamp()
        recent = [at for at in budget.sent_at if stamp - at < policy.RATE_WINDOW.total_seconds()]
        if budget.is_dead:
            _put_back(row, State.HELD, reason=Reason.CHANNEL_DEAD, error_message=budget.note)
            return None
        if budget.blocked_until and budget.blocked_until > now:
            wake = budget.blocked_until
        elif len(recent) >= limit:
            oldest = min(sorted(recent)[-limit:])
            wake = now + policy.RATE_WINDOW - timedelta(seconds=stamp - oldest)
        elif wait_s := admit(row.target):
            # The recipients' own limit: others may go with this credential meanwhile.
            _put_back(row, State.PENDING, reason=Reason.RATE, next_at=now + timedelta(seconds=wait_s))
            return None
        else:
            budget.sent_at = [*recent, stamp]
            budget.save(update_fields=["sent_at"])
            number = row.attempts.count() + 1
            DeliveryAttempt.objects.create(
                notification=row,
                number=number,
                channel=row.channel,
                target=row.target,
                credential=budget_name,
                started_at=now,
                worker=worker,
            )
            return number
        _put_back(row, State.PENDING, reason=Reason.RATE, next_at=wake)
        # Whatever else waits for the same credential need not be claimed before then.
        Notification.objects.filter(
            status=State.PENDING, channel=row.channel, target=row.target, next_at__lt=wake
        ).update(next_at=wake, reason=Reason.RATE)
    return None


def _put_back(row: Notification, status: str, **fields: Any) -> None:
    Notification.objects.filter(pk=row.pk, lease_owner=row.lease_owner, status=State.SENDING).update(
        status=status, lease_until=None, lease_owner="", updated_at=clock.now(), **fields
    )


def _record(
    row: Notification,
    number: int,
    result: channels.Result,
    budget_name: str,
    *,
    duration_ms: int,
    retry_delay_s: float,
) -> None:
    """Write the end of the attempt and the message's new state, in one transaction."""
    now = clock.now()
    change = _outcome(row, result, now, retry_delay_s=retry_delay_s)
    with transaction.atomic():
        DeliveryAttempt.objects.filter(notification=row, number=number).update(
            outcome=result.decision.value,
            duration_ms=duration_ms,
            http_status=result.http_status,
            errcode=result.errcode,
            answer=result.answer[:_ERROR_LENGTH],
            explanation=result.explanation[:255],
        )
        mine = Notification.objects.filter(pk=row.pk)
        if result.decision is not Decision.SENT:
            # Success is written even if the lease was lost; anything else only by its holder.
            mine = mine.filter(status=State.SENDING, lease_owner=row.lease_owner)
        mine.update(lease_until=None, lease_owner="", updated_at=now, **change)
        _note_health(row.channel, budget_name, result, now)
    log.info("message %s attempt %d: %s", row.message_id, number, result.decision.value)


def _outcome(
    row: Notification, result: channels.Result, now: datetime, *, retry_delay_s: float
) -> dict[str, Any]:
    """Return the fields that one try changes in its message."""
    error = result.explanation[:_ERROR_LENGTH]
    if result.decision is Decision.SENT:
        return {
            "status": State.SENT,
            "reason": Reason.NONE,
            "sent_at": now,
            "error_message": "",
            "receipt": result.receipt,
            "missed": list(result.missed),
        }
    if result.decision is Decision.DEAD:
        return {"status": State.DEAD, "reason": result.reason or Reason.REFUSED, "error_message": error}
    if result.decision is Decision.CHANNEL_DEAD:
        return {"status": State.HELD, "reason": Reason.CHANNEL_DEAD, "error_message": error}
    if result.decision is Decision.WAIT:
        return {
            "status": State.PENDING,
            "reason": Reason.RATE,
            "next_at": now + policy.REST_AFTER_REFUSAL,
            "error_message": error,
        }
    is_uncertain = result.decision is Decision.UNCERTAIN and not result.is_repeatable
    if is_uncertain:
        lost = row.attempts.filter(outcome=Decision.UNCERTAIN.value).count() + 1
        if lost > policy.UNCERTAIN_RESENDS:
            return {
                "status": State.UNCERTAIN,
                "reason": Reason.ANSWER_LOST,
                "error_message": error,
                "possible_duplicate": row.possible_duplicate or lost > 1,
            }
    elif row.retry_count >= row.max_retries:
        if result.decision is Decision.UNCERTAIN:
            return {"status": State.UNCERTAIN, "reason": Reason.ANSWER_LOST, "error_message": error}
        return {"status": State.DEAD, "reason": Reason.RETRIES_USED, "error_message": error}
    wait = policy.backoff(row.retry_count + 1, base_s=retry_delay_s, luck=random.random())  # noqa: S311
    return {
        "status": State.PENDING,
        "reason": Reason.ANSWER_LOST if result.decision is Decision.UNCERTAIN else Reason.TRANSIENT,
        "retry_count": row.retry_count + 1,
        "next_at": now + wait,
        "error_message": error,
        "possible_duplicate": row.possible_duplicate or is_uncertain,
    }


def _note_health(channel: str, budget_name: str, result: channels.Result, now: datetime) -> None:
    """Keep the channel's health, and rest or stop a credential that was refused."""
    if result.decision is Decision.SENT:
        Channel.objects.filter(code=channel).update(last_ok_at=now, consecutive_failures=0)
        return
    Channel.objects.filter(code=channel).update(
        last_error_at=now,
        last_error=result.explanation[:255],
        consecutive_failures=F("consecutive_failures") + 1,
    )
    if result.decision is Decision.WAIT:
        SendBudget.objects.filter(name=budget_name).update(blocked_until=now + policy.REST_AFTER_REFUSAL)
    elif result.decision is Decision.CHANNEL_DEAD:
        SendBudget.objects.filter(name=budget_name).update(is_dead=True, note=result.explanation[:255])
