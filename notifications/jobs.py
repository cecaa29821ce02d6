"""The door through which a worker delivers."""

from __future__ import annotations

from notifications.services.delivery import deliver_due, has_due
from spc_site.jobs import doorbell


@doorbell(name="notifications.deliver", queue="notify", is_due=has_due)
def deliver_due_job() -> int:
    """Send what is due."""
    return deliver_due()
