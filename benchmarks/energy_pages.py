"""Energy pages with a year of 2,000 meters: `python benchmarks/energy_pages.py [--rounds N] [--keep FILE]`.

Makes the plant in a database of its own (a temporary file, `--keep FILE`, or the empty one that
DATABASE_URL names where it is PostgreSQL), computes its months, then asks for each page so many times
through Django's test client, signed in, all in turns. Prints the median and the worst by the clock, the
least time of this process's processor (other work on the machine does not count), and the number of queries.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

METERS, GROUPS, SHOPS, QUOTAS = 2_000, 300, 12, 1_000
DAYS = 366
READ_DAYS = 40
ORDERS, STATIONS, PLUGS = 20_000, 8, 10
QUARTERS = 96


def set_up(file: str) -> None:
    """Point Django at the database and make the tables."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        os.environ["DATABASE_URL"] = f"sqlite:///{file}"
    os.environ.setdefault("SECRET_KEY", "for-measuring-only-" + "x" * 40)
    os.environ["DEBUG"] = "false"
    os.environ["ALLOWED_HOSTS"] = "testserver"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spc_site.settings")
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    django.setup()
    call_command("migrate", verbosity=0)


def make_plant(today: date) -> None:
    """Make groups and meters: a main meter, one for each shop behind it, all others behind those."""
    from energy.models import Attachment, Device, DeviceGroup, EnergyType, UpstreamLink
    from energy.services import structure
    from spc_site.bulk import insert_many

    electricity = EnergyType.objects.get(code="electricity")
    plant = DeviceGroup.objects.create(code="P", name="工厂")
    insert_many([DeviceGroup(code=f"S{n:03}", name=f"{n} 车间", parent=plant) for n in range(SHOPS)])
    shops = list(DeviceGroup.objects.filter(parent=plant).order_by("code"))
    insert_many(
        [
            DeviceGroup(code=f"L{n:03}", name=f"{n} 线", parent=shops[n % SHOPS])
            for n in range(GROUPS - SHOPS - 1)
        ]
    )
    lines = list(DeviceGroup.objects.filter(parent__in=shops).order_by("code"))
    insert_many([Device(code=f"M{n:05}", name=f"电表 {n}", energy_type=electricity) for n in range(METERS)])
    devices = list(Device.objects.order_by("code"))
    since = today - timedelta(days=2 * DAYS)
    homes = [plant, *shops]
    places = [homes[n] if n < len(homes) else lines[n % len(lines)] for n in range(METERS)]
    insert_many([Attachment(device=d, group=g, start=since) for d, g in zip(devices, places, strict=True)])
    shop_of = {shop.pk: devices[n + 1] for n, shop in enumerate(shops)}
    links = [(devices[n], devices[0]) for n in range(1, SHOPS + 1)]
    rest = zip(devices[SHOPS + 1 :], places[SHOPS + 1 :], strict=True)
    links += [(device, shop_of[group.parent_id]) for device, group in rest]
    insert_many([UpstreamLink(device=d, behind=b, start=since) for d, b in links])
    structure.changed()


def make_days(today: date) -> None:
    """Make a year of days, of the last ones with their readings, and put the months together."""
    from energy.metering import pack
    from energy.models import Device, EnergyDailySummary, EnergyType, ReadingDay
    from energy.services import months
    from spc_site.bulk import insert_many

    electricity = EnergyType.objects.get(code="electricity")
    devices = list(Device.objects.order_by("code"))
    dice = np.random.default_rng(3)
    now = datetime.now().astimezone()
    standing = np.zeros(METERS, dtype=np.int64)
    seconds = np.arange(QUARTERS) * 900
    for place in range(DAYS):
        day = today - timedelta(days=DAYS - 1 - place)
        quarters = dice.integers(20, 90, (METERS, QUARTERS))
        if DAYS - place <= READ_DAYS:
            # A reading stands at the beginning of each quarter; the day's use ends at the next midnight.
            shown = standing[:, None] + np.cumsum(quarters, axis=1) - quarters
            insert_many(
                [
                    ReadingDay(device=device, day=day, packed=pack(seconds, counts), size=QUARTERS)
                    for device, counts in zip(devices, shown, strict=True)
                ]
            )
        use = quarters.sum(axis=1)
        standing += use
        insert_many(
            [
                EnergyDailySummary(
                    date=day,
                    energy_type=electricity,
                    device=device,
                    amount=10 * amount,
                    total_consumption=Decimal(amount) / 100,
                    covered_s=86_400,
                    length_s=86_400,
                    end_at=0,
                    end_count=0,
                    computed_at=now,
                )
                for device, amount in zip(devices, use.tolist(), strict=True)
            ]
        )
    pks = [device.pk for device in devices]
    for start in range(0, METERS, 250):
        months.refresh(pks[start : start + 250], today - timedelta(days=DAYS - 1), today)


