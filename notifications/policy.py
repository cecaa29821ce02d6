"""The rules of delivery, pure: which transitions exist, who goes first, how long to wait.

Times are seconds. Randomness is passed in, so that the same input gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from math import ceil, inf
from typing import Protocol, TypeVar

from notifications.choices import State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.PENDING: frozenset(
        {
            State.SENDING,
            State.SENT,
            State.HELD,
            State.MERGED,
            State.SUPPRESSED,
            State.DEAD,
            State.CANCELLED,
        }
    ),
    State.SENDING: frozenset({State.SENT, State.PENDING, State.HELD, State.UNCERTAIN, State.DEAD}),
    State.HELD: frozenset({State.PENDING, State.SENT, State.DEAD, State.CANCELLED, State.SUPPRESSED}),
    State.UNCERTAIN: frozenset({State.PENDING, State.SENT, State.CANCELLED}),
    State.SENT: frozenset(),
    State.MERGED: frozenset(),
    State.SUPPRESSED: frozenset(),
    State.DEAD: frozenset(),
    State.CANCELLED: frozenset(),
}
"""From each state, where a message may go. A resend is a new message linked to the old one.

A message that waits again because its sender was taken for dead may still turn out to be sent:
the sender lived, and success counts whoever has the lease by then.
"""

OPEN_STATES = frozenset({State.PENDING, State.SENDING, State.HELD, State.UNCERTAIN})

SLACK = {
    1: timedelta(0),
    2: timedelta(minutes=1),
    3: timedelta(minutes=5),
    4: timedelta(minutes=15),
    5: timedelta(minutes=30),
}
"""How long a message of a priority may wait. The queue goes by created + slack, so that a
flood of urgent ones makes the others late but never starves them."""

LEASE = timedelta(seconds=60)
"""Longer than the database's busy time-out plus one request: a live sender never loses it."""

LONGEST_LEASE = timedelta(minutes=20)
"""A lease that ends later than this was given before the clock was set back."""

RATE_WINDOW = timedelta(seconds=61)
"""WeCom counts arrivals over a minute, we count departures: the second more is for the way."""

REST_AFTER_REFUSAL = timedelta(seconds=60)
MAX_DELAY_S = 3600.0
BACKOFF_FACTOR = 2.0
JITTER = 0.1
UNCERTAIN_RESENDS = 1
"""A robot's lost answer is sent again once, marked as possible double; then a person decides."""


LATE_AFTER = {
    1: timedelta(minutes=3),
    2: timedelta(minutes=5),
    3: timedelta(minutes=15),
    4: timedelta(minutes=30),
    5: timedelta(hours=1),
}
"""How long after it should have gone a message takes the next way of its route, if it has one."""

LEFT_TO_ITS_OWN = 4
"""Of so many places the last goes by the deadline, whatever waits of priority 1."""

PACE_WINDOW_S = 10.0
PACE_SHARE = 6
"""A sixth of a minute's places in a sixth of a minute: who goes faster is in a storm."""

FEW_SHARE = 4
AMPLE = 2000
"""Messages leave one by one while they want no more than a quarter of the free places and keep the
pace, or while there are so many places that nothing is short; else they are merged."""


class Decision(Enum):
    """What one try at sending means for the message."""

    SENT = "sent"
    RETRY = "retry"
    WAIT = "wait"
    DEAD = "dead"
    CHANNEL_DEAD = "channel_dead"
    UNCERTAIN = "uncertain"


def may(old: str, new: str) -> bool:
    """Say whether a message may go from one state to another."""
    return new in TRANSITIONS[old]


def sources(new: str) -> frozenset[str]:
    """Return the states from which a message may go to another."""
    return frozenset(old for old, nexts in TRANSITIONS.items() if new in nexts)


def backoff(
    retry: int,
    *,
    base_s: float,
    luck: float,
    factor: float = BACKOFF_FACTOR,
    most_s: float = MAX_DELAY_S,
) -> timedelta:
    """Return the wait before retry number `retry` (1 is the first).

    `luck` in 0..1 spreads it by ± 10 %, so that messages that failed together do not return
    together.
    """
    try:
        delay = min(base_s * factor ** (retry - 1), most_s)
    except OverflowError:
        delay = most_s
    return timedelta(seconds=delay * (1 - JITTER + 2 * JITTER * luck))


def late_at(priority: int, due_at: datetime) -> datetime:
    """Return from when on a message is late enough to try another way."""
    return due_at + LATE_AFTER[priority]


def expired_state(*, was_tried: bool) -> str:
    """Return how a message ends whose time is over: not sent, or dead if sending it failed."""
    return State.DEAD if was_tried else State.SUPPRESSED


# --- who goes first ------------------------------------------------------------------------------


class Waiting(Protocol):
    """What the order of a queue looks at."""

    @property
    def priority(self) -> int: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def pk(self) -> int: ...


