"""Attach meters to groups, move them, end what no longer holds. The past is ended, never deleted."""

from __future__ import annotations

import secrets
from datetime import date

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from energy.models import Attachment, Device, DeviceGroup, StructureStamp
from energy.services import months
from spc_site.errors import AppError


def changed() -> None:
    """Say that the structure is another one now: what was kept of it, and all months. Three statements."""
    StructureStamp.objects.update_or_create(pk=1, defaults={"mark": secrets.token_hex(16)})
    months.mark_due()


def attach_meter(device: Device, *, group: DeviceGroup, start: date, sign: int = 1) -> Attachment:
    """Let a meter belong to a group from a day on."""
    with transaction.atomic():
        Device.objects.select_for_update(no_key=True).get(pk=device.pk)
        overlapping = Attachment.objects.filter(device=device, group=group).filter(
            Q(end__isnull=True) | Q(end__gt=start)
        )
        if (other := overlapping.first()) is not None:
            raise AppError(
                "attached_already",
                _("%(device)s 自 %(start)s 起已属于“%(group)s”。")
                % {"device": device, "start": other.start, "group": group},
            )
        return Attachment.objects.create(device=device, group=group, start=start, sign=sign)


def end_attachment(attachment: Attachment, *, end: date) -> Attachment:
    """Let a meter belong to a group no longer from a day on."""
    with transaction.atomic():
        found = Attachment.objects.select_for_update(of=("self",)).get(pk=attachment.pk)
        if found.end is not None and found.end <= end:
            raise AppError("ended_already", _("该归属已于 %(end)s 终止。") % {"end": found.end})
        if end <= found.start:
            raise AppError(
                "ends_before_start", _("终止日必须晚于起始日 %(start)s。") % {"start": found.start}
            )
        found.end = end
        found.save(update_fields=["end"])
        return found


def move_meter(attachment: Attachment, *, group: DeviceGroup, day: date) -> Attachment:
    """Let a meter belong to another group from a day on instead."""
    with transaction.atomic():
        ended = end_attachment(attachment, end=day)
        return attach_meter(ended.device, group=group, start=day, sign=ended.sign)
