"""What can be read about quotas. Each says how many queries it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When

from alarms.models import Alarm
from alarms.selectors import visible_to
from energy import quota_messages as words
from energy.choices import QuotaStatus
from energy.models import DeviceGroup, EnergyQuota, QuotaRevision, QuotaUsage

WORST_FIRST = (QuotaStatus.EXCEEDED, QuotaStatus.ALERT, QuotaStatus.WARNING, QuotaStatus.NO_DATA)
_ORDER = Case(
    *(When(status=status, then=Value(place)) for place, status in enumerate(WORST_FIRST)),
    default=Value(len(WORST_FIRST)),
    output_field=IntegerField(),
)
_SHOWN_PERIODS = 13


def current_usages(
    today: date, *, energy_type: str = "", group: int | None = None, period: str = "", text: str = ""
) -> QuerySet[QuotaUsage]:
    """Return how each active quota stands in the period of a day, the worst first (1 query when read).

    `group` keeps the quotas of a group and of all below it (1 query more); a composite quota has the
    energy type `composite`.
    """
    found = (
        QuotaUsage.objects.filter(quota__is_active=True, period_start__lte=today, period_end__gte=today)
        .select_related("quota__energy_type", "quota__group", "quota__device")
        .defer("daily", "top_meters")
    )
    if energy_type == "composite":
        found = found.filter(quota__energy_type=None)
    elif energy_type:
        found = found.filter(quota__energy_type__code=energy_type)
    if period:
        found = found.filter(quota__period=period)
    if text:
        found = found.filter(
            Q(quota__name__icontains=text)
            | Q(quota__group__name__icontains=text)
            | Q(quota__device__name__icontains=text)
        )
    if group is not None:
        found = found.filter(quota__group__in=groups_below(group))
    return found.order_by(_ORDER, F("usage_rate_pct").desc(nulls_last=True), "quota__name", "quota_id")


def groups_below(pk: int) -> set[int]:
    """Return a group and everything below it (1 query)."""
    children: dict[int | None, list[int]] = {}
    for one, parent in DeviceGroup.objects.values_list("pk", "parent_id"):
        children.setdefault(parent, []).append(one)
    found, waiting = set[int](), [pk]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(children.get(one, ()))
    return found


def counts_by_status(usages: QuerySet[QuotaUsage]) -> dict[str, int]:
    """Count usages by their status (1 query)."""
    found = dict(usages.order_by().values_list("status").annotate(count=Count("pk")))
    return {status: found.get(status, 0) for status in QuotaStatus.values}


def unchecked_count(today: date) -> int:
    """Count the active quotas that have no figures for the present period yet (1 query)."""
    known = QuotaUsage.objects.filter(period_start__lte=today, period_end__gte=today).values("quota")
    return EnergyQuota.objects.active().exclude(pk__in=known).count()


@dataclass(frozen=True, slots=True)
class QuotaDetail:
    """A quota with what its page shows.

    alarm   the open alarm of the shown period, else its last one
    usages  the latest periods, the newest first
    """

    quota: EnergyQuota
    usage: QuotaUsage | None
    usages: Sequence[QuotaUsage]
    revisions: Sequence[QuotaRevision]
    alarms: Sequence[Alarm]

    @property
    def alarm(self) -> Alarm | None:
        if self.usage is None:
            return None
        ending = f".{self.usage.period_start.isoformat()}"
        its = [alarm for alarm in self.alarms if alarm.key.endswith(ending)]
        return next((alarm for alarm in its if alarm.is_open), its[0] if its else None)


def quota_detail(
    user: AbstractBaseUser | AnonymousUser, pk: int, *, first: date | None, today: date
) -> QuotaDetail | None:
    """Return a quota in one period, else in the present or the latest one (at most 6 queries)."""
    quota = (
        EnergyQuota.objects.select_related("energy_type", "group", "device")
        .prefetch_related("energy_types")
        .filter(pk=pk)
        .first()
    )
    if quota is None:
        return None
    rows = QuotaUsage.objects.filter(quota=quota).order_by("-period_start")
    wanted = rows.filter(period_start=first) if first else rows.filter(period_start__lte=today)
    usage = wanted.first()
    if usage is not None:
        usage.quota = quota
    return QuotaDetail(
        quota=quota,
        usage=usage,
        usages=list(rows.defer("daily", "top_meters")[:_SHOWN_PERIODS]),
        revisions=list(quota.revisions.select_related("author")[:20]),
        alarms=list(
            visible_to(user)
            .select_related("owner")
            .filter(subject=words.subject_of(quota))
            .order_by("-pk")[:20]
        ),
    )
