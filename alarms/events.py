"""What this room tells the others: Django signals, sent inside the transaction of what happened.

A receiver writes rows or rings a bell, which stand or fall with the event, and does nothing else: what
it does on the network would hold up the transaction, and an error of its own would undo the event. The
arguments are plain data, never rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from alarms import cards, hooked
from alarms.models import Alarm
from notifications import sources
from notifications.events import declare

alarm_created = Signal()
"""A new episode, also one that was over when it was found. Sent with `alarm` (a dict)."""

alarm_escalated = Signal()
"""An open alarm got worse: higher severity, or higher level. Sent with `alarm` (a dict)."""

alarm_acknowledged = Signal()
"""Somebody took it on. Sent with `alarm` (a dict) and `by` (a user name)."""

alarm_resolved = Signal()
"""It was closed; `alarm["resolution"]` says why. Sent with `alarm` (a dict) and `by` (a user name or "")."""

work_order_created = Signal()
"""Sent with `work_order` (a dict) and `by` (a user name, or "" when the system opened it)."""

work_order_completed = Signal()
"""Sent with `work_order` (a dict) and `by` (a user name)."""

declare("alarms.*", _("报警与工单"))
declare("alarms.raised", _("报警产生"))
declare("alarms.worsened", _("报警加重"))
declare("alarms.escalated", _("报警无人受理，逐级升级"))
declare("alarms.reminder", _("报警提醒"))
declare("alarms.resolved", _("报警解除"))
declare("alarms.work_order", _("工单"))

sources.declare("alarms", _("报警与工单"))
sources.declare("system", _("系统运行"))
sources.declare("hooks", _("客户扩展"))


def facts_of(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as plain data."""
    return {
        "id": alarm.pk,
        "key": alarm.key,
        "source": alarm.source,
        "subject": alarm.subject,
        "severity": alarm.severity,
        "level": alarm.level,
        "level_label": alarm.level_label,
        "status": alarm.status,
        "resolution": alarm.resolution,
        "title": alarm.title,
        "description": alarm.description,
        "value": alarm.value,
        "threshold": alarm.threshold,
        "labels": dict(alarm.labels),
        "group_key": alarm.group_key,
        "occurrences": alarm.occurrences,
        "cause": alarm.cause,
        "action": alarm.action,
        "triggered_at": _moment(alarm.triggered_at),
        "acknowledged_at": _moment(alarm.acknowledged_at),
        "resolved_at": _moment(alarm.resolved_at),
        "url": settings.FRONTEND_URL.rstrip("/") + alarm.get_absolute_url(),
    }


def _moment(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def announce(signal: Signal, alarms: Iterable[Alarm], **more: Any) -> None:
    """Tell the other rooms of each alarm, the customer's hooks of all, and the cards that show them."""
    alarms = list(alarms)
    if signal.has_listeners(Alarm):
        for alarm in alarms:
            signal.send(sender=Alarm, alarm=facts_of(alarm), **more)
    if signal is alarm_created:
        hooked.fire_created(alarms)
    elif signal is alarm_resolved:
        hooked.fire_resolved(alarms, **more)
    if signal in (alarm_acknowledged, alarm_resolved):
        cards.show(alarms)
