"""Use by shifts: exactly what the readings say, across midnight, with gaps said and nothing invented."""

from __future__ import annotations

import io
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from energy.models import Device, DeviceGroup, DeviceRatio, Shift, UpstreamLink
from energy.selectors.shifts import shift_uses, shifts_of
from spc_site import clock
from tests import builders
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MAY = datetime(2026, 5, 1, tzinfo=make.SHANGHAI)
NOW = MAY + timedelta(days=3, hours=9, minutes=10)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _may_4th(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(builders.person("能源管理员"))
    return client


@pytest.fixture
def shifts() -> list[Shift]:
    return [
        Shift.objects.create(name=name, begins=begins, ends=ends, start=date(2026, 1, 1))
        for name, begins, ends in (
            ("早班", time(6), time(14)),
            ("中班", time(14), time(21, 30)),
            ("夜班", time(22), time(6)),
        )
    ]


@pytest.fixture
def meter() -> Device:
    """A meter that counts 4 a quarter of an hour from April 30th on, away on May 2nd from 8:00 to 12:00."""
    meter = make.device("M1")
    make.attached(make.group("S", name="压铸车间"), meter)
    first = MAY - timedelta(days=1)
    quarters = [first + n * HOUR / 4 for n in range(4 * 24 * 5) if first + n * HOUR / 4 <= NOW]
    away = (MAY + timedelta(days=1, hours=8), MAY + timedelta(days=1, hours=12))
    make.taken(
        meter,
        *((at, 1000 + 4 * n) for n, at in enumerate(quarters) if not away[0] < at < away[1]),
    )
    return meter


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_each_shift_has_what_was_used_in_it_and_all_add_up(
    client: Client, meter: Device, shifts: list[Shift]
) -> None:
    response = client.get("/energy/shifts/")
    rows = {row.name: row for row in response.context["rows"]}
    # Early: three whole turns and 3:10 of the fourth (the last reading is of 9:00).
    assert {name: (row.turns, row.use) for name, row in rows.items()} == {
        "早班": (4, Decimal(16 * (3 * 8 + 3))),
        "中班": (3, Decimal(16 * 3 * 7) + 3 * 8),
        "夜班": (3, Decimal(16 * 3 * 8)),
        "班次之外": (3, Decimal(3 * 8)),
    }
    assert sum(row.use for row in rows.values()) == 16 * (3 * 24 + 3)
    assert rows["夜班"].coverage.is_full and rows["夜班"].mean == "16.00"
    days = {row.day.day: row.cells for row in response.context["days"]}
    assert [cell.text for cell in days[1]] == ["128.0", "120.0", "128.0", "8.00"]
    assert (days[2][0].text, days[2][0].remark) == ("128.0", "无读数 4.0 小时")
    assert (days[4][0].text, days[4][0].remark) == ("48.00", "进行中")
    assert days[4][1].text == ""  # has not begun
    assert "05-01 06:00 – 05-04 09:10" in text_of(response)


def test_turns_without_readings_are_unknown_and_not_zero(
    client: Client, meter: Device, shifts: list[Shift]
) -> None:
    late = make.device("M2")
    make.attached(make.group("T"), late)
    make.taken(late, *((MAY + timedelta(days=2, hours=n), 10 * n) for n in range(24)))
    group = DeviceGroup.objects.get(code="T")
    response = client.get(f"/energy/shifts/?group={group.pk}")
    days = {row.day.day: row.cells for row in response.context["days"]}
    assert [(cell.text, cell.remark) for cell in days[1]] == [("—", "无读数")] * 2 + [
        ("—", "无读数"),
        ("—", "无读数"),
    ]
    assert days[3][0].text == "80.00"
    rows = list(
        load_workbook(
            io.BytesIO(client.get(f"/energy/shifts/?group={group.pk}&format=xlsx").content)
        ).active.values  # type: ignore[union-attr]
    )
    assert rows[1][:2] == ("2026-05-01", "早班") and rows[1][4] is None
    assert next(row[4] for row in rows if row[:2] == ("2026-05-03", "早班")) == 80


def test_a_change_of_ratio_and_of_structure_within_a_shift_counts_from_its_moment(
    meter: Device, shifts: list[Shift]
) -> None:
    DeviceRatio.objects.create(device=meter, valid_from=MAY - timedelta(days=9), ratio=1)
    DeviceRatio.objects.create(device=meter, valid_from=MAY + 10 * HOUR, ratio=10)
    tenant = make.device("T1")
    group = DeviceGroup.objects.get(code="S")
    make.attached(group, tenant, start=date(2026, 5, 2), sign=-1)
    UpstreamLink.objects.create(device=tenant, behind=meter, start=date(2026, 1, 1))
    make.taken(tenant, *((MAY + n * HOUR, 2 * n) for n in range(73)))
    meter.refresh_from_db()
    first = MAY.date()
    uses = shift_uses(meter.energy_type, group.pk, shifts_of(first, first), first, first, NOW)
    early, middle, night = (use for use in uses if use.shift is not None)
    step = meter.energy_type.step
    assert early.amount * step == 16 * 4 + 160 * 4
    assert middle.amount * step == 160 * Decimal("7.5")
    assert night.amount * step == 160 * 8 - 2 * 6  # the tenant is taken off from midnight on
    between = next(use for use in uses if use.shift is None)
    assert between.amount * step == 80


def test_without_shifts_the_page_says_how_to_define_them(client: Client, meter: Device) -> None:
    response = client.get("/energy/shifts/")
    assert "定义班次" in text_of(response) and "/energy/shift/add/" in response.content.decode()


def test_shifts_may_not_overlap(shifts: list[Shift]) -> None:
    with pytest.raises(ValidationError, match="早班"):
        Shift(name="长班", begins=time(5), ends=time(7), start=date(2026, 5, 1)).full_clean()
    with pytest.raises(ValidationError):
        Shift(name="零班", begins=time(21, 30), ends=time(21, 30), start=date(2026, 5, 1)).full_clean()
    Shift(name="短班", begins=time(21, 30), ends=time(22), start=date(2026, 5, 1)).full_clean()
    shifts[0].full_clean()


def test_the_page_costs_the_same_for_little_and_for_much(
    client: Client, meter: Device, shifts: list[Shift]
) -> None:
    def cost() -> int:
        client.get("/energy/shifts/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/energy/shifts/").status_code == 200
        return len(queries)

    little = cost()
    for number in range(10):
        device = make.device(f"Z{number}")
        make.attached(make.group(f"Z{number}", DeviceGroup.objects.get(code="S")), device)
        make.taken(device, *((MAY + n * HOUR, n) for n in range(60)))
    Shift.objects.filter(name="夜班").update(end=date(2026, 5, 3))
    assert cost() == little <= 16
