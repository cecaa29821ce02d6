"""The rows of notifications."""

from notifications.models.channels import Budget, Channel
from notifications.models.messages import DeliveryAttempt, Notification, NotificationEvent
from notifications.models.settings import NotificationConfig
from notifications.models.templates import NotificationTemplate

__all__ = [
    "Budget",
    "Channel",
    "DeliveryAttempt",
    "Notification",
    "NotificationConfig",
    "NotificationEvent",
    "NotificationTemplate",
]
