"""What a group used in each shift of some days, from the readings themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db.models import Q

from energy.metering import midnights
from energy.metering.shifts import Turns, read_between, turns
from energy.models import Device, EnergyType, Shift
from energy.selectors.curves import Curve, curves
from energy.selectors.kept import kept_plant, kept_shares, structure_mark
from energy.selectors.pages import meter_weights

Weights = Sequence[tuple[date, date, Mapping[int, int]]]


@dataclass(frozen=True, slots=True)
class ShiftUse:
    """The use of one turn in whole steps; without a shift it is what was used between the shifts of a day.

    In `read_s` of its `length_s` seconds up to now all meters of the group have readings.
    """

    shift: Shift | None
    day: date
    begin: datetime
    end: datetime
    amount: int
    read_s: int
    length_s: int


def shifts_of(first: date, last: date) -> list[Shift]:
    """Return the shifts that hold on some of the days first…last, as they follow on each other. One query."""
    rows = Shift.objects.filter(start__lte=last).filter(Q(end__isnull=True) | Q(end__gt=first))
    return sorted(rows, key=lambda shift: (shift.begins, shift.start))


def shift_uses(
    energy_type: EnergyType, group: int, shifts: Sequence[Shift], first: date, last: date, now: datetime
) -> list[ShiftUse]:
    """Return the turns that begin on the days first…last, up to now. Five queries, more at first.

    With what lies between them they add up to the use from the first border to the last, exactly.
    """
    zone = ZoneInfo(settings.TIME_ZONE)
    its = turns([shift.rule for shift in shifts], first, last, zone)
    if not len(its.begin) or its.begin[0] >= now.timestamp():
        return []
    after = last + timedelta(days=1)
    weights = _weights(energy_type, group, first, after)
    known = {pk for _start, _end, one in weights for pk in one}
    devices = list(Device.objects.filter(pk__in=known).select_related("energy_type"))
    found = curves(devices, first, after)
    stop = min(int(its.end.max()), int(now.timestamp()))
    moments = _moments(its, stop, first, after, found, zone)
    owners = its.owners(moments[:-1])
    days = np.searchsorted(midnights(first, after, zone), moments[:-1], side="right") - 1
    length_s = np.diff(moments)
    amounts, read = np.zeros(len(owners), dtype=np.int64), length_s.copy()
    silence = {device.pk: device.silence_s for device in devices}
    for start, end, one in weights:
        here = (days >= (start - first).days) & (days < (end - first).days)
        if not one or not one.keys() <= found.keys():
            read[here] = 0
        for pk in one.keys() & found.keys():
            amounts[here] += one[pk] * found[pk].used_between(moments)[here]
            seconds = read_between(found[pk].course, moments, longest_s=silence[pk])
            read[here] = np.minimum(read, seconds)[here]
    return _summed(its, owners, days, moments, np.stack([amounts, read, length_s]), shifts, first)


def _weights(energy_type: EnergyType, group: int, first: date, last: date) -> Weights:
    mark = structure_mark()
    plant = kept_plant(energy_type, mark)
    at = plant.groups[group]
    return [
        (span.start, span.end, meter_weights(plant, span.signs[at].tolist()))
        for span in kept_shares(energy_type, plant, mark, first, last)
    ]


def _moments(
    its: Turns, stop: int, first: date, last: date, found: Mapping[int, Curve], zone: ZoneInfo
) -> np.ndarray:
    """Return what parts the time into pieces of one turn, one day, and factors that do not change."""
    changes = [moment for curve in found.values() for moment in curve.factors.moments]
    every = np.concatenate(
        [its.begin, its.end, midnights(first, last, zone), np.array(changes, dtype=np.int64)]
    )
    inside = every[(every > its.begin[0]) & (every < stop)]
    return np.unique(np.concatenate([[its.begin[0], stop], inside]))


def _summed(
    its: Turns,
    owners: np.ndarray,
    days: np.ndarray,
    moments: np.ndarray,
    figures: np.ndarray,
    shifts: Sequence[Shift],
    first: date,
) -> list[ShiftUse]:
    """Return the pieces put together: by turn, and by day what lies in no turn."""
    keys = np.where(owners >= 0, owners, len(its.begin) + days)
    uses = []
    for key in np.unique(keys).tolist():
        mine = np.flatnonzero(keys == key)
        amount, read_s, length_s = figures[:, mine].sum(axis=1).tolist()
        is_turn = key < len(its.begin)
        day = int(its.day[key]) if is_turn else key - len(its.begin)
        begin = its.begin[key] if is_turn else moments[mine[0]]
        end = its.end[key] if is_turn else moments[mine[-1] + 1]
        uses.append(
            ShiftUse(
                shifts[int(its.shift[key])] if is_turn else None,
                first + timedelta(days=day),
                datetime.fromtimestamp(int(begin), UTC),
                datetime.fromtimestamp(int(end), UTC),
                amount,
                read_s,
                length_s,
            )
        )
    return uses
