"""Files of readings: every shape, every mistake by its cell, the same file twice, undone."""

from __future__ import annotations

import gzip
import io
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from openpyxl import Workbook, load_workbook

from energy.choices import ReadingKind
from energy.importing.template import SHAPES, template
from energy.importing.wording import WORDING
from energy.metering import unpack
from energy.models import EnergyDailySummary, ReadingBatch, ReadingDay, ReadingProfile
from energy.services import days, imports, readings
from spc_site import clock
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DATA = Path(__file__).parents[1] / "data" / "energy"
NOON = datetime(2026, 3, 1, 12)  # noqa: DTZ001 — local, as a file has it


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 10, 12, tzinfo=make.SHANGHAI))
    settings.IMPORT_DIR = tmp_path / "imports"
    for code in ("M1", "M2"):
        make.device(code, count_size=Decimal("0.01"))


def workbook(*rows: list[Any]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def stored() -> dict[tuple[str, str], int]:
    found = {}
    for row in ReadingDay.objects.select_related("device"):
        start = datetime(row.day.year, row.day.month, row.day.day)  # noqa: DTZ001
        seconds, counts = unpack(row.packed)
        for second, shown in zip(seconds.tolist(), counts.tolist(), strict=True):
            found[row.device.code, f"{start + timedelta(seconds=second):%m-%d %H:%M}"] = shown
    return found


def faults(data: bytes, name: str = "a.xlsx") -> list[tuple[str, str]]:
    problems = imports.parse_file(data, file_name=name).problems
    assert all(WORDING.line(one, "zh") and WORDING.line(one, "en") for one in problems)
    return [(one.code, one.address) for one in problems]


QUARTER = NOON + timedelta(minutes=15)
SAME = {("M1", "03-01 12:00"): 1000, ("M1", "03-01 12:15"): 1025, ("M2", "03-01 12:15"): 7}
SHAPED = {
    "long": (
        [["抄表记录"], [], ["表号", "时间", "读数"]],
        [["M1", NOON, 10], ["M1", QUARTER, 10.25], ["M2", QUARTER, "0.07"]],
    ),
    "long, date and time apart": (
        [["日期", "时间", "设备编号", "示数"]],
        [
            ["2026/3/1", "12:00", "M1", "10.00"],
            ["2026年3月1日", "12:15:00", "M1", 10.25],
            ["20260301", time(12, 15), "M2", 0.07],
        ],
    ),
    "down": ([["时间", "M1", "M2"]], [[NOON, 10, None], ["2026-03-01 12:15", 10.25, 0.07]]),
    "across": ([["表号", "位置", NOON, QUARTER]], [["M1", "东", 10, 10.25], ["M2", None, None, 0.07]]),
    "days": (
        [["表号", "日期", "12:00", "12:15", "24:00"]],
        [["M1", "2026-03-01", 10, 10.25, None], ["M2", "2026-03-01", None, 0.07, None]],
    ),
}


@pytest.mark.parametrize("kind", ["xlsx", "csv", "csv, Chinese Excel"])
@pytest.mark.parametrize("shape", SHAPED)
def test_every_shape_is_read_from_every_kind_of_file(shape: str, kind: str) -> None:
    titles, rows = SHAPED[shape]
    if kind == "xlsx":
        data, name = workbook(*titles, *rows), "a.xlsx"
    else:
        lines = (",".join("" if cell is None else str(cell) for cell in row) for row in [*titles, *rows])
        data = "\r\n".join(lines).encode("gb18030" if "Chinese" in kind else "utf-8-sig")
        name = "a.csv"
    file = imports.parse_file(data, file_name=name)
    assert file.problems == []
    imports.store(file)
    assert stored() == SAME


def test_the_closing_midnight_of_a_day_belongs_to_the_next() -> None:
    data = workbook(["表号", "日期", "0:00", "24:00"], ["M1", "2026-03-01", 1, 2])
    imports.store(imports.parse_file(data, file_name="a.xlsx"))
    assert stored() == {("M1", "03-01 00:00"): 100, ("M1", "03-02 00:00"): 200}


def test_each_mistake_is_named_by_its_cell_and_nothing_is_stored() -> None:
    data = workbook(
        ["时间", "M1", "M2", "M9"],
        [NOON, 10, "N/A", 1],
        ["昨天", 10, None, None],
        [None, 10, None, None],
        [QUARTER, 10.005, -1, 2],
        [datetime(2027, 1, 1), 10, None, None],  # noqa: DTZ001
    )
    assert faults(data) == [
        ("not_a_number", "C2"),
        ("not_a_moment", "A3"),
        ("time_missing", "A4"),
        ("refused", "D2"),
        ("refused", "B5"),
        ("refused", "C5"),
        ("refused", "B6"),
    ]
    with pytest.raises(imports.AppError, match="7 处问题"):
        imports.store(imports.parse_file(data, file_name="a.xlsx"))
    assert not ReadingDay.objects.exists()
    assert faults(workbook(["姓名", "电话"])) == [("no_readings_found", "")]
    assert faults(workbook(["时间", "M1"], [NOON, None])) == [("nothing_filled_in", "")]
    assert faults(workbook(["时间", "M1", "M1"], [NOON, 1, 2]))[0] == ("title_twice", "C1")
    assert faults(b"%PDF-1.7")[0][0] == "not_a_workbook"
    assert faults(b"\x00\xff\x00", "a.csv") == [("not_text", "")]
    assert faults(b"", "a.csv") == [("empty_file", "")]


def test_the_same_file_changes_nothing_until_it_was_undone() -> None:
    data = workbook(["时间", "M1"], [NOON, 10], [QUARTER, 11])
    first = imports.store(imports.parse_file(data, file_name="a.xlsx"))
    again = imports.parse_file(data, file_name="renamed.xlsx")
    assert imports.preview(again).known == first.batch
    assert imports.store(again).is_repeated
    readings.undo(first.batch, who=None)
    assert stored() == {}
    again = imports.parse_file(data, file_name="renamed.xlsx")
    assert imports.preview(again).compared.new == 2
    assert not imports.store(again).is_repeated
    assert len(stored()) == 2
    assert ReadingBatch.objects.count() == 2


def test_a_preview_says_what_storing_then_does() -> None:
    imports.store(imports.parse_file(workbook(["时间", "M1"], [NOON, 10], [QUARTER, 11]), file_name="a.xlsx"))
    other = workbook(["时间", "M1", "M2"], [NOON, 10, 5], [QUARTER, 12, None])
    file = imports.parse_file(other, file_name="b.xlsx")
    compared = imports.preview(file).compared
    assert (compared.new, compared.changed, compared.same, compared.meters) == (1, 1, 1, 2)
    batch = imports.store(file).batch
    assert (batch.taken, batch.corrected, batch.unchanged) == (2, 1, 1)


# --- profiles ----------------------------------------------------------------------------------


def test_a_profile_reads_what_the_file_itself_does_not_say(tmp_path: Path) -> None:
    """The real year as it is: no column of meters, days first, 00:00 dated to the day that it closes."""
    make.device("steel", reading_kind=ReadingKind.INTERVAL, count_size=Decimal("0.01"))
    layout = {
        "meter": "steel",
        "titles": {"time": ["date"], "value": ["Usage_kWh"]},
        "label": "end_of_day",
        "date_order": "dmy",
    }
    ReadingProfile.objects.create(name="钢厂", file_pattern="STEEL_*.csv", layout=layout)
    lines = gzip.decompress((DATA / "steel_15min_2018.csv.gz").read_bytes()).splitlines()
    path = tmp_path / "steel_2018.csv"
    path.write_bytes(b"\n".join(lines[: 1 + 96 * 31]))
    call_command("import_energy", str(path))
    days.compute_due()
    uses = EnergyDailySummary.objects.order_by("date").values_list("date", "total_consumption", "covered_s")
    expected: dict[str, Decimal] = {}
    for line in lines[1 : 1 + 96 * 31]:
        at, use, _load = line.decode().split(",")
        day, month, year = at.split(" ")[0].split("/")
        key = f"{year}-{int(month):02}-{int(day):02}"
        expected[key] = expected.get(key, Decimal(0)) + Decimal(use)
    assert {str(day): use for day, use, _covered in uses} == expected
    assert {covered for _day, _use, covered in uses} == {86400}


def test_a_profile_scales_and_renames() -> None:
    layout = {
        "scale": "0.001",
        "meters": {"一号总表": "M1"},
        "titles": {"value": ["有功Wh"], "meter": ["点位"]},
    }
    ReadingProfile.objects.create(name="Wh", layout=layout)
    data = workbook(["点位", "时间", "有功Wh"], ["一号总表", NOON, 10250])
    imports.store(imports.parse_file(data, file_name="a.xlsx", profile="Wh"))
    assert stored() == {("M1", "03-01 12:00"): 1025}


@pytest.mark.parametrize(
    "layout",
    [[], {"label": "x"}, {"scale": "0"}, {"titles": {"value": "读数"}}, {"date_order": "y"}, {"colour": 1}],
)
def test_a_profile_that_is_none_is_refused_when_it_is_saved(layout: Any) -> None:
    with pytest.raises(ValidationError):
        ReadingProfile(name="x", layout=layout).full_clean()


# --- command, template ----------------------------------------------------------------------------


def test_the_command_tells_by_its_exit_and_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "in" / "good.xlsx", tmp_path / "in" / "bad.csv"
    good.parent.mkdir()
    (tmp_path / "nothing").mkdir()
    good.write_bytes(workbook(["时间", "M1"], [NOON, 10]))
    call_command("import_energy", str(good), dry_run=True)
    assert "将新增 1" in capsys.readouterr().out
    assert stored() == {}
    bad.write_text("时间,M1\n2026-03-01 12:00,10.001\n2026-03-01 12:15,5\n", encoding="utf-8")
    out = tmp_path / "errors.xlsx"
    with pytest.raises(CommandError, match="1 个文件有问题") as failed:
        call_command("import_energy", str(good.parent), errors=out)
    assert failed.value.returncode == 1
    shown = capsys.readouterr()
    assert "新增 1" in shown.out
    assert "CSV!B2" in shown.err
    assert "整数倍" in str(list(load_workbook(out).worksheets[0].iter_rows(values_only=True)))
    assert stored() == {("M1", "03-01 12:00"): 1000}
    call_command("import_energy", str(good))
    assert "已导入过" in capsys.readouterr().out
    with pytest.raises(CommandError) as failed:
        call_command("import_energy", str(good), profile="没有")
    assert failed.value.returncode == 2
    with pytest.raises(CommandError, match="没有找到"):
        call_command("import_energy", str(tmp_path / "nothing"))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_filled_template_is_read(shape: str) -> None:
    book = template(shape, ["M1", "M2"])
    sheet = book.worksheets[0]
    sheet.cell(row=2, column=2 if shape == "wide" else 3, value=12.5)
    out = io.BytesIO()
    book.save(out)
    file = imports.parse_file(out.getvalue(), file_name="a.xlsx")
    assert file.problems == []
    imports.store(file)
    assert stored() == {("M1", "03-01 00:00"): 1250}
