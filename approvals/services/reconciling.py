"""Find what no event told us of: approvals that were handed in, and open ones that moved meanwhile.

WeCom does not promise delivery, and lists approvals by when they were handed in: a form of last month
that is granted today is in no recent list. So several looks, whose cost does not grow with the years: the
list of the watched forms, for approvals that are not known here; those that WeCom lists as withdrawn after
the grant or deleted and that are not so here; the detail of every open one that nobody has asked about for
a while, and of those that we started; and the granted ones in turn, a few each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from approvals import client
from approvals.choices import StartState, Status
from approvals.models import Approval, OutgoingApproval, ReconcileRun, WatchedTemplate
from approvals.services import reading
from spc_site import clock
from spc_site.errors import AppError
from wecom.approvals import Approvals, ListingFailed

INTERVAL_S = 600
LOOK_BACK = timedelta(days=31)
"""What the first run looks at; later ones begin an hour before the last that succeeded."""

_OVERLAP = timedelta(hours=1)
_POLL_AFTER = timedelta(minutes=10)
_POLL_MOST = 300
_CHUNK = 500
_RECHECK_AFTER = timedelta(days=1)
_RECHECK_MOST = 20
_ENDED = (Status.WITHDRAWN_AFTER_GRANT, Status.DELETED)
_STANDS = (Status.GRANTED, Status.PAID)


def watch(template_id: str, name: str = "") -> WatchedTemplate:
    """Have the approvals of a form looked for. A new form is looked for over the last 31 days."""
    row, is_new = WatchedTemplate.objects.get_or_create(template_id=template_id, defaults={"name": name})
    if not is_new and (not row.is_active or (name and row.name != name)):
        row.is_active, row.name = True, name or row.name
        row.save(update_fields=["is_active", "name"])
    return row


def is_wanted() -> bool:
    """Tell whether there is anything to look for: a watched form, or an approval that is open."""
    return (
        WatchedTemplate.objects.filter(is_active=True).exists()
        or Approval.objects.filter(status=Status.IN_REVIEW).exists()
    )


def last_success() -> datetime | None:
    """Return when a run last came to its end. One query."""
    found: datetime | None = ReconcileRun.objects.filter(error="", ended_at__isnull=False).aggregate(
        last=Max("began_at")
    )["last"]
    return found


def reconcile(*, since: datetime | None = None, approvals: Approvals | None = None) -> ReconcileRun:
    """Look for lost events; the run is a row, also where it fails.

    `since` is when the approvals to look for were handed in at the earliest.
    """
    began = clock.now()
    templates = list(WatchedTemplate.objects.filter(is_active=True))
    last = last_success()
    usual = began - LOOK_BACK if last is None else last - _OVERLAP
    run = ReconcileRun(began_at=began, window_from=since or usual)
    try:
        wecom = approvals or client.approvals()
        for template in templates:
            # A form that came to be watched after the last run is looked for from the beginning.
            is_known = Approval.objects.filter(template_id=template.template_id).exists()
            start = run.window_from if is_known or since else min(run.window_from, began - LOOK_BACK)
            listed = list(
                wecom.numbers(
                    int(start.timestamp()), int(began.timestamp()) + 1, template_id=template.template_id
                )
            )
            run.listed += len(listed)
            run.recovered += _read_all(_unknown(listed), wecom)
            run.recovered += _read_all(_ended_unheard(template.template_id, began, wecom), wecom)
        run.recovered += _read_all(_started_unheard(), wecom)
        run.polled, moved = _poll(began, wecom)
        run.recovered += moved
    except ListingFailed as error:
        run.error = reading.in_words(error.outcome)
    except AppError as error:
        run.error = error.message[:500]
    run.ended_at = clock.now()
    run.save()
    return run


def _unknown(numbers: Iterable[str]) -> list[str]:
    numbers = list(numbers)
    known: set[str] = set()
    for start in range(0, len(numbers), _CHUNK):
        some = Approval.objects.filter(
            corp=settings.WECHAT_CORP_ID, sp_no__in=numbers[start : start + _CHUNK]
        )
        known.update(some.values_list("sp_no", flat=True))
    return [number for number in numbers if number not in known]


def _ended_unheard(template_id: str, began: datetime, wecom: Approvals) -> list[str]:
    """Return the numbers that ended at WeCom after their grant and stand here as granted."""
    span = int((began - LOOK_BACK).timestamp()), int(began.timestamp())
    ended = [
        number for status in _ENDED for number in wecom.numbers(*span, template_id=template_id, status=status)
    ]
    standing = Approval.objects.filter(
        corp=settings.WECHAT_CORP_ID, template_id=template_id, status__in=_STANDS, sp_no__in=ended[:_CHUNK]
    )
    return list(standing.values_list("sp_no", flat=True))


def _started_unheard() -> list[str]:
    """Return the numbers of approvals that we started and that no event told of."""
    started = OutgoingApproval.objects.filter(state=StartState.STARTED).order_by("-pk")
    return _unknown(started.values_list("sp_no", flat=True)[:_CHUNK])


def _read_all(numbers: Iterable[str], wecom: Approvals) -> int:
    return sum(reading.read_again(number, approvals=wecom) is not None for number in numbers)


def _poll(at: datetime, wecom: Approvals) -> tuple[int, int]:
    """Read the approvals that were not asked about lately; return how many, and how many moved."""
    ours = Approval.objects.filter(corp=settings.WECHAT_CORP_ID).order_by("asked_at")
    open_ones = ours.filter(status=Status.IN_REVIEW, asked_at__lt=at - _POLL_AFTER)[:_POLL_MOST]
    granted = ours.filter(status__in=_STANDS, asked_at__lt=at - _RECHECK_AFTER)[:_RECHECK_MOST]
    polled = moved = 0
    for rows in (open_ones, granted):
        for sp_no, status in list(rows.values_list("sp_no", "status")):
            found = reading.read_again(sp_no, approvals=wecom)
            polled += 1
            moved += found is not None and found.status != status
    return polled, moved
