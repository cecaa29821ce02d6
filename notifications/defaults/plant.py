"""Everything else that a plant is told; the first three are the customer's word for word."""

from __future__ import annotations

from typing import Any

from notifications.choices import ChannelCode
from notifications.defaults.words import Words, both, by, link, number, text, time

PLANT: tuple[dict[str, Any], ...] = (
    *by(
        ChannelCode.WECHAT_API,
        both(
            "production_alert",
            Words(
                "生产异常告警",
                "生产异常告警",
                "项目：{project_name}\n异常：{alert_message}\n时间：{timestamp}",
            ),
            Words(
                "Production alert",
                "Production alert",
                "Project: {project_name}\nProblem: {alert_message}\nTime: {timestamp}",
            ),
            project_name=text("三号线", "Line 3"),
            alert_message=text("停线", "Line stopped"),
            timestamp=time(),
        ),
    ),
    *both(
        "meeting_reminder",
        Words(
            "会议提醒",
            "会议提醒",
            "会议：{meeting_title}\n时间：{meeting_time}\n地点：{location}",
        ),
        Words(
            "Meeting reminder",
            "Meeting reminder",
            "Meeting: {meeting_title}\nTime: {meeting_time}\nPlace: {location}",
        ),
        meeting_title=text("质量周会", "Weekly quality meeting"),
        meeting_time=time("2026-11-23 09:00"),
        location=text("二楼会议室", "Meeting room, 2nd floor"),
    ),
    *both(
        "quota_warning",
        Words(
            "配额预警",
            "配额预警: {name}",
            "### 配额预警: {name}\n"
            '当前使用 {usage} {unit}，配额 {quota} {unit}，使用率 <font color="warning">{rate}%</font>\n'
            "[查看]({url})",
        ),
        Words(
            "Quota warning",
            "Quota warning: {name}",
            "### Quota warning: {name}\n"
            'Used {usage} {unit} of {quota} {unit}: <font color="warning">{rate}%</font>\n'
            "[Open]({url})",
        ),
        name=text("一号车间用电", "Electricity, workshop 1"),
        usage=number("9120.5"),
        quota=number("10000.0"),
        rate=number("91.2"),
        unit=text("kWh"),
        url=link("/energy/"),
    ),
    *both(
        "hook_paused",
        Words(
            "钩子暂停",
            "钩子暂停: {hook}",
            "### 钩子暂停: {hook}\n"
            '> 连续出错 {failures} 次，最近：<font color="warning">{error}</font>\n'
            "> 至：{until}\n"
            "[查看记录]({url})",
        ),
        Words(
            "Hook paused",
            "Hook paused: {hook}",
            "### Hook paused: {hook}\n"
            '> Failed {failures} times in a row, last: <font color="warning">{error}</font>\n'
            "> Until: {until}\n"
            "[See the runs]({url})",
        ),
        hook=text("on_alarm_created"),
        failures=number("5"),
        error=text("TimeoutError"),
        until=time(),
        url=link("/admin/"),
    ),
    *both(
        "contract_sent",
        Words(
            "合同已生成",
            "合同 {number} 已生成",
            "### 合同 {number} 已生成\n"
            "> 名称：{name}\n"
            "> 申请人：{applicant}\n"
            "> 金额：{amount} 元\n"
            "> 审批单：{approval_no}\n"
            "[查看与下载]({url})",
        ),
        Words(
            "Contract made",
            "Contract {number} is ready",
            "### Contract {number} is ready\n"
            "> Name: {name}\n"
            "> Applicant: {applicant}\n"
            "> Amount: {amount} yuan\n"
            "> Approval: {approval_no}\n"
            "[View and download]({url})",
        ),
        number=text("HT-2026-001"),
        name=text("轴承采购合同", "Bearing purchase"),
        applicant=text("王敏", "Wang Min"),
        amount=number("128000.00"),
        approval_no=text("202611220001"),
        url=link("/contracts/"),
    ),
)
