from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from quality.choices import Origin, Status
from quality.importing.canonical import CANONICAL
from quality.kinds import IQC, OQC, Kind
from quality.models import (
    Characteristic,
    ImportProfile,
    IQCReport,
    IQCReportEntry,
    IQCReportImportLog,
    OQCReport,
    Part,
    Supplier,
)
from quality.services import imports
from quality.services.imports import Change, Outcome
from quality.services.judgement import judge_due
from spc_site.errors import AppError
from tests.builders import person
from tests.workbooks import Form, form, forms, header, row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept(settings: Any, tmp_path: Path) -> Path:
    settings.IMPORT_DIR = tmp_path / "imports"
    return tmp_path / "imports"


def store(
    data: bytes, kind: Kind = IQC, origin: str = Origin.SUPPLIER, **options: Any
) -> imports.ImportResult:
    parsed = imports.parse_workbook(data, kind=kind, file_name="报告.xlsx")
    return imports.store(parsed, kind=kind, origin=origin, **options)


# --- a new report -----------------------------------------------------------------------------


def test_a_report_is_stored_whole_and_waits_for_its_judgement() -> None:
    user = person()
    result = store(
        form(
            row("★外径", ["10.050", None, 9.99], gauge="卡尺", item_no=1),
            row("外观", ["OK", "NG"], spec="无毛刺", grade=None),
            quantity=3000,
            sample_size=3,
            inspector="王芳",
            unit="mm",
            subgroup_size=3,
            drawing="D-1",
        ),
        user=user,
    )
    (planned,) = result.reports
    report = IQCReport.objects.get()
    assert (planned.outcome, planned.report_id, planned.revision) == (Outcome.NEW, report.pk, 1)
    assert (report.supplier.name, report.part.number, report.part.name) == ("宁波精环", "PR-74", "活塞环")
    assert (report.lot, report.quantity, report.sample_size, report.inspector) == ("L1", "3000", "3", "王芳")
    assert (str(report.inspected_on), report.drawing, report.part.drawing) == ("2024-01-15", "D-1", "D-1")
    assert (report.status, report.entry_count) == (Status.PENDING, 2)
    first, second = report.entries.order_by("position")
    assert (first.name, first.values, first.nominal, first.lsl, first.usl) == (
        "外径", ["10.050", None, "9.99"], "10.00", "9.95", "10.05",
    )  # fmt: skip
    assert (first.unit, first.gauge, first.item_no, first.subgroup_size) == ("mm", "卡尺", "1", 3)
    assert (first.status, first.version, first.judged_version) == (Status.PENDING, 1, 0)
    assert first.source == "报告1!G8"
    assert (first.characteristic.is_special, first.characteristic.decimals) == (True, 2)
    assert second.values == ["OK", "NG"]
    log = report.import_logs.get()
    assert (log.revision, log.origin, log.file_name, log.sheet) == (1, "SUPPLIER", "报告.xlsx", "报告1")
    assert (log.profile, log.entry_count, log.imported_by) == (CANONICAL.name, 2, user)
    assert log.correlation_id == result.correlation_id != ""


def test_an_outgoing_report_belongs_to_its_customer() -> None:
    store(form(kind="OQC"), OQC, Origin.SELF)
    assert OQCReport.objects.get().customer.name == "华东动力"


def test_what_was_written_instead_of_a_value_is_kept_beside_the_printed_results() -> None:
    store(form(row(values=[10.0, "N/A", 10.01])))
    assert IQCReportEntry.objects.get().printed == {"marks": {"2": "N/A"}}


def test_the_file_is_kept_under_its_hash(kept: Path) -> None:
    data = form()
    store(data)
    digest = IQCReportImportLog.objects.get().content_hash
    assert (kept / digest[:2] / f"{digest}.xlsx").read_bytes() == data
    assert [path.name for path in kept.rglob("*") if path.is_file()] == [f"{digest}.xlsx"]


def test_several_reports_of_a_workbook_are_stored_together() -> None:
    data = forms(*(Form("IQC", header(lot=lot), [row()]) for lot in ("L1", "L2", "L3")))
    result = store(data)
    assert result.count(Outcome.NEW) == 3
    assert [log.block for log in IQCReportImportLog.objects.order_by("block")] == [0, 1, 2]
    assert Part.objects.count() == Supplier.objects.count() == Characteristic.objects.count() == 1


def test_settings_of_a_known_characteristic_are_kept_and_its_subgroup_size_wins() -> None:
    part = Part.objects.create(number="PR-74", name="alt")
    Characteristic.objects.create(part=part, name="外径", subgroup_size=5, cpk_limit="1.67", unit="in")
    store(form(unit="mm", subgroup_size=3))
    characteristic = Characteristic.objects.get()
    assert (str(characteristic.cpk_limit), characteristic.unit) == ("1.67", "in")
    assert IQCReportEntry.objects.get().subgroup_size == 3
    judge_due()
    assert IQCReportEntry.objects.get().statistics["subgroup_size"] == 5
    part.refresh_from_db()
    assert part.name == "活塞环"


