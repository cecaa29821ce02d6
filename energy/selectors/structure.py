"""The structure of an energy type as the arithmetic wants it: places instead of rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import NamedTuple

from energy.metering import Attachment, Plant, Upstream
from energy.models import Attachment as AttachmentRow
from energy.models import Device, DeviceGroup, EnergyType, UpstreamLink, VirtualPart


class PlantMap(NamedTuple):
    """A plant, and at which place each row stands in it.

    devices  the place of each device of the energy type, by primary key
    groups   the place of each group, by primary key
    """

    plant: Plant
    devices: dict[int, int]
    groups: dict[int, int]


def plant_of(energy_type: EnergyType) -> PlantMap:
    """Return the structure of one energy type, on all days. Five queries.

    Raises MeterError if the rows contradict one another (a group above itself, say), which the
    services never write.
    """
    devices = _places(Device.objects.filter(energy_type=energy_type).order_by("code").values_list("pk"))
    rows = list(DeviceGroup.objects.order_by("order", "code").values_list("pk", "parent_id"))
    groups = _places((pk,) for pk, _parent in rows)
    parents = [None if parent is None else groups[parent] for _pk, parent in rows]
    its = {"device__energy_type": energy_type}
    attachments = [
        Attachment(devices[device], groups[group], start, end or date.max, sign)
        for device, group, start, end, sign in AttachmentRow.objects.filter(**its).values_list(
            "device_id", "group_id", "start", "end", "sign"
        )
    ]
    upstream = [
        Upstream(devices[device], devices[behind], start, end or date.max)
        for device, behind, start, end in UpstreamLink.objects.filter(
            **its, behind__energy_type=energy_type
        ).values_list("device_id", "behind_id", "start", "end")
    ]
    virtual: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for whole, part, times in VirtualPart.objects.filter(**its, part__energy_type=energy_type).values_list(
        "device_id", "part_id", "times"
    ):
        virtual[devices[whole]][devices[part]] = times
    return PlantMap(Plant(parents, len(devices), attachments, upstream, dict(virtual)), devices, groups)


def _places(keys: object) -> dict[int, int]:
    return {pk: place for place, (pk,) in enumerate(keys)}  # type: ignore[var-annotated, arg-type]
