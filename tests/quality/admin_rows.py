"""A row of each model of dispositions, full of what a careless page would run as script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from approvals.models import OutgoingApproval
from quality.models import Disposition, DispositionForm
from tests import builders

_AT = datetime(2026, 3, 1, tzinfo=UTC)


def disposition(evil: str) -> Callable[[int], Disposition]:
    """Return what makes the n-th disposition, whose approval could not be handed in."""

    def make(number: int) -> Disposition:
        person = builders.person(first_name=evil[:100])
        outgoing = OutgoingApproval.objects.create(
            key=f"{evil}{number}",
            template_id=evil,
            creator=evil,
            contents=[],
            state="dead",
            error=evil,
            created_at=_AT,
        )
        row = Disposition.objects.create(
            iqc_report=builders.report(lot=f"{evil}{number}"[:80]),
            revision=1,
            decision="concession",
            quantity=number,
            unit="件",
            reason=evil,
            covers=[{"characteristic": 1, "name": evil, "what": evil, "digest": "", "closed": False}],
            outgoing=outgoing,
            sp_no=evil[:64],
            proposed_by=person,
            proposed_at=_AT,
        )
        row.events.create(at=_AT, state="proposed", actor=person, note=evil)
        return row

    return make


def form(evil: str) -> Callable[[int], DispositionForm]:
    """Return what makes the n-th approval form with a control; only one of them is active."""

    def make(number: int) -> DispositionForm:
        row = DispositionForm.objects.create(
            name=evil, template_id=f"{evil}{number}"[:128], is_active=number == 1
        )
        row.controls.create(control_id=evil, title=evil, text=evil)
        return row

    return make


def more_events(evil: str) -> Callable[[Disposition], None]:
    """Return what adds a line to the history of a disposition."""

    def add(row: Disposition) -> None:
        row.events.create(at=_AT, state="awaiting", actor=builders.person(), note=evil)

    return add


def more_controls(evil: str) -> Callable[[DispositionForm], None]:
    """Return what adds a control to a form."""

    def add(row: DispositionForm) -> None:
        row.controls.create(control_id=f"{evil}{row.controls.count()}", title=evil, text=evil)

    return add
