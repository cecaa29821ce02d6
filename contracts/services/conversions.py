"""PDFs of contracts where they are wanted: many documents in one start of LibreOffice."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Mapping
from functools import lru_cache

from django.db import transaction
from django.utils.translation import gettext as _

from contracts import archive
from contracts.choices import PdfState
from contracts.models import Contract, ContractVersion
from contracts.pdf import LARGEST_BATCH, Converter, Failure, PdfError, program
from spc_site import jobs
from spc_site.errors import AppError, Conflict
from spc_site.jobs import Budget

log = logging.getLogger("contracts")


def want(contract: Contract) -> ContractVersion:
    """Have the current document converted; Conflict where there is none, AppError without LibreOffice."""
    version = contract.versions.filter(state="current").first()
    if version is None:
        raise Conflict(_("合同还没有文件。"))
    if version.pdf_state == PdfState.DONE:
        return version
    if program() is None:
        raise AppError("no_converter", _("这台服务器没有安装 LibreOffice，不能转换 PDF。"))
    with transaction.atomic():
        ContractVersion.objects.filter(pk=version.pk).update(pdf_state=PdfState.WANTED, pdf_note="")
        jobs.enqueue("contracts.pdf")
    return version


def has_due() -> bool:
    return ContractVersion.objects.filter(pdf_state=PdfState.WANTED).exists()


def convert_due(*, budget_s: float = 100) -> int:
    """Convert what is wanted, for at most `budget_s`; return how many documents were handled."""
    budget, handled = Budget(budget_s), 0
    while budget:
        waiting = dict(
            ContractVersion.objects.filter(pdf_state=PdfState.WANTED)
            .order_by("pk")
            .values_list("pk", "file_id")[:LARGEST_BATCH]
        )
        if not waiting:
            break
        _convert(waiting)
        handled += len(waiting)
    return handled


def _convert(waiting: Mapping[int, str]) -> None:
    """Convert documents (digests by the keys of their rows) and store what came of each."""
    answers = _converter().convert([archive.fetch(digest) for digest in waiting.values()])
    for pk, answer in zip(waiting, answers, strict=True):
        row = ContractVersion.objects.filter(pk=pk, pdf_state=PdfState.WANTED)
        if isinstance(answer, PdfError):
            is_absent = answer.failure == Failure.NOT_INSTALLED
            row.update(
                pdf_state=PdfState.ABSENT if is_absent else PdfState.FAILED, pdf_note=_note(answer.failure)
            )
            log.warning("no pdf: version=%s reason=%s", pk, answer.failure)
            continue
        with transaction.atomic():
            row.update(pdf=archive.keep(answer, archive.PDF), pdf_state=PdfState.DONE, pdf_note="")


def _note(failure: Failure) -> str:
    return {
        Failure.NOT_INSTALLED: _("这台服务器没有安装 LibreOffice"),
        Failure.TOOK_TOO_LONG: _("转换超时"),
        Failure.NOT_CONVERTED: _("LibreOffice 未能转换此文件"),
    }[failure]


@lru_cache(maxsize=1)
def _converter() -> Converter:
    """Return this process's converter: its profile stays warm and goes with the process."""
    converter = Converter()
    atexit.register(converter.close)
    return converter
