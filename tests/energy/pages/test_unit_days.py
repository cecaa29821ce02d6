"""Unit consumption from day to day: what is unknown is a gap, what may still change is marked."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from energy.models import DeviceGroup, OutputDay, UpstreamLink
from energy.selectors.group_days import group_days
from energy.selectors.totals import totals
from tests import builders
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = datetime(2026, 5, 8, 15, tzinfo=make.SHANGHAI)
HALF = make.DAY_S // 2


@pytest.fixture(autouse=True)
def _may_8th(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(builders.person("能源管理员"))
    return client


@pytest.fixture
def shop() -> DeviceGroup:
    """A shop with output on most days; one of its days was half read, one not at all."""
    shop = make.group("S", name="压铸车间")
    meter = make.device("M1")
    make.attached(shop, meter)
    make.used(meter, date(2026, 4, 30), 90, 200, 60, 150)
    make.used(meter, date(2026, 5, 4), 70, covered_s=HALF)
    make.used(meter, date(2026, 5, 6), 80, 81)
    make.used(meter, date(2026, 5, 8), 30, covered_s=HALF)
    for day, product, amount in ((1, "缸体", 80), (1, "缸盖", 20), (3, "缸体", 50), (4, "缸体", 35)):
        output(shop, day, product, amount)
    for day, amount in ((5, 10), (6, 0), (7, 27), (8, 15)):
        output(shop, day, "缸体", amount)
    return shop


def output(group: DeviceGroup, day: int, product: str, amount: int) -> None:
    OutputDay.objects.create(
        group=group, day=date(2026, 5, day), product=product, amount=Decimal(amount), unit="件"
    )


def test_days_without_output_or_readings_are_gaps_and_unfinished_ones_are_marked(
    client: Client, shop: DeviceGroup
) -> None:
    response = client.get("/energy/units/")
    days = {day.name: day for day in response.context["days"]}
    assert response.context["series"].label == "压铸车间 · 全部产品 / 件"
    assert {name: day.per_unit for name, day in days.items()} == {
        "05-01": Decimal(2),
        "05-02": None,
        "05-03": Decimal(3),
        "05-04": Decimal(2),
        "05-05": None,
        "05-06": None,
        "05-07": Decimal(3),
        "05-08": Decimal(2),
    }
    assert [day.remark for day in days.values()] == [
        "",
        "没有产量",
        "",
        "暂定：数据 50.0 %",
        "没有读数",
        "没有产量",
        "",
        "暂定：还没有结束",
    ]
    assert [name for name, day in days.items() if day.is_provisional] == ["05-04", "05-08"]
    assert (days["05-05"].use, days["05-05"].use_text, days["05-02"].output_text) == (None, "—", "—")
    course = str(response.context["course"])
    points = re.findall(r"<title>(05-\d\d)\n([\d.]+) kWh/件", course)
    # The line without its gaps, then the provisional days once more; so in each layout of the chart.
    drawn = ["05-01", "05-03", "05-04", "05-07", "05-08", "05-04", "05-08"]
    assert [name for name, _value in points] == drawn * (len(points) // len(drawn)) != []
    assert "暂定" in course


def test_a_product_is_chosen_and_a_year_is_seen_by_its_months(client: Client, shop: DeviceGroup) -> None:
    one = client.get("/energy/units/", {"series": f"{shop.pk}/件/缸体"})
    assert one.context["days"][0].per_unit == Decimal(200) / 80
    assert client.get("/energy/units/", {"series": "x"}).context["series"].product == ""
    year = client.get("/energy/units/?period=year").context["days"]
    assert [(step.name, step.output, step.use) for step in year] == [
        ("2026-01", None, None),
        ("2026-02", None, None),
        ("2026-03", None, None),
        ("2026-04", None, Decimal(90)),
        ("2026-05", Decimal(237), Decimal(671)),
    ]
    assert year[-1].is_provisional and year[3].remark == "没有产量"
    assert client.get("/energy/units/?period=day&at=2026-05-03").context["series"] is None


def test_the_days_of_a_group_add_up_to_its_use_over_changes_of_structure(shop: DeviceGroup) -> None:
    main, sub = make.device("M0"), make.device("M2")
    plant = make.group("P")
    DeviceGroup.objects.filter(pk=shop.pk).update(parent=plant)
    UpstreamLink.objects.create(device=shop.attachments.get().device, behind=main, start=date(2026, 5, 5))
    make.attached(plant, main, start=date(2026, 5, 3))
    make.attached(shop, sub, start=date(2026, 4, 1), end=date(2026, 5, 6), sign=-1)
    for device in (main, sub):
        make.used(device, date(2026, 4, 28), *range(100, 110))
    energy_type = main.energy_type
    found = totals(energy_type, date(2026, 4, 29), date(2026, 5, 8))
    for group in (plant, shop):
        days = group_days(energy_type, found, group.pk)
        assert sum(day.amount for day in days.values()) == int(found.groups[found.plant.groups[group.pk]])


def test_the_page_costs_the_same_for_little_and_for_much(client: Client, shop: DeviceGroup) -> None:
    def cost() -> int:
        client.get("/energy/units/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/energy/units/").status_code == 200
        return len(queries)

    little = cost()
    for number in range(8):
        device = make.device(f"Z{number}")
        make.attached(shop, device)
        make.used(device, date(2026, 5, 1), *[number] * 7)
        group = make.group(f"G{number}")
        for day in range(1, 9):
            output(group, day, "缸盖", number)
            output(shop, day, f"P{number}", number)
    assert cost() == little <= 22
