"""The templates and channels that ship; a plant edits the rows, and can restore these.

Every event has its text in both languages. Texts of the customer (`production_alert`,
`meeting_reminder`, the summaries, the quota warning) are the customer's word for word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from notifications.choices import ChannelCode, VariableType

ZH, EN = "zh-hans", "en"
"""The languages of the shipped texts; Chinese is the one that every other falls back to."""

_LINK = "http://127.0.0.1:8000"


def _variable(kind: VariableType, sample: str) -> dict[str, str]:
    return {"type": kind.value, "sample": sample}


def _text(sample: str) -> dict[str, str]:
    return _variable(VariableType.TEXT, sample)


def _number(sample: str) -> dict[str, str]:
    return _variable(VariableType.NUMBER, sample)


def _time(sample: str = "2026-11-22 02:00") -> dict[str, str]:
    return _variable(VariableType.TIME, sample)


def _link(path: str) -> dict[str, str]:
    return _variable(VariableType.LINK, _LINK + path)


def _lines(sample: str) -> dict[str, str]:
    return _variable(VariableType.LINES, sample)


def _template(
    name: str,
    language: str,
    label: str,
    title: str,
    content: str,
    /,
    **variables: dict[str, str],
) -> dict[str, Any]:
    """Return one row; it goes to a group unless it says otherwise."""
    return {
        "template_name": name,
        "language": language,
        "label": label,
        "channel": ChannelCode.WECHAT_BOT.value,
        "title_template": title,
        "content_template": content,
        "variables": variables,
        "with_picture": False,
    }


# --- reports --------------------------------------------------------------------------------

_REPORTS = {
    "IQC": {
        "party": "supplier",
        "supplier": _text("苏州精密轴承有限公司"),
        "part_name": _text("活塞环"),
        "part_number": _text("PR-74-001"),
        "lot": _text("B2611-077"),
        "report_no": _text("IQC-2611-077"),
    },
    "OQC": {
        "party": "customer",
        "customer": _text("青岛海工动力有限公司"),
        "part_name": _text("导光板"),
        "part_number": _text("LG-21-4"),
        "lot": _text("S2611-031"),
        "report_no": _text("OQC-2611-031"),
    },
}
_REPORT_WORDS = {
    ZH: {
        "summary": "异常汇总",
        "entry": "异常",
        "summary_when": "批量导入",
        "entry_when": "人工修改",
        "supplier": "供应商",
        "customer": "客户",
        "part_name": "品名",
        "item": "异常项",
        "sample": "内径",
    },
    EN: {
        "summary": "abnormal items",
        "entry": "abnormal",
        "summary_when": "batch import",
        "entry_when": "edited by hand",
        "supplier": "Supplier",
        "customer": "Customer",
        "part_name": "Part",
        "item": "Abnormal",
        "sample": "Bore",
    },
}


def _report_template(kind: str, trigger: str, language: str) -> dict[str, Any]:
    """Return the template of one kind for one trigger: a batch import, or one entry by hand."""
    words = _REPORT_WORDS[language]
    variables: dict[str, Any] = dict(_REPORTS[kind])
    party = variables.pop("party")
    title = f"{kind} {words[trigger]}"
    when = words[f"{trigger}_when"]
    url = f"{_LINK}/{kind}/12/345"
    return _template(
        f"{kind.lower()}_{trigger}",
        language,
        f"{title}（{when}）" if language == ZH else f"{title} ({when})",
        title,
        f"### {title}\n"
        f"- **{words[party]}**: {{{party}}}\n"
        f"- **{words['part_name']}**: {{part_name}}\n"
        "{abnormal_items}",
        **variables,
        abnormal_count=_number("1"),
        abnormal_items=_lines(f"- **{words['item']}**: {words['sample']} [{url}]({url})"),
    )


# --- everything else ------------------------------------------------------------------------

_ALARM: dict[str, dict[str, str]] = {
    "title": _text("活塞环 内径 超差"),
    "description": _lines("苏州精密轴承有限公司 · B2611-077\n1 个值超出上限 10.1"),
    "severity": _text("严重"),
    "value": _text("10.30"),
    "threshold": _text("10.1"),
    "triggered_at": _time(),
    "url": _link("/alarms/77"),
}
_ALARM_EN = _ALARM | {
    "title": _text("Piston ring bore out of specification"),
    "description": _lines("Suzhou Precision Bearing · B2611-077\n1 value above the upper limit 10.1"),
    "severity": _text("critical"),
}


def _trouble_templates(
    name: str, headings: tuple[str, str], titles: tuple[str, str], facts: tuple[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield a text about the delivery itself in both languages."""
    words = ((ZH, "异常", "说明", "查看"), (EN, "Trouble", "What", "Open"))
    for number, (language, trouble, what, look) in enumerate(words):
        lines = [
            f"### {headings[number]}",
            f"- **{trouble}**: {{title}}",
            f"- **{look}**: [{{url}}]({{url}})",
        ]
        variables = {"title": _text(titles[number]), "url": _link("/alarms/77")}
        if facts is not None:
            lines.insert(2, "{facts}")
            variables["facts"] = _lines(f"- **{what}**: {facts[number]}")
        heading = headings[number]
        yield _template(name, language, heading, heading, "\n".join(lines), **variables)


