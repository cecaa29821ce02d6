"""Files by their content: templates, contracts, scans. Kept for good."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ArchivedFile(models.Model):
    """Bytes under the SHA-256 of themselves; never changed. `contracts.archive` is the only door to them.

    They lie in the database, because that is all that several hosts share.
    """

    digest = models.CharField("SHA-256", max_length=64, primary_key=True)
    media_type = models.CharField(_("类型"), max_length=120)
    size = models.PositiveIntegerField(_("字节"))
    data = models.BinaryField(_("内容"))
    created_at = models.DateTimeField(_("归档时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("归档文件")
        default_permissions = ()

    def __str__(self) -> str:
        return self.digest
