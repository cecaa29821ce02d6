"""Evaluate quotas: what is due, how it stands, what becomes of the alarms; each run is recorded.

Any number of processes may ask; one run is under way at a time (the database sees to it), because
a slower one would write older figures over newer ones. What changed meanwhile stands in `QuotaDue`
and is evaluated by the next.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from django.db import IntegrityError, transaction
from django.db.models import Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from alarms import services as alarms
from energy import quota_messages as words
from energy.choices import RunOutcome, RunTrigger
from energy.metering import Level
from energy.models import EnergyQuota, QuotaDue, QuotaPeriodValue, QuotaRevision, QuotaRun, QuotaUsage
from energy.periods import Span, period_of, periods_within
from energy.services.quotas.alarming import Turns, apply, turn
from energy.services.quotas.reckoning import Reckoned, Task, reckon, types_of
from spc_site import clock, jobs
from spc_site.bulk import collector_paused, upsert_many
from spc_site.errors import Conflict

log = logging.getLogger("energy.quotas")

CLOSE_AFTER = timedelta(days=7)
"""So long after its end a period is evaluated by schedule; then its figure is final but for late readings."""

LONGEST_RUN = timedelta(minutes=10)
"""A run that is not over by then was interrupted."""

_KEPT_RUNS = timedelta(days=90)
_PAUSE_S = 0.1
_FIGURES = (
    *("period_end", "actual_value", "quota_value", "usage_rate_pct", "status", "coverage_pct"),
    *("is_provisional", "complete_days", "projected_value", "projected_by_weekday", "exhausted_on"),
    *("warning_on", "alert_on", "exceeded_on", "daily", "top_meters", "told_level", "as_of", "is_closed"),
    *("error", "calculated_at"),
)


# --- what is due ------------------------------------------------------------------------------


def note_changed(*, energy_type_ids: Iterable[int], first: date, last: date) -> None:
    """Write down that the use of some days has changed, in the transaction that changed it, and ring."""
    now = clock.now()
    QuotaDue.objects.bulk_create(
        QuotaDue(energy_type_id=pk, first=first, last=last, created_at=now) for pk in sorted(energy_type_ids)
    )
    jobs.enqueue("energy.quotas")


def note_structure_changed(*, energy_type_ids: Iterable[int], first: date, end: date | None = None) -> None:
    """Write down that use counts otherwise from a day on: periods that have figures are due again.

    Meters belong elsewhere, or a unit is worth more. Not the time before: a quota says nothing of
    one that nobody has held against it.
    """
    pks, today = set(energy_type_ids), timezone.localdate(clock.now())
    known = QuotaUsage.objects.filter(
        Q(quota__energy_type__in=pks) | Q(quota__energy_types__in=pks)
    ).aggregate(first=Min("period_start"))["first"]
    first, last = max(first, known or today), max(today, end or today)
    if first <= last:
        note_changed(energy_type_ids=pks, first=first, last=last)


def has_due() -> bool:
    """Say whether quotas wait for an evaluation that can begin now; two cheap queries."""
    if not QuotaDue.objects.exists():
        return False
    return not QuotaRun.objects.filter(
        outcome=RunOutcome.RUNNING, started_at__gt=clock.now() - LONGEST_RUN
    ).exists()


def oldest_due() -> datetime | None:
    """Return since when the oldest change has been waiting."""
    found: datetime | None = QuotaDue.objects.aggregate(at=Min("created_at"))["at"]
    return found


# --- one run ----------------------------------------------------------------------------------


def evaluate(
    *, as_of: date | None = None, trigger: str = RunTrigger.SCHEDULE, wait_s: float = 0
) -> QuotaRun | None:
    """Evaluate every active quota, and every period whose days have changed; return the run.

    `as_of` stands in for today: later days do not count, and a period that is closed is left as it
    is unless it was over by then. Returns None if another run is under way and does not end within
    `wait_s`; what is due stays due then. A run that fails as a whole is recorded and raised.
    """
    now = clock.now()
    as_of = as_of or timezone.localdate(now)
    run = _claim(trigger, as_of, wait_s)
    if run is None:
        return None
    started = time.perf_counter()
    try:
        with collector_paused():
            _evaluate(run, as_of, now)
    except Exception as error:
        run.outcome, run.errors = RunOutcome.FAILED, [{"error": f"{type(error).__name__}: {error}"[:500]}]
        _finish(run, started)
        raise
    _finish(run, started)
    log.info("evaluated %d quotas, %d periods in %d ms", run.quotas, run.usages, run.duration_ms)
    return run


def _claim(trigger: str, as_of: date, wait_s: float) -> QuotaRun | None:
    """Begin a run, as soon as no other is under way."""
    until = time.monotonic() + wait_s
    while True:
        now = clock.now()
        QuotaRun.objects.filter(outcome=RunOutcome.RUNNING, started_at__lte=now - LONGEST_RUN).update(
            outcome=RunOutcome.FAILED, finished_at=now, errors=[{"error": "interrupted"}]
        )
        try:
            with transaction.atomic():
                return QuotaRun.objects.create(trigger=trigger, as_of=as_of, started_at=now)
        except IntegrityError:
            if time.monotonic() >= until:
                return None
            time.sleep(_PAUSE_S)


def _finish(run: QuotaRun, started: float) -> None:
    run.finished_at = clock.now()
    run.duration_ms = round((time.perf_counter() - started) * 1000)
    run.save()
    QuotaRun.objects.filter(started_at__lt=run.finished_at - _KEPT_RUNS).delete()


def _evaluate(run: QuotaRun, as_of: date, now: datetime) -> None:
    dues = list(QuotaDue.objects.all())
    quotas = {
        quota.pk: quota
        for quota in EnergyQuota.objects.active()
        .select_related("energy_type", "group", "device")
        .prefetch_related("energy_types")
        .order_by("pk")
    }
    opened = alarms.open_keys(prefix=f"{words.SOURCE}.")
    tasks = _tasks(quotas, dues, opened, as_of)
    known = _known(tasks)
    tasks = [task for task in tasks if not _is_settled(known.get(_place(task)), task, as_of)]
    reckoned = reckon(tasks, as_of=as_of)
    with transaction.atomic():
        turns = Turns(switched_off={key for key in opened if words.parse_key(key)[0] not in quotas})
        rows = []
        for one in reckoned:
            before = known.get(_place(one.task))
            if one.figures is not None and not _says_nothing(one, before, as_of):
                told = turn(one, before.told_level if before else "", turns, as_of=as_of, open_keys=opened)
                rows.append(_row(one, told, as_of, now))
        upsert_many(rows, unique=("quota", "period_start"), names=_FIGURES)
        errors = _note_errors(reckoned)
        done = apply(turns, as_of=as_of, at=now)
        QuotaDue.objects.filter(pk__in=[due.pk for due in dues]).delete()
    run.quotas, run.usages = len(quotas), len(rows)
    run.raised, run.escalated, run.resolved = done.raised, done.escalated, done.resolved
    run.errors, run.outcome = errors, RunOutcome.PARTLY if errors else RunOutcome.DONE


@dataclass(frozen=True, slots=True)
class _Known:
    """What the row of a usage says before a run."""

    told_level: str
    is_closed: bool


def _place(task: Task) -> tuple[int, date]:
    return task.quota.pk, task.span.first


def _known(tasks: Sequence[Task]) -> dict[tuple[int, date], _Known]:
    if not tasks:
        return {}
    starts = {task.span.first for task in tasks}
    rows = QuotaUsage.objects.filter(period_start__gte=min(starts), period_start__lte=max(starts))
    return {
        (quota, first): _Known(told, is_closed)
        for quota, first, told, is_closed in rows.values_list(
            "quota_id", "period_start", "told_level", "is_closed"
        )
    }


def _is_settled(known: _Known | None, task: Task, as_of: date) -> bool:
    """Say whether a period is closed and `as_of` would set it back."""
    return known is not None and known.is_closed and as_of <= task.span.last


def _says_nothing(one: Reckoned, known: _Known | None, as_of: date) -> bool:
    """Say whether a period is over in which nothing was ever read: it needs no row."""
    is_over = one.task.span.last < as_of
    return known is None and is_over and one.figures is not None and one.figures.use is None


def _tasks(
    quotas: Mapping[int, EnergyQuota], dues: Sequence[QuotaDue], opened: Iterable[str], as_of: date
) -> list[Task]:
    """Return what has to be reckoned: the present period of every quota, those that got other data,
    those whose figure is not final, those whose alarm is open."""
    changed: defaultdict[int, list[tuple[date, date]]] = defaultdict(list)
    for due in dues:
        changed[due.energy_type_id].append((due.first, min(due.last, as_of)))
    unsettled: defaultdict[int, set[date]] = defaultdict(set)
    rows = QuotaUsage.objects.filter(is_closed=False, period_start__lte=as_of)
    for pk, first in rows.values_list("quota_id", "period_start"):
        unsettled[pk].add(first)
    for pk, first in map(words.parse_key, opened):
        unsettled[pk].add(first)
    values = _Values()
    return [
        Task(quota, span, values.of(quota, span))
        for quota in quotas.values()
        for span in sorted(_spans(quota, changed, unsettled[quota.pk], as_of))
    ]


def _spans(
    quota: EnergyQuota,
    changed: Mapping[int, Sequence[tuple[date, date]]],
    unsettled: Iterable[date],
    as_of: date,
) -> set[Span]:
    kind = (quota.period, quota.settlement_day)
    found = {period_of(as_of, *kind)}
    found.update(period_of(day, *kind) for day in unsettled if day <= as_of)
    for energy_type in types_of(quota):
        for first, last in changed.get(energy_type.pk, ()):
            if first <= last:
                found.update(periods_within(first, last, *kind))
    return found


class _Values:
    """What each quota is in each period: its own value there, else the one in force at its end."""

    def __init__(self) -> None:
        self._own = {
            (quota, first): value
            for quota, first, value in QuotaPeriodValue.objects.values_list(
                "quota_id", "period_start", "value"
            )
        }
        self._changes: defaultdict[int, list[tuple[date, Decimal]]] = defaultdict(list)
        changes = QuotaRevision.objects.filter(period_start=None).order_by("at", "pk")
        for quota, old, at in changes.values_list("quota_id", "old_value", "at"):
            if old is not None:
                self._changes[quota].append((timezone.localdate(at), old))

    def of(self, quota: EnergyQuota, span: Span) -> Decimal:
        own = self._own.get((quota.pk, span.first))
        if own is not None:
            return own
        # A period that was over keeps the value that held when it ended.
        later = (old for day, old in self._changes[quota.pk] if day > span.last)
        return next(later, quota.quota_value)


def values_in(quota: EnergyQuota, spans: Iterable[Span]) -> list[Decimal]:
    """Return what a quota is in each of some periods; two queries."""
    values = _Values()
    return [values.of(quota, span) for span in spans]


# --- what is written --------------------------------------------------------------------------

_SIX, _FOUR, _TWO = Decimal("0.000001"), Decimal("0.0001"), Decimal("0.01")


def _rounded(value: Decimal | None, places: Decimal) -> Decimal | None:
    return None if value is None else value.quantize(places, ROUND_HALF_UP)


def _row(one: Reckoned, told: str, as_of: date, now: datetime) -> QuotaUsage:
    found, task = one.figures, one.task
    assert found is not None
    coverage = None if found.coverage is None else found.coverage * 100
    return QuotaUsage(
        quota=task.quota,
        period_start=task.span.first,
        period_end=task.span.last,
        actual_value=_rounded(found.use, _SIX),
        quota_value=task.value,
        usage_rate_pct=_rounded(found.rate, _FOUR),
        status=found.status.value,
        coverage_pct=_rounded(coverage, _TWO),
        is_provisional=coverage is not None and coverage < task.quota.min_coverage_pct,
        complete_days=found.complete_days,
        projected_value=_rounded(found.projected, _SIX),
        projected_by_weekday=_rounded(found.by_weekday, _SIX),
        exhausted_on=found.exhausted_on,
        warning_on=found.reached.get(Level.WARNING),
        alert_on=found.reached.get(Level.ALERT),
        exceeded_on=found.reached.get(Level.EXCEEDED),
        daily=one.daily,
        top_meters=one.top,
        told_level=told,
        as_of=as_of,
        is_closed=as_of > task.span.last + CLOSE_AFTER,
        error="",
        calculated_at=now,
    )


def _note_errors(reckoned: Sequence[Reckoned]) -> list[dict[str, object]]:
    """Write the reason beside the figures that could not be brought up to date.

    Returns each reason once for a quota, with the latest period that it concerns.
    """
    of_error: defaultdict[str, list[Reckoned]] = defaultdict(list)
    for one in reckoned:
        if one.error:
            of_error[one.error].append(one)
    for error, some in of_error.items():
        QuotaUsage.objects.filter(
            quota__in={one.task.quota.pk for one in some},
            period_start__in={one.task.span.first for one in some},
        ).update(error=error)
    return [
        {
            "quota": quota.pk,
            "name": quota.name,
            "period_start": max(
                one.task.span.first for one in some if one.task.quota.pk == quota.pk
            ).isoformat(),
            "error": error,
        }
        for error, some in of_error.items()
        for quota in {one.task.quota.pk: one.task.quota for one in some}.values()
    ]


def require_run(run: QuotaRun | None) -> QuotaRun:
    """Return a run that took place; raises Conflict if another one was in the way."""
    if run is None:
        raise Conflict(_("另一次配额检查正在进行，请稍后再试。"))
    return run


__all__ = [
    "CLOSE_AFTER",
    "evaluate",
    "has_due",
    "note_changed",
    "note_structure_changed",
    "oldest_due",
    "require_run",
    "values_in",
]
