"""Messages as rows: what to say, to whom, how it went. The database is the queue."""

from __future__ import annotations

import hashlib

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.people import HistoryLine
from notifications import safety
from notifications.choices import CodeState, Reason, State, channel_choices
from spc_site.sealed import SealedTextField


class Attachment(models.Model):
    """A picture or file that messages carry; the same bytes under the same name are kept once.

    It lies in the database, so that every worker on every host has it.
    """

    class Kind(models.TextChoices):
        IMAGE = "image", _("图片")
        FILE = "file", _("文件")

    kind = models.CharField(_("类型"), max_length=8, choices=Kind)
    name = models.CharField(_("文件名"), max_length=128)
    size = models.PositiveIntegerField(_("字节"))
    digest = models.CharField(max_length=64, unique=True)
    data = models.BinaryField(_("内容"))
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = verbose_name_plural = _("附件")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class Notification(models.Model):
    """One message to one target: intent, frozen payload, state.

    `dedupe_key` makes a repeated event one message, whose `repeats` count the others; `next_at`
    is when it may go, `due_at` when it should have gone (orders what may go); `lease_until` and
    `lease_owner` mark who sends it. A long text becomes several rows: `part_no` of `part_count`,
    all with one `correlation_id`.

    `fallbacks` are the further ways of its route (channel and target of each, in order): when a
    way is dead or the message is late, the row itself moves on to the next, so that it never
    travels two ways at once. `button` (text, key, url) is what its readers can press where a way has
    buttons, whichever way it is on now. Rows that wait for one target may be merged: a digest row is
    written, its members end as MERGED with `merged_into` and count as the digest from then on.
    """

    message_id = models.CharField(_("消息号"), max_length=64, unique=True)
    event = models.CharField(_("事件"), max_length=64, blank=True)
    title = models.CharField(_("标题"), max_length=255)
    content = models.TextField(_("内容"))
    channel = models.CharField(_("渠道"), max_length=16, choices=channel_choices)
    target = models.CharField(_("目标"), max_length=255)
    priority = models.PositiveSmallIntegerField(
        _("优先级"), default=1, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    status = models.CharField(_("状态"), max_length=10, choices=State, default=State.PENDING)
    source = models.CharField(_("来源"), max_length=64, blank=True)
    reason = models.CharField(_("原因"), max_length=20, choices=Reason, blank=True, default=Reason.NONE)
    payload = models.TextField(_("报文"), blank=True)
    template_name = models.CharField(_("模板名"), max_length=64, blank=True)
    template_language = models.CharField(_("模板语言"), max_length=10, blank=True)
    template_version = models.PositiveIntegerField(_("模板版本"), null=True, blank=True)
    variables = models.JSONField(_("变量"), default=dict, blank=True)
    button = models.JSONField(_("按钮"), default=dict, blank=True)
    link = models.CharField(_("链接"), max_length=255, blank=True)
    subject = models.CharField(_("对象"), max_length=80, blank=True, db_index=True)
    dedupe_key = models.CharField(_("去重键"), max_length=160, blank=True)
    repeats = models.PositiveIntegerField(_("重复次数"), default=0)
    correlation_id = models.CharField(_("关联号"), max_length=32, blank=True, db_index=True)
    part_no = models.PositiveSmallIntegerField(_("第几段"), default=1)
    part_count = models.PositiveSmallIntegerField(_("共几段"), default=1)
    attachments = models.ManyToManyField(
        Attachment, blank=True, related_name="notifications", verbose_name=_("附件")
    )
    fallbacks = models.JSONField(_("后备渠道"), default=list, blank=True)
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="members",
        verbose_name=_("并入"),
    )
    is_digest = models.BooleanField(_("合并消息"), default=False)
    is_test = models.BooleanField(_("测试"), default=False)
    retry_count = models.PositiveSmallIntegerField(_("已重试"), default=0)
    max_retries = models.PositiveSmallIntegerField(_("最多重试"), default=3)
    possible_duplicate = models.BooleanField(_("可能重复"), default=False)
    next_at = models.DateTimeField(_("可发时间"))
    due_at = models.DateTimeField(_("应发时间"))
    expires_at = models.DateTimeField(_("失效时间"), null=True, blank=True)
    lease_until = models.DateTimeField(_("租约至"), null=True, blank=True)
    lease_owner = models.CharField(_("领取者"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)
    sent_at = models.DateTimeField(_("送达时间"), null=True, blank=True)
    receipt = models.CharField(_("回执"), max_length=128, blank=True)
    missed = models.JSONField(_("未送达的收件人"), default=list, blank=True)
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
        permissions = [
            ("resend_notification", _("可以重发消息")),
            ("cancel_notification", _("可以取消消息")),
            ("view_contacts", _("可以看到收件人的完整手机号与邮箱")),
        ]
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
                fields=["priority", "next_at", "id"],
                condition=models.Q(status="pending"),
                name="notifications_ready",
            ),
            models.Index(
                fields=["channel", "target", "next_at"],
                condition=models.Q(status="pending"),
                name="notifications_lane",
            ),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status__in=["pending", "held"], expires_at__isnull=False),
                name="notifications_expiring",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status="sending"),
                name="notifications_leased",
            ),
            # The log is asked by one of these and read from its newest row on.
            models.Index(fields=["status", "-created_at"], name="notifications_by_status"),
            # The limits against flooding look back over these, past what they withheld.
            models.Index(
                fields=["source", "created_at", "reason"],
                condition=~models.Q(reason="flooded"),
                name="notifications_source_window",
            ),
            models.Index(
                fields=["target", "created_at", "reason"],
                condition=~models.Q(reason="flooded"),
                name="notifications_target_window",
            ),
            models.Index(fields=["reason", "-created_at"], name="notifications_by_reason"),
            models.Index(fields=["channel", "-created_at"], name="notifications_by_channel"),
            models.Index(fields=["event", "-created_at"], name="notifications_by_event"),
            models.Index(fields=["target", "-created_at"], name="notifications_by_target"),
            models.Index(fields=["source", "-created_at"], name="notifications_by_source"),
            models.Index(fields=["template_name", "-created_at"], name="notifications_by_template"),
            models.Index(fields=["priority", "-created_at"], name="notifications_by_priority"),
            models.Index(
                fields=["-created_at"],
                condition=models.Q(possible_duplicate=True),
                name="notifications_doubles",
            ),
            # The hourly figures ask what ended when.
            models.Index(fields=["sent_at"], name="notifications_by_sent_at"),
            models.Index(fields=["status", "updated_at"], name="notifications_by_end"),
        ]

    def __str__(self) -> str:
        """Return title and target, without the addresses of people: this goes into titles and logs."""
        return f"{self.title} → {safety.mask_contacts(self.target)}"


