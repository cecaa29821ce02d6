"""The doors through which workers compute the days of meters, and the months from them."""

from __future__ import annotations

from energy.services import days, months
from spc_site.jobs import doorbell


@doorbell(name="energy.days", queue="slow", is_due=days.has_due, oldest_due=days.oldest_due)
def compute_days_job() -> int:
    """Compute the daily use of what has new readings."""
    return days.compute_due()


@doorbell(name="energy.months", queue="slow", is_due=months.has_due, timeout_s=180)
def compute_months_job() -> int:
    """Split changed months by the bands of their tariffs and find the demands."""
    return months.compute_due()
