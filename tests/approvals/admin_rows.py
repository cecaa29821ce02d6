"""A row of each model of approvals, full of what a careless page would run as script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import models

from approvals import models as approvals
from tests import builders

_AT = datetime(2026, 3, 1, tzinfo=UTC)


def _approval(evil: str, number: int) -> approvals.Approval:
    approval = approvals.Approval.objects.create(
        corp="corp",
        sp_no=f"{evil}{number}",
        name=evil,
        template_id=evil,
        status=1,
        applicant_id=evil,
        department=evil,
        applied_at=_AT,
        detail={"sp_name": evil, "apply_data": {"contents": []}},
        detail_hash="0" * 64,
        asked_at=_AT,
        changed_at=_AT,
    )
    approvals.ApprovalChange.objects.create(approval=approval, at=_AT, new_status=1, detail_hash="0" * 64)
    return approval


def makers(evil: str) -> dict[type[models.Model], Callable[[int], Any]]:
    """Return what makes the n-th row of each model of the admin."""
    return {
        approvals.InboundEvent: lambda number: approvals.InboundEvent.objects.create(
            key=f"{number:064}",
            event=evil,
            subject=f"{evil}{number}",
            raw=f"<xml>{evil}</xml>",
            received_at=_AT,
            state="dead",
            error=evil,
        ),
        approvals.Approval: lambda number: _approval(evil, number),
        approvals.ApprovalFile: lambda number: approvals.ApprovalFile.objects.create(
            approval=_approval(evil, number),
            control_id=evil,
            file_id=f"{evil}{number}",
            name=evil,
            state="stored",
            data=b"x",
            size=1,
            sha256="0" * 64,
            error=evil,
        ),
        approvals.OutgoingApproval: lambda number: approvals.OutgoingApproval.objects.create(
            key=f"{evil}{number}",
            template_id=evil,
            creator=evil,
            contents=[{"value": evil}],
            sp_no=evil,
            error=evil,
            asked_by=builders.person(),
            created_at=_AT,
        ),
        approvals.WatchedTemplate: lambda number: approvals.WatchedTemplate.objects.create(
            template_id=f"{evil}{number}", name=evil
        ),
        approvals.ReconcileRun: lambda number: approvals.ReconcileRun.objects.create(
            began_at=_AT, ended_at=_AT, window_from=_AT, error=evil
        ),
        approvals.Refusal: lambda number: approvals.Refusal.objects.create(
            stage="signature", hour=_AT + timedelta(hours=number), count=number
        ),
    }
