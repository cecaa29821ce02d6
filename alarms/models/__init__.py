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
from alarms.models.rules import Closing, InhibitionRule, Silence, SourceRule

__all__ = [
    "OPEN",
    "SEVERITY_ORDER",
    "STATUS_TONES",
    "Alarm",
    "AlarmEvent",
    "AlarmQuerySet",
    "AlarmStatus",
    "Closing",
    "InhibitionRule",
    "Resolution",
    "Severity",
    "Silence",
    "SourceRule",
    "Withheld",
    "rank_of",
]
