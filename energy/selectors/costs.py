"""What the use of a month cost: of each device and group by bands, and the charges of the whole plant.

Uses are whole steps and prices decimal: the costs of the parts of something add up to its cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np

from energy.choices import DemandBasis
from energy.metering import with_virtual
from energy.metering.charges import power_factor_pct
from energy.metering.tree import product
from energy.models import DeviceMonth, EnergyType, GroupDemand, Month, PowerFactor
from energy.selectors.kept import kept_plant, kept_shares, structure_mark
from energy.selectors.structure import PlantMap
from energy.selectors.tariffs import BANDS, DayRates, Rate, day_rates
from energy.selectors.totals import next_month
from spc_site.bulk import collector_paused


@dataclass(frozen=True, slots=True)
class Cost:
    """The use of something by bands, in steps, and what it cost; None for days without a tariff."""

    bands: Sequence[int]
    money: Decimal | None

    @property
    def amount(self) -> int:
        return sum(self.bands)


@dataclass(frozen=True, slots=True)
class Demand:
    """The largest quarter of an hour of something in a month, in steps."""

    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Charges:
    """The bill of the whole plant.

    energy  what its use cost
    basis   what the capacity charge is taken from, and `size` of it (kW or kVA); None without
    factor  the power factor of the month and `factor_pct`, the percent that it adds
    """

    energy: Decimal
    basis: str
    size: Decimal | None
    demand: Decimal
    factor: Decimal | None
    factor_pct: Decimal
    adjustment: Decimal

    @property
    def total(self) -> Decimal:
        return self.energy + self.demand + self.adjustment


@dataclass(frozen=True, slots=True)
class MonthCosts:
    """The costs of one energy type in one month.

    `is_due` says that days or tariff changed since: what is shown will change soon.
    """

    plant: PlantMap
    rates: Sequence[Rate]
    devices: Mapping[int, Cost]
    groups: Mapping[int, Cost]
    charges: Charges | None
    is_due: bool
    has_uncovered_days: bool


def month_costs(energy_type: EnergyType, month: date, roots: Sequence[int]) -> MonthCosts:
    """Return the costs of a month; `roots` are the groups that the bill is for. Thirteen queries."""
    last = next_month(month) - timedelta(days=1)
    mark = structure_mark()
    plant, rates = kept_plant(energy_type, mark), day_rates(energy_type, month, last)
    days = len(rates.bands)
    bands = _bands(energy_type, month, plant, days)
    groups = np.zeros((len(plant.groups), days, len(BANDS)), dtype=np.int64)
    for span in kept_shares(energy_type, plant, mark, month, last):
        here = slice((span.start - month).days, (span.end - month).days)
        block = bands[:, here].reshape(len(bands), -1)
        groups[:, here] = product(span.signs, block).reshape(len(groups), -1, len(BANDS))
    known = list(dict.fromkeys(rate for rate in rates.rates if rate is not None))
    group_costs = _costs(energy_type, plant.groups, groups, rates)
    charges = None
    if known and roots:
        charges = _charges(energy_type, month, known[-1], [group_costs[pk] for pk in roots], roots)
    state = (
        Month.objects.filter(energy_type=energy_type, month=month).values_list("is_due", flat=True).first()
    )
    return MonthCosts(
        plant,
        known,
        _costs(energy_type, plant.devices, bands, rates),
        group_costs,
        charges,
        bool(state),
        any(rate is None for rate in rates.rates),
    )


def _bands(energy_type: EnergyType, month: date, plant: PlantMap, days: int) -> np.ndarray:
    """Return (m, d, b) the use of each device by days and bands. One query."""
    bands = np.zeros((len(plant.devices), days, len(BANDS)), dtype=np.int64)
    stored = DeviceMonth.objects.filter(energy_type=energy_type, month=month).exclude(bands=b"").order_by()
    size = 8 * days * len(BANDS)
    with collector_paused():
        rows = [
            (plant.devices[pk], bytes(packed))
            for pk, packed in stored.values_list("device_id", "bands")
            if pk in plant.devices and len(packed) == size
        ]
    if rows:
        packed = np.frombuffer(b"".join(row[1] for row in rows), dtype="<i8")
        bands[[row[0] for row in rows]] = packed.reshape(len(rows), days, -1)
    return with_virtual(plant.plant, bands.reshape(len(bands), -1)).reshape(bands.shape)


def _costs(
    energy_type: EnergyType, places: Mapping[int, int], bands: np.ndarray, rates: DayRates
) -> dict[int, Cost]:
    """Return the costs by primary key; the sums of each tariff's days are whole, their prices decimal."""
    by_rate: dict[Rate | None, list[int]] = {}
    for day, rate in enumerate(rates.rates):
        by_rate.setdefault(rate, []).append(day)
    sums = {rate: bands[:, days].sum(axis=1).tolist() for rate, days in by_rate.items()}
    prices = {
        rate: [price * energy_type.step for price in rate.prices] for rate in by_rate if rate is not None
    }
    whole = bands.sum(axis=1).tolist()
    found = {}
    for pk, place in places.items():
        money: Decimal | None = Decimal(0) if prices else None
        for rate, its in prices.items():
            assert money is not None
            for steps, price in zip(sums[rate][place], its, strict=True):
                if steps:
                    money += steps * price
        found[pk] = Cost(whole[place], money)
    return found


def _charges(
    energy_type: EnergyType, month: date, rate: Rate, roots: Sequence[Cost], groups: Sequence[int]
) -> Charges:
    """Return the bill: energy, capacity, power factor. Two queries."""
    tariff = rate.tariff
    energy = sum((cost.money or Decimal(0) for cost in roots), Decimal(0))
    size: Decimal | None = None
    if tariff.demand_basis == DemandBasis.MAXIMUM:
        found = demands_of_groups(energy_type, month)
        size = sum((energy_type.amount(4 * found[pk].amount) for pk in groups if pk in found), Decimal(0))
    elif tariff.demand_basis == DemandBasis.CAPACITY:
        size = tariff.capacity_kva
    demand = (size or Decimal(0)) * tariff.demand_price
    factor = (
        PowerFactor.objects.filter(energy_type=energy_type, month=month)
        .values_list("value", flat=True)
        .first()
    )
    percent = Decimal(0)
    if factor is not None and tariff.power_factor_target is not None:
        percent = power_factor_pct(factor, tariff.power_factor_target)
    return Charges(
        energy,
        tariff.demand_basis,
        size,
        demand,
        factor,
        percent,
        (energy + demand) * percent / 100,
    )


def demands_of_groups(energy_type: EnergyType, month: date) -> dict[int, Demand]:
    """Return the largest quarter of an hour of each group. One query."""
    rows = GroupDemand.objects.filter(month__energy_type=energy_type, month__month=month)
    return {pk: Demand(amount, at) for pk, amount, at in rows.values_list("group_id", "amount", "at")}


def demands_of_devices(energy_type: EnergyType, month: date) -> list[tuple[int, Demand]]:
    """Return the largest quarter of an hour of each meter, the highest first. One query."""
    rows = DeviceMonth.objects.filter(energy_type=energy_type, month=month, demand__isnull=False)
    return [
        (pk, Demand(amount, at))
        for pk, amount, at in rows.order_by("-demand", "device").values_list(
            "device_id", "demand", "demand_at"
        )
        if amount is not None and at is not None
    ]
