"""The one way in which a message changes its state: through the table of `notifications.policy`."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import QuerySet

from notifications import policy
from notifications.models import Notification
from spc_site import clock


def move(rows: QuerySet[Notification], new: str, **fields: Any) -> int:
    """Bring messages into a state, those of them that may go there; return how many did."""
    fields.setdefault("updated_at", clock.now())
    return rows.filter(status__in=policy.sources(new)).update(status=new, **fields)


def locked(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    """Lock rows that nobody else holds; SQLite's IMMEDIATE transaction locks all."""
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def unlocked(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    """Return those rows that nobody holds, for a statement that changes many.

    Two processes that change the same many rows would else wait for each other in turn.
    """
    if connection.features.has_select_for_update_skip_locked:
        free = rows.order_by("pk").select_for_update(skip_locked=True, of=("self",))
        return Notification.objects.filter(pk__in=free.values("pk"))
    return rows
