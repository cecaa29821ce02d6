"""Work orders: what has to be done about an alarm, by whom, until when, and whether it helped."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.people import name_of
from alarms.models.alarms import Alarm


class OrderStatus(models.TextChoices):
    OPEN = "open", _("进行中")
    DONE = "done", _("已完成")
    CANCELLED = "cancelled", _("已取消")


class Effect(models.TextChoices):
    """Whether what was done helped: judged by whether the alarm came back."""

    NONE = "", _("未要求")
    WAITING = "waiting", _("待确认")
    QUIET = "quiet", _("有效：未再发生")
    REPEATED = "repeated", _("无效：又发生了")


ORDER_TONES = {OrderStatus.OPEN: "blue", OrderStatus.DONE: "green", OrderStatus.CANCELLED: "grey"}
EFFECT_TONES = {Effect.WAITING: "amber", Effect.QUIET: "green", Effect.REPEATED: "red"}


class WorkOrder(models.Model):
    """One piece of work; at most one open order per alarm.

    `key` is that of the alarm and stays when the alarm is gone: the effect is judged by it.
    """

    title = models.CharField(_("标题"), max_length=255)
    description = models.TextField(_("说明"), blank=True)
    alarm = models.ForeignKey(
        Alarm,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="work_orders",
        verbose_name=_("报警"),
    )
    key = models.CharField(_("键"), max_length=160, blank=True, db_index=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="work_orders",
        verbose_name=_("负责人"),
    )
    status = models.CharField(
        _("状态"), max_length=10, choices=OrderStatus, default=OrderStatus.OPEN, db_index=True
    )
    due_at = models.DateTimeField(_("期限"), null=True, blank=True)
    runbook = models.CharField(_("处置手册"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("创建时间"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("创建人"),
    )
    completed_at = models.DateTimeField(_("完成时间"), null=True, blank=True)
    completed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("完成人"),
    )
    note = models.TextField(_("完成说明"), blank=True)
    effect_days = models.PositiveSmallIntegerField(
        _("多少天后确认效果"), default=7, validators=[MinValueValidator(1)]
    )
    effect = models.CharField(_("效果"), max_length=10, choices=Effect, blank=True)
    effect_due_at = models.DateTimeField(_("确认日期"), null=True, blank=True)
    effect_at = models.DateTimeField(_("确认时间"), null=True, blank=True)
    repeats = models.PositiveIntegerField(_("完成后又发生"), default=0)
    reminded_at = models.DateTimeField(_("逾期提醒"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("工单")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["alarm"],
                condition=models.Q(status="open", alarm__isnull=False),
                name="alarms_one_open_order_per_alarm",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("alarms:work_order", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.status == OrderStatus.OPEN

    @property
    def status_tone(self) -> str:
        return ORDER_TONES[OrderStatus(self.status)]

    @property
    def effect_tone(self) -> str:
        return EFFECT_TONES.get(Effect(self.effect), "grey")

    @property
    def has_runbook_link(self) -> bool:
        """Say whether the runbook is an address, not just the name of one."""
        return self.runbook.startswith(("http://", "https://", "/"))

    @property
    def who(self) -> str:
        """Return what people call the owner; empty without one."""
        return name_of(self.owner)

    @property
    def progress(self) -> tuple[int, int]:
        """Return how many steps are done, of how many; reads what was prefetched."""
        steps = list(self.steps.all())
        return sum(step.done_at is not None for step in steps), len(steps)


class WorkOrderStep(models.Model):
    """One line of the checklist."""

    order = models.ForeignKey(
        WorkOrder, on_delete=models.CASCADE, related_name="steps", verbose_name=_("工单")
    )
    position = models.PositiveSmallIntegerField(_("次序"), default=0)
    text = models.CharField(_("步骤"), max_length=255)
    done_at = models.DateTimeField(_("完成时间"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("完成人"),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("步骤")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.text
