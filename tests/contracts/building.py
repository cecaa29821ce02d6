"""A purchase contract for tests: its Word template, its mapping, an active version, granted approvals."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.contrib.auth.models import User

from approvals.choices import Status
from contracts.choices import Reset
from contracts.mapping import Check, Rule
from contracts.models import Contract, ContractTemplate, ContractTemplateVersion, NumberSeries
from contracts.services import intake, templates
from tests import builders
from tests.contracts.forms import control, detail, table
from tests.docx_files import docx, paragraph, row
from tests.docx_files import table as docx_table

_numbers = count(1)
CORP = "ww1"
WECOM_TEMPLATE = "3TkaH5KFbrG9heEQWLJjhgpFwmqAFB4dLEnapaB7"

DOCUMENT = docx(
    paragraph("合同编号：${编号}　签订日期：${签订日期}")
    + paragraph("甲方：${甲方}")
    + paragraph("乙方：${乙方}")
    + docx_table(row(paragraph("$明细.序号"), paragraph("$明细.品名"), paragraph("$明细.金额")))
    + paragraph("合计 ${总额} 元（大写：${大写}），交货期 ${交货期}。")
    + paragraph("${核验码}")
)

RULES = [
    Rule("编号", source="number"),
    Rule("签订日期", source="today", conversion="date_chinese"),
    Rule("甲方", source="constant", argument="苏州示例精密有限公司"),
    Rule("乙方", path="Text-party", kind="Text"),
    Rule("明细.序号", source="row_number"),
    Rule("明细.品名", path="Table-1/Text-item", kind="Text"),
    Rule("明细.金额", path="Table-1/Money-line", kind="Money", conversion="yuan"),
    Rule("总额", path="Money-total", kind="Money", conversion="yuan"),
    Rule("大写", path="Money-total", kind="Money", conversion="capital", argument="人民币"),
    Rule("交货期", path="Date-due", kind="Date", conversion="date_chinese"),
    Rule("核验码", source="qr"),
]
CHECKS = [Check(total="总额", rows="明细.金额", capital="大写")]
ROLES = {"party_a": "甲方", "party_b": "乙方", "amount": "总额", "expires_on": "交货期"}


def series(**fields: Any) -> NumberSeries:
    number = next(_numbers)
    return NumberSeries.objects.create(
        **{"name": f"采购{number}", "prefix": f"H{number}T", "reset": Reset.YEAR, **fields}
    )


def template(**fields: Any) -> ContractTemplate:
    fields = {
        "name": f"采购合同{next(_numbers)}",
        "contract_type": "采购",
        "wecom_template_id": WECOM_TEMPLATE,
        **fields,
    }
    if "series" not in fields:
        fields["series"] = series()
    return ContractTemplate.objects.create(**fields)


def clerk(**fields: Any) -> User:
    return builders.person("合同管理员", **fields)


def active_version(of: ContractTemplate | None = None, data: bytes = DOCUMENT) -> ContractTemplateVersion:
    """A version that one clerk uploaded and mapped, and another put into use."""
    version = templates.upload_version(of or template(), data, "采购合同.docx", user=clerk())
    templates.save_mapping(version, RULES, user=version.uploaded_by, checks=CHECKS, roles=ROLES)
    return templates.activate(version, user=clerk())


def approval_detail(
    *,
    party: str = "无锡示例轴承厂",
    lines: list[tuple[str, str]] | None = None,
    total: str = "150.50",
    **info: Any,
) -> dict[str, Any]:
    """The detail of an approval that fits the rules; 2026-12-31 is the day of delivery."""
    lines = [("轴承", "100.50"), ("密封圈", "50")] if lines is None else lines
    return detail(
        control("Text", "Text-party", {"text": party}, title="供应商"),
        table(
            "Table-1",
            [
                [
                    control("Text", "Text-item", {"text": name}),
                    control("Money", "Money-line", {"new_money": amount}),
                ]
                for name, amount in lines
            ],
        ),
        control("Money", "Money-total", {"new_money": total}),
        control("Date", "Date-due", {"date": {"type": "day", "s_timestamp": "1798646400"}}),
        **{"sp_name": "采购合同用印", "apply_time": 1764000000, **info},
    )


def approval(sp_no: str = "", *, status: int = Status.GRANTED, **fields: Any) -> intake.ApprovalFacts:
    fields = {
        "template_id": WECOM_TEMPLATE,
        "detail": approval_detail(),
        "applicant_id": "Wang.Min",
        "applicant": "王敏",
        "department": "总公司/采购部",
        **fields,
    }
    return intake.ApprovalFacts(corp=CORP, sp_no=sp_no or f"2026{next(_numbers):08}", status=status, **fields)


def granted(**fields: Any) -> Contract:
    """The one contract of a newly granted approval; not made yet."""
    (contract,) = intake.take_in(approval(**fields))
    return contract
