"""How often a hook is tried, and when it rests."""

from __future__ import annotations

from datetime import timedelta

RETRY_AFTER = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
"""The pauses before the second, third and fourth try of an event; after the last it has failed."""

PAUSE_AFTER = 5
"""So many failures in a row of one point, whichever events they were of, pause it."""

PAUSE = timedelta(minutes=10)
"""So long it rests. The first failure after that pauses it again."""

LEASE_SLACK = timedelta(seconds=60)
"""What a lease lasts beyond the time limit of a run: starting the child, writing down the result."""

FURTHEST = timedelta(hours=1)
"""No turn is set further away than this: one that is was written by a clock that has been set back."""

KPI_EVERY_S = 300
"""How often the customer's figures are calculated."""


def retry_after(attempt: int) -> timedelta | None:
    """Return the pause after a failed try (the first is 1); None after the last."""
    return RETRY_AFTER[attempt - 1] if attempt <= len(RETRY_AFTER) else None
