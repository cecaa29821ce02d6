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
from notifications.rendering import ByLanguage, Prepared
from notifications.services import send_template_notification
from wecom import markdown

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
        return _tell(alarm, trouble, template=_template_of(trouble), kind="trouble")


def recover_from(trouble: Trouble) -> bool:
    """Close the alarm of a trouble that has ended; tell those who were told of it."""
    with transaction.atomic(), override(settings.LANGUAGE_CODE):
        alarm = Alarm.objects.open().filter(key=key_of(trouble)).first()
        services.recover([key_of(trouble)], note=_("已恢复"))
        if alarm is None or not _told(alarm, "trouble"):
            return False
        return _tell(alarm, trouble, template="channel_recovered", kind="recovered")


def _template_of(trouble: Trouble) -> str:
    return "backlog" if trouble.key.partition(":")[0] == "backlog" else "channel_trouble"


def _dedupe_key(alarm: Alarm, kind: str) -> str:
    return f"alarm:{alarm.pk}:{kind}"


def _told(alarm: Alarm, kind: str) -> bool:
    return Notification.objects.filter(dedupe_key__startswith=f"{_dedupe_key(alarm, kind)}:").exists()


def _tell(alarm: Alarm, trouble: Trouble, *, template: str, kind: str) -> bool:
    """Send one message to each way around the trouble; say whether there was any."""
    ways = monitoring.ways_around(trouble.avoid_channel, severity=trouble.severity)
    values = {
        "title": trouble.title,
        "facts": ByLanguage({language: _facts(trouble, language) for language, _name in settings.LANGUAGES}),
        "url": settings.FRONTEND_URL.rstrip("/") + alarm.get_absolute_url(),
    }
    for way, *reserves in ways:
        send_template_notification(
            template,
            way.target,
            values,
            channel=way.channel,
            event=monitoring.EVENT,
            source=SOURCE,
            fallbacks=reserves,
            is_limited=False,
            link=alarm.get_absolute_url(),
            subject=alarm.subject,
            dedupe_key=f"{_dedupe_key(alarm, kind)}:{way.channel}:{way.target}"[:160],
        )
    return bool(ways)


def _facts(trouble: Trouble, language: str) -> Prepared:
    """Return the prepared lines of what is known about a trouble, in one language."""
    with override(language):
        known = (
            (_("说明"), trouble.description),
            (_("当前值"), trouble.value),
            (_("限值"), trouble.threshold),
        )
        return Prepared("\n".join(f"- **{label}**: {markdown.escape(text)}" for label, text in known if text))
