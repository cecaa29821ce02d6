"""What was made with the energy: output per day, floor area and heads per group."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from energy.choices import Basis
from energy.models.structure import Dated, DeviceGroup


class OutputDay(models.Model):
    """How much of a product a group made on a day; written again, the last one counts."""

    group = models.ForeignKey(
        DeviceGroup, on_delete=models.CASCADE, related_name="outputs", verbose_name=_("设备组")
    )
    day = models.DateField(_("日期"))
    product = models.CharField(_("产品"), max_length=80, blank=True)
    amount = models.DecimalField(
        _("产量"), max_digits=20, decimal_places=6, validators=[MinValueValidator(Decimal(0))]
    )
    unit = models.CharField(_("单位"), max_length=20)
    source = models.CharField(_("来源"), max_length=120, blank=True)
    who = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("登记人"),
    )
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = _("每日产量")
        ordering = ["-day", "group", "product"]
        constraints = [
            models.UniqueConstraint(fields=["group", "day", "product"], name="energy_output_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="energy_output_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.product} {self.amount.normalize():f} {self.unit}"


class GroupFigure(Dated):
    """The area or the number of people of a group on the days start ≤ day < end."""

    group = models.ForeignKey(
        DeviceGroup, on_delete=models.CASCADE, related_name="figures", verbose_name=_("设备组")
    )
    basis = models.CharField(_("指标"), max_length=8, choices=Basis)
    value = models.DecimalField(
        _("数值"), max_digits=14, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))]
    )

    class Meta:
        verbose_name = verbose_name_plural = _("面积与人数")
        ordering = ["group", "basis", "-start"]
        constraints = [
            models.UniqueConstraint(fields=["group", "basis", "start"], name="energy_figure_once"),
            models.CheckConstraint(condition=Q(value__gt=0), name="energy_figure_positive"),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="energy_figure_dates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group} {self.get_basis_display()} {self.value.normalize():f}"
