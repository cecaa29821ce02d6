"""Run what is due, one event after the other, and keep account of how the points do."""

from __future__ import annotations

import logging
import os
import socket
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from hooks import policy
from hooks.events import hook_paused, hook_recovered
from hooks.models import EventState, HookEvent, HookPoint, HookRun, Outcome
from hooks.runner import Call, Result, Runner
from spc_site import clock, jobs
from spc_site.errors import AppError
from spc_site.jobs import Budget

log = logging.getLogger("hooks")

BELL = "hooks.run"
_LOOK_AT = 20


def has_due() -> bool:
    """Say whether an event waits whose point does not rest; one query for a system with hooks, else none."""
    return bool(settings.CUSTOMER) and _due(clock.now()).exists()


def run_due(*, budget_s: float = 20) -> int:
    """Run the hooks of what is due; return how many events were seen to.

    Raises HooksUnusable while the package cannot be loaded: nothing is claimed then, and the bell
    rests. Any number of processes may do this beside each other.
    """
    if not settings.CUSTOMER:
        return 0
    budget, seen = Budget(budget_s), 0
    owner = f"{socket.gethostname()[:60]}:{os.getpid()}"
    with Runner() as runner:
        wanted = runner.wanted()
        while budget and (event := _claim(owner)) is not None:
            seen += 1
            if event.point not in wanted:
                _end(event, EventState.SKIPPED)
                continue
            began = clock.now()
            result = runner.run(_call_of(event))
            record(result, point=event.point, event=event, began=began)
    return seen


def _call_of(event: HookEvent) -> Call:
    return Call(
        point=event.point,
        event_id=event.event_id,
        payload=event.payload,
        occurred_at=event.occurred_at,
        schema=event.schema,
        attempt=event.attempts,
    )


# --- claiming -----------------------------------------------------------------------------------


def _due(now: datetime) -> Any:
    resting = HookPoint.objects.filter(paused_until__gt=now).values("name")
    return HookEvent.objects.due(now).exclude(point__in=resting)


def _claim(owner: str) -> HookEvent | None:
    """Take the event that has waited longest, with a lease.

    One whose lease has run out was lost by whoever had it, perhaps because of what the hook did:
    that counts as a try, and is written down.
    """
    now = clock.now()
    until = now + timedelta(seconds=settings.HOOK_TIMEOUT) + policy.LEASE_SLACK
    for event in _due(now).order_by("next_at", "pk")[:_LOOK_AT]:
        was_lost = event.state == EventState.RUNNING
        with transaction.atomic():
            mine = HookEvent.objects.filter(pk=event.pk, state=event.state, attempts=event.attempts)
            attempt = event.attempts + 1
            claimed = mine.filter(next_at=event.next_at).update(
                state=EventState.RUNNING, attempts=attempt, next_at=until, lease_owner=owner
            )
            if not claimed:
                continue
            if was_lost:
                lost = Result(outcome=Outcome.LOST, error=f"lost by {event.lease_owner}")
                _write(lost, point=event.point, event=event, began=event.next_at)
                _count(event.point, lost, now)
        event.state, event.attempts, event.next_at, event.lease_owner = (
            EventState.RUNNING,
            attempt,
            until,
            owner,
        )
        if was_lost and policy.retry_after(attempt - 1) is None:
            _end(event, EventState.FAILED)
            continue
        return event
    return None


# --- the account of a run ---------------------------------------------------------------------------


def record(result: Result, *, point: str, event: HookEvent | None, began: datetime) -> None:
    """Write down a run, what becomes of its event, and how the point does."""
    now = clock.now()
    with transaction.atomic():
        _write(result, point=point, event=event, began=began)
        _count(point, result, now)
        if event is not None:
            _go_on(event, result, now)
    if not result.is_ok:
        said = _storable(result.error)
        log.warning("hook failed: point=%s outcome=%s error=%s", point, result.outcome, said)


def _write(result: Result, *, point: str, event: HookEvent | None, began: datetime) -> None:
    HookRun.objects.create(
        event=event,
        event_id_text=event.event_id if event else "",
        point=point,
        attempt=max(event.attempts, 1) if event else 1,
        started_at=began,
        duration_ms=result.duration_ms,
        outcome=result.outcome,
        error=_storable(result.error)[:255],
        traceback=_storable(result.traceback),
        output=_storable(result.output),
    )


