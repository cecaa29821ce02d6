"""Messages about contracts beside the one that brings them (`contract_sent`)."""

from __future__ import annotations

from typing import Any

from notifications.defaults.words import Words, both, lines, link, number, text

CONTRACTS: tuple[dict[str, Any], ...] = (
    *both(
        "contract_needs_data",
        Words(
            "合同数据不全",
            "合同未能生成：数据不全",
            "### 合同未能生成：数据不全\n> 审批单：{approval_no}\n> 模板：{template}\n{problems}\n"
            "请补充后联系合同管理员，或重新提交审批。\n[查看]({url})",
        ),
        Words(
            "Contract lacks data",
            "Contract not made: data missing",
            "### Contract not made: data missing\n> Approval: {approval_no}\n> Template: {template}\n"
            "{problems}\n"
            "Please give what is missing to the contract clerk, or submit the approval again.\n[Open]({url})",
        ),
        approval_no=text("202611220001"),
        template=text("采购合同", "Purchase contract"),
        problems=lines("- 交货日期：没有填写", "- Delivery date: missing"),
        url=link("/contracts/"),
    ),
    *both(
        "contract_void",
        Words(
            "合同作废",
            "合同 {number} 已作废",
            '### 合同 {number} <font color="warning">已作废</font>\n> 名称：{name}\n> 原因：{reason}\n'
            "> 审批单：{approval_no}\n此前收到或下载的文件不再有效，请勿使用。\n[查看]({url})",
        ),
        Words(
            "Contract void",
            "Contract {number} is void",
            '### Contract {number} <font color="warning">is void</font>\n> Name: {name}\n> Reason: {reason}\n'
            "> Approval: {approval_no}\nThe file that you received or downloaded is no longer valid.\n"
            "[Open]({url})",
        ),
        number=text("HT-2026-0001"),
        name=text("轴承采购合同", "Bearing purchase"),
        reason=text("审批已撤销", "The approval was withdrawn"),
        approval_no=text("202611220001"),
        url=link("/contracts/"),
    ),
    *both(
        "contract_unsigned",
        Words(
            "合同未签署",
            "合同 {number} 尚未签署",
            "### 合同 {number} 尚未签署\n> 名称：{name}\n> 已过 {days} 天\n[查看]({url})",
        ),
        Words(
            "Contract not signed",
            "Contract {number} is not signed yet",
            "### Contract {number} is not signed yet\n> Name: {name}\n> For {days} days\n[Open]({url})",
        ),
        number=text("HT-2026-0001"),
        name=text("轴承采购合同", "Bearing purchase"),
        days=number("15"),
        url=link("/contracts/"),
    ),
    *both(
        "contract_expiring",
        Words(
            "合同将到期",
            "合同 {number} 将到期",
            "### 合同 {number} 将到期\n> 名称：{name}\n> 到期日：{expires_on}\n[查看]({url})",
        ),
        Words(
            "Contract runs out",
            "Contract {number} runs out soon",
            "### Contract {number} runs out soon\n> Name: {name}\n> Last day: {expires_on}\n[Open]({url})",
        ),
        number=text("HT-2026-0001"),
        name=text("轴承采购合同", "Bearing purchase"),
        expires_on=text("2026-12-31"),
        url=link("/contracts/"),
    ),
)
