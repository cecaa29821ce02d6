"""Deliver what is due: claim, send, record. Any number of processes may do so at once.

A claim is a conditional update with a lease (`claiming`). The start of an attempt is written before
the request leaves, its end after the answer; whoever dies between leaves an open attempt, and the
row is taken up again, marked as possibly doubled. No network call stands inside a transaction, and
nobody sleeps on a budget: what may not go yet gets a time.

An error of the database ends the drain at once: what had been sent and could not be written down is
one message at the most, and it is marked when its lease runs out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Count, F, Min, Q

from notifications import channels, config, policy
from notifications.choices import Reason, State
from notifications.models import Budget as SendBudget
from notifications.models import Channel, DeliveryAttempt, Notification
from notifications.policy import Decision
from notifications.safety import mask_contacts
from notifications.services import cards, claiming, failover, statements
from notifications.services.claiming import Claimed, claim
from notifications.services.failover import Why
from notifications.services.lanes import Lane, Lanes
from notifications.services.states import locked, move
from spc_site import clock
from spc_site.jobs import Budget

log = logging.getLogger("notifications.delivery")

_ERROR_LENGTH = 500
_HEALTH_EVERY_S = 1.0
_PAUSE_AFTER_A_LOST_RACE_S = 0.01


def has_due(now: datetime | None = None) -> bool:
    """Say whether anything may go now or was left by a dead process; two cheap queries."""
    now = now or clock.now()
    return bool(statements.front(now, 1, ())) or _abandoned(now).exists()


def oldest_due() -> datetime | None:
    """Return since when the oldest message that may go has been waiting."""
    return claiming.due(clock.now()).aggregate(at=Min("next_at"))["at"]


def _abandoned(now: datetime) -> Any:
    """Rows whose lease is over; one further away than any lease is from before the clock went back."""
    over = Q(lease_until__lte=now) | Q(lease_until__gt=now + policy.LONGEST_LEASE)
    return Notification.objects.filter(over, status=State.SENDING)


@dataclass(slots=True)
class _Drain:
    """One drain: who sends, the settings it goes by, and what it remembers of the channels' health."""

    worker: str
    settings: dict[str, Any]
    ok_noted: dict[str, float] = field(default_factory=dict)


def deliver_due(*, budget_s: float = 20) -> int:
    """Send everything that may go now, for at most `budget_s`; return how many were tried."""
    drain = _Drain(f"{socket.gethostname()}:{os.getpid()}", config.load())
    budget = Budget(budget_s)
    tried = 0
    reclaim_expired()
    lanes: Lanes | None = None
    while budget:
        if lanes is None or lanes.is_old():
            lanes = Lanes()
        claimed = claim(drain.worker, drain.settings["batch_size"], lanes)
        if claimed.is_over:
            break
        if not claimed.rows:
            lanes = None
            time.sleep(_PAUSE_AFTER_A_LOST_RACE_S)
            continue
        tried += _deliver_batch(claimed, lanes, drain, budget)
    return tried


def reclaim_expired(now: datetime | None = None) -> int:
    """Take back what a dead process had claimed; return how many rows.

    Where its attempt had begun, the message may have been shown: that attempt ends as
    uncertain and the row is marked. One that was lost so more often than it may be sent again
    waits for a person: it may be what kills the process that sends it.
    """
    now = now or clock.now()
    if not _abandoned(now).exists():
        return 0
    with transaction.atomic():
        rows = list(locked(_abandoned(now)).order_by("pk").values_list("pk", flat=True))
        open_attempts = DeliveryAttempt.objects.filter(notification__in=rows, outcome="")
        begun = set(open_attempts.values_list("notification_id", flat=True))
        open_attempts.update(outcome=Decision.UNCERTAIN.value, explanation=Reason.LEASE_EXPIRED.label)
        worn = _lost_too_often(begun)
        free = {"lease_until": None, "lease_owner": ""}
        unsure = free | {"possible_duplicate": True, "reason": Reason.LEASE_EXPIRED}
        move(Notification.objects.filter(pk__in=set(rows) - begun), State.PENDING, next_at=now, **free)
        move(Notification.objects.filter(pk__in=begun - worn), State.PENDING, next_at=now, **unsure)
        move(Notification.objects.filter(pk__in=worn), State.UNCERTAIN, **unsure)
    log.warning("took back %d messages of a dead process", len(rows))
    if worn:
        log.error("%d messages took their process with them again: a person has to decide", len(worn))
    return len(rows)


def _lost_too_often(keys: set[int]) -> set[int]:
    """Return which of these messages have more uncertain attempts than they may be sent again for."""
    lost = DeliveryAttempt.objects.filter(notification__in=keys, outcome=Decision.UNCERTAIN.value)
    counted = lost.values("notification").annotate(times=Count("pk")).order_by()
    worn = counted.filter(times__gt=policy.UNCERTAIN_RESENDS)
    return set(worn.values_list("notification_id", flat=True))


