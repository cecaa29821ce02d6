"""What is due for hooks, what they did, and which of them rest."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hooks.points import POINTS
from hooks.policy import FURTHEST


class EventState(models.TextChoices):
    PENDING = "pending", _("等待")
    RUNNING = "running", _("执行中")
    DONE = "done", _("完成")
    SKIPPED = "skipped", _("不再需要")
    FAILED = "failed", _("失败")


EVENT_TONES = {
    EventState.PENDING: "blue",
    EventState.RUNNING: "blue",
    EventState.DONE: "green",
    EventState.SKIPPED: "grey",
    EventState.FAILED: "red",
}


class Outcome(models.TextChoices):
    """How one run of a hook ended."""

    OK = "ok", _("成功")
    RAISED = "raised", _("抛出异常")
    TIMEOUT = "timeout", _("超时，已终止")
    MEMORY = "memory", _("内存超限")
    DIED = "died", _("进程意外结束")
    REFUSED = "refused", _("返回值不合规")
    UNUSABLE = "unusable", _("扩展无法加载")
    LOST = "lost", _("执行者中断")


OUTCOME_TONES = {
    Outcome.OK: "green",
    Outcome.RAISED: "red",
    Outcome.TIMEOUT: "red",
    Outcome.MEMORY: "red",
    Outcome.DIED: "red",
    Outcome.REFUSED: "red",
    Outcome.UNUSABLE: "amber",
    Outcome.LOST: "amber",
}


class HookEventQuerySet(models.QuerySet["HookEvent"]):
    def due(self, now: datetime) -> Self:
        """Keep what may run now: waiting and its time has come, or left by one who died over it.

        A time too far away was written by a clock that has been set back since.
        """
        is_time = Q(next_at__lte=now) | Q(next_at__gt=now + FURTHEST)
        return self.filter(is_time, state__in=[EventState.PENDING, EventState.RUNNING])


class HookEvent(models.Model):
    """Something that happened and that a customer's hook wants to hear of.

    Written in the transaction of what happened. `next_at` is when it may be taken (again): for a
    running one the end of its lease.
    """

    event_id = models.CharField(_("事件编号"), max_length=100, unique=True)
    point = models.CharField(_("扩展点"), max_length=40, choices=[(name, name) for name in POINTS])
    schema = models.PositiveSmallIntegerField(_("数据版本"), default=1)
    payload_text = models.TextField(_("数据"))
    occurred_at = models.DateTimeField(_("发生时间"))
    state = models.CharField(_("状态"), max_length=8, choices=EventState, default=EventState.PENDING)
    attempts = models.PositiveSmallIntegerField(_("已执行次数"), default=0)
    next_at = models.DateTimeField(_("下次执行"))
    lease_owner = models.CharField(_("执行者"), max_length=80, blank=True)
    finished_at = models.DateTimeField(_("结束时间"), null=True, blank=True)

    objects: ClassVar[HookEventQuerySet] = HookEventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = verbose_name_plural = _("扩展事件")
        ordering = ["-occurred_at", "-pk"]
        indexes = [
            models.Index(
                fields=["next_at", "point"],
                condition=Q(state__in=["pending", "running"]),
                name="hooks_event_due",
            ),
            models.Index(fields=["-occurred_at"], name="hooks_event_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.point} {self.event_id}"

    @property
    def payload(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.payload_text)
        return data


class HookRun(models.Model):
    """One run of a hook in its child process; never changed.

    `event` is empty for what is no event: the calculation of the customer's figures.
    """

    event = models.ForeignKey(
        HookEvent,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("事件"),
    )
    event_id_text = models.CharField(_("事件编号"), max_length=100, blank=True)
    point = models.CharField(_("扩展点"), max_length=40, choices=[(name, name) for name in POINTS])
    attempt = models.PositiveSmallIntegerField(_("第几次"), default=1)
    started_at = models.DateTimeField(_("开始时间"), db_index=True)
    duration_ms = models.PositiveIntegerField(_("耗时（毫秒）"), default=0)
    outcome = models.CharField(_("结果"), max_length=8, choices=Outcome)
    error = models.CharField(_("错误"), max_length=255, blank=True)
    traceback = models.TextField(_("调用栈"), blank=True)
    output = models.TextField(_("输出"), blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("扩展执行记录")
        ordering = ["-started_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.point} {self.event_id_text} #{self.attempt}"


class HookPoint(models.Model):
    """How a point does: its failures in a row, and until when it rests."""

    name = models.CharField(
        _("扩展点"), max_length=40, unique=True, choices=[(name, name) for name in POINTS]
    )
    failures = models.PositiveIntegerField(_("连续失败"), default=0)
    last_error = models.CharField(_("最近错误"), max_length=255, blank=True)
    last_ok_at = models.DateTimeField(_("最近成功"), null=True, blank=True)
    last_failed_at = models.DateTimeField(_("最近失败"), null=True, blank=True)
    paused_until = models.DateTimeField(_("暂停至"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("扩展点")
        ordering = ["name"]
        permissions = [("resume_hookpoint", _("恢复暂停的扩展点"))]

    def __str__(self) -> str:
        return self.name

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > now


class CustomKpi(models.Model):
    """A figure that the customer's code calculated last, and when; kept while a calculation fails."""

    name = models.CharField(_("名称"), max_length=60, unique=True)
    label = models.CharField(_("标签"), max_length=60, blank=True)
    unit = models.CharField(_("单位"), max_length=20, blank=True)
    value = models.FloatField(_("数值"))
    position = models.PositiveSmallIntegerField(_("顺序"), default=0)
    calculated_at = models.DateTimeField(_("计算时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("客户指标")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.label or self.name

    @property
    def shown(self) -> str:
        """Return the value for people: at most three decimals, thousands apart."""
        return f"{self.value:,.3f}".rstrip("0").rstrip(".")
