"""The words of contracts: states and kinds, with the tone a badge takes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ContractState(models.TextChoices):
    """Where a contract stands. `draft` waits for its document, with or without a failure."""

    NEEDS_DATA = "needs_data", _("待补数据")
    DRAFT = "draft", _("待生成")
    GENERATED = "generated", _("已生成")
    SENT = "sent", _("已发送")
    SIGNED = "signed", _("已签署")
    VOID = "void", _("已作废")
    REPLACED = "replaced", _("已被替代")
    EXPIRED = "expired", _("已到期")


STATE_TONES = {
    ContractState.NEEDS_DATA: "amber",
    ContractState.DRAFT: "blue",
    ContractState.GENERATED: "blue",
    ContractState.SENT: "green",
    ContractState.SIGNED: "green",
    ContractState.VOID: "red",
    ContractState.REPLACED: "grey",
    ContractState.EXPIRED: "grey",
}

IN_FORCE = (ContractState.GENERATED, ContractState.SENT, ContractState.SIGNED)
"""A document is out, and nothing has ended it."""
OPEN = (ContractState.NEEDS_DATA, ContractState.DRAFT)
"""No document yet."""


class VersionState(models.TextChoices):
    """What a document of a contract is worth."""

    CURRENT = "current", _("现行")
    REPLACED = "replaced", _("已被替代")
    VOID = "void", _("已作废")


VERSION_TONES = {VersionState.CURRENT: "green", VersionState.REPLACED: "grey", VersionState.VOID: "red"}


class TemplateState(models.TextChoices):
    """Where a version of a template stands on its way into use."""

    DRAFT = "draft", _("草稿")
    CHECKED = "checked", _("已检查")
    ACTIVE = "active", _("启用")
    RETIRED = "retired", _("停用")


TEMPLATE_TONES = {
    TemplateState.DRAFT: "grey",
    TemplateState.CHECKED: "amber",
    TemplateState.ACTIVE: "green",
    TemplateState.RETIRED: "grey",
}


class PdfState(models.TextChoices):
    NONE = "none", _("不需要")
    WANTED = "wanted", _("待转换")
    DONE = "done", _("已转换")
    FAILED = "failed", _("转换失败")
    ABSENT = "absent", _("未安装 LibreOffice")


class Reset(models.TextChoices):
    """When a series of numbers starts again."""

    YEAR = "year", _("每年")
    MONTH = "month", _("每月")
    NEVER = "never", _("不重新开始")


class EventKind(models.TextChoices):
    """A line in the timeline of a contract."""

    GRANTED = "granted", _("审批通过")
    NEEDS_DATA = "needs_data", _("数据不全")
    SUPPLIED = "supplied", _("补充数据")
    FAILED = "failed", _("生成失败")
    RETRIED = "retried", _("重试")
    GENERATED = "generated", _("生成")
    REGENERATED = "regenerated", _("重新生成")
    QUEUED = "queued", _("提交发送")
    SENT = "sent", _("送达")
    SIGNED = "signed", _("签署")
    VOID = "void", _("作废")
    REPLACED = "replaced", _("被替代")
    EXPIRED = "expired", _("到期")
    REMINDED = "reminded", _("提醒")


EVENT_TONES = {
    EventKind.NEEDS_DATA: "amber",
    EventKind.FAILED: "red",
    EventKind.GENERATED: "green",
    EventKind.REGENERATED: "green",
    EventKind.SENT: "green",
    EventKind.SIGNED: "green",
    EventKind.VOID: "red",
    EventKind.REPLACED: "grey",
    EventKind.EXPIRED: "grey",
}
"""All others are blue."""


class Recipient(models.TextChoices):
    """Who gets a document."""

    APPLICANT = "applicant", _("申请人")
    GROUP = "group", _("群")


class Form(models.TextChoices):
    """In which form a document is taken away."""

    DOCX = "docx", _("Word 文件")
    PDF = "pdf", _("PDF")
    COPY = "copy", _("Word 副本")
    SCAN = "scan", _("签署扫描件")


class RunState(models.TextChoices):
    RUNNING = "running", _("进行中")
    DONE = "done", _("完成")
    CANCELLED = "cancelled", _("已取消")


class CallState(models.TextChoices):
    """Where a call to another system stands."""

    PENDING = "pending", _("待送出")
    SENT = "sent", _("已送达")
    DEAD = "dead", _("已放弃")


CALL_TONES = {CallState.PENDING: "blue", CallState.SENT: "green", CallState.DEAD: "red"}
