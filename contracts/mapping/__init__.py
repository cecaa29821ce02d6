"""From the detail of a WeCom approval to the values of a Word template. Pure: no Django, no clock.

form = read_form(detail)
mapped = apply(rules, form, facts, checks)
"""

from contracts.mapping.applying import (
    Check,
    Facts,
    Mapped,
    Problem,
    apply,
    problems_of_rules,
    with_number,
)
from contracts.mapping.controls import Control, Form, OddValue, read_form
from contracts.mapping.conversions import CONVERSIONS, Conversion, convert
from contracts.mapping.proposing import propose
from contracts.mapping.rules import PARTS, Rule, Source
from contracts.mapping.samples import sample_detail

__all__ = [
    "CONVERSIONS",
    "PARTS",
    "Check",
    "Control",
    "Conversion",
    "Facts",
    "Form",
    "Mapped",
    "OddValue",
    "Problem",
    "Rule",
    "Source",
    "apply",
    "convert",
    "problems_of_rules",
    "propose",
    "read_form",
    "sample_detail",
    "with_number",
]
