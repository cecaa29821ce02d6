"""Which alarms a silence or an inhibition means; nothing here reads rows.

A matcher is `name=value`, `name!=value` or `name^=value` (begins with); a text holds one a line, and
all must hold. The names are the alarm's labels, and of the alarm itself `key`, `source`, `severity`,
`level`, `subject` and `group_key`. A label that an alarm does not have is an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _

OWN = ("key", "source", "severity", "level", "subject", "group_key")
"""What every alarm has; a label of the same name does not hide it."""

_TEXTS = tuple(name for name in OWN if name != "level")
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*", re.ASCII)
"""A name that every database takes for the key of a label, and for nothing else."""

_LINE = re.compile(r"(?P<name>[^\s=!^]+)\s*(?P<how>=|!=|\^=)\s*(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one value of an alarm."""

    name: str
    how: str
    value: str

    def holds(self, facts: Mapping[str, str]) -> bool:
        found = facts.get(self.name, "")
        if self.how == "^=":
            return found.startswith(self.value)
        return (found == self.value) == (self.how == "=")


@lru_cache(maxsize=512)
def parse(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of a text; raises ValueError with the line that is none, or when there is none."""
    found: list[Matcher] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(line)
        found.append(Matcher(match["name"], match["how"], match["value"].strip()))
    if not found:
        raise ValueError("")
    return tuple(found)


def validate(text: str) -> None:
    """Refuse a text of matchers that says nothing, or that cannot be read."""
    try:
        parse(text)
    except ValueError as error:
        if not str(error):
            raise ValidationError(_("至少要有一个条件。")) from error
        raise ValidationError(
            _("看不懂“%(line)s”：请写成 名称=值、名称!=值 或 名称^=开头。") % {"line": error}
        ) from error


def facts_of(alarm: Any) -> dict[str, str]:
    """Return what matchers look at: the labels of an alarm, and its own columns."""
    labels = {str(name): str(value) for name, value in alarm.labels.items()}
    return labels | {name: str(getattr(alarm, name)) for name in OWN}


def may_match(matchers: Sequence[Matcher]) -> Q:
    """Return a condition that every alarm meets for which all matchers hold; others may meet it, too.

    So the database leaves out most rows, and `matches` decides about the rest.
    """
    found = Q()
    for one in matchers:
        if one.name in _TEXTS and one.how != "!=":
            found &= Q(**{one.name if one.how == "=" else f"{one.name}__startswith": one.value})
        elif one.name not in OWN and one.how == "=" and one.value and _PLAIN_KEY.fullmatch(one.name):
            found &= Q(Exact(KeyTextTransform(one.name, "labels"), one.value))
    return found


def any_may_match(texts: Iterable[Sequence[Matcher]]) -> Q:
    """Return a condition that every alarm meets that one of several texts of matchers means."""
    some = [may_match(matchers) for matchers in texts]
    # An empty condition means all; joined with another by OR, Django would drop it.
    return reduce(or_, some) if all(some) else Q()


def matches(matchers: Sequence[Matcher], facts: Mapping[str, str]) -> bool:
    """Say whether all matchers hold; no matcher at all means nothing."""
    return bool(matchers) and all(one.holds(facts) for one in matchers)
