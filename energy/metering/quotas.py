"""Quotas: rate, level, life of the alarm, forecast. Exact: decimals, compared by cross-multiplication."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum

from energy.metering.errors import MeterError


class Level(StrEnum):
    """How a quota stands; `NO_DATA` is not the same as no use."""

    NO_DATA = "no_data"
    NORMAL = "normal"
    WARNING = "warning"
    ALERT = "alert"
    EXCEEDED = "exceeded"

    @property
    def height(self) -> int:
        return _HEIGHTS[self]


_HEIGHTS = {Level.NO_DATA: 0, Level.NORMAL: 0, Level.WARNING: 1, Level.ALERT: 2, Level.EXCEEDED: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A quota and the percentages of it at which people are told.

    `hysteresis_pct`: so far below `warning_pct` the rate must fall until the alarm is over.
    """

    value: Decimal
    warning_pct: Decimal = Decimal(80)
    alert_pct: Decimal = Decimal(95)
    hysteresis_pct: Decimal = Decimal(2)

    def __post_init__(self) -> None:
        for name in ("value", "warning_pct", "alert_pct", "hysteresis_pct"):
            number = getattr(self, name)
            if not isinstance(number, Decimal) or not number.is_finite() or number < 0:
                raise MeterError(name, "must be a decimal of 0 or more")
        if self.warning_pct > self.alert_pct:
            raise MeterError("warning_pct", "must not be above alert_pct")
        if not 0 < self.alert_pct <= 1000:
            raise MeterError("alert_pct", "must lie above 0 and not above 1000")

    def reaches(self, use: Decimal, percent: Decimal) -> bool:
        """Say whether use ≥ percent of the quota, without dividing."""
        with localcontext(prec=60):
            return use * 100 >= self.value * percent


def level(use: Decimal | None, limits: Limits) -> Level:
    """Return how a quota stands; `use` is None where nothing was read in the period.

    At the quota itself it is not exceeded. A quota of 0 is exceeded by any use and normal
    without one.
    """
    if use is None:
        return Level.NO_DATA
    if use > limits.value:
        return Level.EXCEEDED
    if not limits.value:
        return Level.NORMAL
    if limits.reaches(use, limits.alert_pct):
        return Level.ALERT
    return Level.WARNING if limits.reaches(use, limits.warning_pct) else Level.NORMAL


def rate_pct(use: Decimal | None, limits: Limits) -> Decimal | None:
    """Return the share of the quota in percent, for display; None without data or with a quota of 0."""
    if use is None or not limits.value:
        return None
    with localcontext(prec=60):
        return (use * 100 / limits.value).quantize(Decimal("0.0001"), ROUND_HALF_UP).normalize() + 0


class Step(StrEnum):
    """What becomes of the alarm of one quota and period."""

    NONE = "none"
    RAISE = "raise"
    ESCALATE = "escalate"
    RECOVER = "recover"


def step(found: Level, use: Decimal | None, limits: Limits, *, highest: Level | None) -> Step:
    """Return what to do with the alarm; `highest` is the level of the open one, None if none is open.

    The level of an open alarm only rises. It is over when the rate has fallen by the hysteresis
    below the warning, never for want of data.
    """
    if found is Level.NO_DATA:
        return Step.NONE
    if highest is None:
        return Step.RAISE if found.height else Step.NONE
    if found.height > highest.height:
        return Step.ESCALATE
    assert use is not None
    over = limits.warning_pct - limits.hysteresis_pct
    if found is Level.NORMAL and (not limits.value or not limits.reaches(use, max(over, Decimal(0)))):
        return Step.RECOVER
    return Step.NONE


@dataclass(frozen=True, slots=True)
class Forecast:
    """Where a period ends if it goes on so, and the first day on which the quota is passed or reached."""

    projected: Decimal
    reached_on: date | None


COMPLETE_DAYS_NEEDED = 3


def forecast(use: Decimal, limits: Limits, *, first: date, last: date, complete_days: int) -> Forecast | None:
    """Project a period by its run rate: use / complete days × days.

    `use` is that of the complete days alone. Returns None before three days are complete: what
    they say is chance. Raises MeterError for a number of days that the period does not have.
    """
    length = (last - first).days + 1
    if length < 1:
        raise MeterError("last", "must not lie before first")
    if not 0 <= complete_days <= length:
        raise MeterError("complete_days", f"must lie between 0 and {length}")
    if complete_days < COMPLETE_DAYS_NEEDED:
        return None
    with localcontext(prec=60):
        projected = (use * length / complete_days).quantize(Decimal("0.000001"), ROUND_HALF_UP)
        reached_on = None
        if use > 0:
            # The first day n with use × n ≥ value × complete days.
            whole, rest = divmod(limits.value * complete_days, use)
            needed = max(int(whole) + bool(rest), 1)
            if needed <= length:
                reached_on = first + timedelta(days=needed - 1)
    return Forecast(projected.normalize() + 0, reached_on)
