"""A row of each model of energy, full of what a careless page would run as script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import models

from energy import models as energy
from tests import builders
from tests.energy import builders as make

_START = datetime(2026, 3, 1, tzinfo=UTC)


def _type(evil: str, number: int) -> energy.EnergyType:
    return energy.EnergyType.objects.create(
        code=f"t{number}", name=f"{evil}{number}", unit=evil[:20], step=Decimal(1)
    )


def _device(evil: str, number: int) -> energy.Device:
    device = make.device(
        f"{evil}{number}", make.energy_type(), name=evil, location=evil, gateway=evil, status="standby"
    )
    make.attached(make.group(f"{evil}{number}", name=evil), device)
    return device


def _batch(evil: str, number: int) -> energy.ReadingBatch:
    return energy.ReadingBatch.objects.create(
        source=evil,
        batch_id=f"{evil}{number}",
        way="file",
        file_name=f"{evil}.csv",
        profile=evil,
        rejected=1,
        rejections=[[evil] * 6],
        written=b"x",
        received_at=_START,
        who=builders.person(),
    )


def _summary(evil: str, number: int) -> energy.EnergyDailySummary:
    device = _device(evil, number)
    make.used(device, date(2026, 3, 1), "1")
    return device.days.get()


def _tariff(evil: str, number: int) -> energy.Tariff:
    return energy.Tariff.objects.create(
        name=f"{evil}{number}",
        energy_type=make.energy_type(),
        start=date(2026, 1, 1) + timedelta(days=number),
        source=evil,
    )


def _quota(evil: str, number: int) -> energy.EnergyQuota:
    return energy.EnergyQuota.objects.create(
        name=f"{evil}{number}",
        energy_type=make.energy_type(),
        group=make.group(f"{evil}{number}", name=evil),
        quota_value=Decimal(100),
        unit="kWh",
        note=evil,
    )


def _usage(evil: str, number: int) -> energy.QuotaUsage:
    return energy.QuotaUsage.objects.create(
        quota=_quota(evil, number),
        period_start=date(2026, 3, 1),
        period_end=date(2026, 3, 31),
        quota_value=Decimal(100),
        as_of=date(2026, 3, 2),
        top_meters=[],
        error=evil,
        calculated_at=_START,
    )


def makers(evil: str) -> dict[type[models.Model], Callable[[int], Any]]:
    """Return what makes the n-th row of each model of the admin."""
    return {
        energy.EnergyType: lambda number: _type(evil, number),
        energy.DeviceGroup: lambda number: make.group(f"{evil}{number}", name=evil),
        energy.Device: lambda number: _device(evil, number),
        energy.MeterChange: lambda number: energy.MeterChange.objects.create(
            device=_device(evil, number), at=_START, end_count=number, reason=evil, who=builders.person()
        ),
        energy.AlarmRule: lambda number: energy.AlarmRule.objects.create(
            name=f"{evil}{number}", measure="rate", limit=number, device=_device(evil, number)
        ),
        energy.ChargingOrder: lambda number: energy.ChargingOrder.objects.create(
            order_number=f"{evil}{number}", station=evil, plug=evil, started_at=_START, received_at=_START
        ),
        energy.ChargingStation: lambda number: energy.ChargingStation.objects.create(
            name=f"{evil}{number}", device=_device(evil, number)
        ),
        energy.ReadingBatch: lambda number: _batch(evil, number),
        energy.ReadingCorrection: lambda number: energy.ReadingCorrection.objects.create(
            device=_device(evil, number),
            at=_START,
            old_count=number,
            new_count=1,
            batch=_batch(evil, number),
            who=builders.person(),
            corrected_at=_START,
        ),
        energy.EnergyDailySummary: lambda number: _summary(evil, number),
        energy.ReadingProfile: lambda number: energy.ReadingProfile.objects.create(
            name=f"{evil}{number}", file_pattern=evil, layout={"meter": evil}
        ),
        energy.MqttTopic: lambda number: energy.MqttTopic.objects.create(
            topic=f"{evil}{number}", device=_device(evil, number), value_path=evil, note=evil
        ),
        energy.MqttProblem: lambda number: energy.MqttProblem.objects.create(
            topic=f"{evil}{number}",
            code=evil[:30],
            reason=evil,
            meter=evil,
            payload=evil,
            first_at=_START,
            last_at=_START,
        ),
        energy.MqttBridge: lambda number: energy.MqttBridge.objects.create(
            client_id=f"{evil}{number}",
            broker=evil,
            host=evil,
            pid=number,
            started_at=_START,
            beat_at=_START,
            trouble=evil,
        ),
        energy.OutputDay: lambda number: energy.OutputDay.objects.create(
            group=make.group(f"{evil}{number}", name=evil),
            day=date(2026, 3, 1),
            product=evil,
            amount=number,
            unit=evil[:20],
            source=evil,
            who=builders.person(),
        ),
        energy.GroupFigure: lambda number: energy.GroupFigure.objects.create(
            group=make.group(f"{evil}{number}", name=evil), basis="area", value=number, start=date(2026, 1, 1)
        ),
        energy.Shift: lambda number: energy.Shift.objects.create(
            name=f"{evil}{number}"[:40], begins=time(8), ends=time(16), start=date(2026, 1, 1)
        ),
        energy.EnergyQuota: lambda number: _quota(evil, number),
        energy.QuotaUsage: lambda number: _usage(evil, number),
        energy.QuotaRun: lambda number: energy.QuotaRun.objects.create(
            trigger="person", outcome="failed", as_of=date(2026, 3, 1), started_at=_START, errors=[evil]
        ),
        energy.Tariff: lambda number: _tariff(evil, number),
        energy.CalendarDay: lambda number: energy.CalendarDay.objects.create(
            day=date(2026, 1, 1) + timedelta(days=number), kind="holiday", name=evil
        ),
        energy.PowerFactor: lambda number: energy.PowerFactor.objects.create(
            month=date(2000 + number, 1, 1), energy_type=make.energy_type(), value=Decimal("0.9")
        ),
    }
