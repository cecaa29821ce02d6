"""A recorded payload of each point, for tests and for `fire_hook`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hooks.points import point


def sample(name: str) -> dict[str, Any]:
    """Return the recorded payload of a point. LookupError for an unknown point."""
    point(name)
    text = Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8")
    payload: dict[str, Any] = json.loads(text)
    return payload