def test_same_names_in_one_report_are_different_characteristics() -> None:
    store(form(row("外径"), row("外径", [10.02]), row("内径")))
    assert sorted(Characteristic.objects.values_list("name", "occurrence")) == [
        ("内径", 1), ("外径", 1), ("外径", 2),
    ]  # fmt: skip
    assert len(set(IQCReportEntry.objects.values_list("characteristic", flat=True))) == 3


# --- again, corrected, by somebody else -------------------------------------------------------


def test_the_same_file_again_changes_nothing_and_says_so() -> None:
    data = form()
    first = store(data)
    before = list(IQCReport.objects.values())
    again = store(data)
    assert [planned.outcome for planned in again.reports] == [Outcome.KNOWN]
    assert again.reports[0].report_id == first.reports[0].report_id
    assert list(IQCReport.objects.values()) == before
    assert IQCReportImportLog.objects.count() == IQCReportEntry.objects.count() == 1


def test_the_same_content_saved_as_another_file_changes_nothing() -> None:
    store(form())
    other = forms(Form("IQC", header(), [row()], remark="另存"))
    assert [planned.outcome for planned in store(other).reports] == [Outcome.SAME]
    assert IQCReportImportLog.objects.count() == 1


def test_a_corrected_file_becomes_the_next_revision_and_older_values_stay_readable() -> None:
    store(form(row(values=[10.01, 9.99, 10.0]), row("内径")))
    report = IQCReport.objects.get()
    IQCReport.objects.update(status=Status.ABNORMAL, abnormal_count=1)
    result = store(form(row(values=[10.02, 9.99]), row("高度"), inspector="李伟"))
    (planned,) = result.reports
    assert (planned.outcome, planned.report_id, planned.revision) == (Outcome.REVISED, report.pk, 2)
    report.refresh_from_db()
    assert (report.revision, report.status, report.entry_count) == (2, Status.PENDING, 2)
    assert (report.abnormal_count, report.inspector) == (0, "李伟")
    values = list(report.entries.order_by("revision", "position").values_list("revision", "name", "values"))
    assert values == [
        (1, "外径", ["10.01", "9.99", "10"]),
        (1, "内径", ["10.01", "9.99", "10"]),
        (2, "外径", ["10.02", "9.99"]),
        (2, "高度", ["10.01", "9.99", "10"]),
    ]
    assert [log.revision for log in report.import_logs.order_by("revision")] == [1, 2]
    assert set(planned.changes) == {
        Change("", "inspector", "", "李伟"),
        Change("外径", "1", "10.01", "10.02"),
        Change("外径", "3", "10", ""),
        Change("高度", "added", "", "10.00±0.05"),
        Change("内径", "removed", "10.00±0.05", ""),
    }


def test_the_same_file_of_another_origin_is_a_revision_of_its_own() -> None:
    data = form()
    store(data, origin=Origin.SUPPLIER)
    assert [planned.outcome for planned in store(data, origin=Origin.SELF).reports] == [Outcome.REVISED]
    latest = IQCReport.objects.get().import_logs.order_by("-revision").first()
    assert latest is not None and latest.origin == Origin.SELF


def test_another_report_number_is_another_report() -> None:
    store(form(report_no="R-1"))
    store(form(report_no="R-2"))
    assert IQCReport.objects.count() == 2


# --- preview ----------------------------------------------------------------------------------


def test_a_preview_says_what_would_happen_and_writes_nothing(kept: Path) -> None:
    store(form(row(values=[10.0])))
    data = forms(
        Form("IQC", header(), [row(values=[10.1])]),
        Form("IQC", header(lot="L2"), [row()]),
    )
    parsed = imports.parse_workbook(data, kind=IQC)
    files = len(list(kept.rglob("*.xlsx")))
    with CaptureQueriesContext(connection) as queries:
        result = imports.preview(parsed, kind=IQC, origin=Origin.SUPPLIER)
    assert [(planned.outcome, planned.revision) for planned in result.reports] == [
        (Outcome.REVISED, 2),
        (Outcome.NEW, 1),
    ]
    assert result.reports[0].changes == (Change("外径", "1", "10", "10.1"),)
    assert all(query["sql"].startswith("SELECT") for query in queries.captured_queries)
    assert len(list(kept.rglob("*.xlsx"))) == files


def test_what_a_preview_says_is_what_storing_does() -> None:
    store(form())
    for data in (form(), form(row(values=[9.99])), form(lot="L9")):
        parsed = imports.parse_workbook(data, kind=IQC)
        said = imports.preview(parsed, kind=IQC, origin=Origin.SUPPLIER)
        done = imports.store(parsed, kind=IQC, origin=Origin.SUPPLIER)
        assert [one.outcome for one in said.reports] == [one.outcome for one in done.reports]
        assert [one.revision for one in said.reports] == [one.revision for one in done.reports]


