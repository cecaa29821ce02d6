"""The structure of an energy type, kept in this process while its mark stays the same.

Thousands of attachments are read and put in order in tens of milliseconds, and change a few
times a year. Whoever saves structure sets a new mark (`energy.signals`); what is written past
the signals is seen after a minute.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

import numpy as np

from energy.metering import Shares, shares
from energy.models import EnergyType, StructureStamp
from energy.selectors.structure import PlantMap, plant_of

KEPT_S = 60.0
_MOST = 12
_Thing = TypeVar("_Thing")
_kept: OrderedDict[tuple[Any, ...], tuple[float, Any]] = OrderedDict()


def structure_mark() -> str:
    """Return the mark of the present structure. One query."""
    return StructureStamp.objects.filter(pk=1).values_list("mark", flat=True).first() or ""


def _keep(key: tuple[Any, ...], make: Callable[[], _Thing]) -> _Thing:
    now = time.monotonic()
    known = _kept.get(key)
    if known is not None and known[0] > now:
        _kept.move_to_end(key)
        thing: _Thing = known[1]
        return thing
    thing = make()
    if key[0]:  # before there is any mark nothing can be kept
        _kept[key] = (now + KEPT_S, thing)
        while len(_kept) > _MOST:
            _kept.popitem(last=False)
    return thing


def kept_plant(energy_type: EnergyType, mark: str) -> PlantMap:
    """Return `plant_of`; no query while it is kept, five else."""
    return _keep((mark, "plant", energy_type.pk), lambda: plant_of(energy_type))


def kept_shares(energy_type: EnergyType, plant: PlantMap, mark: str, first: date, last: date) -> list[Shares]:
    """Return `metering.shares`, the signs as floating-point numbers, ready to be multiplied with."""

    def make() -> list[Shares]:
        spans = shares(plant.plant, first, last)
        return [replace(span, signs=span.signs.astype(np.float64)) for span in spans]

    return _keep((mark, "shares", energy_type.pk, first, last), make)
