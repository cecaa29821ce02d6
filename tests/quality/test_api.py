"""Reports over the API: lists by cursor, entries, corrected values, roles."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import services as accounts
from notifications.models import Notification
from quality.choices import Status
from quality.kinds import IQC, OQC
from quality.models import IQCReport, IQCReportEntry
from quality.services.judgement import judge_due
from tests import builders, query_counts
from tests.builders import GOOD
from tests.quality.dispositions import failed_report

pytestmark = pytest.mark.django_db

REPORTS = "/api/v1/reports"
BAD = [*GOOD[:-1], "10.30"]


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "iqc-key", "OQC": "oqc-key", "ENERGY": ""}
    settings.FRONTEND_URL = "https://spc.example.com"


def _client(*roles: str) -> Client:
    _token, raw = accounts.issue_token(builders.person(*roles), name="test")
    return Client(headers={"Authorization": f"Bearer {raw}"}, enforce_csrf_checks=True)


@pytest.fixture
def inspector() -> Client:
    return _client("质检员")


def _patch(client: Client, entry: Any, values: Any, version: int | None = None) -> Any:
    url = f"{REPORTS}/{entry.KIND}/{entry.report_id}/entries/{entry.pk}"
    version = entry.version if version is None else version
    return client.patch(url, {"values": values, "version": version}, content_type="application/json")


# --- lists ----------------------------------------------------------------------------------


def test_reports_come_page_by_page_newest_first_each_once(inspector: Client) -> None:
    made = [builders.report().pk for _each in range(7)]
    got, cursor = [], None
    for _page in range(4):
        parameters = {"limit": 2} if cursor is None else {"limit": 2, "before": cursor}
        body = inspector.get(f"{REPORTS}/IQC", parameters).json()
        got += [item["id"] for item in body["items"]]
        cursor = body["next"]
    assert got == sorted(made, reverse=True)
    assert cursor is None


def test_a_last_page_that_is_just_full_has_no_next(inspector: Client) -> None:
    for _each in range(4):
        builders.report()
    assert inspector.get(f"{REPORTS}/IQC", {"limit": 4}).json()["next"] is None


def test_a_report_says_who_what_and_where_to_look(inspector: Client) -> None:
    report = builders.report(OQC, lot="S1", report_no="R1", origin="SELF")
    body = inspector.get(f"{REPORTS}/OQC/{report.pk}").json()
    assert body["kind"] == "OQC"
    assert body["party"] == {"id": report.customer.pk, "name": report.customer.name}
    assert body["part"]["number"] == report.part.number
    assert (body["lot"], body["report_no"], body["origin"]) == ("S1", "R1", "SELF")
    assert body["file_name"].endswith(".xlsx")
    assert body["url"] == f"https://spc.example.com/OQC/{report.pk}"


@pytest.mark.parametrize(
    ("wanted", "lots"),
    [
        ({"status": "ABNORMAL"}, ["bad"]),
        ({"origin": "SELF"}, ["own"]),
        ({"text": "own"}, ["own"]),
        ({"since": "2999-01-01"}, []),
        ({"until": "2999-01-01"}, ["own", "bad"]),
    ],
)
def test_reports_are_narrowed(inspector: Client, wanted: dict[str, str], lots: list[str]) -> None:
    builders.report(lot="bad", status=Status.ABNORMAL)
    builders.report(lot="own", origin="SELF")
    body = inspector.get(f"{REPORTS}/IQC", wanted).json()
    assert [item["lot"] for item in body["items"]] == lots


def test_a_page_costs_the_same_queries_for_1_and_for_30_rows(inspector: Client) -> None:
    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert inspector.get(url).status_code == 200
        return len(captured)

    report = builders.report(entries=1)
    urls = (f"{REPORTS}/IQC", f"{REPORTS}/IQC/{report.pk}/entries")
    few = [[queries(url) for url in urls] for _twice in range(2)][1]
    for _each in range(29):
        builders.report()
        builders.abnormal_entry(report)
    assert [queries(url) for url in urls] == few
    for name, count in zip(("reports", "entries"), few, strict=True):
        query_counts.compare(f"API {name}", count)


# --- entries --------------------------------------------------------------------------------


def test_entries_come_in_the_order_of_the_report_page_by_page(inspector: Client) -> None:
    report = builders.report(entries=3)
    first = inspector.get(f"{REPORTS}/IQC/{report.pk}/entries", {"limit": 2}).json()
    rest = inspector.get(f"{REPORTS}/IQC/{report.pk}/entries", {"limit": 2, "after": first["next"]}).json()
    assert [item["position"] for item in first["items"] + rest["items"]] == [1, 2, 3]
    assert rest["next"] is None


def test_old_revisions_can_be_asked_for(inspector: Client) -> None:
    report = builders.report(entries=2)
    IQCReport.objects.update(revision=2)
    url = f"{REPORTS}/IQC/{report.pk}/entries"
    assert inspector.get(url).json()["items"] == []
    assert len(inspector.get(url, {"revision": 1}).json()["items"]) == 2


def test_an_entry_tells_reasons_in_words_and_as_data(inspector: Client) -> None:
    entry = builders.abnormal_entry(builders.report())
    body = inspector.get(f"{REPORTS}/IQC/{entry.report_id}/entries/{entry.pk}").json()
    assert body["values"][-1] == "10.30"
    assert body["status"] == "ABNORMAL"
    [reason] = body["reasons"]
    assert reason["code"] == "out_of_spec"
    assert "10.30" in reason["sentence"]
    assert reason["data"]["limit"] == "10.1"
    assert body["url"] == f"https://spc.example.com/IQC/{entry.report_id}/{entry.pk}"


def test_an_entry_tells_what_makes_its_numbers_say_little(inspector: Client) -> None:
    entry = builders.entry(builders.report(), values=["10.0"] * 24)
    body = inspector.get(f"{REPORTS}/IQC/{entry.report_id}/entries/{entry.pk}").json()
    few, constant = body["warnings"]
    assert (few["code"], few["data"]) == ("too_few_values", {"n": 24, "least": 25})
    assert few["sentence"].startswith("只有 24 个值")
    assert (constant["code"], constant["data"]) == ("constant", {"value": 10.0})
    assert body["status"] != "ABNORMAL"


def test_corrected_values_are_warned_about_as_they_now_are(inspector: Client) -> None:
    entry = builders.entry(builders.report(), values=["10.0"] * 30)
    spread = [f"10.0{value % 9}" for value in range(30)]
    assert _patch(inspector, entry, spread).json()["warnings"] == []


# --- correcting values ----------------------------------------------------------------------


def test_corrected_values_are_judged_at_once_and_told_once(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    body = _patch(inspector, entry, BAD).json()
    assert (body["status"], body["version"]) == ("ABNORMAL", entry.version + 1)
    assert Notification.objects.count() == 1
    judge_due()
    assert Notification.objects.count() == 1


def test_values_keep_every_digit_and_their_gaps(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    values = ["10.010", None, "10.000000000000001"]
    assert _patch(inspector, entry, values).json()["values"] == values
    assert IQCReportEntry.objects.get().values == values


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (["10.0", "abc"], "bad_values"),
        ([None, None], "no_values"),
        ([], "invalid"),
        ([10.05], "invalid"),
        (["1\t2"], "invalid"),
        (["9" * 33], "invalid"),
        (["1"] * 1001, "invalid"),
        ("10.0", "invalid"),
    ],
)
def test_values_that_cannot_be_read_change_nothing(inspector: Client, values: Any, code: str) -> None:
    entry = builders.entry(builders.report())
    response = _patch(inspector, entry, values)
    assert response.status_code == 422
    assert response.json()["code"] == code
    assert IQCReportEntry.objects.get().values == GOOD


def test_the_position_of_a_bad_value_is_told(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    assert "第 2 个值" in _patch(inspector, entry, ["10.0", "abc"]).json()["message"]


def test_a_change_in_between_is_a_conflict(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    assert _patch(inspector, entry, BAD).status_code == 200
    response = _patch(inspector, entry, GOOD)
    assert response.status_code == 409
    assert response.json()["code"] == "conflict"


def test_the_version_must_be_given(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    url = f"{REPORTS}/IQC/{entry.report_id}/entries/{entry.pk}"
    response = inspector.patch(url, {"values": GOOD}, content_type="application/json")
    assert response.status_code == 422
    assert response.json()["where"].endswith("version")


# --- importing ------------------------------------------------------------------------------

EXAMPLE = Path("examples/iqc_piston_rings_supplier.xlsx")


@pytest.fixture
def _kept_here(settings: Any, tmp_path: Path) -> None:
    settings.IMPORT_DIR = tmp_path
    cache.clear()


def _import(client: Client, data: bytes | None = None, kind: str = "IQC", **fields: Any) -> Any:
    file = SimpleUploadedFile("report.xlsx", EXAMPLE.read_bytes() if data is None else data)
    return client.post(f"{REPORTS}/{kind}/imports", {"file": file, "origin": "SUPPLIER"} | fields)


@pytest.mark.usefixtures("_kept_here")
def test_a_workbook_is_imported_once_and_then_known(inspector: Client) -> None:
    dry = _import(inspector, is_dry_run="true")
    assert dry.status_code == 200
    assert [one["outcome"] for one in dry.json()["reports"]] == ["new"]
    assert not IQCReport.objects.exists()
    response = _import(inspector)
    assert response.status_code == 201
    report = IQCReport.objects.get()
    [body] = response.json()["reports"]
    assert (body["report_id"], body["outcome"], body["revision"]) == (report.pk, "new", 1)
    assert body["url"] == f"https://spc.example.com/IQC/{report.pk}"
    assert report.import_logs.get().imported_by is not None
    again = _import(inspector)
    assert (again.status_code, again.json()["reports"][0]["outcome"]) == (200, "known")
    assert IQCReport.objects.count() == 1


@pytest.mark.usefixtures("_kept_here")
def test_every_problem_of_a_workbook_is_named_by_its_cell(inspector: Client) -> None:
    book = openpyxl.load_workbook(EXAMPLE)
    sheet = book.worksheets[0]
    cell = next(cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, float))
    cell.value = "七四"
    book.save(buffer := BytesIO())
    response = _import(inspector, buffer.getvalue())
    assert response.status_code == 422
    body = response.json()
    assert body["code"] == "has_problems"
    assert any(cell.coordinate in one["where"] for one in body["details"])
    assert not IQCReport.objects.exists()


@pytest.mark.usefixtures("_kept_here")
@pytest.mark.parametrize("data", [b"", b"not a workbook", b"PK\x03\x04 cut"])
def test_what_is_no_workbook_is_refused(inspector: Client, data: bytes) -> None:
    response = _import(inspector, data)
    assert response.status_code == 422
    assert response.json()["code"] in ("has_problems", "invalid")


@pytest.mark.usefixtures("_kept_here")
def test_an_import_needs_a_known_origin_and_the_right_role(inspector: Client) -> None:
    assert _import(inspector, origin="NOBODY").status_code == 422
    assert _import(inspector, kind="OQC").json()["code"] in ("wrong_origin", "has_problems")
    assert _import(inspector, profile="没有").json()["code"] == "unknown_profile"
    assert _import(_client("质量经理")).status_code == 403
    assert not IQCReport.objects.exists()


# --- who may what ---------------------------------------------------------------------------


def test_a_manager_reads_but_does_not_correct() -> None:
    entry = builders.entry(builders.report())
    manager = _client("质量经理")
    url = f"{REPORTS}/IQC/{entry.report_id}/entries/{entry.pk}"
    assert manager.get(url).status_code == 200
    assert _patch(manager, entry, BAD).status_code == 403
    assert IQCReportEntry.objects.get().values == GOOD


def test_a_supplier_finds_nothing_whatever_else_it_may() -> None:
    entry = builders.entry(builders.report())
    supplier = _client("供应商", "质检员")
    assert supplier.get(f"{REPORTS}/IQC").json()["items"] == []
    assert supplier.get(f"{REPORTS}/IQC/{entry.report_id}").status_code == 404
    assert supplier.get(f"{REPORTS}/IQC/{entry.report_id}/entries").status_code == 404
    assert _patch(supplier, entry, BAD).status_code == 404


@pytest.mark.parametrize(
    "path", ["IQC/999", "IQC/999/entries", "OQC/{report}", "OQC/{report}/entries/{entry}"]
)
def test_what_is_not_there_is_not_found(inspector: Client, path: str) -> None:
    entry = builders.entry(builders.report(IQC))
    response = inspector.get(f"{REPORTS}/{path.format(report=entry.report_id, entry=entry.pk)}")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_an_entry_is_found_only_under_its_own_report(inspector: Client) -> None:
    entry, other = builders.entry(builders.report()), builders.report()
    assert inspector.get(f"{REPORTS}/IQC/{other.pk}/entries/{entry.pk}").status_code == 404


def test_there_are_two_kinds_of_report(inspector: Client) -> None:
    assert inspector.get(f"{REPORTS}/XQC").status_code == 422


# --- dispositions ---------------------------------------------------------------------------


def test_a_disposition_is_proposed_and_told_with_its_history(inspector: Client) -> None:
    report = failed_report(bad=2)
    url = f"{REPORTS}/IQC/{report.pk}/dispositions"
    first = report.entries.order_by("position").first()
    new = {
        "decision": "rework",
        "quantity": "12.5",
        "unit": "pcs",
        "reason": "返工",
        "characteristics": [first.characteristic_id],
    }
    for wrong in ({"quantity": "0"}, {"reason": ""}, {"decision": "waive"}):
        assert inspector.post(url, new | wrong, content_type="application/json").status_code == 422
    stale = inspector.post(url, new | {"revision": 2}, content_type="application/json")
    assert (stale.status_code, stale.json()["code"]) == (409, "conflict")
    made = inspector.post(url, new, content_type="application/json")
    assert made.status_code == 201
    (got,) = inspector.get(url).json()
    assert got == made.json()
    assert (got["decision"], got["state"], got["quantity"], got["approval_no"]) == (
        "rework",
        "proposed",
        "12.500",
        "",
    )
    assert [one["name"] for one in got["covers"]] == ["内径1"]
    assert [(one["state"], one["note"]) for one in got["history"]] == [("proposed", "返工")]
    assert inspector.post(url, new, content_type="application/json").status_code == 409
    listed = inspector.get(f"{REPORTS}/IQC", {"handled": "open"}).json()["items"]
    assert [one["id"] for one in listed] == [report.pk]
    assert inspector.get(f"{REPORTS}/IQC", {"handled": "not_yet"}).json()["items"] == []
    assert _client().post(url, new, content_type="application/json").status_code == 403
