"""The channels that ship."""

from __future__ import annotations

from typing import Any

CHANNELS: tuple[dict[str, Any], ...] = (
    {"code": "wechat_api", "priority": 1, "rate_limit": 100, "timeout_s": 30},
    {"code": "wechat_bot", "priority": 2, "rate_limit": 20, "timeout_s": 10},
    {"code": "email", "priority": 3, "rate_limit": 60, "timeout_s": 20},
    {"code": "sms", "priority": 4, "rate_limit": 60, "timeout_s": 10, "is_enabled": False},
)
"""The order is the customer's; `sms` only writes to the log, so a plant switches it on knowingly."""
