"""Whose use is whose: meters in a tree of groups, each counted once.

Definitions, for a group G on a day d:

    members    meters attached on d to G or to any group below it; a set, so two ways count once
    frontier   members without those that have an upstream meter among the members
    use        use of the frontier, less the use of meters attached with sign -1 that a member
               covers (one that none covers is simply not counted)

A virtual meter is a whole-numbered sum of meters; it counts as one meter, and its parts lie
behind it as sub-meters do. Groups, meters and days are places in arrays (0, 1, 2 …).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from energy.metering.errors import MeterError

_EVER = date.max


@dataclass(frozen=True, slots=True)
class Attachment:
    """A meter that belongs to a group on the days start ≤ day < end."""

    meter: int
    group: int
    start: date = date.min
    end: date = _EVER
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Upstream:
    """A meter behind another on the days start ≤ day < end: its use lies inside the other's."""

    meter: int
    behind: int
    start: date = date.min
    end: date = _EVER


@dataclass(frozen=True, slots=True)
class Plant:
    """The structure of one energy type.

    parents      (g,) the group above each group, or None
    meters       how many meters there are
    virtual      by meter: the meters that make it up, and how many times each counts
    """

    parents: Sequence[int | None]
    meters: int
    attachments: Sequence[Attachment] = ()
    upstream: Sequence[Upstream] = ()
    virtual: Mapping[int, Mapping[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        groups = range(len(self.parents))
        meters = range(self.meters)
        _must_lie("parents", (parent for parent in self.parents if parent is not None), groups)
        _must_lie("attachments", (one.group for one in self.attachments), groups)
        _must_lie("attachments", (one.meter for one in self.attachments), meters)
        _must_lie("upstream", (place for one in self.upstream for place in (one.meter, one.behind)), meters)
        _must_lie(
            "virtual", (place for whole, parts in self.virtual.items() for place in (whole, *parts)), meters
        )
        if any(one.sign not in (1, -1) for one in self.attachments):
            raise MeterError("attachments", "a sign is 1 or -1")
        _no_circle("parents", {n: {above} for n, above in enumerate(self.parents) if above is not None})
        _no_circle("virtual", {whole: set(parts) for whole, parts in self.virtual.items()})


@dataclass(frozen=True, slots=True)
class Shares:
    """What counts for each group on the days start ≤ day < end, between two changes of structure.

    signs  (g, m) 1: in the frontier; -1: subtracted; 0: neither. Where it is not 0 the group's use
           cannot be known without a reading
    """

    start: date
    end: date
    signs: np.ndarray


def _must_lie(argument: str, places: Iterable[int], within: range) -> None:
    for place in places:
        if place not in within:
            raise MeterError(argument, f"{place} is none of the {len(within)} that there are")


def _no_circle(argument: str, above: Mapping[int, set[int]]) -> None:
    """Raise MeterError if somebody stands above himself."""
    for start in above:
        for one in _all_above(start, above):
            if one == start:
                raise MeterError(argument, f"{start} stands above itself")


def _all_above(start: int, above: Mapping[int, set[int]]) -> set[int]:
    """Return everything above a place, at any height; the place itself only in a circle."""
    found: set[int] = set()
    waiting = list(above.get(start, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(above.get(one, ()))
    return found


def shares(plant: Plant, first: date, last: date, *, groups: Sequence[int] | None = None) -> list[Shares]:
    """Return what counts for each group on the days first…last, by spans of one structure.

    With `groups` only theirs, in that order.

    Raises MeterError if on some day a meter lies behind itself, and if last lies before first.
    """
    if last < first:
        raise MeterError("last", "must not lie before first")
    end = last + timedelta(days=1)
    changes = {first, end}
    dated: list[Attachment | Upstream] = [*plant.attachments, *plant.upstream]
    for one in dated:
        changes.update(day for day in (one.start, one.end) if first < day < end)
    days = sorted(changes)
    rows = slice(None) if groups is None else list(groups)
    return [Shares(start, stop, _signs(plant, start)[rows]) for start, stop in pairwise(days)]


def _signs(plant: Plant, day: date) -> np.ndarray:
    shape = (len(plant.parents), plant.meters)
    added, taken = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    above = {n: {parent} for n, parent in enumerate(plant.parents) if parent is not None}
    lines = [np.array([group, *_all_above(group, above)]) for group in range(len(plant.parents))]
    for one in plant.attachments:
        if one.start <= day < one.end:
            (added if one.sign > 0 else taken)[lines[one.group], one.meter] = True
    members = added & ~taken
    front = _in_front(plant, day)
    covered = _covered(members, front)
    return (members & ~covered).astype(np.int8) - (taken & covered & ~_covered(taken, front))


def _in_front(plant: Plant, day: date) -> np.ndarray:
    """Return (m, k) the meters that stand in front of each, at any height; the rest is `plant.meters`."""
    front: dict[int, set[int]] = {}
    for one in plant.upstream:
        if one.start <= day < one.end:
            front.setdefault(one.meter, set()).add(one.behind)
    for whole, parts in plant.virtual.items():
        for part in parts:
            front.setdefault(part, set()).add(whole)
    above: dict[int, frozenset[int]] = {}
    for meter in front:
        _climb(meter, front, above, ())
    most = max(map(len, above.values()), default=0)
    found = np.full((plant.meters, most), plant.meters, dtype=np.int64)
    for meter, its in above.items():
        found[meter, : len(its)] = list(its)
    return found


def _climb(
    meter: int, front: Mapping[int, set[int]], above: dict[int, frozenset[int]], path: tuple[int, ...]
) -> frozenset[int]:
    """Return everything in front of a meter, and remember it."""
    if meter in above:
        return above[meter]
    if meter in path:
        raise MeterError("upstream", f"{meter} stands above itself")
    found: set[int] = set()
    for one in front.get(meter, ()):
        found.add(one)
        found |= _climb(one, front, above, (*path, meter))
    above[meter] = frozenset(found)
    return above[meter]


def _covered(among: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Return (g, m): for which groups some meter in front of m is one of theirs."""
    with_nobody = np.concatenate([among, np.zeros((len(among), 1), dtype=bool)], axis=1)
    covered = np.zeros_like(among)
    for place in range(front.shape[1]):
        covered |= with_nobody[:, front[:, place]]
    return covered


def with_virtual(plant: Plant, use: np.ndarray) -> np.ndarray:
    """Return (m, d) use in which each virtual meter has the sum of its parts; the input stays."""
    filled = use.copy()
    done: set[int] = set()

    def fill(whole: int) -> None:
        if whole in done:
            return
        done.add(whole)
        filled[whole] = 0
        for part, times in plant.virtual[whole].items():
            if part in plant.virtual:
                fill(part)
            filled[whole] += times * filled[part]

    for whole in plant.virtual:
        fill(whole)
    return filled


def group_use(plant: Plant, use: np.ndarray, first: date) -> np.ndarray:
    """Return the use of every group on every day.

    Parameters
        use    (m, d) whole numbers: the use of each meter on each day, in one unit for all
        first  the day of the first column

    Returns (g, d) whole numbers in that unit.

    Raises MeterError if `use` has another shape or is not whole.
    """
    if use.ndim != 2 or use.shape[0] != plant.meters:
        raise MeterError("use", f"must have a row for each of the {plant.meters} meters")
    if use.dtype.kind not in "iu":
        raise MeterError("use", "must be whole numbers")
    days = use.shape[1]
    result = np.zeros((len(plant.parents), days), dtype=np.int64)
    if not days:
        return result
    filled = with_virtual(plant, use.astype(np.int64))
    for span in shares(plant, first, first + timedelta(days=days - 1)):
        here = slice((span.start - first).days, (span.end - first).days)
        result[:, here] = product(span.signs, filled[:, here])
    return result


def product(signs: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Return signs @ amounts, exactly: in floating point, which is quick, where no sum can pass 2^53."""
    largest = int(np.abs(amounts).max(initial=0)) * signs.shape[1]
    if largest >= 2**53:
        return signs.astype(np.int64) @ amounts
    exact = signs.astype(np.float64, copy=False) @ amounts.astype(np.float64)
    return np.rint(exact).astype(np.int64)


def unmeasured(
    plant: Plant, use: np.ndarray, starts: Sequence[date], *, meters: Iterable[int]
) -> dict[int, np.ndarray]:
    """Return the use of meters that none of their direct sub-meters shows; negative by the meters' error.

    Parameters
        use     (m, k) whole numbers: the use of each meter, virtual ones too, in each stretch of days
        starts  (k,) the first day of each stretch, in which no link begins or ends
        meters  whose rest is wanted

    Returns (k,) whole numbers for each of the meters that has a sub-meter in one of the stretches.
    """
    wanted = set(meters)
    behind: dict[int, list[set[int]]] = {}
    for one in plant.upstream:
        if one.behind not in wanted:
            continue
        for place, day in enumerate(starts):
            if one.start <= day < one.end:
                behind.setdefault(one.behind, [set() for _ in starts])[place].add(one.meter)
    return {
        meter: use[meter]
        - np.array([use[sorted(subs), place].sum() for place, subs in enumerate(its)], dtype=np.int64)
        for meter, its in behind.items()
    }
