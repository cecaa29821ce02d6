"""What people call a credential: its group and its masked key, instead of the digest in the rows."""

from __future__ import annotations

from collections.abc import Iterable

from notifications import channels


def labels(names: Iterable[str]) -> dict[str, str]:
    """Return the labels of those that are still in use. A query for each channel with rows of its own."""
    wanted = set(names)
    found: dict[str, str] = {}
    for code in {name.partition(":")[0] for name in wanted}:
        driver = channels.driver_for(code)
        try:
            pool = driver.pool() if driver is not None else ()
        except channels.NotConfigured:
            continue
        found |= {one.name: one.label for one in pool if one.name in wanted}
    return found


def label_of(name: str) -> str:
    """Return the label of one credential; blank where it is gone."""
    return labels([name]).get(name, "")
