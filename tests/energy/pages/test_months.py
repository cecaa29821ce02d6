"""Months: sums as the days say, bands that add up exactly, demands at one moment, cost in exact decimals."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count

import numpy as np
import pytest

from energy.choices import Band, DayClass, DayKind, DeviceKind, Way
from energy.models import (
    CalendarDay,
    Device,
    DeviceMonth,
    DeviceRatio,
    EnergyDailySummary,
    GroupDemand,
    Month,
    Tariff,
    UpstreamLink,
    VirtualPart,
)
from energy.selectors.totals import totals
from energy.services import days, months, readings
from energy.services.readings import Batch, Reading
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
_numbers = count(1)


def at(day: date, hour: float = 0) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=make.SHANGHAI) + timedelta(hours=hour)


def read(device: Device, *points: tuple[datetime, int]) -> None:
    given = [Reading(device.code, moment, value) for moment, value in points]
    done = readings.record(Batch(source="test", batch_id=str(next(_numbers)), way=Way.API, readings=given))
    assert not done.rejected
    days.compute_due()


def tariff(of: Device, start: date = date(2026, 1, 1), **fields: object) -> Tariff:
    """Peak 8–11, valley 0–7, the rest flat; on days of rest the valley lasts until 12."""
    made = Tariff.objects.create(name="一般工商业", energy_type=of.energy_type, start=start, **fields)
    for band, price in ((Band.PEAK, "1.2"), (Band.FLAT, "0.7"), (Band.VALLEY, "0.31")):
        made.prices.create(band=band, price=Decimal(price))
    made.spans.create(band=Band.PEAK, begins=time(8), ends=time(11))
    made.spans.create(band=Band.VALLEY, begins=time(0), ends=time(7))
    made.spans.create(band=Band.VALLEY, begins=time(0), ends=time(12), day_class=DayClass.REST)
    return made


def bands_of(device: Device, month: date) -> np.ndarray:
    """The bands of each day in counts of the meter, which are thousands of steps."""
    row = DeviceMonth.objects.get(device=device, month=month)
    whole, rest = np.divmod(np.frombuffer(bytes(row.bands), dtype="<i8").reshape(-1, 5), 1000)
    assert not rest.any()
    return whole


def a_rising_meter(device: Device, since: datetime, number: int, seed: int = 1) -> None:
    dice = np.random.default_rng(seed)
    counts = np.cumsum(dice.integers(0, 40, number))
    read(device, *((since + timedelta(minutes=15 * n), int(counts[n])) for n in range(number)))


def test_a_month_is_the_sum_of_its_days_also_after_a_correction() -> None:
    device = make.device()
    a_rising_meter(device, at(date(2026, 5, 30)), 4 * 96)
    read(device, (at(date(2026, 5, 31), 12), 99_999))
    sums = {
        month: sum(
            EnergyDailySummary.objects.filter(device=device, date__month=month.month).values_list(
                "amount", flat=True
            )
        )
        for month in (MAY, JUNE)
    }
    assert dict(DeviceMonth.objects.values_list("month", "amount")) == sums
    assert sums[MAY] > 90_000
    assert Month.objects.filter(is_due=True).count() == 2


def test_bands_of_each_day_add_up_to_its_use_exactly_whatever_the_cadence() -> None:
    device = make.device(interval_s=7 * 60)
    tariff(device)
    dice = np.random.default_rng(5)
    counts = np.cumsum(dice.integers(0, 60, 2_000))
    read(device, *((at(MAY, 3.2) + timedelta(minutes=7 * n), int(counts[n])) for n in range(2_000)))
    months.compute_due()
    table = bands_of(device, MAY)
    stored = dict(EnergyDailySummary.objects.filter(device=device).values_list("date", "total_consumption"))
    assert {
        MAY + timedelta(days=n): int(total) for n, total in enumerate(table.sum(axis=1)) if total
    } == stored
    assert (table[:, [0, 4]] == 0).all() and (table[:9, [1, 2, 3]] > 0).any()


def test_workdays_rest_days_and_exchanged_days_have_their_own_bands() -> None:
    device = make.device(interval_s=3600)
    tariff(device)
    CalendarDay.objects.create(day=date(2026, 5, 9), kind=DayKind.WORKDAY)  # a Saturday at work
    CalendarDay.objects.create(day=date(2026, 5, 1), kind=DayKind.HOLIDAY)  # a Friday off
    read(device, *((at(MAY, hour), int(hour) * 10) for hour in range(24 * 10 + 1)))
    months.compute_due()
    table = bands_of(device, MAY)
    workday, rest = [0, 30, 140, 70, 0], [0, 0, 120, 120, 0]
    assert table[3].tolist() == workday  # Monday
    assert table[1].tolist() == rest  # Saturday: the valley goes before the peak of all days
    assert table[8].tolist() == workday
    assert table[0].tolist() == rest


def test_a_step_across_a_border_is_divided_by_time() -> None:
    device = make.device(interval_s=3600)
    tariff(device)
    read(device, (at(date(2026, 5, 4), 6.5), 0), (at(date(2026, 5, 4), 7.25), 100))
    months.compute_due()
    assert bands_of(device, MAY)[3].tolist() == [0, 0, 33, 67, 0]


def test_a_changed_tariff_is_computed_again_and_days_that_lie_apart_wait_a_little() -> None:
    device = make.device(interval_s=3600)
    rate = tariff(device)
    read(device, *((at(MAY, hour), hour) for hour in range(49)))
    assert months.compute_due() == 1
    before = bands_of(device, MAY)
    read(device, (at(MAY, 49), 60))
    assert not months.has_due(), "the bands rest for some minutes"
    span = rate.spans.get(band=Band.PEAK)
    span.ends = time(12)
    span.save()
    assert months.compute_due() == 1
    after = bands_of(device, MAY)
    assert after.sum() == before.sum() + 12
    assert not months.has_due()


def test_a_change_while_a_month_is_computed_leaves_it_due(monkeypatch: pytest.MonkeyPatch) -> None:
    device = make.device(interval_s=3600)
    rate = tariff(device)
    read(device, *((at(MAY, hour), hour) for hour in range(49)))
    computed = months._computed

    def meanwhile(*arguments: object) -> object:
        found = computed(*arguments)  # type: ignore[arg-type]
        rate.save()
        return found

    monkeypatch.setattr(months, "_computed", meanwhile)
    months.compute(Month.objects.get())
    assert Month.objects.get().is_due


def test_demands_are_the_largest_quarters_and_those_of_groups_at_one_moment() -> None:
    plant = make.group("plant")
    shop = make.group("shop", plant)
    one, two = make.device("one"), make.device("two")
    make.attached(plant, one)
    make.attached(shop, two)
    quarters = {one: [10, 50, 10, 20], two: [10, 0, 45, 5]}
    for device, uses in quarters.items():
        counts = np.cumsum([0, *uses]).tolist()
        read(device, *((at(MAY, n / 4), counts[n]) for n in range(5)))
    months.compute_due()
    own = {
        row.device.code: (row.demand, row.demand_at) for row in DeviceMonth.objects.select_related("device")
    }
    step = one.energy_type.amount
    assert {code: step(amount) for code, (amount, _at) in own.items()} == {"one": 50, "two": 45}
    assert own["one"][1] == at(MAY, 0.25)
    groups = {row.group.code: row for row in GroupDemand.objects.select_related("group")}
    assert step(groups["plant"].amount) == 55 and groups["plant"].at == at(MAY, 0.5)
    assert step(groups["shop"].amount) == 45


def test_a_sub_meter_does_not_count_twice_in_the_demand_and_virtual_ones_have_theirs() -> None:
    plant = make.group("plant")
    main, sub, rest = make.device("main"), make.device("sub"), make.device("rest", kind=DeviceKind.VIRTUAL)
    for device in (main, sub):
        make.attached(plant, device)
    UpstreamLink.objects.create(device=sub, behind=main, start=date(2020, 1, 1))
    VirtualPart.objects.create(device=rest, part=main, times=1)
    VirtualPart.objects.create(device=rest, part=sub, times=-1)
    read(main, (at(MAY), 0), (at(MAY, 0.25), 30), (at(MAY, 0.5), 50))
    read(sub, (at(MAY), 0), (at(MAY, 0.25), 25), (at(MAY, 0.5), 26))
    months.compute_due()
    step = main.energy_type.amount
    assert step(GroupDemand.objects.get().amount) == 30
    virtual = DeviceMonth.objects.get(device=rest)
    assert (step(virtual.demand or 0), virtual.demand_at) == (19, at(MAY, 0.25))


def test_a_new_ratio_counts_from_its_moment_in_bands_too() -> None:
    device = make.device(interval_s=3600)
    tariff(device)
    DeviceRatio.objects.create(device=device, valid_from=at(date(2026, 1, 1)), ratio=Decimal(1))
    DeviceRatio.objects.create(device=device, valid_from=at(date(2026, 5, 4), 9), ratio=Decimal(10))
    read(device, *((at(date(2026, 5, 4), hour), hour) for hour in range(13)))
    months.compute_due()
    assert bands_of(device, MAY)[3].tolist() == [0, 1 + 20, 1 + 10, 7, 0]


def test_totals_follow_the_structure_of_each_day_and_part_months() -> None:
    plant, shop, other = make.group("plant"), make.group("shop"), make.group("other")
    shop.parent = other.parent = plant
    shop.save()
    other.save()
    device = make.device()
    make.used(device, date(2026, 4, 29), *[10] * 40)
    make.attached(shop, device, date(2026, 1, 1), date(2026, 5, 11))
    make.attached(other, device, date(2026, 5, 11))
    found = totals(device.energy_type, date(2026, 4, 30), date(2026, 5, 31))
    step = device.energy_type.amount
    use = {pk: step(int(found.groups[place])) for pk, place in found.plant.groups.items()}
    assert use == {plant.pk: 320, shop.pk: 110, other.pk: 210}
    share = found.group_covered / found.group_expected
    assert share.tolist() == [1.0] * 3
    assert step(int(found.devices[0])) == 320


def test_totals_cost_the_same_for_little_and_for_much(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for _each in range(5):
        device = make.device()
        make.attached(make.group(), device, date(2026, 5, 3))
        make.used(device, MAY, *[10] * 50)
    with django_assert_max_num_queries(7):
        totals(device.energy_type, date(2026, 4, 10), date(2026, 6, 12))


def test_a_month_whose_days_are_gone_is_empty() -> None:
    device = make.device()
    make.used(device, MAY, 10, 20)
    device.days.all().delete()
    months.refresh([device.pk], MAY, MAY)
    assert totals(device.energy_type, MAY, date(2026, 5, 31)).devices.sum() == 0
    assert totals(device.energy_type, MAY, date(2026, 5, 2)).devices.sum() == 0


def test_structure_written_past_the_signals_is_seen_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    device, group = make.device(), make.group()
    one = make.attached(group, device)
    make.used(device, MAY, 10)
    clock = [1000.0]
    monkeypatch.setattr("energy.selectors.kept.time.monotonic", lambda: clock[0])

    def use() -> int:
        return int(totals(device.energy_type, MAY, MAY).groups.sum())

    before = use()
    type(one).objects.update(end=date(2026, 4, 1))
    assert use() == before > 0
    clock[0] += 61
    assert use() == 0
