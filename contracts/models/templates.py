"""Word templates with their versions, and the mapping of approval controls to their fields."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from contracts.choices import TEMPLATE_TONES, TemplateState
from contracts.models.archive import ArchivedFile
from contracts.models.numbers import NumberSeries


class ContractTemplate(models.Model):
    """One kind of contract: which approval makes it, how it is numbered, who gets it."""

    name = models.CharField(_("名称"), max_length=80, unique=True)
    contract_type = models.CharField(_("合同类型"), max_length=40, help_text=_("如 采购、销售、租赁"))
    wecom_template_id = models.CharField(
        _("企业微信审批模板 ID"),
        max_length=120,
        blank=True,
        db_index=True,
        help_text=_("此模板的审批通过后生成合同"),
    )
    series = models.ForeignKey(
        NumberSeries, on_delete=models.PROTECT, related_name="templates", verbose_name=_("编号规则")
    )
    tells_applicant = models.BooleanField(_("发给申请人"), default=True)
    group = models.CharField(
        _("发到群"), max_length=64, blank=True, help_text=_("群名，如 CONTRACTS；留空不发")
    )
    wants_pdf = models.BooleanField(_("同时转换 PDF"), default=False)
    sign_within_days = models.PositiveSmallIntegerField(
        _("几天内签署"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_("超过而未签署时提醒；留空不提醒"),
    )
    remind_before_days = models.PositiveSmallIntegerField(
        _("到期前几天提醒"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_("留空不提醒"),
    )
    is_enabled = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = verbose_name_plural = _("合同模板")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("contracts:template", args=[self.pk])


class ContractTemplateVersion(models.Model):
    """A template file as it was uploaded once. The file never changes; a change is a new version.

    fields   the declared names, columns as `list.column`: where `$name` ends is decided by them
    lint     what the linter found, as `contracts.docx.Finding`
    trouble  why the last check refused it; empty after a check that passed
    """

    template = models.ForeignKey(
        ContractTemplate, on_delete=models.PROTECT, related_name="versions", verbose_name=_("合同模板")
    )
    number = models.PositiveIntegerField(_("版本"))
    file = models.ForeignKey(ArchivedFile, on_delete=models.PROTECT, related_name="+", verbose_name="SHA-256")
    file_name = models.CharField(_("文件名"), max_length=160)
    fields = models.JSONField(_("字段"), default=list)
    lint = models.JSONField(_("检查结果"), default=list)
    state = models.CharField(_("状态"), max_length=8, choices=TemplateState, default=TemplateState.DRAFT)
    trouble = models.TextField(_("未通过的原因"), blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("上传人")
    )
    uploaded_at = models.DateTimeField(_("上传时间"), auto_now_add=True)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("启用人"),
    )
    activated_at = models.DateTimeField(_("启用时间"), null=True, blank=True)
    retired_at = models.DateTimeField(_("停用时间"), null=True, blank=True)
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("合同模板版本")
        ordering = ["template", "-number"]
        permissions = [("activate_contracttemplateversion", _("可以启用合同模板"))]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="contracts_template_version"),
            models.UniqueConstraint(
                fields=["template"],
                condition=models.Q(state="active"),
                name="contracts_one_active_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} #{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("contracts:version", args=[self.pk])

    @property
    def tone(self) -> str:
        return TEMPLATE_TONES[TemplateState(self.state)]

    @property
    def is_open(self) -> bool:
        """Tell whether its mapping may still be changed."""
        return self.state in (TemplateState.DRAFT, TemplateState.CHECKED)


class MappingVersion(models.Model):
    """The rules of a template version as they were saved once; never changed, contracts refer to it.

    roles   which field holds what the archive asks for: name, party_a, party_b, amount, signed_on,
            expires_on
    checks  amounts that must agree, as `contracts.mapping.Check`
    """

    version = models.ForeignKey(
        ContractTemplateVersion,
        on_delete=models.PROTECT,
        related_name="mappings",
        verbose_name=_("合同模板版本"),
    )
    number = models.PositiveIntegerField(_("映射版本"))
    roles = models.JSONField(_("字段的含义"), default=dict)
    checks = models.JSONField(_("金额核对"), default=list)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("人员")
    )
    at = models.DateTimeField(_("时间"), auto_now_add=True)
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("字段映射版本")
        ordering = ["version", "-number"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="contracts_mapping_version")
        ]

    def __str__(self) -> str:
        return f"{self.version} / {self.number}"


class FieldMapping(models.Model):
    """How one field gets its value: the row form of `contracts.mapping.Rule`."""

    mapping = models.ForeignKey(
        MappingVersion, on_delete=models.CASCADE, related_name="rows", verbose_name=_("字段映射版本")
    )
    position = models.PositiveSmallIntegerField()
    field = models.CharField(_("字段"), max_length=120)
    source = models.CharField(_("来源"), max_length=12)
    path = models.CharField(_("控件"), max_length=160, blank=True)
    kind = models.CharField(_("控件类型"), max_length=24, blank=True)
    part = models.CharField(_("部分"), max_length=60, blank=True)
    conversion = models.CharField(_("写法"), max_length=20, default="plain")
    argument = models.TextField(_("参数"), blank=True)
    is_required = models.BooleanField(_("必填"), default=True)

    class Meta:
        verbose_name = verbose_name_plural = _("字段映射")
        ordering = ["mapping", "position"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["mapping", "field"], name="contracts_one_rule_per_field")
        ]

    def __str__(self) -> str:
        return self.field
