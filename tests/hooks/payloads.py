"""Payloads as the apps fire them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def alarm(**changes: Any) -> dict[str, Any]:
    """Return what `on_alarm_created` is told."""
    return {
        "alarm_id": 7,
        "key": "energy.quota:1:2026-11",
        "source": "energy",
        "subject": "energy.quota:1",
        "severity": "critical",
        "title": "配额预警: 一号车间用电",
        "description": "",
        "value": "10100",
        "threshold": "10000",
        "triggered_at": AT,
        "link": "/energy/",
        **changes,
    }
