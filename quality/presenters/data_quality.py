"""What makes the numbers of an entry say little: warnings about its data, in words.

They inform and judge nothing: no verdict and no alarm looks at them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quality import plans, spc, wording
from quality.models.reports import ReportEntry
from quality.presenters.numbers import numbers


@dataclass(frozen=True, slots=True)
class DataWarning:
    """One warning: its code, its sentence, and the numbers behind the sentence."""

    code: str
    sentence: str
    data: Mapping[str, float]


def data_warnings(entry: ReportEntry) -> tuple[DataWarning, ...]:
    """Warn about the stored values, cut into subgroups as they are judged.

    Nothing is said of pieces that are OK or NG, of no values at all, and where the engine refuses
    what it is given (a subgroup size of 0): the verdict of such an entry names the fault.
    """
    if not plans.is_measured(entry.values):
        return ()
    size = plans.subgroup_size(entry.characteristic, entry)
    try:
        found = spc.quality_warnings(numbers(entry.values), subgroup_size=size)
    except spc.SpcInputError:
        return ()
    return tuple(
        DataWarning(warning.code.value, wording.warning_text(warning, entry), warning.numbers)
        for warning in found
    )
