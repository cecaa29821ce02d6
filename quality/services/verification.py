"""Verify the statistics of the installed version, and keep what came out."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from quality import hooked
from quality.models import Verification
from quality.spc.verify import Run, verify
from spc_site import clock, jobs

GIVEN_UP_AFTER = timedelta(minutes=10)
"""A run takes seconds; one that began so long ago was killed and is begun again."""

KEPT_RUNS = 50
"""So many finished runs stay; each is a quarter of a megabyte."""

_State = Verification.State


def has_due() -> bool:
    """Say whether a run waits, or was cut off; one cheap query."""
    return Verification.objects.filter(_due()).exists()


def request_verification(*, user: User) -> Verification:
    """Ask for a run in the background; one that waits or goes on already is returned instead."""
    with transaction.atomic():
        under_way = Verification.objects.select_for_update().filter(
            state__in=(_State.WAITING, _State.RUNNING)
        )
        row = under_way.first() or Verification.objects.create(requested_by=user)
    jobs.enqueue("quality.verify")
    return row


def verify_due() -> int:
    """Do the runs that are due; return how many."""
    done = 0
    while (
        pk := Verification.objects.filter(_due()).order_by("pk").values_list("pk", flat=True).first()
    ) and (row := _claim(pk)):
        _finish(row, verify())
        done += 1
    return done


def record_verification(run: Run) -> Verification:
    """Keep a run that was done elsewhere: by the command."""
    return _finish(Verification(started_at=clock.now()), run)


def _due() -> Q:
    cut_off = Q(state=_State.RUNNING, started_at__lt=clock.now() - GIVEN_UP_AFTER)
    return Q(state=_State.WAITING) | cut_off


def _claim(pk: int) -> Verification | None:
    """Take a due run before another process does."""
    taken = Verification.objects.filter(_due(), pk=pk).update(state=_State.RUNNING, started_at=clock.now())
    return Verification.objects.get(pk=pk) if taken else None


def _finish(row: Verification, run: Run) -> Verification:
    row.result = run.to_dict()
    row.state = _State.EQUAL if run.passed else _State.DIFFERS
    row.case_count, row.check_count, row.failed_count = len(run.cases), len(run.checks), len(run.failed)
    row.versions, row.finished_at = dict(run.versions), clock.now()
    row.save()
    finished = Verification.objects.filter(state__in=(_State.EQUAL, _State.DIFFERS)).order_by("-pk")
    outdated = finished.values_list("pk", flat=True)[KEPT_RUNS:]
    Verification.objects.filter(pk__in=list(outdated)).delete()
    hooked.fire_verification(row)
    return row


__all__ = ["has_due", "record_verification", "request_verification", "verify_due"]
