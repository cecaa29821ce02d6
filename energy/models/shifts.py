"""The shifts that people work in: when each begins and ends, on the days on which it holds."""

from __future__ import annotations

from datetime import date

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from energy.metering import shifts
from energy.models.structure import Dated


class Shift(Dated):
    """A shift of every day start ≤ day < end; one that ends at or before its begin ends the next day."""

    name = models.CharField(_("班次"), max_length=40)
    begins = models.TimeField(_("上班"))
    ends = models.TimeField(_("下班"), help_text=_("不晚于上班时间的，指次日"))

    class Meta:
        verbose_name = verbose_name_plural = _("班次")
        ordering = ["-start", "begins"]
        constraints = [
            models.UniqueConstraint(fields=["name", "start"], name="energy_shift_once_a_day"),
            models.CheckConstraint(
                condition=Q(end__isnull=True) | Q(end__gt=F("start")), name="energy_shift_dates"
            ),
            models.CheckConstraint(condition=~Q(begins=F("ends")), name="energy_shift_times"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.begins:%H:%M}–{self.ends:%H:%M}"

    def clean(self) -> None:
        super().clean()
        if self.begins is None or self.ends is None or self.start is None:
            return
        if self.begins == self.ends:
            raise ValidationError({"ends": _("不能与上班时间相同")})
        for other in Shift.objects.exclude(pk=self.pk):
            if shifts.clash(self.rule, other.rule):
                raise ValidationError(_("与“%(other)s”的时间重叠，请先结束它") % {"other": other})

    @property
    def rule(self) -> shifts.Shift:
        """Return it as the arithmetic wants it."""
        return shifts.Shift(self.begins, self.ends, self.start, self.end or date.max)
