"""The rows of energy, by concept: structure, readings and days."""

from energy.models.readings import (
    DirtyRange,
    EnergyDailySummary,
    ReadingBatch,
    ReadingCorrection,
    ReadingDay,
)
from energy.models.structure import (
    Attachment,
    ConversionFactor,
    Device,
    DeviceGroup,
    DeviceRatio,
    EnergyType,
    MeterChange,
    UpstreamLink,
    VirtualPart,
)

__all__ = [
    "Attachment",
    "ConversionFactor",
    "Device",
    "DeviceGroup",
    "DeviceRatio",
    "DirtyRange",
    "EnergyDailySummary",
    "EnergyType",
    "MeterChange",
    "ReadingBatch",
    "ReadingCorrection",
    "ReadingDay",
    "UpstreamLink",
    "VirtualPart",
]
