"""Recompute the published cases with the installed version and say where a number differs.

    python -m quality.spc.verify [--format text|json|html] [--output FILE] [--case NAME]

Exit status 0: every number agrees; 1: one differs. A case lies in `quality/spc/cases` as data: what was
measured, what was published or certified, its source, and how closely the recomputation must agree.
"""

from quality.spc.verify.report import ENGLISH, Labels, as_html, as_json, as_text
from quality.spc.verify.run import Case, Check, Run, load_cases, verify

__all__ = [
    "ENGLISH",
    "Case",
    "Check",
    "Labels",
    "Run",
    "as_html",
    "as_json",
    "as_text",
    "load_cases",
    "verify",
]
