"""Sort out what cannot be taken, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from energy.choices import DeviceKind, DeviceStatus, Label, ReadingKind
from energy.metering import COUNT_LIMIT
from energy.models import Device
from energy.services.readings.batches import Checked, Reading, Rejected, Value
from energy.services.readings.merging import midnight_of
from spc_site import clock
from spc_site.errors import AppError
from spc_site.lib.text import NumberError, decimal_text

FUTURE = timedelta(minutes=5)
"""So far a clock of a gateway may be ahead."""
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)


def check(readings: Sequence[Reading], *, label: str = "") -> Checked:
    """Sort out what cannot be taken; nothing is written. One query."""
    codes = {reading.meter for reading in readings}
    devices = {device.code: device for device in Device.objects.filter(code__in=codes)}
    checked = Checked(devices)
    latest = int((clock.now() + FUTURE).timestamp())
    for reading in readings:
        try:
            device = _meter(devices, reading.meter)
            moment = _moment(device, reading.at, label, latest)
            count = _count(device, reading.value)
        except AppError as refusal:
            checked.rejected.append(
                Rejected(
                    reading.where,
                    str(reading.meter)[:60],
                    str(reading.at)[:40],
                    str(reading.value)[:40],
                    refusal.code,
                    refusal.message,
                )
            )
            continue
        checked.meters.append(device.pk)
        checked.moments.append(moment)
        checked.counts.append(count)
    return checked


def _meter(devices: dict[str, Device], code: str) -> Device:
    device = devices.get(code)
    if device is None:
        raise AppError("unknown_meter", _("没有代码为“%(code)s”的表") % {"code": str(code)[:60]})
    if device.kind == DeviceKind.VIRTUAL:
        raise AppError("virtual_meter", _("虚拟表由其他表合成，没有自己的读数"))
    if device.status == DeviceStatus.RETIRED:
        raise AppError("retired_meter", _("表已停用"))
    return device


@lru_cache(maxsize=50_000)
def _parsed(at: datetime | str, zone: str) -> datetime:
    """Return a moment with a zone; a day of readings repeats each of its times for every meter."""
    moment = datetime.fromisoformat(at.strip()) if isinstance(at, str) else at
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))


def _moment(device: Device, at: datetime | str, label: str, latest: int) -> int:
    """Return the moment of a reading in seconds; of an interval, its end."""
    try:
        moment = _parsed(at, settings.TIME_ZONE)
        seconds = int(moment.timestamp())
    except (ValueError, TypeError, OverflowError) as error:
        raise AppError("bad_time", _("时刻无法识别，应为 2026-03-01 08:15 或 ISO 8601")) from error
    label = label or device.label
    if label == Label.START and device.reading_kind == ReadingKind.INTERVAL:
        seconds += device.interval_s
    elif label == Label.END_OF_DAY:
        zone = ZoneInfo(settings.TIME_ZONE)
        local = moment.astimezone(zone)
        if (local.hour, local.minute, local.second) == (0, 0, 0):
            seconds = midnight_of(local.date() + timedelta(days=1))
    if seconds > latest:
        raise AppError("future", _("时刻在未来 5 分钟以后，请检查设备时钟"))
    if moment < OLDEST:
        raise AppError("too_old", _("时刻早于 2000 年，请检查设备时钟"))
    return seconds


def _count(device: Device, value: Value) -> int:
    """Return what a register showed in whole counts."""
    size = device.count_size
    if size == 1 and type(value) is int:
        count: int = value
    else:
        try:
            number = Decimal(decimal_text(value)) if isinstance(value, float) else Decimal(value)
            if not number.is_finite():
                raise ValueError(number)
            whole, rest = divmod(number, size)
        except (InvalidOperation, NumberError, ValueError, TypeError) as error:
            raise AppError("not_a_number", _("不是数值")) from error
        if rest:
            raise AppError(
                "not_whole",
                _("不是每个计数 %(size)s 的整数倍") % {"size": f"{size.normalize():f}"},
            )
        count = int(whole)
    if count < 0:
        raise AppError("negative", _("读数不能为负"))
    if count >= COUNT_LIMIT:
        raise AppError("too_large", _("读数过大"))
    return count
