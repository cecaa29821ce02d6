from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from openpyxl import load_workbook

from examples.make_examples import FOLDER
from quality.choices import Origin
from quality.models import IQCReport, IQCReportImportLog, OQCReport
from tests.workbooks import form, row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept(settings: Any, tmp_path: Path) -> None:
    settings.IMPORT_DIR = tmp_path / "kept"


class Run:
    """One run of a command: its exit status and what it said."""

    def __init__(self, name: str, *arguments: object, terminal: bool = False) -> None:
        out, err = io.StringIO(), io.StringIO()
        err.isatty = lambda: terminal  # type: ignore[method-assign]
        try:
            call_command(name, *map(str, arguments), stdout=out, stderr=err)
            self.status, self.reason = 0, ""
        except CommandError as error:
            self.status, self.reason = error.returncode, str(error)
        self.out, self.err = out.getvalue(), err.getvalue()


def iqc(*arguments: object, **options: Any) -> Run:
    return Run("import_iqc", *arguments, "--origin", "supplier", **options)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.xlsx"
    path.write_bytes(form())
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.xlsx"
    path.write_bytes(form(row(values=[10.0, "abc", "10,05"]), lot="L2"))
    return path


def test_the_examples_import_cleanly() -> None:
    assert iqc(FOLDER / "iqc_piston_rings_supplier.xlsx", FOLDER / "iqc_piston_rings_125.xlsx").status == 0
    assert Run("import_iqc", FOLDER / "iqc_piston_rings_self.xlsx", "--origin", "self").status == 0
    assert Run("import_oqc", FOLDER / "oqc_sealant.xlsx").status == 0
    assert sorted(IQCReportImportLog.objects.values_list("origin", flat=True)) == [
        "SELF",
        "SUPPLIER",
        "SUPPLIER",
    ]
    assert OQCReport.objects.count() == 2


def test_a_clean_file_is_imported_and_told_on_one_line(good: Path) -> None:
    run = iqc(good)
    assert run.status == 0
    assert run.out.splitlines() == [
        "✓ good.xlsx [报告1] 宁波精环 PR-74 L1：新报告，1 项",
        "完成：新 1，修订 0，未变 0；有问题的文件 0 个",
    ]
    assert run.err == ""
    assert IQCReportImportLog.objects.get().origin == Origin.SUPPLIER


def test_the_same_file_again_says_that_nothing_changed(good: Path) -> None:
    iqc(good)
    run = iqc(good)
    assert run.status == 0
    assert "已导入过，没有变化" in run.out
    assert IQCReport.objects.count() == 1


def test_a_bad_file_names_every_cell_and_imports_nothing(bad: Path) -> None:
    run = iqc(bad)
    assert run.status == 1
    assert "报告1!H8（外径 #2）：“abc”不是数值" in run.err
    assert "报告1!I8（外径 #3）：“10,05”用逗号作小数点" in run.err
    assert "1 个文件有问题" in run.reason
    assert not IQCReport.objects.exists()


def test_a_bad_file_does_not_keep_the_good_ones_out(good: Path, bad: Path) -> None:
    run = iqc(bad, good)
    assert run.status == 1
    assert run.out.splitlines()[-1] == "完成：新 1，修订 0，未变 0；有问题的文件 1 个"
    assert IQCReport.objects.get().lot == "L1"


def test_reasons_are_told_in_english_by_switch(bad: Path) -> None:
    assert "报告1!H8 (外径 #2): “abc” is not a number." in iqc(bad, "--lang", "en").err


def test_a_folder_is_searched_and_lock_files_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.xlsx").write_bytes(form(lot="A"))
    (folder / "deep" / "b.XLSX").write_bytes(form(lot="B"))
    (folder / "~$a.xlsx").write_bytes(b"lock")
    (folder / ".hidden.xlsx").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    run = iqc(folder, folder / "a.xlsx")
    assert run.status == 0, run.err
    assert sorted(IQCReport.objects.values_list("lot", flat=True)) == ["A", "B"]
    assert "新 2" in run.out


def test_a_folder_without_workbooks_and_a_missing_file_are_no_success(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert iqc(empty).status == 1
    run = iqc(tmp_path / "nowhere.xlsx")
    assert run.status == 1
    assert "无法打开文件" in run.err


def test_a_dry_run_tells_the_changes_and_writes_nothing(good: Path, tmp_path: Path) -> None:
    assert "将新建报告，1 项" in iqc(good, "--dry-run").out
    assert not IQCReport.objects.exists()
    iqc(good)
    corrected = tmp_path / "corrected.xlsx"
    corrected.write_bytes(form(row(values=[10.01, 9.98, 10.0])))
    run = iqc(corrected, "--dry-run")
    assert run.status == 0
    assert run.out.splitlines() == [
        "✓ corrected.xlsx [报告1] 宁波精环 PR-74 L1：将成为第 2 修订，1 处变化",
        "    外径 #2：9.99 → 9.98",
        "试运行，没有写入：新 0，修订 1，未变 0；有问题的文件 0 个",
    ]
    assert IQCReport.objects.get().revision == 1
    assert iqc(bad_copy(tmp_path), "--dry-run").status == 1


def bad_copy(folder: Path) -> Path:
    path = folder / "again.xlsx"
    path.write_bytes(form(row(values=["abc"])))
    return path


def test_marked_files_are_written_one_for_each_bad_file(bad: Path, tmp_path: Path) -> None:
    out = tmp_path / "marked" / "errors.xlsx"
    run = iqc(bad, bad_copy(tmp_path), "--errors", out)
    assert run.status == 1
    assert load_workbook(out)["报告1"]["H8"].comment is not None
    assert load_workbook(out.with_name("errors-2.xlsx"))["报告1"]["G8"].comment is not None


def test_wrong_usage_has_a_status_of_its_own(good: Path, tmp_path: Path) -> None:
    unknown = iqc(good, "--profile", "丙厂")
    assert (unknown.status, "丙厂" in unknown.reason) == (2, True)
    for arguments in ([good], [good, "--origin", "nobody"], ["--origin", "self"]):
        with pytest.raises(CommandError):  # the parser ends a process with status 2
            call_command("import_iqc", *map(str, arguments))
    with pytest.raises(CommandError):
        call_command("import_iqc", str(good), "--origin", "self", "--errors", str(tmp_path / "out.csv"))


def test_a_named_profile_is_the_only_one_tried(good: Path) -> None:
    assert iqc(good, "--profile", "标准版式").status == 0


def test_progress_is_shown_on_a_terminal_and_nowhere_else(good: Path) -> None:
    assert "good.xlsx" in iqc(good, terminal=True).err
    assert iqc(good).err == ""


@pytest.mark.parametrize("kind", ["iqc", "oqc"])
def test_the_empty_form_is_written(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "form.xlsx"
    assert Run("import_template", kind, out).status == 0
    title = load_workbook(out)["检验报告"]["A1"].value
    assert ("来料" if kind == "iqc" else "出货") in title


def test_an_empty_form_cannot_be_written_just_anywhere(tmp_path: Path) -> None:
    assert Run("import_template", "iqc", tmp_path / "no" / "form.xlsx").status == 1
