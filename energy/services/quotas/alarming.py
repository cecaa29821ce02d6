"""What becomes of the alarms of quotas after they were reckoned: raised, made worse, closed.

The key of an alarm is quota and first day of the period: neither a name nor an earlier period can
stand in its way. `told_level` in the row of a usage is the level that people were told of; an alarm
that a person closed by hand is therefore raised again only for a higher level.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from alarms import services as alarms
from energy import quota_messages as words
from energy.choices import QuotaStatus
from energy.metering import Level, Step, step
from energy.services.quotas.reckoning import Reckoned
from hooks.services import fire_many
from notifications.choices import Severity
from notifications.routing import Event
from notifications.services import notify

MANY_AT_ONCE = 5
"""More new alarms than this in one run become one message, whatever their groups."""


@dataclass(slots=True)
class Turns:
    """What one run has to do about alarms, and what it did."""

    raised: list[Reckoned] = field(default_factory=list)
    continuing: list[Reckoned] = field(default_factory=list)
    recovered: list[Reckoned] = field(default_factory=list)
    ended: list[Reckoned] = field(default_factory=list)
    late: list[Reckoned] = field(default_factory=list)
    exceeded: list[Reckoned] = field(default_factory=list)
    switched_off: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Done:
    """How many alarms a run opened, made worse and closed."""

    raised: int = 0
    escalated: int = 0
    resolved: int = 0


def turn(one: Reckoned, told: str, turns: Turns, *, as_of: date, open_keys: Iterable[str]) -> str:
    """Note what has to be done about the alarm of a quota; return the level people will have been told."""
    found, key = one.figures, words.key_of(one.task)
    assert found is not None
    known = Level(told) if told else None
    limits = one.task.quota.limits_at(one.task.value)
    if as_of > one.task.span.last:
        if found.peak.height > (known.height if known else 0):
            (turns.raised if key in open_keys else turns.late).append(one)
            told = found.peak.value
            _note_exceeded(found.peak, one, turns)
        if key in open_keys:
            turns.ended.append(one)
        return told
    is_below = step(found.status, found.use, limits, highest=Level.WARNING) is Step.RECOVER
    if found.peak.height > (known.height if known else 0) and not is_below:
        turns.raised.append(one)
        _note_exceeded(found.peak, one, turns)
        return found.peak.value
    if known and is_below:
        turns.recovered.append(one)
        return ""
    if known and key in open_keys:
        turns.continuing.append(one)
    return told


def _note_exceeded(reached: Level, one: Reckoned, turns: Turns) -> None:
    if reached is Level.EXCEEDED:
        turns.exceeded.append(one)


def apply(turns: Turns, *, as_of: date, at: datetime) -> Done:
    """Open, join and close alarms, queue the messages, fire the hook; in the caller's transaction."""
    with translation.override("zh-hans"):  # one group reads what all have caused
        together = "energy.quota" if len(turns.raised) > MANY_AT_ONCE else ""
        requests = [_request(one, as_of=as_of, together=together) for one in turns.raised]
        requests += [_request(one, as_of=as_of, is_continuing=True) for one in turns.continuing]
        raised = alarms.raise_alarms(requests, at=at)
        resolved = _close(turns.recovered, "recovered", _("用量已回落：%(figures)s"), at)
        resolved += _close(turns.ended, "period_end", _("周期结束：%(figures)s"), at)
        resolved += alarms.recover(
            turns.switched_off, reason="switched_off", note=_("配额已停用或删除"), at=at
        )
        _keep_late(turns.late, as_of=as_of, at=at)
        fire_many("on_quota_exceeded", _exceeded_events(turns.exceeded, raised, at))
    return Done(
        raised=sum(one.is_new for one in raised) + len(turns.late),
        escalated=sum(one.is_escalated for one in raised),
        resolved=resolved,
    )


def _close(some: Sequence[Reckoned], reason: str, said: str, at: datetime) -> int:
    """Close alarms for one reason, each with its own last figures."""
    notes = {words.key_of(one.task): said % {"figures": words.sentence(one)} for one in some}
    return alarms.recover(notes, reason=reason, notes=notes, at=at)


def _request(
    one: Reckoned, *, as_of: date, together: str = "", is_continuing: bool = False
) -> alarms.AlarmRequest:
    found, task = one.figures, one.task
    assert found is not None
    quota = task.quota
    level = found.peak
    said = words.facts_by_language(one, as_of=as_of)
    labels = {
        "quota": str(quota.pk),
        "energy_type": quota.energy_type.code if quota.energy_type else quota.converted_to,
        "period_start": task.span.first.isoformat(),
        "target": words.target_code(quota),
        **{f"{reached.value}_on": day.isoformat() for reached, day in found.reached.items()},
    }
    return alarms.AlarmRequest(
        key=words.key_of(task),
        source=words.SOURCE,
        subject=words.subject_of(quota),
        title=words.title_of(quota),
        severity=Severity.WARNING if level is Level.WARNING else Severity.CRITICAL,
        level=level.height,
        level_label=str(QuotaStatus(level.value).label),
        description=words.description(one, said[translation.get_language()]),
        value=words.number(found.use),
        threshold=words.number(task.value),
        link=words.link_of(task),
        labels=labels,
        group_key=together or f"energy.target:{words.target_code(quota)}",
        group="ENERGY",
        is_told=True,
        template="quota_warning",
        variables=words.variables(one, said),
        is_continuing=is_continuing,
    )


def _keep_late(late: Sequence[Reckoned], *, as_of: date, at: datetime) -> None:
    """Keep the alarms of periods that were over when their crossing was found; tell them in one report."""
    if not late:
        return
    said = _("补记，周期已结束：%(figures)s")
    requests = [
        replace(
            _request(one, as_of=as_of),
            happened_at=_end_of(min(one.figures.reached.values())),
            note=said % {"figures": words.sentence(one)},
        )
        for one in late
        if one.figures is not None
    ]
    alarms.raise_closed(requests, at=at, closed_at=at)
    notify(
        Event(
            name="energy.quota.late",
            source="energy",
            severity=Severity.WARNING,
            group="ENERGY",
            template="quota_late",
            variables=words.late_variables(late),
            priority=3,
            link="/energy/",
            dedupe_key=f"energy.quota.late:{at.timestamp():.6f}",
        )
    )


def _end_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def _exceeded_events(
    exceeded: Sequence[Reckoned], raised: Sequence[alarms.Raised], at: datetime
) -> list[tuple[dict[str, object], str]]:
    pks = {one.alarm.key: one.alarm.pk for one in raised}
    events = []
    for one in exceeded:
        found, task = one.figures, one.task
        assert found is not None and found.use is not None
        key = words.key_of(task)
        payload: dict[str, object] = {
            "quota_id": task.quota.pk,
            "name": task.quota.name,
            "energy_type": task.quota.energy_type.code if task.quota.energy_type else task.quota.converted_to,
            "target": str(task.quota.target),
            "period": task.quota.period,
            "period_start": task.span.first,
            "period_end": task.span.last,
            "actual_value": found.use,
            "quota_value": task.value,
            "unit": task.quota.unit,
            "usage_rate_pct": found.rate,
            "calculated_at": at,
            "alarm_id": pks.get(key),
            "link": words.link_of(task),
        }
        # The quota passed again after a recovery or a revision is another event.
        events.append((payload, f"{key}:exceeded:{at.timestamp():.6f}"))
    return events
