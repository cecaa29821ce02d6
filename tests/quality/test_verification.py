"""Runs of the verification as rows: asked for, done by a worker, shown, handed out."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from quality.models import Verification
from quality.services import verification
from quality.spc.verify import Run, verify
from quality.spc.verify.kinds import KINDS
from spc_site import jobs
from tests import builders

pytestmark = pytest.mark.django_db

State = Verification.State
CASE = "nist_ewma"


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """One case instead of all: what is tested here is the row around the run."""

    def few(names: object = None) -> Run:
        return verify([CASE])

    monkeypatch.setattr("quality.services.verification.verify", few)
    monkeypatch.setattr("quality.management.commands.spc_verify.verify", few)


@pytest.fixture
def engineer(client: Client) -> Client:
    client.force_login(builders.person("质量工程师"))
    return client


def _spoil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "ewma", lambda data, expected, checks: checks.exact("z", [1.0], [2.0]))


def _page(row: Verification) -> str:
    return reverse("admin:quality_verification_change", args=[row.pk])


LIST = "admin:quality_verification_changelist"
START = "admin:quality_verification_start"


def test_the_button_asks_and_the_bell_does_it(engineer: Client) -> None:
    assert "还没有运行过" in engineer.get(reverse(LIST)).text
    assert engineer.post(reverse(START)).status_code == 302
    engineer.post(reverse(START))  # pressed twice: one run
    (row,) = Verification.objects.all()
    assert row.state == State.WAITING
    assert row.requested_by is not None
    assert "quality.verify" in jobs.due()
    assert jobs.drain("quality.verify") == 1
    assert "quality.verify" not in jobs.due()
    row.refresh_from_db()
    assert (row.state, row.case_count, row.check_count, row.failed_count) == (State.EQUAL, 1, 8, 0)
    assert Run.from_dict(row.result) == verify([CASE])
    page = engineer.get(reverse(LIST)).text
    assert "全部一致" in page and "8 / 8 项，1 个案例" in page and "scipy" in page
    shown = engineer.get(_page(row)).text
    assert CASE in shown and "NIST/SEMATECH" in shown


def test_a_difference_is_red_and_its_case_is_open(engineer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    _spoil(monkeypatch)
    verification.request_verification(user=builders.person())
    verification.verify_due()
    row = Verification.objects.get()
    assert (row.state, row.failed_count) == (State.DIFFERS, 1)
    assert "有不一致" in engineer.get(reverse(LIST)).text
    assert '<details class="case" open>' in engineer.get(_page(row)).text


def test_the_command_keeps_a_whole_run_and_no_partial_one(monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("spc_verify", stdout=io.StringIO())
    assert Verification.objects.get().state == State.EQUAL
    call_command("spc_verify", "--case", CASE, stdout=io.StringIO())
    assert Verification.objects.count() == 1
    _spoil(monkeypatch)
    with pytest.raises(SystemExit) as caught:
        call_command("spc_verify", stdout=io.StringIO())
    assert caught.value.code == 1
    assert [row.state for row in Verification.objects.all()] == [State.DIFFERS, State.EQUAL]


def test_the_command_verifies_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: Run) -> None:
        raise DatabaseError("no such table")

    monkeypatch.setattr("quality.management.commands.spc_verify.record_verification", fail)
    out, errors = io.StringIO(), io.StringIO()
    call_command("spc_verify", "--format", "json", stdout=out, stderr=errors)
    assert json.loads(out.getvalue())["passed"] is True
    assert "no such table" in errors.getvalue()


@pytest.mark.parametrize("form", ["json", "html", "xlsx"])
def test_a_run_is_handed_out_in_each_format(engineer: Client, form: str, tmp_path: Path) -> None:
    row = verification.record_verification(verify([CASE]))
    url = reverse("admin:quality_verification_download", args=[row.pk, form])
    assert url in engineer.get(reverse(LIST)).text and url in engineer.get(_page(row)).text
    response = engineer.get(url)
    assert response.status_code == 200
    assert f'attachment; filename="spc-verification-{row.pk}.{form}"' in response["Content-Disposition"]
    if form == "json":
        assert response.json()["check_count"] == 8
    elif form == "html":
        assert response.text.startswith("<!doctype html>")
    else:
        target = tmp_path / "run.xlsx"
        target.write_bytes(response.content)
        assert openpyxl.load_workbook(target).active.max_row == 3 + 8


def test_there_is_nothing_to_download_before_the_end(engineer: Client) -> None:
    row = verification.request_verification(user=builders.person())
    assert "还没有结果" in engineer.get(_page(row)).text
    for form in ("json", "pdf"):
        url = reverse("admin:quality_verification_download", args=[row.pk, form])
        assert engineer.get(url).status_code == 404


def test_a_manager_sees_and_does_not_start(client: Client) -> None:
    client.force_login(builders.person("质量经理"))
    row = verification.record_verification(verify([CASE]))
    assert reverse(START) not in client.get(reverse(LIST)).text
    assert client.post(reverse(START)).status_code == 403
    client.force_login(builders.person("质检员"))
    assert (
        client.get(reverse("admin:quality_verification_download", args=[row.pk, "json"])).status_code == 403
    )
    assert Verification.objects.count() == 1


def test_only_a_post_starts(engineer: Client) -> None:
    assert engineer.get(reverse(START)).status_code == 405
    assert not Verification.objects.exists()


def test_a_run_that_was_killed_is_begun_again_and_one_under_way_is_left_alone() -> None:
    row = verification.request_verification(user=builders.person())
    Verification.objects.update(state=State.RUNNING, started_at=timezone.now() - timedelta(minutes=9))
    assert not verification.has_due()
    assert verification.verify_due() == 0
    Verification.objects.update(started_at=timezone.now() - timedelta(minutes=11))
    assert verification.has_due()
    assert verification.verify_due() == 1
    row.refresh_from_db()
    assert row.state == State.EQUAL


def test_old_runs_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "KEPT_RUNS", 2)
    waiting = verification.request_verification(user=builders.person())
    rows = [verification.record_verification(verify([CASE])) for _ in range(3)]
    assert list(Verification.objects.order_by("pk")) == [waiting, *rows[1:]]
