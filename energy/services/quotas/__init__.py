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
    oldest_due,
    require_run,
    value_in,
)
from energy.services.quotas.watching import SILENT_AFTER, is_silent, last_check, watch

__all__ = [
    "CLOSE_AFTER",
    "SILENT_AFTER",
    "check",
    "close_alarms",
    "create_quota",
    "evaluate",
    "has_due",
    "is_silent",
    "last_check",
    "note_changed",
    "oldest_due",
    "request_evaluation",
    "require_run",
    "revise",
    "set_period_values",
    "switch",
    "value_in",
    "watch",
]
