"""Open, join, escalate and recover alarms: what finds that something is abnormal, or in order again.

All take many at once in a constant number of queries, because a report may bring thousands. At
most one alarm per key is open: the database sees to it, and whoever loses a race joins the
winner's episode. With `at` given, the same calls in the same order leave the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from alarms import events
from alarms.models import Alarm, AlarmEvent, AlarmStatus, Closing, Resolution, Severity, rank_of
from alarms.services import sources, telling
from notifications import rendering
from spc_site.bulk import update_many

CHUNK = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRequest:
    """What somebody found abnormal; `key` names the thing, not the moment.

    `level` orders what is worse within a severity, `level_label` is its word. `labels` are what
    silences and inhibition rules may match (`{"meter": "M12", "gateway": "G3"}`); alarms of one
    call with the same `group_key` become one message. `group` names the group of people (`IQC`,
    `ENERGY`); blank: the one of the source's rule.

    `is_told=True` has this room tell people: of a new alarm, of one that got worse, and when it
    recovers. `template` and `variables` are the sender's own words for a message about this alarm
    alone; `alarm_raised` speaks where there are none, and `alarm_digest` for several at once.
    With False whoever raises tells, after asking `telling.sift` what may be told. A new alarm is
    owned by `owner_id`, whom messages name and call.

    `happened_at` is when it began, where that is known better than "now": waiting for somebody counts
    from "now" all the same. `note` is what the timeline says of its closing (`raise_closed`).

    `is_continuing=True` says that the same condition was looked at once more: figures and words
    are brought up to date, without a line in the timeline and without counting.
    """

    key: str
    source: str
    title: str
    severity: str = Severity.WARNING
    description: str = ""
    value: str = ""
    threshold: str = ""
    link: str = ""
    subject: str = ""
    level: int = 0
    level_label: str = ""
    group_key: str = ""
    group: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    is_told: bool = False
    template: str = ""
    variables: Mapping[str, object] = field(default_factory=dict)
    is_continuing: bool = False
    happened_at: datetime | None = None
    note: str = ""
    owner_id: int | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm after it was raised: a new episode, a worse one, or the same again."""

    alarm: Alarm
    is_new: bool
    is_escalated: bool


_FROM_REQUEST = ("title", "description", "value", "threshold", "link", "subject", "labels", "wording")
_MAY_CHANGE = (
    *("occurrences", "last_seen_at", "severity", "level", "level_label", "status", "group_key", "group"),
    *("active_since", "acknowledged_at", "is_told", "calmed_at"),
    *_FROM_REQUEST,
)


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield parts that one statement can hold."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def _open_by_key(keys: Iterable[str]) -> dict[str, Alarm]:
    found: dict[str, Alarm] = {}
    for some in chunks(list(keys)):
        for alarm in Alarm.objects.select_for_update().open().filter(key__in=some):
            found[alarm.key] = alarm
    return found


def raise_alarm(request: AlarmRequest, *, at: datetime | None = None) -> Raised:
    """Open an episode, or join the open one of the same key."""
    return raise_alarms([request], at=at)[0]


def raise_alarms(requests: Sequence[AlarmRequest], *, at: datetime | None = None) -> list[Raised]:
    """Open an episode per key, or join the open one; a higher severity or level escalates it.

    An escalated alarm is active again, whoever had acknowledged it, and people are told again; the
    highest severity and level are kept. Returns one `Raised` per distinct key, in the order of
    their first request. Tells people, in the caller's transaction, where the requests say so.
    """
    at = at or timezone.now()
    wanted = {request.key: request for request in requests}
    if not wanted:
        return []
    for attempt in (1, 2):
        try:
            with transaction.atomic():
                raised = _raise(wanted, at)
                telling.tell(raised, at=at)
                return raised
        except IntegrityError:
            # Somebody opened one of the keys between our look and our write: look again.
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def _new(request: AlarmRequest, at: datetime, group: str) -> Alarm:
    alarm = Alarm(
        key=request.key,
        source=request.source,
        severity=request.severity,
        level=request.level,
        level_label=request.level_label[:40],
        group=group,
        group_key=request.group_key,
        is_told=request.is_told,
        owner_id=request.owner_id,
        triggered_at=request.happened_at or at,
        active_since=at,  # nobody could have taken it on before it was found
        last_seen_at=at,
    )
    _take_words(alarm, request)
    return alarm


