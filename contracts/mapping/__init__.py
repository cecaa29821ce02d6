"""From the detail of a WeCom approval to the values of a Word template. Pure: no Django, no clock.

form = read_form(detail)
mapped = apply(rules, form, facts, checks)
"""

from contracts.mapping.applying import (
    Check,
    Facts,
    FormFile,
    Mapped,
    Problem,
    apply,
    is_picture,
    picture_digests,
    problems_of_rules,
    with_number,
)
from contracts.mapping.controls import Control, Form, OddValue, read_form
from contracts.mapping.conversions import CONVERSIONS, Conversion, convert
from contracts.mapping.proposing import propose
from contracts.mapping.rules import PARTS, Rule, Source
from contracts.mapping.samples import SAMPLE_FILE, sample_detail, sample_picture

__all__ = [
    "CONVERSIONS",
    "PARTS",
    "SAMPLE_FILE",
    "Check",
    "Control",
    "Conversion",
    "Facts",
    "Form",
    "FormFile",
    "Mapped",
    "OddValue",
    "Problem",
    "Rule",
    "Source",
    "apply",
    "convert",
    "is_picture",
    "picture_digests",
    "problems_of_rules",
    "propose",
    "read_form",
    "sample_detail",
    "sample_picture",
    "with_number",
]
