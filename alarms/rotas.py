"""Whose turn it is, pure: turns of whole days that change at a time of the day, local clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: its number since the rota began (negative before), and the day on which it begins."""

    number: int
    first_day: date


def turn_at(at: datetime, *, starts_on: date, handover_at: time, turn_days: int) -> Turn:
    """Return the turn that runs at a local moment.

    A day belongs to the one before until the handover. Days are counted by the calendar, so that a
    change of the clock moves nothing.
    """
    day = at.date() if at.time() >= handover_at else at.date() - timedelta(days=1)
    number = (day - starts_on).days // turn_days
    return Turn(number, starts_on + timedelta(days=number * turn_days))
