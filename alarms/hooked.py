"""What alarms tell the customer's hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q

from alarms.models import Alarm, AlarmStatus, Severity
from hooks.services import fire_many, is_wanted


def fire_created(alarms: Sequence[Alarm]) -> None:
    """Fire for new episodes; one query for a hundred of them, none where no hook wants them."""
    if is_wanted("on_alarm_created"):
        fire_many("on_alarm_created", [(_facts(alarm), f"alarm:{alarm.pk}:created") for alarm in alarms])


def fire_resolved(alarms: Sequence[Alarm], *, by: str) -> None:
    """Fire for closed episodes; one query for a hundred of them, none where no hook wants them."""
    if is_wanted("on_alarm_resolved"):
        fire_many(
            "on_alarm_resolved",
            [
                (
                    {
                        **_facts(alarm),
                        "resolved_at": alarm.resolved_at,
                        "resolved_by": by,
                        "resolution": alarm.resolution,
                        "cause": alarm.cause,
                        "action": alarm.action,
                        "occurrences": alarm.occurrences,
                    },
                    f"alarm:{alarm.pk}:resolved",
                )
                for alarm in alarms
            ],
        )


def _facts(alarm: Alarm) -> dict[str, Any]:
    return {
        "alarm_id": alarm.pk,
        "key": alarm.key,
        "source": alarm.source,
        "subject": alarm.subject,
        "severity": alarm.severity,
        "title": alarm.title,
        "description": alarm.description,
        "value": alarm.value,
        "threshold": alarm.threshold,
        "triggered_at": alarm.triggered_at,
        "link": alarm.get_absolute_url(),
    }


def figures() -> dict[str, int]:
    """Return what the customer's own figures may be calculated from; one query."""
    counts = Alarm.objects.open().aggregate(
        alarms_open=Count("pk"),
        alarms_active=Count("pk", filter=Q(status=AlarmStatus.ACTIVE)),
        alarms_critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
    )
    return dict(counts)
