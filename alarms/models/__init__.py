"""Alarms, what is set for them, what people do about them."""

from alarms.models.alarms import (
    OPEN,
    SEVERITY_ORDER,
    STATUS_TONES,
    Alarm,
    AlarmEvent,
    AlarmQuerySet,
    AlarmStatus,
    Resolution,
    Severity,
    Withheld,
    rank_of,
)
from alarms.models.escalation import (
    EscalationPolicy,
    EscalationStep,
    Prompt,
    Rota,
    RotaException,
    RotaMember,
)
from alarms.models.orders import EFFECT_TONES, ORDER_TONES, Effect, OrderStatus, WorkOrder, WorkOrderStep
from alarms.models.rules import Closing, InhibitionRule, Silence, SourceRule
from alarms.models.system import Measure, RequestMinute, SystemRule, SystemState

__all__ = [
    "EFFECT_TONES",
    "OPEN",
    "ORDER_TONES",
    "SEVERITY_ORDER",
    "STATUS_TONES",
    "Alarm",
    "AlarmEvent",
    "AlarmQuerySet",
    "AlarmStatus",
    "Closing",
    "Effect",
    "EscalationPolicy",
    "EscalationStep",
    "InhibitionRule",
    "Measure",
    "OrderStatus",
    "Prompt",
    "RequestMinute",
    "Resolution",
    "Rota",
    "RotaException",
    "RotaMember",
    "Severity",
    "Silence",
    "SourceRule",
    "SystemRule",
    "SystemState",
    "Withheld",
    "WorkOrder",
    "WorkOrderStep",
    "rank_of",
]
