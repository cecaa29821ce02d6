"""The doors through which workers make, send and convert contracts."""

from __future__ import annotations

from contracts.services import acts, batches, conversions, generation, reminders, sending, webhooks
from spc_site.jobs import doorbell, every


@doorbell(
    name="contracts.generate",
    queue="notify",
    is_due=generation.has_due,
    oldest_due=generation.oldest_due,
)
def generate_due_job() -> int:
    """Make the documents of granted approvals."""
    return generation.generate_due()


@doorbell(name="contracts.settle", queue="notify", is_due=sending.has_due)
def settle_due_job() -> int:
    """Read the receipts of documents that were sent."""
    return sending.settle_due()


@doorbell(name="contracts.webhooks", queue="slow", is_due=webhooks.has_due)
def call_due_job() -> int:
    """Tell other systems what changed."""
    return webhooks.call_due()


@doorbell(name="contracts.pdf", queue="slow", is_due=conversions.has_due, timeout_s=300)
def convert_due_job() -> int:
    """Convert documents to PDF."""
    return conversions.convert_due()


@doorbell(name="contracts.batches", queue="slow", is_due=batches.has_due)
def run_due_job() -> int:
    """Go on with acts on many contracts."""
    return batches.run_due()


@every(seconds=3600, name="contracts.days")
def days_job() -> int:
    """End what has run out, and remind of what waits or ends soon."""
    return acts.expire_due() + reminders.remind_due()
