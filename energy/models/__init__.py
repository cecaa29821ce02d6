"""The rows of energy, by concept: structure, readings and days, tariffs and months, output, quotas."""

from energy.models.charging import ChargingOrder, ChargingState, ChargingStation
from energy.models.imports import ReadingProfile
from energy.models.mqtt import MqttBridge, MqttProblem, MqttTopic
from energy.models.output import GroupFigure, OutputDay
from energy.models.photos import ReadingPhoto
from energy.models.quotas import (
    EnergyQuota,
    QuotaDue,
    QuotaPeriodValue,
    QuotaRevision,
    QuotaRun,
    QuotaUsage,
)
from energy.models.readings import (
    DirtyRange,
    EnergyDailySummary,
    ReadingBatch,
    ReadingCorrection,
    ReadingDay,
)
from energy.models.rules import AlarmRule
from energy.models.shifts import Shift
from energy.models.stamps import StructureStamp
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
from energy.models.tariffs import (
    CalendarDay,
    DeviceMonth,
    GroupDemand,
    Month,
    PowerFactor,
    Tariff,
    TariffPrice,
    TariffSpan,
)

__all__ = [
    "AlarmRule",
    "Attachment",
    "CalendarDay",
    "ChargingOrder",
    "ChargingState",
    "ChargingStation",
    "ConversionFactor",
    "Device",
    "DeviceGroup",
    "DeviceMonth",
    "DeviceRatio",
    "DirtyRange",
    "EnergyDailySummary",
    "EnergyQuota",
    "EnergyType",
    "GroupDemand",
    "GroupFigure",
    "MeterChange",
    "Month",
    "MqttBridge",
    "MqttProblem",
    "MqttTopic",
    "OutputDay",
    "PowerFactor",
    "QuotaDue",
    "QuotaPeriodValue",
    "QuotaRevision",
    "QuotaRun",
    "QuotaUsage",
    "ReadingBatch",
    "ReadingCorrection",
    "ReadingDay",
    "ReadingPhoto",
    "ReadingProfile",
    "Shift",
    "StructureStamp",
    "Tariff",
    "TariffPrice",
    "TariffSpan",
    "UpstreamLink",
    "VirtualPart",
]
