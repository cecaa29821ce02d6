"""A reading that a person takes from a register: held against the last one, then recorded."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Avg
from django.utils.translation import gettext as _

from energy.choices import ReadingKind, Way
from energy.metering import midnights, unpack
from energy.models import Device, DeviceRatio, EnergyDailySummary, ReadingDay, ReadingPhoto
from energy.services import readings
from energy.services.readings import Batch, Reading, Recorded
from spc_site.errors import AppError

SOURCE = "manual"
MOST_PHOTO_BYTES = 8 * 2**20
_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_USUAL_DAYS = 30
_TIMES_USUAL = 5
"""So many times the usual use is worth a second look."""


@dataclass(frozen=True, slots=True)
class LastReading:
    """What a register showed last, in its unit."""

    at: datetime
    value: Decimal

    @property
    def text(self) -> str:
        """Return the value as the register shows it, without needless zeros."""
        return f"{self.value.normalize():f}"


def last_reading(device: Device, *, before: datetime | None = None) -> LastReading | None:
    """Return the latest reading of a device, or the latest before a moment. One query."""
    zone = ZoneInfo(settings.TIME_ZONE)
    days = ReadingDay.objects.filter(device=device).order_by("-day")
    if before is not None:
        days = days.filter(day__lte=before.astimezone(zone).date())
    for row in days[:2]:  # the day of the moment may have later readings only
        start = int(midnights(row.day, row.day, zone)[0])
        seconds, counts = unpack(row.packed)
        for second, count in zip(reversed(seconds.tolist()), reversed(counts.tolist()), strict=True):
            at = datetime.fromtimestamp(start + second, zone)
            if before is None or at < before:
                return LastReading(at, count * device.count_size)
    return None


def doubts(device: Device, *, at: datetime, value: Decimal) -> list[str]:
    """Return what is odd about a reading, for the person to look again. A few queries."""
    last = last_reading(device, before=at)
    if last is None or device.reading_kind == ReadingKind.INTERVAL:
        return []
    step = value - last.value
    unit = device.energy_type.unit
    if step < -(device.tolerance * device.count_size):
        return [
            _("低于上次读数 %(last)s %(unit)s。请核对；如果换过表，请先登记换表。")
            % {"last": last.text, "unit": unit}
        ]
    hours = Decimal((at - last.at) / timedelta(seconds=1)) / 3600
    if device.max_per_hour is not None and step > device.max_per_hour * device.count_size * hours:
        return [_("用量超过这块表可能的最大值。请核对读数。")]
    usual = _usual_per_hour(device, last.at)
    if usual and step > _TIMES_USUAL * usual * hours:
        return [_("用量是平时的 %(times)d 倍。请核对读数。") % {"times": int(step / (usual * hours))}]
    return []


def _usual_per_hour(device: Device, until: datetime) -> Decimal:
    """Return what the register's counts usually amount to in an hour, before its ratio."""
    last = until.date()
    mean = EnergyDailySummary.objects.filter(
        device=device, date__gte=last - timedelta(days=_USUAL_DAYS), date__lte=last
    ).aggregate(mean=Avg("total_consumption"))["mean"]
    ratio = (
        DeviceRatio.objects.filter(device=device, valid_from__lte=until)
        .order_by("-valid_from")
        .values_list("ratio", flat=True)
        .first()
    )
    return Decimal(mean or 0) / (ratio or Decimal(1)) / 24


@transaction.atomic
def record_manual(
    device: Device, *, at: datetime, value: Decimal, user: User, photo: bytes = b"", note_id: str = ""
) -> Recorded:
    """Record one reading that a person took; `note_id` names the form, so that it counts once.

    Raises AppError with the reason for a reading that cannot be taken, or a photo that is none.
    """
    content_type = _photo_type(photo)
    batch = Batch(
        source=SOURCE,
        batch_id=note_id or uuid.uuid4().hex,
        way=Way.MANUAL,
        readings=[Reading(device.code, at, value)],
        who=user,
    )
    recorded = readings.record(batch)
    if recorded.rejected:
        refused = recorded.rejected[0]
        raise AppError(refused.code, refused.reason)
    if content_type and not recorded.is_repeated:
        ReadingPhoto.objects.create(
            batch=recorded.batch, device=device, at=at, content_type=content_type, data=photo
        )
    return recorded


def _photo_type(photo: bytes) -> str:
    if not photo:
        return ""
    if len(photo) > MOST_PHOTO_BYTES:
        raise AppError("photo_too_large", _("照片超过 8 MB。"))
    for signature, content_type in _SIGNATURES.items():
        if photo.startswith(signature):
            return content_type
    raise AppError("not_a_photo", _("照片要是 JPEG 或 PNG。"))
