"""The rows of notifications."""

from notifications.models.channels import Budget, Channel
from notifications.models.messages import DeliveryAttempt, Notification, NotificationEvent
from notifications.models.routing import Flood, Recipient, Route, RouteStep
from notifications.models.settings import NotificationConfig
from notifications.models.statistics import BulkResend, HourlyFigure, Trouble
from notifications.models.templates import NotificationTemplate

__all__ = [
    "Budget",
    "BulkResend",
    "Channel",
    "DeliveryAttempt",
    "Flood",
    "HourlyFigure",
    "Notification",
    "NotificationConfig",
    "NotificationEvent",
    "NotificationTemplate",
    "Recipient",
    "Route",
    "RouteStep",
    "Trouble",
]