@dataclass(slots=True)
class _Answered:
    """A request that was answered, not yet written down."""

    row: Notification
    lane: Lane
    number: int
    credential: channels.Credential
    result: channels.Result
    duration_ms: int


def _deliver_batch(claimed: Claimed, lanes: Lanes, drain: _Drain, budget: Budget) -> int:
    """Send the claimed rows in order; return how many requests were made.

    A success is written down together with the beginning of the next attempt: each send has its
    own record before the next one leaves, and a commit serves both.
    """
    tried = 0
    success: _Answered | None = None
    stopped_stories: dict[str, datetime] = {}
    for place, row in enumerate(claimed.rows):
        if not budget:
            _give_back(claimed.rows[place:], drain)
            break
        if row.part_count > 1 and (until := stopped_stories.get(row.correlation_id)):
            _put_back(row, State.PENDING, next_at=until, reason=Reason.PART_BEFORE)
            continue
        is_over = False
        lane = lanes.of(row.channel, row.target)
        now = clock.now()
        if _has_lease(row, lane.timeout_s, now) or _renew(row, lane.timeout_s):
            number = claimed.attempts[row.pk] + 1
            try:
                credential = _begin(row, lane, drain, number, success, now)
            except DatabaseError:
                if success is not None:  # what fails for the next one must not undo what was sent
                    with contextlib.suppress(DatabaseError):
                        _record_success(success, drain)
                raise
            success = None
            if credential is not None:
                tried += 1
                answered = _send(row, lane, number, credential)
                if answered.result.decision is Decision.SENT:
                    success = answered
                    is_over = True
                else:
                    is_over = _record_failure(answered, lanes, drain)
        if row.part_count > 1 and not is_over:
            stopped_stories[row.correlation_id] = max(row.next_at, clock.now())
    if success is not None:
        _record_success(success, drain)
    return tried


def _has_lease(row: Notification, timeout_s: float, now: datetime) -> bool:
    """Say whether the lease lasts for this request; one that has grown says that the clock was set."""
    assert row.lease_until is not None
    left = row.lease_until - now
    return timedelta(seconds=2 * timeout_s) <= left <= policy.LEASE + timedelta(seconds=1)


def _renew(row: Notification, timeout_s: float) -> bool:
    """Hold a row longer, before its request leaves; False when it is not ours any more."""
    row.lease_until = clock.now() + max(policy.LEASE, timedelta(seconds=3 * timeout_s))
    mine = Notification.objects.filter(pk=row.pk, lease_owner=row.lease_owner, status=State.SENDING)
    return bool(mine.update(lease_until=row.lease_until))


def _give_back(rows: list[Notification], drain: _Drain) -> None:
    """Give back what was claimed and not begun: another process takes it at once."""
    mine = Notification.objects.filter(pk__in=[row.pk for row in rows], status=State.SENDING)
    move(mine.filter(lease_owner=drain.worker), State.PENDING, lease_until=None, lease_owner="")


def _put_back(row: Notification, status: str, **fields: Any) -> None:
    """Let go of a claimed row before anything was sent."""
    row.next_at = fields.get("next_at", row.next_at)
    mine = Notification.objects.filter(pk=row.pk, lease_owner=row.lease_owner, status=State.SENDING)
    move(mine, status, lease_until=None, lease_owner="", **fields)


# --- begin ---------------------------------------------------------------------------------------


def _begin(
    row: Notification, lane: Lane, drain: _Drain, number: int, success: _Answered | None, now: datetime
) -> channels.Credential | None:
    """Take a place of one of the lane's budgets and write the start of the attempt.

    Writes down the success before it, too. Returns None after giving the row a later time.
    """
    assert lane.driver is not None
    if lane.driver.limits_recipients and lane.free(now):
        with transaction.atomic():
            if wait_s := lane.driver.admit(row.target):
                # The recipients' own limit: others may go with these credentials meanwhile.
                _write_down(success, None, now, drain)
                _put_back(row, State.PENDING, reason=Reason.RATE, next_at=now + timedelta(seconds=wait_s))
                return None
            credential, success = _start(row, lane, drain, number, success, now)
    else:
        credential, success = _start(row, lane, drain, number, success, now)
    if credential is not None:
        return credential
    _write_down(success, None, now, drain)
    if lane.obstacle is None:
        until = lane.opens_at(now)
        _put_back(row, State.PENDING, reason=Reason.RATE, next_at=until)
        claiming.put_off(lane, until, Reason.RATE, now)
    else:
        _put_back(row, State.PENDING)  # the next look at the queue finds what is to be done
    return None


