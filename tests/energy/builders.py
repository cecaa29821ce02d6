"""Rows of energy for tests: plain functions with sensible defaults."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from energy.choices import Way
from energy.models import Attachment, Device, DeviceGroup, EnergyDailySummary, EnergyType
from energy.services import months, readings

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY_S = 86400
_numbers = count(1)


def energy_type(code: str = "electricity", **fields: Any) -> EnergyType:
    """A shipped energy type, or one of that code with a step of 1."""
    found = EnergyType.objects.filter(code=code).first()
    defaults = {"name": code, "unit": "kWh", "step": Decimal(1)}
    return found or EnergyType.objects.create(code=code, **(defaults | fields))


def group(code: str = "", parent: DeviceGroup | None = None, **fields: Any) -> DeviceGroup:
    code = code or f"g{next(_numbers)}"
    return DeviceGroup.objects.create(code=code, name=fields.pop("name", code), parent=parent, **fields)


def device(code: str = "", of: EnergyType | None = None, **fields: Any) -> Device:
    """A meter that counts whole units, a quarter of an hour apart."""
    code = code or f"m{next(_numbers)}"
    defaults = {"name": code, "count_size": Decimal(1), "interval_s": 900}
    return Device.objects.create(code=code, energy_type=of or energy_type(), **(defaults | fields))


def attached(
    to: DeviceGroup, device: Device, start: date = date(2020, 1, 1), end: date | None = None, sign: int = 1
) -> Attachment:
    return Attachment.objects.create(device=device, group=to, start=start, end=end, sign=sign)


def used(device: Device, first: date, *uses: Decimal | int | str, covered_s: int = DAY_S) -> None:
    """Daily use of a device from a day on, in units of its energy type; computed by nobody."""
    step = device.energy_type.step
    EnergyDailySummary.objects.bulk_create(
        EnergyDailySummary(
            date=(day := first + timedelta(days=number)),
            energy_type=device.energy_type,
            device=device,
            amount=int(Decimal(use) / step),
            total_consumption=Decimal(use),
            covered_s=covered_s,
            length_s=DAY_S,
            end_at=int(datetime(day.year, day.month, day.day, 23, 59, tzinfo=SHANGHAI).timestamp()),
            end_count=0,
            computed_at=datetime(2026, 1, 1, tzinfo=SHANGHAI),
        )
        for number, use in enumerate(uses)
    )
    months.refresh([device.pk], first, first + timedelta(days=len(uses) - 1))


def taken(device: Device, *given: tuple[datetime, Decimal | int]) -> readings.Recorded:
    """Readings of one device, as a batch of their own."""
    rows = [readings.Reading(device.code, at, value) for at, value in given]
    batch_id = f"built{next(_numbers)}"
    return readings.record(readings.Batch(source="builders", batch_id=batch_id, way=Way.API, readings=rows))
