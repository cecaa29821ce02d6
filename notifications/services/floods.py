"""Tell of what the limits against flooding withheld: kept by minute, told to each target once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max
from django.db.models.functions import TruncMinute
from django.urls import reverse
from django.utils.translation import override

from notifications.choices import Reason, State
from notifications.models import Flood, Notification
from notifications.rendering import ByLanguage
from notifications.services.flooding import WINDOW
from notifications.services.requests import send_template_notification
from notifications.sources import label_of
from spc_site import clock
from spc_site.errors import AppError

log = logging.getLogger("notifications.flooding")

_SETTLES_AFTER = timedelta(seconds=5)
"""A transaction that began in a minute may commit a little later."""
_LOOKS_BACK = timedelta(days=1)
_MOST_TOLD = 20
"""So many targets are told in one turn at most: the telling must not flood, either."""


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


def _in_words(source: str) -> ByLanguage:
    """Return what people call a source, in each language."""
    found = {}
    for code, _name in settings.LANGUAGES:
        with override(code):
            found[code] = label_of(source) or "—"
    return ByLanguage(found)


def _ask_for_summary(flood: Flood) -> str:
    log_url = reverse("admin:notifications_notification_changelist", query={"reason__exact": "flooded"})
    return send_template_notification(
        "flood_summary",
        flood.target,
        {
            "source": _in_words(flood.source),
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
