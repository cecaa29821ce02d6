"""Master data: with whom, about what, and how a characteristic is to be judged."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from quality.choices import Chart, DefectClass, Distribution, Estimator, Index, RulePreset


class Party(models.Model):
    """A company on the other side; made on sight by an import, completed by hand."""

    name = models.CharField(_("名称"), max_length=120, unique=True)
    code = models.CharField(_("代码"), max_length=40, blank=True, db_index=True)
    is_active = models.BooleanField(_("启用"), default=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Supplier(Party):
    class Meta(Party.Meta):
        verbose_name = verbose_name_plural = _("供应商")


class Customer(Party):
    class Meta(Party.Meta):
        verbose_name = verbose_name_plural = _("客户")


class Part(models.Model):
    """A part number; the name is the one that the last report printed."""

    number = models.CharField(_("料号"), max_length=80, unique=True)
    name = models.CharField(_("品名"), max_length=160)
    drawing = models.CharField(_("图号/版本"), max_length=80, blank=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("料号")
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class Characteristic(models.Model):
    """One characteristic of a part, and how it is judged.

    Recognised by its name; where a report prints the same name several times (three
    diameters), `occurrence` counts them from 1. Blank settings take the defaults of
    `JudgementDefaults`.
    """

    part = models.ForeignKey(
        Part, on_delete=models.CASCADE, related_name="characteristics", verbose_name=_("料号")
    )
    name = models.CharField(_("检测项目"), max_length=160)
    occurrence = models.PositiveSmallIntegerField(_("同名序"), default=1)
    unit = models.CharField(_("单位"), max_length=20, blank=True)
    decimals = models.PositiveSmallIntegerField(_("小数位"), null=True, blank=True)
    chart = models.CharField(_("控制图"), max_length=12, choices=Chart, default=Chart.AUTO)
    subgroup_size = models.PositiveSmallIntegerField(
        _("子组大小"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
        help_text=_("空：按报告的每组样本数，没有则为 1"),
    )
    estimator = models.CharField(
        _("组内标准差估计"), max_length=16, choices=Estimator, default=Estimator.AUTO
    )
    rule_preset = models.CharField(
        _("判异规则组"), max_length=20, choices=RulePreset, default=RulePreset.NELSON
    )
    rule_parameters = models.JSONField(
        _("规则参数"),
        default=dict,
        blank=True,
        help_text=_('改动的参数，如 {"2": {"length": 8}} 表示规则 2 取连续 8 点'),
    )
    lower_is_bound = models.BooleanField(
        _("下限是物理边界"), default=False, help_text=_("如平面度的 0：不计 Cpl 与 Cp")
    )
    upper_is_bound = models.BooleanField(_("上限是物理边界"), default=False)
    cpk_limit = models.DecimalField(
        _("CPK 下限"), max_digits=5, decimal_places=2, null=True, blank=True, help_text=_("空：用默认值")
    )
    judged_index = models.CharField(
        _("判定指标"), max_length=8, choices=Index, blank=True, help_text=_("空：用默认值")
    )
    distribution = models.CharField(
        _("分布"),
        max_length=16,
        choices=Distribution,
        default=Distribution.NORMAL,
        help_text=_("非正态：CPK 按 ISO 22514-2 的百分位法计算，只有总体指标"),
    )
    alarm_rules = models.JSONField(
        _("报警规则"),
        default=list,
        blank=True,
        help_text=_("会使此项目判为异常的判异规则编号，如 [1, 2]；空：用默认值，默认只在图上标出，不报警"),
    )
    defect_class = models.CharField(_("缺陷等级"), max_length=3, choices=DefectClass, blank=True)
    is_special = models.BooleanField(_("特殊特性"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("检测项目")
        ordering = ["part", "name", "occurrence"]
        constraints = [
            models.UniqueConstraint(
                fields=["part", "name", "occurrence"], name="quality_characteristic_unique_in_part"
            ),
            models.CheckConstraint(
                condition=models.Q(subgroup_size__isnull=True)
                | models.Q(subgroup_size__gte=1, subgroup_size__lte=200),
                name="quality_characteristic_subgroup_size",
            ),
        ]

    def __str__(self) -> str:
        return self.name if self.occurrence == 1 else f"{self.name} #{self.occurrence}"


class JudgementDefaults(models.Model):
    """What judges a characteristic that says nothing itself; one row, edited in the admin."""

    cpk_limit = models.DecimalField(_("CPK 下限"), max_digits=5, decimal_places=2, default=Decimal("1.33"))
    judged_index = models.CharField(_("判定指标"), max_length=8, choices=Index, default=Index.OVERALL)
    alarm_rules = models.JSONField(_("报警规则"), default=list, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("判定默认值")
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="quality_judgement_defaults_single")
        ]

    def __str__(self) -> str:
        return f"CPK ≥ {self.cpk_limit}"
