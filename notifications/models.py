"""Messages as rows: what to say, to whom, how it went. The database is the queue."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.choices import ChannelCode, Reason, State


class NotificationTemplate(models.Model):
    """Title and content with `{name}` placeholders; values are text prepared by the sender."""

    template_name = models.CharField(_("模板名"), max_length=64, unique=True)
    label = models.CharField(_("用途"), max_length=120, blank=True)
    channel = models.CharField(_("渠道"), max_length=16, choices=ChannelCode, default=ChannelCode.WECHAT_BOT)
    title_template = models.CharField(_("标题模板"), max_length=255)
    content_template = models.TextField(_("内容模板"))
    variables = models.JSONField(
        _("变量"), default=dict, blank=True, help_text=_('变量名与示例值，如 {"supplier": "供应商甲"}')
    )
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = _("消息模板")
        ordering = ["template_name"]

    def __str__(self) -> str:
        return self.label or self.template_name


class NotificationConfig(models.Model):
    """A setting over the environment's default; typed and checked by `notifications.config`."""

    config_key = models.CharField(_("配置项"), max_length=64, unique=True)
    config_value = models.CharField(_("值"), max_length=255)
    description = models.CharField(_("说明"), max_length=255, blank=True)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = _("通知配置")
        ordering = ["config_key"]

    def __str__(self) -> str:
        return f"{self.config_key} = {self.config_value}"


class Channel(models.Model):
    """One way of sending, with its switch, its limits and its health."""

    code = models.CharField(_("渠道"), max_length=16, choices=ChannelCode, unique=True)
    is_enabled = models.BooleanField(_("启用"), default=True)
    priority = models.PositiveSmallIntegerField(_("顺序"), default=1)
    rate_limit = models.PositiveIntegerField(
        _("每分钟上限"), default=20, help_text=_("每个机器人任意 60 秒内的发送次数")
    )
    timeout_s = models.PositiveSmallIntegerField(_("超时（秒）"), default=10)
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


class Notification(models.Model):
    """One message to one target: intent, frozen payload, state.

    `dedupe_key` makes a repeated event one message; `next_at` is when it may go, `due_at` when
    it should have gone (orders the queue); `lease_until` and `lease_owner` mark who sends it.
    A long text becomes several rows: `part_no` of `part_count`, all with one `correlation_id`.
    """

    message_id = models.CharField(_("消息号"), max_length=64, unique=True)
    event = models.CharField(_("事件"), max_length=64, blank=True, db_index=True)
    title = models.CharField(_("标题"), max_length=255)
    content = models.TextField(_("内容"))
    channel = models.CharField(_("渠道"), max_length=16, choices=ChannelCode)
    target = models.CharField(_("目标"), max_length=255, db_index=True)
    priority = models.PositiveSmallIntegerField(
        _("优先级"), default=1, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    status = models.CharField(_("状态"), max_length=10, choices=State, default=State.PENDING)
    reason = models.CharField(_("原因"), max_length=20, choices=Reason, blank=True, default=Reason.NONE)
    payload = models.TextField(_("报文"), blank=True)
    template_name = models.CharField(_("模板名"), max_length=64, blank=True)
    variables = models.JSONField(_("变量"), default=dict, blank=True)
    link = models.CharField(_("链接"), max_length=255, blank=True)
    subject = models.CharField(_("对象"), max_length=80, blank=True, db_index=True)
    dedupe_key = models.CharField(_("去重键"), max_length=160, blank=True)
    correlation_id = models.CharField(_("关联号"), max_length=32, blank=True, db_index=True)
    part_no = models.PositiveSmallIntegerField(_("第几段"), default=1)
    part_count = models.PositiveSmallIntegerField(_("共几段"), default=1)
    retry_count = models.PositiveSmallIntegerField(_("已重试"), default=0)
    max_retries = models.PositiveSmallIntegerField(_("最多重试"), default=3)
    possible_duplicate = models.BooleanField(_("可能重复"), default=False)
    next_at = models.DateTimeField(_("可发时间"))
    due_at = models.DateTimeField(_("应发时间"))
    lease_until = models.DateTimeField(_("租约至"), null=True, blank=True)
    lease_owner = models.CharField(_("领取者"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)
    sent_at = models.DateTimeField(_("送达时间"), null=True, blank=True)
    error_message = models.CharField(_("错误"), max_length=500, blank=True)
    resent_from = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="resends",
        verbose_name=_("重发自"),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("通知")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key", "part_no"],
                condition=~models.Q(dedupe_key=""),
                name="notifications_one_per_dedupe_key",
            ),
            models.CheckConstraint(
                condition=models.Q(priority__gte=1, priority__lte=5), name="notifications_priority"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(status="pending"),
                name="notifications_due",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status="sending"),
                name="notifications_leased",
            ),
            models.Index(fields=["status", "-created_at"], name="notifications_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.title} → {self.target}"


class DeliveryAttempt(models.Model):
    """One try at sending: when, how long, what was answered. Only its end is written later."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="attempts", verbose_name=_("通知")
    )
    number = models.PositiveSmallIntegerField(_("次序"))
    started_at = models.DateTimeField(_("开始"))
    duration_ms = models.PositiveIntegerField(_("耗时（毫秒）"), null=True, blank=True)
    outcome = models.CharField(_("结果"), max_length=16, blank=True)
    http_status = models.PositiveSmallIntegerField(_("HTTP"), null=True, blank=True)
    errcode = models.IntegerField(_("errcode"), null=True, blank=True)
    answer = models.CharField(_("答复"), max_length=500, blank=True)
    explanation = models.CharField(_("说明"), max_length=255, blank=True)
    worker = models.CharField(_("进程"), max_length=64, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("发送记录")
        ordering = ["notification", "number"]
        constraints = [
            models.UniqueConstraint(fields=["notification", "number"], name="notifications_attempt_number")
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.outcome}"


class NotificationEvent(models.Model):
    """What people did to a message (resend, cancel): the audit of its timeline."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="events", verbose_name=_("通知")
    )
    at = models.DateTimeField(_("时间"), auto_now_add=True)
    kind = models.CharField(_("事件"), max_length=16)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("人员"),
    )
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("通知经过")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return self.kind
