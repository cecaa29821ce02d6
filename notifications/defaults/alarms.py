"""Messages about alarms, from the first to the last."""

from __future__ import annotations

from typing import Any

from notifications.defaults.words import Sample, Words, both, lines, link, number, text, time, userid

_ALARM: dict[str, Sample] = {
    "title": text("活塞环 内径 超差", "Piston ring bore out of specification"),
    "description": lines(
        "苏州精密轴承有限公司 · B2611-077\n1 个值超出上限 10.1",
        "Suzhou Precision Bearing · B2611-077\n1 value above the upper limit 10.1",
    ),
    "severity": text("严重", "critical"),
    "value": text("10.30"),
    "threshold": text("10.1"),
    "triggered_at": time(),
    "url": link("/alarms/77"),
}

ALARMS: tuple[dict[str, Any], ...] = (
    *both(
        "alarm_raised",
        Words(
            "报警产生",
            "报警: {title}",
            "### 报警: {title}\n"
            '> 级别：<font color="warning">{severity}</font>\n'
            "> 时间：{triggered_at}\n"
            "> 值：{value}，限值：{threshold}\n"
            "{description}\n"
            "[受理]({url})",
        ),
        Words(
            "Alarm raised",
            "Alarm: {title}",
            "### Alarm: {title}\n"
            '> Severity: <font color="warning">{severity}</font>\n'
            "> Time: {triggered_at}\n"
            "> Value: {value}, limit: {threshold}\n"
            "{description}\n"
            "[Acknowledge]({url})",
        ),
        **_ALARM,
    ),
    *both(
        "alarm_escalated",
        Words(
            "报警升级",
            "报警升级: {title}",
            "### 报警升级: {title}\n"
            '> <font color="warning">{minutes} 分钟无人受理</font>，第 {level} 级\n'
            "> 级别：{severity}\n"
            "> 产生：{triggered_at}\n"
            "{description}\n"
            "{people} [受理]({url})",
        ),
        Words(
            "Alarm escalated",
            "Alarm escalated: {title}",
            "### Alarm escalated: {title}\n"
            '> <font color="warning">Nobody acknowledged it for {minutes} minutes</font>, level {level}\n'
            "> Severity: {severity}\n"
            "> Raised: {triggered_at}\n"
            "{description}\n"
            "{people} [Acknowledge]({url})",
        ),
        **_ALARM,
        minutes=number("30"),
        level=number("2"),
        people=userid("lin.qc"),
    ),
    *both(
        "alarm_resolved",
        Words(
            "报警解除",
            "报警解除: {title}",
            "### 报警解除: {title}\n"
            '> <font color="info">已解除</font>：{resolved_at}\n'
            "> 产生：{triggered_at}\n"
            "> 处理：{person} {note}\n"
            "[查看]({url})",
        ),
        Words(
            "Alarm resolved",
            "Alarm resolved: {title}",
            "### Alarm resolved: {title}\n"
            '> <font color="info">Resolved</font>: {resolved_at}\n'
            "> Raised: {triggered_at}\n"
            "> By: {person} {note}\n"
            "[Open]({url})",
        ),
        title=text("活塞环 内径 超差", "Piston ring bore out of specification"),
        triggered_at=time(),
        resolved_at=time("2026-11-22 03:10"),
        person=text("林工", "Lin"),
        note=text("更换刀具后复测合格", "tool changed, measured again, good"),
        url=link("/alarms/77"),
    ),
    *both(
        "alarm_reminder",
        Words(
            "报警提醒",
            "报警未处理: {title}",
            "### 报警未处理: {title}\n"
            '> 已 <font color="warning">{minutes} 分钟</font>，状态：{status}\n'
            "> 产生：{triggered_at}\n"
            "[处理]({url})",
        ),
        Words(
            "Alarm reminder",
            "Alarm still open: {title}",
            "### Alarm still open: {title}\n"
            '> For <font color="warning">{minutes} minutes</font>, state: {status}\n'
            "> Raised: {triggered_at}\n"
            "[Open]({url})",
        ),
        title=text("活塞环 内径 超差", "Piston ring bore out of specification"),
        minutes=number("120"),
        status=text("待受理", "active"),
        triggered_at=time(),
        url=link("/alarms/77"),
    ),
)
