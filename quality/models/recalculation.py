"""Judging everything again, as a row that a person can watch and stop."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from quality.models.master import Characteristic


class Recalculation(models.Model):
    """One run over all current entries, or over those of one characteristic.

    `cursor` holds, per kind of report, the last report that was done: a killed worker's
    successor goes on there.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("进行中")
        DONE = "done", _("已完成")
        CANCELLED = "cancelled", _("已取消")

    characteristic = models.ForeignKey(
        Characteristic,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("检测项目"),
        help_text=_("空：全部"),
    )
    state = models.CharField(_("状态"), max_length=10, choices=State, default=State.RUNNING, db_index=True)
    total = models.PositiveIntegerField(_("项目数"), default=0)
    done = models.PositiveIntegerField(_("已完成"), default=0)
    cursor = models.JSONField(_("进度"), default=dict, blank=True)
    created_at = models.DateTimeField(_("开始时间"), auto_now_add=True)
    finished_at = models.DateTimeField(_("结束时间"), null=True, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("发起人"),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("重新判定")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.done}/{self.total}"

    @property
    def percent(self) -> int:
        return 100 if not self.total else min(100, 100 * self.done // self.total)
