"""Charging orders of a month as tiles, a chart of days, and rows of stations and plugs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from energy.presenters import numbers
from energy.presenters.periods import Period
from energy.presenters.tree import coverage, parts_chart, share_of_time, upper_levels
from energy.selectors.charging import ChargingUse, StationMeter

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sums:
    """Orders together: exact sums, and means; None for a mean of nothing."""

    orders: int
    energy_kwh: Decimal
    price: Decimal | None
    unpriced: int
    mean_price: Decimal | None
    mean_duration: timedelta | None


def sums(uses: Iterable[ChargingUse]) -> Sums:
    """Add orders up. The mean price is that of the energy whose price is known."""
    its = list(uses)
    orders, priced = sum(use.orders for use in its), sum(use.priced for use in its)
    price = sum((use.price for use in its), Decimal(0))
    priced_kwh = sum((use.priced_kwh for use in its), Decimal(0))
    return Sums(
        orders,
        sum((use.energy_kwh for use in its), Decimal(0)),
        price if priced else None,
        orders - priced,
        price / priced_kwh if priced_kwh else None,
        sum((use.duration for use in its), timedelta()) / orders if orders else None,
    )


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station, or one plug below it, as a row."""

    name: str
    station: str
    depth: int
    sums: Sums
    energy: str
    price: str
    mean_price: str
    mean_duration: str
    metered: str = ""
    meter_url: str = ""


def station_rows(
    uses: Sequence[ChargingUse], meters: Mapping[str, StationMeter], period: Period
) -> list[StationRow]:
    """Return each station and its plugs; the plugs are left out where there are very many."""
    rows = []
    for station, of_station in groupby(uses, key=lambda use: use.station):
        its = list(of_station)
        row = _row(station, station, 0, its)
        if (meter := meters.get(station)) is not None:
            url = reverse("energy:device", args=[meter.device])
            row = replace(row, metered=_metered(meter, row.sums.energy_kwh, period), meter_url=url)
        rows.append(row)
        rows += [
            _row(plug, station, 1, list(of_plug)) for plug, of_plug in groupby(its, key=lambda use: use.plug)
        ]
    return upper_levels(rows)


def _metered(meter: StationMeter, given: Decimal, period: Period) -> str:
    """Write what the meter shows, and how much of it no order accounts for if it was read all the time."""
    if meter.energy_kwh is None:
        return _("电表没有读数")
    text = _("电表 %(kwh)s kWh") % {"kwh": rounded(meter.energy_kwh)}
    length_s = 86_400 * ((period.last - period.first).days + 1)
    found = coverage(meter.covered_s, round(length_s * share_of_time(period)))
    if not found.is_full:
        return f"{text} · {found.text}"
    rest = numbers.percent(meter.energy_kwh - given, meter.energy_kwh)
    return f"{text} · {_('订单之外 %(share)s') % {'share': rest}}"


def _row(name: str, station: str, depth: int, uses: Sequence[ChargingUse]) -> StationRow:
    found = sums(uses)
    return StationRow(
        name,
        station,
        depth,
        found,
        rounded(found.energy_kwh),
        numbers.money(found.price),
        unit_price(found.mean_price),
        duration(found.mean_duration),
    )


def day_chart(uses: Iterable[ChargingUse], period: Period) -> SafeString:
    """Draw what was charged on each day of a month."""
    found: dict[int, Decimal] = {}
    for use in uses:
        found[use.day.day] = found.get(use.day.day, Decimal(0)) + use.energy_kwh
    dates = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]
    return parts_chart(
        [f"{day:%m-%d}" for day in dates],
        [float(found[day.day]) if day.day in found else None for day in dates],
        title=_("每日充电量"),
        unit="kWh",
    )


def exact(value: Decimal) -> str:
    """Write all decimals that there are, two at least."""
    places = max(2, -int(value.normalize().as_tuple().exponent)) if value else 2
    return f"{value:,.{places}f}"


def rounded(value: Decimal) -> str:
    """Write two decimals, for sums that stand below each other."""
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def unit_price(value: Decimal | None) -> str:
    """Write yuan for one kWh with four decimals."""
    return numbers.DASH if value is None else f"{value.quantize(Decimal('0.0001'), ROUND_HALF_UP)}"


def duration(value: timedelta | None) -> str:
    """Write hours and minutes."""
    if value is None:
        return numbers.DASH
    hours, minutes = divmod(round(value / _MINUTE), 60)
    if not hours:
        return _("%(minutes)d 分钟") % {"minutes": minutes}
    return _("%(hours)d 小时 %(minutes)02d 分") % {"hours": hours, "minutes": minutes}
