"""Limits against flooding: at creation, per source and per target, over the last minute.

The log of messages is the counter. Two partial indexes hold its rows by source and by target
without those that were withheld, so that one look at the N-th newest of the last minute
answers, however long the log is; no row is locked, and no counter is shared between
transactions that know nothing of each other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max
from django.db.models.functions import TruncMinute
from django.urls import reverse
from django.utils import timezone

from notifications.choices import Reason, State
from notifications.models import Flood, Notification
from spc_site import clock
from spc_site.errors import AppError

log = logging.getLogger("notifications.flooding")

WINDOW = timedelta(seconds=60)
_SETTLES_AFTER = timedelta(seconds=5)
"""A transaction that began in a minute may commit a little later."""
_LOOKS_BACK = timedelta(days=1)
_MOST_TOLD = 20
"""So many targets are told in one turn at most: the telling must not flood, either."""


def is_over(source: str, target: str, settings: Mapping[str, Any]) -> bool:
    """Say whether one more message would exceed a limit; at most two queries of one index each."""
    return (bool(source) and _is_full("source", source, settings["most_per_source_minute"])) or _is_full(
        "target", target, settings["most_per_target_minute"]
    )


def _is_full(field: str, value: str, most: int) -> bool:
    """Look at the row that the limit counts up to; a limit of 0 is none."""
    if not most:
        return False
    since = timezone.now() - WINDOW
    recent = Notification.objects.filter(**{field: value}, created_at__gt=since).exclude(
        reason=Reason.FLOODED
    )
    return bool(recent.order_by("-created_at").values_list("created_at")[most - 1 : most])


def tell(now: datetime | None = None) -> int:
    """Keep what was withheld, by minute, source and target, and tell each target once how much.

    Runs every minute; counting a minute again changes nothing. Returns how many were told.
    """
    now = now or clock.now()
    settled = (now - _SETTLES_AFTER).replace(second=0, microsecond=0)
    withheld = (
        Notification.objects.filter(
            status=State.SUPPRESSED,
            reason=Reason.FLOODED,
            created_at__gte=_since(now),
            created_at__lt=settled,
        )
        .values("source", "channel", "target", minute=TruncMinute("created_at"))
        .annotate(count=Count("pk"))
        .order_by("minute", "-count")
    )
    told = 0
    for one in withheld:
        flood, is_new = Flood.objects.update_or_create(
            source=one["source"],
            channel=one["channel"],
            target=one["target"],
            minute=one["minute"],
            defaults={"withheld": one["count"]},
        )
        if is_new:
            log.warning("withheld %d messages of %r in one minute", flood.withheld, flood.source)
        if not flood.told_by and told < _MOST_TOLD and (message_id := _tell(flood)):
            flood.told_by = message_id
            flood.save(update_fields=["told_by"])
            told += 1
    return told


def _since(now: datetime) -> datetime:
    """Return from when to count: the last kept minute may have grown, older ones have settled."""
    last = Flood.objects.exclude(told_by="").aggregate(at=Max("minute"))["at"]
    return max(now - _LOOKS_BACK, last - WINDOW) if last else now - _LOOKS_BACK


def _tell(flood: Flood) -> str:
    """Ask for the summary of one flood; return its id, or nothing where it cannot be asked for.

    A target that takes no summary must not keep the others from theirs; it is tried again in the
    next minute.
    """
    try:
        with transaction.atomic():
            return _ask_for_summary(flood)
    except AppError as refused:
        log.error("flood %d cannot be told: %s", flood.pk, refused.code)
        return ""


def _ask_for_summary(flood: Flood) -> str:
    from notifications.services.requests import send_template_notification

    log_url = reverse("admin:notifications_notification_changelist", query={"reason__exact": "flooded"})
    return send_template_notification(
        "flood_summary",
        flood.target,
        {
            "source": flood.source or "—",
            "since": flood.minute,
            "suppressed": flood.withheld,
            "url": settings.FRONTEND_URL.rstrip("/") + log_url,
        },
        priority=2,
        channel=flood.channel,
        event="notifications.flooded",
        dedupe_key=f"notifications.flood:{flood.pk}",
        is_limited=False,
    )
