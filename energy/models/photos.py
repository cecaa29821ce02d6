"""Photographs of registers, beside the readings that people wrote down."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from energy.models.readings import ReadingBatch
from energy.models.structure import Device


class ReadingPhoto(models.Model):
    """What a register showed when somebody read it; kept in the database, as hosts share nothing else."""

    batch = models.OneToOneField(
        ReadingBatch, on_delete=models.CASCADE, related_name="photo", verbose_name=_("批次")
    )
    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="photos", verbose_name=_("计量设备")
    )
    at = models.DateTimeField(_("读数时刻"))
    content_type = models.CharField(_("格式"), max_length=20)
    data = models.BinaryField(_("照片"), editable=False)

    class Meta:
        verbose_name = verbose_name_plural = _("抄表照片")
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.device} {self.at:%Y-%m-%d %H:%M}"
