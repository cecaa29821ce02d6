"""What arrived: every call is a record, shown or refused, with counts of loss and doubles."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

_BYTES_KEPT = 64 * 1024 * 1024  # pictures are heavy: the oldest records go when this is passed
_DIGESTS_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Received:
    """One call as it arrived and what became of it."""

    id: int
    at: float  # seconds since the epoch
    call: str  # robot, message (application), …
    group: str  # the group's name, or the recipients of an application message
    robot: int  # which robot of the group, from 1; 0 for an application
    msgtype: str
    content: str
    size: int  # bytes of the content, of the picture or file
    limit: int  # what WeCom takes; 0 where it states no limit
    errcode: int | None  # what was answered; None when the answer was withheld or spoiled
    errmsg: str
    shown: bool  # stands in the group
    raw: str  # the request's body
    fault: str = ""  # the failure that was asked for
    repeat_of: int = 0  # the first shown record with the same bytes for the same sender
    missed: str = ""  # recipients that do not exist

    @property
    def is_double(self) -> bool:
        """True for a message that readers see a second time."""
        return self.shown and bool(self.repeat_of)

    def as_json(self, zone: tzinfo) -> dict[str, Any]:
        """Return the record for scripts: its fields, its time as ISO text, and whether it is a double."""
        time = datetime.fromtimestamp(self.at, tz=zone).isoformat(timespec="milliseconds")
        return {**asdict(self), "time": time, "is_double": self.is_double}


class Ledger:
    """The records in order, bounded, and kept in a JSON-lines file where one is given."""

    def __init__(self, *, history: int = 500, store: Path | None = None) -> None:
        self._history = history
        self._store = store
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        self.version = 0
        self._records: deque[Received] = deque()
        self._bytes = 0
        self._next_id = 1
        self._lines = 0
        self._firsts: dict[bytes, int] = {}
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[int] = Counter()
        if store is not None:
            self._load(store)

    # --- reading ----------------------------------------------------------------------------------------

    def records(self, *, group: str | None = None, after: int = 0) -> list[Received]:
        """Return the records that are kept, oldest first."""
        with self._lock:
            return [row for row in self._records if row.id > after and (group is None or row.group == group)]

    def find(self, number: int) -> Received | None:
        """Return one record, if it is still kept."""
        with self._lock:
            return next((row for row in self._records if row.id == number), None)

    def tally(self, pattern: str) -> Counter[str]:
        """Count how often each match of a pattern was shown: the measure for loss and doubles."""
        search = re.compile(pattern)
        found: Counter[str] = Counter()
        for row in self.records():
            if row.shown:
                found.update(match[0] for match in search.finditer(row.content))
        return found

    def wait(self, version: int, timeout_s: float) -> int:
        """Wait until something changed since a version; return the current one."""
        with self.changed:
            self.changed.wait_for(lambda: self.version != version, timeout_s)
            return self.version

    # --- writing ----------------------------------------------------------------------------------------

    def add(self, draft: Received) -> Received:
        """Record a call; number it and mark a repeat of what the same sender posted before."""
        with self.changed:
            first = self._firsts.get(_digest(draft), 0)
            record = replace(draft, id=self._next_id, repeat_of=first)
            self._next_id += 1
            self._keep(record)
            self._count(record)
            self._write(record)
            self.touch()
        return record

    def touch(self) -> None:
        """Tell those who watch that something changed."""
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def forget(self) -> None:
        """Empty the ledger and its file."""
        with self.changed:
            self._records.clear()
            self._bytes = 0
            self._firsts.clear()
            self.counts.clear()
            self.refusals.clear()
            self._rewrite()
            self.touch()

    def _keep(self, record: Received) -> None:
        if record.shown and not record.repeat_of and len(self._firsts) < _DIGESTS_KEPT:
            self._firsts[_digest(record)] = record.id
        self._records.append(record)
        self._bytes += len(record.raw)
        while len(self._records) > self._history or (self._bytes > _BYTES_KEPT and len(self._records) > 1):
            self._bytes -= len(self._records.popleft().raw)

    def _count(self, record: Received) -> None:
        self.counts["received"] += 1
        self.counts["shown"] += record.shown
        self.counts["doubles"] += record.is_double
        self.counts["faults"] += bool(record.fault)
        if record.errcode:
            self.counts["refused"] += 1
            self.refusals[record.errcode] += 1

    # --- the file ---------------------------------------------------------------------------------------

    def _load(self, store: Path) -> None:
        """Take up the records of an earlier run; a line that a crash cut short is left out."""
        if not store.exists():
            return
        names = {field.name for field in fields(Received)}
        with store.open(encoding="utf-8") as lines:
            for line in lines:
                try:
                    data = json.loads(line)
                    record = Received(**{name: data[name] for name in names})
                except (ValueError, KeyError, TypeError):
                    continue
                self._keep(record)
                self._count(record)
                self._next_id = max(self._next_id, record.id + 1)
        self._rewrite()

    def _write(self, record: Received) -> None:
        if self._store is None:
            return
        self._lines += 1
        if self._lines > 2 * self._history:
            self._rewrite()
            return
        with self._store.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")

    def _rewrite(self) -> None:
        """Write the file anew with what is kept, whole or not at all."""
        if self._store is None:
            return
        self._store.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._store.with_name(self._store.name + ".new")
        with fresh.open("w", encoding="utf-8") as file:
            for record in self._records:
                file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
        fresh.replace(self._store)
        self._lines = len(self._records)


def _digest(record: Received) -> bytes:
    sender = f"{record.call}\0{record.group}\0{record.robot}\0"
    return hashlib.sha256((sender + record.raw).encode("utf-8", "replace")).digest()[:16]


class Window:
    """At most so many in any stretch of time: a sliding log, as the robot's limit of 20 a minute."""

    def __init__(self, limit: int | None, span_s: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._span_s = span_s
        self._clock = clock
        self._lock = threading.Lock()
        self._times: deque[float] = deque()
        self.peak = 0

    def take(self) -> bool:
        """Count one more, if there is room."""
        now = self._clock()
        with self._lock:
            self._drop_old(now)
            if self._limit is not None and len(self._times) >= self._limit:
                return False
            self._times.append(now)
            self.peak = max(self.peak, len(self._times))
            return True

    def restore(self, at: float) -> None:
        """Count what was taken before a restart."""
        self._times.append(at)

    def used(self) -> int:
        """Return how many were counted in the last stretch."""
        with self._lock:
            self._drop_old(self._clock())
            return len(self._times)

    def _drop_old(self, now: float) -> None:
        while self._times and now - self._times[0] >= self._span_s:
            self._times.popleft()
