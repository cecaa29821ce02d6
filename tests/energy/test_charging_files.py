"""Charging orders from files: the titles of any export, mistakes by their cells, twice is once."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from openpyxl import Workbook, load_workbook

from energy.importing.charging import WORDING
from energy.models import ChargingOrder
from energy.services import charging
from hooks.models import HookEvent
from spc_site import clock
from spc_site.errors import AppError
from tests.energy import builders as make
from tests.hooks.conftest import customer  # noqa: F401  a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.database]

CHINESE = ("订单号", "充电站", "充电枪", "开始时间", "结束时间", "电量", "金额")
ENGLISH = ("Order number", "Station", "Plug", "Start", "End", "Energy (kWh)", "Amount (CNY)")


@pytest.fixture(autouse=True)
def _march_10th(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 10, 12, tzinfo=make.SHANGHAI))


def workbook(*rows: tuple[Any, ...], titles: tuple[str, ...] = CHINESE) -> bytes:
    book, stream = Workbook(), io.BytesIO()
    for row in (("充电订单导出",), titles, *rows):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(stream)
    return stream.getvalue()


def begins(day: int, hour: int = 8) -> datetime:
    return datetime(2026, 3, day, hour)  # noqa: DTZ001 — local, as a file has it


def order(number: str, day: int = 1, kwh: Any = "12.3456", price: Any = 10.5) -> tuple[Any, ...]:
    return number, "北站", "3-A", begins(day), begins(day) + timedelta(minutes=90), kwh, price


def found(data: bytes) -> list[tuple[str, str]]:
    problems = charging.check_file(data).problems
    assert all(WORDING.line(one, "zh") and WORDING.line(one, "en") for one in problems)
    return [(one.code, one.address) for one in problems]


def test_every_export_is_read_exactly_and_a_day_is_local() -> None:
    csv = (
        "枪号,站点名称,订单编号,充电开始时间,充电结束时间,充电量(kWh),总金额(元)\n"
        "3-A,北站,C1,2026-03-01 08:00:00,2026-03-01 09:30:00,12.3456,10.50\n"
        "3-A,北站,C2,2026/3/1 23:00,,,\n"
    ).encode("gbk")
    aware = workbook(
        ("C3", "北站", "3-B", "2026-03-01T00:00:00Z", "2026-03-01T01:30:00+00:00", 0.1, None), titles=ENGLISH
    )
    for data in (csv, workbook(order("C4")), aware):
        file = charging.check_file(data)
        assert file.problems == []
        charging.store_many(file.orders)
    rows = {row.order_number: row for row in ChargingOrder.objects.all()}
    eight = datetime(2026, 3, 1, 0, tzinfo=UTC)
    for number in ("C1", "C4"):
        row = rows[number]
        assert (row.state, row.started_at, row.ended_at) == (
            "completed",
            eight,
            eight + timedelta(minutes=90),
        )
        assert (row.energy_kwh, row.price) == (Decimal("12.3456"), Decimal("10.5"))
    assert (rows["C2"].state, rows["C2"].ended_at, rows["C2"].energy_kwh) == ("charging", None, None)
    assert (rows["C3"].started_at, rows["C3"].energy_kwh, rows["C3"].price) == (eight, Decimal("0.1"), None)


def test_a_file_again_changes_nothing_and_a_later_one_completes(
    customer: Any,  # noqa: F811
    django_assert_num_queries: Any,
) -> None:
    customer("def on_charging_order_created(self): pass\ndef on_charging_order_completed(self): pass")
    first = workbook(("C1", "北站", "3-A", begins(1), None, None, None), *(order(f"D{n}") for n in range(40)))
    with django_assert_num_queries(7):  # compared twice, one insert, events of two kinds, a savepoint
        stored = charging.store_many(charging.check_file(first).orders[1:])
    assert (len(stored.begun), len(stored.completed), stored.same) == (40, 40, 0)
    for data, told in ((first, (1, 0, 40)), (first, (0, 0, 41)), (workbook(order("C1")), (0, 1, 0))):
        compared = charging.store_many(charging.check_file(data).orders)
        assert (len(compared.begun), len(compared.completed), compared.same) == told
    again = charging.check_file(first)  # began as it says; that it ended since is no contradiction
    assert again.problems == [] and again.compared.changed == 0
    points = list(HookEvent.objects.values_list("point", flat=True))
    assert (len(points), points.count("on_charging_order_completed")) == (82, 41)


def test_each_mistake_is_named_by_its_cell_and_keeps_the_file_out() -> None:
    charging.store_many(charging.check_file(workbook(order("C1"))).orders)
    data = workbook(
        order("C1", kwh=99),
        order("C1", day=2),
        (None, "北站", "1", "昨天", begins(1), -1, 1.005),
        ("N1", "北站", "1", begins(2), begins(1), 1, 1),
        ("N2", "北站", "1", begins(2), None, 5, None),
        ("N3", "北站", "1", begins(2), None, None, 3),
        ("N4", "北站", "1", begins(11), None, None, None),
        ("N5", "x" * 81, "1", begins(2), None, "12 度电", None),
        ("N6", "北站", "1", begins(2), begins(2, 9), 1.00005, 10**8),
        order("N7"),
        order("N7", day=3),
    )
    assert found(data) == [
        ("other_end", "A3"),
        ("other_start", "A4"),
        ("missing", "A5"),
        ("not_a_moment", "D5"),
        ("negative", "F5"),
        ("decimals", "G5"),
        ("bad_end", "E6"),
        ("incomplete", "E7"),
        ("incomplete", "E8"),
        ("in_future", "D9"),
        ("text_too_long", "B10"),
        ("not_a_number", "F10"),
        ("decimals", "F11"),
        ("too_large", "G11"),
        ("other_start", "A13"),
    ]
    line = WORDING.line(charging.check_file(data).problems[0])
    assert (
        "Sheet!A3（订单号）" in line and "北站 3-A 2026-03-01 08:00 – 03-01 09:30 12.3456 kWh ¥10.50" in line
    )
    with pytest.raises(AppError):
        charging.store_many(charging.check_file(data).orders)
    assert ChargingOrder.objects.count() == 1


def test_what_is_no_table_of_orders_says_what_is_needed() -> None:
    assert found(workbook(("M1", 1), titles=("表号", "读数"))) == [("no_columns", "")]
    assert found(b"\x00\x01") == [("not_text", "")]
    assert found(workbook()) == [("nothing", "")]


def test_the_command_imports_orders_lists_faults_and_marks_them(tmp_path: Path, capsys: Any) -> None:
    good, bad, out = tmp_path / "a.xlsx", tmp_path / "b.xlsx", tmp_path / "out" / "marked.xlsx"
    good.write_bytes(workbook(order("C1"), ("C2", "北站", "1", begins(2), None, None, None)))
    bad.write_bytes(workbook(order("C3"), order("C4", kwh="x")))
    call_command("import_energy", str(good), charging=True, dry_run=True)
    assert "将写入 2 个订单" in capsys.readouterr().out and not ChargingOrder.objects.exists()
    with pytest.raises(CommandError) as stopped:
        call_command("import_energy", str(tmp_path), charging=True, errors=out)
    assert stopped.value.returncode == 1
    told = capsys.readouterr()
    assert "✓ a.xlsx：新增 2，完成 1，相同 0" in told.out and "Sheet!F4（电量）" in told.err
    assert set(ChargingOrder.objects.values_list("order_number", flat=True)) == {"C1", "C2"}
    assert "x" in str(load_workbook(out)["Sheet"]["F4"].comment.text)
    call_command("import_energy", str(good), charging=True, lang="en")
    assert ChargingOrder.objects.count() == 2
    with pytest.raises(CommandError):
        call_command("import_energy", str(tmp_path / "nothing.csv"), charging=True)
