"""The page of charging: sums of a month, by plug and day, the orders, and the file that brings them."""

from __future__ import annotations

import io
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from energy.models import ChargingOrder, ChargingStation
from energy.selectors.charging import charging_uses
from energy.services.charging import Order, check_file, store_many
from spc_site import clock
from tests import builders
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = datetime(2026, 5, 20, 15, tzinfo=make.SHANGHAI)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _may_20th(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(builders.person("能源管理员"))
    return client


def order(number: str, day: int, kwh: str = "", price: str = "", **fields: Any) -> Order:
    begins = datetime(2026, 5, day, 23, 30, tzinfo=make.SHANGHAI)
    ending = {"ended_at": begins + timedelta(minutes=50), "energy_kwh": Decimal(kwh)} if kwh else {}
    given = {"order_number": number, "station": "北站", "plug": "1", "started_at": begins, **ending, **fields}
    return Order(**given, price=Decimal(price) if price else None)


@pytest.fixture
def orders() -> list[Order]:
    """Three completed orders at two plugs of one station, one at another, one that is charging."""
    midnight = datetime(2026, 5, 1, tzinfo=make.SHANGHAI)
    rows = [
        order("A1", 3, "10.0001", "12.00"),
        order("A2", 3, "5.5", plug="2"),
        order("A3", 9, "20", "18.50"),
        order("B1", 9, "0.25", "0.30", station="南站"),
        order("C1", 19),
        order("OLD", 1, "7", "7", started_at=midnight - timedelta(hours=2), ended_at=midnight + HOUR),
        order("APRIL", 1, "7", "7", started_at=midnight - timedelta(hours=2), ended_at=midnight - HOUR),
    ]
    store_many(rows)
    return rows


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_a_month_is_summed_exactly_by_the_day_on_which_orders_end(
    client: Client, orders: list[Order]
) -> None:
    response = client.get("/energy/charging/?at=2026-05")
    found, words = response.context["sums"], text_of(response)
    assert (found.orders, found.energy_kwh, found.price) == (5, Decimal("42.7501"), Decimal("37.80"))
    assert found.unpriced == 1 and "1 个订单没有金额" in words
    assert found.mean_price == Decimal("37.80") / Decimal("37.2501")  # without the energy that has no price
    assert found.mean_duration == (4 * timedelta(minutes=50) + timedelta(hours=3)) / 5
    assert "42.75 kWh 42.7501" in words and "1.0148 元/kWh" in words
    rows = [
        (row.name, row.depth, row.sums.orders, row.sums.energy_kwh, row.energy)
        for row in response.context["rows"]
    ]
    assert rows == [
        ("北站", 0, 4, Decimal("42.5001"), "42.50"),
        ("1", 1, 3, Decimal("37.0001"), "37.00"),
        ("2", 1, 1, Decimal("5.5"), "5.50"),
        ("南站", 0, 1, Decimal("0.25"), "0.25"),
        ("1", 1, 1, Decimal("0.25"), "0.25"),
    ]
    titles = re.findall(r"<title>(05-\d\d)\n([\d.]+) kWh", str(response.context["chart"]))
    assert list(dict.fromkeys(titles)) == [("05-01", "7"), ("05-04", "15.5"), ("05-10", "20.25")]
    numbers = [one["row"].order_number for one in response.context["orders"]]
    assert numbers == ["C1", "B1", "A3", "A2", "A1", "OLD"]
    april = client.get("/energy/charging/?at=2026-04").context["orders"]
    assert [one["row"].order_number for one in april] == ["APRIL"]


def test_the_edges_of_days_and_the_parts_of_seconds_are_kept(client: Client) -> None:
    edge = datetime(2026, 4, 30, 23, 59, 59, 999_000, tzinfo=make.SHANGHAI)
    begins, second = edge - timedelta(seconds=61, milliseconds=251), timedelta(seconds=1)
    ends = [datetime(2026, 4, 1, tzinfo=make.SHANGHAI), edge, datetime(2026, 4, 29, tzinfo=make.SHANGHAI)]
    store_many(
        [
            order("FIRST", 1, "1", started_at=ends[0] - second, ended_at=ends[0]),
            order("LAST", 1, "2", started_at=begins, ended_at=edge),
            order("MIDNIGHT", 1, "4", started_at=ends[2] - second, ended_at=ends[2]),
            order("MAY", 1, "8", started_at=edge, ended_at=edge + timedelta(milliseconds=1)),
        ]
    )
    uses = charging_uses(date(2026, 4, 1), date(2026, 4, 30))
    assert [(use.day.day, use.energy_kwh, use.duration) for use in uses] == [
        (1, 1, second),
        (29, 4, second),
        (30, 2, timedelta(seconds=61, milliseconds=251)),
    ]


def test_a_station_is_chosen_for_sums_chart_and_list(client: Client, orders: list[Order]) -> None:
    response = client.get("/energy/charging/?at=2026-05&station=南站")
    assert response.context["sums"].energy_kwh == Decimal("0.25")
    assert [one["row"].order_number for one in response.context["orders"]] == ["B1"]
    assert {row.station for row in response.context["rows"]} == {"北站", "南站"}
    assert "这个月这个充电站没有充电订单" in text_of(client.get("/energy/charging/?station=西站"))


def test_a_station_is_held_against_the_meter_in_front_of_it(client: Client, orders: list[Order]) -> None:
    meter, half = make.device("M1"), make.device("M2")
    group = make.group()
    make.attached(group, meter)
    for device, station in ((meter, "北站"), (half, "南站")):
        ChargingStation(name=station, device=device).full_clean()
        ChargingStation.objects.create(name=station, device=device)
    make.used(meter, date(2026, 5, 1), *[2] * 19, "7.001")
    make.used(half, date(2026, 5, 1), *[1] * 3)
    rows = {row.name: row for row in client.get("/energy/charging/?at=2026-05").context["rows"]}
    assert rows["北站"].metered == "电表 45.00 kWh · 订单之外 5.6 %"  # 45.001 - 42.5001
    assert rows["南站"].metered == "电表 3.00 kWh · 数据 15%"
    april = client.get("/energy/charging/?at=2026-04").context["rows"]
    assert [row.metered for row in april] == ["电表没有读数", ""]
    for address in (f"/energy/devices/{meter.pk}/", f"/energy/groups/{group.pk}/"):
        page = client.get(address).content.decode()
        assert "station=%E5%8C%97%E7%AB%99" in page and "station=%E5%8D%97%E7%AB%99" not in page
    water = make.device(of=make.energy_type("water"))
    with pytest.raises(ValidationError):
        ChargingStation(name="水站", device=water).full_clean()


def test_what_is_exported_can_be_imported_and_changes_nothing(client: Client, orders: list[Order]) -> None:
    response = client.get("/energy/charging/?at=2026-05&format=xlsx")
    rows = list(load_workbook(io.BytesIO(response.content)).active.values)  # type: ignore[union-attr]
    assert len(rows) == 7 and rows[-2][:3] == ("A1", "北站", "1")
    file = check_file(response.content)
    assert file.problems == [] and (file.compared.changed, file.compared.same) == (0, 6)
    ChargingOrder.objects.filter(order_number="A1").delete()
    upload = {"file": SimpleUploadedFile("订单.xlsx", response.content)}
    again = client.post("/energy/charging/import", upload, follow=True)
    assert "新增 1 个订单，完成 1 个，相同 5 个" in text_of(again)
    assert ChargingOrder.objects.get(order_number="A1").energy_kwh == Decimal("10.0001")


def test_a_wrong_file_is_refused_with_its_cells(client: Client, orders: list[Order]) -> None:
    titles = "订单号,充电站,充电枪,开始时间,结束时间,电量\n"
    bad = titles + "N1,北站,1,2026-05-02 8:00,,\nA1,北站,9,2026-05-02 8:00,,\nN2,,1,gestern,,\n"
    response = client.post(
        "/energy/charging/import", {"file": SimpleUploadedFile("o.csv", bad.encode("gb18030"))}
    )
    assert response.status_code == 422 and not ChargingOrder.objects.filter(order_number="N1").exists()
    problems = response.context["problems"]
    assert [line.split("（")[0] for line in problems] == ["CSV!A3", "CSV!B4", "CSV!D4"]
    assert "北站 1 2026-05-03 23:30 – 05-04 00:20 10.0001 kWh ¥12.00" in problems[0]
    assert client.post("/energy/charging/import", {}).status_code == 422


def test_before_any_order_the_page_says_how_they_come_in(client: Client) -> None:
    words = text_of(client.get("/energy/charging/"))
    for way in ("/api/v1/charging-orders", "上传", "import_energy --charging"):
        assert way in words
    assert "充电订单在充电页" not in words
    assert "/energy/charging/#import" in client.get("/energy/import/").content.decode()


def test_who_may_look_and_who_may_import(orders: list[Order]) -> None:
    looker = builders.person()
    looker.user_permissions.set(builders.permissions("view_chargingorder", "view_device"))
    client = Client()
    client.force_login(looker)
    page = client.get("/energy/charging/?at=2026-05")
    assert page.status_code == 200 and "/energy/charging/import" not in page.content.decode()
    assert client.post("/energy/charging/import", {}).status_code == 403
    client.force_login(builders.person("质检员"))
    assert client.get("/energy/charging/").status_code == 403
    only_devices = builders.person()
    only_devices.user_permissions.set(builders.permissions("view_device"))
    client.force_login(only_devices)
    assert "/energy/charging/" not in client.get("/energy/groups/").content.decode()


def test_the_page_costs_the_same_for_little_and_for_much(client: Client, orders: list[Order]) -> None:
    def cost() -> int:
        client.get("/energy/charging/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/energy/charging/").status_code == 200
        return len(queries)

    for number in range(3):
        ChargingStation.objects.create(name=f"S{number}", device=make.device())
    little = cost()
    for number in range(3, 7):
        ChargingStation.objects.create(name=f"S{number}", device=make.device())
    store_many(
        [order(f"M{n}", n % 18 + 1, "3.5", "4", station=f"S{n % 7}", plug=str(n % 5)) for n in range(300)]
    )
    assert cost() == little <= 14
