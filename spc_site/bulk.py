"""Write thousands of rows of one model with one prepared statement, run many times.

`bulk_create` and `bulk_update` build long statements (on SQLite one for every few rows, with a
CASE per row and column for updates): for ten thousand rows that is seconds of building SQL.
These send no signals either; whoever calls them saves the parent row afterwards.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connections, models


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector from looking through what is being built.

    Tens of thousands of rows, none of them in a cycle, would make it run again and again: a
    third of the time of a large import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def insert_many(rows: Sequence[models.Model], *, ignore_conflicts: bool = False) -> None:
    """Insert rows of one model; their primary keys are not read back."""
    _insert(rows, " ON CONFLICT DO NOTHING" if ignore_conflicts else "")


def upsert_many(
    rows: Sequence[models.Model], *, unique: Sequence[str], names: Sequence[str], counter: str = ""
) -> None:
    """Insert rows, or write the named fields of those that are there already, by the fields `unique`.

    `counter` names a field that goes up by one where a row was there.
    """
    if not rows:
        return
    meta, quote = rows[0]._meta, connections[DEFAULT_DB_ALIAS].ops.quote_name

    def column(name: str) -> str:
        return quote(str(cast("models.Field[Any, Any]", meta.get_field(name)).column))

    changes = [f"{column(name)} = excluded.{column(name)}" for name in names]
    if counter:
        changes.append(f"{column(counter)} = {quote(meta.db_table)}.{column(counter)} + 1")
    keys = ", ".join(column(name) for name in unique)
    _insert(rows, f" ON CONFLICT ({keys}) DO UPDATE SET {', '.join(changes)}")


def _insert(rows: Sequence[models.Model], rest: str) -> None:
    if not rows:
        return
    database = connections[DEFAULT_DB_ALIAS]  # itself, not its proxy: it is asked for every value
    fields = [field for field in rows[0]._meta.concrete_fields if not field.primary_key]
    quote = database.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(rows[0]._meta.db_table)} ({columns}) VALUES ({places}){rest}"  # noqa: S608
    prepared = [_column(field, [field.pre_save(row, True) for row in rows], database) for field in fields]
    with database.cursor() as cursor:
        cursor.executemany(statement, list(zip(*prepared, strict=False)))


def update_many(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write the named fields of rows of one model that are stored already."""
    if not rows:
        return
    database = connections[DEFAULT_DB_ALIAS]
    fields: list[Any] = [rows[0]._meta.get_field(name) for name in names]
    quote = database.ops.quote_name
    changes = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    key = rows[0]._meta.pk
    statement = f"UPDATE {quote(rows[0]._meta.db_table)} SET {changes} WHERE {quote(str(key.column))} = %s"  # noqa: S608
    prepared = [_column(field, [getattr(row, field.attname) for row in rows], database) for field in fields]
    with database.cursor() as cursor:
        cursor.executemany(statement, list(zip(*prepared, (row.pk for row in rows), strict=False)))


def _column(field: Any, values: list[Any], database: Any) -> Iterable[Any]:
    """Return a column as the database takes it; one that is the same for all rows is prepared once."""
    first = values[0]
    if all(value is first for value in values) or (not first and all(value == first for value in values)):
        return repeat(field.get_db_prep_save(first, database), len(values))
    return [field.get_db_prep_save(value, database) for value in values]
