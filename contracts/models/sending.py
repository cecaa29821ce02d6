"""What goes out: documents to people, states to other systems, downloads, reminders."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from contracts.choices import CALL_TONES, CallState, Form, Recipient
from contracts.models.contracts import Contract, ContractVersion
from spc_site.sealed import SealedTextField


class Delivery(models.Model):
    """A document on its way to somebody: one row per document, recipient, channel and round.

    The message itself, its attempts and its receipt stand with the notifications, under `message_id`.
    """

    version = models.ForeignKey(
        ContractVersion, on_delete=models.PROTECT, related_name="deliveries", verbose_name=_("合同文件")
    )
    recipient = models.CharField(_("对象"), max_length=10, choices=Recipient)
    channel = models.CharField(_("渠道"), max_length=16)
    target = models.CharField(_("目标"), max_length=255)
    round = models.PositiveSmallIntegerField(_("第几次"), default=1)
    is_link = models.BooleanField(_("以链接代替文件"), default=False)
    message_id = models.CharField(_("消息号"), max_length=64, db_index=True)
    is_settled = models.BooleanField(_("已有结果"), default=False)
    was_received = models.BooleanField(_("已送达"), default=False)
    created_at = models.DateTimeField(_("提交时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("合同发送")
        ordering = ["version", "pk"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["version", "channel", "target", "round"], name="contracts_one_delivery_per_round"
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(is_settled=False), name="contracts_unsettled")
        ]

    def __str__(self) -> str:
        return f"{self.version} → {self.get_recipient_display()}"


class DownloadLog(models.Model):
    """Who took away which file, when. Never changed, never purged."""

    contract = models.ForeignKey(
        Contract, on_delete=models.PROTECT, related_name="downloads", verbose_name=_("合同")
    )
    version = models.ForeignKey(
        ContractVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("合同文件"),
    )
    form = models.CharField(_("形式"), max_length=8, choices=Form)
    digest = models.CharField("SHA-256", max_length=64)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("人员"),
    )
    who = models.CharField(_("凭什么"), max_length=120, blank=True)
    address = models.GenericIPAddressField(_("地址"), null=True, blank=True)
    at = models.DateTimeField(_("时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("下载记录")
        ordering = ["-pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.who} {self.form}"


class OutboundWebhook(models.Model):
    """An address of another system (ERP, CRM) that is told every change of state."""

    name = models.CharField(_("名称"), max_length=80, unique=True)
    url = models.URLField(_("地址"), max_length=500)
    secret = SealedTextField(_("签名密钥"), help_text=_("至少 16 个字符；对方以此核对签名"))
    states = models.JSONField(_("只告知这些状态"), default=list, blank=True, help_text=_("留空则全部"))
    is_enabled = models.BooleanField(_("启用"), default=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("外部系统")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(models.Model):
    """One change of state on its way to one system; `body` is what is signed and sent, byte for byte."""

    webhook = models.ForeignKey(
        OutboundWebhook, on_delete=models.CASCADE, related_name="calls", verbose_name=_("外部系统")
    )
    contract = models.ForeignKey(
        Contract, on_delete=models.PROTECT, related_name="calls", verbose_name=_("合同")
    )
    event_id = models.CharField(_("事件号"), max_length=32)
    event = models.CharField(_("事件"), max_length=16)
    body = models.TextField(_("内容"))
    state = models.CharField(_("状态"), max_length=8, choices=CallState, default=CallState.PENDING)
    attempts = models.PositiveSmallIntegerField(_("尝试次数"), default=0)
    next_at = models.DateTimeField(_("下次尝试"))
    http_status = models.PositiveSmallIntegerField("HTTP", null=True, blank=True)
    error = models.CharField(_("错误"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)
    sent_at = models.DateTimeField(_("送达时间"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("外部系统通知")
        ordering = ["-pk"]
        default_permissions = ("view", "change")
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event_id"], name="contracts_one_call_per_event")
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(state="pending"), name="contracts_calls_due")
        ]

    def __str__(self) -> str:
        return f"{self.webhook} {self.event}"

    @property
    def tone(self) -> str:
        return CALL_TONES[CallState(self.state)]


class Reminder(models.Model):
    """A reminder that was given: each kind once per contract and due day."""

    class Kind(models.TextChoices):
        SIGNATURE = "signature", _("未签署")
        EXPIRY = "expiry", _("将到期")

    contract = models.ForeignKey(
        Contract, on_delete=models.PROTECT, related_name="reminders", verbose_name=_("合同")
    )
    kind = models.CharField(_("类型"), max_length=10, choices=Kind)
    due_on = models.DateField(_("到期日"))
    at = models.DateTimeField(_("提醒时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("合同提醒")
        ordering = ["-pk"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["contract", "kind", "due_on"], name="contracts_one_reminder")
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.get_kind_display()}"