def _storable(text: str) -> str:
    """Return text as every database takes it: a hook may have printed anything."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _go_on(event: HookEvent, result: Result, now: datetime) -> None:
    pause = policy.retry_after(event.attempts)
    if result.is_ok:
        _end(event, EventState.DONE)
    elif pause is None:
        _end(event, EventState.FAILED)
    else:
        _mine(event).update(state=EventState.PENDING, next_at=now + pause, lease_owner="")


def _end(event: HookEvent, state: EventState) -> None:
    now = clock.now()
    _mine(event).update(state=state, next_at=now, finished_at=now, lease_owner="")


def _mine(event: HookEvent) -> Any:
    """The event, unless the lease ran out and somebody else has it by now."""
    return HookEvent.objects.filter(
        pk=event.pk, state=EventState.RUNNING, lease_owner=event.lease_owner, attempts=event.attempts
    )


def _count(name: str, result: Result, now: datetime) -> None:
    """Keep a point's failures in a row; the fifth pauses it, and so does each one after a pause."""
    HookPoint.objects.bulk_create([HookPoint(name=name)], ignore_conflicts=True)
    point = HookPoint.objects.select_for_update().get(name=name)
    if result.is_ok:
        had_paused = point.paused_until is not None
        point.failures, point.paused_until, point.last_ok_at = 0, None, now
        point.save(update_fields=["failures", "paused_until", "last_ok_at"])
        if had_paused:
            hook_recovered.send_robust(sender=HookPoint, point=point)
        return
    point.failures += 1
    point.last_failed_at, point.last_error = now, _storable(result.error or result.outcome)[:255]
    if point.failures >= policy.PAUSE_AFTER:
        point.paused_until = now + policy.PAUSE
    point.save(update_fields=["failures", "last_failed_at", "last_error", "paused_until"])
    if point.failures >= policy.PAUSE_AFTER:
        log.error("hook paused: point=%s failures=%d", name, point.failures)
        hook_paused.send_robust(sender=HookPoint, point=point)


# --- by hand -----------------------------------------------------------------------------------------


def resume(point: HookPoint) -> None:
    """Let a paused point go on at once, with a clean record. Raises AppError if it is not paused."""
    with transaction.atomic():
        locked = HookPoint.objects.select_for_update().get(pk=point.pk)
        if locked.paused_until is None:
            raise AppError("not_paused", _("没有暂停。"))
        locked.failures, locked.paused_until = 0, None
        locked.save(update_fields=["failures", "paused_until"])
        hook_recovered.send_robust(sender=HookPoint, point=locked)
    jobs.enqueue(BELL)


def retry(event: HookEvent) -> None:
    """Let a failed (or skipped, or done) event run again, with all its tries. Raises AppError otherwise."""
    ended = (EventState.FAILED, EventState.SKIPPED, EventState.DONE)
    now = clock.now()
    again = HookEvent.objects.filter(pk=event.pk, state__in=ended)
    if not again.update(state=EventState.PENDING, attempts=0, next_at=now, finished_at=None):
        raise AppError("not_ended", _("仍在等待或执行中。"))
    jobs.enqueue(BELL)


# --- retention ---------------------------------------------------------------------------------------


def forget_old(*, budget_s: float = 60) -> int:
    """Delete events that ended, and runs, before the days that are kept; in short transactions."""
    before, budget, gone = clock.now() - timedelta(days=settings.HOOK_KEEP_DAYS), Budget(budget_s), 0
    waiting = (EventState.PENDING, EventState.RUNNING)
    old = (
        HookRun.objects.filter(started_at__lt=before).exclude(event__state__in=waiting),
        HookEvent.objects.filter(finished_at__lt=before),
        # Of a customer whose hooks are gone: nobody runs them any more.
        HookEvent.objects.filter(occurred_at__lt=before, state=EventState.PENDING, attempts=0),
    )
    for rows in old:
        while budget and (keys := list(rows.order_by("pk").values_list("pk", flat=True)[:200])):
            gone += rows.model.objects.filter(pk__in=keys).delete()[0]
    return gone
