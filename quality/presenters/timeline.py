"""What happened to an entry: imported, edited, judged, told, taken on, closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.people import name_of
from alarms.models import Alarm, AlarmEvent
from notifications.choices import STATE_TONES as MESSAGE_TONES
from notifications.choices import State
from notifications.models import Notification
from quality import wording
from quality.choices import STATUS_TONES, Origin, Status
from quality.models.reports import ReportEntry


@dataclass(frozen=True, slots=True)
class Event:
    """A line of what happened."""

    at: datetime
    tone: str
    text: str
    note: str = ""


def timeline(
    entry: ReportEntry, *, logs: Sequence[Any], alarm: Alarm | None, messages: Sequence[Notification]
) -> list[Event]:
    """Return what happened to an entry, oldest first: imported, edited, judged, told, taken on, closed."""
    events = [_imported(log) for log in logs if log.revision == entry.revision]
    if entry.edited_at:
        events.append(Event(entry.edited_at, "blue", _("数值已修改"), name_of(entry.edited_by)))
    if entry.judged_at:
        status = Status(entry.status)
        shorts = [wording.reason_short(reason, entry) for reason in entry.reasons]
        text = _("判定：%(verdict)s") % {"verdict": status.label}
        events.append(Event(entry.judged_at, STATUS_TONES[status], text, " · ".join(shorts)))
    events += [_told(message) for message in messages]
    if alarm is not None:
        events += [_alarm_event(event) for event in alarm.events.all()]
    return sorted(events, key=lambda event: event.at)


def _imported(log: Any) -> Event:
    origin = Origin(log.origin).label
    note = " · ".join(part for part in (log.file_name, name_of(log.imported_by)) if part)
    if log.revision > 1:
        text = _("导入更正版 %(revision)s（%(origin)s）") % {"revision": log.revision, "origin": origin}
    else:
        text = _("导入报告（%(origin)s）") % {"origin": origin}
    return Event(log.imported_at, "blue", text, note)


def _told(message: Notification) -> Event:
    words = {"target": message.target, "state": message.get_status_display()}
    tone = MESSAGE_TONES[State(message.status)]
    if message.status == State.SENT and message.sent_at:
        seconds = (message.sent_at - message.created_at).total_seconds()
        note = _("%(seconds)s 秒送达") % {"seconds": f"{seconds:.1f}"}
        return Event(message.sent_at, tone, _("已通知 %(target)s 群") % words, note)
    reason = message.get_reason_display() if message.reason else message.error_message
    return Event(message.created_at, tone, _("通知 %(target)s 群：%(state)s") % words, str(reason))


def _alarm_event(event: AlarmEvent) -> Event:
    kind = AlarmEvent.Kind(event.kind)
    text = _("报警%(what)s") % {"what": kind.label}
    is_by_system = kind in (AlarmEvent.Kind.RAISED, AlarmEvent.Kind.REPEATED, AlarmEvent.Kind.ESCALATED)
    note = "" if is_by_system else " · ".join(part for part in (name_of(event.actor), event.note) if part)
    return Event(event.at, event.tone, text, note)