def make_money(today: date) -> None:
    """Make a tariff with bands and some output."""
    from energy.models import DeviceGroup, EnergyType, OutputDay, Tariff

    tariff = Tariff.objects.create(
        name="电价",
        energy_type=EnergyType.objects.get(code="electricity"),
        start=today - timedelta(days=2 * DAYS),
        demand_basis="maximum",
        demand_price=Decimal(40),
    )
    for band, price in (("peak", "1.05"), ("flat", "0.64"), ("valley", "0.27")):
        tariff.prices.create(band=band, price=Decimal(price))
    for band, begins, ends in (("valley", 0, 8), ("peak", 9, 12), ("peak", 17, 20)):
        tariff.spans.create(band=band, begins=clock_time(begins), ends=clock_time(ends))
    for group in DeviceGroup.objects.filter(code__startswith="S"):
        OutputDay.objects.bulk_create(
            OutputDay(group=group, day=today - timedelta(days=n), product="件", amount=500 + n, unit="件")
            for n in range(1, 60)
        )


def make_quotas(today: date) -> None:
    """Make a thousand quotas, of groups and of meters, and have them evaluated."""
    from energy.models import Device, DeviceGroup, EnergyQuota, EnergyType
    from energy.services import quotas

    electricity = EnergyType.objects.get(code="electricity")
    targets = [*DeviceGroup.objects.order_by("pk"), *Device.objects.order_by("pk")[: QUOTAS - GROUPS]]
    EnergyQuota.objects.bulk_create(
        EnergyQuota(
            name=f"配额 {number}",
            energy_type=electricity,
            group=target if isinstance(target, DeviceGroup) else None,
            device=target if isinstance(target, Device) else None,
            period=("monthly", "quarterly", "yearly")[number % 3],
            quota_value=Decimal(1000 * (number + 1)),
            unit="kWh",
        )
        for number, target in enumerate(targets)
    )
    quotas.evaluate(as_of=today)


