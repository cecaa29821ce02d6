"""Start an approval from here: a row first, then the call, so that it is started once and not twice.

A lost answer to `oa/applyevent` may have started it. The form carries a mark of ours: before it is sent
again, the approvals of that form and hour are looked through for the mark.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from approvals import client, signals
from approvals.choices import StartState
from approvals.models import OutgoingApproval
from approvals.services import reading
from approvals.services.due import Due
from spc_site import clock, jobs
from spc_site.errors import AppError
from spc_site.jobs import Budget
from wecom.approvals import Approvals, ListingFailed
from wecom.errors import Action

MARK = "{mark}"
"""Stands in a form's texts where the mark is to be; without it a lost answer is for a person."""

DUE = Due(OutgoingApproval, state__in=(StartState.WAITING, StartState.SENDING, StartState.UNCERTAIN))
_LEASE = timedelta(minutes=2)
_SHOWN_AFTER = timedelta(seconds=30)
_DRAIN_S = 20.0


def start_approval(
    *,
    key: str,
    template_id: str,
    creator: str,
    contents: Sequence[Mapping[str, Any]],
    nodes: Sequence[Mapping[str, Any]] = (),
    summary: Sequence[str] = (),
    user: User | None = None,
) -> OutgoingApproval:
    """Have an approval handed in; the same `key` is handed in once.

    Parameters
        key          what it is for: `quality.concession:17`
        template_id  the form
        creator      the userid of the person in whose name it is
        contents     the controls with their values, as `oa/applyevent` takes them; a text that holds
                     `{mark}` gets the mark there
        nodes        the steps of its process; without them the form's own process is used
        summary      up to three lines for the list of approvals
    """
    if not creator:
        raise AppError("creator_missing", "the person who starts an approval needs a WeCom userid")
    mark = _new_mark()
    filled, is_marked = _marked(contents, mark)
    row, is_new = OutgoingApproval.objects.get_or_create(
        key=key,
        defaults={
            "template_id": template_id,
            "creator": creator,
            "contents": filled,
            "mark": mark if is_marked else "",
            "nodes": list(nodes),
            "summary": list(summary),
            "asked_by": user,
            "created_at": clock.now(),
            "next_at": clock.now(),
        },
    )
    if is_new:
        jobs.enqueue("approvals.start")
    return row


def _new_mark() -> str:
    return uuid4().hex[:12].upper()


def _marked(contents: Sequence[Mapping[str, Any]], mark: str) -> tuple[list[Any], bool]:
    """Return a form with its mark in it, and whether it has a place for one."""
    text = json.dumps(list(contents), ensure_ascii=False)
    return json.loads(text.replace(MARK, mark)), MARK in text


def start_due(*, budget: Budget | None = None) -> int:
    """Start the approvals that are due; return how many were looked at."""
    budget = budget or Budget(_DRAIN_S)
    done = 0
    while budget:
        row = DUE.rows().order_by("next_at").first()
        if row is None:
            break
        if not _claim(row):
            continue
        done += 1
        try:
            wecom = client.approvals()
        except AppError as error:
            _put_off(
                row,
                StartState.WAITING if row.state == StartState.WAITING else StartState.UNCERTAIN,
                error.message,
            )
            continue
        if row.state == StartState.WAITING:
            _start(row, wecom)
        else:
            # Its answer was lost, or who sent it was.
            _find(row, wecom)
    return done


def _claim(row: OutgoingApproval) -> bool:
    """Take a row for two minutes; it is `sending` from here on, so that a kill leaves it in doubt."""
    now = clock.now()
    values: dict[str, Any] = {"next_at": now + _LEASE}
    if row.state == StartState.WAITING:
        values |= {"state": StartState.SENDING, "sent_at": now}
    mine = OutgoingApproval.objects.filter(Q(pk=row.pk, state=row.state, next_at=row.next_at))
    return bool(mine.update(**values))


def _start(row: OutgoingApproval, wecom: Approvals) -> None:
    started = wecom.start(
        creator=row.creator,
        template_id=row.template_id,
        contents=row.contents,
        nodes=row.nodes,
        summary=row.summary,
    )
    outcome = started.outcome
    if outcome.ok and started.sp_no:
        _succeed(row, started.sp_no)
    elif outcome.ok or outcome.is_uncertain:
        _put_off(row, StartState.UNCERTAIN, reading.in_words(outcome))
    elif outcome.action is Action.WAIT:
        OutgoingApproval.objects.filter(pk=row.pk).update(
            state=StartState.WAITING, next_at=clock.now() + reading.AFTER_LIMIT
        )
    elif outcome.action in (Action.MESSAGE_DEAD, Action.CHANNEL_DEAD):
        _end(row, reading.in_words(outcome), sent_at=None)  # refused: surely not handed in
    else:
        _put_off(row, StartState.WAITING, reading.in_words(outcome))


