"""The rules of delivery, pure: which transitions exist, who goes first, how long to wait.

Times are seconds. Randomness is passed in, so that the same input gives the same answer.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

from notifications.choices import State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.PENDING: frozenset(
        {State.SENDING, State.HELD, State.MERGED, State.SUPPRESSED, State.DEAD, State.CANCELLED}
    ),
    State.SENDING: frozenset({State.SENT, State.PENDING, State.HELD, State.UNCERTAIN, State.DEAD}),
    State.HELD: frozenset({State.PENDING, State.DEAD, State.CANCELLED, State.SUPPRESSED}),
    State.UNCERTAIN: frozenset({State.PENDING, State.SENT, State.CANCELLED}),
    State.SENT: frozenset(),
    State.MERGED: frozenset(),
    State.SUPPRESSED: frozenset(),
    State.DEAD: frozenset(),
    State.CANCELLED: frozenset(),
}
"""From each state, where a message may go. A resend is a new message linked to the old one."""

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

RATE_WINDOW = timedelta(seconds=61)
"""WeCom counts arrivals over a minute, we count departures: the second more is for the way."""

REST_AFTER_REFUSAL = timedelta(seconds=60)
MAX_DELAY = timedelta(seconds=3600)
BACKOFF_FACTOR = 2
JITTER = 0.1
UNCERTAIN_RESENDS = 1
"""A robot's lost answer is sent again once, marked as possible double; then a person decides."""


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


def backoff(retry: int, *, base_s: float, luck: float) -> timedelta:
    """Return the wait before retry number `retry` (1 is the first).

    `luck` in 0..1 spreads it by ± 10 %, so that messages that failed together do not return
    together.
    """
    delay = min(base_s * BACKOFF_FACTOR ** (retry - 1), MAX_DELAY.total_seconds())
    return timedelta(seconds=delay * (1 - JITTER + 2 * JITTER * luck))
