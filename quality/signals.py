"""A saved report or entry rings for judgement; what is due stands in the rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from hooks.events import core_figures_wanted
from quality import hooked
from quality.choices import Status
from quality.models import IQCReport, IQCReportEntry, OQCReport, OQCReportEntry
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
