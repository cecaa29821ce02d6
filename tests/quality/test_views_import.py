"""The import page: upload, preview, confirm; nothing is written before."""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from quality.kinds import IQC, OQC
from quality.models import IQCReport, OQCReport
from spc_site import uploads
from tests import builders

pytestmark = pytest.mark.django_db

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SUPPLIER_FILE = EXAMPLES / "iqc_piston_rings_supplier.xlsx"
OQC_FILE = EXAMPLES / "oqc_sealant.xlsx"

ABOUT = {"kind": IQC.code, "origin": "SELF"}


@pytest.fixture(autouse=True)
def _own_directory(settings: Any, tmp_path: Path) -> None:
    settings.IMPORT_DIR = tmp_path / "imports"


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(builders.person("质检员"))
    return client


def _edited(path: Path, cell: str, value: object) -> bytes:
    workbook = openpyxl.load_workbook(path)
    sheet = workbook.worksheets[0]
    sheet[cell] = value
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _sample_cell(path: Path) -> tuple[str, float]:
    """Return the address and value of a measured value."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    numbered = next(row for row in sheet.iter_rows() if row[0].value is None and row[6].value == 1)
    below = sheet.cell(numbered[6].row + 1, numbered[6].column)
    assert isinstance(below.value, float)
    return below.coordinate, below.value


def _upload(client: Client, *files: tuple[str, bytes], kind: str = "IQC", origin: str = "SUPPLIER") -> Any:
    workbooks = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post("/import/", {"kind": kind, "origin": origin, "workbooks": workbooks})


def test_a_clean_file_is_previewed_and_written_only_after_the_confirmation(client: Client) -> None:
    answer = _upload(client, ("甲.xlsx", SUPPLIER_FILE.read_bytes()))
    preview = client.get(answer["Location"])
    page = preview.content.decode()
    assert "新报告" in page and "甲.xlsx" in page and "确认导入" in page
    assert not IQCReport.objects.exists()
    answer = client.post(answer["Location"], follow=True)
    report = IQCReport.objects.get()
    assert answer.redirect_chain == [(report.get_absolute_url(), 302)]
    log = report.import_logs.get()
    assert (log.file_name, log.origin) == ("甲.xlsx", "SUPPLIER")
    assert log.imported_by == answer.context["user"]
    assert "已导入 1 份报告" in answer.content.decode()


def test_a_changed_file_shows_old_and_new_values(client: Client) -> None:
    location = _upload(client, ("a.xlsx", SUPPLIER_FILE.read_bytes()))["Location"]
    client.post(location)
    cell, value = _sample_cell(SUPPLIER_FILE)
    location = _upload(client, ("b.xlsx", _edited(SUPPLIER_FILE, cell, value + 0.001)))["Location"]
    page = client.get(location).content.decode()
    assert "更正为新修订" in page and "修订 2" in page
    assert f"<del>{value}</del>" in page and f"<ins>{value + 0.001:.3f}</ins>" in page
    client.post(location)
    assert IQCReport.objects.get().revision == 2


def test_the_same_file_again_changes_nothing_and_says_so(client: Client) -> None:
    for _each in range(2):
        location = _upload(client, ("a.xlsx", SUPPLIER_FILE.read_bytes()))["Location"]
        page = client.get(location).content.decode()
        client.post(location)
    assert "此文件已导入过" in page and "没有需要导入的内容" in page
    assert 'class="button primary">' not in page
    assert IQCReport.objects.get().revision == 1


def test_problems_are_listed_by_cell_and_handed_back_in_the_file(client: Client) -> None:
    cell, _value = _sample_cell(SUPPLIER_FILE)
    location = _upload(client, ("坏.xlsx", _edited(SUPPLIER_FILE, cell, "abc")))["Location"]
    page = client.get(location).content.decode()
    assert "文件有问题，不能导入" in page and "1 处问题" in page and f"!{cell}" in page
    client.post(location)
    assert not IQCReport.objects.exists()


def test_the_marked_file_can_be_downloaded(client: Client) -> None:
    cell, _value = _sample_cell(SUPPLIER_FILE)
    location = _upload(client, ("坏.xlsx", _edited(SUPPLIER_FILE, cell, "abc")))["Location"]
    answer = client.get(f"{location}0/problems.xlsx")
    workbook = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert any(sheet[cell].comment for sheet in workbook.worksheets)
    assert "filename*=utf-8''%E5%9D%8F-" in answer["Content-Disposition"]
    assert client.get(f"{location}7/problems.xlsx").status_code == 404


def test_of_several_files_those_without_problems_are_imported(client: Client) -> None:
    cell, _value = _sample_cell(SUPPLIER_FILE)
    bad = _edited(SUPPLIER_FILE, cell, "abc")
    other = EXAMPLES / "iqc_piston_rings_125.xlsx"
    files = [("good.xlsx", other.read_bytes()), ("bad.xlsx", bad), ("text.xlsx", b"no workbook")]
    location = _upload(client, *files)["Location"]
    page = client.get(location).content.decode()
    assert "导入没有问题的文件" in page
    page = client.post(location, follow=True).content.decode()
    assert {log.file_name for report in IQCReport.objects.all() for log in report.import_logs.all()} == {
        "good.xlsx"
    }
    assert 'class="flash error"' not in page  # the preview has told of the others already


def test_an_outgoing_report_is_always_our_own_measurement(client: Client) -> None:
    location = _upload(client, ("o.xlsx", OQC_FILE.read_bytes()), kind="OQC")["Location"]
    client.post(location)
    assert {log.origin for report in OQCReport.objects.all() for log in report.import_logs.all()} == {"SELF"}


@pytest.mark.parametrize(
    "data", [{}, {"kind": "IQC", "origin": "SUPPLIER"}, {"kind": "XQC", "origin": "SUPPLIER"}]
)
def test_an_incomplete_upload_is_asked_for_again(client: Client, data: dict[str, str]) -> None:
    answer = client.post("/import/", data)
    assert (answer.status_code, "errorlist" in answer.content.decode()) == (422, True)


def test_nobody_else_can_open_or_confirm_an_upload(client: Client) -> None:
    location = _upload(client, ("a.xlsx", SUPPLIER_FILE.read_bytes()))["Location"]
    other = Client()
    other.force_login(builders.person("质检员"))
    assert other.get(location).status_code == 404
    assert other.post(location).status_code == 404
    assert not IQCReport.objects.exists()


def test_an_upload_can_be_confirmed_once(client: Client) -> None:
    location = _upload(client, ("a.xlsx", SUPPLIER_FILE.read_bytes()))["Location"]
    client.post(location)
    assert client.post(location).status_code == 404
    assert client.get(location).status_code == 404


def test_who_may_not_import_is_told_so() -> None:
    client = Client()
    client.force_login(builders.person("质量经理"))
    assert client.get("/import/").status_code == 403
    assert client.get("/import/form/IQC.xlsx").status_code == 403
    assert "/import/" not in client.get("/").content.decode()


@pytest.mark.parametrize("kind", ["IQC", "OQC"])
def test_the_empty_form_of_each_kind_can_be_downloaded(client: Client, kind: str) -> None:
    answer = client.get(f"/import/form/{kind}.xlsx")
    assert openpyxl.load_workbook(io.BytesIO(answer.content)).sheetnames
    assert f"/import/form/{kind}.xlsx" in client.get("/import/").content.decode()


def test_the_kind_of_the_list_that_one_comes_from_is_chosen(client: Client) -> None:
    page = client.get(f"/import/?kind={OQC.code}").content.decode()
    assert re.search(r'value="OQC"[^>]* checked', page)
    assert re.search(r'value="IQC"[^>]* checked', client.get("/import/?kind=x").content.decode())


def test_uploads_that_nobody_confirmed_are_forgotten_after_a_day(settings: Any) -> None:
    file = SimpleUploadedFile("a.xlsx", b"x")
    old = uploads.keep([file], room="quality", about=ABOUT, user_id=1)
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old.files[0].path.parent, (two_days_ago, two_days_ago))
    new = uploads.keep([SimpleUploadedFile("b.xlsx", b"y")], room="quality", about=ABOUT, user_id=1)
    assert uploads.find(old.id, room="quality", user_id=1) is None
    assert uploads.find(new.id, room="quality", user_id=1) == new


@pytest.mark.parametrize("upload_id", ["", "../../etc", "0" * 32, "g" * 32])
def test_an_id_that_was_never_given_out_finds_nothing(upload_id: str) -> None:
    assert uploads.find(upload_id, room="quality", user_id=1) is None


def test_a_file_name_cannot_leave_its_directory(settings: Any) -> None:
    file = SimpleUploadedFile("a.xlsx", b"x")
    file._name = "../../evil.xlsx"  # what a browser could claim
    kept = uploads.keep([file], room="quality", about=ABOUT, user_id=1)
    assert kept.files[0].name == "evil.xlsx"
    assert kept.files[0].path.parent.parent == Path(settings.IMPORT_DIR) / "waiting"
