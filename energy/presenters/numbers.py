"""Amounts, powers, money and shares as people read them; exports take the exact numbers instead."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import get_language

from energy.models import EnergyType
from spc_site.lib.svg import ENGLISH, Labels

DASH = "—"
"""Stands where a number does not exist; never 0."""

FULL_COVERAGE = 0.995
"""From this share on a period counts as completely covered."""


def chart_labels() -> Labels:
    """Return the words on charts in the active language."""
    return ENGLISH if (get_language() or "").startswith("en") else Labels()


def shown(value: Decimal | int | None) -> str:
    """Write a number with the digits that matter: four or so, all of a whole part."""
    if value is None:
        return DASH
    value = Decimal(value)
    size = abs(value)
    decimals = 0 if size >= 1000 or not value else 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):,}"


def amount(energy_type: EnergyType, steps: int | None) -> str:
    """Write a use in the unit of its type, without the unit."""
    return DASH if steps is None else shown(energy_type.amount(steps))


def power(energy_type: EnergyType, quarter: int | None) -> Decimal | None:
    """Return the mean rate of a quarter of an hour, in units an hour."""
    return None if quarter is None else energy_type.amount(4 * quarter)


def power_unit(energy_type: EnergyType) -> str:
    """Return what a rate is given in: kW where energy is counted in kWh."""
    unit = energy_type.unit
    return unit.removesuffix("h") if unit in {"kWh", "MWh", "Wh"} else f"{unit}/h"


def money(value: Decimal | None) -> str:
    """Write yuan with two decimals."""
    return DASH if value is None else f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def percent(part: int | Decimal, whole: int | Decimal) -> str:
    """Write a share in percent with one decimal; nothing without a whole."""
    return f"{Decimal(100) * part / whole:.1f} %" if whole > 0 else DASH


def change(now: Decimal | int, before: Decimal | int | None) -> str:
    """Write by how many percent something changed; nothing without a before."""
    return f"{Decimal(100) * (now - before) / before:+.1f} %" if before is not None and before > 0 else ""


def width(part: int, largest: int) -> int:
    """Return the width of a bar in percent of the longest."""
    return max(0, round(100 * part / largest)) if largest > 0 else 0
