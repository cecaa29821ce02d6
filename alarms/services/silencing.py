"""Silences: set, end early, and what begins and ends with the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from alarms import matching
from alarms.models import Alarm, AlarmStatus, Silence, Withheld
from alarms.services import telling
from spc_site import clock
from spc_site.errors import AppError, Conflict

LONGEST = timedelta(days=90)
"""A silence has an end that somebody can remember."""


def silence(
    matchers: str,
    *,
    ends_at: datetime,
    user: User,
    reason: str,
    starts_at: datetime | None = None,
    at: datetime | None = None,
) -> Silence:
    """Keep people from being told of the alarms that match, for a time.

    Raises AppError when the matchers cannot be read, no reason is given, or the time is over before it
    begins or longer than `LONGEST`.
    """
    at = at or clock.now()
    starts_at = starts_at or at
    try:
        matching.validate(matchers)
    except ValidationError as error:
        raise AppError("bad_matchers", error.messages[0]) from error
    if not reason.strip():
        raise AppError("no_reason", _("请写明静默的原因。"))
    if ends_at <= max(starts_at, at):
        raise AppError("bad_period", _("静默的结束时间要晚于开始，也要晚于现在。"))
    if ends_at - starts_at > LONGEST:
        raise AppError("bad_period", _("静默最长 %(days)d 天。") % {"days": LONGEST.days})
    with transaction.atomic():
        row = Silence.objects.create(
            matchers="\n".join(line.strip() for line in matchers.splitlines() if line.strip()),
            starts_at=starts_at,
            ends_at=ends_at,
            author=user,
            reason=reason.strip()[:255],
            created_at=at,
        )
        hush_active(at=at)
    return row


def silence_alarm(
    alarm: Alarm, *, hours: int, user: User, reason: str = "", at: datetime | None = None
) -> Silence:
    """Silence exactly this alarm for so many hours from now."""
    at = at or clock.now()
    if not alarm.is_open:
        raise Conflict(_("此报警已经关闭。"))
    reason = reason.strip() or _("在报警页静默 %(hours)d 小时") % {"hours": hours}
    return silence(f"key={alarm.key}", ends_at=at + timedelta(hours=hours), user=user, reason=reason, at=at)


def end_silence(row: Silence, *, user: User, at: datetime | None = None) -> Silence:
    """End a silence now; people are told at once of what is still active."""
    at = at or clock.now()
    with transaction.atomic():
        locked = Silence.objects.select_for_update().get(pk=row.pk)
        if locked.ends_at <= at:
            raise Conflict(_("此静默已经结束。"))
        locked.ends_at, locked.starts_at, locked.ended_by = at, min(locked.starts_at, at), user
        locked.save(update_fields=["ends_at", "starts_at", "ended_by"])
        telling.tell_released(at=at)
    return locked


def hush_active(*, at: datetime | None = None) -> int:
    """Mark the active alarms on which a silence has begun to act; return how many.

    They are told again when the silence ends and nobody has acknowledged them.
    """
    at = at or clock.now()
    with transaction.atomic():
        loud = Alarm.objects.select_for_update().filter(status=AlarmStatus.ACTIVE, withheld="")
        hush = telling.Hush(at)
        if not hush.has_silences:
            return 0
        found = ((alarm, hush.of(alarm)) for alarm in loud.order_by("pk"))
        silenced = [(alarm, why) for alarm, why in found if why and why.reason == Withheld.SILENCED]
        return telling.withhold(silenced, at=at)
