"""The use of a group of meters, read off the definition: sets, one group and one day at a time."""

from __future__ import annotations

from datetime import date

from energy.metering import Plant


def below(plant: Plant, group: int) -> set[int]:
    """The group and everything under it."""
    found = {group}
    while more := {n for n, parent in enumerate(plant.parents) if parent in found} - found:
        found |= more
    return found


def in_front(plant: Plant, meter: int, day: date) -> set[int]:
    """All meters in front of one, at any distance."""
    found: set[int] = set()
    while True:
        more = {u.behind for u in plant.upstream if u.meter in found | {meter} and u.start <= day < u.end}
        more |= {w for w, parts in plant.virtual.items() if (found | {meter}) & parts.keys()}
        if more <= found:
            return found
        found |= more


def meter_use(plant: Plant, use: list[list[int]], meter: int, column: int) -> int:
    if meter in plant.virtual:
        return sum(k * meter_use(plant, use, part, column) for part, k in plant.virtual[meter].items())
    return use[meter][column]


def group_use(plant: Plant, use: list[list[int]], group: int, day: date, column: int) -> int:
    groups = below(plant, group)
    here = [a for a in plant.attachments if a.group in groups and a.start <= day < a.end]
    taken = {a.meter for a in here if a.sign < 0}
    members = {a.meter for a in here if a.sign > 0} - taken
    frontier = {m for m in members if not in_front(plant, m, day) & members}
    minus = {m for m in taken if in_front(plant, m, day) & members and not in_front(plant, m, day) & taken}
    return sum(meter_use(plant, use, m, column) for m in frontier) - sum(
        meter_use(plant, use, m, column) for m in minus
    )
