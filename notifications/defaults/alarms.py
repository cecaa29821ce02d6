"""Messages about alarms, from the first to the last."""

from __future__ import annotations

from typing import Any

from notifications.defaults.words import Sample, Words, both, lines, link, number, text, time, with_button

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
    "facts": lines(
        "> 当前值：10.30，限值 10.1\n> 负责人：林工\n苏州精密轴承有限公司 · B2611-077",
        "> Value: 10.30, limit 10.1\n> Owner: Lin\nSuzhou Precision Bearing · B2611-077",
    ),
    "url": link("/alarms/77"),
}

_OVER: dict[str, Sample] = {
    "resolved_at": time("2026-11-22 03:10"),
    "person": text("林工", "Lin"),
    "note": text("更换刀具后复测合格", "tool changed, measured again, good"),
}
_WAITING: dict[str, Sample] = {"minutes": number("120"), "status": text("待受理", "active")}

_ORDER: dict[str, Sample] = {
    "title": text("更换三号机刀具", "Change the tool of machine 3"),
    "number": number("12"),
    "alarm": text("活塞环 内径 超差", "Piston ring bore out of specification"),
    "owner": text("林工", "Lin"),
    "due_at": time("2026-11-24 10:00"),
    "runbook": text("http://127.0.0.1:8000/docs/runbooks"),
    "items": lines("- 停机\n- 换刀\n- 首件复测", "- Stop\n- Change the tool\n- Measure the first piece"),
    "url": link("/alarms/work-orders/12"),
}

ALARMS: tuple[dict[str, Any], ...] = (
    *with_button(
        both(
            "alarm_raised",
            Words(
                "报警产生",
                "报警: {title}",
                "### 报警: {title}\n"
                '> 级别：<font color="warning">{severity}</font>\n'
                "> 时间：{triggered_at}\n"
                "{facts}\n"
                "[受理]({url})",
            ),
            Words(
                "Alarm raised",
                "Alarm: {title}",
                "### Alarm: {title}\n"
                '> Severity: <font color="warning">{severity}</font>\n'
                "> Time: {triggered_at}\n"
                "{facts}\n"
                "[Acknowledge]({url})",
            ),
            **_ALARM,
        )
    ),
    *with_button(
        both(
            "alarm_worsened",
            Words(
                "报警加重",
                "报警加重: {title}",
                "### 报警加重: {title}\n"
                '> 级别：<font color="warning">{severity}</font>\n'
                "> 产生：{triggered_at}\n"
                "{facts}\n"
                "[受理]({url})",
            ),
            Words(
                "Alarm got worse",
                "Alarm got worse: {title}",
                "### Alarm got worse: {title}\n"
                '> Severity: <font color="warning">{severity}</font>\n'
                "> Raised: {triggered_at}\n"
                "{facts}\n"
                "[Acknowledge]({url})",
            ),
            **_ALARM,
        )
    ),
    *both(
        "alarm_digest",
        Words(
            "几条报警合为一条消息",
            "{headline}: {count} 条",
            "### {headline}: {count} 条\n"
            '> 最高级别：<font color="warning">{severity}</font>\n'
            "{items}\n"
            "[全部]({url})",
        ),
        Words(
            "Several alarms in one message",
            "{headline}: {count}",
            "### {headline}: {count}\n"
            '> Worst: <font color="warning">{severity}</font>\n'
            "{items}\n"
            "[All]({url})",
        ),
        headline=text("新报警", "New alarms"),
        count=number("3"),
        severity=text("严重", "critical"),
        items=lines(
            "- 3 号表无数据 [http://127.0.0.1:8000/alarms/77](http://127.0.0.1:8000/alarms/77)",
            "- Meter 3 is silent [http://127.0.0.1:8000/alarms/77](http://127.0.0.1:8000/alarms/77)",
        ),
        url=link("/alarms/"),
    ),
    *with_button(
        both(
            "alarm_escalated",
            Words(
                "报警无人受理",
                "报警无人受理: {title}",
                "### 报警无人受理: {title}\n"
                '> <font color="warning">{minutes} 分钟无人受理</font>，第 {level} 级\n'
                "> 级别：{severity}\n"
                "> 产生：{triggered_at}\n"
                "{facts}\n"
                "[受理]({url})",
            ),
            Words(
                "Alarm that nobody acknowledged",
                "Nobody acknowledged: {title}",
                "### Nobody acknowledged: {title}\n"
                '> <font color="warning">Nobody acknowledged it for {minutes} minutes</font>, step {level}\n'
                "> Severity: {severity}\n"
                "> Raised: {triggered_at}\n"
                "{facts}\n"
                "[Acknowledge]({url})",
            ),
            **_ALARM,
            **_WAITING,
            level=number("2"),
        )
    ),
    *both(
        "alarm_resolved",
        Words(
            "报警解除",
            "报警解除: {title}",
            "### 报警解除: {title}\n"
            '> <font color="info">已解除</font>：{resolved_at}\n'
            "> 产生：{triggered_at}\n"
            "> {person} {note}\n"
            "[查看]({url})",
        ),
        Words(
            "Alarm resolved",
            "Alarm resolved: {title}",
            "### Alarm resolved: {title}\n"
            '> <font color="info">Resolved</font>: {resolved_at}\n'
            "> Raised: {triggered_at}\n"
            "> {person} {note}\n"
            "[Open]({url})",
        ),
        **_ALARM,
        **_OVER,
    ),
    *with_button(
        both(
            "alarm_reminder",
            Words(
                "报警提醒",
                "报警未处理: {title}",
                "### 报警未处理: {title}\n"
                '> 已 <font color="warning">{minutes} 分钟</font>，状态：{status}\n'
                "> 产生：{triggered_at}\n"
                "{facts}\n"
                "[处理]({url})",
            ),
            Words(
                "Alarm reminder",
                "Alarm still open: {title}",
                "### Alarm still open: {title}\n"
                '> For <font color="warning">{minutes} minutes</font>, state: {status}\n'
                "> Raised: {triggered_at}\n"
                "{facts}\n"
                "[Open]({url})",
            ),
            **_ALARM,
            **_WAITING,
        )
    ),
    *both(
        "work_order_opened",
        Words(
            "新工单",
            "工单: {title}",
            "### 工单 {number}: {title}\n"
            "> 报警：{alarm}\n"
            "> 负责人：{owner}\n"
            "> 期限：{due_at}\n"
            "> 处置手册：{runbook}\n"
            "{items}\n"
            "[打开]({url})",
        ),
        Words(
            "New work order",
            "Work order: {title}",
            "### Work order {number}: {title}\n"
            "> Alarm: {alarm}\n"
            "> Owner: {owner}\n"
            "> Due: {due_at}\n"
            "> Runbook: {runbook}\n"
            "{items}\n"
            "[Open]({url})",
        ),
        **_ORDER,
    ),
    *both(
        "work_order_overdue",
        Words(
            "工单逾期",
            "工单逾期: {title}",
            "### 工单 {number} 逾期: {title}\n"
            '> 期限：<font color="warning">{due_at}</font>\n'
            "> 负责人：{owner}\n"
            "> 报警：{alarm}\n"
            "[打开]({url})",
        ),
        Words(
            "Work order overdue",
            "Work order overdue: {title}",
            "### Work order {number} is overdue: {title}\n"
            '> Due: <font color="warning">{due_at}</font>\n'
            "> Owner: {owner}\n"
            "> Alarm: {alarm}\n"
            "[Open]({url})",
        ),
        **_ORDER,
    ),
)
