"""The rows of inspection, by concept: master data, reports, dispositions, imports, verification."""

from quality.models.dispositions import Disposition, DispositionControl, DispositionEvent, DispositionForm
from quality.models.imports import ImportProfile, IQCReportImportLog, OQCReportImportLog
from quality.models.limits import ControlLimits
from quality.models.master import Characteristic, Customer, JudgementDefaults, Part, Supplier
from quality.models.recalculation import Recalculation
from quality.models.reports import IQCReport, IQCReportEntry, OQCReport, OQCReportEntry
from quality.models.verification import Verification

__all__ = [
    "Characteristic",
    "ControlLimits",
    "Customer",
    "Disposition",
    "DispositionControl",
    "DispositionEvent",
    "DispositionForm",
    "IQCReport",
    "IQCReportEntry",
    "IQCReportImportLog",
    "ImportProfile",
    "JudgementDefaults",
    "OQCReport",
    "OQCReportEntry",
    "OQCReportImportLog",
    "Part",
    "Recalculation",
    "Supplier",
    "Verification",
]
