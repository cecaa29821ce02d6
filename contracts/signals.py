"""A changed approval reaches the contracts, inside the transaction in which it changes."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from approvals.models import Approval
from approvals.signals import approval_changed
from contracts.services import intake


@receiver(approval_changed, dispatch_uid="contracts.take_in_on_approval_changed")
def take_in_on_approval_changed(sender: type[Approval], approval: Approval, **kwargs: Any) -> None:
    intake.take_in(intake.facts_of(approval))