def make_charging(today: date) -> None:
    """Make completed charging orders of the whole last month, unless a kept file has some of that month."""
    from django.utils import timezone

    from energy.models import ChargingOrder
    from energy.models.charging import ChargingState
    from spc_site.bulk import insert_many

    last = today.replace(day=1) - timedelta(days=1)
    begin = timezone.make_aware(datetime.combine(last.replace(day=1), clock_time.min))
    if ChargingOrder.objects.filter(ended_at__gte=begin, order_number__startswith="BENCH").exists():
        return
    pause, lasts = timedelta(days=last.day) / (ORDERS + 1), timedelta(minutes=40)
    insert_many(
        [
            ChargingOrder(
                order_number=f"BENCH-{begin:%Y%m}-{n}",
                station=f"{n % STATIONS} 站",
                plug=str(n // STATIONS % PLUGS),
                state=ChargingState.COMPLETED,
                started_at=begin + n * pause - lasts,
                ended_at=begin + n * pause,
                energy_kwh=Decimal(5_000 + n % 40_000) / 1_000,
                price=Decimal(300 + n % 6_000) / 100,
                received_at=begin + n * pause,
            )
            for n in range(ORDERS)
        ]
    )


def pages(today: date) -> dict[str, str]:
    """Return what is measured: a name and an address."""
    from energy.models import Device, DeviceGroup, EnergyQuota

    quota = EnergyQuota.objects.get(group=DeviceGroup.objects.get(parent=None)).pk
    root, line = DeviceGroup.objects.get(parent=None).pk, DeviceGroup.objects.order_by("code").first()
    device = Device.objects.order_by("code")[METERS // 2].pk
    assert line is not None
    return {
        "quotas": "/energy/",
        "one quota": f"/energy/quotas/{quota}",
        "groups, month": "/energy/groups/",
        "groups, day": "/energy/groups/?period=day",
        "groups, year": "/energy/groups/?period=year",
        "one group, month": f"/energy/groups/{root}/",
        "one group, year": f"/energy/groups/{root}/?period=year",
        "a line, month": f"/energy/groups/{line.pk}/",
        "meters": "/energy/devices/",
        "one meter": f"/energy/devices/{device}/",
        "costs by group": "/energy/costs/",
        "costs by meter": "/energy/costs/?by=devices",
        "demands": "/energy/demand/",
        "unit consumption": "/energy/units/",
        "standard coal and CO2, year": "/energy/conversion/?period=year",
        "ranks of groups": "/energy/ranking/",
        "ranks of meters, year": "/energy/ranking/?by=devices&period=year",
        "missing data": "/energy/missing/",
        "charging": f"/energy/charging/?at={today.replace(day=1) - timedelta(days=1):%Y-%m}",
        "wall display": "/screen/",
    }


def measure(rounds: int, today: date) -> None:
    """Ask for each page in turns; print a row each."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    person = User.objects.filter(username="bench").first() or User.objects.create_superuser("bench")
    client = Client()
    client.force_login(person)
    took: dict[str, list[float]] = {}
    worked: dict[str, list[float]] = {}
    queries: dict[str, int] = {}
    found = pages(today)
    for turn in range(rounds + 1):
        for name, address in found.items():
            start, processor = time.perf_counter(), time.process_time()
            if turn:
                assert client.get(address).status_code == 200
                took.setdefault(name, []).append(time.perf_counter() - start)
                worked.setdefault(name, []).append(time.process_time() - processor)
            else:  # the first look fills what a process keeps
                client.get(address)
                with CaptureQueriesContext(connection) as captured:
                    client.get(address)
                queries[name] = len(captured)
    load = os.getloadavg()[0]
    print(f"\n{connection.vendor}, {METERS:,} meters, {DAYS} days, {rounds} rounds, load {load:.1f}\n")
    print("| page | median ms | worst ms | of processor ms | queries |\n| --- | ---: | ---: | ---: | ---: |")
    for name, times in took.items():
        middle, worst = statistics.median(times), max(times)
        least = min(worked[name])
        print(f"| {name} | {1000 * middle:.0f} | {1000 * worst:.0f} | {1000 * least:.0f} | {queries[name]} |")


def main() -> None:
    """Make what is not there, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--keep", default="", help="a database file to make, or to use again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        set_up(arguments.keep or f"{folder}/energy.sqlite3")
        from django.utils import timezone

        from energy.models import Device, EnergyQuota, Month
        from energy.services import months

        today = timezone.localdate()
        if not Device.objects.exists():
            start = time.perf_counter()
            make_plant(today)
            make_days(today)
            make_money(today)
            print(f"made in {time.perf_counter() - start:.0f} s", file=sys.stderr)
            start = time.perf_counter()
            count = months.compute_due(budget_s=600)
            each = (time.perf_counter() - start) / max(count, 1)
            print(f"bands and demands of {count} of {Month.objects.count()} months, {each:.1f} s each")
        if not EnergyQuota.objects.exists():
            make_quotas(today)
        make_charging(today)
        measure(arguments.rounds, today)


if __name__ == "__main__":
    main()