_BY_APPLICATION = {"channel": ChannelCode.WECHAT_API.value}

TEMPLATES: tuple[dict[str, Any], ...] = (
    *(
        _report_template(kind, trigger, language)
        for language in (ZH, EN)
        for kind in ("IQC", "OQC")
        for trigger in ("summary", "entry")
    ),
    _template(
        "production_alert",
        ZH,
        "生产异常告警",
        "生产异常告警",
        "项目：{project_name}\n异常：{alert_message}\n时间：{timestamp}",
        project_name=_text("三号线"),
        alert_message=_text("停线"),
        timestamp=_time(),
    )
    | _BY_APPLICATION,
    _template(
        "production_alert",
        EN,
        "Production alert",
        "Production alert",
        "Project: {project_name}\nProblem: {alert_message}\nTime: {timestamp}",
        project_name=_text("Line 3"),
        alert_message=_text("Line stopped"),
        timestamp=_time(),
    )
    | _BY_APPLICATION,
    _template(
        "meeting_reminder",
        ZH,
        "会议提醒",
        "会议提醒",
        "会议：{meeting_title}\n时间：{meeting_time}\n地点：{location}",
        meeting_title=_text("质量周会"),
        meeting_time=_time("2026-11-23 09:00"),
        location=_text("二楼会议室"),
    ),
    _template(
        "meeting_reminder",
        EN,
        "Meeting reminder",
        "Meeting reminder",
        "Meeting: {meeting_title}\nTime: {meeting_time}\nPlace: {location}",
        meeting_title=_text("Weekly quality meeting"),
        meeting_time=_time("2026-11-23 09:00"),
        location=_text("Meeting room, 2nd floor"),
    ),
    *_trouble_templates(
        "channel_trouble",
        ("通知系统异常", "Delivery in trouble"),
        ("企业微信群机器人连续失败 3 次", "The WeCom group robot failed 3 times in a row"),
        ("机器人已被移出群（93000）", "The robot was removed from the group (93000)"),
    ),
    *_trouble_templates(
        "backlog",
        ("消息积压", "Backlog of messages"),
        ("待发消息超过上限", "More messages wait than may"),
        ("当前 1200 条，上限 1000 条", "1200 wait, the limit is 1000"),
    ),
    *_trouble_templates(
        "channel_recovered",
        ("通知系统已恢复", "Delivery has recovered"),
        ("企业微信群机器人连续失败 3 次", "The WeCom group robot failed 3 times in a row"),
    ),
    _template(
        "flood_summary",
        ZH,
        "消息过多时的汇总",
        "消息过多，已限制",
        "### 消息过多，已限制\n"
        "来源 {source} 在 {since} 起的一分钟内另有 {suppressed} 条消息未发送。\n"
        "[查看与重发]({url})",
        source=_text("quality.iqc"),
        since=_time(),
        suppressed=_number("100"),
        url=_link("/admin/notifications/notification/?reason__exact=flooded"),
    ),
    _template(
        "flood_summary",
        EN,
        "Summary of a flood of messages",
        "Too many messages, limited",
        "### Too many messages, limited\n"
        "In the minute from {since} on, {suppressed} more messages of {source} were not sent.\n"
        "[See and resend them]({url})",
        source=_text("quality.iqc"),
        since=_time(),
        suppressed=_number("100"),
        url=_link("/admin/notifications/notification/?reason__exact=flooded"),
    ),
    _template(
        "alarm_raised",
        ZH,
        "报警产生",
        "报警: {title}",
        "### 报警: {title}\n"
        '> 级别：<font color="warning">{severity}</font>\n'
        "> 时间：{triggered_at}\n"
        "> 值：{value}，限值：{threshold}\n"
        "{description}\n"
        "[受理]({url})",
        **_ALARM,
    ),
    _template(
        "alarm_raised",
        EN,
        "Alarm raised",
        "Alarm: {title}",
        "### Alarm: {title}\n"
        '> Severity: <font color="warning">{severity}</font>\n'
        "> Time: {triggered_at}\n"
        "> Value: {value}, limit: {threshold}\n"
        "{description}\n"
        "[Acknowledge]({url})",
        **_ALARM_EN,
    ),
    _template(
        "alarm_escalated",
        ZH,
        "报警升级",
        "报警升级: {title}",
        "### 报警升级: {title}\n"
        '> <font color="warning">{minutes} 分钟无人受理</font>，第 {level} 级\n'
        "> 级别：{severity}\n"
        "> 产生：{triggered_at}\n"
        "{description}\n"
        "{people} [受理]({url})",
        **_ALARM,
        minutes=_number("30"),
        level=_number("2"),
        people=_variable(VariableType.USERID, "lin.qc"),
    ),
    _template(
        "alarm_escalated",
        EN,
        "Alarm escalated",
        "Alarm escalated: {title}",
        "### Alarm escalated: {title}\n"
        '> <font color="warning">Nobody acknowledged it for {minutes} minutes</font>, level {level}\n'
        "> Severity: {severity}\n"
        "> Raised: {triggered_at}\n"
        "{description}\n"
        "{people} [Acknowledge]({url})",
        **_ALARM_EN,
        minutes=_number("30"),
        level=_number("2"),
        people=_variable(VariableType.USERID, "lin.qc"),
    ),
    _template(
        "alarm_resolved",
        ZH,
        "报警解除",
        "报警解除: {title}",
        '### 报警解除: {title}\n> <font color="info">已解除</font>：{resolved_at}\n'
        "> 产生：{triggered_at}\n"
        "> 处理：{person} {note}\n"
        "[查看]({url})",
        title=_ALARM["title"],
        triggered_at=_time(),
        resolved_at=_time("2026-11-22 03:10"),
        person=_text("林工"),
        note=_text("更换刀具后复测合格"),
        url=_link("/alarms/77"),
    ),
    _template(
        "alarm_resolved",
        EN,
        "Alarm resolved",
        "Alarm resolved: {title}",
        '### Alarm resolved: {title}\n> <font color="info">Resolved</font>: {resolved_at}\n'
        "> Raised: {triggered_at}\n"
        "> By: {person} {note}\n"
        "[Open]({url})",
        title=_ALARM_EN["title"],
        triggered_at=_time(),
        resolved_at=_time("2026-11-22 03:10"),
        person=_text("Lin"),
        note=_text("tool changed, measured again, good"),
        url=_link("/alarms/77"),
    ),
    _template(
        "alarm_reminder",
        ZH,
        "报警提醒",
        "报警未处理: {title}",
        "### 报警未处理: {title}\n"
        '> 已 <font color="warning">{minutes} 分钟</font>，状态：{status}\n'
        "> 产生：{triggered_at}\n"
        "[处理]({url})",
        title=_ALARM["title"],
        minutes=_number("120"),
        status=_text("待受理"),
        triggered_at=_time(),
        url=_link("/alarms/77"),
    ),
    _template(
        "alarm_reminder",
        EN,
        "Alarm reminder",
        "Alarm still open: {title}",
        "### Alarm still open: {title}\n"
        '> For <font color="warning">{minutes} minutes</font>, state: {status}\n'
        "> Raised: {triggered_at}\n"
        "[Open]({url})",
        title=_ALARM_EN["title"],
        minutes=_number("120"),
        status=_text("active"),
        triggered_at=_time(),
        url=_link("/alarms/77"),
    ),
    _template(
        "quota_warning",
        ZH,
        "配额预警",
        "配额预警: {name}",
        "### 配额预警: {name}\n"
        '当前使用 {usage} {unit}，配额 {quota} {unit}，使用率 <font color="warning">{rate}%</font>\n'
        "[查看]({url})",
        name=_text("一号车间用电"),
        usage=_number("9120.5"),
        quota=_number("10000.0"),
        rate=_number("91.2"),
        unit=_text("kWh"),
        url=_link("/energy/"),
    ),
    _template(
        "quota_warning",
        EN,
        "Quota warning",
        "Quota warning: {name}",
        "### Quota warning: {name}\n"
        'Used {usage} {unit} of {quota} {unit}: <font color="warning">{rate}%</font>\n'
        "[Open]({url})",
        name=_text("Electricity, workshop 1"),
        usage=_number("9120.5"),
        quota=_number("10000.0"),
        rate=_number("91.2"),
        unit=_text("kWh"),
        url=_link("/energy/"),
    ),
    _template(
        "hook_paused",
        ZH,
        "钩子暂停",
        "钩子暂停: {hook}",
        "### 钩子暂停: {hook}\n"
        '> 连续出错 {failures} 次，最近：<font color="warning">{error}</font>\n'
        "> 至：{until}\n"
        "[查看记录]({url})",
        hook=_text("on_alarm_created"),
        failures=_number("5"),
        error=_text("TimeoutError"),
        until=_time(),
        url=_link("/admin/"),
    ),
    _template(
        "hook_paused",
        EN,
        "Hook paused",
        "Hook paused: {hook}",
        "### Hook paused: {hook}\n"
        '> Failed {failures} times in a row, last: <font color="warning">{error}</font>\n'
        "> Until: {until}\n"
        "[See the runs]({url})",
        hook=_text("on_alarm_created"),
        failures=_number("5"),
        error=_text("TimeoutError"),
        until=_time(),
        url=_link("/admin/"),
    ),
    _template(
        "contract_sent",
        ZH,
        "合同已生成",
        "合同 {number} 已生成",
        "### 合同 {number} 已生成\n"
        "> 名称：{name}\n"
        "> 申请人：{applicant}\n"
        "> 金额：{amount} 元\n"
        "> 审批单：{approval_no}\n"
        "[查看与下载]({url})",
        number=_text("HT-2026-001"),
        name=_text("轴承采购合同"),
        applicant=_text("王敏"),
        amount=_number("128000.00"),
        approval_no=_text("202611220001"),
        url=_link("/contracts/"),
    ),
    _template(
        "contract_sent",
        EN,
        "Contract made",
        "Contract {number} is ready",
        "### Contract {number} is ready\n"
        "> Name: {name}\n"
        "> Applicant: {applicant}\n"
        "> Amount: {amount} yuan\n"
        "> Approval: {approval_no}\n"
        "[View and download]({url})",
        number=_text("HT-2026-001"),
        name=_text("Bearing purchase"),
        applicant=_text("Wang Min"),
        amount=_number("128000.00"),
        approval_no=_text("202611220001"),
        url=_link("/contracts/"),
    ),
)


