"""What can be done with quotas: set them up, change them, evaluate them."""

from energy.services.quotas.changing import (
    check,
    close_alarms,
    create_quota,
    request_evaluation,
    revise,
    set_period_values,
    switch,
)
from energy.services.quotas.evaluation import (
    CLOSE_AFTER,
    evaluate,
    has_due,
    note_changed,
    note_structure_changed,
    oldest_due,
    require_run,
    values_in,
)
from energy.services.quotas.templates import copy_to_year, from_last_year, shares_of, split
from energy.services.quotas.watching import SILENT_AFTER, is_silent, last_check, watch

__all__ = [
    "CLOSE_AFTER",
    "SILENT_AFTER",
    "check",
    "close_alarms",
    "copy_to_year",
    "create_quota",
    "evaluate",
    "from_last_year",
    "has_due",
    "is_silent",
    "last_check",
    "note_changed",
    "note_structure_changed",
    "oldest_due",
    "request_evaluation",
    "require_run",
    "revise",
    "set_period_values",
    "shares_of",
    "split",
    "switch",
    "values_in",
    "watch",
]
