"""Fetch the files of forms at once, and keep them: WeCom forgets them after three days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from approvals import client, signals
from approvals.choices import FileState
from approvals.models import ApprovalFile
from approvals.services.due import Due
from approvals.services.reading import AFTER_LIMIT, PAUSES, in_words
from spc_site import clock, jobs
from spc_site.errors import AppError
from spc_site.jobs import Budget
from spc_site.lib.hashing import content_hash
from wecom.app import App
from wecom.errors import Action
from wecom.transport import Download

KEPT_BY_WECOM = timedelta(days=3)
_MORE_PAUSES = (*PAUSES, timedelta(hours=4), timedelta(hours=12), timedelta(hours=24))
_AT_ONCE = 20
_DRAIN_S = 60.0


DUE = Due(ApprovalFile, state=FileState.WAITING)


def _next() -> Any:
    return DUE.rows().select_related("approval").defer("data").order_by("next_at", "pk")[:_AT_ONCE]


def fetch_due(*, budget: Budget | None = None) -> int:
    """Fetch the files that are due; return how many there were."""
    budget = budget or Budget(_DRAIN_S)
    done = 0
    while budget and (files := list(_next())):
        try:
            app = client.app(client.FILE_TIMEOUT_S)
        except AppError as error:
            for file in files:
                _put_off(file, error.message)
            continue
        for file in files:
            _fetch(app, file)
            done += 1
    return done


def _fetch(app: App, file: ApprovalFile) -> None:
    found = app.download_media(file.file_id)
    if found.outcome.ok:
        _store(file, found)
    elif found.outcome.action is Action.WAIT:
        ApprovalFile.objects.filter(pk=file.pk).update(next_at=clock.now() + AFTER_LIMIT)
    elif found.outcome.action in (Action.MESSAGE_DEAD, Action.UPLOAD):  # unknown, or forgotten by WeCom
        _settle(file, state=FileState.DEAD, error=in_words(found.outcome))
    else:
        _put_off(file, in_words(found.outcome))


def _store(file: ApprovalFile, found: Download) -> None:
    _settle(
        file,
        state=FileState.STORED,
        name=found.name,
        data=found.data,
        size=len(found.data),
        sha256=content_hash(found.data),
        error="",
    )


def _settle(file: ApprovalFile, **values: Any) -> None:
    """Write down how the fetching ended, and tell the rooms above in the same transaction."""
    with transaction.atomic():
        if not ApprovalFile.objects.filter(pk=file.pk, state=FileState.WAITING).update(
            next_at=None, **values
        ):
            return
        for name, value in values.items():
            setattr(file, name, value)
        signals.file_settled.send(ApprovalFile, file=file)


def _put_off(file: ApprovalFile, why: str) -> None:
    attempts = file.attempts + 1
    if attempts > len(_MORE_PAUSES):
        _settle(file, state=FileState.DEAD, attempts=attempts, error=why[:500])
        return
    ApprovalFile.objects.filter(pk=file.pk, state=FileState.WAITING).update(
        attempts=attempts, error=why[:500], next_at=clock.now() + _MORE_PAUSES[attempts - 1]
    )


def retry(file: ApprovalFile) -> None:
    """Fetch a file again that was given up; raises AppError for one that was not."""
    changed = ApprovalFile.objects.filter(pk=file.pk, state=FileState.DEAD).update(
        state=FileState.WAITING, attempts=0, next_at=clock.now()
    )
    if not changed:
        raise AppError("not_dead", _("不需要重新下载。"))
    jobs.enqueue("approvals.files")
