"""What decides about days, months and quotas of energy marks them as due when it is saved or deleted.

Few statements, in the transaction of the change: what is due must be a row before anybody rings.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from energy.models import (
    Attachment,
    CalendarDay,
    ConversionFactor,
    Device,
    DeviceGroup,
    DeviceRatio,
    EnergyQuota,
    EnergyType,
    MeterChange,
    Tariff,
    TariffPrice,
    TariffSpan,
    UpstreamLink,
    VirtualPart,
)
from energy.services import days, months, quotas, structure

_DECIDING = {
    "energy_type",
    "reading_kind",
    "count_size",
    "modulus",
    "max_per_hour",
    "tolerance",
    "interval_s",
}
"""What the days of a device follow from, beside its readings."""


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
def mark_on_calendar(sender: type, instance: CalendarDay, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        months.mark_due()


@_connect(Attachment, "attachment")
@_connect(UpstreamLink, "upstream_link")
@_connect(VirtualPart, "virtual_part")
@_connect(DeviceGroup, "device_group")
def mark_on_structure(sender: type, instance: Any, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        structure.changed()


@_connect(Device, "place_of_device")
def mark_on_place_of_device(
    sender: type,
    instance: Device,
    created: bool = True,
    update_fields: Any = None,
    raw: bool = False,
    **kwargs: Any,
) -> None:
    is_state_alone = (
        not created and update_fields is not None and not {"energy_type", "code"} & set(update_fields)
    )
    if not raw and not is_state_alone:
        structure.changed()


@_connect(Attachment, "attachment_of_quotas")
@_connect(UpstreamLink, "upstream_link_of_quotas")
def mark_quotas(sender: type, instance: Attachment | UpstreamLink, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        quotas.note_structure_changed(
            energy_type_ids=[instance.device.energy_type_id],
            first=min(instance.start, instance.was("start")),
            end=instance.end,
        )


@_connect(VirtualPart, "virtual_part_of_quotas")
def mark_quotas_on_part(sender: type, instance: VirtualPart, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        quotas.note_structure_changed(energy_type_ids=[instance.device.energy_type_id], first=date.min)


@receiver(post_save, sender=DeviceGroup, dispatch_uid="energy.group_moved")
def mark_quotas_on_moved_group(
    sender: type, instance: DeviceGroup, created: bool, raw: bool, **kwargs: Any
) -> None:
    """A tree is not dated: who is moved in it belongs there in the past, too."""
    if not raw and not created and instance.parent_id != instance.was("parent_id"):
        every = EnergyType.objects.filter(devices__attachments__isnull=False).distinct()
        quotas.note_structure_changed(energy_type_ids=every.values_list("pk", flat=True), first=date.min)


@_connect(ConversionFactor, "conversion_factor")
def mark_quotas_on_factor(sender: type, instance: ConversionFactor, raw: bool = False, **kwargs: Any) -> None:
    """Factors of a year are published late in it: composite quotas of months that are over follow them."""
    if not raw:
        first = min(instance.valid_from, instance.was("valid_from"))
        quotas.note_structure_changed(energy_type_ids=[instance.energy_type_id], first=first)


@receiver(post_delete, sender=EnergyQuota, dispatch_uid="energy.quota_deleted")
def close_alarms_of_deleted_quota(sender: type, instance: EnergyQuota, **kwargs: Any) -> None:
    quotas.close_alarms(instance.pk)


@_connect(DeviceRatio, "device_ratio")
@_connect(MeterChange, "meter_change")
def mark_on_device_event(
    sender: type, instance: DeviceRatio | MeterChange, raw: bool = False, origin: Any = None, **kwargs: Any
) -> None:
    goes_with_its_device = getattr(origin, "model", type(origin)) is Device
    if not raw and not goes_with_its_device:
        days.mark_whole([instance.device_id])


@receiver(post_save, sender=Device, dispatch_uid="energy.device_saved")
def mark_on_device(
    sender: type, instance: Device, created: bool, raw: bool, update_fields: Any = None, **kwargs: Any
) -> None:
    if not raw and not created and (update_fields is None or _DECIDING & set(update_fields)):
        days.mark_whole([instance.pk])


@receiver(post_save, sender=EnergyType, dispatch_uid="energy.energy_type_saved")
def mark_on_energy_type(sender: type, instance: EnergyType, created: bool, raw: bool, **kwargs: Any) -> None:
    if not raw and not created:
        days.mark_whole(instance.devices.values_list("pk", flat=True))
