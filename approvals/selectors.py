"""What can be read of callbacks and approvals."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from approvals.choices import EventState
from approvals.models import InboundEvent, ReconcileRun
from approvals.services import reconciling
from spc_site import clock

SILENT_AFTER = timedelta(seconds=3 * reconciling.INTERVAL_S)
"""After three turns without a success people are told."""


def reconcile_silent_minutes() -> int | None:
    """Return for how long no look for lost events has succeeded, where that is too long; None otherwise.

    Two queries at the most, none where no callback is set up.
    """
    if not settings.WECHAT_CALLBACK_TOKEN or not reconciling.is_wanted():
        return None
    last = reconciling.last_success()
    first = last or ReconcileRun.objects.order_by("began_at").values_list("began_at", flat=True).first()
    if first is None:
        return None  # nothing has been tried yet: the schedule takes its first turn by itself
    age = clock.now() - first
    return int(age.total_seconds() // 60) if age > SILENT_AFTER else None


def dead_events() -> int:
    """Return how many events wait for a person. One query."""
    return InboundEvent.objects.filter(state=EventState.DEAD).count()
