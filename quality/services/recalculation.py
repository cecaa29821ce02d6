"""Judge everything again after a change of settings, report by report, visibly and stoppably."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from quality.kinds import KINDS, Kind
from quality.models import Characteristic, Recalculation
from quality.services.judgement import judge_report, request_rejudgement
from spc_site import jobs
from spc_site.jobs import Budget


def has_due() -> bool:
    """Say whether a run goes on; one cheap query."""
    return Recalculation.objects.filter(state=Recalculation.State.RUNNING).exists()


def start_recalculation(*, user: User | None, characteristic: Characteristic | None = None) -> Recalculation:
    """Begin a run over all current entries, or those of one characteristic.

    One that already runs over the same is returned instead: settings are read when an entry is
    judged, but what it has passed must be judged again, so it starts over.
    """
    with transaction.atomic():
        running = Recalculation.objects.select_for_update().filter(
            state=Recalculation.State.RUNNING, characteristic=characteristic
        )
        total = sum(_entries(kind, characteristic).count() for kind in KINDS.values())
        run = running.first()
        if run is None:
            run = Recalculation.objects.create(characteristic=characteristic, requested_by=user, total=total)
        else:
            run.total, run.done, run.cursor = total, 0, {}
            run.save(update_fields=["total", "done", "cursor"])
    jobs.enqueue("quality.recalculate")
    return run


def cancel_recalculation(run: Recalculation) -> bool:
    """Stop a run; what it has judged stays. Says whether it was still running."""
    return bool(
        Recalculation.objects.filter(pk=run.pk, state=Recalculation.State.RUNNING).update(
            state=Recalculation.State.CANCELLED, finished_at=timezone.now()
        )
    )


def recalculate_due(*, budget_s: float = 50) -> int:
    """Go on with the oldest run for a while; return how many entries were judged."""
    budget, judged = Budget(budget_s), 0
    while budget:
        run = (
            Recalculation.objects.filter(state=Recalculation.State.RUNNING)
            .select_related("characteristic")
            .order_by("pk")
            .first()
        )
        if run is None:
            break
        judged += _one_report(run)
    return judged


def _entries(kind: Kind, characteristic: Characteristic | None) -> Any:
    entries = kind.entry_model.objects.current()
    return entries if characteristic is None else entries.filter(characteristic=characteristic)


def _one_report(run: Recalculation) -> int:
    """Judge the next report of a run, or end it; return how many entries were judged."""
    for kind in KINDS.values():
        last = run.cursor.get(kind.code, 0)
        report_id = (
            _entries(kind, run.characteristic)
            .filter(report_id__gt=last)
            .order_by("report_id")
            .values_list("report_id", flat=True)
            .first()
        )
        if report_id is None:
            continue
        entries = _entries(kind, run.characteristic).filter(report_id=report_id)
        count = request_rejudgement(entries)
        report = kind.report_model.objects.select_related("part", kind.party_field).get(pk=report_id)
        judge_report(report)
        Recalculation.objects.filter(pk=run.pk, state=Recalculation.State.RUNNING, done=run.done).update(
            done=F("done") + count, cursor={**run.cursor, kind.code: report_id}
        )
        return count
    Recalculation.objects.filter(pk=run.pk, state=Recalculation.State.RUNNING, done=run.done).update(
        state=Recalculation.State.DONE, finished_at=timezone.now()
    )
    return 0