def _find(row: OutgoingApproval, wecom: Approvals) -> None:
    """Look for an approval that may have been started; start it again only if it is not there."""
    assert row.sent_at is not None
    if not row.mark:
        _end(row, "the answer was lost and the form has no mark: look for it in WeCom before you retry")
        return
    if clock.now() < row.sent_at + _SHOWN_AFTER:  # WeCom's list may lag behind
        OutgoingApproval.objects.filter(pk=row.pk).update(
            state=StartState.UNCERTAIN, next_at=row.sent_at + _SHOWN_AFTER
        )
        return
    around = int(row.sent_at.timestamp())
    try:
        numbers = list(
            wecom.numbers(around - 600, int(clock.now().timestamp()) + 60, template_id=row.template_id)
        )
    except ListingFailed as error:
        _put_off(row, StartState.UNCERTAIN, reading.in_words(error.outcome))
        return
    for number in numbers:
        found = wecom.detail(number)
        if not found.outcome.ok:
            _put_off(row, StartState.UNCERTAIN, reading.in_words(found.outcome))
            return
        if row.mark in json.dumps(found.info, ensure_ascii=False):
            _succeed(row, number)
            return
    _put_off(row, StartState.WAITING, row.error)


def _succeed(row: OutgoingApproval, sp_no: str) -> None:
    _settle(row, state=StartState.STARTED, sp_no=sp_no, error="")


def _end(row: OutgoingApproval, why: str, **values: Any) -> None:
    _settle(row, state=StartState.DEAD, error=why[:500], **values)


def _settle(row: OutgoingApproval, **values: Any) -> None:
    """Write down how it ended, and tell the rooms above in the same transaction."""
    with transaction.atomic():
        OutgoingApproval.objects.filter(pk=row.pk).update(next_at=None, **values)
        row.refresh_from_db()
        signals.start_settled.send(OutgoingApproval, outgoing=row)


def _put_off(row: OutgoingApproval, state: StartState, why: str) -> None:
    attempts = row.attempts + 1
    if attempts > len(reading.PAUSES):
        OutgoingApproval.objects.filter(pk=row.pk).update(attempts=attempts)
        _end(row, why)
        return
    # In doubt the next step only looks: it can come soon.
    pause = _SHOWN_AFTER if state == StartState.UNCERTAIN else reading.PAUSES[attempts - 1]
    OutgoingApproval.objects.filter(pk=row.pk).update(
        state=state, attempts=attempts, error=why[:500], next_at=clock.now() + pause
    )


def retry(
    row: OutgoingApproval,
    *,
    template_id: str = "",
    contents: Sequence[Mapping[str, Any]] = (),
    summary: Sequence[str] = (),
) -> bool:
    """Hand in again what failed, after a person has seen to it; say whether it had failed.

    `template_id`, `contents` and `summary` replace the form where it is filled in anew. What may have been
    handed in is looked for by its mark first.
    """
    row.refresh_from_db()
    state = StartState.UNCERTAIN if row.mark and row.sent_at else StartState.WAITING
    values: dict[str, Any] = {"state": state, "attempts": 0, "next_at": clock.now()}
    if contents:
        mark = row.mark or _new_mark()
        filled, is_marked = _marked(contents, mark)
        values |= {
            "template_id": template_id or row.template_id,
            "contents": filled,
            "mark": mark if is_marked else "",
            "summary": list(summary),
        }
    changed = OutgoingApproval.objects.filter(pk=row.pk, state=StartState.DEAD).update(**values)
    if changed:
        jobs.enqueue("approvals.start")
    return bool(changed)


def give_up(row: OutgoingApproval, why: str) -> bool:
    """End for good one that is not at WeCom and that nobody waits for; say whether it could be ended."""
    not_there = OutgoingApproval.objects.filter(pk=row.pk, state__in=(StartState.WAITING, StartState.DEAD))
    return bool(not_there.update(state=StartState.GIVEN_UP, next_at=None, error=why[:500]))
