"""The one way in which a message changes its state: through the table of `notifications.policy`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
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


def move_locked(keys: Iterable[int], old: str, new: str, **fields: Any) -> int:
    """Bring messages from one state into another that the caller has locked and seen in the first."""
    if not policy.may(old, new):
        raise ValueError(f"{old} → {new} is no transition")
    return Notification.objects.filter(pk__in=list(keys)).update(status=new, **fields)


def update_unlocked(rows: QuerySet[Notification], **fields: Any) -> int:
    """Change those of many rows that nobody holds; return how many.

    Two processes that change the same many rows would else wait for each other in turn.
    """
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            free = rows.order_by("pk").select_for_update(skip_locked=True, of=("self",))
            rows = Notification.objects.filter(pk__in=free.values("pk"))
        return rows.update(**fields)


def move_unlocked(rows: QuerySet[Notification], new: str, **fields: Any) -> int:
    """Bring those of many messages into a state that nobody holds and that may go there."""
    fields.setdefault("updated_at", clock.now())
    return update_unlocked(rows.filter(status__in=policy.sources(new)), status=new, **fields)
