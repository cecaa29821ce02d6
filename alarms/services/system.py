"""Watch the system by its rules: measure, wait, raise with a work order, wait, recover.

A rule says what is too much and how long it must last; a state row remembers since when. What vanishes (a
host that is gone, a queue without workers by intent) counts as in order.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from alarms import defaults
from alarms.metering import BOUNDS_MS
from alarms.models import Measure, RequestMinute, Resolution, SystemRule, SystemState
from alarms.services import ordering, raising
from spc_site import clock, jobs
from spc_site.errors import Conflict
from spc_site.lib import buckets
from spc_site.models import WorkerBeat

log = logging.getLogger("alarms.system")

SOURCE = "system"
WINDOW = timedelta(minutes=5)
KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of now: of which instance (a host, a queue), how much."""

    instance: str
    value: float


class Look:
    """The present, read once for all rules, each thing when it is first asked for."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    @cached_property
    def requests(self) -> tuple[int, int, list[int]]:
        """Count, failures and histogram of the last five whole minutes, of all processes (1 query)."""
        end = self.at.replace(second=0, microsecond=0)
        rows = list(
            RequestMinute.objects.filter(minute__gte=end - WINDOW, minute__lt=end).values_list(
                "count", "failed", "buckets"
            )
        )
        counts = buckets.add((row[2] for row in rows), BOUNDS_MS)
        return sum(row[0] for row in rows), sum(row[1] for row in rows), counts

    @cached_property
    def beats(self) -> list[WorkerBeat]:
        return list(WorkerBeat.objects.all())


Measurement = Callable[[Look, SystemRule], Iterable[Reading]]
MEASUREMENTS: dict[str, Measurement] = {}


def measures(measure: Measure) -> Callable[[Measurement], Measurement]:
    """Declare how something is measured."""

    def declare(function: Measurement) -> Measurement:
        MEASUREMENTS[measure] = function
        return function

    return declare


@measures(Measure.REQUESTS_SLOW)
def _requests_slow(look: Look, rule: SystemRule) -> Iterator[Reading]:
    count, _failed, counts = look.requests
    if (
        count >= max(rule.minimum_count, 1)
        and (most := buckets.quantile(counts, BOUNDS_MS, 0.99)) is not None
    ):
        yield Reading("", round(most))


@measures(Measure.REQUESTS_FAILED)
def _requests_failed(look: Look, rule: SystemRule) -> Iterator[Reading]:
    count, failed, _counts = look.requests
    if count >= max(rule.minimum_count, 1):
        yield Reading("", round(100 * failed / count, 1))


@measures(Measure.PROCESSOR)
def _processor(look: Look, rule: SystemRule) -> Iterator[Reading]:
    busy: dict[str, float] = {}
    for beat in look.beats:
        if beat.is_fresh(now=look.at) and beat.processor_pct is not None:
            busy[beat.host] = max(busy.get(beat.host, 0.0), beat.processor_pct)
    for host, value in busy.items():
        yield Reading(host, value)


@measures(Measure.DISK)
def _disk(look: Look, rule: SystemRule) -> Iterator[Reading]:
    usage = shutil.disk_usage(settings.BASE_DIR)
    yield Reading("", round(100 * usage.used / usage.total, 1))


def _silent(look: Look, role: str) -> Iterator[Reading]:
    """Yield how long the newest beat of each queue (or of the pumps) is ago."""
    newest: dict[str, datetime] = {}
    for beat in look.beats:
        if beat.role == role:
            newest[beat.queue] = max(newest.get(beat.queue, beat.beat_at), beat.beat_at)
    for queue, beat_at in newest.items():
        yield Reading(queue, round(max((look.at - beat_at).total_seconds(), 0.0)))


@measures(Measure.WORKER_MISSING)
def _worker_missing(look: Look, rule: SystemRule) -> Iterator[Reading]:
    return _silent(look, WorkerBeat.Role.WORKER)


@measures(Measure.PUMP_SILENT)
def _pump_silent(look: Look, rule: SystemRule) -> Iterator[Reading]:
    return _silent(look, WorkerBeat.Role.PUMP)


@measures(Measure.BACKLOG)
def _backlog(look: Look, rule: SystemRule) -> Iterator[Reading]:
    for bell in jobs.doorbells():
        oldest = bell.oldest_due() if bell.oldest_due is not None else None
        if oldest is not None:
            yield Reading(bell.name, round(max((look.at - oldest).total_seconds(), 0.0)))


# --- from figures to alarms -------------------------------------------------------------------


def watch(*, at: datetime | None = None) -> int:
    """Look with every active rule; return how many things are over their limits now.

    May run twice and beside itself. A measurement that fails leaves its states as they are.
    """
    at = at or clock.now()
    look, over = Look(at), 0
    for rule in SystemRule.objects.select_related("owner").filter(is_active=True):
        try:
            readings = {one.instance[:80]: one for one in MEASUREMENTS[rule.measure](look, rule)}
        except Exception:
            log.exception("measuring %s failed", rule.measure)
            continue
        with transaction.atomic(), override(settings.LANGUAGE_CODE):
            known = {row.instance: row for row in rule.states.select_for_update()}
            for instance, reading in readings.items():
                if reading.value > rule.limit:
                    over += 1
                    _bad(rule, reading, known.pop(instance, None), at)
            for row in known.values():
                _good(rule, row, readings.get(row.instance), at)
    _switched_off(at)
    return over


def _bad(rule: SystemRule, reading: Reading, row: SystemState | None, at: datetime) -> None:
    if row is None:
        row, _is_new = SystemState.objects.get_or_create(
            rule=rule,
            instance=reading.instance[:80],
            defaults={"bad_since": at, "value": reading.value},
        )
    row.value, row.good_since = reading.value, None
    if at - row.bad_since >= timedelta(minutes=rule.hold_minutes):
        raised = raising.raise_alarm(
            request_of(rule, reading, is_continuing=row.raised_at is not None), at=at
        )
        row.raised_at = row.raised_at or at
        if raised.is_new and rule.opens_order:
            _order(rule, raised, at)
    row.save(update_fields=["value", "good_since", "raised_at"])


def _good(rule: SystemRule, row: SystemState, reading: Reading | None, at: datetime) -> None:
    if row.raised_at is None:
        row.delete()  # it did not last
        return
    row.good_since = row.good_since or at
    if reading is not None:
        row.value = reading.value
    if at - row.good_since < timedelta(minutes=rule.recover_minutes):
        row.save(update_fields=["good_since", "value"])
        return
    note = _("连续正常 %(minutes)d 分钟") % {"minutes": rule.recover_minutes}
    if reading is not None:
        note += f"：{_shown(rule, reading.value)}"
    raising.recover([key_of(rule, row.instance)], note=note, at=at)
    row.delete()


def _switched_off(at: datetime) -> None:
    """Close what rules raised that are switched off since."""
    gone = list(SystemState.objects.filter(rule__is_active=False).select_related("rule"))
    if gone:
        with transaction.atomic():
            keys = [key_of(row.rule, row.instance) for row in gone]
            raising.recover(keys, reason=Resolution.SWITCHED_OFF, at=at)
            SystemState.objects.filter(pk__in=[row.pk for row in gone]).delete()


def _responsible(rule: SystemRule) -> User | None:
    """Return who owns what a rule raises: whom it names, else the first operator (administrators last)."""
    if rule.owner is not None and rule.owner.is_active:
        return rule.owner
    return User.objects.with_perm("alarms.change_systemrule").order_by("is_superuser", "pk").first()


def _order(rule: SystemRule, raised: raising.Raised, at: datetime) -> None:
    """Open the work order of a new alarm, unless one about the same thing is still open."""
    if ordering.go_on_with(raised.alarm, at=at):
        return
    try:
        ordering.open_work_order(
            title=raised.alarm.title,
            alarm=raised.alarm,
            owner=raised.alarm.owner,
            due_at=at + timedelta(hours=rule.due_hours),
            steps=defaults.SYSTEM_STEPS.get(rule.measure, ()),
            runbook=rule.runbook,
            description=raised.alarm.description,
            at=at,
        )
    except Conflict:
        return


def key_of(rule: SystemRule, instance: str) -> str:
    return f"{SOURCE}.{rule.measure}:{instance}"


def request_of(rule: SystemRule, reading: Reading, *, is_continuing: bool = False) -> raising.AlarmRequest:
    """Return the alarm of a rule whose limit was passed for long enough."""
    where = f" {reading.instance}" if reading.instance else ""
    lasted = _("，持续 %(minutes)d 分钟") % {"minutes": rule.hold_minutes} if rule.hold_minutes else ""
    responsible = _responsible(rule)
    lines = [
        _("%(value)s，限值 %(limit)s%(lasted)s")
        % {"value": _shown(rule, reading.value), "limit": _shown(rule, rule.limit), "lasted": lasted}
    ]
    if rule.runbook:
        lines.append(_("处置手册：%(runbook)s") % {"runbook": rule.runbook})
    return raising.AlarmRequest(
        key=key_of(rule, reading.instance),
        source=SOURCE,
        subject=f"system.{rule.measure}"[:80],
        severity=rule.severity,
        title=f"{_NAMES[Measure(rule.measure)]}{where}",
        description="\n".join(lines),
        value=_shown(rule, reading.value),
        threshold=_shown(rule, rule.limit),
        labels={"measure": rule.measure, "instance": reading.instance},
        is_told=True,
        is_continuing=is_continuing,
        owner_id=responsible.pk if responsible else None,
    )


_NAMES = {
    Measure.REQUESTS_SLOW: "页面与接口变慢",
    Measure.REQUESTS_FAILED: "页面与接口出错",
    Measure.PROCESSOR: "处理器繁忙",
    Measure.DISK: "磁盘将满",
    Measure.WORKER_MISSING: "工作进程没有心跳",
    Measure.PUMP_SILENT: "轮询进程没有心跳",
    Measure.BACKLOG: "后台处理积压",
}
_UNITS = {
    Measure.REQUESTS_SLOW: " ms",
    Measure.REQUESTS_FAILED: " %",
    Measure.PROCESSOR: " %",
    Measure.DISK: " %",
}


def _shown(rule: SystemRule, value: float) -> str:
    return f"{value:g}{_UNITS.get(Measure(rule.measure), ' s')}"


def forget_minutes(*, at: datetime | None = None) -> int:
    """Delete the histograms that no rule looks at any more."""
    at = at or clock.now()
    return RequestMinute.objects.filter(minute__lt=at - KEPT).delete()[0]
