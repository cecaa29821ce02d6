"""What is done with material that failed, who allowed it, and the forms of WeCom that ask for it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.people import HistoryLine
from approvals.choices import StartState
from approvals.models import OutgoingApproval
from quality.choices import (
    OPEN_DISPOSITIONS,
    ControlKind,
    Decision,
    DispositionState,
    ReportKind,
)
from quality.models.reports import IQCReport, OQCReport, Report


class DispositionQuerySet(models.QuerySet):
    def open(self) -> DispositionQuerySet:
        """Dispositions that wait for somebody."""
        return self.filter(state__in=OPEN_DISPOSITIONS)

    def of(self, report: Report) -> DispositionQuerySet:
        """Dispositions of a report, over its revisions."""
        return self.filter(**{report_field(report.KIND): report.pk})


def report_field(kind: str) -> str:
    """Return the column that names a report of this kind."""
    return f"{kind.lower()}_report"


class Disposition(models.Model):
    """What is to be done with the nonconforming material of one revision of a report.

    The words are those of ISO 9000:2015, 3.12. `covers` are the characteristics it speaks of, as they
    were when it was asked for: `characteristic`, `name`, `what` is wrong in words, `digest` of values and
    limits, and `closed`, true where its grant closed the alarm. `outgoing` is the approval that was asked for
    in WeCom, `sp_no` its number there. The database keeps at most one open disposition per report.
    """

    iqc_report = models.ForeignKey(
        IQCReport,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="dispositions",
        verbose_name=_("IQC 报告"),
    )
    oqc_report = models.ForeignKey(
        OQCReport,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="dispositions",
        verbose_name=_("OQC 报告"),
    )
    revision = models.PositiveIntegerField(_("修订"))
    decision = models.CharField(_("处置"), max_length=10, choices=Decision)
    quantity = models.DecimalField(_("涉及数量"), max_digits=14, decimal_places=3)
    unit = models.CharField(_("单位"), max_length=16, blank=True)
    reason = models.TextField(_("理由"))
    covers = models.JSONField(_("涉及项目"), default=list)
    state = models.CharField(
        _("状态"), max_length=9, choices=DispositionState, default=DispositionState.PROPOSED, db_index=True
    )
    outgoing = models.OneToOneField(
        OutgoingApproval,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="disposition",
        verbose_name=_("发起的审批"),
    )
    sp_no = models.CharField(_("审批编号"), max_length=64, blank=True, db_index=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("提出人"),
    )
    proposed_at = models.DateTimeField(_("提出时间"))
    decided_at = models.DateTimeField(_("决定时间"), null=True, blank=True)

    objects = DispositionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("处置")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(iqc_report__isnull=True, oqc_report__isnull=False)
                | Q(iqc_report__isnull=False, oqc_report__isnull=True),
                name="quality_disposition_one_report",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="quality_disposition_quantity"),
            models.UniqueConstraint(
                fields=["iqc_report"],
                condition=Q(state__in=["proposed", "awaiting"]),
                name="quality_disposition_open_iqc",
            ),
            models.UniqueConstraint(
                fields=["oqc_report"],
                condition=Q(state__in=["proposed", "awaiting"]),
                name="quality_disposition_open_oqc",
            ),
        ]
        permissions = [("decide_disposition", _("可以批准或驳回处置"))]

    def __str__(self) -> str:
        return f"{self.get_decision_display()} {self.report}"

    def get_absolute_url(self) -> str:
        return f"{self.report.get_absolute_url()}#dispositions"

    @property
    def report(self) -> Report:
        found: Report | None = self.iqc_report or self.oqc_report
        assert found is not None  # the database sees to it
        return found

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_DISPOSITIONS

    @property
    def has_failed_to_start(self) -> bool:
        """Whether its approval could not be handed in, so that a person must see to it."""
        return (
            self.state == DispositionState.PROPOSED
            and self.outgoing is not None
            and self.outgoing.state == StartState.DEAD
        )

    @property
    def is_starting(self) -> bool:
        """Whether its approval is on its way to WeCom."""
        return (
            self.state == DispositionState.PROPOSED
            and self.outgoing is not None
            and self.outgoing.state != StartState.DEAD
        )

    @property
    def characteristic_ids(self) -> list[int]:
        return [one["characteristic"] for one in self.covers]

    @property
    def amount(self) -> str:
        """Return quantity and unit as written, without noughts that say nothing."""
        return f"{self.quantity.normalize():f} {self.unit}".strip()


class DispositionEvent(HistoryLine):
    """A line of a disposition's history; never changed."""

    disposition = models.ForeignKey(
        Disposition, on_delete=models.CASCADE, related_name="events", verbose_name=_("处置")
    )
    state = models.CharField(_("状态"), max_length=9, choices=DispositionState)
    note = models.TextField(_("说明"), blank=True)

    class Meta(HistoryLine.Meta):
        verbose_name = verbose_name_plural = _("处置经过")

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.at:%Y-%m-%d %H:%M}"


class DispositionForm(models.Model):
    """A form of WeCom through which a decision is asked for, for reports of one kind or of both."""

    name = models.CharField(_("名称"), max_length=120)
    decision = models.CharField(_("处置"), max_length=10, choices=Decision, default=Decision.CONCESSION)
    kind = models.CharField(
        _("报告种类"), max_length=3, choices=ReportKind, blank=True, help_text=_("空：IQC 与 OQC 都用")
    )
    template_id = models.CharField(
        _("模板 ID"), max_length=128, help_text=_("企业微信管理后台，审批模板编辑页地址中的 templateId")
    )
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = verbose_name_plural = _("处置审批表单")
        ordering = ["decision", "kind", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["decision", "kind"],
                condition=Q(is_active=True),
                name="quality_disposition_form_once",
                violation_error_message=_("这种处置已有启用的审批表单。"),
            )
        ]

    def __str__(self) -> str:
        return self.name


class DispositionControl(models.Model):
    """One control of a form, and the text that is written into it.

    `text` holds placeholders (`quality.filling.PLACEHOLDERS`); for a Selector it is the key of an option.
    `options` are those that WeCom named when the form was last read.
    """

    form = models.ForeignKey(
        DispositionForm, on_delete=models.CASCADE, related_name="controls", verbose_name=_("审批表单")
    )
    position = models.PositiveSmallIntegerField(_("次序"), default=0)
    control_id = models.CharField(_("控件 ID"), max_length=128)
    kind = models.CharField(_("类型"), max_length=12, choices=ControlKind, default=ControlKind.TEXT)
    title = models.CharField(_("标题"), max_length=120, blank=True)
    is_required = models.BooleanField(_("必填"), default=False)
    text = models.TextField(_("填写内容"), blank=True)
    options: Any = models.JSONField(_("选项"), default=dict, blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = _("处置审批表单控件")
        ordering = ["form", "position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["form", "control_id"], name="quality_disposition_control_once")
        ]

    def __str__(self) -> str:
        return self.title or self.control_id
