"""Charges of a supplier's bill that are not a price times a use."""

from __future__ import annotations

from decimal import Decimal

from energy.metering.errors import MeterError

_LEAST = {Decimal("0.90"): "-0.75", Decimal("0.85"): "-1.10", Decimal("0.80"): "-1.30"}
"""What a very good power factor takes off at most, percent, by the target."""

_HUNDREDTH = Decimal("0.01")


def power_factor_pct(value: Decimal, target: Decimal) -> Decimal:
    """Return by how many percent a power factor raises (or lowers: negative) a month's charges.

    Parameters
        value   the month's mean power factor, 0 to 1; rounded to hundredths as bills do
        target  0.90, 0.85 or 0.80, by the kind of consumer

    Raises MeterError naming the argument.

    Notes
        Each hundredth above the target takes off 0.1 % up to 0.90 and 0.15 % beyond, to a limit;
        each of the first 20 hundredths below it adds 0.5 %, of the next 5 1 %, of the rest 2 %.

    Source: 功率因数调整电费办法 (水电财字〔1983〕215 号), tables 1 to 3.
    """
    if target not in _LEAST:
        raise MeterError("target", "is 0.90, 0.85 or 0.80")
    if not 0 <= value <= 1:
        raise MeterError("value", "must lie between 0 and 1")
    steps = int(((value.quantize(_HUNDREDTH) - target) / _HUNDREDTH).to_integral_value())
    if steps >= 0:
        to_ninety = min(steps, int((Decimal("0.90") - target) / _HUNDREDTH))
        off = Decimal("0.10") * to_ninety + Decimal("0.15") * (steps - to_ninety)
        return max(-off, Decimal(_LEAST[target]))
    short = -steps
    first, next_five = min(short, 20), min(max(short - 20, 0), 5)
    return Decimal("0.5") * first + next_five + Decimal(2) * max(short - 25, 0)
