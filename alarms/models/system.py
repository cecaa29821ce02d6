"""The system watched by its own rules: thresholds as rows, what was measured, what has lasted."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.choices import Severity


class Measure(models.TextChoices):
    """What can be watched; `alarms.services.system` measures each."""

    REQUESTS_SLOW = "requests_slow", _("请求响应时间 p99（毫秒）")
    REQUESTS_FAILED = "requests_failed", _("请求出错比例（%）")
    PROCESSOR = "processor", _("处理器占用（%）")
    DISK = "disk", _("磁盘占用（%）")
    WORKER_MISSING = "worker_missing", _("工作进程无心跳（秒）")
    PUMP_SILENT = "pump_silent", _("轮询进程无心跳（秒）")
    BACKLOG = "backlog", _("最早的待办已等（秒）")


class SystemRule(models.Model):
    """A threshold of the system: above `limit` for `hold_minutes` it raises, below for
    `recover_minutes` it recovers. With `opens_order` a work order names owner and runbook."""

    measure = models.CharField(_("指标"), max_length=20, choices=Measure, unique=True)
    is_active = models.BooleanField(_("启用"), default=True)
    severity = models.CharField(_("级别"), max_length=8, choices=Severity, default=Severity.CRITICAL)
    limit = models.FloatField(_("限值"), validators=[MinValueValidator(0)])
    hold_minutes = models.PositiveSmallIntegerField(
        _("持续多少分钟后报警"), default=0, validators=[MaxValueValidator(1440)]
    )
    recover_minutes = models.PositiveSmallIntegerField(
        _("正常多少分钟后恢复"), default=5, validators=[MaxValueValidator(1440)]
    )
    minimum_count = models.PositiveIntegerField(
        _("至少多少次请求才判断"), default=0, help_text=_("只用于请求的指标")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("负责人"),
        help_text=_("空白：第一位运维人员"),
    )
    runbook = models.CharField(_("处置手册"), max_length=255, blank=True)
    opens_order = models.BooleanField(_("开工单"), default=True)
    due_hours = models.PositiveSmallIntegerField(
        _("工单期限（小时）"), default=24, validators=[MinValueValidator(1)]
    )

    class Meta:
        verbose_name = verbose_name_plural = _("系统规则")
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.get_measure_display())


class SystemState(models.Model):
    """One thing that is over its limit, or was and has not been in order for long enough."""

    rule = models.ForeignKey(
        SystemRule, on_delete=models.CASCADE, related_name="states", verbose_name=_("系统规则")
    )
    instance = models.CharField(_("对象"), max_length=80, blank=True)
    bad_since = models.DateTimeField(_("超限自"))
    good_since = models.DateTimeField(_("正常自"), null=True, blank=True)
    raised_at = models.DateTimeField(_("报警于"), null=True, blank=True)
    value = models.FloatField(_("数值"))

    class Meta:
        verbose_name = verbose_name_plural = _("系统规则的状态")
        ordering = ["rule", "instance"]
        constraints = [models.UniqueConstraint(fields=["rule", "instance"], name="alarms_one_system_state")]

    def __str__(self) -> str:
        return f"{self.rule} {self.instance}"


class RequestMinute(models.Model):
    """The requests that one web process answered in one minute, as a histogram of durations.

    Each process writes only its own rows, with all it has counted so far: writing again changes nothing.
    """

    minute = models.DateTimeField(_("分钟"), db_index=True)
    process = models.CharField(_("进程"), max_length=80)
    count = models.PositiveIntegerField(_("请求"))
    failed = models.PositiveIntegerField(_("出错"))
    buckets = models.JSONField(_("用时分布"), default=list)

    class Meta:
        verbose_name = verbose_name_plural = _("请求的用时")
        ordering = ["-minute", "process"]
        constraints = [
            models.UniqueConstraint(fields=["minute", "process"], name="alarms_one_minute_per_process")
        ]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.process}"
