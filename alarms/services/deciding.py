"""Write into the timelines of open alarms what was decided about the thing that they speak of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from alarms.models import Alarm, AlarmEvent, Closing, Resolution
from alarms.services import raising, sources
from spc_site import clock


def record_decision(
    keys: Iterable[str],
    *,
    note: str,
    is_closing: bool = False,
    user: User | None = None,
    at: datetime | None = None,
) -> set[str]:
    """Note a decision on the open alarms of these keys; return the keys of those that it closed.

    `is_closing` says that the thing is accepted as it is. Where the rule of a source says that only people
    close, that is a line in the timeline and the alarm stays open. Two queries, and four where it closes.
    """
    at = at or clock.now()
    wanted = sorted(set(keys))
    if not wanted:
        return set()
    with transaction.atomic():
        found = [
            alarm
            for some in raising.chunks(wanted)
            for alarm in Alarm.objects.select_for_update().open().filter(key__in=some).order_by("pk")
        ]
        rules = sources.read() if is_closing and found else None
        closing = [alarm for alarm in found if rules and rules.of(alarm.source).closing != Closing.BY_HAND]
        AlarmEvent.objects.bulk_create(
            [
                AlarmEvent(alarm=alarm, at=at, kind=AlarmEvent.Kind.DECIDED, actor=user, note=note)
                for alarm in found
                if alarm not in closing
            ],
            batch_size=raising.CHUNK,
        )
        raising.close(closing, reason=Resolution.CONCESSION, note=note, at=at)
    return {alarm.key for alarm in closing}
