"""Pages about readings: upload and undo, reading by hand, the board of missing data."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from energy.models import EnergyDailySummary, ReadingBatch, ReadingPhoto
from energy.services import days, manual
from spc_site import clock
from tests import builders
from tests.energy import builders as make

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=make.SHANGHAI)
GOOD = "时间,M1\n2026-03-01 00:00,10\n2026-03-02 00:00,34\n".encode()
BAD = "时间,M1\n2026-03-01 00:00,1.005\n".encode()
JPEG = b"\xff\xd8\xff" + b"x" * 100


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    settings.IMPORT_DIR = tmp_path / "imports"


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(builders.person("能源管理员"))
    return client


def upload(client: Client, *files: tuple[str, bytes]) -> Any:
    tables = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(reverse("energy:import"), {"tables": tables, "profile": ""})


def test_a_file_is_checked_confirmed_and_can_be_taken_back(manager: Client) -> None:
    make.device("M1", count_size=Decimal("0.01"))
    preview = upload(manager, ("a.csv", GOOD), ("b.csv", BAD))
    page = manager.get(preview.url).content.decode()
    assert "1 处问题" in page
    assert "CSV!B2" in page
    assert not ReadingBatch.objects.exists(), "nothing before the confirmation"
    marked = manager.get(f"{preview.url}problems/1")
    assert "整数倍" in str(list(load_workbook(io.BytesIO(marked.content)).worksheets[0].values))
    stored = manager.post(preview.url)
    batch = ReadingBatch.objects.get()
    assert stored.url == reverse("energy:batch", args=[batch.pk])
    days.compute_due()
    assert EnergyDailySummary.objects.get().total_consumption == 24
    assert "撤销这一批" in manager.get(stored.url).content.decode()
    manager.post(reverse("energy:batch_undo", args=[batch.pk]))
    days.compute_due()
    assert not EnergyDailySummary.objects.exists()
    assert "已撤销" in manager.get(reverse("energy:batches")).content.decode()
    assert manager.get(preview.url).status_code == 404, "the waiting files are gone"


def test_an_empty_file_has_the_meters_of_the_plant(manager: Client) -> None:
    make.device("M1")
    make.device("M2", status="retired")
    answer = manager.get(reverse("energy:import_form", args=["wide"]))
    assert [cell.value for cell in load_workbook(io.BytesIO(answer.content)).worksheets[0][1]] == [
        "时间",
        "M1",
    ]
    assert manager.get(reverse("energy:import_form", args=["round"])).status_code == 404


def test_pages_about_readings_are_for_those_who_may(client: Client) -> None:
    client.force_login(builders.person("质检员"))
    for name in ("import", "batches", "manual", "missing"):
        assert client.get(reverse(f"energy:{name}")).status_code == 403


# --- by hand ---------------------------------------------------------------------------------------


def note(client: Client, device: Any, value: str, **more: Any) -> Any:
    url = reverse("energy:manual_reading", args=[device.pk])
    note_id = client.get(url).context["form"]["note_id"].value()
    return client.post(url, {"value": value, "at": "2026-03-10T11:00", "note_id": note_id, **more})


def test_a_reading_by_hand_is_held_against_the_last_one(manager: Client) -> None:
    device = make.device("M1", max_per_hour=10)
    make.taken(device, (NOW - timedelta(hours=25), 1000))
    for value, doubt in (("990", "低于上次读数 1000"), ("1300", "超过这块表可能的最大值")):
        answer = note(manager, device, value)
        assert answer.status_code == 422
        assert doubt in answer.content.decode()
    assert ReadingBatch.objects.filter(way="manual").count() == 0
    photo = SimpleUploadedFile("p.jpg", JPEG)
    assert note(manager, device, "1020", photo=photo).status_code == 302
    assert note(manager, device, "1500", is_confirmed="on").status_code == 302, "who looked twice decides"
    last = manual.last_reading(device)
    assert last is not None
    assert last.value == 1500
    row = ReadingPhoto.objects.get()
    shown = manager.get(reverse("energy:batch_photo", args=[row.batch_id]))
    assert (shown.content, shown["Content-Type"]) == (JPEG, "image/jpeg")


def test_a_reading_far_above_the_usual_use_is_doubted(manager: Client) -> None:
    device = make.device("M1")
    make.used(device, NOW.date() - timedelta(days=5), *["24"] * 4)
    make.taken(device, (NOW - timedelta(hours=25), 100))
    assert "平时的 10 倍" in note(manager, device, "340").content.decode()
    assert note(manager, device, "148").status_code == 302


def test_what_is_no_photo_and_what_lies_ahead_is_not_taken(manager: Client) -> None:
    device = make.device("M1")
    wrong = note(manager, device, "5", photo=SimpleUploadedFile("p.jpg", b"<svg onload=alert(1)>"))
    assert "JPEG 或 PNG" in wrong.content.decode()
    assert "未来" in note(manager, device, "5", at="2026-03-10T12:30").content.decode()
    assert not ReadingBatch.objects.exists()


def test_a_form_that_is_sent_twice_counts_once(manager: Client) -> None:
    device = make.device("M1")
    url = reverse("energy:manual_reading", args=[device.pk])
    given = {
        "value": "5",
        "at": "2026-03-10T11:00",
        "note_id": manager.get(url).context["form"]["note_id"].value(),
    }
    assert {manager.post(url, given).status_code for _twice in range(2)} == {302}
    assert ReadingBatch.objects.count() == 1


def test_the_code_on_the_label_leads_to_its_form(manager: Client) -> None:
    device = make.device("M1", location="一车间")
    make.device("M11")
    form = reverse("energy:manual_reading", args=[device.pk])
    assert manager.get(reverse("energy:manual"), {"q": "M1"}).url == form
    assert form in manager.get(reverse("energy:manual"), {"q": "车间"}).content.decode()


# --- missing ---------------------------------------------------------------------------------------


def test_the_board_shows_silent_meters_and_can_be_narrowed(manager: Client) -> None:
    silent, _never = make.device("M1", name="一号表"), make.device("W1", make.energy_type("water"))
    make.taken(silent, (NOW - timedelta(days=2), 1))
    type(silent).objects.filter(pk=silent.pk).update(connection="silent")
    url = reverse("energy:missing")
    page = manager.get(url).content.decode()
    assert "一号表" in page
    assert "W1" in page
    assert "2\xa0日" in page
    narrowed = manager.get(url, {"state": "silent", "energy": "electricity", "q": "一号"}).content.decode()
    assert "一号表" in narrowed
    assert "W1" not in narrowed
    assert "没有符合条件的表" in manager.get(url, {"q": "nobody"}).content.decode()
