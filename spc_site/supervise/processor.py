"""How busy this host is, from the counters of its kernel."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

STAT = Path("/proc/stat")
OVER_S = 60.0
"""A minute: a beat comes every two seconds, and two seconds say little."""


class Processor:
    """Remembers the counters of the last minute. One per process that looks."""

    def __init__(self, stat: Path = STAT) -> None:
        self._stat = stat
        self._seen: deque[tuple[float, int, int]] = deque()

    def busy_pct(self) -> float | None:
        """Return the share of the last minute in which the processors worked, in percent.

        None where the kernel does not tell, and at the first look.
        """
        counters = self._read()
        if counters is None:
            return None
        now = time.monotonic()
        self._seen.append((now, *counters))
        while len(self._seen) > 2 and now - self._seen[1][0] >= OVER_S:
            self._seen.popleft()
        _then, busy, total = self._seen[0]
        passed = counters[1] - total
        return round(100 * (counters[0] - busy) / passed, 1) if passed > 0 else None

    def _read(self) -> tuple[int, int] | None:
        """Return busy and all time of all processors; waiting for a disk is not work."""
        try:
            fields = self._stat.read_text(encoding="ascii").partition("\n")[0].split()
            numbers = [int(text) for text in fields[1:9]]
        except (OSError, ValueError):
            return None
        if fields[:1] != ["cpu"] or len(numbers) < 5:
            return None
        return sum(numbers) - numbers[3] - numbers[4], sum(numbers)
