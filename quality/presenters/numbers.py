"""Stored decimal texts as the numbers that charts and statistics take, and back into words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from quality.models.reports import ReportEntry


def numbers(values: Iterable[str | None]) -> list[float | None]:
    """Return stored decimal texts as numbers, None where nothing was measured."""
    return [None if value is None else float(value) for value in values]


def padded(text: str, decimals: int) -> str:
    """Write a stored value with the digits of its neighbours: a sheet stores 74.030 as 74.03."""
    whole, _point, fraction = text.partition(".")
    if not whole.lstrip("-").isdigit() or len(fraction) >= decimals:
        return text
    return f"{whole}.{fraction.ljust(decimals, '0')}"


def number(text: str) -> float | None:
    """Return a stored limit as a number, None where there is none."""
    return float(text) if text else None


def limits_text(entry: ReportEntry) -> str:
    """Return the specification limits in short, for entries that carry no text of their own."""
    if entry.lsl and entry.usl:
        return f"{entry.lsl} – {entry.usl}"
    if entry.usl:
        return f"≤ {entry.usl}"
    return f"≥ {entry.lsl}" if entry.lsl else ""


def tone_of_cpk(value: float | None, limit: float | Decimal) -> str:
    """Return the tone of a capability index: at or above the limit, still above 1, below."""
    if value is None:
        return "grey"
    if value >= float(limit):
        return "green"
    return "amber" if value >= 1 else "red"
