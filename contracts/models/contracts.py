"""Contracts, every document that was made of them, and what happened to them."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.people import HistoryLine
from contracts.choices import (
    EVENT_TONES,
    IN_FORCE,
    OPEN,
    STATE_TONES,
    VERSION_TONES,
    ContractState,
    EventKind,
    PdfState,
    VersionState,
)
from contracts.models.archive import ArchivedFile
from contracts.models.templates import ContractTemplate, ContractTemplateVersion, MappingVersion


def new_code() -> str:
    """Return a code for the check page that nobody can guess."""
    return secrets.token_hex(8)


class Contract(models.Model):
    """What one granted approval became under one template. Never deleted.

    detail      the approval's detail as it was when it was granted
    supplement  texts that a person entered where the form had a problem, by `Problem.key`
    problems    what stops it, as `contracts.mapping.Problem`
    failure     the code of what went wrong besides the data; `next_at` is when it is tried again
    content     the words of the document's values, for the search
    """

    corp = models.CharField(_("企业"), max_length=64)
    sp_no = models.CharField(_("审批单号"), max_length=64)
    template = models.ForeignKey(
        ContractTemplate, on_delete=models.PROTECT, related_name="contracts", verbose_name=_("合同模板")
    )
    code = models.CharField(_("核验码"), max_length=32, unique=True, default=new_code)
    trace = models.CharField(_("追踪号"), max_length=32)
    number = models.CharField(_("合同编号"), max_length=80, blank=True)
    name = models.CharField(_("合同名称"), max_length=200, blank=True)
    party_a = models.CharField(_("甲方"), max_length=200, blank=True)
    party_b = models.CharField(_("乙方"), max_length=200, blank=True)
    amount_fen = models.BigIntegerField(_("金额（分）"), null=True, blank=True)
    state = models.CharField(_("状态"), max_length=12, choices=ContractState, default=ContractState.DRAFT)
    applicant_id = models.CharField(_("申请人 userid"), max_length=64, blank=True, db_index=True)
    applicant = models.CharField(_("申请人"), max_length=80, blank=True)
    department = models.CharField(_("部门"), max_length=120, blank=True)
    applied_at = models.DateTimeField(_("申请时间"), null=True, blank=True)
    granted_at = models.DateTimeField(_("通过时间"), null=True, blank=True)
    signed_on = models.DateField(_("签署日期"), null=True, blank=True)
    expires_on = models.DateField(_("到期日"), null=True, blank=True)
    detail = models.JSONField(_("审批内容"), default=dict)
    supplement = models.JSONField(_("补充数据"), default=dict, blank=True)
    problems = models.JSONField(_("问题"), default=list, blank=True)
    failure = models.CharField(_("失败代码"), max_length=40, blank=True)
    failure_text = models.CharField(_("失败原因"), max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(_("尝试次数"), default=0)
    next_at = models.DateTimeField(_("下次尝试"), null=True, blank=True)
    void_reason = models.CharField(_("作废原因"), max_length=255, blank=True)
    replaced_by = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="replaces",
        verbose_name=_("替代它的合同"),
    )
    content = models.TextField(blank=True)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)
    updated_at = models.DateTimeField(_("更新时间"), auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = _("合同")
        ordering = ["-created_at", "-pk"]
        default_permissions = ("view", "change")
        permissions = [
            ("download_contract", _("可以下载合同")),
            ("copy_contract", _("可以下载合同的副本")),
            ("void_contract", _("可以作废合同")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["corp", "sp_no", "template"], name="contracts_one_per_approval"),
            models.UniqueConstraint(
                fields=["number"], condition=~models.Q(number=""), name="contracts_number_is_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-created_at"], name="contracts_by_state"),
            models.Index(fields=["next_at"], condition=models.Q(state="draft"), name="contracts_to_generate"),
            models.Index(
                fields=["expires_on"],
                condition=models.Q(expires_on__isnull=False),
                name="contracts_by_expiry",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number or self.sp_no} {self.name or self.template}".strip()

    def get_absolute_url(self) -> str:
        return reverse("contracts:contract", args=[self.pk])

    @property
    def tone(self) -> str:
        return "red" if self.failure and self.state == ContractState.DRAFT else STATE_TONES[self.status]

    @property
    def status(self) -> ContractState:
        return ContractState(self.state)

    @property
    def is_in_force(self) -> bool:
        return self.state in IN_FORCE

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class ContractVersion(models.Model):
    """One document of a contract with everything it was made from. Only its standing changes."""

    contract = models.ForeignKey(
        Contract, on_delete=models.PROTECT, related_name="versions", verbose_name=_("合同")
    )
    number = models.PositiveIntegerField(_("版本"))
    template_version = models.ForeignKey(
        ContractTemplateVersion,
        on_delete=models.PROTECT,
        related_name="documents",
        verbose_name=_("合同模板版本"),
    )
    template_digest = models.CharField(_("模板 SHA-256"), max_length=64)
    mapping = models.ForeignKey(
        MappingVersion, on_delete=models.PROTECT, related_name="documents", verbose_name=_("字段映射版本")
    )
    data = models.JSONField(_("数据"))
    data_digest = models.CharField(_("数据 SHA-256"), max_length=64)
    file = models.ForeignKey(ArchivedFile, on_delete=models.PROTECT, related_name="+", verbose_name="SHA-256")
    file_name = models.CharField(_("文件名"), max_length=160)
    pdf = models.ForeignKey(
        ArchivedFile, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="PDF"
    )
    pdf_state = models.CharField("PDF", max_length=8, choices=PdfState, default=PdfState.NONE)
    pdf_note = models.CharField(_("PDF 说明"), max_length=255, blank=True)
    state = models.CharField(_("状态"), max_length=8, choices=VersionState, default=VersionState.CURRENT)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("人员"),
    )
    made_at = models.DateTimeField(_("生成时间"))
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("合同文件")
        ordering = ["contract", "-number"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["contract", "number"], name="contracts_document_number"),
            models.UniqueConstraint(
                fields=["contract"],
                condition=models.Q(state="current"),
                name="contracts_one_current_document",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(pdf_state="wanted"), name="contracts_pdf_wanted")
        ]

    def __str__(self) -> str:
        return f"{self.contract.number} v{self.number}"

    @property
    def tone(self) -> str:
        return VERSION_TONES[VersionState(self.state)]


class ContractScan(models.Model):
    """The signed contract as it was scanned."""

    contract = models.ForeignKey(
        Contract, on_delete=models.PROTECT, related_name="scans", verbose_name=_("合同")
    )
    file = models.ForeignKey(ArchivedFile, on_delete=models.PROTECT, related_name="+", verbose_name="SHA-256")
    file_name = models.CharField(_("文件名"), max_length=160)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("上传人")
    )
    uploaded_at = models.DateTimeField(_("上传时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("签署扫描件")
        ordering = ["contract", "-pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.file_name


class ContractEvent(HistoryLine):
    """A line of a contract's timeline; never changed."""

    contract = models.ForeignKey(
        Contract, on_delete=models.PROTECT, related_name="events", verbose_name=_("合同")
    )
    kind = models.CharField(_("事件"), max_length=12, choices=EventKind)
    note = models.CharField(_("说明"), max_length=500, blank=True)

    class Meta(HistoryLine.Meta):
        verbose_name = verbose_name_plural = _("合同经过")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"

    @property
    def tone(self) -> str:
        return EVENT_TONES.get(EventKind(self.kind), "blue")
