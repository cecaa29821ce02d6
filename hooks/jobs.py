"""The doors through which a worker runs hooks."""

from __future__ import annotations

from hooks import policy
from hooks.services import figures, running
from spc_site.jobs import doorbell, every


@doorbell(name=running.BELL, queue="slow", is_due=running.has_due)
def run_due_job() -> int:
    """Run the hooks of what is due."""
    return running.run_due()


@every(seconds=3600, name="hooks.forget")
def forget_old_job() -> int:
    """Delete what is older than the days that are kept."""
    return running.forget_old()


@every(seconds=policy.KPI_EVERY_S, name="hooks.figures")
def calculate_figures_job() -> int:
    """Calculate the customer's figures."""
    return figures.calculate()
