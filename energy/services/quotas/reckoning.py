"""Reckon how quotas stand: read the days of each energy type once, judge every quota from them.

Nothing is written here. What goes wrong with one quota, or with the structure of one energy type,
is an error of that quota or of the quotas of that type; the others are reckoned all the same.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from energy.metering.usage import WEEKDAY_WEEKS, Days, Figures, Readings, Targets, figures
from energy.models import ConversionFactor, EnergyQuota, EnergyType
from energy.models.quotas import COMPOSITE_STEP
from energy.periods import Span
from energy.selectors.days import day_matrix
from energy.selectors.structure import plant_of

log = logging.getLogger("energy.quotas")

_LOOK_BACK = timedelta(weeks=WEEKDAY_WEEKS)
_FINE_STEP = Decimal("1e-17")
"""Use in tonnes of standard coal or CO2: millionths of a unit × hundred-millionths of a kilogram."""
_FINE_PER_KEPT = int(COMPOSITE_STEP / _FINE_STEP)


@dataclass(frozen=True, slots=True)
class Task:
    """A quota to be reckoned in one period, and its value there."""

    quota: EnergyQuota
    span: Span
    value: Decimal


@dataclass(frozen=True, slots=True)
class Reckoned:
    """How a quota stands in a period; or why that cannot be said.

    daily  the uses of the days, in whole numbers of `QuotaUsage.daily_step`; None: not read
    top    the meters that used most: code, name and use
    """

    task: Task
    figures: Figures | None = None
    daily: list[int | None] = field(default_factory=list)
    top: list[dict[str, str]] = field(default_factory=list)
    error: str = ""


class NotComparable(Exception):
    """A quota that cannot be judged by what is set up; the message is for people."""


def reckon(tasks: Sequence[Task], *, as_of: date) -> list[Reckoned]:
    """Judge quotas by the use as of a day. Eight queries for each energy type, two for composites."""
    if not tasks:
        return []
    plants = _Plants(tasks, as_of)
    return [_reckon(task, plants, as_of) for task in tasks]


def _reckon(task: Task, plants: _Plants, as_of: date) -> Reckoned:
    quota, span = task.quota, task.span
    try:
        days, step = plants.days_of(task)
        found = figures(
            days,
            quota.limits_at(task.value),
            first=span.first,
            last=span.last,
            as_of=as_of,
            step=step,
            min_coverage=quota.min_coverage_pct,
        )
        here = days.window(span.first, min(span.last, as_of))
        return Reckoned(task, found, _kept(here, step), plants.top_of(task, as_of))
    except Exception as error:
        # Whatever is odd about one quota, the others are checked.
        if not isinstance(error, NotComparable):
            log.exception("quota %d cannot be reckoned for %s", quota.pk, span.first)
        return Reckoned(task, error=str(error)[:255] or type(error).__name__)


def _kept(days: Days, step: Decimal) -> list[int | None]:
    use = days.use if step != _FINE_STEP else days.use // _FINE_PER_KEPT
    kept: list[Any] = use.tolist()
    for place in np.flatnonzero(~days.known).tolist():
        kept[place] = None
    return kept


# --- energy types -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Metered:
    """The days of all targets of one energy type."""

    energy_type: EnergyType
    targets: Targets
    groups: Mapping[int, int]
    devices: Mapping[int, int]
    names: Mapping[int, tuple[str, str]]


class _Plants:
    """Everything that the quotas of a run are judged by, read once."""

    def __init__(self, tasks: Sequence[Task], as_of: date) -> None:
        self._found: dict[int, _Metered | Exception] = {}
        of_type: defaultdict[int, list[Task]] = defaultdict(list)
        types: dict[int, EnergyType] = {}
        for task in tasks:
            for energy_type in types_of(task.quota):
                types[energy_type.pk] = energy_type
                of_type[energy_type.pk].append(task)
        for pk, its in of_type.items():
            try:
                self._found[pk] = _metered(types[pk], its, as_of)
            except Exception as error:
                log.exception("the structure of energy type %s cannot be read", types[pk].code)
                self._found[pk] = error
        composite = {pk for task in tasks if task.quota.converted_to for pk in of_type}
        self._factors = _Factors(composite) if composite else None

    def days_of(self, task: Task) -> tuple[Days, Decimal]:
        """Return the days of a quota's target and what one step of them is in the quota's unit."""
        quota = task.quota
        if quota.energy_type is not None:
            metered = self._of(quota.energy_type)
            if quota.device_id is not None:
                return metered.targets.of_meter(metered.devices[quota.device_id]), quota.energy_type.step
            assert quota.group_id is not None, "a constraint sees to it"
            return metered.targets.of_group(metered.groups[quota.group_id]), quota.energy_type.step
        return self._converted(task), _FINE_STEP

    def top_of(self, task: Task, as_of: date) -> list[dict[str, str]]:
        """Return the three meters of a group that used most in the period."""
        quota, span = task.quota, task.span
        if quota.group_id is None:
            return []
        found: list[tuple[Decimal, tuple[str, str]]] = []
        for energy_type in types_of(quota):
            metered = self._of(energy_type)
            last = min(span.last, as_of)
            for place, steps in metered.targets.largest(metered.groups[quota.group_id], span.first, last):
                use = steps * energy_type.step
                if quota.converted_to:
                    # For the order and for people: by the factor of the last day.
                    use = (use * self._factor(quota, energy_type, last) / 1000).quantize(COMPOSITE_STEP)
                found.append((use, metered.names[place]))
        found.sort(key=lambda one: (-one[0], one[1]))
        return [
            {"code": code, "name": name, "use": f"{use.normalize():f}"} for use, (code, name) in found[:3]
        ]

    def _of(self, energy_type: EnergyType) -> _Metered:
        found = self._found[energy_type.pk]
        if isinstance(found, Exception):
            raise NotComparable(f"{energy_type}: {found}")
        return found

    def _converted(self, task: Task) -> Days:
        """Return the use of all types of a composite quota, each day by the factor of that day."""
        quota = task.quota
        types = types_of(quota)
        if not types:
            raise NotComparable("没有选择任何能源种类")
        parts = [self._of(one).targets.of_group(self._of(one).groups[quota.group_id]) for one in types]  # type: ignore[index]
        first = max(part.first for part in parts)
        last = min(part.first + timedelta(days=len(part.use) - 1) for part in parts)
        parts = [part.window(first, last) for part in parts]
        use = sum(
            part.use.astype(object) * self._multipliers(quota, one, part)
            for one, part in zip(types, parts, strict=True)
        )
        return Days(
            first,
            np.asarray(use, dtype=object),
            np.sum([part.expected_s for part in parts], axis=0),
            np.sum([part.covered_s for part in parts], axis=0),
            np.any([part.known for part in parts], axis=0),
        )

    def _multipliers(self, quota: EnergyQuota, energy_type: EnergyType, days: Days) -> np.ndarray:
        """Return (d,) what one step is on each day, in `_FINE_STEP`, as whole numbers."""
        assert self._factors is not None
        micro = int(energy_type.step.scaleb(6))
        found = np.zeros(len(days.use), dtype=object)
        used = np.flatnonzero(days.use)
        for place in used.tolist():
            found[place] = micro * int(
                self._factor(quota, energy_type, days.first + timedelta(days=place)).scaleb(8)
            )
        return found

    def _factor(self, quota: EnergyQuota, energy_type: EnergyType, day: date) -> Decimal:
        assert self._factors is not None
        factor = self._factors.of(energy_type.pk, quota.converted_to, quota.factor_region, day)
        if factor is None:
            kind = quota.get_converted_to_display()
            raise NotComparable(f"{energy_type} 在 {day} 没有系数：{kind}")
        return factor


def types_of(quota: EnergyQuota) -> list[EnergyType]:
    """Return the energy types whose use a quota limits; composites need theirs prefetched."""
    return [quota.energy_type] if quota.energy_type is not None else list(quota.energy_types.all())


def _metered(energy_type: EnergyType, tasks: Sequence[Task], as_of: date) -> _Metered:
    spans = [task.span for task in tasks]
    first = min(span.first for span in spans)
    if any(as_of in span for span in spans):
        first = min(first, as_of - _LOOK_BACK)
    last = min(max(span.last for span in spans), as_of)
    plant, devices, groups = plant_of(energy_type)
    matrix = day_matrix(energy_type, first, last)
    readings = Readings(first, matrix.amounts, matrix.covered_s, matrix.has_data, matrix.length_s)
    targets = Targets(
        plant,
        readings,
        groups=sorted({groups[pk] for task in tasks if (pk := task.quota.group_id) in groups}),
        meters=sorted({devices[pk] for task in tasks if (pk := task.quota.device_id) in devices}),
    )
    names = {
        devices[pk]: (code, name) for pk, code, name in energy_type.devices.values_list("pk", "code", "name")
    }
    return _Metered(energy_type, targets, groups, devices, names)


class _Factors:
    """Conversion factors by day: those of a region before the national ones, the newest before older."""

    def __init__(self, energy_types: Iterable[int]) -> None:
        self._rows: defaultdict[tuple[int, str, str], list[tuple[date, Decimal]]] = defaultdict(list)
        rows = ConversionFactor.objects.filter(energy_type__in=set(energy_types)).order_by("valid_from")
        for row in rows:
            self._rows[row.energy_type_id, row.kind, row.region].append((row.valid_from, row.value))

    def of(self, energy_type: int, kind: str, region: str, day: date) -> Decimal | None:
        """Return the factor that holds on a day; None where there is none yet."""
        for where in dict.fromkeys((region, "")):
            for valid_from, value in reversed(self._rows[energy_type, kind, where]):
                if valid_from <= day:
                    return value
        return None


__all__ = ["NotComparable", "Reckoned", "Task", "reckon", "types_of"]
