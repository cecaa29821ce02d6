"""The two kinds of report, as data: what differs between IQC and OQC stands here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from quality.choices import Origin
from quality.models import (
    Customer,
    IQCReport,
    IQCReportEntry,
    IQCReportImportLog,
    OQCReport,
    OQCReportEntry,
    OQCReportImportLog,
    Supplier,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of report.

    `code` is the first part of its addresses, `party_field` the company on the other side,
    `announced` the origins whose abnormal entries raise alarms and messages.
    """

    code: str
    title: Promise
    party_field: str
    party_label: Promise
    party_model: type[models.Model]
    report_model: Any
    entry_model: Any
    log_model: Any
    origins: frozenset[str]
    announced: frozenset[str]

    @property
    def slug(self) -> str:
        """Lower-case name for commands and template names."""
        return self.code.lower()


IQC = Kind(
    code="IQC",
    title=_("来料检验"),
    party_field="supplier",
    party_label=_("供应商"),
    party_model=Supplier,
    report_model=IQCReport,
    entry_model=IQCReportEntry,
    log_model=IQCReportImportLog,
    origins=frozenset({Origin.SUPPLIER, Origin.SELF}),
    announced=frozenset({Origin.SUPPLIER}),
)
OQC = Kind(
    code="OQC",
    title=_("出货检验"),
    party_field="customer",
    party_label=_("客户"),
    party_model=Customer,
    report_model=OQCReport,
    entry_model=OQCReportEntry,
    log_model=OQCReportImportLog,
    origins=frozenset({Origin.SELF}),
    announced=frozenset({Origin.SUPPLIER, Origin.SELF, ""}),
)
KINDS = {kind.code: kind for kind in (IQC, OQC)}


def kind_of(instance: models.Model) -> Kind:
    """Return the kind of a report, entry or import log."""
    return KINDS[instance._meta.model_name[:3].upper()]  # type: ignore[index]
