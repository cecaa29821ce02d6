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
