"""What people call the sources of messages and alarms: each room names its own, beside its events.

A source is a short text that never changes (`energy.quota`): rules, routes, matchers and addresses ask
for it. People read its name. One that nobody named, as a program's own, shows itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.functional import Promise

_known: dict[str, str | Promise] = {}


def declare(source: str, label: str | Promise) -> None:
    """Name a source, or a pattern (`energy*`) that rules are written with."""
    _known[source] = label


def label_of(source: str) -> str:
    """Return what people call a source, in the language of now."""
    return str(_known.get(source, source))


def choices_of(sources: Iterable[str]) -> list[tuple[str, str]]:
    """Return sources with their names, as a form or a filter offers them."""
    return [(source, label_of(source)) for source in sources]
