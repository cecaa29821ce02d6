"""Figures of delivery by hour, the troubles that were found, and resends of many messages at once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.choices import Severity, channel_choices


class HourlyFigure(models.Model):
    """What one channel did in one hour; written by `services.statistics`, over and over the same.

    Everything but `queue_most` and `oldest_most_s` follows from the messages and their attempts and can be
    computed again while these exist. Those two are samples, which nothing can tell later. Test messages
    count nowhere. The bounds of both histograms stand in `services.statistics`.
    """

    channel = models.CharField(_("渠道"), max_length=16, choices=channel_choices)
    hour = models.DateTimeField(_("小时"))
    created = models.PositiveIntegerField(_("新建"), default=0)
    sent = models.PositiveIntegerField(_("送达"), default=0)
    dead = models.PositiveIntegerField(_("死信"), default=0)
    suppressed = models.PositiveIntegerField(_("未发送"), default=0)
    cancelled = models.PositiveIntegerField(_("取消"), default=0)
    merged = models.PositiveIntegerField(_("合并"), default=0)
    requests = models.PositiveIntegerField(_("请求"), default=0)
    failed = models.PositiveIntegerField(_("失败的请求"), default=0)
    retried = models.PositiveIntegerField(_("重试"), default=0)
    uncertain = models.PositiveIntegerField(_("不确定"), default=0)
    lease_expired = models.PositiveIntegerField(_("进程中断"), default=0)
    possible_duplicates = models.PositiveIntegerField(_("可能重复"), default=0)
    response_ms_sum = models.PositiveBigIntegerField(_("响应毫秒之和"), default=0)
    response_buckets = models.JSONField(_("响应时间分布"), default=list)
    receipt_s_sum = models.FloatField(_("事件到送达秒数之和"), default=0)
    receipt_buckets = models.JSONField(_("事件到送达分布"), default=list)
    causes = models.JSONField(_("失败原因"), default=dict)
    reasons = models.JSONField(_("终止原因"), default=dict)
    queue_most = models.PositiveIntegerField(_("队列最长"), default=0)
    oldest_most_s = models.PositiveIntegerField(_("最久等待（秒）"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("发送统计")
        ordering = ["-hour", "channel"]
        constraints = [
            models.UniqueConstraint(fields=["hour", "channel"], name="notifications_one_figure_per_hour")
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.channel}"


class Trouble(models.Model):
    """Something wrong with delivery, from the moment it is first seen until it has stayed away.

    `told_at` is when it was announced, after it had lasted as long as its rule asks; `clear_since` is when
    it was first missed again. `is_unheard` says that no channel was left to tell anybody: then every page
    does. The row goes when the trouble has ended; the alarm above keeps the history.
    """

    key = models.CharField(_("键"), max_length=120, unique=True)
    severity = models.CharField(_("级别"), max_length=8, choices=Severity)
    title = models.CharField(_("标题"), max_length=255)
    description = models.TextField(_("说明"), blank=True)
    value = models.CharField(_("数值"), max_length=64, blank=True)
    threshold = models.CharField(_("阈值"), max_length=64, blank=True)
    link = models.CharField(_("链接"), max_length=255, blank=True)
    avoid_channel = models.CharField(_("避开渠道"), max_length=16, blank=True)
    seen_at = models.DateTimeField(_("发现时间"))
    told_at = models.DateTimeField(_("通知时间"), null=True, blank=True)
    clear_since = models.DateTimeField(_("恢复自"), null=True, blank=True)
    is_unheard = models.BooleanField(_("无法通知"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("发送异常")
        ordering = ["seen_at", "pk"]

    def __str__(self) -> str:
        return self.title


class BulkResend(models.Model):
    """Sending many messages again, as a row that a person can watch and stop.

    `rows` are the messages as they were when the person confirmed; the first `done + skipped` of them are
    behind, so that a killed worker's successor goes on there.
    """

    class Run(models.TextChoices):
        RUNNING = "running", _("进行中")
        DONE = "done", _("已完成")
        CANCELLED = "cancelled", _("已取消")

    state = models.CharField(_("状态"), max_length=10, choices=Run, default=Run.RUNNING, db_index=True)
    rows = models.JSONField(_("消息"), default=list)
    filter_text = models.CharField(_("筛选"), max_length=500, blank=True)
    allows_doubles = models.BooleanField(_("含可能已送达的"), default=False)
    total = models.PositiveIntegerField(_("条数"), default=0)
    done = models.PositiveIntegerField(_("已重发"), default=0)
    skipped = models.PositiveIntegerField(_("已跳过"), default=0)
    last_refusal = models.CharField(_("最近一次跳过的原因"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("开始时间"), auto_now_add=True)
    finished_at = models.DateTimeField(_("结束时间"), null=True, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("发起人"),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("批量重发")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.done + self.skipped}/{self.total}"
