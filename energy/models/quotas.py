"""Quotas: how much may be used, what is used of it, who changed it, when it was checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.people import name_of
from energy.choices import (
    QUOTA_STATUS_TONES,
    FactorKind,
    QuotaPeriod,
    QuotaStatus,
    RunOutcome,
    RunTrigger,
)
from energy.metering import Limits
from energy.models.structure import Device, DeviceGroup, EnergyType
from energy.periods import LATEST_SETTLEMENT_DAY, Span
from energy.units import UnitError, convert

VALUE_PLACES = 3
_VALUE: dict[str, Any] = {"max_digits": 15, "decimal_places": VALUE_PLACES}
"""Fifteen digits: so many survive SQLite, which keeps decimals as binary numbers."""
_PERCENT: dict[str, Any] = {"max_digits": 7, "decimal_places": 3}

COMPOSITE_UNITS = {
    FactorKind.TCE_CALORIFIC: "tce",
    FactorKind.TCE_EQUIVALENT: "tce",
    FactorKind.CO2: "tCO2",
}
"""The unit of a quota over several energy types, by what they are converted to."""

COMPOSITE_STEP = Decimal("0.000001")
"""What the days of a composite quota are kept in; they are summed and compared in finer steps."""


class EnergyQuotaQuerySet(models.QuerySet["EnergyQuota"]):
    def active(self) -> Self:
        return self.filter(is_active=True)


class EnergyQuota(models.Model):
    """How much a group or a device may use in each month, quarter or year.

    Of one energy type, in its unit; or of several together, converted to standard coal or carbon
    dioxide (`converted_to`, `energy_types`). `quota_value` holds for every period that has no
    value of its own (`QuotaPeriodValue`). Both are changed by `energy.services.quotas` alone,
    which keeps who changed them and why.
    """

    name = models.CharField(_("名称"), max_length=120)
    energy_type = models.ForeignKey(
        EnergyType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="quotas",
        verbose_name=_("能源种类"),
        help_text=_("综合配额留空"),
    )
    converted_to = models.CharField(
        _("折算为"),
        max_length=16,
        choices=FactorKind,
        blank=True,
        help_text=_("综合配额：多种能源折算后合计"),
    )
    energy_types = models.ManyToManyField(
        EnergyType,
        blank=True,
        related_name="composite_quotas",
        verbose_name=_("综合的能源种类"),
        help_text=_("耗能工质（如压缩空气）若由本厂用电生产，不要与电重复选择"),
    )
    factor_region = models.CharField(
        _("系数地区"), max_length=40, blank=True, help_text=_("没有该地区的系数时用全国的")
    )
    group = models.ForeignKey(
        DeviceGroup,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="quotas",
        verbose_name=_("设备组"),
    )
    device = models.ForeignKey(
        Device,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="quotas",
        verbose_name=_("计量设备"),
    )
    period = models.CharField(_("周期"), max_length=10, choices=QuotaPeriod, default=QuotaPeriod.MONTHLY)
    settlement_day = models.PositiveSmallIntegerField(
        _("结算日"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(LATEST_SETTLEMENT_DAY)],
        help_text=_("周期从这一天开始；26 表示 3 月为 2 月 26 日至 3 月 25 日"),
    )
    quota_value = models.DecimalField(_("配额"), **_VALUE, validators=[MinValueValidator(Decimal(0))])
    unit = models.CharField(
        _("单位"), max_length=20, blank=True, help_text=_("保存时换算为能源种类的单位，如 MWh → kWh")
    )
    warning_threshold_pct = models.DecimalField(_("预警线 %"), **_PERCENT, default=Decimal(80))
    alert_threshold_pct = models.DecimalField(_("告警线 %"), **_PERCENT, default=Decimal(95))
    hysteresis_pct = models.DecimalField(
        _("回差 %"), **_PERCENT, default=Decimal(2), help_text=_("使用率低于预警线这么多才算恢复")
    )
    min_coverage_pct = models.DecimalField(
        _("最低数据覆盖 %"), **_PERCENT, default=Decimal(95), help_text=_("低于此值时用量标为“暂定”")
    )
    is_active = models.BooleanField(_("启用"), default=True, db_index=True)
    note = models.CharField(_("备注"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("建立时间"), auto_now_add=True)
    updated_at = models.DateTimeField(_("修改时间"), auto_now=True)

    objects: ClassVar[EnergyQuotaQuerySet] = EnergyQuotaQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = verbose_name_plural = _("能源配额")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(group__isnull=False, device__isnull=True)
                | Q(group__isnull=True, device__isnull=False),
                name="energy_quota_one_target",
                violation_error_message=_("设备组与计量设备必须且只能选一个。"),
            ),
            models.CheckConstraint(
                condition=Q(energy_type__isnull=False, converted_to="")
                | (Q(energy_type__isnull=True, group__isnull=False) & ~Q(converted_to="")),
                name="energy_quota_one_measure",
                violation_error_message=_("选一种能源；综合配额则选折算方式，对象须是设备组。"),
            ),
            models.CheckConstraint(
                condition=Q(quota_value__gte=0),
                name="energy_quota_value",
                violation_error_message=_("配额不能为负。"),
            ),
            models.CheckConstraint(
                condition=Q(
                    warning_threshold_pct__gt=0,
                    warning_threshold_pct__lte=F("alert_threshold_pct"),
                    alert_threshold_pct__lte=1000,
                ),
                name="energy_quota_thresholds",
                violation_error_message=_("须 0 < 预警线 ≤ 告警线 ≤ 1000。"),
            ),
            models.CheckConstraint(
                condition=Q(hysteresis_pct__gte=0, hysteresis_pct__lt=F("warning_threshold_pct")),
                name="energy_quota_hysteresis",
                violation_error_message=_("回差须不小于 0 并小于预警线。"),
            ),
            models.CheckConstraint(
                condition=Q(min_coverage_pct__gte=0, min_coverage_pct__lte=100),
                name="energy_quota_coverage",
                violation_error_message=_("最低数据覆盖须在 0 与 100 之间。"),
            ),
            models.CheckConstraint(
                condition=Q(settlement_day__gte=1, settlement_day__lte=LATEST_SETTLEMENT_DAY),
                name="energy_quota_settlement_day",
                violation_error_message=_("结算日须在 1 与 28 之间。"),
            ),
            models.CheckConstraint(condition=Q(period__in=QuotaPeriod.values), name="energy_quota_period"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("energy:quota", args=[self.pk])

    @property
    def measured_unit(self) -> str:
        """Return the unit in which use is compared with the quota."""
        if self.energy_type is not None:
            return self.energy_type.unit
        return COMPOSITE_UNITS.get(FactorKind(self.converted_to), "") if self.converted_to else ""

    @property
    def target(self) -> DeviceGroup | Device | None:
        return self.group or self.device

    def limits_at(self, value: Decimal) -> Limits:
        """Return a value of the quota with its thresholds, for the arithmetic."""
        return Limits(
            value=value,
            warning_pct=self.warning_threshold_pct,
            alert_pct=self.alert_threshold_pct,
            hysteresis_pct=self.hysteresis_pct,
        )

    def clean(self) -> None:
        """Refuse a unit that cannot be compared with the use, and a device of another energy type."""
        if self.device is not None and self.energy_type_id not in {None, self.device.energy_type_id}:
            raise ValidationError({"device": _("这台设备计量的不是这种能源。")})
        if self.quota_value is not None and self.measured_unit:
            self.take_unit()

    def take_unit(self) -> None:
        """Turn value and unit into the unit of the use; raises ValidationError if that is not exact."""
        unit = self.unit or self.measured_unit
        try:
            value = convert(Decimal(self.quota_value), unit, self.measured_unit, places=VALUE_PLACES)
        except UnitError:
            raise ValidationError(
                {
                    "unit": _("“%(unit)s”不能精确换算为“%(wanted)s”。")
                    % {"unit": unit, "wanted": self.measured_unit}
                }
            ) from None
        self.quota_value, self.unit = value, self.measured_unit

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.measured_unit and self.unit != self.measured_unit:
            self.take_unit()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "quota_value", "unit"}
        super().save(*args, **kwargs)


class QuotaPeriodValue(models.Model):
    """What a quota is in one period, where it is not what it always is: a summer month, next year."""

    quota = models.ForeignKey(
        EnergyQuota, on_delete=models.CASCADE, related_name="period_values", verbose_name=_("配额")
    )
    period_start = models.DateField(_("周期首日"))
    value = models.DecimalField(_("配额值"), **_VALUE, validators=[MinValueValidator(Decimal(0))])

    class Meta:
        verbose_name = verbose_name_plural = _("各期配额")
        ordering = ["quota", "period_start"]
        constraints = [
            models.UniqueConstraint(fields=["quota", "period_start"], name="energy_quota_period_once"),
            models.CheckConstraint(condition=Q(value__gte=0), name="energy_quota_period_value"),
        ]

    def __str__(self) -> str:
        return f"{self.quota} {self.period_start}: {self.value.normalize():f}"


class QuotaRevision(models.Model):
    """A change of a quota; it holds for the whole period from the moment of the change."""

    quota = models.ForeignKey(
        EnergyQuota, on_delete=models.CASCADE, related_name="revisions", verbose_name=_("配额")
    )
    period_start = models.DateField(_("周期首日"), null=True, blank=True, help_text=_("空：所有周期"))
    old_value = models.DecimalField(_("原配额"), **_VALUE, null=True, blank=True)
    new_value = models.DecimalField(_("新配额"), **_VALUE)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("修改人"),
    )
    reason = models.CharField(_("原因"), max_length=255)
    at = models.DateTimeField(_("修改时间"), db_index=True)

    class Meta:
        verbose_name = verbose_name_plural = _("配额修订")
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="energy_quota_revision_has_a_reason")
        ]

    def __str__(self) -> str:
        old = "—" if self.old_value is None else f"{self.old_value.normalize():f}"
        return f"{old} → {self.new_value.normalize():f}"

    @property
    def who(self) -> str:
        """Return the name of the person; empty for a program."""
        return name_of(self.author)


class QuotaUsage(models.Model):
    """What is used of a quota in one period; computed, never typed in.

    `quota_value` is the value it was compared with. `daily` are the uses of the days from the
    first on, in whole numbers of `daily_step`, None where nothing was read. `warning_on` …
    `exceeded_on` are the first days on which the use so far reached these levels; `told_level` is
    the level of the alarm that was raised for it. A closed row holds the final figure; late readings
    change it all the same.
    """

    quota = models.ForeignKey(
        EnergyQuota, on_delete=models.CASCADE, related_name="usages", verbose_name=_("配额")
    )
    period_start = models.DateField(_("周期首日"))
    period_end = models.DateField(_("周期末日"))
    actual_value = models.DecimalField(_("用量"), max_digits=24, decimal_places=6, null=True, blank=True)
    quota_value = models.DecimalField(_("配额"), **_VALUE)
    usage_rate_pct = models.DecimalField(
        _("使用率 %"), max_digits=24, decimal_places=4, null=True, blank=True
    )
    status = models.CharField(
        _("状态"), max_length=8, choices=QuotaStatus, default=QuotaStatus.NO_DATA, db_index=True
    )
    coverage_pct = models.DecimalField(_("数据覆盖 %"), max_digits=6, decimal_places=2, null=True, blank=True)
    is_provisional = models.BooleanField(_("暂定"), default=False)
    complete_days = models.PositiveSmallIntegerField(_("完整天数"), default=0)
    projected_value = models.DecimalField(
        _("期末预测（按天均）"), max_digits=24, decimal_places=6, null=True, blank=True
    )
    projected_by_weekday = models.DecimalField(
        _("期末预测（按星期）"), max_digits=24, decimal_places=6, null=True, blank=True
    )
    exhausted_on = models.DateField(_("用完日期"), null=True, blank=True)
    warning_on = models.DateField(_("达到预警线"), null=True, blank=True)
    alert_on = models.DateField(_("达到告警线"), null=True, blank=True)
    exceeded_on = models.DateField(_("超过配额"), null=True, blank=True)
    daily = models.JSONField(_("每日用量"), default=list, blank=True)
    top_meters = models.JSONField(_("用量最大的表"), default=list, blank=True)
    told_level = models.CharField(_("已报级别"), max_length=8, choices=QuotaStatus, blank=True)
    as_of = models.DateField(_("截至"))
    is_closed = models.BooleanField(_("已结账"), default=False, db_index=True)
    error = models.CharField(_("错误"), max_length=255, blank=True)
    calculated_at = models.DateTimeField(_("计算时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("配额使用")
        ordering = ["-period_start", "quota"]
        constraints = [
            models.UniqueConstraint(fields=["quota", "period_start"], name="energy_usage_once_a_period"),
            models.CheckConstraint(condition=Q(period_end__gte=F("period_start")), name="energy_usage_dates"),
        ]
        indexes = [models.Index(fields=["period_end", "period_start"], name="energy_usage_in_period")]

    def __str__(self) -> str:
        return f"{self.quota} {self.period_start}"

    @property
    def span(self) -> Span:
        return Span(self.period_start, self.period_end)

    @property
    def daily_step(self) -> Decimal:
        """Return what the whole numbers in `daily` count."""
        return self.quota.energy_type.step if self.quota.energy_type else COMPOSITE_STEP

    @property
    def status_tone(self) -> str:
        return QUOTA_STATUS_TONES[QuotaStatus(self.status)]


class QuotaDue(models.Model):
    """Days of an energy type whose use has changed: the quotas over them are due."""

    energy_type = models.ForeignKey(EnergyType, on_delete=models.CASCADE, related_name="+")
    first = models.DateField()
    last = models.DateField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = _("待评估的日期")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.energy_type_id} {self.first}…{self.last}"


class QuotaRun(models.Model):
    """One evaluation of quotas: when, how long, how many, what went wrong.

    At most one is running: the database sees to it.
    """

    trigger = models.CharField(_("起因"), max_length=8, choices=RunTrigger)
    outcome = models.CharField(
        _("结果"), max_length=8, choices=RunOutcome, default=RunOutcome.RUNNING, db_index=True
    )
    as_of = models.DateField(_("截至"))
    started_at = models.DateTimeField(_("开始"), db_index=True)
    finished_at = models.DateTimeField(_("结束"), null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("用时（毫秒）"), null=True, blank=True)
    quotas = models.PositiveIntegerField(_("配额数"), default=0)
    usages = models.PositiveIntegerField(_("周期数"), default=0)
    raised = models.PositiveIntegerField(_("新报警"), default=0)
    escalated = models.PositiveIntegerField(_("升级"), default=0)
    resolved = models.PositiveIntegerField(_("关闭"), default=0)
    errors = models.JSONField(_("错误"), default=list, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("配额检查")
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["outcome"], condition=Q(outcome="running"), name="energy_one_quota_run_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_trigger_display()} {self.started_at:%Y-%m-%d %H:%M}"
