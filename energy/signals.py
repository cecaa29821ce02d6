"""What decides about months and quotas of energy marks them as due when it is saved or deleted.

One statement, in the transaction of the change: what is due must be a row before anybody rings.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from energy.models import (
    Attachment,
    CalendarDay,
    DeviceGroup,
    EnergyQuota,
    Tariff,
    TariffPrice,
    TariffSpan,
    UpstreamLink,
    VirtualPart,
)
from energy.services import months, quotas
from spc_site import clock


def _connect(sender: type, name: str) -> Any:
    saved = receiver(post_save, sender=sender, dispatch_uid=f"energy.{name}_saved")
    deleted = receiver(post_delete, sender=sender, dispatch_uid=f"energy.{name}_deleted")
    return lambda function: saved(deleted(function))


@_connect(Tariff, "tariff")
def mark_on_tariff(sender: type, instance: Tariff, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        months.mark_due(instance.energy_type_id)


@_connect(TariffPrice, "tariff_price")
@_connect(TariffSpan, "tariff_span")
def mark_on_part_of_tariff(
    sender: type, instance: TariffPrice | TariffSpan, raw: bool = False, **kwargs: Any
) -> None:
    if not raw:
        months.mark_due()


@_connect(CalendarDay, "calendar_day")
@_connect(Attachment, "attachment")
@_connect(UpstreamLink, "upstream_link")
@_connect(VirtualPart, "virtual_part")
@_connect(DeviceGroup, "device_group")
def mark_on_structure(sender: type, instance: Any, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        months.mark_due()


@_connect(Attachment, "attachment_of_quotas")
@_connect(UpstreamLink, "upstream_link_of_quotas")
def mark_quotas(sender: type, instance: Attachment | UpstreamLink, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        quotas.note_changed(
            energy_type_ids={instance.device.energy_type_id},
            first=instance.start,
            last=instance.end or max(instance.start, timezone.localdate(clock.now())),
        )


@receiver(post_delete, sender=EnergyQuota, dispatch_uid="energy.quota_deleted")
def close_alarms_of_deleted_quota(sender: type, instance: EnergyQuota, **kwargs: Any) -> None:
    quotas.close_alarms(instance.pk)
