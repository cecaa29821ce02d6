"""What alarms tell the customer's hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Count, Q

from alarms.models import Alarm, AlarmStatus, Severity
from hooks.services import fire, fire_many, is_wanted


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


def fire_order_created(order: Mapping[str, Any]) -> None:
    """Fire for a new work order, given as `events` tell it."""
    fire("on_work_order_created", _facts_of_order(order), event_id=f"work_order:{order['id']}:created")


def fire_order_completed(order: Mapping[str, Any], *, by: str) -> None:
    """Fire for a completed work order, given as `events` tell it."""
    payload = {
        **_facts_of_order(order),
        "completed_at": order["completed_at"],
        "completed_by": by,
        "result": order["note"],
    }
    fire("on_work_order_completed", payload, event_id=f"work_order:{order['id']}:completed")


def _facts_of_order(order: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "work_order_id": order["id"],
        "alarm_id": order["alarm_id"],
        "title": order["title"],
        "description": order["description"],
        "key": order["key"],
        "assignee": order["owner"],
        "due_at": order["due_at"] or None,
        "created_at": order["created_at"],
        "link": urlsplit(order["url"]).path,
    }


def figures() -> dict[str, int]:
    """Return what the customer's own figures may be calculated from; one query."""
    counts = Alarm.objects.open().aggregate(
        alarms_open=Count("pk"),
        alarms_active=Count("pk", filter=Q(status=AlarmStatus.ACTIVE)),
        alarms_critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
    )
    return dict(counts)