def _take_words(alarm: Alarm, request: AlarmRequest) -> None:
    alarm.title = request.title[:255]
    alarm.description = request.description
    alarm.value = request.value[:64]
    alarm.threshold = request.threshold[:64]
    alarm.link = request.link
    alarm.subject = request.subject
    alarm.labels = dict(request.labels)
    alarm.wording = (
        {
            "template": request.template,
            "variables": rendering.to_json(request.variables, zone=timezone.get_current_timezone()),
        }
        if request.template
        else {}
    )


def _groups(requests: Iterable[AlarmRequest]) -> dict[str, str]:
    """Return the group of each key; the rules of the sources are read only where one is needed."""
    requests = list(requests)
    if all(request.group for request in requests):
        return {request.key: request.group for request in requests}
    rules = sources.read()
    return {request.key: request.group or rules.of(request.source).group for request in requests}


def _raise(wanted: Mapping[str, AlarmRequest], at: datetime) -> list[Raised]:
    existing = _open_by_key(wanted)
    groups = _groups(wanted.values())
    fresh = [_new(request, at, groups[key]) for key, request in wanted.items() if key not in existing]
    Alarm.objects.bulk_create(fresh, batch_size=CHUNK)
    lines = [_line(alarm, at, AlarmEvent.Kind.RAISED) for alarm in fresh]
    result = {alarm.key: Raised(alarm, is_new=True, is_escalated=False) for alarm in fresh}
    for key, alarm in existing.items():
        request = wanted[key]
        is_escalated = rank_of(request.severity, request.level) > alarm.rank
        alarm.last_seen_at = max(at, alarm.last_seen_at)
        alarm.group, alarm.group_key, alarm.is_told = groups[key], request.group_key, request.is_told
        alarm.calmed_at = None
        _take_words(alarm, request)
        if is_escalated:
            alarm.severity, alarm.level = request.severity, request.level
            alarm.level_label = request.level_label[:40]
            alarm.status, alarm.acknowledged_at, alarm.active_since = AlarmStatus.ACTIVE, None, at
        if is_escalated or not request.is_continuing:
            alarm.occurrences += 1
            kind = AlarmEvent.Kind.ESCALATED if is_escalated else AlarmEvent.Kind.REPEATED
            lines.append(_line(alarm, at, kind))
        result[key] = Raised(alarm, is_new=False, is_escalated=is_escalated)
    if existing:
        update_many(list(existing.values()), _MAY_CHANGE)
    AlarmEvent.objects.bulk_create(lines, batch_size=CHUNK)
    events.announce(events.alarm_created, fresh)
    events.announce(events.alarm_escalated, [one.alarm for one in result.values() if one.is_escalated])
    return [result[key] for key in wanted]


def _line(alarm: Alarm, at: datetime, kind: str) -> AlarmEvent:
    note = f"{alarm.level_label}：{alarm.title}" if alarm.level_label else alarm.title
    return AlarmEvent(alarm=alarm, at=at, kind=kind, note=note)


def raise_closed(
    requests: Sequence[AlarmRequest],
    *,
    at: datetime,
    closed_at: datetime | None = None,
    reason: str = Resolution.CLOSED_LATE,
    note: str = "",
) -> list[Alarm]:
    """Keep alarms of what was over when it was found (a crossing in a closed period).

    They are created and closed as `reason`, with both lines in the timeline; nobody is told. A key
    that has had an alarm as bad or worse, open or closed, gets no other one: finding the same
    again changes nothing. Returns those created.
    """
    closed_at = closed_at or timezone.now()
    wanted = {request.key: request for request in requests}
    with transaction.atomic():
        worst: dict[str, tuple[int, int]] = {}
        for some in chunks(list(wanted)):
            known = Alarm.objects.filter(key__in=some).values_list("key", "severity", "level")
            for key, severity, level in known:
                worst[key] = max(worst.get(key, (-1, 0)), rank_of(severity, level))
        late = [
            request
            for key, request in wanted.items()
            if rank_of(request.severity, request.level) > worst.get(key, (-1, 0))
        ]
        groups = _groups(late) if late else {}
        created = [_new(request, at, groups[request.key]) for request in late]
        for alarm in created:
            alarm.status, alarm.resolved_at, alarm.resolution = AlarmStatus.RESOLVED, closed_at, reason
        Alarm.objects.bulk_create(created, batch_size=CHUNK)
        lines = [_line(alarm, alarm.triggered_at, AlarmEvent.Kind.RAISED) for alarm in created]
        lines += [
            AlarmEvent(
                alarm=alarm,
                at=closed_at,
                kind=AlarmEvent.Kind.RESOLVED,
                note=_said(reason, request.note or note),
            )
            for alarm, request in zip(created, late, strict=True)
        ]
        AlarmEvent.objects.bulk_create(lines, batch_size=CHUNK)
        events.announce(events.alarm_created, created)
        events.announce(events.alarm_resolved, created, by="")
    return created


