"""What the meters said, and the use of each day that follows from it.

The readings of a meter and day lie packed in one row (`energy.packing`): a year of two thousand
meters is 730 thousand rows instead of 70 million.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from energy.choices import Way
from energy.models.structure import Device, EnergyType


class ReadingBatch(models.Model):
    """Readings that came together: one request, one file, one person's note.

    A source numbers its batches; the same number is taken once, so that a repeated request
    changes nothing and gets the answer of the first. `written` holds what a batch that can be
    undone has written (see `energy.packing`).
    """

    source = models.CharField(_("来源"), max_length=80)
    batch_id = models.CharField(_("批号"), max_length=100)
    way = models.CharField(_("途径"), max_length=8, choices=Way)
    file_name = models.CharField(_("文件名"), max_length=255, blank=True)
    profile = models.CharField(_("版式"), max_length=80, blank=True)
    taken = models.PositiveIntegerField(_("写入"), default=0)
    unchanged = models.PositiveIntegerField(_("重复"), default=0)
    corrected = models.PositiveIntegerField(_("更正"), default=0)
    rejected = models.PositiveIntegerField(_("拒绝"), default=0)
    rejections = models.JSONField(_("拒绝明细"), default=list, blank=True)
    first_at = models.DateTimeField(_("最早读数"), null=True, blank=True)
    last_at = models.DateTimeField(_("最晚读数"), null=True, blank=True)
    written = models.BinaryField(_("写入内容"), default=b"", editable=False)
    received_at = models.DateTimeField(_("接收时间"), db_index=True)
    who = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("提交人"),
    )
    undone_at = models.DateTimeField(_("撤销时间"), null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("撤销人"),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("读数批次")
        ordering = ["-received_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["source", "batch_id"], name="energy_batch_once")]

    def __str__(self) -> str:
        return self.file_name or self.batch_id

    @property
    def can_be_undone(self) -> bool:
        return bool(self.written) and self.undone_at is None


class ReadingDay(models.Model):
    """The readings of one meter on one local day, packed, by second of the day.

    `version` counts the writes.
    """

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="reading_days", verbose_name=_("计量设备")
    )
    day = models.DateField(_("日期"))
    packed = models.BinaryField(_("读数"), editable=False)
    size = models.PositiveIntegerField(_("读数个数"), default=0)
    version = models.PositiveIntegerField(_("版本"), default=1)

    class Meta:
        verbose_name = verbose_name_plural = _("每日读数")
        ordering = ["device", "day"]
        constraints = [models.UniqueConstraint(fields=["device", "day"], name="energy_reading_day_once")]

    def __str__(self) -> str:
        return f"{self.device_id} {self.day}"


class ReadingCorrection(models.Model):
    """A reading that was overwritten or taken away: what it was, what it is now, by which batch."""

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="corrections", verbose_name=_("计量设备")
    )
    at = models.DateTimeField(_("读数时刻"))
    old_count = models.BigIntegerField(_("原计数"))
    new_count = models.BigIntegerField(_("新计数"), null=True, blank=True, help_text=_("空：撤销"))
    batch = models.ForeignKey(
        ReadingBatch,
        on_delete=models.SET_NULL,
        null=True,
        related_name="corrections",
        verbose_name=_("批次"),
    )
    who = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("更正人"),
    )
    corrected_at = models.DateTimeField(_("更正时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("读数更正")
        ordering = ["-corrected_at", "-pk"]
        indexes = [models.Index(fields=["device", "at"], name="energy_correction_of")]

    def __str__(self) -> str:
        return f"{self.old_count} → {self.new_count}"


class DirtyRange(models.Model):
    """Days of a meter whose use must be computed again; what is due for `energy.days`."""

    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="dirty_ranges", verbose_name=_("计量设备")
    )
    first = models.DateField(_("首日"))
    last = models.DateField(_("末日"))
    created_at = models.DateTimeField(_("登记时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("待重算")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="energy_dirty_range_dates")
        ]

    def __str__(self) -> str:
        return f"{self.device_id} {self.first}…{self.last}"


class EnergyDailySummaryQuerySet(models.QuerySet["EnergyDailySummary"]):
    def in_days(self, first: date, last: date) -> Self:
        """Keep the days first…last, both included."""
        return self.filter(date__gte=first, date__lte=last)


class EnergyDailySummary(models.Model):
    """The use of one meter on one local day.

    `amount` (whole steps of the energy type) is exact and what everything is computed from;
    `total_consumption` is the same in the unit, for people. `covered_s` of `length_s` seconds lie
    between usable readings; `flags` are the bits of `energy.metering.Flag`. `end_at` and
    `end_count` are where the register stood when the day was over: the use of later days can be
    computed from there, without all that was before.
    """

    date = models.DateField(_("日期"))
    energy_type = models.ForeignKey(
        EnergyType, on_delete=models.PROTECT, related_name="+", verbose_name=_("能源种类")
    )
    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="days", verbose_name=_("计量设备")
    )
    amount = models.BigIntegerField(_("用量（最小计量数）"))
    total_consumption = models.DecimalField(_("用量"), max_digits=24, decimal_places=6)
    covered_s = models.PositiveIntegerField(_("有数据秒数"))
    length_s = models.PositiveIntegerField(_("全天秒数"))
    flags = models.PositiveIntegerField(_("标记"), default=0)
    end_at = models.BigIntegerField(_("日末读数时刻"), editable=False)
    end_count = models.BigIntegerField(_("日末计数"), editable=False)
    version = models.PositiveIntegerField(_("版本"), default=1)
    computed_at = models.DateTimeField(_("计算时间"))

    objects: ClassVar[EnergyDailySummaryQuerySet] = EnergyDailySummaryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = verbose_name_plural = _("每日用量")
        ordering = ["-date", "device"]
        constraints = [models.UniqueConstraint(fields=["device", "date"], name="energy_day_once")]
        indexes = [models.Index(fields=["energy_type", "date"], name="energy_day_of_type")]

    def __str__(self) -> str:
        return f"{self.device_id} {self.date}"

    @property
    def coverage(self) -> float:
        """Return the share of the day that is covered, 0 to 1."""
        return self.covered_s / self.length_s
