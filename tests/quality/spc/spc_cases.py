"""The published cases that lie in the package."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def case(name: str) -> dict[str, Any]:
    """Data, expected results and tolerance of one case."""
    path = files("quality.spc") / "cases" / f"{name}.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
