"""Whatever keeps a file from being read has words for people in every room that reads files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from energy.importing.output import WORDING as OUTPUT
from energy.importing.tariffs import WORDING as TARIFFS
from energy.importing.wording import WORDING as READINGS
from quality.importing.wording import WORDING as REPORTS
from spc_site.lib import problems
from spc_site.lib.problems import Problem, Wording

RAISED = re.compile(r"WorkbookError\([^\"\n]*\"(\w+)\"(?: if \w+ else \"(\w+)\")?")
PARAMETERS = {"limit": "1", "sheet": "A", "rows": "1", "columns": "1"}


def codes() -> set[str]:
    """Return every code that the readers of files raise, out of their source."""
    sources = Path(problems.__file__).parent.glob("*.py")
    found = {code for path in sources for codes in RAISED.findall(path.read_text("utf-8")) for code in codes}
    return found - {""}


@pytest.mark.parametrize(
    "wording", [REPORTS, READINGS, OUTPUT, TARIFFS], ids=["reports", "readings", "output", "tariffs"]
)
def test_every_refusal_of_a_file_has_its_sentence(wording: Wording) -> None:
    assert {"not_text", "not_a_workbook", "too_many_members", "unpacks_too_large", "damaged"} <= codes()
    for code in codes():
        for language in ("zh", "en"):
            assert wording.line(Problem(code, params=PARAMETERS), language)
