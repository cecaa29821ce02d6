"""Ways of sending: their switch and health, and the budget of each credential."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.choices import Overflow, Style, channel_choices
from notifications.kept import WatchedQuerySet
from spc_site.sealed import SealedTextField


class Channel(models.Model):
    """One way of sending, with its switch, its limits and its health."""

    code = models.CharField(_("渠道"), max_length=16, choices=channel_choices, unique=True)
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
        help_text=_(
            "个人微信看不到 Markdown；需要时选纯文本。按钮卡片只用于应用消息：带受理按钮的消息写成卡片，"
            "需先设好 WECHAT_CALLBACK_TOKEN 和 WECHAT_CALLBACK_AES_KEY；其余仍写 Markdown"
        ),
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
    checked_at = models.DateTimeField(_("最近检查"), null=True, blank=True)
    check_problem = models.CharField(_("检查结果"), max_length=255, blank=True)
    next_check_at = models.DateTimeField(_("下次检查"), null=True, blank=True)

    objects: ClassVar[models.Manager[Channel]] = WatchedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("渠道")
        ordering = ["priority", "code"]
        permissions = [("test_channel", _("可以测试发送"))]

    def __str__(self) -> str:
        return self.get_code_display()


class Robot(models.Model):
    """One robot of a group; the robots of a group are a pool, each with a limit of its own.

    Where a group has rows, they take the place of its key in the environment. `digest` makes
    the key unique, since a sealed text cannot be compared in the database.
    """

    group = models.CharField(
        _("群"), max_length=64, help_text=_("消息的目标名，如 IQC、OQC、ENERGY；不分大小写")
    )
    name = models.CharField(_("名称"), max_length=64, blank=True)
    key = SealedTextField("key")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    is_enabled = models.BooleanField(_("启用"), default=True)
    order = models.PositiveSmallIntegerField(_("顺序"), default=1, help_text=_("小的先用"))

    objects: ClassVar[models.Manager[Robot]] = WatchedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("群机器人")
        ordering = ["group", "order", "pk"]

    def __str__(self) -> str:
        return f"{self.group} {self.name}".strip()

    @staticmethod
    def digest_of(key: str) -> str:
        """Return what stands for a key where it has to be compared."""
        return hashlib.sha256(key.encode()).hexdigest()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.group = group_name(self.group)
        self.digest = self.digest_of(self.key)
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "group", "digest"}
        super().save(*args, **kwargs)


def group_name(text: str) -> str:
    """Return the one spelling of a group's name."""
    return text.strip().upper()


class AccessToken(models.Model):
    """The token of one application, shared by all processes; one of them at a time renews it.

    `name` is a digest of the application and its secret: a new secret begins with a new token.
    """

    name = models.CharField(max_length=64, unique=True)
    token = SealedTextField(blank=True, default="")
    expires_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return self.name


class MediaTicket(models.Model):
    """What one sender may show a file by, for three days: the file itself is kept by us.

    `owner` is the robot or the company that uploaded it, `digest` stands for name and bytes.
    """

    owner = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    media_id = models.CharField(max_length=255)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "digest"], name="notifications_one_ticket_per_file")
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.digest[:8]}"


class MemberLoad(models.Model):
    """When one member got messages of an application in the last hour (seconds, oldest first).

    WeCom drops what is over its limits per member without a word, so we count.
    """

    name = models.CharField(max_length=64, unique=True)
    sent_at = models.JSONField(default=list)
    last_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.name


class Budget(models.Model):
    """Send times of the last minute for one credential (a sliding log), in one row.

    `name` is a digest of the credential, never the credential. `blocked_until` rests it after
    a refusal; `is_dead` holds everything for it until a person mends it. `turn` changes with every
    send: who writes the log does so on condition that it is still the one that was read.
    """

    name = models.CharField(_("凭据"), max_length=64, unique=True)
    sent_at = models.JSONField(_("最近发送时刻"), default=list)
    turn = models.PositiveBigIntegerField(default=0, editable=False)
    blocked_until = models.DateTimeField(_("暂停至"), null=True, blank=True)
    is_dead = models.BooleanField(_("失效"), default=False)
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("发送额度")
        permissions = [("mend_budget", _("可以恢复失效的凭据"))]

    def __str__(self) -> str:
        return self.name
