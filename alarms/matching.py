"""Which alarms a silence or an inhibition means, pure.

A matcher is `name=value`, `name!=value` or `name^=value` (begins with); a text holds one a line, and
all must hold. The names are the alarm's labels, and of the alarm itself `key`, `source`, `severity`,
`level`, `subject` and `group_key`. A label that an alarm does not have is an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

OWN = ("key", "source", "severity", "level", "subject", "group_key")
"""What every alarm has; a label of the same name does not hide it."""

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


def matches(matchers: Sequence[Matcher], facts: Mapping[str, str]) -> bool:
    """Say whether all matchers hold; no matcher at all means nothing."""
    return bool(matchers) and all(one.holds(facts) for one in matchers)
