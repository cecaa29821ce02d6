"""A saved report or entry rings for judgement; what WeCom decided reaches the dispositions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from approvals.models import Approval, OutgoingApproval
from approvals.signals import approval_changed, start_settled
from hooks.events import core_figures_wanted
from quality import hooked
from quality.choices import Status
from quality.models import IQCReport, IQCReportEntry, OQCReport, OQCReportEntry
from quality.services import dispositions
from spc_site import jobs


@receiver(post_save, sender=IQCReport, dispatch_uid="quality.ring_on_iqc_report_saved")
@receiver(post_save, sender=OQCReport, dispatch_uid="quality.ring_on_oqc_report_saved")
@receiver(post_save, sender=IQCReportEntry, dispatch_uid="quality.ring_on_iqc_entry_saved")
@receiver(post_save, sender=OQCReportEntry, dispatch_uid="quality.ring_on_oqc_entry_saved")
def ring_on_saved(
    sender: type,
    instance: IQCReport | IQCReportEntry | OQCReport | OQCReportEntry,
    raw: bool,
    **kwargs: Any,
) -> None:
    if not raw and instance.status == Status.PENDING:
        jobs.enqueue("quality.judge")


@receiver(core_figures_wanted, dispatch_uid="quality.tell_core_figures")
def tell_core_figures(sender: object, **kwargs: Any) -> dict[str, Decimal | int]:
    return hooked.figures()


@receiver(approval_changed, dispatch_uid="quality.take_in_on_approval_changed")
def take_in_on_approval_changed(sender: type[Approval], approval: Approval, **kwargs: Any) -> None:
    dispositions.take_in(approval)


@receiver(start_settled, dispatch_uid="quality.take_in_on_start_settled")
def take_in_on_start_settled(
    sender: type[OutgoingApproval], outgoing: OutgoingApproval, **kwargs: Any
) -> None:
    dispositions.start_settled(outgoing)
