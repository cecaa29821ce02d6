"""Limits on what meters do from hour to hour; quotas are limits on periods."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from alarms.models import Severity
from energy.models.structure import Device, DeviceGroup, EnergyType


class AlarmRule(models.Model):
    """One limit, for one device or each device of a group (or all), of one energy type or all.

    It raises an alarm for each device that is beyond `limit` for all of the last `duration_s`, and
    resolves it when the device is back by `hysteresis`. Silence needs no limit: it is a device's
    own, or `duration_s` where that is longer.
    """

    class Measure(models.TextChoices):
        RATE = "rate", _("每小时用量")
        DAY = "day", _("当日用量")
        SILENCE = "silence", _("无数据")

    class Direction(models.TextChoices):
        ABOVE = "above", _("高于")
        BELOW = "below", _("低于")

    name = models.CharField(_("名称"), max_length=80, unique=True)
    measure = models.CharField(_("监视"), max_length=8, choices=Measure)
    direction = models.CharField(_("方向"), max_length=5, choices=Direction, default=Direction.ABOVE)
    limit = models.DecimalField(
        _("限值"),
        max_digits=18,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("以能源单位计；每小时用量为 单位/小时。监视无数据时不填"),
    )
    hysteresis = models.DecimalField(
        _("回差"),
        max_digits=18,
        decimal_places=6,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("回到限值以内这么多才恢复"),
    )
    duration_s = models.PositiveIntegerField(_("持续（秒）"), default=0, help_text=_("一直如此多久才报警"))
    severity = models.CharField(_("级别"), max_length=10, choices=Severity, default=Severity.WARNING)
    energy_type = models.ForeignKey(
        EnergyType,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("能源种类"),
        help_text=_("空：全部"),
    )
    group = models.ForeignKey(
        DeviceGroup,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alarm_rules",
        verbose_name=_("设备组"),
        help_text=_("组内（含下级）的每块表"),
    )
    device = models.ForeignKey(
        Device,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alarm_rules",
        verbose_name=_("计量设备"),
    )
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = verbose_name_plural = _("报警规则")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(measure="silence") | Q(limit__isnull=False), name="energy_rule_limit"
            ),
            models.CheckConstraint(
                condition=Q(group__isnull=True) | Q(device__isnull=True), name="energy_rule_one_target"
            ),
            models.CheckConstraint(
                condition=Q(limit__isnull=True) | Q(limit__gte=0), name="energy_rule_limit_not_negative"
            ),
            models.CheckConstraint(condition=Q(hysteresis__gte=0), name="energy_rule_hysteresis"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.measure != self.Measure.SILENCE and self.limit is None:
            raise ValidationError({"limit": _("请填写限值")})
        if self.group_id and self.device_id:
            raise ValidationError({"device": _("设备组与计量设备只能选一个")})
        if self.measure == self.Measure.SILENCE and self.direction != self.Direction.ABOVE:
            raise ValidationError({"direction": _("监视无数据时只能是“高于”")})
