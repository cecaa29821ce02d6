"""A mark that changes whenever the structure does, so that what was made of it can be kept."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class StructureStamp(models.Model):
    """One row: a random mark of the present tree, meters, attachments and links."""

    mark = models.CharField(_("标记"), max_length=32)

    class Meta:
        verbose_name = verbose_name_plural = _("结构标记")

    def __str__(self) -> str:
        return self.mark
