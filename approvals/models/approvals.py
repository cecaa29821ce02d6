"""Approvals as WeCom shows them, how they came to be so, and those that we started."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from approvals.choices import (
    FileState,
    StartState,
    Status,
)


class WatchedTemplate(models.Model):
    """A form of WeCom whose approvals are looked for even where no event came."""

    template_id = models.CharField(_("模板 ID"), max_length=128, unique=True)
    name = models.CharField(_("名称"), max_length=120, blank=True)
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = verbose_name_plural = _("关注的审批模板")
        ordering = ["name", "template_id"]

    def __str__(self) -> str:
        return self.name or self.template_id


class Approval(models.Model):
    """One approval: what its detail said when it was last read.

    `asked_at` is when that question was put: of two answers the one asked for later wins, whichever
    comes first. `detail` is the `info` of `oa/getapprovaldetail`.
    """

    corp = models.CharField(_("企业"), max_length=64)
    sp_no = models.CharField(_("审批编号"), max_length=64)
    name = models.CharField(_("审批名称"), max_length=120, blank=True)
    template_id = models.CharField(_("模板 ID"), max_length=128, blank=True, db_index=True)
    status = models.PositiveSmallIntegerField(_("状态"), choices=Status)
    applicant_id = models.CharField(_("申请人"), max_length=64, blank=True)
    department = models.CharField(_("部门 ID"), max_length=64, blank=True)
    department_name = models.CharField(_("部门"), max_length=120, blank=True)
    applied_at = models.DateTimeField(_("申请时间"), null=True, blank=True, db_index=True)
    detail = models.JSONField(_("详情"))
    detail_hash = models.CharField(_("详情摘要"), max_length=64)
    asked_at = models.DateTimeField(_("读取时间"))
    changed_at = models.DateTimeField(_("状态变化时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("审批")
        ordering = ["-applied_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["corp", "sp_no"], name="approvals_once")]
        indexes = [
            models.Index(fields=["asked_at"], condition=models.Q(status=1), name="approvals_open"),
            models.Index(
                fields=["asked_at"], condition=models.Q(status__in=[2, 10]), name="approvals_standing"
            ),
        ]
        permissions = [("start_approval", _("可以从这里发起审批"))]

    def __str__(self) -> str:
        return f"{self.sp_no} {self.name}".strip()

    def get_absolute_url(self) -> str:
        return reverse("admin:approvals_approval_change", args=[self.pk])


class Department(models.Model):
    """A department of WeCom's by its number; `name` is blank where WeCom gave none when it was asked."""

    corp = models.CharField(_("企业"), max_length=64)
    number = models.CharField(_("部门 ID"), max_length=64)
    name = models.CharField(_("名称"), max_length=120, blank=True)
    asked_at = models.DateTimeField(_("读取时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("企业微信部门")
        ordering = ["corp", "number"]
        constraints = [models.UniqueConstraint(fields=["corp", "number"], name="approvals_department_once")]

    def __str__(self) -> str:
        return self.name or self.number


class ApprovalChange(models.Model):
    """A line of an approval's history; never changed. `old_status` is empty for the first."""

    approval = models.ForeignKey(
        Approval, on_delete=models.CASCADE, related_name="changes", verbose_name=_("审批")
    )
    at = models.DateTimeField(_("时间"))
    old_status = models.PositiveSmallIntegerField(_("原状态"), choices=Status, null=True, blank=True)
    new_status = models.PositiveSmallIntegerField(_("新状态"), choices=Status)
    is_believed = models.BooleanField(_("采信"), default=True, help_text=_("不可能的变化不采信"))
    detail_hash = models.CharField(_("详情摘要"), max_length=64)

    class Meta:
        verbose_name = verbose_name_plural = _("审批变化")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.old_status or ''} → {self.new_status}"


class ApprovalFile(models.Model):
    """A file of a form, fetched at once: WeCom keeps it for three days."""

    approval = models.ForeignKey(
        Approval, on_delete=models.CASCADE, related_name="files", verbose_name=_("审批")
    )
    control_id = models.CharField(_("控件"), max_length=128)
    file_id = models.CharField(_("文件 ID"), max_length=512)
    name = models.CharField(_("文件名"), max_length=200, blank=True)
    state = models.CharField(_("状态"), max_length=8, choices=FileState, default=FileState.WAITING)
    data = models.BinaryField(_("内容"), default=b"", editable=False)
    size = models.PositiveIntegerField(_("字节数"), default=0)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(_("尝试次数"), default=0)
    next_at = models.DateTimeField(_("下次下载"), null=True, blank=True)
    error = models.CharField(_("错误"), max_length=500, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("审批附件")
        ordering = ["approval", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["approval", "control_id", "file_id"], name="approvals_file_once")
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(state="waiting"), name="approvals_file_due")
        ]

    def __str__(self) -> str:
        return self.name or self.file_id


class OutgoingApproval(models.Model):
    """An approval that is started from here; one per `key`, however often it is asked for.

    `mark` is a text that stands in the form: by it a start whose answer was lost is found again.
    """

    key = models.CharField(_("键"), max_length=120, unique=True)
    template_id = models.CharField(_("模板 ID"), max_length=128)
    creator = models.CharField(_("发起人"), max_length=64)
    contents = models.JSONField(_("表单"))
    nodes = models.JSONField(_("流程"), default=list, blank=True)
    summary = models.JSONField(_("摘要"), default=list, blank=True)
    mark = models.CharField(_("标记"), max_length=40, blank=True)
    state = models.CharField(_("状态"), max_length=9, choices=StartState, default=StartState.WAITING)
    sp_no = models.CharField(_("审批编号"), max_length=64, blank=True, db_index=True)
    attempts = models.PositiveSmallIntegerField(_("尝试次数"), default=0)
    next_at = models.DateTimeField(_("下次提交"), null=True, blank=True)
    sent_at = models.DateTimeField(_("提交时间"), null=True, blank=True)
    error = models.CharField(_("错误"), max_length=500, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("操作人"),
    )
    created_at = models.DateTimeField(_("创建时间"))

    class Meta:
        verbose_name = verbose_name_plural = _("发起的审批")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["next_at"],
                condition=models.Q(state__in=["waiting", "sending", "uncertain"]),
                name="approvals_start_due",
            )
        ]

    def __str__(self) -> str:
        return self.sp_no or self.key
