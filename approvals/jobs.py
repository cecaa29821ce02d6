"""The doors through which workers act on what WeCom sent."""

from __future__ import annotations

from approvals.services import files, reading, reconciling, starting
from spc_site.jobs import doorbell, every


@doorbell(name="approvals.events", queue="notify", is_due=reading.DUE.is_any, oldest_due=reading.DUE.oldest)
def process_due_job() -> int:
    """Act on the events that came in."""
    return reading.process_due()


@doorbell(name="approvals.files", queue="slow", is_due=files.DUE.is_any, oldest_due=files.DUE.oldest)
def fetch_due_job() -> int:
    """Fetch the files of forms."""
    return files.fetch_due()


@doorbell(name="approvals.start", queue="notify", is_due=starting.DUE.is_any, oldest_due=starting.DUE.oldest)
def start_due_job() -> int:
    """Start the approvals that people asked for."""
    return starting.start_due()


@every(seconds=reconciling.INTERVAL_S, name="approvals.reconcile", timeout_s=600)
def reconcile_job() -> None:
    """Look for events that never came."""
    if reconciling.is_wanted():
        reconciling.reconcile()