# --- whole or not at all ----------------------------------------------------------------------


def test_a_file_with_problems_is_not_stored() -> None:
    data = forms(Form("IQC", header(), [row()]), Form("IQC", header(lot="L2"), [row(values=["abc"])]))
    parsed = imports.parse_workbook(data, kind=IQC)
    with pytest.raises(AppError) as caught:
        imports.store(parsed, kind=IQC, origin=Origin.SUPPLIER)
    assert caught.value.code == "has_problems"
    assert not IQCReport.objects.exists() and not Part.objects.exists()


def test_a_failure_half_way_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    real = imports._entries
    calls = []

    def fail_second(report: Any, *rest: Any) -> Any:
        calls.append(report)
        if len(calls) == 2:
            raise RuntimeError("disk full")
        return real(report, *rest)

    monkeypatch.setattr(imports, "_entries", fail_second)
    with pytest.raises(RuntimeError):
        store(forms(*(Form("IQC", header(lot=lot), [row()]) for lot in ("L1", "L2"))))
    assert (
        not IQCReport.objects.exists() and not IQCReportEntry.objects.exists() and not Part.objects.exists()
    )


@pytest.mark.parametrize(("kind", "origin"), [(IQC, "NOBODY"), (OQC, Origin.SUPPLIER)])
def test_an_origin_that_the_kind_does_not_know_is_refused(kind: Kind, origin: str) -> None:
    with pytest.raises(AppError) as caught:
        store(form(kind=kind.code), kind, origin)
    assert caught.value.code == "wrong_origin"


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows() -> None:
    store(form(lot="L0"))  # makes the company and the part
    counts = []
    for size in (2, 200):
        data = form(*(row(f"外径{at}") for at in range(size)), lot=f"L{size}")
        parsed = imports.parse_workbook(data, kind=IQC)
        with CaptureQueriesContext(connection) as queries:
            imports.store(parsed, kind=IQC, origin=Origin.SUPPLIER)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_saving_the_report_rings_once_the_rows_are_there(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    from spc_site import jobs

    rung = []
    monkeypatch.setattr(jobs, "enqueue", lambda name: rung.append((name, IQCReportEntry.objects.count())))
    store(form(row("a"), row("b")))
    assert rung == [("quality.judge", 2)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_two_processes_that_import_one_file_at_once_make_one_report(round_: int) -> None:
    data = form(lot=f"R{round_}")
    start = threading.Barrier(2)
    outcomes: list[Any] = []

    def run() -> None:
        try:
            parsed = imports.parse_workbook(data, kind=IQC)
            start.wait(timeout=20)
            result = imports.store(parsed, kind=IQC, origin=Origin.SUPPLIER)
            outcomes.extend(planned.outcome for planned in result.reports)
        except BaseException as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(map(str, outcomes)) == [Outcome.KNOWN, Outcome.NEW]
    assert (
        IQCReport.objects.count() == IQCReportImportLog.objects.count() == IQCReportEntry.objects.count() == 1
    )


# --- profiles ---------------------------------------------------------------------------------


def test_the_canonical_layout_is_the_first_row_of_the_profiles() -> None:
    first = ImportProfile.objects.first()
    assert first is not None
    assert (first.name, first.layout) == (CANONICAL.name, CANONICAL.to_json())
    assert imports.profiles(IQC) == [CANONICAL]


def test_a_layout_that_is_only_a_row_is_found_and_named() -> None:
    layout = CANONICAL.to_json()
    layout["fields"] = [
        {"key": "supplier", "labels": ["厂家全称"]} if rule["key"] == "supplier" else rule
        for rule in layout["fields"]
    ]
    ImportProfile.objects.create(name="乙厂", kind="IQC", layout=layout)
    parsed = imports.parse_workbook(form(), kind=IQC, profile="乙厂")
    assert [problem.code for problem in parsed.problems] == ["label_missing"]
    assert [profile.name for profile in imports.profiles(IQC)] == [CANONICAL.name, "乙厂"]
    assert [profile.name for profile in imports.profiles(OQC)] == [CANONICAL.name]


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(AppError) as caught:
        imports.profiles(IQC, name="丙厂")
    assert caught.value.code == "unknown_profile"
    assert CANONICAL.name in caught.value.message


def test_a_row_that_is_no_layout_is_told_with_its_place() -> None:
    ImportProfile.objects.create(name="坏", layout={"version": 1, "fields": []})
    with pytest.raises(AppError) as caught:
        imports.profiles(IQC)
    assert caught.value.code == "bad_profile"
    assert "fields" in caught.value.message


def test_a_path_that_cannot_be_opened_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    parsed = imports.parse_workbook(tmp_path / "nowhere.xlsx", kind=IQC)
    assert [problem.code for problem in parsed.problems] == ["unreadable"]
