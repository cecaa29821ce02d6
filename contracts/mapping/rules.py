"""Rules: where the value of a field comes from, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LIST_MARK = "."
PATH_MARK = "/"


class Source(StrEnum):
    """Where a value comes from."""

    CONTROL = "control"
    APPROVAL = "approval"
    CONSTANT = "constant"
    NUMBER = "number"
    TODAY = "today"
    ROW_NUMBER = "row_number"
    SUM = "sum"
    COUNT = "count"
    QR = "qr"


APPROVAL_PARTS = ("sp_no", "sp_name", "applicant", "applicant_id", "department", "applied_at", "granted_at")
"""What the approval itself knows; the `path` of a rule with the source APPROVAL."""

PICTURE = "picture"
"""The conversion of a field that shows a file of the form as a picture."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "DateRange": ("begin", "end", "days", "hours"),
    "Location": ("title", "address", "latitude", "longitude"),
    "Selector": ("text", "key"),
    "Contact": ("text", "key"),
    "BankAccount": (),
}
"""The parts of values that have some; those of a bank account are named by their place in it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field of a template gets its value.

    field        `合同编号`, or `明细.单价` for a column of a list
    path         the control's id (or title); in a table `明细/单价`; for SUM and COUNT a field of a list;
                 for APPROVAL one of APPROVAL_PARTS
    kind         the control's kind, as it was when the rule was made
    part         which part of a value with several
    conversion   a name of `conversions.CONVERSIONS`
    argument     what the conversion needs: decimals, a separator, words by key; the text of a constant;
                 the width of a QR code or of a picture in mm
    is_required  an empty value stops the contract; otherwise it is an empty text
    """

    field: str
    source: str = Source.CONTROL
    path: str = ""
    kind: str = ""
    part: str = ""
    conversion: str = "plain"
    argument: str = ""
    is_required: bool = True

    @property
    def list_name(self) -> str:
        """The list that the field is a column of; empty for a single field."""
        return self.field.partition(LIST_MARK)[0] if LIST_MARK in self.field else ""

    @property
    def column(self) -> str:
        return self.field.partition(LIST_MARK)[2]

    @property
    def is_picture(self) -> bool:
        return self.conversion == PICTURE

    @property
    def table(self) -> str:
        """The table control that the path leads into; empty for a control of the form itself."""
        return self.path.rpartition(PATH_MARK)[0] if self.source == Source.CONTROL else ""

    @property
    def control(self) -> str:
        return self.path.rpartition(PATH_MARK)[2]
