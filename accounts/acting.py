"""Who acts right now, and through which door: what services write into their audit.

The web's middleware says it for the time of a request, a management command for the time of its
run. Where nobody said anything, the system itself acts (a job, the pump).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import models
from django.utils.translation import gettext_lazy as _


class Door(models.TextChoices):
    """Through what an act came in."""

    ADMIN = "admin", _("后台")
    PAGE = "page", _("页面")
    API = "api", _("接口")
    COMMAND = "command", _("命令")
    SYSTEM = "system", _("系统")


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts: a person, or nobody (None) where a command or the system does."""

    door: Door = Door.SYSTEM
    user: User | None = None


_source: ContextVar[Callable[[], Acting]] = ContextVar("acting", default=Acting)


def current() -> Acting:
    """Return who acts now."""
    return _source.get()()


@contextmanager
def acting_from(source: Callable[[], Acting]) -> Iterator[None]:
    """Let `source` say who acts; it is asked when it matters, since a token is read late."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


@contextmanager
def acting(door: Door, user: User | None = None) -> Iterator[None]:
    """Act through a door for the time of the block."""
    with acting_from(lambda: Acting(door, user)):
        yield
