"""What this room can do: take events in, act on them, look for those that never came, start approvals."""

from approvals.services.reading import process_due, read_again, retry
from approvals.services.receiving import receive, refuse, verify
from approvals.services.reconciling import reconcile, watch
from approvals.services.starting import start_approval

__all__ = [
    "process_due",
    "read_again",
    "receive",
    "reconcile",
    "refuse",
    "retry",
    "start_approval",
    "verify",
    "watch",
]
