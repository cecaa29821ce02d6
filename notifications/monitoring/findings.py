"""What a rule is: it looks at the present, read once for all of them, and returns what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from notifications.causes import Cause, cause_of
from notifications.choices import channel_names
from notifications.models import Channel, DeliveryAttempt
from notifications.services import statistics

RELIEF = 0.8
"""An announced trouble has ended only below this share of its limit, so that it does not flap."""

_RECENT = timedelta(minutes=5)
_MOST_ATTEMPTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a rule found wrong. `hold` is how long it must last before anybody is told."""

    key: str
    severity: str
    title: str
    description: str = ""
    value: str = ""
    threshold: str = ""
    link: str = ""
    avoid_channel: str = ""
    hold: timedelta = timedelta(0)


@dataclass
class Look:
    """The present, read once for all rules."""

    now: datetime
    announced: frozenset[str] = frozenset()
    values: dict[str, Any] = field(default_factory=dict)

    def limit(self, name: str, key: str) -> float:
        """Return a threshold, lower for a trouble that is announced already."""
        value = float(self.values[name])
        return value * RELIEF if key in self.announced else value

    def span(self, name: str) -> timedelta:
        return timedelta(minutes=float(self.values[name]))

    @cached_property
    def channels(self) -> list[Channel]:
        return list(Channel.objects.all())

    @cached_property
    def open(self) -> list[dict[str, Any]]:
        return statistics.open_by_channel()

    @cached_property
    def recent(self) -> dict[str, list[tuple[int, Cause | None]]]:
        """Duration and cause of the requests of the last five minutes, by channel."""
        rows = (
            DeliveryAttempt.objects.filter(
                started_at__gte=self.now - _RECENT, duration_ms__isnull=False, notification__is_test=False
            )
            .order_by("-started_at")
            .values_list("channel", "duration_ms", "outcome", "http_status", "errcode")
        )
        found: dict[str, list[tuple[int, Cause | None]]] = {}
        for channel, duration_ms, outcome, http_status, errcode in rows[:_MOST_ATTEMPTS]:
            cause = cause_of(outcome, http_status=http_status, errcode=errcode)
            found.setdefault(channel, []).append((duration_ms or 0, cause))
        return found


Rule = Callable[[Look], Iterable[Finding]]
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Declare a rule; the keys of what it finds begin with its name."""

    def declare(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return declare


def name_of(code: str) -> str:
    """Return what people call a channel."""
    return channel_names().get(code, code)
