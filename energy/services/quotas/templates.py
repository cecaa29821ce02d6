"""Quotas from other figures: last year less so much, last year's values, a share of the plant's.

Amounts are rounded to thousandths of the unit, and shares add up to the whole exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from energy.models import DeviceGroup, EnergyQuota
from energy.periods import Span, a_year_before, moved, of_year, period_of
from energy.services.quotas.changing import create_quota, set_period_values
from energy.services.quotas.evaluation import values_in
from energy.services.quotas.reckoning import Task, reckon
from spc_site import clock
from spc_site.errors import AppError

_QUANTUM = Decimal("0.001")


def from_last_year(
    quota: EnergyQuota, *, year: int, percent_less: Decimal, author: User | None, reason: str
) -> int:
    """Set the quota of every period of a year to the use a year before, less a share; return how many.

    Raises AppError if a period of the year before has no use or is covered too badly: a quota on
    half a month would be half a quota.
    """
    spans = of_year(year, quota.period, quota.settlement_day)
    uses = _uses(quota, [a_year_before(span, quota.period, quota.settlement_day) for span in spans])
    values = {span.first: _less(use, percent_less) for span, use in zip(spans, uses, strict=True)}
    return set_period_values(quota, values, author=author, reason=reason)


def copy_to_year(
    quota: EnergyQuota, *, year: int, percent_less: Decimal, author: User | None, reason: str
) -> int:
    """Set the quota of every period of a year to what it was a year before, less a share."""
    spans = of_year(year, quota.period, quota.settlement_day)
    before = [a_year_before(span, quota.period, quota.settlement_day) for span in spans]
    found = values_in(quota, before)
    values = {span.first: _less(value, percent_less) for span, value in zip(spans, found, strict=True)}
    return set_period_values(quota, values, author=author, reason=reason)


def split(
    quota: EnergyQuota, *, by_use: bool, author: User | None, reason: str, name: str = ""
) -> list[EnergyQuota]:
    """Divide a quota among the groups right below its own: a quota each, together exactly the whole.

    By the use of the period before, or equally. Raises AppError where there is nothing to divide
    among, or no use to divide by.
    """
    if quota.group is None:
        raise AppError("no_group", _("只有设备组的配额可以分解。"))
    groups = list(DeviceGroup.objects.filter(parent=quota.group).order_by("order", "code"))
    if not groups:
        raise AppError("no_groups_below", _("这个设备组没有下级。"))
    if quota.energy_type is None:
        raise AppError("composite", _("综合配额请先按能源种类设定，再分解。"))
    taken = EnergyQuota.objects.active().filter(
        group__in=groups,
        energy_type=quota.energy_type,
        period=quota.period,
        settlement_day=quota.settlement_day,
    )
    if (already := taken.first()) is not None:
        raise AppError("already_split", _("下级已有同样的配额：%(name)s") % {"name": already.name})
    parts = [
        EnergyQuota(
            name=f"{quota.name} · {group.name}"[:120],
            energy_type=quota.energy_type,
            group=group,
            period=quota.period,
            settlement_day=quota.settlement_day,
            quota_value=quota.quota_value,
            unit=quota.unit,
            warning_threshold_pct=quota.warning_threshold_pct,
            alert_threshold_pct=quota.alert_threshold_pct,
            hysteresis_pct=quota.hysteresis_pct,
            min_coverage_pct=quota.min_coverage_pct,
        )
        for group in groups
    ]
    weights = [Decimal(1)] * len(parts)
    if by_use:
        today = timezone.localdate(clock.now())
        now = period_of(today, quota.period, quota.settlement_day)
        before = moved(now, -1, quota.period, quota.settlement_day)
        weights = [max(_use(part, before), Decimal(0)) for part in parts]
    for part, value in zip(parts, shares_of(quota.quota_value, weights), strict=True):
        part.quota_value = value
    with transaction.atomic():
        return [create_quota(part, author=author, reason=reason) for part in parts]


def shares_of(whole: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Divide an amount by weights into thousandths that add up to it exactly.

    What rounding leaves over goes to the largest remainders. Raises AppError if no weight is above 0.
    """
    total = sum(weights, Decimal(0))
    if total <= 0:
        raise AppError("no_weights", _("没有可以作为比例的用量。"))
    with localcontext(prec=60):
        exact = [whole * weight / total for weight in weights]
        parts = [one.quantize(_QUANTUM, ROUND_DOWN) for one in exact]
        left = int((whole - sum(parts, Decimal(0))) / _QUANTUM)
        order = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
        for place in order[:left]:
            parts[place] += _QUANTUM
    return parts


def _less(value: Decimal, percent_less: Decimal) -> Decimal:
    with localcontext(prec=60):
        return (value * (100 - percent_less) / 100).quantize(_QUANTUM, ROUND_HALF_UP)


def _use(quota: EnergyQuota, span: Span) -> Decimal:
    return _uses(quota, [span])[0]


def _uses(quota: EnergyQuota, spans: Sequence[Span]) -> list[Decimal]:
    """Return what the target of a quota used in some periods that are over."""
    today = timezone.localdate(clock.now())
    tasks = [Task(quota, span, quota.quota_value) for span in spans if span.first <= today]
    found = {one.task.span.first: one for one in reckon(tasks, as_of=today)}
    uses = []
    for span in spans:
        one = found.get(span.first)
        if one is not None and one.error:
            raise AppError("not_comparable", one.error)
        figures = one.figures if one else None
        if figures is None or figures.use is None or span.last >= today:
            raise AppError("no_use", _("%(first)s 至 %(last)s 没有完整的用量。") % _words(span))
        if figures.coverage is None or figures.coverage * 100 < quota.min_coverage_pct:
            raise AppError("thin", _("%(first)s 至 %(last)s 的数据不完整，不能作为依据。") % _words(span))
        uses.append(figures.use)
    return uses


def _words(span: Span) -> Mapping[str, date]:
    return {"first": span.first, "last": span.last}


__all__ = ["copy_to_year", "from_last_year", "shares_of", "split"]
