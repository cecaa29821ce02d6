"""What ships for alarms; a plant edits the rows."""

from __future__ import annotations

from typing import Any

SOURCE_RULES: tuple[dict[str, Any], ...] = (
    {
        "source": "quality.IQC",
        "closing": "quiet",
        "quiet_days": 90,
        "group": "IQC",
        "note": "重新判定正常时关闭；90 天未再发生也关闭，经过中写明",
    },
    {
        "source": "quality.OQC",
        "closing": "quiet",
        "quiet_days": 90,
        "group": "OQC",
        "note": "重新判定正常时关闭；90 天未再发生也关闭，经过中写明",
    },
    {
        "source": "energy*",
        "closing": "quiet",
        "quiet_days": 45,
        "group": "ENERGY",
        "note": "恢复、更正或周期结束时关闭；45 天未再见到也关闭",
    },
    {
        "source": "notifications",
        "closing": "recovery",
        "group": "OPS",
        "note": "恢复三分钟后关闭",
    },
    {
        "source": "system",
        "closing": "recovery",
        "group": "OPS",
        "note": "连续正常达到规则的恢复时间后关闭",
    },
    {
        "source": "hooks",
        "closing": "quiet",
        "quiet_days": 7,
        "group": "OPS",
        "note": "恢复执行后关闭；7 天未再暂停（例如扩展已撤下）也关闭",
    },
)

INHIBITION_RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "网关离线时不再逐表告知",
        "source_matchers": "kind=gateway_offline",
        "target_matchers": "source^=energy\nkind!=gateway_offline",
        "equal_labels": "gateway",
    },
)
"""The labels are those that the rooms above give their alarms."""

POLICY: dict[str, Any] = {
    "name": "默认",
    "reminder_hours": 4,
    "quiet_from": "22:00",
    "quiet_until": "07:00",
    "breaks_at": "critical",
}
POLICY_STEPS: tuple[dict[str, Any], ...] = (
    {"after_minutes": 30, "minimum_severity": "critical", "by_route": True},
)
POLICY_SOURCES = ("quality.IQC", "quality.OQC", "energy*", "system", "hooks")
"""The delivery of messages itself has its own ways around what is broken, and no policy."""

_RUNBOOK = "docs/runbooks.md"

SYSTEM_RULES: tuple[dict[str, Any], ...] = (
    {"measure": "requests_slow", "limit": 500, "hold_minutes": 2, "recover_minutes": 5, "minimum_count": 100},
    {"measure": "requests_failed", "limit": 5, "hold_minutes": 0, "recover_minutes": 5, "minimum_count": 20},
    {"measure": "processor", "limit": 80, "hold_minutes": 3, "recover_minutes": 3, "severity": "warning"},
    {"measure": "disk", "limit": 90, "hold_minutes": 5, "recover_minutes": 5, "severity": "warning"},
    {"measure": "worker_missing", "limit": 60, "recover_minutes": 2, "severity": "warning"},
    {"measure": "pump_silent", "limit": 60, "recover_minutes": 2},
    {"measure": "backlog", "limit": 300, "recover_minutes": 2, "severity": "warning"},
)
"""Requests are looked at over the last five whole minutes; the processor's figure is a mean of one minute."""

SYSTEM_STEPS: dict[str, tuple[str, ...]] = {
    "requests_slow": ("看处理器与磁盘是否同时报警", "看 /metrics 中的积压与数据库", "按处置手册处理并记录"),
    "requests_failed": ("看网页进程日志中的错误", "确认数据库可用", "按处置手册处理并记录"),
    "processor": ("找出占用处理器的进程", "按处置手册处理并记录"),
    "disk": ("看 var/ 与数据库的大小", "按处置手册清理或扩容"),
    "worker_missing": ("看 manage.py work 的日志", "重启 work", "确认心跳恢复"),
    "pump_silent": ("确认 manage.py work 在运行", "重启 work", "确认积压清空"),
    "backlog": ("看哪一个门铃积压", "看失败次数与日志", "按处置手册处理并记录"),
}


def runbook_of(measure: str) -> str:
    """Return where the runbook of a system rule is."""
    return f"{_RUNBOOK}#{measure.replace('_', '-')}"
