"""Reports and their entries; IQC and OQC share everything but the company on the other side.

Their addresses are a contract with every message ever sent; they are written here, once.

An entry keeps its own copy of the specification, its values as written and its verdict,
together in one row: a report is read, judged and drawn as a whole.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from quality.choices import ReasonCode, Status
from quality.models.limits import ControlLimits
from quality.models.master import Characteristic, Customer, Part, Supplier


class Report(models.Model):
    """An inspection report, known by company, part, lot and report number.

    A corrected workbook raises `revision`; entries of all revisions stay, those with the
    report's revision are current. The counters speak of the current ones.
    """

    part = models.ForeignKey(Part, on_delete=models.PROTECT, related_name="+", verbose_name=_("料号"))
    lot = models.CharField(_("批号"), max_length=80)
    report_no = models.CharField(_("报告编号"), max_length=80, blank=True)
    quantity = models.CharField(_("数量"), max_length=40, blank=True)
    sample_size = models.CharField(_("抽样数"), max_length=40, blank=True)
    inspected_on = models.DateField(_("检验日期"), null=True, blank=True)
    inspector = models.CharField(_("检验员"), max_length=60, blank=True)
    drawing = models.CharField(_("图号/版本"), max_length=80, blank=True)
    revision = models.PositiveIntegerField(_("修订"), default=1)
    status = models.CharField(_("状态"), max_length=8, choices=Status, default=Status.PENDING, db_index=True)
    entry_count = models.PositiveIntegerField(_("项目数"), default=0)
    abnormal_count = models.PositiveIntegerField(_("异常数"), default=0)
    judged_at = models.DateTimeField(_("判定时间"), null=True, blank=True)
    created_at = models.DateTimeField(_("导入时间"), auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    PARTY: str
    """Name of the field that holds the company on the other side."""
    KIND: str
    """`IQC` or `OQC`: first part of every address."""

    class Meta:
        abstract = True
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        number = f" {self.report_no}" if self.report_no else ""
        return f"{self.KIND} {self.lot}{number}"

    def get_absolute_url(self) -> str:
        return f"/{self.KIND}/{self.pk}"

    @property
    def party(self) -> Supplier | Customer:
        return getattr(self, self.PARTY)


class IQCReport(Report):
    PARTY = "supplier"
    KIND = "IQC"
    supplier = models.ForeignKey(
        Supplier, on_delete=models.PROTECT, related_name="reports", verbose_name=_("供应商")
    )

    class Meta(Report.Meta):
        verbose_name = verbose_name_plural = _("IQC 报告")
        constraints = [
            models.UniqueConstraint(
                fields=["supplier", "part", "lot", "report_no"], name="quality_iqc_report_identity"
            )
        ]


class OQCReport(Report):
    PARTY = "customer"
    KIND = "OQC"
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="reports", verbose_name=_("客户")
    )

    class Meta(Report.Meta):
        verbose_name = verbose_name_plural = _("OQC 报告")
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "part", "lot", "report_no"], name="quality_oqc_report_identity"
            )
        ]


class EntryQuerySet(models.QuerySet):
    """Filters that every reader of entries shares."""

    def current(self) -> EntryQuerySet:
        """Entries of the revision that their report stands at."""
        return self.filter(revision=models.F("report__revision"))

    def pending(self) -> EntryQuerySet:
        """Entries whose values or settings are newer than their verdict."""
        return self.filter(status=Status.PENDING)

    def abnormal(self) -> EntryQuerySet:
        return self.filter(status=Status.ABNORMAL)


class ReportEntry(models.Model):
    """One characteristic of one report: specification, values, statistics, verdict.

    `values` is a list of decimal texts as written (`"74.030"`), of `OK`/`NG`, or null where a
    sample is missing. `version` rises with each change of values, specification or settings;
    `judged_version` is the one that the stored verdict speaks of.
    """

    revision = models.PositiveIntegerField(_("修订"), default=1)
    position = models.PositiveIntegerField(_("行序"))
    item_no = models.CharField(_("序号"), max_length=20, blank=True)
    name = models.CharField(_("检测项目"), max_length=160)
    spec = models.CharField(_("规格"), max_length=120, blank=True)
    nominal = models.CharField(_("目标值"), max_length=32, blank=True)
    lsl = models.CharField(_("下限"), max_length=32, blank=True)
    usl = models.CharField(_("上限"), max_length=32, blank=True)
    unit = models.CharField(_("单位"), max_length=20, blank=True)
    gauge = models.CharField(_("量具"), max_length=60, blank=True)
    subgroup_size = models.PositiveSmallIntegerField(_("子组大小"), default=1)
    values = models.JSONField(_("测量值"), default=list)
    printed = models.JSONField(_("报告所印结果"), default=dict, blank=True)
    source = models.CharField(_("出处"), max_length=120, blank=True, help_text=_("工作表与单元格，或修改人"))
    status = models.CharField(_("状态"), max_length=8, choices=Status, default=Status.PENDING)
    reasons = models.JSONField(_("原因"), default=list, blank=True)
    statistics = models.JSONField(_("统计量"), default=dict, blank=True)
    version = models.PositiveIntegerField(_("版本"), default=1)
    judged_version = models.PositiveIntegerField(_("已判定版本"), default=0)
    judged_at = models.DateTimeField(_("判定时间"), null=True, blank=True)
    edited_at = models.DateTimeField(_("修改时间"), null=True, blank=True)
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("修改人"),
    )
    limits = models.ForeignKey(
        ControlLimits,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("判定所用控制限"),
        help_text=_("空：由本报告计算"),
    )
    history = models.JSONField(
        _("修改历史"), default=list, blank=True, help_text=_("被替换的数值，连同修改人与时间")
    )
    characteristic = models.ForeignKey(
        Characteristic, on_delete=models.PROTECT, related_name="+", verbose_name=_("检测项目设置")
    )

    objects = EntryQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["report", "revision", "position"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/{self.KIND}/{self.report_id}/{self.pk}"

    @property
    def is_out_of_spec(self) -> bool:
        """Whether pieces are bad, not only the process."""
        return any(reason["code"] in (ReasonCode.OUT_OF_SPEC, ReasonCode.NOT_GOOD) for reason in self.reasons)

    KIND: str
    report_id: int


class IQCReportEntry(ReportEntry):
    KIND = "IQC"
    report = models.ForeignKey(
        IQCReport, on_delete=models.CASCADE, related_name="entries", verbose_name=_("报告")
    )

    class Meta(ReportEntry.Meta):
        verbose_name = verbose_name_plural = _("IQC 报告项目")
        constraints = [
            models.UniqueConstraint(
                fields=["report", "revision", "position"], name="quality_iqc_entry_position"
            )
        ]
        indexes = [
            models.Index(fields=["report"], condition=models.Q(status="PENDING"), name="quality_iqc_pending"),
            models.Index(fields=["characteristic", "report"], name="quality_iqc_history"),
            models.Index(fields=["status", "judged_at"], name="quality_iqc_status"),
        ]


class OQCReportEntry(ReportEntry):
    KIND = "OQC"
    report = models.ForeignKey(
        OQCReport, on_delete=models.CASCADE, related_name="entries", verbose_name=_("报告")
    )

    class Meta(ReportEntry.Meta):
        verbose_name = verbose_name_plural = _("OQC 报告项目")
        constraints = [
            models.UniqueConstraint(
                fields=["report", "revision", "position"], name="quality_oqc_entry_position"
            )
        ]
        indexes = [
            models.Index(fields=["report"], condition=models.Q(status="PENDING"), name="quality_oqc_pending"),
            models.Index(fields=["characteristic", "report"], name="quality_oqc_history"),
            models.Index(fields=["status", "judged_at"], name="quality_oqc_status"),
        ]
