"""What WeCom told us, and what we know of approvals."""

from approvals.models.approvals import (
    Approval,
    ApprovalChange,
    ApprovalFile,
    Department,
    OutgoingApproval,
    WatchedTemplate,
)
from approvals.models.inbound import InboundEvent, ReconcileRun, Refusal

__all__ = [
    "Approval",
    "ApprovalChange",
    "ApprovalFile",
    "Department",
    "InboundEvent",
    "OutgoingApproval",
    "ReconcileRun",
    "Refusal",
    "WatchedTemplate",
]
