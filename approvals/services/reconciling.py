"""Find what no event told us of: approvals that were handed in, and open ones that moved meanwhile.

WeCom does not promise delivery, and lists approvals by when they were handed in: a form of last month
that is granted today is in no recent list. So two looks: the list of the watched forms, for approvals
that are not known here; and the detail of every open one that nobody has asked about for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from approvals import client
from approvals.choices import Status
from approvals.models import Approval, ReconcileRun, WatchedTemplate
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


def watch(template_id: str, name: str = "") -> WatchedTemplate:
    """Have the approvals of a form looked for. A new form is looked for over the last 31 days."""
    row, is_new = WatchedTemplate.objects.get_or_create(template_id=template_id, defaults={"name": name})
    if not is_new and (not row.is_active or (name and row.name != name)):
        row.is_active, row.name = True, name or row.name
        row.save(update_fields=["is_active", "name"])
    return row


def unwatch(template_id: str) -> None:
    """Stop looking for the approvals of a form; what is known of it stays."""
    WatchedTemplate.objects.filter(template_id=template_id).update(is_active=False)


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


def _read_all(numbers: Iterable[str], wecom: Approvals) -> int:
    return sum(reading.read_again(number, approvals=wecom) is not None for number in numbers)


def _poll(at: datetime, wecom: Approvals) -> tuple[int, int]:
    """Read the open approvals that were not asked about lately; return how many, and how many moved."""
    open_ones = Approval.objects.filter(
        corp=settings.WECHAT_CORP_ID, status=Status.IN_REVIEW, asked_at__lt=at - _POLL_AFTER
    )
    polled = moved = 0
    for sp_no in list(open_ones.order_by("asked_at").values_list("sp_no", flat=True)[:_POLL_MOST]):
        found = reading.read_again(sp_no, approvals=wecom)
        polled += 1
        moved += found is not None and found.status != Status.IN_REVIEW
    return polled, moved