W = TypeVar("W", bound=Waiting)


def in_order(rows: Iterable[W], *, place: int = 0) -> Iterator[W]:
    """Yield messages in the order in which they go.

    By deadline; but three of four places belong to priority 1 while any of it waits, so that a
    flood of overdue ones never stands before it, and the fourth to the earliest deadline, so that
    a flood of urgent ones starves nobody. `place` is the number of the first place.
    """
    by_deadline = sorted(rows, key=lambda row: (row.due_at, row.pk))
    urgent = [row for row in by_deadline if row.priority == 1]
    taken: set[int] = set()
    next_urgent = next_any = 0
    while len(taken) < len(by_deadline):
        while next_urgent < len(urgent) and urgent[next_urgent].pk in taken:
            next_urgent += 1
        while by_deadline[next_any].pk in taken:
            next_any += 1
        is_reserved = place % LEFT_TO_ITS_OWN != LEFT_TO_ITS_OWN - 1
        row = urgent[next_urgent] if is_reserved and next_urgent < len(urgent) else by_deadline[next_any]
        taken.add(row.pk)
        place += 1
        yield row


# --- how much may go -----------------------------------------------------------------------------
# The log of a credential: when it sent, oldest first, in seconds; moments are seconds, too.

Entry = float | Sequence[float]
"""One send, or `[moment, count]` for those of one second where a minute has very many."""

FINE_UP_TO = 240
"""With more than four sends a second a log by the second is exact enough; it counts each as sent at
the end of its second, so that it never lets more through."""


def _counted(log: Iterable[Entry], now: float, window_s: float) -> list[tuple[float, int]]:
    """Return moments and counts of the last window, oldest first.

    A moment of the future is one from before the clock was set back; it counts as just now.
    """
    found = [(entry, 1) if isinstance(entry, int | float) else (entry[0], int(entry[1])) for entry in log]
    ahead = now + 1
    return sorted((at if at < ahead else now, count) for at, count in found if now - at < window_s)


def places(log: Iterable[Entry], limit: int, now: float) -> int:
    """Return how many messages may go now."""
    used = sum(count for _at, count in _counted(log, now, RATE_WINDOW.total_seconds()))
    return max(0, limit - used)


def opens_at(log: Iterable[Entry], limit: int, now: float) -> float:
    """Return from when on a place is free: now, or exactly when enough of the log is old enough."""
    if limit <= 0:
        return inf
    window_s = RATE_WINDOW.total_seconds()
    return _when_fewer(_counted(log, now, window_s), limit, window_s, now)


def calm_at(log: Iterable[Entry], limit: int, now: float, *, is_urgent: bool) -> float:
    """Return from when on a message that is not full may go without being gathered first.

    Who has used more than a sixth of a minute's places in the last sixth of a minute is in a
    storm: an urgent message waits for the fair distance from the one before, others for calm.
    """
    last = _counted(log, now, PACE_WINDOW_S)
    calm = _when_fewer(last, max(1, limit // PACE_SHARE), PACE_WINDOW_S, now)
    return min(calm, max(now, last[-1][0] + 60 / limit)) if is_urgent and calm > now else calm


def _when_fewer(entries: Sequence[tuple[float, int]], limit: int, window_s: float, now: float) -> float:
    """Return from when on a window holds fewer sends than `limit`."""
    count = 0
    for at, times in reversed(entries):
        count += times
        if count >= limit:
            return at + window_s
    return now


def logged(log: Iterable[Entry], limit: int, now: float) -> list[Entry]:
    """Return the log with one send more, without what is out of the window."""
    entries = _counted(log, now, RATE_WINDOW.total_seconds())
    if limit <= FINE_UP_TO:
        return [*(at for at, count in entries for _ in range(count)), now]
    second = float(ceil(now))
    here = sum(count for at, count in entries if at == second)
    return [*([at, count] for at, count in entries if at != second), [second, here + 1]]


def ahead_s(log: Iterable[Entry], now: float) -> float:
    """Return how far the newest send lies in the future: so far was the clock set back; 0 if not."""
    newest = max((entry if isinstance(entry, int | float) else entry[0] for entry in log), default=now)
    return newest - now if newest > now + 1 else 0.0


def settled(log: Iterable[Entry], now: float) -> list[Entry]:
    """Return the log with moments of the future as of now."""
    return [[at, count] for at, count in _counted(log, now, RATE_WINDOW.total_seconds())]


def few(log: Iterable[Entry], limit: int, now: float) -> int | None:
    """Return how many may leave one by one of those that wait, at least 1; None where nothing is short."""
    log = list(log)
    free = places(log, limit, now)
    if free >= AMPLE:
        return None
    used = sum(count for _at, count in _counted(log, now, PACE_WINDOW_S))
    return max(1, min(free // FEW_SHARE, limit // PACE_SHARE - used))