def open_keys(*, prefix: str) -> set[str]:
    """Return the keys of open alarms that begin so; one query."""
    return set(Alarm.objects.open().filter(key__startswith=prefix).values_list("key", flat=True))


_IS_OVER = (Resolution.PERIOD_END, Resolution.SWITCHED_OFF)
"""Reasons after which nothing is left that a person could close."""

_IS_TOLD = (Resolution.RECOVERED, Resolution.CORRECTED)


def recover(
    keys: Iterable[str],
    *,
    reason: str = Resolution.RECOVERED,
    note: str = "",
    notes: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> int:
    """Resolve the open alarms of things that are in order again; return how many were closed.

    `reason` is one of `Resolution`; `notes` has words of their own for some keys. Where the rule of
    a source says that only people close, a recovery is a line in the timeline and the alarm stays
    open. Who was told of an alarm is told that it recovered or was corrected; the other reasons are
    for reports.
    """
    at = at or timezone.now()
    reason = Resolution(reason)
    keys = list(dict.fromkeys(keys))
    if not keys:
        return 0
    with transaction.atomic():
        alarms = list(_open_by_key(keys).values())
        if not alarms:
            return 0
        rules = sources.read()
        by_hand = [
            alarm
            for alarm in alarms
            if reason not in _IS_OVER and rules.of(alarm.source).closing == Closing.BY_HAND
        ]
        calmed = [alarm for alarm in by_hand if alarm.calmed_at is None]
        for alarm in calmed:
            alarm.calmed_at = at
        Alarm.objects.bulk_update(calmed, ["calmed_at"], batch_size=CHUNK)
        AlarmEvent.objects.bulk_create(
            [AlarmEvent(alarm=alarm, at=at, kind=AlarmEvent.Kind.CALMED, note=note) for alarm in calmed],
            batch_size=CHUNK,
        )
        kept = {alarm.pk for alarm in by_hand}
        closing = [alarm for alarm in alarms if alarm.pk not in kept]
        closed = close(closing, reason=reason, note=note, notes=notes, at=at)
        if reason in _IS_TOLD:
            telling.tell_resolved(closed, note=note, at=at)
    return len(closed)


def close(
    alarms: Sequence[Alarm],
    *,
    reason: str,
    note: str,
    at: datetime,
    notes: Mapping[str, str] | None = None,
) -> list[Alarm]:
    """Close open alarms that the caller has locked, and write their timelines."""
    own = notes or {}
    for alarm in alarms:
        alarm.status, alarm.resolved_at, alarm.resolution, alarm.withheld = (
            AlarmStatus.RESOLVED,
            at,
            reason,
            "",
        )
    for some in chunks(alarms):
        Alarm.objects.filter(pk__in=[alarm.pk for alarm in some]).update(
            status=AlarmStatus.RESOLVED, resolved_at=at, resolution=reason, withheld=""
        )
    AlarmEvent.objects.bulk_create(
        [
            AlarmEvent(
                alarm=alarm,
                at=at,
                kind=AlarmEvent.Kind.RESOLVED,
                note=_said(reason, own.get(alarm.key, note)),
            )
            for alarm in alarms
        ],
        batch_size=CHUNK,
    )
    events.announce(events.alarm_resolved, alarms, by="")
    return list(alarms)


def _said(reason: str, note: str) -> str:
    """Return what the timeline says of a closing: the note, else the reason in words."""
    return note or str(Resolution(reason).label)
