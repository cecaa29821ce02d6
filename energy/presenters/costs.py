"""Costs, demands, unit consumption, conversions and ranks as rows of tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from energy.choices import Band, DemandBasis, FactorKind
from energy.models import Device, DeviceGroup, EnergyType
from energy.presenters import numbers
from energy.presenters.periods import Period
from energy.presenters.tree import Coverage, children_of, coverage, share_of_time, upper_levels
from energy.selectors.carbon import TypeUse
from energy.selectors.costs import Charges, Cost, Demand, MonthCosts
from energy.selectors.output import UnitUse
from energy.selectors.tariffs import BANDS
from energy.selectors.totals import Totals
from spc_site.lib.svg import Bar, ChartSpec, LayoutName, bars, render_responsive

_MOST_BARS = 12


# --- costs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BandShare:
    """The use of one band: text, and its share of all for a bar."""

    band: Band
    text: str
    share: str
    width: int


@dataclass(frozen=True, slots=True)
class CostRow:
    """What one group or meter cost."""

    name: str
    url: str
    depth: int
    cost: Cost
    bands: Sequence[BandShare]
    amount: str
    money: str


def shown_bands(found: MonthCosts) -> list[Band]:
    """Return the bands that the tariffs of the month tell apart; the flat one alone if none does."""
    used = {span.band for rate in found.rates for span in rate.timetable.spans} | {BANDS.index(Band.FLAT)}
    return [band for place, band in enumerate(BANDS) if place in used]


def group_rows(
    groups: Sequence[DeviceGroup],
    found: MonthCosts,
    energy_type: EnergyType,
    period: Period,
    *,
    whole_tree: bool = False,
) -> list[CostRow]:
    """Return the groups as a flattened tree, those with any use; a long one is cut to its upper levels."""
    below = children_of(groups)
    shown = shown_bands(found)
    query = f"?type={energy_type.code}&period=month&at={period.at}"
    rows: list[CostRow] = []

    def add(group: DeviceGroup, depth: int) -> None:
        cost = found.groups[group.pk]
        if cost.amount:
            url = reverse("energy:group", args=[group.pk]) + query
            rows.append(_cost_row(group.name, url, min(depth, 6), cost, shown, energy_type))
        for one in below[group.pk]:
            add(one, depth + 1)

    for group in below[None]:
        add(group, 0)
    return rows if whole_tree else upper_levels(rows)


def by_cost(found: MonthCosts) -> list[int]:
    """Return the meters that used anything, the dearest first."""
    used = [(pk, cost) for pk, cost in found.devices.items() if cost.amount]
    used.sort(key=lambda one: (-(one[1].money or 0), -one[1].amount, one[0]))
    return [pk for pk, _cost in used]


def device_rows(
    devices: Mapping[int, Device], order: Iterable[int], found: MonthCosts, energy_type: EnergyType
) -> list[CostRow]:
    """Return meters in the given order."""
    shown = shown_bands(found)
    return [
        _cost_row(
            str(devices[pk]), reverse("energy:device", args=[pk]), 0, found.devices[pk], shown, energy_type
        )
        for pk in order
    ]


def _cost_row(
    name: str, url: str, depth: int, cost: Cost, shown: Sequence[Band], energy_type: EnergyType
) -> CostRow:
    its = []
    for band in shown:
        steps = cost.bands[BANDS.index(band)]
        its.append(
            BandShare(
                band,
                numbers.amount(energy_type, steps),
                numbers.percent(steps, cost.amount),
                min(numbers.width(steps, cost.amount), 100),
            )
        )
    return CostRow(
        name, url, depth, cost, its, numbers.amount(energy_type, cost.amount), numbers.money(cost.money)
    )


@dataclass(frozen=True, slots=True)
class RateCard:
    """One tariff of the month: its prices and its times of day."""

    name: str
    url: str
    since: str
    prices: Sequence[tuple[Band, str]]
    source: str


def rate_cards(found: MonthCosts, energy_type: EnergyType) -> list[RateCard]:
    """Return the tariffs of the month, by the bands that they tell apart."""
    cards = []
    for rate in found.rates:
        used = {span.band for span in rate.timetable.spans} | {BANDS.index(Band.FLAT)}
        cards.append(
            RateCard(
                rate.tariff.name,
                reverse("admin:energy_tariff_change", args=[rate.tariff.pk]),
                rate.tariff.start.isoformat(),
                [
                    (
                        band,
                        _("%(price)s 元/%(unit)s")
                        % {"price": f"{price.normalize():f}", "unit": energy_type.unit},
                    )
                    for place, (band, price) in enumerate(zip(BANDS, rate.prices, strict=True))
                    if place in used
                ],
                rate.tariff.source,
            )
        )
    return cards


def charge_rows(charges: Charges, energy_type: EnergyType) -> list[tuple[str, str, str]]:
    """Return the lines of the bill: name, what it is made of, yuan."""
    rows = [
        (
            _("电度电费") if energy_type.code == "electricity" else _("用量费"),
            "",
            numbers.money(charges.energy),
        )
    ]
    if charges.basis != DemandBasis.NONE:
        unit = "kVA" if charges.basis == DemandBasis.CAPACITY else numbers.power_unit(energy_type)
        size = f"{numbers.shown(charges.size)} {unit}"
        label = str(DemandBasis(charges.basis).label)
        rows.append((_("基本电费"), f"{label} {size}", numbers.money(charges.demand)))
    if charges.factor is not None:
        words = _("功率因数 %(value)s，%(percent)s %%") % {
            "value": charges.factor,
            "percent": f"{charges.factor_pct:+f}",
        }
        rows.append((_("力调电费"), words, numbers.money(charges.adjustment)))
    return rows


# --- demands ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DemandRow:
    """The largest 15-minute mean of a group or a meter."""

    name: str
    url: str
    power: Decimal
    text: str
    at: datetime
    width: int


def demand_rows(
    found: Iterable[tuple[str, Any, Demand | None]], energy_type: EnergyType, address: str
) -> list[DemandRow]:
    """Return those that have one, in the given order; bars are drawn against the largest."""
    known = [(name, row, demand) for name, row, demand in found if demand is not None]
    largest = max((demand.amount for _name, _row, demand in known), default=0)
    rows = []
    for name, row, demand in known:
        power = energy_type.amount(4 * demand.amount)
        rows.append(
            DemandRow(
                name,
                reverse(address, args=[row.pk]),
                power,
                numbers.shown(power),
                demand.at,
                numbers.width(demand.amount, largest),
            )
        )
    return rows


# --- unit consumption -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitRow:
    """What a group used for one of a product, of its area, or a head."""

    group: str
    url: str
    name: str
    amount: Decimal
    amount_text: str
    unit: str
    use: Decimal
    use_text: str
    per_unit: Decimal | None
    text: str
    per: str
    change: str
    rose: bool


def unit_rows(
    groups: Sequence[DeviceGroup],
    now: Mapping[int, Sequence[UnitUse]],
    before: Mapping[int, Sequence[UnitUse]],
    uses: Mapping[int, Decimal],
    energy_type: EnergyType,
) -> list[UnitRow]:
    """Return one row for each group and product, and for area and heads, with the change since."""
    rows = []
    for group in groups:
        earlier = {(one.name, one.unit): one.per_unit for one in before.get(group.pk, ())}
        for one in now.get(group.pk, ()):
            was = earlier.get((one.name, one.unit))
            changed = "" if one.per_unit is None else numbers.change(one.per_unit, was)
            rows.append(
                UnitRow(
                    group=group.name,
                    url=reverse("energy:group", args=[group.pk]) + f"?type={energy_type.code}",
                    name=one.name or _("全部产品"),
                    amount=one.amount,
                    amount_text=f"{one.amount.normalize():,f}",
                    unit=one.unit,
                    use=uses[group.pk],
                    use_text=numbers.shown(uses[group.pk]),
                    per_unit=one.per_unit,
                    text=numbers.shown(one.per_unit),
                    per=f"{energy_type.unit}/{one.unit or _('人')}",
                    change=changed,
                    rose=bool(changed)
                    and was is not None
                    and one.per_unit is not None
                    and one.per_unit > was,
                )
            )
    return rows


def unit_chart(rows: Sequence[UnitRow]) -> SafeString:
    """Draw the unit consumption of groups that make the same, beside one another."""
    rows = sorted((row for row in rows if row.per_unit is not None), key=lambda row: row.per)
    families = [list(its) for _per, its in groupby(rows, key=lambda row: row.per)]
    family = max(families, key=len, default=[])
    if len(family) < 2:
        return SafeString("")
    best = sorted(family, key=lambda row: -(row.per_unit or 0))[:_MOST_BARS]
    title = _("单耗（%(unit)s）") % {"unit": best[0].per}
    drawn = [Bar(f"{row.group} {row.name}", float(row.per_unit or 0), row.text) for row in best]

    def build(layout: LayoutName) -> ChartSpec:
        return bars(drawn, title=title, layout=layout, labels=numbers.chart_labels())

    return SafeString(render_responsive(build))


# --- standard coal and carbon -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConversionRow:
    """One energy type as standard coal and carbon dioxide."""

    name: str
    use: str
    unit: str
    coverage: Coverage
    amounts: dict[str, str]
    factors: Sequence[str]


def factor_words(use: TypeUse) -> list[str]:
    """Return the factors that were used, with their dates and sources."""
    words = []
    for kind in FactorKind:
        for factor in use.converted[kind].factors:
            year = _("（%(year)s 年）") % {"year": factor.year} if factor.year else ""
            words.append(
                _("%(kind)s %(value)s/%(unit)s%(year)s，自 %(since)s：%(source)s")
                % {
                    "kind": kind.label,
                    "value": f"{factor.value.normalize():f}",
                    "unit": use.energy_type.unit,
                    "year": year,
                    "since": factor.valid_from,
                    "source": factor.source,
                }
            )
    return words


def conversion_rows(uses: Sequence[TypeUse], period: Period) -> list[ConversionRow]:
    """Return a row for each energy type."""
    part = share_of_time(period)
    return [
        ConversionRow(
            str(use.energy_type),
            numbers.shown(use.use),
            use.energy_type.unit,
            coverage(use.covered_s, round(use.expected_s * part)),
            {kind: numbers.shown(found.amount) for kind, found in use.converted.items()},
            factor_words(use),
        )
        for use in uses
    ]


def conversion_sums(uses: Sequence[TypeUse], kinds: Sequence[FactorKind]) -> list[tuple[str, str, list[str]]]:
    """Return the sum of each kind and the names of the types that have no factor for it."""
    sums = []
    for kind in kinds:
        known = [found.amount for use in uses if (found := use.converted[kind]).amount is not None]
        absent = [str(use.energy_type) for use in uses if use.converted[kind].amount is None and use.use]
        sums.append((str(kind.label), numbers.shown(sum(known, Decimal(0))), absent))
    return sums


# --- ranks ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RankRow:
    """One place of the board."""

    place: int
    name: str
    url: str
    use: Decimal
    text: str
    before: Decimal
    change: str
    rose: bool
    width: int


class Ranked(NamedTuple):
    """The primary key of who used how much; `beside` is the use of as many days as `before` is of."""

    pk: int
    use: int
    beside: int
    before: int


def ranked(found: Totals, before: Totals, by: str, *, end: date, limit: int | None) -> list[Ranked]:
    """Return who used most; groups at the top are left out. Days before `end` compare with `before`."""
    places = found.plant.devices if by == "devices" else found.plant.groups
    now, then = (found.devices, before.devices) if by == "devices" else (found.groups, before.groups)
    beside = found.before(end)[0 if by == "devices" else 1]
    parents = found.plant.plant.parents
    rows = [
        Ranked(pk, int(now[place]), int(beside[place]), int(then[place]))
        for pk, place in places.items()
        if now[place] > 0 and (by == "devices" or parents[place] is not None)
    ]
    rows.sort(key=lambda row: (-row.use, row.pk))
    return rows[:limit]


def rank_rows(
    found: Sequence[Ranked], names: Mapping[int, str], by: str, energy_type: EnergyType
) -> list[RankRow]:
    """Return the rows of the board; bars are drawn against the first."""
    address = "energy:device" if by == "devices" else "energy:group"
    return [
        RankRow(
            place,
            names[one.pk],
            reverse(address, args=[one.pk]),
            energy_type.amount(one.use),
            numbers.amount(energy_type, one.use),
            energy_type.amount(one.before),
            numbers.change(one.beside, one.before),
            one.beside > one.before,
            numbers.width(one.use, found[0].use),
        )
        for place, one in enumerate(found, start=1)
    ]
