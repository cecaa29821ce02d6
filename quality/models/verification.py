"""Runs of the verification of the statistics, as rows that an auditor can look at later."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Verification(models.Model):
    """One recomputation of all published cases by the version that was installed then.

    `result` is the whole run (`quality.spc.verify.Run.to_dict`); its sums stand in columns, so that
    a list need not read it. Nobody asked for it by name: it was the command.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("等待中")
        RUNNING = "running", _("进行中")
        EQUAL = "equal", _("全部一致")
        DIFFERS = "differs", _("有不一致")

    state = models.CharField(_("结果"), max_length=10, choices=State, default=State.WAITING, db_index=True)
    case_count = models.PositiveIntegerField(_("案例数"), default=0)
    check_count = models.PositiveIntegerField(_("项数"), default=0)
    failed_count = models.PositiveIntegerField(_("不一致"), default=0)
    versions = models.JSONField(_("版本"), default=dict, blank=True)
    result = models.JSONField(_("明细"), default=dict, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("发起人"),
    )
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)
    started_at = models.DateTimeField(_("开始时间"), null=True, blank=True)
    finished_at = models.DateTimeField(_("结束时间"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("SPC 引擎验证")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.check_count - self.failed_count}/{self.check_count}"

    @property
    def is_finished(self) -> bool:
        return self.state in (self.State.EQUAL, self.State.DIFFERS)
