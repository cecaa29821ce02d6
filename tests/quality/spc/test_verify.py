"""The verification finds every number that is wrong, says so, and fits into a record."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from quality.spc import constants
from quality.spc.errors import SpcInputError
from quality.spc.verify import Case, Run, as_html, as_json, as_text, chart_kinds, load_cases, verify
from quality.spc.verify.__main__ import main
from quality.spc.verify.checks import Checks
from quality.spc.verify.kinds import KINDS

CASES = {case.name: case for case in load_cases()}
OF_OTHERS = ("qcc_with_3_decimal_d2", "R_ucl")  # another program's inaccurate d3, told for information only


@pytest.fixture(scope="module", autouse=True)
def _run_lengths_are_computed_once() -> Iterator[None]:
    """They take seconds, and what a test of this file spoils changes nothing about them."""

    def remembering(function: Callable[..., Any]) -> Callable[..., Any]:
        found: dict[str, Any] = {}

        def call(*args: Any, **options: Any) -> Any:
            if (asked := repr((args, options))) not in found:
                found[asked] = function(*args, **options)
            return found[asked]

        return call

    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("arl_ewma", "arl_cusum"):
            monkeypatch.setattr(chart_kinds, name, remembering(getattr(chart_kinds, name)))
        yield


@pytest.fixture(scope="module")
def full() -> Run:
    return verify()


def test_every_case_agrees_with_its_published_numbers(full: Run) -> None:
    assert full.failed == ()
    assert full.cases == tuple(CASES)


def test_every_case_has_a_source_a_kind_and_its_own_name() -> None:
    assert len(CASES) == len(load_cases()) >= 38
    for case in CASES.values():
        assert case.kind in KINDS and len(case.source) > 20, case.name
    assert {case.kind for case in CASES.values()} == set(KINDS)


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Paths of all numbers."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def changed(case: Case, path: tuple) -> Case:
    """The case with one expected number moved by far more than its tolerance."""
    expected = copy.deepcopy(case.expected)
    inner = expected
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = inner[path[-1]] * 1.5 + 3
    return replace(case, expected=expected)


@pytest.mark.parametrize("name", CASES)
def test_no_expected_number_goes_unchecked(name: str) -> None:
    """Spoil the expected numbers of each list one after the other: each is noticed."""
    case = CASES[name]
    seen: dict[tuple, int] = {}
    for path in leaves(case.expected):
        if OF_OTHERS[0] in path and OF_OTHERS[1] in path:
            continue
        if {"x", "ac"} & set(path) and case.kind in (
            "rules",
            "switching",
        ):  # their data stand beside the results
            continue
        branch = tuple(step for step in path if isinstance(step, str))
        seen[branch] = seen.get(branch, 0) + 1
        if seen[branch] > 2:  # the first two of every list stand for the rest
            continue
        assert not verify(cases=[changed(case, path)]).passed, path


def test_a_wrong_constant_turns_the_run_red(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    table = constants.table
    request.addfinalizer(table.cache_clear)  # it remembers what was derived from the wrong one

    def wrong(name: str):
        values = table(name)
        return values * 1.001 if name == "d2" else values

    monkeypatch.setattr(constants, "table", wrong)
    failed = {check.case for check in verify(["const_n2_to_10"]).failed}
    assert failed == {"const_n2_to_10"}


def test_a_broken_engine_is_reported_and_the_other_cases_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setitem(KINDS, "cusum", broken)
    run = verify(["montgomery_cusum", "montgomery_ewma"])
    assert [(check.case, check.verdict) for check in run.failed] == [("montgomery_cusum", "error")]
    assert run.failed[0].got == "ZeroDivisionError: no"
    assert len(run.of_case("montgomery_ewma")) > 1


def test_a_case_of_an_unknown_kind_or_without_numbers_is_an_error() -> None:
    strange = Case("strange", "strange", "nowhere", {}, {}, {})
    empty = Case("empty", "sampling", "nowhere", {}, {}, {"exact": True})
    assert [check.verdict for check in verify(cases=[strange, empty]).checks] == ["error", "error"]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SpcInputError, match="names"):
        verify(["no such case"])


@pytest.mark.parametrize(
    ("tolerance", "expected", "got", "same"),
    [
        ({}, 1.0, 1.0, True),
        ({}, 1.0, 1.0 + 1e-15, False),
        ({"abs": 0.1}, 1.0, 1.09, True),
        ({"abs": 0.1}, 1.0, 1.11, False),
        ({"rel": 0.1}, -2.0, -2.19, True),
        ({"rel": 0.1}, -2.0, -2.21, False),
        ({"abs": 1.0}, None, 0.0, False),
        ({"abs": 1.0}, 0.0, None, False),
        ({"abs": 1.0}, None, None, True),
        ({"abs": 1.0}, None, float("nan"), True),
        ({"abs": 1.0}, [1.0, 2.0], [1.0], False),
        ({"abs": 1.0}, [[1.0], [2.0]], [1.0, 2.0], False),
        ({"abs": 1.0}, {"a": 1.0}, {"a": 1.5}, True),
        ({"abs": 1.0}, {"a": 1.0}, {"b": 1.0}, False),
    ],
)
def test_comparison(tolerance: dict, expected: Any, got: Any, same: bool) -> None:
    checks = Checks("case", "source", tolerance)
    checks.close("quantity", expected, got)
    assert (checks.found[0].verdict == "equal") is same


def test_a_run_survives_storage_and_holds_only_json(full: Run) -> None:
    stored = json.loads(as_json(full))
    assert stored["passed"] is True and stored["failed_count"] == 0
    assert stored["check_count"] == len(full.checks) and stored["case_count"] == len(CASES)
    assert Run.from_dict(stored) == full


def test_text_names_case_source_numbers_and_verdict() -> None:
    run = verify(cases=[changed(CASES["nist_wafer_defects_c"], ("ucl",))])
    text = as_text(run)
    assert "nist_wafer_defects_c: NIST/SEMATECH" in text
    row = next(line for line in text.splitlines() if "DIFFERS" in line)
    assert row.split() == ["ucl", "45", "28", "17", "DIFFERS"]
    assert "1 differ" in text and "numpy" in text


def test_html_is_complete_and_escaped() -> None:
    case = replace(CASES["nist_wafer_defects_c"], source="<script>alert(1)</script> & more")
    page = as_html(verify(cases=[case]))
    assert "<script>" not in page and "&lt;script&gt;" in page and "&amp; more" in page
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")


def test_fingerprint_is_that_of_the_sources(full: Run) -> None:
    assert full.versions == verify(["nist_ewma"]).versions
    assert len(full.versions["engine"]) == 12


def test_module_tells_by_its_exit_status(tmp_path, capsys: pytest.CaptureFixture, monkeypatch) -> None:
    assert main(["--case", "nist_ewma"]) == 0
    assert "nist_ewma" in capsys.readouterr().out
    target = tmp_path / "run.json"
    assert main(["--case", "nist_ewma", "--format", "json", "--output", str(target)]) == 0
    assert json.loads(target.read_text(encoding="utf-8"))["passed"]
    monkeypatch.setitem(KINDS, "ewma", lambda data, expected, checks: checks.exact("x", 1, 2))
    assert main(["--case", "nist_ewma"]) == 1
    with pytest.raises(SystemExit) as caught:
        main(["--format", "pdf"])
    assert caught.value.code == 2


def test_package_runs_as_a_module_without_django() -> None:
    code = "import sys; import quality.spc.verify.__main__; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
