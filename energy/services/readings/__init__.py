"""Take in readings, whatever way they come. One verb: `record`.

A batch is known by its source and number and is taken once. A reading is known by its meter and
moment; the last one that comes for a moment wins, and what it overwrote is kept. What cannot be
taken is listed with its reason, and does not keep the rest out.
"""

from energy.services.readings.batches import (
    MOST_IN_REQUEST,
    Batch,
    Checked,
    Compared,
    Reading,
    Recorded,
    Rejected,
    Undone,
)
from energy.services.readings.checking import FUTURE, check
from energy.services.readings.undoing import undo
from energy.services.readings.writing import compare, record, record_checked

__all__ = [
    "FUTURE",
    "MOST_IN_REQUEST",
    "Batch",
    "Checked",
    "Compared",
    "Reading",
    "Recorded",
    "Rejected",
    "Undone",
    "check",
    "compare",
    "record",
    "record_checked",
    "undo",
]
