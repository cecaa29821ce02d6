"""Quotas for tests: plain functions with sensible defaults."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from alarms.models import Alarm
from energy.models import Device, DeviceGroup, EnergyQuota, EnergyType, QuotaRun, QuotaUsage
from energy.services import quotas
from tests.energy import builders as make

MARCH = date(2026, 3, 1)


def quota(target: DeviceGroup | Device, value: object = 100, **fields: Any) -> EnergyQuota:
    """A monthly quota of 80/95 % over a group or a device."""
    where = {"group" if isinstance(target, DeviceGroup) else "device": target}
    if "converted_to" not in fields:
        fields.setdefault("energy_type", make.energy_type())
    fields = {"name": f"配额 {target}", "quota_value": Decimal(str(value))} | where | fields
    return EnergyQuota.objects.create(**fields)


def metered_group(code: str = "", of: EnergyType | None = None) -> tuple[DeviceGroup, Device]:
    """A group with one meter."""
    group = make.group(code)
    meter = make.device(f"{group.code}-m", of)
    make.attached(group, meter)
    return group, meter


def check(as_of: date, **options: Any) -> QuotaRun:
    run = quotas.evaluate(as_of=as_of, **options)
    assert run is not None
    return run


def usage(of: EnergyQuota, first: date = MARCH) -> QuotaUsage:
    return QuotaUsage.objects.get(quota=of, period_start=first)


def alarms_of(of: EnergyQuota) -> list[Alarm]:
    return list(Alarm.objects.filter(key__startswith=f"energy.quota.{of.pk}.").order_by("pk"))


def moment(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=make.SHANGHAI)
