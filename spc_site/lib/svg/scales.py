"""Scales (value → coordinate) and ticks at round decimal numbers."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from spc_site.lib.svg.text import format_value

LARGEST = 1e150
"""Numbers beyond this are treated as missing: their differences would overflow."""


def finite(value: float | None) -> float | None:
    """Return the value as a float, or None where nothing can be drawn (None, NaN, infinite, absurd)."""
    if value is None:
        return None
    number = float(value)
    return number if abs(number) <= LARGEST else None  # NaN compares false


def all_finite(values: Iterable[float | None]) -> list[float]:
    """Return the drawable values."""
    return [number for number in map(finite, values) if number is not None]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from values lo…hi to coordinates start…end, linear or logarithmic."""

    lo: float
    hi: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        lo, hi = self.lo, self.hi
        if self.log:
            lo, hi, value = math.log10(lo), math.log10(hi), math.log10(value)
        return self.start + (self.end - self.start) * ((value - lo) / (hi - lo))

    def clamp(self, value: float) -> float:
        """Return the coordinate of `value`, moved to the nearer end where it lies outside."""
        return self(min(max(value, self.lo), self.hi))


def widen(lo: float, hi: float, *, least: float = 0.0) -> tuple[float, float]:
    """Return a range that is never empty: equal ends get room that their size can resolve."""
    room = max(abs(lo), abs(hi)) * 1e-9
    if hi - lo > max(room, 0.0) and hi - lo >= least:
        return lo, hi
    half = max(least, room * 2, 1e-12) / 2
    middle = lo + (hi - lo) / 2
    return middle - half, middle + half


def linear(lo: float, hi: float, start: float, end: float, *, least: float = 0.0) -> Scale:
    """Return a linear scale over a range that is widened where it is empty."""
    lo, hi = widen(lo, hi, least=least)
    return Scale(lo, hi, start, end)


def logarithmic(lo: float, hi: float, start: float, end: float) -> Scale:
    """Return a logarithmic scale; both ends must be above zero."""
    if lo <= 0 or hi <= 0:
        raise ValueError(f"a logarithmic scale needs positive ends, not {lo} and {hi}")
    if hi / lo < 1.001:
        lo, hi = lo / 2, hi * 2
    return Scale(lo, hi, start, end, log=True)


@dataclass(frozen=True, slots=True)
class Ticks:
    """Round values inside a range, and how they are written."""

    values: tuple[float, ...]
    labels: tuple[str, ...]
    decimals: int


def nice_step(span: float, count: int) -> tuple[float, int]:
    """Return a step of 1, 2 or 5 times a power of ten that gives about `count` steps, and its decimals."""
    rough = max(span / max(count, 1), sys.float_info.min)
    power = math.floor(math.log10(rough))
    for digit in (1, 2, 5, 10):
        step = float(f"{digit}e{power}")
        if step >= rough * 0.999999:
            break
    return step, max(0, -power - (1 if digit == 10 else 0))


def nice_ticks(lo: float, hi: float, count: int = 5) -> Ticks:
    """Return about `count` round values within lo…hi, with the decimals that their step needs."""
    lo, hi = widen(lo, hi)
    step, decimals = nice_step(hi - lo, count)
    first, last = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9)
    values = [
        round(index * step, decimals) if decimals <= 15 else index * step for index in range(first, last + 1)
    ]
    return Ticks(tuple(values), tuple(format_value(v, decimals) for v in values), decimals)


def log_ticks(lo: float, hi: float) -> Ticks:
    """Return the powers of ten within lo…hi, with 2 and 5 between them where the range is short."""
    low, high = math.floor(math.log10(lo)), math.ceil(math.log10(hi))
    digits = (1, 2, 5) if high - low <= 3 else (1,)
    stride = max(1, (high - low) // 6)
    values = [
        value
        for power in range(low, high + 1, stride)
        for digit in digits
        if lo * 0.999999 <= (value := float(f"{digit}e{power}")) <= hi * 1.000001
    ]
    if len(values) < 2:
        return nice_ticks(lo, hi)
    return Ticks(tuple(values), tuple(f"{v:g}" for v in values), 0)
