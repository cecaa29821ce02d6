"""A new message rings for delivery."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from notifications import kept
from notifications.choices import State
from notifications.models import Channel, ContentRule, Notification, NotificationConfig, Robot
from spc_site import jobs


@receiver(post_save, sender=Notification, dispatch_uid="notifications.ring_on_notification_saved")
def ring_on_notification_saved(
    sender: type[Notification], instance: Notification, raw: bool, **kwargs: Any
) -> None:
    if not raw and instance.status == State.PENDING:
        jobs.enqueue("notifications.deliver")


kept.watch(Channel, ContentRule, NotificationConfig, Robot)