def _start(
    row: Notification, lane: Lane, drain: _Drain, number: int, success: _Answered | None, now: datetime
) -> tuple[channels.Credential | None, _Answered | None]:
    """Begin with the first credential that has a place; None when all are spent, resting or dead.

    The log is written only if nobody has written it since it was read: so it stays exact with any
    number of processes, without a lock that is held while something is sent. Returns the success,
    too, as long as it is not written down.
    """
    for credential in lane.credentials:
        seen = lane.logs[credential.name]
        while seen.free(now):
            sends = policy.logged(seen.sends, seen.limit, now.timestamp())
            start = statements.Start(row, number, seen, sends, drain.worker)
            has_begun = _write_down(success, start, now, drain)
            success = None
            if has_begun:
                seen.sends, seen.turn = sends, seen.turn + 1
                return credential, None
            kept, _created = SendBudget.objects.get_or_create(name=seen.name)
            seen.see(kept)
    return None, success


# --- send and record -------------------------------------------------------------------------------


def _send(row: Notification, lane: Lane, number: int, credential: channels.Credential) -> _Answered:
    """Make the request."""
    assert lane.driver is not None
    started = time.monotonic()
    try:
        result = lane.driver.deliver(
            row.payload, row.target, credential, timeout_s=lane.timeout_s, message_id=row.message_id
        )
    except channels.NotConfigured as missing:
        result = channels.Result(Decision.RETRY, explanation=str(missing))  # its setting went meanwhile
    except DatabaseError:
        raise
    except Exception:
        # A fault of ours, not of the wire: the message is kept, the neighbours go on.
        log.exception("delivery of message %s failed", row.message_id)
        result = channels.Result(Decision.UNCERTAIN, explanation="发送程序出错，详见日志")
    duration_ms = round((time.monotonic() - started) * 1000)
    level = logging.DEBUG if result.decision is Decision.SENT else logging.INFO  # its row tells the rest
    log.log(level, "message %s attempt %d: %s", row.message_id, number, result.decision.value)
    return _Answered(row, lane, number, credential, result, duration_ms)


def _record_success(answered: _Answered, drain: _Drain) -> None:
    """Write down that a message was sent; it counts even if the lease was lost."""
    _write_down(answered, None, clock.now(), drain)


def _write_down(
    success: _Answered | None, start: statements.Start | None, now: datetime, drain: _Drain
) -> bool:
    """Write down a success and the beginning of the next attempt; say whether that has begun."""
    if success is None and start is None:
        return False
    if success is None:
        return statements.turn(None, start, now)
    _note_success(success.lane, now, drain)
    if success.result.card_code:
        cards.keep_sent(success.row, success.result.card_code, at=now)
    sent = statements.Sent(success.row.pk, success.number, success.result, success.duration_ms)
    return statements.turn(sent, start, now)


def _record_failure(answered: _Answered, lanes: Lanes, drain: _Drain) -> bool:
    """Write down what came of a request that was no success; say whether the message is at its end.

    Only the holder of the lease decides what becomes of the message.
    """
    row, lane, result = answered.row, answered.lane, answered.result
    now = clock.now()
    with transaction.atomic():
        statements.end_attempt(row.pk, answered.number, result, answered.duration_ms)
        _note_failure(lane, answered.credential.name, result, now)
        drain.ok_noted.pop(lane.channel, None)
        mine = Notification.objects.filter(pk=row.pk, status=State.SENDING, lease_owner=row.lease_owner)
        if not mine.exists():
            return True
        state, fields = _outcome(row, lane, lanes, result, now, drain)
        move(mine, state, lease_until=None, lease_owner="", updated_at=now, **fields)
        row.next_at = fields.get("next_at", row.next_at)
    return state in (State.DEAD, State.UNCERTAIN)


def _outcome(
    row: Notification, lane: Lane, lanes: Lanes, result: channels.Result, now: datetime, drain: _Drain
) -> tuple[str, dict[str, Any]]:
    """Return the state that a try without success brings its message to, and the fields that change."""
    error = result.explanation[:_ERROR_LENGTH]
    failed = {"error_message": error}
    if result.decision is Decision.DEAD:
        return State.DEAD, {"reason": result.reason or Reason.REFUSED, **failed}
    if row.is_test and result.decision is not Decision.WAIT:
        return _end_of_a_test(result, failed)
    if result.decision is Decision.CHANNEL_DEAD:
        if lane.obstacle is None:  # another robot of the pool takes it
            return State.PENDING, {"reason": Reason.FAILED_OVER, "next_at": now, **failed}
        if moved := failover.leave(row, Why.DEAD, lanes, now):
            return State.PENDING, moved | failed
        return State.HELD, {"reason": Reason.CHANNEL_DEAD, **failed}
    if result.decision is Decision.WAIT:
        wake = now if lane.free(now) else lane.opens_at(now)
        return State.PENDING, {"reason": Reason.RATE, "next_at": _or_late(row, wake, now), **failed}
    return _again(row, lane, lanes, result, now, drain, failed)


