"""Alarms about the delivery of messages: raised, told by another way, recovered, told again.

One alarm and one message for each episode; "recovered" is told to whom the trouble was told.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from alarms import services
from alarms.models import Alarm
from notifications import monitoring
from notifications.models import Notification, Trouble
from notifications.services import send_notification

SOURCE = "notifications"


def key_of(trouble: Trouble) -> str:
    return f"{SOURCE}.{trouble.key}"


def raise_for(trouble: Trouble) -> bool:
    """Open the alarm of a trouble, or join the open one, and tell people; say whether anybody was told.

    Called again while nobody could be told: then the alarm stays as it is.
    """
    with transaction.atomic(), override(settings.LANGUAGE_CODE):
        alarm = Alarm.objects.open().filter(key=key_of(trouble)).first()
        if alarm is None:
            alarm = services.raise_alarm(
                services.AlarmRequest(
                    key=key_of(trouble),
                    source=SOURCE,
                    severity=trouble.severity,
                    title=trouble.title,
                    description=trouble.description,
                    value=trouble.value,
                    threshold=trouble.threshold,
                    link=trouble.link,
                    subject=f"notifications.trouble:{trouble.key}"[:80],
                )
            ).alarm
        return _tell(alarm, trouble, heading=_("通知系统异常"), kind="trouble")


def recover_from(trouble: Trouble) -> bool:
    """Close the alarm of a trouble that has ended; tell those who were told of it."""
    with transaction.atomic(), override(settings.LANGUAGE_CODE):
        alarm = Alarm.objects.open().filter(key=key_of(trouble)).first()
        services.recover([key_of(trouble)], note=_("已恢复"))
        if alarm is None or not _told(alarm, "trouble"):
            return False
        return _tell(alarm, trouble, heading=_("通知系统已恢复"), kind="recovered")


def _dedupe_key(alarm: Alarm, kind: str) -> str:
    return f"alarm:{alarm.pk}:{kind}"


def _told(alarm: Alarm, kind: str) -> bool:
    return Notification.objects.filter(dedupe_key__startswith=f"{_dedupe_key(alarm, kind)}:").exists()


def _tell(alarm: Alarm, trouble: Trouble, *, heading: str, kind: str) -> bool:
    """Send one message to each way around the trouble; say whether there was any."""
    ways = monitoring.ways_around(trouble.avoid_channel, severity=trouble.severity)
    link = settings.FRONTEND_URL.rstrip("/") + alarm.get_absolute_url()
    content = f"### {heading}\n- **{_('异常')}**: {{title}}\n"
    values = {"title": trouble.title}
    if kind == "trouble":
        facts = {"description": _("说明"), "value": _("当前值"), "threshold": _("限值")}
        for name, label in facts.items():
            if text := getattr(trouble, name).replace("\n", " "):
                content += f"- **{label}**: {{{name}}}\n"
                values[name] = text
    content += f"- **{_('查看')}**: [{link}]({link})"
    for way, *reserves in ways:
        send_notification(
            heading,
            content,
            way.channel,
            way.target,
            1,
            values,
            event=monitoring.EVENT,
            source=SOURCE,
            fallbacks=reserves,
            is_limited=False,
            link=alarm.get_absolute_url(),
            subject=alarm.subject,
            dedupe_key=f"{_dedupe_key(alarm, kind)}:{way.channel}:{way.target}"[:160],
        )
    return bool(ways)
