"""What comes in through the callback: events as they came, refusals counted, runs that look for losses."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from approvals.choices import EventState


class InboundEvent(models.Model):
    """One event of WeCom, stored as it came; the same one is stored once.

    `subject` is whom it is about: the number of an approval, the task of a card. What is due stands
    here: `waiting` rows whose `next_at` has come.
    """

    key = models.CharField(_("键"), max_length=64, unique=True)
    event = models.CharField(_("事件"), max_length=64, db_index=True)
    subject = models.CharField(_("对象"), max_length=128, blank=True, db_index=True)
    raw = models.TextField(_("原文"))
    received_at = models.DateTimeField(_("接收时间"), db_index=True)
    state = models.CharField(_("状态"), max_length=8, choices=EventState, default=EventState.WAITING)
    attempts = models.PositiveSmallIntegerField(_("尝试次数"), default=0)
    next_at = models.DateTimeField(_("下次处理"), null=True, blank=True)
    error = models.CharField(_("错误"), max_length=500, blank=True)
    handled_at = models.DateTimeField(_("处理时间"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("回调事件")
        ordering = ["-received_at", "-pk"]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(state="waiting"), name="approvals_event_due")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject}".strip()


class Refusal(models.Model):
    """How many callbacks were refused in an hour, by the stage at which they were."""

    stage = models.CharField(_("环节"), max_length=16)
    hour = models.DateTimeField(_("小时"))
    count = models.PositiveIntegerField(_("次数"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("拒绝的回调")
        ordering = ["-hour", "stage"]
        constraints = [models.UniqueConstraint(fields=["stage", "hour"], name="approvals_refusals_of_hour")]

    def __str__(self) -> str:
        return f"{self.stage} {self.count}"


class ReconcileRun(models.Model):
    """One look for events that never came; a row even where it failed."""

    began_at = models.DateTimeField(_("开始时间"), db_index=True)
    ended_at = models.DateTimeField(_("结束时间"), null=True, blank=True)
    window_from = models.DateTimeField(_("查询起点"))
    listed = models.PositiveIntegerField(_("列出"), default=0)
    polled = models.PositiveIntegerField(_("查询未结"), default=0)
    recovered = models.PositiveIntegerField(_("补回"), default=0)
    error = models.CharField(_("错误"), max_length=500, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("核对记录")
        ordering = ["-began_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M}"