def _end_of_a_test(result: channels.Result, failed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A test is tried once: its answer is what the person who waits for it wants to see."""
    if result.decision is Decision.UNCERTAIN:
        return State.UNCERTAIN, {"reason": Reason.ANSWER_LOST, **failed}
    reasons = {Decision.CHANNEL_DEAD: Reason.CHANNEL_DEAD, Decision.RETRY: Reason.RETRIES_USED}
    return State.DEAD, {"reason": reasons[result.decision], **failed}


def _again(
    row: Notification,
    lane: Lane,
    lanes: Lanes,
    result: channels.Result,
    now: datetime,
    drain: _Drain,
    failed: dict[str, Any],
) -> tuple[str, dict[str, Any]]:
    """Return when a message is tried again after a passing failure, or how it ends.

    A lost answer may be asked for again as often as any other failure where the other side knows a
    repetition; else once, marked as possible double.
    """
    is_unsure = result.decision is Decision.UNCERTAIN
    may_double = is_unsure and not result.is_repeatable
    is_used_up = row.retry_count >= _max_retries(row, lane)
    if may_double:
        lost = row.attempts.filter(outcome=Decision.UNCERTAIN.value).count()
        is_used_up = is_used_up or lost > policy.UNCERTAIN_RESENDS
        failed["possible_duplicate"] = row.possible_duplicate or lost > 1
    if is_used_up:
        if moved := failover.leave(row, Why.UNSURE if is_unsure else Why.RETRIES, lanes, now):
            return State.PENDING, failed | moved
        if is_unsure:
            return State.UNCERTAIN, {"reason": Reason.ANSWER_LOST, **failed}
        return State.DEAD, {"reason": Reason.RETRIES_USED, **failed}
    if may_double:
        failed["possible_duplicate"] = True
    return State.PENDING, {
        "reason": Reason.ANSWER_LOST if is_unsure else Reason.TRANSIENT,
        "retry_count": row.retry_count + 1,
        "next_at": _or_late(row, now + _backoff(row, lane, drain), now),
        **failed,
    }


def _or_late(row: Notification, wake: datetime, now: datetime) -> datetime:
    """Return when to look at a message again: no later than when it is late and takes its next way."""
    late_at = failover.late_at(row)
    return late_at if late_at is not None and now < late_at < wake else wake


def _max_retries(row: Notification, lane: Lane) -> int:
    """Return how often a message is tried again: as its channel says, else as it was written."""
    if lane.switch is not None and lane.switch.max_retries is not None:
        return lane.switch.max_retries
    return row.max_retries


def _backoff(row: Notification, lane: Lane, drain: _Drain) -> timedelta:
    """Return the wait before the next try: the channel's numbers, else the settings'."""
    switch, settings = lane.switch, drain.settings
    base_s = switch.base_delay_s if switch and switch.base_delay_s else settings["retry_delay"]
    most_s = (
        switch.max_delay_s if switch and switch.max_delay_s else settings.get("max_delay", policy.MAX_DELAY_S)
    )
    factor = (switch.backoff_factor if switch else None) or settings.get(
        "backoff_factor", policy.BACKOFF_FACTOR
    )
    return policy.backoff(
        row.retry_count + 1,
        base_s=base_s,
        factor=factor,
        most_s=most_s,
        luck=random.random(),  # noqa: S311
    )


def _note_success(lane: Lane, now: datetime, drain: _Drain) -> None:
    """Keep the channel's health. A success after a success is written once a second: it is no news."""
    moment = time.monotonic()
    noted = drain.ok_noted.get(lane.channel)
    if noted is None or moment - noted >= _HEALTH_EVERY_S:
        Channel.objects.filter(code=lane.channel).update(last_ok_at=now, consecutive_failures=0)
        drain.ok_noted[lane.channel] = moment


def _note_failure(lane: Lane, credential: str, result: channels.Result, now: datetime) -> None:
    """Keep the channel's health, and rest or stop a credential that was refused."""
    Channel.objects.filter(code=lane.channel).update(
        last_error_at=now,
        last_error=mask_contacts(result.explanation)[:255],
        consecutive_failures=F("consecutive_failures") + 1,
    )
    seen = lane.logs[credential]
    budget = SendBudget.objects.filter(name=credential)
    if result.decision is Decision.WAIT:
        rest = max(policy.REST_AFTER_REFUSAL, timedelta(seconds=result.wait_s or 0))
        seen.blocked_until = now + rest
        budget.update(blocked_until=seen.blocked_until)
    elif result.decision is Decision.CHANNEL_DEAD:
        seen.is_dead, seen.note = True, result.explanation[:255]
        budget.update(is_dead=True, note=seen.note)
