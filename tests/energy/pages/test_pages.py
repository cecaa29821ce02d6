"""Pages of groups, meters and costs: what they show, what can be done on them, what they cost."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook, load_workbook

from energy.choices import Band, DemandBasis, DeviceKind
from energy.models import (
    Attachment,
    ConversionFactor,
    Device,
    DeviceGroup,
    GroupFigure,
    OutputDay,
    PowerFactor,
    Tariff,
    UpstreamLink,
    VirtualPart,
)
from energy.services import months
from tests import builders
from tests.energy import builders as make
from tests.energy.pages.test_months import MAY, at, read, tariff

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = datetime(2026, 5, 20, 15, tzinfo=make.SHANGHAI)


@pytest.fixture(autouse=True)
def _may_20th(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setattr("spc_site.pages.context.system_banner", lambda: "")


@pytest.fixture
def manager() -> User:
    return builders.person("能源管理员", first_name="能工")


@pytest.fixture
def client(manager: User) -> Client:
    client = Client()
    client.force_login(manager)
    return client


@pytest.fixture
def plant() -> Iterator[dict[str, Any]]:
    """A main meter of the plant, a shop with a meter behind it, and a line below the shop."""
    groups = {"plant": make.group("P", name="工厂")}
    groups["shop"] = make.group("S", groups["plant"], name="压铸车间")
    groups["line"] = make.group("L", groups["shop"], name="一线")
    main, shop, line = (
        make.device("M0", name="总表"),
        make.device("M1", name="车间表"),
        make.device("M2", name="一线表"),
    )
    for device, group in ((main, "plant"), (shop, "shop"), (line, "line")):
        make.attached(groups[group], device)
    UpstreamLink.objects.create(device=shop, behind=main, start=date(2020, 1, 1))
    UpstreamLink.objects.create(device=line, behind=shop, start=date(2020, 1, 1))
    for device, daily in ((main, 100), (shop, 70), (line, 75)):
        make.used(device, date(2026, 4, 1), *[daily] * 30, *[daily * 2] * 20)
    yield {**groups, "M0": main, "M1": shop, "M2": line}


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def sheet_of(response: Any) -> list[tuple[Any, ...]]:
    return list(load_workbook(io.BytesIO(response.content)).active.values)  # type: ignore[union-attr]


PAGES = ("groups", "devices", "costs", "demand", "units", "conversion", "ranking")


# --- the tree ---------------------------------------------------------------------------------


def test_the_tree_counts_each_meter_once_and_shows_the_rest_also_below_zero(
    client: Client, plant: dict[str, Any]
) -> None:
    response = client.get("/energy/groups/?at=2026-04")
    rows = {row.name: row for row in response.context["rows"]}
    assert [(row.name, row.depth) for row in response.context["rows"]] == [
        ("工厂", 0),
        ("压铸车间", 1),
        ("一线", 2),
    ]
    assert (rows["工厂"].amount_text, rows["工厂"].share) == ("3,000", "100.0 %")
    assert (rows["压铸车间"].amount_text, rows["压铸车间"].share) == ("2,100", "70.0 %")
    assert (rows["工厂"].rest_text, rows["压铸车间"].rest_text) == ("900.0", "-150.0")
    assert rows["压铸车间"].rest_is_negative and "表的误差或归属有误" in response.content.decode()
    assert all(row.coverage.is_full for row in rows.values())


def test_a_period_that_is_not_over_is_complete_when_all_its_days_so_far_are(
    client: Client, plant: dict[str, Any]
) -> None:
    assert {row.coverage.text for row in client.get("/energy/groups/").context["rows"]} == {"数据完整"}
    plant["M2"].days.filter(date__gte=date(2026, 5, 11)).delete()
    months.refresh([plant["M2"].pk], MAY, MAY)
    rows = client.get("/energy/groups/").context["rows"]
    assert [row.coverage.text for row in rows] == ["数据完整", "数据完整", "数据 51%"]


def test_what_has_not_been_of_today_is_not_missing(
    client: Client, plant: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late in the first night of a month all but the last hours was read: nothing is amiss."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 5, 1, 4, 10, tzinfo=make.SHANGHAI))
    meter = plant["M2"]
    meter.days.filter(date__gte=MAY).delete()
    make.used(meter, MAY, 5, covered_s=4 * 3600)
    page = reverse("energy:group", args=[plant["line"].pk])
    for period in ("day", "month", "year"):
        (row,) = client.get(f"{page}?period={period}").context["meters"]
        assert row.coverage.text == ("数据完整" if period != "year" else "数据 25%"), period
    assert client.get(f"/energy/devices/{meter.pk}/").context["coverage"].is_full
    meter.days.filter(date__gte=MAY).delete()
    make.used(meter, MAY, 5, covered_s=3600)
    assert client.get(f"/energy/devices/{meter.pk}/").context["coverage"].text == "数据 46%"


@pytest.mark.parametrize(
    ("query", "use"),
    [
        ("period=day&at=2026-05-02", "200.0"),
        ("period=month", "4,000"),
        ("period=year", "7,000"),
        ("at=nonsense", "4,000"),
    ],
)
def test_periods(client: Client, plant: dict[str, Any], query: str, use: str) -> None:
    assert client.get(f"/energy/groups/?{query}").context["rows"][0].amount_text == use


def test_a_group_shows_its_days_its_meters_and_how_they_count(client: Client, plant: dict[str, Any]) -> None:
    response = client.get(reverse("energy:group", args=[plant["shop"].pk]))
    (meter,) = response.context["meters"]
    assert (meter.name, meter.role, meter.rest_text) == ("M1 车间表", "计入", "-200.0")
    assert response.context["use"] == "2,800" and response.context["change"] == "+100.0 %"
    text = text_of(response)
    assert "比 2026 年 4 月 同期" in text and "05-20" in text


def test_a_long_tree_is_cut_to_its_upper_levels_but_exported_whole(
    client: Client, plant: dict[str, Any]
) -> None:
    for number in range(70):
        group = make.group(f"X{number}", plant["line"])
        make.attached(group, plant["M2"])
    shown = client.get("/energy/groups/").context["rows"]
    assert [row.name for row in shown] == ["工厂", "压铸车间", "一线"]
    assert len(sheet_of(client.get("/energy/groups/?format=xlsx"))) == 1 + 73


def test_meters_are_attached_moved_and_ended_by_date_and_never_deleted(
    client: Client, plant: dict[str, Any]
) -> None:
    other = make.group("O", plant["plant"], name="机加车间")
    new = make.device("M9")
    page = reverse("energy:group", args=[plant["shop"].pk])
    given = {"device": "M9", "start": "2026-05-10", "sign": "1"}
    assert client.post(f"{page}attach", given).status_code == 302
    refused = client.post(f"{page}attach", given)
    assert refused.status_code == 422 and "起已属于" in refused.content.decode()
    one = Attachment.objects.get(device=new)
    moved = client.post(f"{page}move/{one.pk}?at=2026-05", {"group": other.pk, "day": "2026-05-15"})
    assert moved["Location"] == f"{page}?at=2026-05"
    two = Attachment.objects.get(device=new, group=other)
    client.post(reverse("energy:move", args=[other.pk, two.pk]), {"group": "", "day": "2026-05-18"})
    assert list(
        Attachment.objects.filter(device=new).order_by("start").values_list("group", "start", "end")
    ) == [
        (plant["shop"].pk, date(2026, 5, 10), date(2026, 5, 15)),
        (other.pk, date(2026, 5, 15), date(2026, 5, 18)),
    ]
    client.post(reverse("energy:move", args=[other.pk, two.pk]), {"group": "", "day": "2026-05-01"})
    assert Attachment.objects.get(pk=two.pk).end == date(2026, 5, 18)


def test_a_moved_meter_counts_for_each_group_on_its_days(client: Client, plant: dict[str, Any]) -> None:
    other = make.group("O", plant["plant"], name="机加车间")
    one = Attachment.objects.get(device=plant["M2"])
    client.get("/energy/groups/")  # the structure is kept
    client.post(
        reverse("energy:move", args=[plant["line"].pk, one.pk]), {"group": other.pk, "day": "2026-05-11"}
    )
    rows = {row.name: row.amount_text for row in client.get("/energy/groups/").context["rows"]}
    assert (rows["一线"], rows["机加车间"]) == ("1,500", "1,500")


# --- one meter --------------------------------------------------------------------------------


def test_a_meter_shows_its_curve_its_peak_and_what_was_odd(client: Client) -> None:
    device = make.device("E1", max_per_hour=10_000, count_size=Decimal("0.1"))
    read(device, *((at(date(2026, 5, 18), hour / 4), hour * 10) for hour in range(96)))
    read(device, (at(date(2026, 5, 19), 12), 1_200), (at(date(2026, 5, 19), 12.25), 1_300))
    read(device, (at(date(2026, 5, 18), 6), 242))
    months.compute_due()
    response = client.get(f"/energy/devices/{device.pk}/?day=2026-05-18")
    power, when = response.context["peak"]
    assert (power, when) == (Decimal("48"), "05:45–06:00")  # 12 kWh in a quarter of an hour
    (gap,) = [one for one in response.context["flagged"] if one.day == date(2026, 5, 19)]
    assert gap.words == ["缺数：总量准确，各日按时间分摊"]
    (correction,) = response.context["corrections"]
    assert (correction.old, correction.new) == ("240", "242")
    assert (response.context["demand"], response.context["demand_at"]) == ("400.0", "05-19 12:00")
    assert response.content.decode().count("<svg") > 6


def test_a_meter_is_compared_over_equally_many_days(client: Client) -> None:
    device = make.device()
    make.used(device, date(2025, 5, 1), *[5] * 31)
    make.used(device, date(2026, 4, 1), *[10] * 30, *[20] * 20)
    month, last_year, year = client.get(f"/energy/devices/{device.pk}/").context["compared"]
    assert (month.amount, month.before, month.change) == ("400.0", "200.0", "+100.0 %")
    assert (last_year.before, last_year.change) == ("100.0", "+300.0 %")
    assert (year.amount, year.before) == ("700.0", "100.0")  # 2025 up to May 20th


def test_a_longer_month_is_compared_by_as_many_days_as_the_shorter_one_has(client: Client) -> None:
    """28 days of February beside 28 of March: the three days more are no rise."""
    home, device = make.group("H", make.group("T")), make.device("E1")
    make.attached(home, device)
    make.used(device, date(2026, 2, 1), *[10] * 28, *[10] * 28, *[500] * 3)
    compared = client.get(f"/energy/devices/{device.pk}/?day=2026-03-31").context["compared"][0]
    assert (compared.amount, compared.before, compared.change) == ("1,780", "280.0", "+0.0 %")
    shown = client.get(f"/energy/groups/{home.pk}/?at=2026-03")
    assert (shown.context["use"], shown.context["change"], shown.context["rose"]) == (
        "1,780",
        "+0.0 %",
        False,
    )
    for by in ("groups", "devices"):
        (row,) = client.get(f"/energy/ranking/?at=2026-03&by={by}").context["rows"]
        assert (row.text, row.change, row.rose) == ("1,780", "+0.0 %", False)


def test_what_is_not_measured_behind_a_meter_goes_by_the_days_of_each_link(
    client: Client, plant: dict[str, Any]
) -> None:
    UpstreamLink.objects.filter(device=plant["M2"]).update(end=date(2026, 4, 11))
    new = make.device("M3")
    UpstreamLink.objects.create(device=new, behind=plant["M1"], start=date(2026, 4, 21))
    make.used(new, date(2026, 4, 1), *[20] * 30)
    (meter,) = client.get(f"/energy/groups/{plant['shop'].pk}/?at=2026-04").context["meters"]
    assert meter.rest_text == "1,150", "30 × 70, less 10 × 75 and 10 × 20"


def test_a_virtual_meter_is_the_sum_of_its_parts_on_its_page(client: Client) -> None:
    one, two = make.device(), make.device()
    rest = make.device(kind=DeviceKind.VIRTUAL)
    VirtualPart.objects.create(device=rest, part=one, times=1)
    VirtualPart.objects.create(device=rest, part=two, times=-1)
    for device, counts in ((one, 40), (two, 15)):
        read(device, *((at(date(2026, 5, 18), n / 4), n * counts) for n in range(97)))
    response = client.get(f"/energy/devices/{rest.pk}/?day=2026-05-18")
    assert response.context["day_use"] == "2,400"
    assert response.context["peak"][0] == 100


def test_a_meter_without_any_reading_has_a_page(client: Client) -> None:
    device = make.device()
    page = text_of(client.get(f"/energy/devices/{device.pk}/"))
    assert "没有可画的数据" in page and "没有更正过" in page


def test_the_list_of_meters_is_searched_and_filtered(client: Client, plant: dict[str, Any]) -> None:
    assert [row["device"].code for row in client.get("/energy/devices/?q=一线").context["rows"]] == ["M2"]
    assert client.get("/energy/devices/?connection=silent").context["rows"] == []
    first = client.get("/energy/devices/?type=electricity").context["rows"][0]
    assert (first["device"].code, first["use"]) == ("M0", "4,000")


# --- money ------------------------------------------------------------------------------------


@pytest.fixture
def billed() -> Device:
    """10 counts an hour from Friday May 1st to Monday May 4th, 24:00; the first is a holiday of nobody."""
    device = make.device("B1", interval_s=3600)
    make.attached(make.group("B", name="工厂"), device)
    tariff(
        device,
        demand_basis=DemandBasis.MAXIMUM,
        demand_price=Decimal(40),
        power_factor_target=Decimal("0.90"),
    )
    read(device, *((at(MAY, hour), hour * 10) for hour in range(97)))
    months.compute_due()
    return device


def test_costs_are_exact_by_bands_and_the_bill_has_its_three_parts(client: Client, billed: Device) -> None:
    PowerFactor.objects.create(energy_type=billed.energy_type, month=MAY, value=Decimal("0.88"))
    response = client.get("/energy/costs/")
    (row,) = response.context["rows"]
    step = billed.energy_type.amount
    # Two workdays of 3 h peak, 14 h flat, 7 h valley; two days of rest of 12 h each.
    assert [step(steps) for steps in row.cost.bands] == [0, 60, 280 + 240, 140 + 240, 0]
    energy = 60 * Decimal("1.2") + 520 * Decimal("0.7") + 380 * Decimal("0.31")
    assert row.cost.money == energy
    charges = [line[2] for line in response.context["charges"]]
    demand = Decimal(10) * 40
    adjusted = (energy + demand) / 100  # two hundredths short
    assert charges == [f"{energy:,.2f}", f"{demand:,.2f}", f"{adjusted:,.2f}"]
    assert response.context["total"] == f"{energy + demand + adjusted:,.2f}"


def test_costs_of_meters_add_up_to_that_of_their_group(client: Client, billed: Device) -> None:
    other = make.device("B2", interval_s=3600)
    make.attached(DeviceGroup.objects.get(code="B"), other)
    read(other, *((at(MAY, hour + 0.3), hour * 7) for hour in range(60)))
    months.compute_due()
    group = client.get("/energy/costs/").context["rows"][0].cost
    meters = [row.cost for row in client.get("/energy/costs/?by=devices").context["rows"]]
    assert len(meters) == 2
    assert sum((cost.money for cost in meters), Decimal(0)) == group.money
    assert [sum(bands) for bands in zip(*(cost.bands for cost in meters), strict=True)] == list(group.bands)


def test_a_tariff_of_the_middle_of_a_month_counts_from_its_day_on(client: Client, billed: Device) -> None:
    old = Tariff.objects.get()
    old.end = date(2026, 5, 4)
    old.save()
    new = Tariff.objects.create(name="新价", energy_type=billed.energy_type, start=date(2026, 5, 4))
    new.prices.create(band=Band.FLAT, price=Decimal(2))
    months.compute_due()
    (row,) = client.get("/energy/costs/").context["rows"]
    first_days = 30 * Decimal("1.2") + 380 * Decimal("0.7") + 310 * Decimal("0.31")
    assert row.cost.money == first_days + 240 * 2


def test_without_a_tariff_the_use_is_shown_and_no_cost(client: Client, plant: dict[str, Any]) -> None:
    months.compute_due()
    response = client.get("/energy/costs/")
    assert response.context["rows"][0].money == "—" and "没有有效的单价" in response.content.decode()


def test_demands_name_their_moment_and_are_exported(client: Client, billed: Device) -> None:
    read(billed, (at(date(2026, 5, 5), 0.25), 973))
    months.mark_due()
    months.compute_due()
    response = client.get("/energy/demand/")
    (meter,) = response.context["meters"]
    assert (meter.text, meter.at) == ("52.00", at(date(2026, 5, 5)))
    exported = sheet_of(client.get("/energy/demand/?format=xlsx"))
    assert exported[1][:3] == ("工厂", "设备组", 52) and exported[2][0] == "B1 B1"
    assert exported[1][3] == at(date(2026, 5, 5)).replace(tzinfo=None)


TITLES = (
    "名称",
    "能源种类",
    "生效日",
    "时段",
    "单价",
    "开始",
    "结束",
    "适用日",
    "基本电费",
    "基本电价",
    "功率因数标准",
)


def tariff_file(*rows: tuple[Any, ...], titles: tuple[str, ...] = TITLES) -> dict[str, SimpleUploadedFile]:
    book, stream = Workbook(), io.BytesIO()
    for row in (titles, *rows):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(stream)
    return {"file": SimpleUploadedFile("电价.xlsx", stream.getvalue())}


def test_tariffs_are_imported_replace_that_of_their_day_and_end_the_one_before(
    client: Client, billed: Device
) -> None:
    head = ("新电价", "电", date(2026, 5, 4))
    rows = (
        (*head, "平", 0.5, None, None, None, "最大需量", 38.5, "0.90"),
        (None, None, None, "峰", 1, time(8), "12:00", "工作日"),
        (None, None, None, "峰", None, "18:00", "24:00"),
        (None, None, None, "谷", "0.25", "0:00", time(6)),
    )
    assert client.post("/energy/costs/import", tariff_file(*rows)).status_code == 302
    assert client.post("/energy/costs/import", tariff_file(*rows)).status_code == 302
    old, new = Tariff.objects.order_by("start")
    assert (old.end, new.demand_price, new.spans.count()) == (date(2026, 5, 4), Decimal("38.5"), 3)
    assert {price.band: price.price for price in new.prices.all()} == {
        "flat": Decimal("0.5"),
        "peak": Decimal(1),
        "valley": Decimal("0.25"),
    }
    months.compute_due()
    (row,) = client.get("/energy/costs/").context["rows"]
    before = 30 * Decimal("1.2") + 380 * Decimal("0.7") + 310 * Decimal("0.31")
    assert row.cost.money == before + 100 + 80 * Decimal("0.5") + 60 * Decimal("0.25")


def test_a_wrong_table_of_tariffs_changes_nothing_and_names_each_cell(client: Client, billed: Device) -> None:
    rows = (
        ("甲", "核能", "2026-06-01", "平", 1),
        ("乙", "电", "2026-06-01", "高", -1, "25:00", None),
        ("丙", "电", "2026-06-01", "峰", None, "20:00", "8:00"),
        (None, None, None, "平", 1, "8:00", None),
    )
    response = client.post("/energy/costs/import", tariff_file(*rows))
    assert response.status_code == 422 and Tariff.objects.count() == 1
    problems = " ".join(response.context["problems"])
    for words in (
        "Sheet!B2",
        "核能",
        "Sheet!D3",
        "Sheet!E3",
        "Sheet!F3",
        "“25:00”",
        "Sheet!G4",
        "Sheet!F5",
        "没有单价",
    ):
        assert words in problems, words
    overlapping = ("丁", "电", date(2025, 1, 1), "平", 1)
    refused = client.post("/energy/costs/import", tariff_file(overlapping))
    assert "重叠" in refused.content.decode() and Tariff.objects.get().end is None


# --- output -----------------------------------------------------------------------------------


def workbook(*rows: tuple[Any, ...]) -> SimpleUploadedFile:
    book, stream = Workbook(), io.BytesIO()
    for row in (("日期", "设备组", "产品", "产量", "单位"), *rows):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(stream)
    return SimpleUploadedFile("产量.xlsx", stream.getvalue())


def test_output_comes_from_files_and_forms_and_the_last_counts(client: Client, plant: dict[str, Any]) -> None:
    file = workbook(
        (date(2026, 5, 1), "压铸车间", "缸体", 100, "件"), ("2026-05-02", "S", "缸盖", "40", "件")
    )
    assert client.post("/energy/units/import", {"file": file}).status_code == 302
    csv = SimpleUploadedFile("o.csv", "日期,设备组,产品,产量,单位\n2026/5/1,S,缸体,160,件\n".encode("gbk"))
    client.post("/energy/units/import", {"file": csv})
    client.post(
        "/energy/units/add",
        {"group": plant["plant"].pk, "day": "2026-05-03", "product": "", "amount": "8", "unit": "t"},
    )
    GroupFigure.objects.create(group=plant["shop"], basis="area", value=Decimal(2800), start=date(2026, 1, 1))
    rows = {(row.group, row.name): row for row in client.get("/energy/units/").context["rows"]}
    assert rows["压铸车间", "全部产品"].per_unit == Decimal(2800) / 200
    assert rows["压铸车间", "缸体"].per_unit == Decimal(2800) / 160
    assert rows["压铸车间", "面积（m²）"].per_unit == 1
    assert (rows["工厂", "全部产品"].text, rows["工厂", "全部产品"].per) == ("500.0", "kWh/t")
    assert OutputDay.objects.count() == 3
    assert OutputDay.objects.get(product="缸体").source == "o.csv"


def test_a_wrong_cell_keeps_the_whole_file_out_and_is_named(client: Client, plant: dict[str, Any]) -> None:
    file = workbook(
        (date(2026, 5, 1), "S", "缸体", 100, "件"),
        ("May", "S", "缸体", 1, "件"),
        ("2026-05-02", "没有的组", "缸体", -1, ""),
        ("2026-05-01", "压铸车间", "缸体", 5, "件"),
    )
    response = client.post("/energy/units/import", {"file": file})
    assert response.status_code == 422 and not OutputDay.objects.exists()
    problems = " ".join(response.context["problems"])
    for words in (
        "Sheet!A3",
        "“May”不是日期",
        "Sheet!B4",
        "Sheet!D4",
        "不能为负",
        "Sheet!E4（单位）：必填",
        "第 2 行",
    ):
        assert words in problems, words
    nothing = client.post("/energy/units/import", {"file": SimpleUploadedFile("x.csv", b"\x00\x01")})
    assert "不是 Excel 工作簿" in nothing.content.decode()


# --- standard coal, ranks, who may -------------------------------------------------------------


def test_uses_are_converted_by_the_factor_of_each_day_and_the_source_is_shown(
    client: Client, plant: dict[str, Any]
) -> None:
    electricity = plant["M0"].energy_type
    factor = {"energy_type": electricity, "kind": "co2", "source": "公告"}
    ConversionFactor.objects.filter(energy_type=electricity, kind="co2").delete()
    ConversionFactor.objects.create(value=Decimal("0.5"), valid_from=date(2026, 1, 1), **factor)
    ConversionFactor.objects.create(value=Decimal("0.6"), valid_from=date(2026, 5, 11), **factor)
    response = client.get("/energy/conversion/")
    sums = {label: amount for label, amount, _absent in response.context["sums"]}
    assert sums["二氧化碳排放，kg"] == "2,200"  # 10 × 200 × 0.5 + 10 × 200 × 0.6
    assert sums["折标煤（当量值），kgce"] == "491.6"
    assert "自 2026-05-11：公告" in response.content.decode()


def test_a_type_without_a_factor_is_named_and_not_taken_for_zero(client: Client) -> None:
    water = make.energy_type("chilled_water")
    device = make.device(of=water)
    make.attached(make.group(), device)
    make.used(device, MAY, 10)
    electric = make.device()
    make.attached(DeviceGroup.objects.get(), electric)
    make.used(electric, MAY, 10)
    response = client.get("/energy/conversion/")
    assert {absent[0] for _label, _amount, absent in response.context["sums"]} == {"冷量"}


def test_the_board_ranks_groups_and_meters(client: Client, plant: dict[str, Any]) -> None:
    rows = client.get("/energy/ranking/").context["rows"]
    assert [(row.place, row.name, row.text, row.change) for row in rows] == [
        (1, "一线", "3,000", "+100.0 %"),
        (2, "压铸车间", "2,800", "+100.0 %"),
    ]
    assert client.get("/energy/ranking/?by=devices").context["rows"][0].name == "M0 总表"


@pytest.mark.parametrize("page", PAGES)
def test_pages_say_what_to_do_before_anything_is_measured(client: Client, page: str) -> None:
    assert client.get(reverse(f"energy:{page}")).status_code == 200


@pytest.mark.parametrize("page", [*PAGES, "device", "group"])
def test_who_has_no_part_in_energy_sees_none_of_it(page: str, plant: dict[str, Any]) -> None:
    client = Client()
    client.force_login(builders.person("质检员"))
    arguments = {"device": [plant["M0"].pk], "group": [plant["plant"].pk]}.get(page, [])
    assert client.get(reverse(f"energy:{page}", args=arguments)).status_code == 403


def test_who_may_only_look_changes_nothing(plant: dict[str, Any]) -> None:
    person = builders.person()
    person.user_permissions.set(builders.permissions("view_device"))
    client = Client()
    client.force_login(person)
    page = client.get(reverse("energy:group", args=[plant["shop"].pk]))
    assert page.status_code == 200 and "attach" not in page.content.decode()
    assert client.post(reverse("energy:attach", args=[plant["shop"].pk]), {}).status_code == 403
    assert client.post("/energy/units/add", {}).status_code == 403
    assert client.get("/energy/costs/").status_code == 403


@pytest.mark.parametrize("page", [*PAGES, "device", "group"])
def test_pages_cost_the_same_for_little_and_for_much(
    client: Client, plant: dict[str, Any], page: str
) -> None:
    arguments = {"device": [plant["M0"].pk], "group": [plant["plant"].pk]}.get(page, [])
    address = reverse(f"energy:{page}", args=arguments)

    def cost() -> int:
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    tariff(plant["M0"])
    months.compute_due()
    OutputDay.objects.create(group=plant["shop"], day=MAY, product="缸体", amount=5, unit="件")
    little = cost()
    for number in range(12):
        device = make.device(f"Z{number}")
        make.attached(make.group(f"Z{number}", plant["plant"]), device)
        make.attached(plant["plant"], device, date(2026, 5, number + 1), date(2026, 5, number + 5))
        make.used(device, date(2026, 4, 20), *[3] * 30)
        OutputDay.objects.create(group=plant["shop"], day=MAY + timedelta(days=number), amount=5, unit="件")
    months.mark_due()
    months.compute_due()
    assert cost() == little <= 22


def test_every_table_is_exported_with_exact_numbers(client: Client, plant: dict[str, Any]) -> None:
    made = tariff(plant["M0"])
    made.spans.create(band=Band.DEEP, begins=time(12), ends=time(14))
    months.compute_due()
    for page in ("groups", "costs", "demand", "units", "conversion", "ranking"):
        response = client.get(f"/energy/{page}/?format=xlsx")
        assert response["Content-Type"].endswith("spreadsheetml.sheet"), page
        assert sheet_of(response)[0], page
    costs = sheet_of(client.get("/energy/costs/?format=xlsx"))
    assert costs[0][:6] == ("名称", "尖", "峰", "平", "谷", "深谷")
    days = sheet_of(client.get(f"/energy/devices/{plant['M0'].pk}/?format=xlsx"))
    assert days[1] == ("2026-04-01", 100, 1, None) and len(days) == 51


def test_a_choice_of_groups_keeps_what_was_chosen_and_writes_names_as_text(
    client: Client, plant: dict[str, Any]
) -> None:
    plant["shop"].name = "<b>压铸"
    plant["shop"].save()
    given = {"group": plant["shop"].pk, "day": "2026-05-01", "amount": "-1", "unit": "件"}
    form = client.post("/energy/units/add", given).content.decode()
    assert f'<option value="{plant["shop"].pk}" selected>&lt;b&gt;压铸</option>' in form
    (select,) = re.findall(r'<select[^>]*name="group"[^>]*>', form)
    assert " required" in select and 'id="id_group"' in select
    moves = client.get(reverse("energy:group", args=[plant["line"].pk])).content.decode()
    assert f'<option value="{plant["shop"].pk}">&lt;b&gt;压铸</option>' in moves
