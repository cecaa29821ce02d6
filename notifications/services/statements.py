"""The statements that every message runs, written by hand.

Building them anew for each message costs the query builder several times what the database needs
for them; they are all that is written by hand here, and `delivery` says when they run. Column names
come from the models, values are always parameters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection

from notifications import channels, policy
from notifications.choices import State
from notifications.models import Budget, DeliveryAttempt, Notification
from notifications.services.lanes import Log

_MESSAGES = Notification._meta.db_table
_ATTEMPTS = DeliveryAttempt._meta.db_table
_BUDGETS = Budget._meta.db_table


def _execute(sql: str, values: Sequence[Any]) -> int:
    """Run one statement; return how many rows it changed."""
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(sql, [adapt(value) if isinstance(value, datetime) else value for value in values])
        return int(cursor.rowcount)


def front(now: datetime, size: int, columns: Sequence[str]) -> list[Notification]:
    """Return the first pending messages of each priority that are due, with the given columns."""
    names = ", ".join(f'"{column}"' for column in ("id", *columns))
    one = (
        f'SELECT * FROM (SELECT {names} FROM "{_MESSAGES}"'  # noqa: S608  names of ours
        " WHERE status = 'pending' AND priority = %s AND next_at <= %s ORDER BY next_at, id LIMIT %s) AS p{}"
    )
    sql = " UNION ALL ".join(one.format(priority) for priority in policy.SLACK)
    moment = connection.ops.adapt_datetimefield_value(now)
    values = [value for priority in policy.SLACK for value in (priority, moment, size)]
    return list(Notification.objects.raw(sql, values))


def write_log(seen: Log, sends: Sequence[policy.Entry], now: datetime) -> bool:
    """Write the log of a credential if it is still the one that was seen, and may be used."""
    sql = (
        f'UPDATE "{_BUDGETS}" SET sent_at = %s, turn = %s WHERE name = %s AND turn = %s'  # noqa: S608
        " AND NOT is_dead AND (blocked_until IS NULL OR blocked_until <= %s)"
    )
    return bool(_execute(sql, [json.dumps(sends), seen.turn + 1, seen.name, seen.turn, now]))


@cache
def _attempt_defaults() -> dict[str, Any]:
    fields = (field for field in DeliveryAttempt._meta.concrete_fields if not field.primary_key)
    return {str(field.column): field.get_default() for field in fields}


def begin_attempt(row: Notification, number: int, credential: str, worker: str, now: datetime) -> None:
    """Write that an attempt begins, before anything leaves."""
    columns = _attempt_defaults() | {
        "notification_id": row.pk,
        "number": number,
        "channel": row.channel,
        "target": row.target,
        "credential": credential,
        "started_at": now,
        "worker": worker,
    }
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join(["%s"] * len(columns))
    _execute(f'INSERT INTO "{_ATTEMPTS}" ({names}) VALUES ({marks})', list(columns.values()))  # noqa: S608


def end_attempt(row: Notification, number: int, result: channels.Result, duration_ms: int) -> None:
    """Write what came of an attempt."""
    sql = (
        f'UPDATE "{_ATTEMPTS}" SET outcome = %s, duration_ms = %s, http_status = %s, errcode = %s,'  # noqa: S608
        " answer = %s, explanation = %s WHERE notification_id = %s AND number = %s"
    )
    said = [result.http_status, result.errcode, result.answer[:500], result.explanation[:255]]
    _execute(sql, [result.decision.value, duration_ms, *said, row.pk, number])


_SENT_FROM = ", ".join(f"'{state}'" for state in sorted(policy.sources(State.SENT)))


def mark_sent(row: Notification, result: channels.Result, now: datetime) -> None:
    """Write that a message was sent, whoever has its lease by now."""
    sql = (
        f"UPDATE \"{_MESSAGES}\" SET status = 'sent', reason = '', error_message = '', sent_at = %s,"  # noqa: S608
        " receipt = %s, missed = %s, lease_until = NULL, lease_owner = '', updated_at = %s"
        f" WHERE id = %s AND status IN ({_SENT_FROM})"
    )
    missed = json.dumps(list(result.missed), ensure_ascii=False)
    _execute(sql, [now, result.receipt[:128], missed, now, row.pk])
