"""Units of one quantity against each other, exactly.

A quota of 5 MWh is compared with a use in kWh; what no table says (m³ against t, say) is refused,
never guessed.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

_FAMILIES: tuple[dict[str, str], ...] = (
    {"wh": "1", "kwh": "1000", "mwh": "1000000", "gwh": "1000000000", "万kwh": "10000000"}
    | {"kj": "5/18", "mj": "2500/9", "gj": "2500000/9", "tj": "2500000000/9", "度": "1000"},
    {"ml": "1/1000000", "l": "1/1000", "m3": "1", "nm3": "1", "km3": "1000", "万m3": "10000"},
    {"g": "1/1000", "kg": "1", "t": "1000", "kt": "1000000"},
    {"kgce": "1", "tce": "1000"},
    {"kgco2": "1", "tco2": "1000"},
)
"""Families of units: how many of a common one each is."""

_SPELLINGS = str.maketrans({"³": "3", "₂": "2", "Ｎ": "N", " ": None, "吨": "t"})


class UnitError(ValueError):
    """A unit that cannot be turned into another, or only by rounding."""


def convert(value: Decimal, unit: str, wanted: str, *, places: int) -> Decimal:
    """Return a value in another unit of the same quantity.

    `places` is how many decimals the result may need. Raises UnitError if the two have nothing
    in common, or if so many decimals do not hold the result exactly.
    """
    if spelled(unit) == spelled(wanted):
        return value
    factor = _factor(unit, wanted)
    scaled = Fraction(value) * factor * 10**places
    if scaled.denominator != 1:
        raise UnitError(f"{value} {unit} has more than {places} decimals in {wanted}")
    with localcontext(prec=60):
        return Decimal(scaled.numerator).scaleb(-places)


def spelled(unit: str) -> str:
    """Return a unit in one spelling: `kWh`, `KWH` and `kwh` are the same, so are m³ and m3."""
    return unit.translate(_SPELLINGS).strip().casefold()


def _factor(unit: str, wanted: str) -> Fraction:
    for family in _FAMILIES:
        if spelled(unit) in family and spelled(wanted) in family:
            return Fraction(family[spelled(unit)]) / Fraction(family[spelled(wanted)])
    raise UnitError(f"{unit} cannot be turned into {wanted}")
