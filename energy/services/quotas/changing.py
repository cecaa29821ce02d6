"""Set up, revise and switch quotas. Every change of a value is kept with its author and reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from alarms import services as alarms
from energy import quota_messages as words
from energy.models import EnergyQuota, EnergyType, QuotaPeriodValue, QuotaRevision, QuotaUsage
from energy.models.quotas import VALUE_PLACES
from energy.periods import period_of
from energy.services.quotas.evaluation import note_changed
from energy.services.quotas.reckoning import types_of
from energy.units import UnitError, convert
from spc_site import clock
from spc_site.errors import AppError

_LARGEST = Decimal(10) ** 12


def create_quota(
    quota: EnergyQuota,
    *,
    author: User | None,
    reason: str,
    energy_types: Iterable[EnergyType] = (),
    period_values: Mapping[date, Decimal] | None = None,
    at: datetime | None = None,
) -> EnergyQuota:
    """Store a new quota with the first line of its history; raises AppError if it is not sound."""
    at = at or clock.now()
    reason = _reason(reason)
    types = list(energy_types)
    if quota.converted_to and not types:
        raise AppError("no_energy_types", _("综合配额要选择能源种类。"))
    check(quota)
    with transaction.atomic():
        quota.save()
        quota.energy_types.set(types)
        QuotaRevision.objects.create(
            quota=quota, new_value=quota.quota_value, author=author, reason=reason, at=at
        )
        _set_values(quota, period_values or {}, author=author, reason=reason, at=at)
        request_evaluation(quota)
    return quota


def check(quota: EnergyQuota) -> None:
    """Refuse a quota that its model refuses; the message names every reason."""
    try:
        quota.full_clean()
    except ValidationError as error:
        labels = {field.name: str(field.verbose_name) for field in quota._meta.fields}
        reasons = [
            f"{labels[name]}：{text}" if name in labels else text
            for name, texts in error.message_dict.items()
            for text in texts
        ]
        raise AppError("invalid", " ".join(reasons)) from None


def revise(
    quota: EnergyQuota,
    *,
    value: Decimal,
    author: User | None,
    reason: str,
    unit: str = "",
    period_start: date | None = None,
    at: datetime | None = None,
) -> QuotaRevision | None:
    """Change what a quota is: for every period from the present one on, or for one period alone.

    Raises AppError without a reason, and for a value that is negative or not exact in the quota's
    unit. Returns None where nothing changes.
    """
    at = at or clock.now()
    reason = _reason(reason)
    with transaction.atomic():
        locked = (
            EnergyQuota.objects.select_for_update(of=("self",)).select_related("energy_type").get(pk=quota.pk)
        )
        value = _value(locked, value, unit)
        if period_start is not None:
            found = _set_values(locked, {period_start: value}, author=author, reason=reason, at=at)
        elif value != locked.quota_value:
            found = [
                QuotaRevision.objects.create(
                    quota=locked,
                    old_value=locked.quota_value,
                    new_value=value,
                    author=author,
                    reason=reason,
                    at=at,
                )
            ]
            locked.quota_value = value
            locked.save(update_fields=["quota_value", "updated_at"])
        else:
            found = []
        if found:
            request_evaluation(locked, period_start)
    quota.quota_value = locked.quota_value
    return found[0] if found else None


def set_period_values(
    quota: EnergyQuota,
    values: Mapping[date, Decimal],
    *,
    author: User | None,
    reason: str,
    at: datetime | None = None,
) -> int:
    """Give a quota its own value in each of some periods; return how many changed."""
    reason = _reason(reason)
    with transaction.atomic():
        changed = _set_values(quota, values, author=author, reason=reason, at=at or clock.now())
        if changed:
            request_evaluation(quota)
    return len(changed)


def _set_values(
    quota: EnergyQuota, values: Mapping[date, Decimal], *, author: User | None, reason: str, at: datetime
) -> list[QuotaRevision]:
    for first in values:
        if period_of(first, quota.period, quota.settlement_day).first != first:
            raise AppError("no_period", _("%(day)s 不是一个周期的首日。") % {"day": first})
    known = {row.period_start: row for row in quota.period_values.filter(period_start__in=list(values))}
    revisions = []
    for first, value in sorted(values.items()):
        value, before = _value(quota, value, ""), known.get(first)
        old = before.value if before else None
        if old == value:
            continue
        QuotaPeriodValue.objects.update_or_create(quota=quota, period_start=first, defaults={"value": value})
        revisions.append(
            QuotaRevision(
                quota=quota,
                period_start=first,
                old_value=old,
                new_value=value,
                author=author,
                reason=reason,
                at=at,
            )
        )
    return QuotaRevision.objects.bulk_create(revisions)


def switch(quota: EnergyQuota, *, is_active: bool, at: datetime | None = None) -> bool:
    """Switch a quota on or off; its open alarms are closed as switched off. Say whether it changed."""
    with transaction.atomic():
        changed = EnergyQuota.objects.filter(pk=quota.pk, is_active=not is_active).update(is_active=is_active)
        quota.is_active = is_active
        if not changed:
            return False
        if is_active:
            request_evaluation(quota)
        else:
            close_alarms(quota.pk, at=at)
            # Switched on again, it is told again.
            QuotaUsage.objects.filter(quota=quota, is_closed=False).update(told_level="")
    return True


def close_alarms(quota_id: int, *, at: datetime | None = None) -> int:
    """Close the open alarms of a quota that is no more."""
    keys = alarms.open_keys(prefix=f"{words.SOURCE}.{quota_id}.")
    return alarms.recover(keys, reason="switched_off", note=_("配额已停用或删除"), at=at)


def request_evaluation(quota: EnergyQuota, period_start: date | None = None) -> None:
    """Make a quota due: its present period, or another one that was changed."""
    first = period_start or timezone.localdate(clock.now())
    note_changed(energy_type_ids={one.pk for one in types_of(quota)}, first=first, last=first)


def _value(quota: EnergyQuota, value: Decimal, unit: str) -> Decimal:
    if not value.is_finite() or value < 0 or value >= _LARGEST:
        raise AppError("bad_value", _("配额不能为负，也不能大于一万亿。"))
    try:
        found = convert(value, unit or quota.unit, quota.unit, places=VALUE_PLACES)
    except UnitError:
        raise AppError(
            "bad_unit", _("“%(unit)s”不能精确换算为“%(wanted)s”。") % {"unit": unit, "wanted": quota.unit}
        ) from None
    if found != found.quantize(Decimal("0.001")):
        raise AppError("bad_value", _("配额最多三位小数。"))
    return found


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise AppError("reason_missing", _("请填写修改原因。"))
    if len(reason) > 255:
        raise AppError("reason_too_long", _("原因最多 255 个字。"))
    return reason


__all__ = [
    "check",
    "close_alarms",
    "create_quota",
    "request_evaluation",
    "revise",
    "set_period_values",
    "switch",
]
