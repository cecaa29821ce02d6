"""Where the drills take place, and what one comes to."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a drill came to, beside the verdict of its judge."""

    injected: str
    recovered_s: float
    seen: str
    most_doubled: int = 0
    most_marked: int | None = None
    within_s: float = 0.0


class Range:
    """Where the drills take place: one database, one Redis, one nursery."""

    def __init__(
        self, directory: Path, options: argparse.Namespace, redis: Any, nursery: Any, postgres: Any
    ) -> None:
        self.directory, self.options = directory, options
        self.redis, self.nursery, self.postgres = redis, nursery, postgres
        self._number = 0

    def many(self, count: int) -> int:
        """Scale a number of the matrix."""
        return max(round(count * self.options.scale), 2)

    @contextlib.contextmanager
    def drill(self, *, redis: bool = True, **options: Any) -> Iterator[Any]:
        """Run a drill on empty tables, with its judge looking on."""
        from django.core.management import call_command

        from tests.faults.drill import Drill

        call_command("flush", verbosity=0, interactive=False)
        if not self.redis.server.answers():
            self.redis.start()
        self.redis.flush()
        _lift_limits()
        self._number += 1
        folder = self.directory / f"drill-{self._number}"
        with Drill(folder, nursery=self.nursery, redis=self.redis if redis else None, **options) as drill:
            with drill.judge.watching():
                yield drill
                drill.stop_processes()
            drill.ended = drill.verdict()


def _lift_limits() -> None:
    from notifications.models import NotificationConfig

    for key in ("most_per_source_minute", "most_per_target_minute"):
        NotificationConfig.objects.update_or_create(config_key=key, defaults={"config_value": "0"})


def shown(drill: Any) -> int:
    return sum(drill.shown().values())


def await_more(drill: Any, count: int) -> None:
    """Wait until so many more were shown, or all of them."""
    from tests.services import wait_until

    wanted = min(shown(drill) + count, len(drill.markers))
    wait_until(lambda: shown(drill) >= wanted, seconds=60, what="sending goes on")
