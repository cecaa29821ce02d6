"""The rule that holds for the alarms of a source."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from alarms.models import SourceRule
from notifications.routing import matches


class Rules:
    """All rules, read once; of those that match a source, the one with the most letters holds."""

    def __init__(self, rows: Iterable[SourceRule]) -> None:
        self.rows = sorted(rows, key=lambda row: (-len(row.source.replace("*", "")), len(row.source)))
        self.of = cache(self._of)

    def _of(self, source: str) -> SourceRule:
        return next((row for row in self.rows if matches(row.source, source)), SourceRule(source=source))


def read() -> Rules:
    """Read the rules; one query."""
    return Rules(SourceRule.objects.all())
