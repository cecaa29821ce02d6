"""How many queries pages cost: a baseline in a file, so that a change shows in the diff.

`UPDATE_QUERY_COUNTS=1 pytest …` (in one process) writes what it finds.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from django.db import connection

FILE = Path(__file__).with_name("query_counts.json")


def compare(name: str, count: int) -> None:
    """Hold a count to the baseline; other databases than SQLite ask their clock, too."""
    if connection.vendor != "sqlite":
        return
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        text = json.dumps({**known, name: count}, ensure_ascii=False, indent=2, sort_keys=True)
        FILE.write_text(f"{text}\n", encoding="utf-8")
        return
    assert count == known.get(name), f"{name}: {count} queries, {FILE.name} says {known.get(name)}"
