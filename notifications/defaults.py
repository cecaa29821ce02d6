"""The templates and channels that ship; a plant edits the rows, and can restore these."""

from __future__ import annotations

from typing import Any

TEMPLATES: tuple[dict[str, Any], ...] = (
    {
        "template_name": "iqc_summary",
        "label": "IQC 异常汇总（批量导入）",
        "channel": "wechat_bot",
        "title_template": "IQC 异常汇总",
        "content_template": "### IQC 异常汇总\n- **供应商**: {supplier}\n- **品名**: {part_name}\n{abnormal_items}",
        "variables": {
            "supplier": "苏州精密轴承有限公司",
            "part_name": "活塞环",
            "part_number": "PR-74-001",
            "lot": "B2611-077",
            "report_no": "IQC-2611-077",
            "abnormal_count": "1",
            "abnormal_items": {
                "prepared": "- **异常项**: 内径 [http://127.0.0.1:8000/IQC/12/345](http://127.0.0.1:8000/IQC/12/345)"
            },
        },
    },
    {
        "template_name": "iqc_entry",
        "label": "IQC 单项异常（人工修改）",
        "channel": "wechat_bot",
        "title_template": "IQC 异常",
        "content_template": "### IQC 异常\n- **供应商**: {supplier}\n- **品名**: {part_name}\n{abnormal_items}",
        "variables": {
            "supplier": "苏州精密轴承有限公司",
            "part_name": "活塞环",
            "part_number": "PR-74-001",
            "lot": "B2611-077",
            "report_no": "IQC-2611-077",
            "abnormal_count": "1",
            "abnormal_items": {
                "prepared": "- **异常项**: 内径 [http://127.0.0.1:8000/IQC/12/345](http://127.0.0.1:8000/IQC/12/345)"
            },
        },
    },
    {
        "template_name": "oqc_summary",
        "label": "OQC 异常汇总（批量导入）",
        "channel": "wechat_bot",
        "title_template": "OQC 异常汇总",
        "content_template": "### OQC 异常汇总\n- **客户**: {customer}\n- **品名**: {part_name}\n{abnormal_items}",
        "variables": {
            "customer": "青岛海工动力有限公司",
            "part_name": "导光板",
            "part_number": "LG-21-4",
            "lot": "S2611-031",
            "report_no": "OQC-2611-031",
            "abnormal_count": "1",
            "abnormal_items": {
                "prepared": "- **异常项**: 厚度 [http://127.0.0.1:8000/OQC/7/88](http://127.0.0.1:8000/OQC/7/88)"
            },
        },
    },
    {
        "template_name": "oqc_entry",
        "label": "OQC 单项异常（人工修改）",
        "channel": "wechat_bot",
        "title_template": "OQC 异常",
        "content_template": "### OQC 异常\n- **客户**: {customer}\n- **品名**: {part_name}\n{abnormal_items}",
        "variables": {
            "customer": "青岛海工动力有限公司",
            "part_name": "导光板",
            "part_number": "LG-21-4",
            "lot": "S2611-031",
            "report_no": "OQC-2611-031",
            "abnormal_count": "1",
            "abnormal_items": {
                "prepared": "- **异常项**: 厚度 [http://127.0.0.1:8000/OQC/7/88](http://127.0.0.1:8000/OQC/7/88)"
            },
        },
    },
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
