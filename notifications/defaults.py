"""The templates and channels that ship; a plant edits the rows, and can restore these."""

from __future__ import annotations

from typing import Any

_SAMPLES = {
    "IQC": {
        "supplier": "苏州精密轴承有限公司",
        "part_name": "活塞环",
        "part_number": "PR-74-001",
        "lot": "B2611-077",
        "report_no": "IQC-2611-077",
    },
    "OQC": {
        "customer": "青岛海工动力有限公司",
        "part_name": "导光板",
        "part_number": "LG-21-4",
        "lot": "S2611-031",
        "report_no": "OQC-2611-031",
    },
}


def _report_template(kind: str, party_field: str, party: str, *, is_summary: bool) -> dict[str, Any]:
    """Return the template of one kind for one trigger: a batch import, or one entry by hand."""
    title = f"{kind} 异常汇总" if is_summary else f"{kind} 异常"
    url = f"http://127.0.0.1:8000/{kind}/12/345"
    return {
        "template_name": f"{kind.lower()}_{'summary' if is_summary else 'entry'}",
        "label": f"{title}（{'批量导入' if is_summary else '人工修改'}）",
        "channel": "wechat_bot",
        "title_template": title,
        "content_template": (
            f"### {title}\n- **{party}**: {{{party_field}}}\n- **品名**: {{part_name}}\n{{abnormal_items}}"
        ),
        "variables": {
            **_SAMPLES[kind],
            "abnormal_count": "1",
            "abnormal_items": {"prepared": f"- **异常项**: 内径 [{url}]({url})"},
        },
    }


TEMPLATES: tuple[dict[str, Any], ...] = (
    _report_template("IQC", "supplier", "供应商", is_summary=True),
    _report_template("IQC", "supplier", "供应商", is_summary=False),
    _report_template("OQC", "customer", "客户", is_summary=True),
    _report_template("OQC", "customer", "客户", is_summary=False),
    {
        "template_name": "production_alert",
        "label": "生产异常告警",
        "channel": "wechat_api",
        "title_template": "生产异常告警",
        "content_template": "项目：{project_name}\n异常：{alert_message}\n时间：{timestamp}",
        "variables": {
            "project_name": "三号线",
            "alert_message": "停线",
            "timestamp": "2026-11-22 02:00",
        },
    },
    {
        "template_name": "meeting_reminder",
        "label": "会议提醒",
        "channel": "wechat_bot",
        "title_template": "会议提醒",
        "content_template": "会议：{meeting_title}\n时间：{meeting_time}\n地点：{location}",
        "variables": {
            "meeting_title": "质量周会",
            "meeting_time": "周一 09:00",
            "location": "二楼会议室",
        },
    },
)

CHANNELS: tuple[dict[str, Any], ...] = (
    {"code": "wechat_bot", "priority": 1, "rate_limit": 20, "timeout_s": 10},
)