def template(name: str, language: str) -> dict[str, Any] | None:
    """Return the shipped text of a template in one language, or None where none ships."""
    return next(
        (row for row in TEMPLATES if (row["template_name"], row["language"]) == (name, language)), None
    )


CHANNELS: tuple[dict[str, Any], ...] = (
    {"code": "wechat_api", "priority": 1, "rate_limit": 100, "timeout_s": 30},
    {"code": "wechat_bot", "priority": 2, "rate_limit": 20, "timeout_s": 10},
    {"code": "email", "priority": 3, "rate_limit": 60, "timeout_s": 20},
    {"code": "sms", "priority": 4, "rate_limit": 60, "timeout_s": 10, "is_enabled": False},
)
"""The order is the customer's; `sms` only writes to the log, so a plant switches it on knowingly."""

RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "手机号",
        "kind": "mask",
        "is_regex": True,
        "pattern": r"(?<!\d)1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)",
        "keep_start": 3,
        "keep_end": 4,
        "note": "11 位手机号，可带空格或短横",
    },
    {
        "name": "身份证号",
        "kind": "mask",
        "is_regex": True,
        "pattern": r"(?<!\d)[1-9]\d{16}[\dX](?![\dX])",
        "checksum": "id_card",
        "keep_start": 3,
        "keep_end": 4,
        "note": "18 位且校验码正确",
    },
    {
        "name": "银行卡号",
        "kind": "mask",
        "is_regex": True,
        "pattern": r"(?<!\d)(?:\d{4}[ -]?){3}\d{4}(?:[ -]?\d{1,3}+)?+(?!\d)",
        "checksum": "luhn",
        "keep_end": 4,
        "note": "16–19 位且校验位正确；长批号有一成会碰巧符合，所以默认停用",
        "is_active": False,
    },
    {
        "name": "电子邮箱",
        "kind": "mask",
        "is_regex": True,
        "pattern": r"(?<![\w.+-])([\w.+-]{1,64}+)@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,4}+",
        "keep_start": 1,
        "note": "只掩 @ 之前；联系邮箱常常要让人看到，所以默认停用",
        "is_active": False,
    },
)
"""The content rules that ship."""
