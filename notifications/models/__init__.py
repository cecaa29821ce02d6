"""The rows of notifications."""

from notifications.models.channels import AccessToken, Budget, Channel, MediaTicket, MemberLoad, Robot
from notifications.models.messages import (
    Attachment,
    CardCode,
    DeliveryAttempt,
    Notification,
    NotificationEvent,
)
from notifications.models.routing import Flood, Recipient, Route, RouteStep
from notifications.models.safety import AuditEntry, ContentRule
from notifications.models.settings import NotificationConfig
from notifications.models.statistics import BulkResend, HourlyFigure, Trouble
from notifications.models.templates import NotificationTemplate, TemplateVersion

__all__ = [
    "AccessToken",
    "Attachment",
    "AuditEntry",
    "Budget",
    "BulkResend",
    "CardCode",
    "Channel",
    "ContentRule",
    "DeliveryAttempt",
    "Flood",
    "HourlyFigure",
    "MediaTicket",
    "MemberLoad",
    "Notification",
    "NotificationConfig",
    "NotificationEvent",
    "NotificationTemplate",
    "Recipient",
    "Robot",
    "Route",
    "RouteStep",
    "TemplateVersion",
    "Trouble",
]
