"""The statements that every message runs, written by hand.

Building them anew for each message costs the query builder several times what the database needs
for them; they are all that is written by hand here, and `delivery` says when they run. Column names
come from the models, values are always parameters.

One *turn* of delivery writes down that a message was sent and that the next one begins. On
PostgreSQL it is one statement, for each one more is a way to the server and back; SQLite has no
such ways and no such statement.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection, transaction

from notifications import channels, policy
from notifications.choices import State
from notifications.models import Budget, DeliveryAttempt, Notification
from notifications.services.lanes import Log

_MESSAGES = Notification._meta.db_table
_ATTEMPTS = DeliveryAttempt._meta.db_table
_BUDGETS = Budget._meta.db_table


@dataclass(slots=True)
class Sent:
    """A message that was sent, not yet written down."""

    key: int
    number: int
    result: channels.Result
    duration_ms: int


@dataclass(slots=True)
class Start:
    """An attempt that is to begin: of which message, with whose place."""

    row: Notification
    number: int
    log: Log
    sends: Sequence[policy.Entry]
    worker: str


# --- claiming --------------------------------------------------------------------------------------


@cache
def _front(columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{column}"' for column in ("id", *columns))
    one = (
        f'SELECT * FROM (SELECT {names} FROM "{_MESSAGES}"'  # noqa: S608  names of ours
        " WHERE status = 'pending' AND priority = %s AND next_at <= %s ORDER BY next_at, id LIMIT %s) AS p{}"
    )
    return " UNION ALL ".join(one.format(priority) for priority in policy.SLACK)


def front(now: datetime, size: int, columns: tuple[str, ...]) -> list[Notification]:
    """Return the first pending messages of each priority that are due, with the given columns."""
    moment = connection.ops.adapt_datetimefield_value(now)
    values = [value for priority in policy.SLACK for value in (priority, moment, size)]
    return list(Notification.objects.raw(_front(columns), values))


_SENDING_FROM = ", ".join(f"'{state}'" for state in sorted(policy.sources(State.SENDING)))


_SELDOM_NEEDED = frozenset({"content", "variables", "button", "receipt", "missed", "error_message"})
"""What sending a message does not look at; it is fetched when something goes wrong."""


@cache
def _lease(count: int, vendor: str) -> str:
    """Return the statement that claims messages by their keys, of those that nobody holds.

    With the state as it stands SQLite would read all that are pending, by their index. PostgreSQL
    need not have a lease on the disk before it answers: who is to lose it had not begun anything,
    and the first beginning takes it along.
    """
    columns = (field.column for field in Notification._meta.concrete_fields)
    names = ", ".join(f'"{column}"' for column in columns if column not in _SELDOM_NEEDED)
    marks = ", ".join(["%s"] * count)
    free = f"id IN ({marks}) AND status || '' IN ({_SENDING_FROM})"
    if vendor == "postgresql":
        at_ease = "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'"
        free = f'id IN (SELECT id FROM "{_MESSAGES}" WHERE {free} FOR UPDATE SKIP LOCKED) AND {at_ease}'  # noqa: S608
    last = f'(SELECT MAX(number) FROM "{_ATTEMPTS}" AS a WHERE a.notification_id = "{_MESSAGES}".id)'  # noqa: S608
    return (
        f"UPDATE \"{_MESSAGES}\" SET status = 'sending', lease_until = %s, lease_owner = %s, updated_at = %s"  # noqa: S608
        f" WHERE {free} RETURNING {names}, {last} AS last_attempt"
    )


def lease(keys: Sequence[int], worker: str, until: datetime, now: datetime) -> list[Notification]:
    """Claim messages for a process until a moment; return those that were free, as they are now."""
    adapt = connection.ops.adapt_datetimefield_value
    values = [adapt(until), worker, adapt(now), *keys]
    return list(Notification.objects.raw(_lease(len(keys), connection.vendor), values))


# --- a turn of delivery ----------------------------------------------------------------------------

_END = (
    f'UPDATE "{_ATTEMPTS}" SET outcome = %s, duration_ms = %s, http_status = %s, errcode = %s,'  # noqa: S608
    " answer = %s, explanation = %s WHERE notification_id = %s AND number = %s"
)
_SENT_FROM = ", ".join(f"'{state}'" for state in sorted(policy.sources(State.SENT)))
_SENT = (
    f"UPDATE \"{_MESSAGES}\" SET status = 'sent', reason = '', error_message = '', sent_at = %s,"  # noqa: S608
    " receipt = %s, missed = %s, lease_until = NULL, lease_owner = '', updated_at = %s"
    f" WHERE id = %s AND status IN ({_SENT_FROM})"
)
_PLACE = (
    f'UPDATE "{_BUDGETS}" SET sent_at = %s, turn = %s WHERE name = %s AND turn = %s'  # noqa: S608
    " AND NOT is_dead AND (blocked_until IS NULL OR blocked_until <= %s)"
)


@cache
def _begin() -> tuple[str, str, tuple[Any, ...]]:
    """Return the columns of an attempt that begins, their marks, and the values of the last ones."""
    first = ("notification_id", "number", "channel", "target", "credential", "started_at", "worker")
    fields = (field for field in DeliveryAttempt._meta.concrete_fields if not field.primary_key)
    defaults = {str(field.column): field.get_default() for field in fields if field.column not in first}
    defaults = {column: value for column, value in defaults.items() if value is not None}
    names = ", ".join(f'"{name}"' for name in (*first, *defaults))
    return names, ", ".join(["%s"] * (len(first) + len(defaults))), tuple(defaults.values())


@cache
def _turn(*, ends: bool, begins: bool) -> str:
    """Return the whole turn as one statement of PostgreSQL; its row count is that of the beginning."""
    names, marks, _defaults = _begin()
    steps = [f"ended AS ({_END})"] if ends else []
    if begins:
        steps += [f"sent AS ({_SENT})"] if ends else []
        steps += [f"placed AS ({_PLACE} RETURNING 1)"]
        last = f'INSERT INTO "{_ATTEMPTS}" ({names}) SELECT {marks} FROM placed'  # noqa: S608
    else:
        last = _SENT
    return f"WITH {', '.join(steps)} {last}"


def turn(sent: Sent | None, start: Start | None, now: datetime) -> bool:
    """Write down a success, and begin the next attempt if its place is still as it was seen.

    Returns whether it has begun; the success is written down in any case. What another process
    has taken meanwhile is seen by the `turn` of the log, which each use of it raises.
    """
    moment = connection.ops.adapt_datetimefield_value(now)
    end = _values_of_end(sent) if sent else []
    mark = _values_of_sent(sent, moment) if sent else []
    place = _values_of_place(start, moment) if start else []
    begin = _values_of_begin(start, moment) if start else []
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                _turn(ends=sent is not None, begins=start is not None), [*end, *mark, *place, *begin]
            )
            return start is not None and bool(cursor.rowcount)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if sent is not None:
            cursor.execute(_END, end)
            cursor.execute(_SENT, mark)
        if start is None:
            return False
        cursor.execute(_PLACE, place)
        if not cursor.rowcount:
            return False
        names, marks, _defaults = _begin()
        cursor.execute(f'INSERT INTO "{_ATTEMPTS}" ({names}) VALUES ({marks})', begin)  # noqa: S608
        return True


def end_attempt(key: int, number: int, result: channels.Result, duration_ms: int) -> None:
    """Write what came of an attempt."""
    with connection.cursor() as cursor:
        cursor.execute(_END, _values_of_end(Sent(key, number, result, duration_ms)))


def _values_of_end(sent: Sent) -> list[Any]:
    result = sent.result
    said = [result.http_status, result.errcode, result.answer[:500], result.explanation[:255]]
    return [result.decision.value, sent.duration_ms, *said, sent.key, sent.number]


def _values_of_sent(sent: Sent, moment: Any) -> list[Any]:
    missed = json.dumps(sent.result.missed, ensure_ascii=False) if sent.result.missed else "[]"
    return [moment, sent.result.receipt[:128], missed, moment, sent.key]


def _values_of_place(start: Start, moment: Any) -> list[Any]:
    log = start.log
    return [json.dumps(start.sends), log.turn + 1, log.name, log.turn, moment]


def _values_of_begin(start: Start, moment: Any) -> list[Any]:
    row = start.row
    _names, _marks, defaults = _begin()
    return [row.pk, start.number, row.channel, row.target, start.log.name, moment, start.worker, *defaults]
