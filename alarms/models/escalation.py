"""Who is told when nobody acknowledges: policies with steps, rotas, and what was done by them."""

from __future__ import annotations

from datetime import date, datetime, time

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from alarms import rotas
from alarms.models.alarms import Alarm
from notifications.choices import Severity, channel_choices
from notifications.models import Recipient


class Rota(models.Model):
    """People in order, each on call for so many days; the first one begins on `starts_on`."""

    name = models.CharField(_("名称"), max_length=80, unique=True)
    turn_days = models.PositiveSmallIntegerField(
        _("每人几天"), default=7, validators=[MinValueValidator(1)], help_text=_("7 为按周，1 为按日")
    )
    starts_on = models.DateField(_("第一人从哪天起"))
    handover_at = models.TimeField(_("交接时间"), default=time(8, 0))

    class Meta:
        verbose_name = verbose_name_plural = _("值班表")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(turn_days__gte=1), name="alarms_rota_turn"),
        ]

    def __str__(self) -> str:
        return self.name

    def order(self) -> list[Recipient]:
        """Return the people in their order; reads what was prefetched."""
        return [member.recipient for member in self.members.all()]

    def on_call(self, at: datetime) -> list[Recipient]:
        """Return who is on call at a local moment, then those who stand in, in their order."""
        people = self.order()
        turn = rotas.turn_at(
            at, starts_on=self.starts_on, handover_at=self.handover_at, turn_days=self.turn_days
        )
        first = turn.number % len(people) if people else 0
        in_order = people[first:] + people[:first]
        swapped = [
            one.recipient
            for one in sorted(self.exceptions.all(), key=lambda one: -one.pk)
            if one.starts_at <= at < one.ends_at
        ]
        return list(dict.fromkeys([*swapped[:1], *in_order]))

    def first_day_of(self, at: datetime) -> date:
        """Return the day on which the present turn began."""
        return rotas.turn_at(
            at, starts_on=self.starts_on, handover_at=self.handover_at, turn_days=self.turn_days
        ).first_day


class RotaMember(models.Model):
    """One person of a rota, at a place in the order."""

    rota = models.ForeignKey(Rota, on_delete=models.CASCADE, related_name="members", verbose_name=_("值班表"))
    position = models.PositiveSmallIntegerField(_("次序"), default=0)
    recipient = models.ForeignKey(
        Recipient, on_delete=models.PROTECT, related_name="+", verbose_name=_("值班人")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("值班人")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return str(self.recipient)


class RotaException(models.Model):
    """Somebody stands in for a time; of two for the same time the later entry holds."""

    rota = models.ForeignKey(
        Rota, on_delete=models.CASCADE, related_name="exceptions", verbose_name=_("值班表")
    )
    starts_at = models.DateTimeField(_("从"))
    ends_at = models.DateTimeField(_("至"))
    recipient = models.ForeignKey(
        Recipient, on_delete=models.PROTECT, related_name="+", verbose_name=_("替班人")
    )
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("替班")
        ordering = ["-starts_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="alarms_rota_exception_ends_after_it_starts",
                violation_error_message=_("结束时间要晚于开始时间。"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.starts_at:%m-%d %H:%M}"


class EscalationPolicy(models.Model):
    """What happens while an alarm is active and nobody acknowledges it.

    The steps run once each, in order of their minutes, then again after `repeat_minutes`, so many
    times. Reminders go to the group every `reminder_hours`. In quiet hours both wait, except for
    alarms from `breaks_at` on.
    """

    name = models.CharField(_("名称"), max_length=80, unique=True)
    is_active = models.BooleanField(_("启用"), default=True)
    reminder_hours = models.PositiveSmallIntegerField(
        _("每几小时提醒"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("空白：不提醒"),
    )
    repeats = models.PositiveSmallIntegerField(_("整个阶梯再重复几次"), default=0)
    repeat_minutes = models.PositiveSmallIntegerField(
        _("重复间隔（分钟）"), default=120, validators=[MinValueValidator(1)]
    )
    quiet_from = models.TimeField(_("免打扰从"), null=True, blank=True)
    quiet_until = models.TimeField(_("免打扰至"), null=True, blank=True)
    breaks_at = models.CharField(
        _("免打扰时仍告知的级别"),
        max_length=8,
        choices=Severity,
        blank=True,
        default=Severity.CRITICAL,
        help_text=_("此级别及更严重的不等待；空白：都等待"),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("升级策略")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quiet_from=None, quiet_until=None)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="alarms_policy_quiet_hours_whole",
                violation_error_message=_("免打扰的起止时间要么都填，要么都不填。"),
            ),
            models.CheckConstraint(
                condition=models.Q(reminder_hours=None) | models.Q(reminder_hours__gte=1),
                name="alarms_policy_reminder_hours",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EscalationStep(models.Model):
    """After so many minutes: a person, a rota, a channel with a target, or the routes."""

    policy = models.ForeignKey(
        EscalationPolicy, on_delete=models.CASCADE, related_name="steps", verbose_name=_("升级策略")
    )
    after_minutes = models.PositiveIntegerField(_("多少分钟无人受理后"))
    minimum_severity = models.CharField(_("最低级别"), max_length=8, choices=Severity, blank=True)
    recipient = models.ForeignKey(
        Recipient, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("收件人")
    )
    rota = models.ForeignKey(
        Rota, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("值班表")
    )
    channel = models.CharField(_("渠道"), max_length=16, choices=channel_choices, blank=True)
    target = models.CharField(_("目标"), max_length=255, blank=True)
    by_route = models.BooleanField(
        _("按路由"), default=False, help_text=_("按事件 alarms.escalated 的路由；没有路由时发往报警的组")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("升级步骤")
        ordering = ["after_minutes", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(recipient__isnull=False, rota=None, channel="", target="", by_route=False)
                | models.Q(recipient=None, rota__isnull=False, channel="", target="", by_route=False)
                | (
                    models.Q(recipient=None, rota=None, by_route=False)
                    & ~models.Q(channel="")
                    & ~models.Q(target="")
                )
                | models.Q(recipient=None, rota=None, channel="", target="", by_route=True),
                name="alarms_step_tells_one_thing",
                violation_error_message=_("收件人、值班表、渠道加目标、按路由，四者取一。"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.after_minutes} min → {self.whom}"

    @property
    def whom(self) -> str:
        """Return who is told by this step, in words."""
        if self.recipient:
            return str(self.recipient)
        if self.rota:
            return str(self.rota)
        return str(_("按路由")) if self.by_route else f"{self.get_channel_display()} {self.target}"


class Prompt(models.Model):
    """One step or one reminder that was due and done; the unique row is what makes it happen once.

    `stretch` is the alarm's `active_since`: after it got worse everything may be due again. `step_no`
    is the key of the step (0 for a reminder), `number` its round (or the reminder's number).
    """

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="prompts", verbose_name=_("报警"))
    stretch = models.DateTimeField(_("等待受理自"))
    step_no = models.PositiveBigIntegerField(_("步骤"), default=0)
    number = models.PositiveIntegerField(_("次数"))
    whom = models.CharField(_("告知"), max_length=160, blank=True)
    at = models.DateTimeField(_("时间"))
    claim = models.CharField(max_length=32, editable=False)
    message_id = models.CharField(_("消息号"), max_length=64, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("升级与提醒")
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["alarm", "stretch", "step_no", "number"], name="alarms_each_prompt_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.whom} {self.at:%Y-%m-%d %H:%M}"
