"""A small plant to look at: groups, meters behind one another, sixty days of readings, tariff, output.

What a meter shows is a function of time alone, so that later runs go on where earlier ones
stopped. For `python3 dev.py up`; nothing else knows of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
from django.db import transaction
from django.utils import timezone

from energy.choices import Band, DayClass, DemandBasis, Way
from energy.importing.charging import Order
from energy.importing.output import Output
from energy.models import (
    Attachment,
    ChargingOrder,
    Device,
    DeviceGroup,
    EnergyQuota,
    EnergyType,
    GroupFigure,
    OutputDay,
    PowerFactor,
    Shift,
    Tariff,
    UpstreamLink,
)
from energy.selectors.totals import totals
from energy.services import charging, days, months, output, quotas, readings
from energy.services.readings import Batch, Checked

DAYS = 60
MARK = "DEMO"
"""The code of the demo's topmost group; where it exists the demo was made."""
_EPOCH = datetime(2026, 1, 1, tzinfo=timezone.get_default_timezone())
_SIZE = Decimal("0.1")
"""What one count of the demo's meters is."""


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter: its mean use an hour on a working day by night and by day, in counts."""

    code: str
    name: str
    group: str
    energy: str
    night: float
    day: float
    behind: str = ""
    rest_days: float = 0.35
    interval_s: int = 900


GROUPS = (
    (MARK, "示范工厂", ""),
    ("DEMO-CAST", "压铸车间", MARK),
    ("DEMO-CAST-1", "压铸一线", "DEMO-CAST"),
    ("DEMO-CAST-2", "压铸二线", "DEMO-CAST"),
    ("DEMO-MILL", "机加车间", MARK),
    ("DEMO-UTIL", "公用站房", MARK),
    ("DEMO-OFFICE", "办公与食堂", MARK),
)
METERS = (
    Meter("DE-10", "压铸车间进线", "DEMO-CAST", "electricity", 900, 3100, "DE-00"),
    Meter("DE-11", "压铸一线", "DEMO-CAST-1", "electricity", 400, 1450, "DE-10"),
    Meter("DE-12", "压铸二线", "DEMO-CAST-2", "electricity", 380, 1380, "DE-10"),
    Meter("DE-20", "机加车间进线", "DEMO-MILL", "electricity", 260, 1900, "DE-00"),
    Meter("DE-30", "空压站", "DEMO-UTIL", "electricity", 500, 1150, "DE-00", 0.6),
    Meter("DE-40", "办公楼与食堂", "DEMO-OFFICE", "electricity", 60, 420, "DE-00", 0.3),
    Meter("DW-00", "自来水总表", MARK, "water", 12, 90, interval_s=3600),
    Meter("DW-10", "压铸循环水补水", "DEMO-CAST", "water", 9, 55, "DW-00", interval_s=3600),
    Meter("DG-00", "天然气（熔炼）", "DEMO-CAST", "natural_gas", 350, 820, interval_s=3600),
)
STATIONS = (("东门停车场", ("1-A", "1-B", "2-A", "2-B")), ("办公楼地库", ("1", "2")))
"""Charging stations and their plugs."""
MAIN = Meter("DE-00", "高压总进线", MARK, "electricity", 0, 0)


def make(now: datetime) -> int:
    """Make the demo, or let it go on until now; return how many readings came."""
    today = timezone.localtime(now).date()
    is_new = not DeviceGroup.objects.filter(code=MARK).exists()
    if is_new:
        with transaction.atomic():
            _make_structure(today - timedelta(days=DAYS))
            _make_money(today)
    count = _read(now)
    _make_output(today)
    _make_charging(now)
    days.compute_due()
    if is_new:
        _make_quotas(today)
    months.compute_due()
    return count


def _make_structure(since: date) -> None:
    groups: dict[str, DeviceGroup] = {}
    for order, (code, name, parent) in enumerate(GROUPS):
        groups[code] = DeviceGroup.objects.create(
            code=code, name=name, parent=groups.get(parent), order=900 + order
        )
    types = {one.code: one for one in EnergyType.objects.all()}
    devices: dict[str, Device] = {}
    for meter in (MAIN, *METERS):
        devices[meter.code] = Device.objects.create(
            code=meter.code,
            name=meter.name,
            energy_type=types[meter.energy],
            location=groups[meter.group].name,
            count_size=_SIZE,
            modulus=10**7,
            max_per_hour=40_000,
            interval_s=meter.interval_s,
        )
        Attachment.objects.create(device=devices[meter.code], group=groups[meter.group], start=since)
        if meter.behind:
            UpstreamLink.objects.create(device=devices[meter.code], behind=devices[meter.behind], start=since)
    for code, basis, value in (
        ("DEMO-CAST", "area", 5200),
        ("DEMO-MILL", "area", 4100),
        ("DEMO-OFFICE", "heads", 164),
    ):
        GroupFigure.objects.create(group=groups[code], basis=basis, value=Decimal(value), start=since)
    for name, begins, ends in (("早班", 6, 14), ("中班", 14, 22), ("夜班", 22, 6)):
        Shift.objects.create(name=name, begins=time(begins), ends=time(ends), start=since)


def _make_money(today: date) -> None:
    electricity = EnergyType.objects.get(code="electricity")
    tariff = Tariff.objects.create(
        name="示范：工商业两部制 10 kV",
        energy_type=electricity,
        start=date(today.year - 1, 1, 1),
        demand_basis=DemandBasis.MAXIMUM,
        demand_price=Decimal("40.8"),
        power_factor_target=Decimal("0.90"),
        source="示例数值，请按当地现行电价表修改",
    )
    for band, price in (
        (Band.SHARP, "1.2674"),
        (Band.PEAK, "1.0562"),
        (Band.FLAT, "0.6410"),
        (Band.VALLEY, "0.2723"),
        (Band.DEEP, "0.1936"),
    ):
        tariff.prices.create(band=band, price=Decimal(price))
    for band, begins, ends, first, last, which in (
        (Band.VALLEY, 0, 8, 1, 12, DayClass.ALL),
        (Band.PEAK, 9, 12, 1, 12, DayClass.ALL),
        (Band.PEAK, 17, 20, 1, 12, DayClass.ALL),
        (Band.SHARP, 20, 22, 7, 8, DayClass.ALL),
        (Band.SHARP, 18, 20, 12, 1, DayClass.WORKDAY),
        (Band.DEEP, 11, 14, 1, 12, DayClass.REST),
    ):
        tariff.spans.create(
            band=band,
            begins=time(begins),
            ends=time(ends),
            first_month=first,
            last_month=last,
            day_class=which,
        )
    month = today.replace(day=1)
    for back, value in ((0, "0.912"), (1, "0.887")):
        day = (month - timedelta(days=back)).replace(day=1)
        PowerFactor.objects.create(energy_type=electricity, month=day, value=Decimal(value))
    for code, price in (("water", "4.35"), ("natural_gas", "3.62")):
        its = EnergyType.objects.get(code=code)
        flat = Tariff.objects.create(
            name=f"示范：{its.name}", energy_type=its, start=date(today.year - 1, 1, 1), source="示例数值"
        )
        flat.prices.create(band=Band.FLAT, price=Decimal(price))


# --- readings ---------------------------------------------------------------------------------


def _counted(meter: Meter, seed: int, moments: np.ndarray) -> np.ndarray:
    """Return what a meter has counted since the beginning at each moment (seconds since then)."""
    hours = np.arange(int(moments[-1]) // 3600 + 2)
    hour, weekday = hours % 24, (hours // 24 + _EPOCH.weekday()) % 7
    works = np.where((hour >= 8) & (hour < 20), 1.0, np.where((hour >= 6) & (hour < 22), 0.6, 0.0))
    use = meter.night + (meter.day - meter.night) * works
    use = np.where(weekday >= 5, meter.night + (use - meter.night) * meter.rest_days, use)
    use = use * (1 + 0.12 * np.sin(2 * np.pi * hours / (24 * 365)))
    use = use * np.random.default_rng(seed).uniform(0.86, 1.14, len(hours))
    total = np.concatenate([[0.0], np.cumsum(use)])
    return np.interp(moments, np.arange(len(total)) * 3600, total).astype(np.int64)


def _read(now: datetime) -> int:
    """Take in what the meters showed since they were read last, with a few faults as they happen."""
    devices = {
        one.code: one for one in Device.objects.filter(code__in=[MAIN.code, *(m.code for m in METERS)])
    }
    checked = Checked(devices)
    start = min((one.last_reading_at or now - timedelta(days=DAYS) for one in devices.values()), default=now)
    midnight = timezone.localtime(start).replace(hour=0, minute=0, second=0, microsecond=0)
    begin, end = (int((moment - _EPOCH).total_seconds()) for moment in (midnight, now))
    grid = np.arange(begin, end + 1, 900)
    origin = int(_EPOCH.timestamp())
    main = np.zeros(len(grid), dtype=np.int64)
    for seed, meter in enumerate(METERS, start=1):
        counts = _counted(meter, seed, grid)
        if meter.behind == MAIN.code:
            main += counts
        its = grid % meter.interval_s == 0
        _add(checked, devices[meter.code], origin + grid[its], counts[its])
    _add(checked, devices[MAIN.code], origin + grid, (main * 1.011).astype(np.int64))
    if not checked.meters:
        return 0
    batch = Batch(source="demo", batch_id=now.isoformat(), way=Way.API, readings=[])
    return readings.record_checked(batch, checked).batch.taken


def _add(checked: Checked, device: Device, moments: np.ndarray, counts: np.ndarray) -> None:
    """Add the readings that are new; a gateway is away now and then, one reading is a spike."""
    hour = (moments // 3600) % 24
    day = moments // 86_400
    is_away = (device.code == "DE-20") & (day % 19 == 5) & (hour >= 2) & (hour < 7)
    is_spike = (device.code == "DE-11") & (moments % (86_400 * 23) == 3600 * 5)
    is_new = np.ones(len(moments), dtype=bool)
    if device.last_reading_at is not None:
        is_new = moments > device.last_reading_at.timestamp()
    kept = is_new & ~is_away
    shown = np.where(is_spike, counts + 500_000, counts) % 10**7
    checked.meters += [device.pk] * int(kept.sum())
    checked.moments += moments[kept].tolist()
    checked.counts += shown[kept].tolist()


def _make_output(today: date) -> None:
    """Write what was made on the days up to yesterday that have no output yet."""
    groups = {one.code: one.pk for one in DeviceGroup.objects.filter(code__startswith=MARK)}
    known = OutputDay.objects.filter(group=groups["DEMO-CAST"]).order_by("-day").first()
    day = known.day + timedelta(days=1) if known else today - timedelta(days=DAYS)
    rows: list[Output] = []
    while day < today:
        if day.weekday() < 6:
            share = 1 if day.weekday() < 5 else 0.5
            spread = (day.toordinal() * 37) % 11
            for code, product, unit, mean in (
                ("DEMO-CAST", "缸体毛坯", "件", 640),
                ("DEMO-CAST", "缸盖毛坯", "件", 410),
                ("DEMO-MILL", "缸体", "件", 600),
            ):
                amount = Decimal(int(mean * share) + spread * 3)
                rows.append(Output(groups[code], day, product, amount, unit))
        day += timedelta(days=1)
    if rows:
        output.record_output(rows, who=None, source="示例")


def _make_charging(now: datetime) -> None:
    """Tell the latest orders again: what is known changes nothing, what has ended is completed."""
    last = ChargingOrder.objects.filter(order_number__startswith=MARK).order_by("-started_at").first()
    first = timezone.localdate(last.started_at) if last else timezone.localdate(now) - timedelta(days=DAYS)
    day = first - timedelta(days=1)
    orders = []
    while day <= timezone.localdate(now):
        rng = np.random.default_rng(day.toordinal())
        for station, plugs in STATIONS:
            for plug in plugs:
                its = _orders_of_plug(station, plug, day, rng)
                orders += [order for order in its if order.started_at <= now]
        day += timedelta(days=1)
    charging.store_many(
        [order if order.ended_at is None or order.ended_at <= now else order.begun for order in orders]
    )


def _orders_of_plug(station: str, plug: str, day: date, rng: np.random.Generator) -> list[Order]:
    """Return the orders of a plug that begin on a day: one vehicle after another, few at weekends."""
    at = datetime.combine(day, time(7), tzinfo=timezone.get_default_timezone())
    found = []
    for number in range(int(rng.integers(1, 5)) if day.weekday() < 5 else int(rng.integers(0, 2))):
        at += timedelta(minutes=int(rng.integers(15, 160)))
        minutes, power = int(rng.integers(25, 190)), int(rng.integers(6, 45))
        kwh = (Decimal(power * minutes) / 60).quantize(Decimal("0.0001"))
        found.append(
            Order(
                order_number=f"{MARK}-{day:%y%m%d}-{station[0]}{plug}-{number + 1}",
                station=station,
                plug=plug,
                started_at=at,
                ended_at=at + timedelta(minutes=minutes),
                energy_kwh=kwh,
                price=(kwh * Decimal("1.18")).quantize(Decimal("0.01")),
            )
        )
        at += timedelta(minutes=minutes)
    return found


def _make_quotas(today: date) -> None:
    """Set quotas of which one is comfortable, one near its end and one passed by now."""
    month = today.replace(day=1)
    elapsed = max((today - month).days, 1)
    electricity = EnergyType.objects.get(code="electricity")
    for code, name, share in (
        (MARK, "示范工厂 月度用电", Decimal("1.60")),
        ("DEMO-CAST", "压铸车间 月度用电", Decimal("1.12")),
        ("DEMO-UTIL", "公用站房 月度用电", Decimal("0.95")),
    ):
        group = DeviceGroup.objects.get(code=code)
        use = totals(electricity, today - timedelta(days=28), today - timedelta(days=1))
        daily = electricity.amount(int(use.groups[use.plant.groups[group.pk]])) / 28
        value = (daily * max(elapsed, 12) * share / 100).to_integral_value() * 100
        quotas.create_quota(
            EnergyQuota(name=name, energy_type=electricity, group=group, quota_value=value, unit="kWh"),
            author=None,
            reason="示例",
        )