class DeliveryAttempt(models.Model):
    """One try at sending: when, how long, what was answered. Only its end is written later."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="attempts", verbose_name=_("通知")
    )
    number = models.PositiveSmallIntegerField(_("次序"))
    channel = models.CharField(_("渠道"), max_length=16, choices=channel_choices, blank=True)
    target = models.CharField(_("目标"), max_length=255, blank=True)
    credential = models.CharField(_("凭据"), max_length=64, blank=True)
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
        indexes = [models.Index(fields=["started_at"], name="notifications_attempt_start")]

    def __str__(self) -> str:
        return f"#{self.number} {self.outcome}"


class CardCode(models.Model):
    """A code that can change one card in its readers' WeCom, once: came with the send, or with a click.

    `key` is the button's. Kept until there is something to say; then it is due with its `notice`, for
    all readers or for `user` alone. `digest` makes a code unique, since a sealed text cannot be compared.
    """

    notification = models.ForeignKey(
        Notification,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="card_codes",
        verbose_name=_("通知"),
    )
    task_id = models.CharField(max_length=128, db_index=True)
    key = models.CharField(max_length=255, db_index=True)
    code = SealedTextField()
    digest = models.CharField(max_length=64, unique=True)
    until = models.DateTimeField(_("有效至"), db_index=True)
    state = models.CharField(_("状态"), max_length=8, choices=CodeState, default=CodeState.KEPT)
    user = models.CharField(_("只给"), max_length=64, blank=True)
    notice = models.CharField(_("卡片上的话"), max_length=255, blank=True)
    said_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    is_unsure = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(_("错误"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("卡片凭证")
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(state="due"), name="notifications_cards_due")
        ]

    def __str__(self) -> str:
        return f"{self.task_id} {self.notice}".strip()

    @staticmethod
    def digest_of(code: str) -> str:
        """Return what stands for a code where it has to be compared."""
        return hashlib.sha256(code.encode()).hexdigest()


class NotificationEvent(HistoryLine):
    """What people did to a message (resend, cancel): the audit of its timeline."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="events", verbose_name=_("通知")
    )
    at = models.DateTimeField(_("时间"), auto_now_add=True)
    kind = models.CharField(_("事件"), max_length=16)
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta(HistoryLine.Meta):
        verbose_name = verbose_name_plural = _("通知经过")

    def __str__(self) -> str:
        return self.kind
