"""Messages: templates, delivery, attempts."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as django_apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("通知")

    def ready(self) -> None:
        post_migrate.connect(_give_channels_their_rows, sender=self, dispatch_uid="notifications.channels")


def _give_channels_their_rows(apps: Any = django_apps, **_kwargs: Any) -> None:
    """A channel that was added to the code has its row, and its page in the admin, after `migrate`."""
    from notifications.services.health import ensure_channels

    try:
        model = apps.get_model("notifications", "Channel")
    except LookupError:  # the state before the first migration
        return
    ensure_channels(model)
