"""Work on many contracts at once, that people can watch and stop."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from contracts.choices import RunState


class BatchRun(models.Model):
    """One act on many contracts, done bit by bit in their order."""

    class Act(models.TextChoices):
        GENERATE = "generate", _("生成或重试")
        REGENERATE = "regenerate", _("重新生成")
        SEND = "send", _("再次发送")
        PDF = "pdf", _("转换 PDF")

    act = models.CharField(_("操作"), max_length=12, choices=Act)
    rows = models.JSONField(_("合同"), default=list)
    total = models.PositiveIntegerField(_("共"))
    done = models.PositiveIntegerField(_("完成"), default=0)
    failed = models.PositiveIntegerField(_("未能完成"), default=0)
    refusals = models.JSONField(_("未能完成的原因"), default=list)
    state = models.CharField(_("状态"), max_length=10, choices=RunState, default=RunState.RUNNING)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("发起人")
    )
    started_at = models.DateTimeField(_("开始"), auto_now_add=True)
    finished_at = models.DateTimeField(_("结束"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("批量处理")
        ordering = ["-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["id"], condition=models.Q(state="running"), name="contracts_running")]

    def __str__(self) -> str:
        return f"{self.get_act_display()} #{self.pk}"

    @property
    def place(self) -> int:
        """How many of the contracts were looked at."""
        return self.done + self.failed
