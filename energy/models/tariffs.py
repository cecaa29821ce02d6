"""What energy costs: dated tariffs with their times of day, the calendar of work, power factors of months.

Money is decimal and use is whole steps: what a month costs is exact, and computed again when a
tariff is corrected.
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from energy.choices import Band, DayClass, DayKind, DemandBasis
from energy.models.structure import Dated, Device, DeviceGroup, EnergyType


class Tariff(Dated):
    """What a unit of an energy type costs on the days start ≤ day < end."""

    name = models.CharField(_("名称"), max_length=120)
    energy_type = models.ForeignKey(
        EnergyType, on_delete=models.PROTECT, related_name="tariffs", verbose_name=_("能源种类")
    )
    demand_basis = models.CharField(
        _("基本电费按"), max_length=8, choices=DemandBasis, default=DemandBasis.NONE
    )
    demand_price = models.DecimalField(
        _("基本电价（元/kW·月 或 元/kVA·月）"),
        max_digits=12,
        decimal_places=4,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
    )
    capacity_kva = models.DecimalField(
        _("变压器容量（kVA）"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )
    power_factor_target = models.DecimalField(
        _("功率因数标准"),
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        choices=[(Decimal("0.90"), "0.90"), (Decimal("0.85"), "0.85"), (Decimal("0.80"), "0.80")],
        help_text=_("空：不作力调"),
    )
    source = models.CharField(_("出处"), max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("电价与单价")
        ordering = ["energy_type", "-start"]
        constraints = [
            models.UniqueConstraint(fields=["energy_type", "start"], name="energy_tariff_once_a_day"),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="energy_tariff_dates"
            ),
            models.CheckConstraint(
                condition=~Q(demand_basis=DemandBasis.CAPACITY) | Q(capacity_kva__isnull=False),
                name="energy_tariff_capacity",
                violation_error_message=_("按变压器容量收费时必须填写容量"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        if not self.start or not self.energy_type_id:
            return
        others = Tariff.objects.filter(energy_type=self.energy_type).exclude(pk=self.pk)
        others = others.filter(Q(end__isnull=True) | Q(end__gt=self.start))
        if self.end:
            others = others.filter(start__lt=self.end)
        if (other := others.first()) is not None:
            raise ValidationError(_("与“%(other)s”的有效期重叠，请先结束它") % {"other": other})


class TariffPrice(models.Model):
    """What one unit costs in one band, in yuan."""

    tariff = models.ForeignKey(
        Tariff, on_delete=models.CASCADE, related_name="prices", verbose_name=_("电价")
    )
    band = models.CharField(_("时段"), max_length=8, choices=Band, default=Band.FLAT)
    price = models.DecimalField(
        _("单价（元）"), max_digits=14, decimal_places=8, validators=[MinValueValidator(Decimal(0))]
    )

    class Meta:
        verbose_name = verbose_name_plural = _("单价")
        ordering = ["tariff", "band"]
        constraints = [
            models.UniqueConstraint(fields=["tariff", "band"], name="energy_price_once_a_band"),
            models.CheckConstraint(condition=Q(price__gte=0), name="energy_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_band_display()} {self.price.normalize():f}"


class TariffSpan(models.Model):
    """From when to when a band lasts, in which months and on which days; what is in none is flat."""

    tariff = models.ForeignKey(Tariff, on_delete=models.CASCADE, related_name="spans", verbose_name=_("电价"))
    band = models.CharField(_("时段"), max_length=8, choices=Band)
    first_month = models.PositiveSmallIntegerField(
        _("从（月）"), default=1, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    last_month = models.PositiveSmallIntegerField(
        _("到（月）"), default=12, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    day_class = models.CharField(_("适用日"), max_length=8, choices=DayClass, default=DayClass.ALL)
    begins = models.TimeField(_("开始"))
    ends = models.TimeField(_("结束"), help_text=_("0:00 指当日 24:00"))

    class Meta:
        verbose_name = verbose_name_plural = _("时段划分")
        ordering = ["tariff", "day_class", "first_month", "begins"]
        constraints = [
            models.CheckConstraint(
                condition=Q(first_month__range=(1, 12), last_month__range=(1, 12)),
                name="energy_tariff_span_months",
            ),
            models.CheckConstraint(
                condition=Q(ends__gt=F("begins")) | Q(ends=time(0)), name="energy_tariff_span_times"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_band_display()} {self.begins:%H:%M}–{self.ends:%H:%M}"

    def clean(self) -> None:
        if self.begins and self.ends and self.ends <= self.begins and self.ends != time(0):
            raise ValidationError({"ends": _("必须晚于开始；跨过零点的时段请分成两行")})


class CalendarDay(models.Model):
    """A day on which people work although it is a weekend, or rest although it is none."""

    day = models.DateField(_("日期"), unique=True)
    kind = models.CharField(_("安排"), max_length=8, choices=DayKind)
    name = models.CharField(_("名称"), max_length=60, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("节假日与调休")
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day} {self.get_kind_display()}"


class PowerFactor(models.Model):
    """The mean power factor of a month as the supplier's bill states it."""

    energy_type = models.ForeignKey(
        EnergyType, on_delete=models.CASCADE, related_name="power_factors", verbose_name=_("能源种类")
    )
    month = models.DateField(_("月份"), help_text=_("当月 1 日"))
    value = models.DecimalField(
        _("功率因数"),
        max_digits=4,
        decimal_places=3,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1))],
    )

    class Meta:
        verbose_name = verbose_name_plural = _("月功率因数")
        ordering = ["-month", "energy_type"]
        constraints = [
            models.UniqueConstraint(fields=["energy_type", "month"], name="energy_power_factor_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="energy_power_factor_month"),
            models.CheckConstraint(condition=Q(value__gte=0, value__lte=1), name="energy_power_factor_range"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.value}"

    def clean(self) -> None:
        if isinstance(self.month, date):
            self.month = self.month.replace(day=1)


class Month(models.Model):
    """One energy type in one month: whether its bands and demands must be computed again.

    Set in the transaction that changes a day, and by a changed tariff or structure.
    """

    energy_type = models.ForeignKey(
        EnergyType, on_delete=models.CASCADE, related_name="months", verbose_name=_("能源种类")
    )
    month = models.DateField(_("月份"))
    is_due = models.BooleanField(_("待计算"), default=True, db_index=True)
    marked_at = models.DateTimeField(_("登记时间"))
    computed_at = models.DateTimeField(_("计算时间"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("月度计算")
        ordering = ["-month", "energy_type"]
        constraints = [models.UniqueConstraint(fields=["energy_type", "month"], name="energy_month_once")]

    def __str__(self) -> str:
        return f"{self.energy_type} {self.month:%Y-%m}"


class DeviceMonth(models.Model):
    """The use of one meter in one month: its days together, written with them.

    `days` holds use and covered seconds of each day of the month (`energy.monthly`), `amount` and
    `covered_s` their sums; `gap_days` counts those of which some use was divided over a gap.
    `bands` (computed later, see `Month`) holds a row of five whole numbers (steps) for each day of
    the month, in the order of `Band`; a row sums up to the day's use exactly. `demand` is the
    largest use of a quarter of an hour (steps), from `demand_at` on.
    """

    energy_type = models.ForeignKey(
        EnergyType, on_delete=models.PROTECT, related_name="+", verbose_name=_("能源种类")
    )
    month = models.DateField(_("月份"))
    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="months", verbose_name=_("计量设备")
    )
    amount = models.BigIntegerField(_("用量（最小计量数）"), default=0)
    covered_s = models.PositiveIntegerField(_("有数据秒数"), default=0)
    gap_days = models.PositiveSmallIntegerField(_("有估算的天数"), default=0)
    days = models.BinaryField(_("每日用量"), default=b"", editable=False)
    bands = models.BinaryField(_("分时用量"), default=b"", editable=False)
    demand = models.BigIntegerField(_("最大需量（最小计量数）"), null=True, blank=True)
    demand_at = models.DateTimeField(_("发生时刻"), null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("设备月用量")
        ordering = ["-month", "device"]
        constraints = [models.UniqueConstraint(fields=["device", "month"], name="energy_device_month_once")]
        indexes = [
            # All that a page sums up: it reads the index alone, past the days and bands in the rows.
            models.Index(
                fields=["energy_type", "month", "device", "amount", "covered_s", "gap_days"],
                name="energy_month_all_sums",
            )
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.month:%Y-%m}"


class GroupDemand(models.Model):
    """The largest use of a group in a quarter of an hour of a month: all its meters at one moment."""

    month = models.ForeignKey(Month, on_delete=models.CASCADE, related_name="demands", verbose_name=_("月份"))
    group = models.ForeignKey(
        DeviceGroup, on_delete=models.CASCADE, related_name="demands", verbose_name=_("设备组")
    )
    amount = models.BigIntegerField(_("最大需量（最小计量数）"))
    at = models.DateTimeField(_("发生时刻"))

    class Meta:
        verbose_name = verbose_name_plural = _("设备组最大需量")
        ordering = ["month", "group"]
        constraints = [models.UniqueConstraint(fields=["month", "group"], name="energy_group_demand_once")]

    def __str__(self) -> str:
        return f"{self.group_id} {self.amount}"
