"""Messages about how the approval of a disposition ended: granted, refused, withdrawn, void."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from notifications.defaults.words import Words, both, link, text


def _ended(
    name: str, chinese: tuple[str, str, str], english: tuple[str, str, str]
) -> Iterator[dict[str, Any]]:
    """Yield the template of one end in both languages: its colour, its word, what is to be done now."""
    (tone, ended, follows), (_tone, ended_en, follows_en) = chinese, english
    yield from both(
        name,
        Words(
            f"处置审批：{ended}",
            f"{{decision}}{ended}：{{part_name}} {{lot}}",
            f'### {{decision}} <font color="{tone}">{ended}</font>\n'
            "> 品名：{part_name} {part_number}\n> 批号：{lot}\n> 供应商/客户：{party}\n> 数量：{quantity}\n"
            "> 不合格项目：{items}\n> 理由：{reason}\n> 审批单：{approval_no}，提出人 {person}\n"
            f"{follows}\n[查看报告]({{url}})",
        ),
        Words(
            f"Disposition: {ended_en}",
            f"{{decision}} {ended_en}: {{part_name}} {{lot}}",
            f'### {{decision}} <font color="{tone}">{ended_en}</font>\n'
            "> Part: {part_name} {part_number}\n> Lot: {lot}\n> Supplier/customer: {party}\n"
            "> Quantity: {quantity}\n> Nonconforming: {items}\n> Reason: {reason}\n"
            "> Approval: {approval_no}, asked for by {person}\n"
            f"{follows_en}\n[Open the report]({{url}})",
        ),
        decision=text("让步接收", "Concession"),
        party=text("苏州精密轴承有限公司"),
        part_name=text("活塞环"),
        part_number=text("PR-74-001"),
        lot=text("B2611-077"),
        quantity=text("5000 件", "5000 pcs"),
        items=text("内径", "Bore"),
        reason=text("3 件超上限 0.002 mm，装配间隙允许", "3 pieces 0.002 mm over, within the fit"),
        approval_no=text("202611240001"),
        person=text("李工", "Li"),
        url=link("/IQC/12"),
    )


DISPOSITIONS: tuple[dict[str, Any], ...] = (
    *_ended(
        "concession_granted",
        ("info", "已批准", "请按批准的数量与项目放行。"),
        ("info", "granted", "Release the quantity and the items that were granted."),
    ),
    *_ended(
        "concession_refused",
        ("warning", "被驳回", "请另行处置，不得放行。"),
        ("warning", "refused", "Do not release; decide otherwise."),
    ),
    *_ended(
        "concession_withdrawn",
        ("comment", "已撤回", "申请已撤回，请另行处置。"),
        ("comment", "withdrawn", "The request was withdrawn; decide otherwise."),
    ),
    *_ended(
        "concession_void",
        ("warning", "批准后被撤销", "原批准作废：请停止放行并隔离剩余物料。"),
        (
            "warning",
            "withdrawn after it was granted",
            "The grant is void: stop releasing, segregate what is left.",
        ),
    ),
)
