"""Write down who did what: one line per act, in the act's own transaction, without secrets.

`save` and `remove` are how settings of every kind (channels, robots, templates, routes, rules) are
changed by hand: they store the row and its line together, with each field's old and new value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction

from accounts import acting
from notifications.choices import Verb
from notifications.models import AuditEntry
from spc_site import clock
from spc_site.sealed import SealedTextField, masked

_LONGEST_VALUE = 500
_UNTOLD = frozenset({"updated_at", "created_at"})


def record(
    verb: Verb,
    row: models.Model | None = None,
    *,
    name: str = "",
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    note: str = "",
    user: User | None = None,
) -> AuditEntry:
    """Write down one act of whoever acts now (`accounts.acting`), on a row or on none.

    `changes` gives old and new value by field. `user` names the person where the caller was told.
    """
    who = acting.current()
    person = user or who.user
    return AuditEntry.objects.create(
        at=clock.now(),
        actor=person,
        actor_name=person.get_username() if person else "",
        door=who.door,
        verb=verb,
        kind=row._meta.label if row else "",
        object_id=str(row.pk) if row else "",
        object_name=(name or str(row or ""))[:255],
        changes={field: [_short(old), _short(new)] for field, (old, new) in (changes or {}).items()},
        note=note[:500],
    )


def save(
    row: models.Model,
    *,
    note: str = "",
    user: User | None = None,
    store: Callable[[], object] | None = None,
) -> Verb | None:
    """Store a row that a person edited, and what that changed; return what it was, None for nothing.

    `store` does the storing where it is more than `row.save()`.
    """
    model = type(row)
    with transaction.atomic():
        before: dict[str, Any] = {}
        if row.pk is not None:
            stored = model._base_manager.select_for_update().filter(pk=row.pk).first()
            before = told(stored) if stored else {}
        (store or row.save)()
        after = told(row)
        names = dict.fromkeys([*before, *after])
        changes = {
            name: (_shown(before.get(name)), _shown(after.get(name)))
            for name in names
            if _differ(before.get(name), after.get(name))
        }
        if before and not changes:
            return None
        verb = Verb.CHANGED if before else Verb.ADDED
        record(verb, row, changes=changes, note=note, user=user)
    return verb


def remove(row: models.Model, *, note: str = "") -> None:
    """Delete a row by hand, and keep what it said."""
    with transaction.atomic():
        record(
            Verb.REMOVED,
            row,
            changes={name: (_shown(value), None) for name, value in told(row).items()},
            note=note,
        )
        row.delete()


class Secret(str):
    """A value that may be compared, and is shown by its last four characters alone."""

    __slots__ = ()


def told(row: models.Model) -> dict[str, Any]:
    """Return the fields of a row that an audit tells, secrets marked as such."""
    values: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.primary_key or field.name in _UNTOLD:
            continue
        value = getattr(row, field.attname)
        is_secret = isinstance(field, SealedTextField) or field.name in getattr(row, "PRIVATE", ())
        values[field.name] = Secret(value or "") if is_secret else value
    return values


def _differ(old: Any, new: Any) -> bool:
    blank: tuple[Any, ...] = (None, "", {}, [])
    return bool(old != new) and not (old in blank and new in blank)


def _shown(value: Any) -> Any:
    return masked(str(value)) if isinstance(value, Secret) else value


def _short(value: Any) -> Any:
    """Return a value as JSON can keep it, long texts cut."""
    plain = json.loads(json.dumps(value, default=str))
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return f"{text[:_LONGEST_VALUE]}…" if len(text) > _LONGEST_VALUE else plain
