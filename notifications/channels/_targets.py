"""Lists of names in a target: taken apart, and put together in pieces that fit a row."""

from __future__ import annotations

import re
from collections.abc import Iterable

LENGTH = 255
"""So many characters of a target fit into a row."""

_SEPARATORS = re.compile(r"[|,，;；、\s]+")


def names_in(target: str) -> list[str]:
    """Return the names of a target, each once, in order."""
    return list(dict.fromkeys(name for name in _SEPARATORS.split(target) if name))


def in_lots(names: Iterable[str], separator: str) -> list[str]:
    """Return names in lists that fit a row each; one that does not fit alone is cut."""
    lots = [""]
    for name in names:
        longer = f"{lots[-1]}{separator}{name}" if lots[-1] else name[:LENGTH]
        if len(longer) > LENGTH:
            lots.append(name[:LENGTH])
        else:
            lots[-1] = longer
    return lots
