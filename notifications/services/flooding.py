"""Limits against flooding: at creation, per source and per target, over the last minute.

The log of messages is the counter. Two partial indexes hold its rows by source and by target
without those that were withheld, so that one look at the N-th newest of the last minute
answers, however long the log is; no row is locked, and no counter is shared between
transactions that know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from notifications.choices import Reason
from notifications.models import Notification

WINDOW = timedelta(seconds=60)


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
