"""The doors through which workers compute the days of meters."""

from __future__ import annotations

from energy.services import days
from spc_site.jobs import doorbell


@doorbell(name="energy.days", queue="slow", is_due=days.has_due, oldest_due=days.oldest_due)
def compute_days_job() -> int:
    """Compute the daily use of what has new readings."""
    return days.compute_due()
