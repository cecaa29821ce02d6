"""Settings as rows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.kept import WatchedQuerySet


class NotificationConfig(models.Model):
    """A setting over the environment's default; typed and checked by `notifications.config`."""

    config_key = models.CharField(_("配置项"), max_length=64, unique=True)
    config_value = models.CharField(_("值"), max_length=255)
    description = models.CharField(_("说明"), max_length=255, blank=True)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    objects: ClassVar[models.Manager[NotificationConfig]] = WatchedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("通知配置")
        ordering = ["config_key"]

    def __str__(self) -> str:
        return f"{self.config_key} = {self.config_value}"
