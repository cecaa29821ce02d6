"""Ways of sending: their switch and health, and the budget of each credential."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.choices import ChannelCode, Overflow, Style


class Channel(models.Model):
    """One way of sending, with its switch, its limits and its health."""

    code = models.CharField(_("渠道"), max_length=16, choices=ChannelCode, unique=True)
    is_enabled = models.BooleanField(_("启用"), default=True)
    priority = models.PositiveSmallIntegerField(_("顺序"), default=1)
    rate_limit = models.PositiveIntegerField(
        _("每分钟上限"), default=20, help_text=_("每个机器人任意 60 秒内的发送次数")
    )
    timeout_s = models.PositiveSmallIntegerField(_("超时（秒）"), default=10)
    style = models.CharField(
        _("文体"),
        max_length=8,
        choices=Style,
        default=Style.MARKDOWN,
        help_text=_("个人微信看不到 Markdown；需要时选纯文本"),
    )
    overflow = models.CharField(_("超长时"), max_length=8, choices=Overflow, default=Overflow.SPLIT)
    max_retries = models.PositiveSmallIntegerField(
        _("最多重试"), null=True, blank=True, help_text=_("空白：用通知配置的值")
    )
    base_delay_s = models.PositiveIntegerField(_("首次重试等待（秒）"), null=True, blank=True)
    max_delay_s = models.PositiveIntegerField(_("重试等待上限（秒）"), null=True, blank=True)
    backoff_factor = models.FloatField(_("退避倍数"), null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(_("连续失败"), default=0)
    last_ok_at = models.DateTimeField(_("最近成功"), null=True, blank=True)
    last_error_at = models.DateTimeField(_("最近失败"), null=True, blank=True)
    last_error = models.CharField(_("最近错误"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("渠道")
        ordering = ["priority", "code"]

    def __str__(self) -> str:
        return self.get_code_display()


class Budget(models.Model):
    """Send times of the last minute for one credential (a sliding log), in one row.

    `name` is a digest of the credential, never the credential. `blocked_until` rests it after
    a refusal; `is_dead` holds everything for it until a person mends it.
    """

    name = models.CharField(_("凭据"), max_length=64, unique=True)
    sent_at = models.JSONField(_("最近发送时刻"), default=list)
    blocked_until = models.DateTimeField(_("暂停至"), null=True, blank=True)
    is_dead = models.BooleanField(_("失效"), default=False)
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("发送额度")

    def __str__(self) -> str:
        return self.name
