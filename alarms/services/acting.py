"""What people do with one alarm: take it on, explain, assign, close."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.people import name_of
from alarms import events
from alarms.models import Alarm, AlarmEvent, AlarmStatus, Resolution
from spc_site.errors import AppError, Conflict


def _act(
    alarm: Alarm,
    change: Callable[[Alarm], list[str]],
    kind: str,
    *,
    user: User,
    note: str,
    at: datetime | None,
) -> Alarm:
    """Change one open alarm under its lock and write the line of its timeline."""
    at = at or timezone.now()
    with transaction.atomic():
        locked = Alarm.objects.select_for_update().get(pk=alarm.pk)
        if not locked.is_open:
            raise Conflict(_("此报警已经关闭。"))
        locked.save(update_fields=change(locked))
        AlarmEvent.objects.create(alarm=locked, at=at, kind=kind, actor=user, note=note)
        if kind == AlarmEvent.Kind.ACKNOWLEDGED:
            events.announce(events.alarm_acknowledged, [locked], by=user.get_username())
        if kind == AlarmEvent.Kind.RESOLVED:
            events.announce(events.alarm_resolved, [locked], by=user.get_username())
    return locked


def acknowledge(alarm: Alarm, *, user: User, at: datetime | None = None) -> Alarm:
    """Take an alarm on: whoever acknowledges becomes its owner if it has none."""
    at = at or timezone.now()

    def change(locked: Alarm) -> list[str]:
        if locked.status == AlarmStatus.ACKNOWLEDGED:
            raise Conflict(_("此报警已经有人受理。"))
        locked.status = AlarmStatus.ACKNOWLEDGED
        locked.acknowledged_at = at
        locked.owner = locked.owner or user
        return ["status", "acknowledged_at", "owner"]

    return _act(alarm, change, AlarmEvent.Kind.ACKNOWLEDGED, user=user, note="", at=at)


def explain(alarm: Alarm, *, user: User, cause: str, action: str, at: datetime | None = None) -> Alarm:
    """Write down why it happened and what is done about it."""
    cause, action = cause.strip(), action.strip()
    if not cause:
        raise AppError("cause_missing", _("请填写原因。"))

    def change(locked: Alarm) -> list[str]:
        locked.cause, locked.action = cause, action
        return ["cause", "action"]

    note = f"{cause} → {action}" if action else cause
    return _act(alarm, change, AlarmEvent.Kind.EXPLAINED, user=user, note=note, at=at)


def assign(alarm: Alarm, *, user: User, owner: User, at: datetime | None = None) -> Alarm:
    """Make somebody the owner."""

    def change(locked: Alarm) -> list[str]:
        locked.owner = owner
        return ["owner"]

    return _act(alarm, change, AlarmEvent.Kind.ASSIGNED, user=user, note=name_of(owner), at=at)


def resolve(alarm: Alarm, *, user: User, note: str = "", at: datetime | None = None) -> Alarm:
    """Close an alarm by hand; a cause must stand in it."""
    at = at or timezone.now()

    def change(locked: Alarm) -> list[str]:
        if not locked.cause:
            raise AppError("cause_missing", _("关闭之前请先填写原因。"))
        locked.status = AlarmStatus.RESOLVED
        locked.resolved_at = at
        locked.resolution = Resolution.BY_HAND
        locked.withheld = ""
        return ["status", "resolved_at", "resolution", "withheld"]

    return _act(alarm, change, AlarmEvent.Kind.RESOLVED, user=user, note=note, at=at)
