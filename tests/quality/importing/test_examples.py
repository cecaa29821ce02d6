"""The committed example workbooks are what their script makes, and hold the published numbers."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from examples.make_examples import FOLDER, Example, build, examples
from quality.importing.parsed import ParsedReport
from quality.importing.read import read_workbook
from spc_site.lib.sheets import open_workbook

EXAMPLES = {example.file_name: example for example in examples()}
CASES = FOLDER.parent / "quality" / "spc" / "cases"


def read(name: str) -> list[ParsedReport]:
    kind = "IQC" if name.startswith("iqc") else "OQC"
    parsed = read_workbook((FOLDER / name).read_bytes(), kind=kind, file_name=name)
    assert parsed.problems == []
    return parsed.reports


def test_no_example_is_missing_and_none_is_left_over() -> None:
    assert {path.name for path in FOLDER.glob("*.xlsx")} == set(EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_a_committed_example_is_what_the_script_makes(example: Example) -> None:
    committed = [
        (sheet.name, sheet.rows) for sheet in open_workbook((FOLDER / example.file_name).read_bytes())
    ]
    made = [(sheet.name, sheet.rows) for sheet in open_workbook(build(example))]
    assert committed == made


def test_the_rings_hold_the_published_125_values_in_subgroups_of_five() -> None:
    case = json.loads((Path(CASES) / "pistonrings_xbar_r_phase1_phase2.json").read_text(encoding="utf-8"))
    published = [value for group in case["data"]["subgroups_phase1"] for value in group]
    (report,) = read("iqc_piston_rings_125.xlsx")
    assert report["subgroup_size"] == "5"
    assert [float(value or "nan") for value in report.entries[0].values] == published


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_results_printed_on_an_example_follow_from_its_values(name: str) -> None:
    for report in read(name):
        for entry in report.entries:
            numbers = [float(value) for value in entry.values if value not in (None, "OK", "NG")]
            if not numbers:
                assert entry.printed["verdict"] == ("NG" if "NG" in entry.values else "OK")
                continue
            mean, spread = statistics.fmean(numbers), statistics.stdev(numbers)
            margins = [float(entry.usl) - mean] if entry.usl else []
            margins += [mean - float(entry.lsl)] if entry.lsl else []
            assert float(entry.printed["avg"]) == pytest.approx(mean, rel=1e-12)
            assert float(entry.printed["stdev"]) == pytest.approx(spread, rel=1e-12)
            assert float(entry.printed["cpk"]) == pytest.approx(min(margins) / (3 * spread), rel=1e-9)


def test_the_supplier_and_we_measured_the_same_lot() -> None:
    (theirs,), (ours,) = read("iqc_piston_rings_supplier.xlsx"), read("iqc_piston_rings_self.xlsx")
    assert [theirs[key] for key in ("supplier", "part_number", "lot")] == [
        ours[key] for key in ("supplier", "part_number", "lot")
    ]
    assert theirs["report_no"] != ours["report_no"]
