"""Everything else that a plant is told; the first three are the customer's word for word."""

from __future__ import annotations

from typing import Any

from notifications.choices import ChannelCode
from notifications.defaults.words import Words, both, by, lines, link, number, text, time, with_button

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
    *with_button(
        both(
            "quota_warning",
            Words(
                "配额预警",
                "配额预警: {name}",
                "### 配额预警: {name}\n"
                '当前使用 {usage} {unit}，配额 {quota} {unit}，使用率 <font color="warning">{rate}%</font>\n'
                "{facts}\n"
                "[查看]({url})",
            ),
            Words(
                "Quota warning",
                "Quota warning: {name}",
                "### Quota warning: {name}\n"
                'Used {usage} {unit} of {quota} {unit}: <font color="warning">{rate}%</font>\n'
                "{facts}\n"
                "[Open]({url})",
            ),
            name=text("一号车间用电", "Electricity, workshop 1"),
            usage=number("9120.5"),
            quota=number("10000.0"),
            rate=number("91.2"),
            unit=text("kWh"),
            facts=lines(
                "> 级别：预警\n> 剩余：6 天\n> 预计期末：11280.0 kWh（112.8%）\n> 预计用完：2026-11-27\n"
                "> 用量最大：1 号压机 3120.5、2 号压机 2987.0、空压站 1450.2（kWh）",
                "> Level: warning\n> Left: 6 days\n> Expected at the end: 11280.0 kWh (112.8%)\n"
                "> Used up on: 2026-11-27\n"
                "> Largest: press 1 3120.5, press 2 2987.0, compressors 1450.2 (kWh)",
            ),
            url=link("/energy/quotas/12/2026-11-01"),
        )
    ),
    *both(
        "quota_late",
        Words(
            "配额补记报告",
            "配额补记: {count} 项",
            "### 配额补记: {count} 项\n"
            "补录或更正的数据使以下已结束的周期达到预警：\n"
            "{items}\n"
            "[查看配额]({url})",
        ),
        Words(
            "Quotas passed in periods that are over",
            "Quotas: {count} found late",
            "### Quotas: {count} found late\n"
            "Late or corrected readings took these periods, which are over, to a level:\n"
            "{items}\n"
            "[See the quotas]({url})",
        ),
        count=number("2"),
        items=lines(
            "- [一号车间用电 2026年10月：当前使用 10120.5 kWh，配额 10000.0 kWh，使用率 101.2%]"
            "(http://127.0.0.1:8000/energy/quotas/12/2026-10-01)",
            "- [Electricity, workshop 1, October 2026: used 10120.5 kWh of 10000.0 kWh, 101.2%]"
            "(http://127.0.0.1:8000/energy/quotas/12/2026-10-01)",
        ),
        url=link("/energy/"),
    ),
    *both(
        "hook_paused",
        Words(
            "扩展点暂停",
            "扩展点暂停: {hook}",
            "### 扩展点暂停: {hook}\n"
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
