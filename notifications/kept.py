"""What every request for a message reads and seldom changes, kept by each process for a moment.

A change acts at once in the process that makes it, and after `GOOD_FOR_S` in all others. In a
transaction that has changed something nothing is kept and nothing kept is used: what it sees may be
rolled back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.signals import setting_changed
from django.db import connection, models, transaction
from django.db.models.signals import post_delete, post_save

GOOD_FOR_S = 2.0

M = TypeVar("M", bound=models.Model)
T = TypeVar("T")


class _Thread(threading.local):
    has_changed = False


class _Shelf:
    """The one thing that is kept; every change of it is a new edition."""

    def __init__(self) -> None:
        self.edition = 0
        self.until = 0.0
        self.value: Any = None

    def clear(self) -> None:
        self.edition += 1
        self.until = 0.0


_shelf = _Shelf()
_thread = _Thread()


def forget() -> None:
    """Read anew next time."""
    _thread.has_changed = False
    _shelf.clear()


def recall(read: Callable[[], T]) -> T:
    """Return what `read` returned a moment ago, else what it returns now."""
    if _thread.has_changed:
        if any(hook[1] is forget for hook in connection.run_on_commit):
            return read()  # the transaction that changed it is still open
        forget()
    if time.monotonic() < _shelf.until:
        kept: T = _shelf.value
        return kept
    edition = _shelf.edition
    value = read()
    if edition == _shelf.edition:
        _shelf.value, _shelf.until = value, time.monotonic() + GOOD_FOR_S
    return value


def _note_change(**_signal: Any) -> None:
    _shelf.clear()
    if connection.in_atomic_block:
        _thread.has_changed = True
        transaction.on_commit(forget)


class WatchedQuerySet(models.QuerySet[M]):
    """Rows whose changes by statement are noted as well as those by `save` and `delete`."""

    def update(self, **fields: Any) -> int:
        changed = super().update(**fields)
        _note_change()
        return changed

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, *arguments: Any, **options: Any) -> list[M]:
        made = super().bulk_create(*arguments, **options)
        _note_change()
        return made


def watch(*kinds: type[models.Model]) -> None:
    """Note each change of the rows of these models."""
    for kind in kinds:
        for signal in (post_save, post_delete):
            signal.connect(_note_change, sender=kind, dispatch_uid=f"notifications.kept.{kind.__name__}")


setting_changed.connect(lambda **_signal: forget(), weak=False, dispatch_uid="notifications.kept")
