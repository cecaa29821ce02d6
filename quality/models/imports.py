"""Which file brought which revision, and the layouts that the importer knows."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from quality.choices import Origin
from quality.models.reports import IQCReport, OQCReport


class ReportImportLog(models.Model):
    """One report taken from one file: the origin of every value of its revision.

    A workbook may hold several reports; `block` numbers them from 0. The same content of the
    same origin is imported once: the constraint decides when two processes try at once.
    """

    revision = models.PositiveIntegerField(_("修订"))
    origin = models.CharField(_("来源"), max_length=8, choices=Origin)
    file_name = models.CharField(_("文件名"), max_length=255)
    content_hash = models.CharField(_("内容哈希"), max_length=64, db_index=True)
    sheet = models.CharField(_("工作表"), max_length=64, blank=True)
    block = models.PositiveIntegerField(_("文件内序"), default=0)
    profile = models.CharField(_("版式"), max_length=80, blank=True)
    entry_count = models.PositiveIntegerField(_("项目数"), default=0)
    correlation_id = models.CharField(_("关联号"), max_length=32, blank=True, db_index=True)
    imported_at = models.DateTimeField(_("导入时间"), auto_now_add=True)
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("导入人"),
    )

    class Meta:
        abstract = True
        ordering = ["-imported_at", "-pk"]

    def __str__(self) -> str:
        return self.file_name


class IQCReportImportLog(ReportImportLog):
    report = models.ForeignKey(
        IQCReport, on_delete=models.CASCADE, related_name="import_logs", verbose_name=_("报告")
    )

    class Meta(ReportImportLog.Meta):
        verbose_name = verbose_name_plural = _("IQC 导入记录")
        constraints = [
            models.UniqueConstraint(
                fields=["content_hash", "origin", "block"], name="quality_iqc_import_once"
            ),
            models.UniqueConstraint(fields=["report", "revision"], name="quality_iqc_import_revision"),
        ]


class OQCReportImportLog(ReportImportLog):
    report = models.ForeignKey(
        OQCReport, on_delete=models.CASCADE, related_name="import_logs", verbose_name=_("报告")
    )

    class Meta(ReportImportLog.Meta):
        verbose_name = verbose_name_plural = _("OQC 导入记录")
        constraints = [
            models.UniqueConstraint(
                fields=["content_hash", "origin", "block"], name="quality_oqc_import_once"
            ),
            models.UniqueConstraint(fields=["report", "revision"], name="quality_oqc_import_revision"),
        ]


class ImportProfile(models.Model):
    """A layout of workbooks, as data (see `quality.importing`); tried in the given order."""

    name = models.CharField(_("名称"), max_length=80, unique=True)
    kind = models.CharField(
        _("用于"), max_length=3, choices=[("", _("IQC 与 OQC")), ("IQC", "IQC"), ("OQC", "OQC")], blank=True
    )
    layout = models.JSONField(_("版式"))
    order = models.PositiveSmallIntegerField(_("顺序"), default=100)
    is_active = models.BooleanField(_("启用"), default=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("导入版式")
        ordering = ["order", "name"]

    def __str__(self) -> str:
        return self.name
