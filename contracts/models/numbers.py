"""Series of contract numbers. A number is taken once and never given again."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from contracts.choices import Reset


class NumberSeries(models.Model):
    """How the contracts of one type are numbered: `HT-CG-2026-0001`."""

    name = models.CharField(_("名称"), max_length=80, unique=True)
    prefix = models.CharField(_("前缀"), max_length=20)
    separator = models.CharField(_("分隔符"), max_length=2, default="-", blank=True)
    reset = models.CharField(_("重新开始"), max_length=8, choices=Reset, default=Reset.YEAR)
    digits = models.PositiveSmallIntegerField(
        _("位数"), default=4, validators=[MinValueValidator(1), MaxValueValidator(9)]
    )
    department_codes = models.JSONField(
        _("部门代码"),
        default=dict,
        blank=True,
        help_text=_("部门名对应号码中的代码；留空则号码中没有部门，填写后每个部门各自编号"),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("合同编号规则")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class NumberCounter(models.Model):
    """The last number given in one period (`2026`, `2026-03`, or blank) and department of a series."""

    series = models.ForeignKey(
        NumberSeries, on_delete=models.PROTECT, related_name="counters", verbose_name=_("编号规则")
    )
    period = models.CharField(_("期间"), max_length=7, blank=True)
    department = models.CharField(_("部门代码"), max_length=20, blank=True)
    last = models.PositiveIntegerField(_("最后一个"), default=0)

    class Meta:
        verbose_name = verbose_name_plural = _("编号计数")
        ordering = ["series", "-period", "department"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["series", "period", "department"], name="contracts_one_counter_per_period"
            )
        ]

    def __str__(self) -> str:
        return f"{self.series} {self.period} {self.department}".strip()
