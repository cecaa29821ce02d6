"""A report's workbook back, with what is wrong marked in it."""

from __future__ import annotations

from quality.importing.parsed import ParsedWorkbook
from quality.importing.wording import WORDING
from spc_site.lib import marking
from spc_site.lib.marking import MAX_MARKS
from spc_site.lib.problems import Language


def marked_workbook(parsed: ParsedWorkbook, language: Language = "zh") -> bytes:
    """Return the workbook with its problems marked, as the bytes of an .xlsx file."""
    return marking.marked_workbook(parsed.data, parsed.problems, WORDING, language)


__all__ = ["MAX_MARKS", "marked_workbook"]
