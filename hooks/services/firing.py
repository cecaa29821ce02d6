"""Fire a point: one row for each event, in the transaction of what happened."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone

from hooks import loader, points
from hooks.models import HookEvent
from hooks.services.running import BELL
from spc_site import jobs

log = logging.getLogger("hooks")


def is_wanted(point: str) -> bool:
    """Tell whether anybody listens at a point: ask before an expensive payload is put together.

    Costs nothing. While the hooks cannot be loaded every point counts as wanted: its events are
    kept for the time when they can. LookupError for an unknown point.
    """
    points.point(point)
    loaded = loader.current()
    return point in loaded.wanted or bool(loaded.problems)


def fire(point: str, payload: Mapping[str, Any], *, event_id: str | None = None) -> None:
    """Tell a point's hook, if there is one, that something happened.

    Writes one row in the caller's transaction (one query) and rings a bell after the commit; the
    hook runs later, elsewhere. Costs nothing at all, not even a look at the payload, where no
    customer is set or the customer's hooks leave the point alone. An event id that was fired before
    is the same event: nothing is written.

    Never fails because of the customer's code. What the caller did wrong (an unknown point, a
    payload that is not what the point promises) raises in tests and with DEBUG, and is logged in
    production, so that no business is lost for it.
    """
    fire_many(point, [(payload, event_id)])


def fire_many(point: str, events: Iterable[tuple[Mapping[str, Any], str | None]]) -> None:
    """Fire a point for many events, each `(payload, event_id)`: one query for about a hundred of them."""
    try:
        if not is_wanted(point):
            return
        now = timezone.now()
        rows = [_row(point, payload, event_id, now) for payload, event_id in events]
    except (LookupError, points.PayloadError):
        if settings.TESTING or settings.DEBUG:
            raise
        log.exception("hook not fired: point=%s", point)
        return
    if rows:
        HookEvent.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
        jobs.enqueue(BELL)


def _row(point: str, payload: Mapping[str, Any], event_id: str | None, now: Any) -> HookEvent:
    key = event_id or uuid.uuid4().hex
    if len(key) > 100:
        raise points.PayloadError(f"{point}: the event id {key!r} is longer than 100 characters")
    return HookEvent(
        event_id=key,
        point=point,
        schema=points.point(point).schema,
        payload_text=points.dumps(points.prepare(point, payload)),
        occurred_at=now,
        next_at=now,
    )
