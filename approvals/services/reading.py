"""Act on events: read the approval's detail, act on its status alone, fetch its files.

An event says only that something happened. Its own status may be old or new, and events come twice,
late and out of order: so whatever came, the detail is read, and what it says now is what counts. Of
two answers the one that was asked for later wins; a change that cannot be (a withdrawn approval that is
in review again) is an old answer, written down and not believed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from approvals import client, signals
from approvals.choices import MAY_FOLLOW, EventState, Status
from approvals.models import Approval, ApprovalChange, ApprovalFile, InboundEvent
from approvals.services import departments
from approvals.services.due import Due
from approvals.services.receiving import APPROVAL_CHANGED, CARD_CLICKED
from spc_site import clock, jobs
from spc_site.errors import AppError
from spc_site.jobs import Budget
from wecom import callback
from wecom.approvals import Approvals, file_ids
from wecom.errors import Action, Outcome

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60))
"""After so many failures an event waits for a person."""

AFTER_LIMIT = timedelta(seconds=60)
"""How long WeCom refuses a call that was made too often."""

_AT_ONCE = 100
_DRAIN_S = 20.0


DUE = Due(InboundEvent, state=EventState.WAITING)


def process_due(*, budget: Budget | None = None) -> int:
    """Act on the events that are due; return how many are done with.

    All events of one approval are answered by one look at it.
    """
    budget = budget or Budget(_DRAIN_S)
    done = 0
    while budget:
        events = list(DUE.rows().order_by("next_at", "pk")[:_AT_ONCE])
        if not events:
            break
        for subject, some in _by_subject(events):
            if not budget:
                return done
            done += _handle(subject, some)
    return done


def _by_subject(events: Sequence[InboundEvent]) -> list[tuple[tuple[str, str], list[InboundEvent]]]:
    found: dict[tuple[str, str], list[InboundEvent]] = {}
    for event in events:
        # Each click of a card is somebody's; of an approval only its last state matters.
        alone = str(event.pk) if event.event == CARD_CLICKED else ""
        found.setdefault((event.subject, alone), []).append(event)
    return list(found.items())


def _handle(subject: tuple[str, str], events: Sequence[InboundEvent]) -> int:
    try:
        if events[0].event == CARD_CLICKED:
            _click(events[0])
        elif not subject[0]:
            _bury(events, "the event names no approval")
        else:
            _read(subject[0], events)
    except AppError as error:
        _put_off(events, error.message)
    except Exception as error:
        # A receiver above failed: the same again later, and after that a person looks at it.
        _put_off(events, f"{type(error).__name__}: {error}")
        jobs.tally.add(failures=1)
    else:
        return len(events)
    return 0


def _click(event: InboundEvent) -> None:
    message = callback.parse(event.raw.encode())
    with transaction.atomic():
        signals.card_clicked.send(
            InboundEvent,
            key=message.value("EventKey"),
            user_id=message.value("FromUserName"),
            task_id=message.value("TaskId"),
            response_code=message.value("ResponseCode"),
        )
        _finish([event])


def _read(sp_no: str, events: Sequence[InboundEvent]) -> None:
    wecom = client.approvals()
    asked_at = clock.now()
    found = wecom.detail(sp_no)
    if found.outcome.ok:
        departments.learn(found.info)
        with transaction.atomic():
            taken = take_in(found.info, asked_at=asked_at)
            if taken.asked_at > asked_at and taken.detail_hash != digest_of(found.info):
                # Two looks at the same moment gave two answers: only a third one can tell.
                return
            _finish(events)
            # This look answers all that had come before it, however long the queue is.
            covered = InboundEvent.objects.filter(
                subject=sp_no, event=APPROVAL_CHANGED, state=EventState.WAITING, received_at__lte=asked_at
            )
            covered.update(state=EventState.DONE, handled_at=clock.now(), next_at=None, error="")
    elif found.outcome.action is Action.WAIT:
        later = clock.now() + AFTER_LIMIT
        InboundEvent.objects.filter(pk__in=[event.pk for event in events]).update(next_at=later)
    elif found.outcome.action is Action.MESSAGE_DEAD:
        _bury(events, in_words(found.outcome))
    else:
        _put_off(events, in_words(found.outcome))


def in_words(outcome: Outcome) -> str:
    """Return what went wrong, for the operator."""
    code = f" ({outcome.errcode} {outcome.errmsg})" if outcome.errcode else ""
    return f"{outcome.explanation}{code}"[:500]


def _finish(events: Sequence[InboundEvent]) -> None:
    InboundEvent.objects.filter(pk__in=[event.pk for event in events]).update(
        state=EventState.DONE, handled_at=clock.now(), next_at=None, error=""
    )


def _bury(events: Sequence[InboundEvent], why: str) -> None:
    InboundEvent.objects.filter(pk__in=[event.pk for event in events]).update(
        state=EventState.DEAD, handled_at=clock.now(), next_at=None, error=why[:500]
    )


def _put_off(events: Sequence[InboundEvent], why: str) -> None:
    now = clock.now()
    for event in events:
        event.attempts += 1
        event.error = why[:500]
        if event.attempts > len(PAUSES):
            event.state, event.next_at, event.handled_at = EventState.DEAD, None, now
        else:
            event.next_at = now + PAUSES[event.attempts - 1]
        InboundEvent.objects.filter(pk=event.pk, state=EventState.WAITING).update(
            attempts=event.attempts,
            error=event.error,
            next_at=event.next_at,
            **({"state": EventState.DEAD, "handled_at": now} if event.state == EventState.DEAD else {}),
        )


def retry(events: Sequence[InboundEvent]) -> int:
    """Have events that wait for a person, or for their time, done again now; return how many."""
    chosen = [event.pk for event in events if event.state in (EventState.DEAD, EventState.WAITING)]
    count = InboundEvent.objects.filter(pk__in=chosen).update(
        state=EventState.WAITING, attempts=0, next_at=clock.now(), handled_at=None
    )
    jobs.enqueue("approvals.events")
    return count


def read_again(sp_no: str, *, approvals: Approvals | None = None) -> Approval | None:
    """Read an approval now; return it, or None where WeCom does not know it.

    Raises AppError when WeCom cannot be asked.
    """
    wecom = approvals or client.approvals()
    asked_at = clock.now()
    found = wecom.detail(sp_no)
    if found.outcome.ok:
        departments.learn(found.info)
        with transaction.atomic():
            return take_in(found.info, asked_at=asked_at)
    if found.outcome.action is Action.MESSAGE_DEAD:
        return None
    raise AppError("wecom_failed", in_words(found.outcome))


# --- what a detail says -----------------------------------------------------------------------


def take_in(info: Mapping[str, Any], *, asked_at: datetime) -> Approval:
    """Write down what a detail says, and tell the rooms above if the status is another.

    Runs in a transaction of the caller's. Raises AppError for a detail that cannot be one.
    """
    sp_no, status = str(info.get("sp_no") or ""), _number(info.get("sp_status"))
    if not sp_no or status not in Status.values:
        raise AppError("detail_unreadable", f"detail without number or known status: {sp_no!r} {status!r}")
    digest = digest_of(info)
    corp = settings.WECHAT_CORP_ID
    applicant = departments.applicant_of(info)
    party = departments.number_of(info)
    approval, is_new = Approval.objects.select_for_update().get_or_create(
        corp=corp,
        sp_no=sp_no,
        defaults={
            "name": str(info.get("sp_name") or "")[:120],
            "template_id": str(info.get("template_id") or "")[:128],
            "status": status,
            "applicant_id": str(applicant.get("userid") or "")[:64],
            "department": party,
            "department_name": departments.name_of(party),
            "applied_at": _moment(info.get("apply_time")),
            "detail": dict(info),
            "detail_hash": digest,
            "asked_at": asked_at,
            "changed_at": asked_at,
        },
    )
    if is_new:
        _changed(approval, None, digest, asked_at)
        return approval
    if asked_at < approval.asked_at:
        return approval
    old = approval.status
    is_believed = status == old or status in MAY_FOLLOW[old]
    if not is_believed:
        ApprovalChange.objects.create(
            approval=approval,
            at=asked_at,
            old_status=old,
            new_status=status,
            is_believed=False,
            detail_hash=digest,
        )
        return approval
    approval.asked_at = asked_at
    fields = ["asked_at"]
    if not approval.department_name and (name := departments.name_of(approval.department)):
        approval.department_name = name
        fields.append("department_name")
    if digest != approval.detail_hash:
        approval.detail, approval.detail_hash = dict(info), digest
        fields += ["detail", "detail_hash"]
    if status != old:
        approval.status, approval.changed_at = status, asked_at
        fields += ["status", "changed_at"]
    approval.save(update_fields=fields)
    if status != old:
        _changed(approval, old, digest, asked_at)
    elif "detail" in fields:
        _note_files(approval, asked_at)
    return approval


def digest_of(info: Mapping[str, Any]) -> str:
    """Return what tells two details apart."""
    return hashlib.sha256(json.dumps(info, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _changed(approval: Approval, old: int | None, digest: str, at: datetime) -> None:
    ApprovalChange.objects.create(
        approval=approval, at=at, old_status=old, new_status=approval.status, detail_hash=digest
    )
    _note_files(approval, at)
    signals.approval_changed.send(Approval, approval=approval, old_status=old, new_status=approval.status)


def _note_files(approval: Approval, at: datetime) -> None:
    """Have the files of the form fetched that are not known yet."""
    wanted = [
        ApprovalFile(approval=approval, control_id=control[:128], file_id=file_id[:512], next_at=at)
        for control, file_id in file_ids(approval.detail)
    ]
    if wanted:
        ApprovalFile.objects.bulk_create(wanted, ignore_conflicts=True)
        jobs.enqueue("approvals.files")


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None


def _moment(value: object) -> datetime | None:
    seconds = _number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (OverflowError, OSError, ValueError):
        return None
