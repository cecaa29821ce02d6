"""A changed approval, and a file that came, reach the contracts inside the transaction of the change."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from approvals.models import Approval, ApprovalFile
from approvals.signals import approval_changed, file_settled
from contracts.services import generation, intake


@receiver(approval_changed, dispatch_uid="contracts.take_in_on_approval_changed")
def take_in_on_approval_changed(sender: type[Approval], approval: Approval, **kwargs: Any) -> None:
    intake.take_in(intake.facts_of(approval))


@receiver(file_settled, dispatch_uid="contracts.go_on_with_files")
def go_on_with_files(sender: type[ApprovalFile], file: ApprovalFile, **kwargs: Any) -> None:
    generation.files_came(file)
