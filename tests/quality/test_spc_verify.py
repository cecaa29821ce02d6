"""The command around the verification: formats, files, exit status."""

from __future__ import annotations

import io
import json
from pathlib import Path

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from quality.spc.verify.kinds import KINDS


def spoil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "ewma", lambda data, expected, checks: checks.exact("=1+1", [1.0], "=2"))


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("spc_verify", *arguments, "--case", "nist_ewma", stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_text_is_printed_in_the_language_of_the_moment() -> None:
    with translation.override("zh-hans"):
        text = run()
    assert "nist_ewma: NIST/SEMATECH" in text and "一致" in text and "标准值" in text


def test_json_is_the_stored_form() -> None:
    assert json.loads(run("--format", "json"))["passed"] is True


def test_html_goes_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "run.html"
    assert run("--format", "html", "--output", str(target)) == ""
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_workbook_has_a_row_per_number(tmp_path: Path) -> None:
    target = tmp_path / "run.xlsx"
    with translation.override("zh-hans"):
        run("--format", "xlsx", "--output", str(target))
    sheet = openpyxl.load_workbook(target).active
    assert sheet["A3"].value == "案例"
    rows = list(sheet.iter_rows(min_row=4, values_only=True))
    assert len(rows) == 8 and {row[7] for row in rows} == {"一致"}
    assert {row[0] for row in rows} == {"nist_ewma"}


def test_a_difference_gives_exit_status_1_and_is_marked(tmp_path: Path, monkeypatch) -> None:
    spoil(monkeypatch)
    target = tmp_path / "run.xlsx"
    for arguments in ((), ("--format", "xlsx", "--output", str(target))):
        with pytest.raises(SystemExit) as caught:
            run(*arguments)
        assert caught.value.code == 1
    row = openpyxl.load_workbook(target).active[4]
    assert row[2].value == "=1+1" and row[2].data_type == "s"  # never a formula
    assert row[7].fill.fgColor.rgb.endswith("FFDDDD")


def test_a_workbook_cannot_be_printed() -> None:
    with pytest.raises(CommandError) as caught:
        run("--format", "xlsx")
    assert caught.value.returncode == 2


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"run\.txt"):
        run("--output", str(tmp_path / "missing" / "run.txt"))
