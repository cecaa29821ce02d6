"""What can be done with alarms. The only writer of `Alarm` and `AlarmEvent`.

Raising and recovering take many at once in a constant number of queries, because a report
may bring thousands. At most one alarm per key is open: the database sees to it, and whoever
loses a race joins the winner's episode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from alarms.models import SEVERITY_ORDER, Alarm, AlarmEvent, AlarmStatus, Severity
from spc_site.errors import AppError, Conflict

_CHUNK = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRequest:
    """What somebody found abnormal; `key` names the thing, not the moment."""

    key: str
    source: str
    title: str
    severity: str = Severity.WARNING
    description: str = ""
    value: str = ""
    threshold: str = ""
    link: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm after it was raised: a new episode, a worse one, or the same again."""

    alarm: Alarm
    is_new: bool
    is_escalated: bool


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


def _open_by_key(keys: Iterable[str]) -> dict[str, Alarm]:
    found: dict[str, Alarm] = {}
    for some in _chunks(list(keys)):
        for alarm in Alarm.objects.select_for_update().open().filter(key__in=some):
            found[alarm.key] = alarm
    return found


def raise_alarm(request: AlarmRequest, *, at: datetime | None = None) -> Raised:
    """Open an episode, or join the open one of the same key."""
    return raise_alarms([request], at=at)[0]


def raise_alarms(requests: Sequence[AlarmRequest], *, at: datetime | None = None) -> list[Raised]:
    """Open an episode per key, or join the open one; a higher severity escalates it.

    Returns one `Raised` per distinct key, in the order of their first request.
    """
    at = at or timezone.now()
    wanted = {request.key: request for request in requests}
    for attempt in (1, 2):
        try:
            with transaction.atomic():
                return _raise(wanted, at)
        except IntegrityError:
            # Somebody opened one of the keys between our look and our write: look again.
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def _raise(wanted: dict[str, AlarmRequest], at: datetime) -> list[Raised]:
    existing = _open_by_key(wanted)
    fresh = [
        Alarm(
            key=request.key,
            source=request.source,
            subject=request.subject,
            severity=request.severity,
            title=request.title[:255],
            description=request.description,
            value=request.value,
            threshold=request.threshold,
            link=request.link,
            triggered_at=at,
            last_seen_at=at,
        )
        for key, request in wanted.items()
        if key not in existing
    ]
    Alarm.objects.bulk_create(fresh, batch_size=_CHUNK)
    events = [
        AlarmEvent(alarm=alarm, at=at, kind=AlarmEvent.Kind.RAISED, note=alarm.title) for alarm in fresh
    ]
    result = {alarm.key: Raised(alarm, is_new=True, is_escalated=False) for alarm in fresh}
    for key, alarm in existing.items():
        request = wanted[key]
        is_escalated = SEVERITY_ORDER[Severity(request.severity)] > SEVERITY_ORDER[Severity(alarm.severity)]
        alarm.occurrences += 1
        alarm.last_seen_at = at
        alarm.title = request.title[:255]
        alarm.description = request.description
        alarm.value = request.value
        alarm.threshold = request.threshold
        alarm.link = request.link
        alarm.subject = request.subject
        if is_escalated:
            alarm.severity = request.severity
        kind = AlarmEvent.Kind.ESCALATED if is_escalated else AlarmEvent.Kind.REPEATED
        events.append(AlarmEvent(alarm=alarm, at=at, kind=kind, note=alarm.title))
        result[key] = Raised(alarm, is_new=False, is_escalated=is_escalated)
    if existing:
        Alarm.objects.bulk_update(
            existing.values(),
            [
                "occurrences",
                "last_seen_at",
                "title",
                "description",
                "value",
                "threshold",
                "link",
                "subject",
                "severity",
            ],
            batch_size=_CHUNK,
        )
    AlarmEvent.objects.bulk_create(events, batch_size=_CHUNK)
    return [result[key] for key in wanted]


def open_keys(*, prefix: str) -> set[str]:
    """Return the keys of open alarms that begin so; one query."""
    return set(Alarm.objects.open().filter(key__startswith=prefix).values_list("key", flat=True))


def recover(keys: Iterable[str], *, note: str = "", at: datetime | None = None) -> int:
    """Resolve the open alarms of things that are in order again; return how many there were."""
    at = at or timezone.now()
    keys = list(dict.fromkeys(keys))
    if not keys:
        return 0
    with transaction.atomic():
        alarms = list(_open_by_key(keys).values())
        for some in _chunks(alarms):
            Alarm.objects.filter(pk__in=[alarm.pk for alarm in some]).update(
                status=AlarmStatus.RESOLVED, resolved_at=at
            )
        AlarmEvent.objects.bulk_create(
            [AlarmEvent(alarm=alarm, at=at, kind=AlarmEvent.Kind.RESOLVED, note=note) for alarm in alarms],
            batch_size=_CHUNK,
        )
    return len(alarms)


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

    name = owner.get_full_name() or owner.get_username()
    return _act(alarm, change, AlarmEvent.Kind.ASSIGNED, user=user, note=name, at=at)


def resolve(alarm: Alarm, *, user: User, note: str = "", at: datetime | None = None) -> Alarm:
    """Close an alarm by hand; a cause must stand in it."""
    at = at or timezone.now()

    def change(locked: Alarm) -> list[str]:
        if not locked.cause:
            raise AppError("cause_missing", _("关闭之前请先填写原因。"))
        locked.status = AlarmStatus.RESOLVED
        locked.resolved_at = at
        return ["status", "resolved_at"]

    return _act(alarm, change, AlarmEvent.Kind.RESOLVED, user=user, note=note, at=at)


__all__ = [
    "AlarmRequest",
    "Raised",
    "acknowledge",
    "assign",
    "explain",
    "open_keys",
    "raise_alarm",
    "raise_alarms",
    "recover",
    "resolve",
]
