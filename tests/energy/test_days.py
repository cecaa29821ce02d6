"""From readings in the database to daily use: the reference's examples, a real year, any order of arrival."""

from __future__ import annotations

import csv
import gzip
import json
import random
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from energy.choices import Label, ReadingKind, Way
from energy.metering import Change, Flag, Register, daily_use
from energy.models import (
    Device,
    DeviceRatio,
    DirtyRange,
    EnergyDailySummary,
    MeterChange,
    ReadingDay,
)
from energy.services import days, quotas, readings
from energy.services.readings import Batch, Reading
from spc_site.errors import Conflict
from tests.energy import builders as make
from tests.oracles import registers as oracle

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DATA = Path(__file__).parents[1] / "data" / "energy"
CASES = json.loads((DATA / "meter_cases.json").read_text(encoding="utf-8"))["cases"]
START = datetime(2026, 3, 1, tzinfo=make.SHANGHAI)
_numbers = count(1)


def taken(*given: Reading, way: Way = Way.API, **fields: Any) -> readings.Recorded:
    return readings.record(
        Batch(source="test", batch_id=f"b{next(_numbers)}", way=way, readings=given, **fields)
    )


def told(device: Device) -> dict[str, dict[str, Any]]:
    return {
        str(row.date): {
            "counts": row.amount,
            "coverage": round(row.coverage, 4),
            "flags": Flag(row.flags).words,
        }
        for row in EnergyDailySummary.objects.filter(device=device).order_by("date")
    }


def exactly(device: Device) -> list[tuple[Any, ...]]:
    return list(
        EnergyDailySummary.objects.filter(device=device)
        .order_by("date")
        .values_list("date", "amount", "covered_s", "length_s", "flags", "end_at", "end_count")
    )


def moment_s(at: datetime) -> int:
    return int(at.timestamp())


@pytest.mark.parametrize("is_piecemeal", [False, True], ids=["at_once", "backwards_one_by_one"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_examples_of_the_reference_hold_from_row_to_row(case: dict[str, Any], is_piecemeal: bool) -> None:
    meter = case["meter"]
    size = Decimal(meter.get("kwh_per_count", "1"))
    device = make.device(
        interval_s=meter["interval_min"] * 60,
        modulus=meter.get("modulus"),
        max_per_hour=meter.get("max_per_hour"),
        tolerance=meter.get("jitter", 0),
        count_size=size,
    )
    ratio = Decimal(meter.get("ratio", 1))
    DeviceRatio.objects.create(device=device, valid_from=START, ratio=ratio)
    for event in case.get("events", []):
        MeterChange.objects.create(
            device=device, at=event["time"], end_count=event["old_end"], start_count=event["new_start"]
        )
    given = [Reading(device.code, at, counts * size) for at, counts in case["readings"]]
    if is_piecemeal and case["case"] != "duplicate_corrected":  # there the order is the case
        for reading in reversed(given):
            taken(reading)
            days.compute_due()
    else:
        taken(*given)
        days.compute_due()
    per_count = size * ratio / device.energy_type.step
    found = told(device)
    for use in found.values():
        counts, rest = divmod(use["counts"], per_count)
        assert rest == 0
        use["counts"] = int(counts)
    assert found == case["expected"]
    kwh = {str(row.date): row.total_consumption for row in EnergyDailySummary.objects.all()}
    assert case.get("kwh", {}).items() <= {day: f"{use:.2f}" for day, use in kwh.items()}.items()


# --- any order, any portions, any repetition -----------------------------------------------------


def course_of(dice: random.Random, *, is_wild: bool) -> list[tuple[datetime, int]]:
    """Readings of some weeks: mostly hourly, with gaps; a wild one rolls over, resets, jumps, trembles."""
    at, shown, found = START + timedelta(minutes=dice.randrange(1440)), dice.randrange(9_000, 9_900), []
    for _ in range(dice.randrange(30, 90)):
        at += timedelta(minutes=dice.choice([60, 60, 60, 60, 61, 240, 1440, 5000]))
        shown += dice.randrange(0, 40)
        kind = dice.random() if is_wild else 1.0
        if kind < 0.04:
            shown = dice.randrange(0, 60)  # a reset
        elif kind < 0.08:
            shown = max(0, shown - 3)  # a tremble
        shown %= 10_000 if is_wild else 10**9
        if 0.08 <= kind < 0.12:
            for _ in range(dice.choice([1, 1, 2, 5])):  # a glitch, of one reading or of some
                found.append((at, 0))
                at += timedelta(minutes=dice.choice([60, 60, 300]))
        elif 0.12 <= kind < 0.16:
            found.append((at, 9_999))  # a spike
        else:
            found.append((at, shown))
        if dice.random() < 0.1:  # exactly at midnight
            at = (at + timedelta(days=1)).replace(hour=0, minute=0)
    return found


@pytest.mark.parametrize("seed", range(14))
def test_any_order_of_arrival_gives_what_one_pass_over_all_gives(seed: int) -> None:
    dice = random.Random(seed)
    wild = make.device(interval_s=3600, modulus=10_000, max_per_hour=200, tolerance=4)
    tame = make.device(interval_s=3600)
    changed = make.device(interval_s=3600, max_per_hour=5_000)
    truth = {one: course_of(dice, is_wild=one is wild) for one in (wild, tame, changed)}
    change = truth[changed][12][0] + timedelta(minutes=7)
    MeterChange.objects.create(device=changed, at=change, end_count=20_000, start_count=5)
    truth[changed] = [(at, n if at <= change else n - 8_000) for at, n in truth[changed]]
    arrivals = [Reading(one.code, at, n) for one, course in truth.items() for at, n in course]
    wrong = [one._replace(value=dice.randrange(9_000)) for one in dice.sample(arrivals, len(arrivals) // 8)]
    rest = arrivals + dice.sample(arrivals, len(arrivals) // 5)
    if dice.random() < 0.7:
        dice.shuffle(rest)
    queue = wrong + rest  # what was wrong at first is corrected by what comes later
    while queue:
        size = dice.choice([1, 3, 20, 200])
        taken(*queue[:size])
        queue = queue[size:]
        if dice.random() < 0.5:
            days.compute_due()
    days.compute_due()
    assert not DirtyRange.objects.exists()

    for device, course in truth.items():
        times, counts = [moment_s(at) for at, _ in course], [n for _, n in course]
        changes = [Change(moment_s(change), 20_000, 5)] if device is changed else []
        use = daily_use(times, counts, device.register, zone=make.SHANGHAI, changes=changes)
        found = exactly(device)
        assert [row[:2] for row in found] == [
            (day, n * 1000) for day, n in zip(use.days, use.counts.tolist(), strict=True)
        ]
        assert [row[2:5] for row in found] == list(
            zip(use.covered_s.tolist(), use.length_s.tolist(), use.flags.tolist(), strict=True)
        )
        once = exactly(device)
        EnergyDailySummary.objects.filter(device=device).delete()
        days.mark_whole([device.pk])
        days.compute_due()
        assert exactly(device) == once, "the standings from which later days go on"
    slow = oracle.daily_use([(moment_s(at), n) for at, n in truth[tame]], make.SHANGHAI)
    assert {row[0]: (row[1] // 1000, row[2]) for row in exactly(tame)} == slow


def test_a_reading_is_judged_anew_when_the_next_one_comes_days_later() -> None:
    """The zero of the second day was a reset; what follows makes it a glitch, and the first day longer."""
    device = make.device(interval_s=43_200, max_per_hour=500)
    for hours, shown in ((0, 90), (12, 100), (36, 0), (60, 130)):
        taken(Reading(device.code, START + timedelta(hours=hours), shown))
        days.compute_due()
    assert [use["counts"] for use in told(device).values()] == [18_000, 15_000, 7_000]


def test_zeros_are_judged_anew_as_a_whole_when_the_register_is_back_the_next_day() -> None:
    device = make.device(interval_s=3600)
    for hours, shown in ((10, 90_000), (22, 0), (23, 0), (25, 0), (26, 0), (31.5, 90_430), (50, 90_500)):
        taken(Reading(device.code, START + timedelta(hours=hours), shown))
        days.compute_due()
    assert sum(use["counts"] for use in told(device).values()) == 500_000
    once = exactly(device)
    days.mark_whole([device.pk])
    days.compute_due()
    assert exactly(device) == once


def test_the_last_reading_that_was_looked_at_decides_nothing() -> None:
    device = make.device(interval_s=43_200, max_per_hour=500)
    course = ((0, 90), (6, 99), (12, 100), (60, 0), (156, 244))
    taken(*(Reading(device.code, START + timedelta(hours=hours), shown) for hours, shown in course))
    days.compute_due()
    right = exactly(device)
    assert right[0][1] == 22_000, "half a day of the 144 counts of six days"
    for shown in (95, 99):
        taken(Reading(device.code, START + timedelta(hours=6), shown))
        days.compute_due()
    assert exactly(device) == right


def test_undoing_a_file_leaves_what_would_be_without_it() -> None:
    dice = random.Random(1)
    device, same = (make.device(interval_s=3600, max_per_hour=200) for _ in range(2))
    course = course_of(dice, is_wild=True)
    kept, late = course[::2], [(at, n) for at, n in course[1::2]]
    for one in (device, same):
        taken(*(Reading(one.code, at, n) for at, n in kept))
    file = taken(
        *(Reading(device.code, at, n) for at, n in late),
        Reading(device.code, kept[5][0], 7),
        Reading(device.code, kept[6][0], 8),
        way=Way.FILE,
    )
    taken(Reading(device.code, kept[6][0], 9), Reading(same.code, kept[6][0], 9))
    days.compute_due()
    assert told(device) != told(same)
    undone = readings.undo(file.batch, who=None)
    days.compute_due()
    assert (undone.reverted, undone.kept) == (len(late) + 1, 1), "what came after the file stays"
    assert [row[0:] for row in exactly(device)] == exactly(same)
    device.refresh_from_db()
    same.refresh_from_db()
    assert device.last_reading_at == same.last_reading_at
    with pytest.raises(Conflict):
        readings.undo(file.batch, who=None)


# --- structure ---------------------------------------------------------------------------------


def test_a_new_ratio_counts_from_its_moment_on_and_the_days_add_up() -> None:
    device = make.device(interval_s=3600)
    DeviceRatio.objects.create(device=device, valid_from=START - timedelta(days=9), ratio=10)
    DeviceRatio.objects.create(device=device, valid_from=START + timedelta(hours=30), ratio=20)
    taken(*(Reading(device.code, START + timedelta(hours=n), n) for n in range(0, 73, 2)))
    days.compute_due()
    uses = list(EnergyDailySummary.objects.order_by("date").values_list("total_consumption", flat=True))
    assert uses == [240, 6 * 10 + 18 * 20, 480]


def test_what_is_said_of_a_meter_later_changes_its_past_days() -> None:
    device = make.device(interval_s=3600)
    taken(*(Reading(device.code, START + timedelta(hours=n), n if n < 30 else n - 25) for n in range(60)))
    days.compute_due()
    assert [use["counts"] for use in told(device).values()] == [24_000, 5_000 + 5_000 + 18_000, 11_000]
    MeterChange.objects.create(
        device=device, at=START + timedelta(hours=29, minutes=30), end_count=30, start_count=4
    )
    days.compute_due()
    assert [use["counts"] for use in told(device).values()] == [24_000, 25_000, 11_000]
    DeviceRatio.objects.create(device=device, valid_from=START, ratio=3)
    days.compute_due()
    assert [use["counts"] for use in told(device).values()] == [72_000, 75_000, 33_000]
    device.max_per_hour = 24
    device.save()
    assert DirtyRange.objects.filter(device=device, first=START.date()).exists()
    Device.objects.all().delete()
    assert not DirtyRange.objects.exists()


def test_a_device_whose_counts_are_no_whole_steps_stops_nobody_else() -> None:
    bad, good = make.device(count_size=Decimal("0.0005")), make.device()
    taken(*(Reading(one.code, START + timedelta(hours=n), n) for one in (bad, good) for n in range(3)))
    days.compute_due()
    assert EnergyDailySummary.objects.filter(device=good).exists()
    assert not DirtyRange.objects.exists()


# --- intervals ---------------------------------------------------------------------------------


def steel_year() -> tuple[list[tuple[datetime, str]], dict[date, Decimal]]:
    rows, sums = [], dict[date, Decimal]()
    with gzip.open(DATA / "steel_15min_2018.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            at = datetime.strptime(row["date"], "%d/%m/%Y %H:%M")  # noqa: DTZ007 — local, as a file has it
            rows.append((at, row["Usage_kWh"]))
            sums[at.date()] = sums.get(at.date(), Decimal(0)) + Decimal(row["Usage_kWh"])
    return rows, sums


def test_a_real_year_of_quarter_hours_adds_up_day_by_day() -> None:
    """UCI dataset 851 (CC BY 4.0): 00:00 carries the date of the day that it closes."""
    device = make.device(
        "steel",
        reading_kind=ReadingKind.INTERVAL,
        label=Label.END_OF_DAY,
        count_size=Decimal("0.01"),
        max_per_hour=100_000,
    )
    rows, sums = steel_year()
    half = len(rows) // 2 + 7
    taken(*(Reading("steel", at, value) for at, value in rows[half:]))
    days.compute_due()
    taken(*(Reading("steel", at, value) for at, value in rows[:half]))
    days.compute_due()
    stored = EnergyDailySummary.objects.filter(device=device).order_by("date")
    assert {row.date: row.total_consumption for row in stored} == sums
    assert {(row.covered_s, row.flags) for row in stored} == {(86400, 0)}
    assert len(sums) == 365
    assert sum(ReadingDay.objects.values_list("size", flat=True)) == 365 * 96


def test_a_missing_interval_is_not_covered_and_never_zero() -> None:
    device = make.device(reading_kind=ReadingKind.INTERVAL, interval_s=3600, max_per_hour=50)
    hours = [n for n in range(1, 25) if n not in (5, 6)]
    taken(*(Reading(device.code, START + timedelta(hours=n), 99 if n == 9 else 10) for n in hours))
    days.compute_due()
    row = EnergyDailySummary.objects.get()
    assert row.total_consumption == 210
    assert row.covered_s == 21 * 3600
    assert Flag(row.flags) == Flag.GAP | Flag.SPIKE_DROPPED


# --- the room around ---------------------------------------------------------------------------


def test_the_quotas_are_told_once_which_days_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(quotas, "note_changed", lambda **told: heard.append(told))
    device = make.device(interval_s=3600)
    for _ in range(2):
        taken(*(Reading(device.code, START + timedelta(hours=n), n) for n in range(30)))
        days.compute_due()
    told = {
        "energy_type_ids": {device.energy_type_id},
        "first": date(2026, 3, 1),
        "last": date(2026, 3, 2),
    }
    assert heard == [told], "the repeated readings changed nothing"


def test_days_are_computed_in_a_constant_number_of_statements(django_assert_max_num_queries: Any) -> None:
    def plant(size: int) -> None:
        fleet = [make.device(interval_s=3600) for _ in range(size)]
        taken(*(Reading(one.code, START + timedelta(hours=n), n) for one in fleet for n in range(30)))

    plant(2)
    with django_assert_max_num_queries(21) as few:
        days.compute_due()
    plant(60)
    with django_assert_max_num_queries(21) as many:
        days.compute_due()
    assert abs(len(many) - len(few)) <= 1, "PostgreSQL is asked for the time now and then"


def test_a_late_correction_reads_and_writes_little(django_assert_max_num_queries: Any) -> None:
    device = make.device(interval_s=3600)
    taken(*(Reading(device.code, START + timedelta(hours=3 * n), n) for n in range(8 * 120)))
    days.compute_due()
    before = {row.date: row.version for row in EnergyDailySummary.objects.all()}
    taken(Reading(device.code, START + timedelta(days=40, hours=9), 40 * 8 + 2))
    with django_assert_max_num_queries(21):
        days.compute_due()
    after = {row.date: row.version for row in EnergyDailySummary.objects.all()}
    assert {day for day, version in after.items() if version != before[day]} <= {date(2026, 4, 10)}


def test_the_register_of_a_device_is_what_its_row_says() -> None:
    device = make.device(modulus=1000, max_per_hour=60, tolerance=2, interval_s=60)
    assert device.register == Register(interval_s=60, modulus=1000, max_per_hour=60, jitter=2)


def test_the_command_computes_what_is_due_or_everything_again(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = [make.device(code, interval_s=3600) for code in ("M1", "M2")]
    taken(*(Reading(one.code, START + timedelta(hours=n), n) for one in fleet for n in range(30)))
    call_command("compute_days")
    right = [exactly(one) for one in fleet]
    assert all(right)
    EnergyDailySummary.objects.update(amount=1)
    call_command("compute_days")
    assert [exactly(one) for one in fleet] != right, "nothing was due"
    call_command("compute_days", "M1")
    assert exactly(fleet[0]) == right[0]
    assert exactly(fleet[1]) != right[1]
    call_command("compute_days", all=True)
    assert [exactly(one) for one in fleet] == right
    assert "计算了 2 段" in capsys.readouterr().out
    with pytest.raises(CommandError) as failed:
        call_command("compute_days", "M9")
    assert failed.value.returncode == 2


@pytest.mark.django_db(transaction=True)
def test_readings_that_come_while_days_are_computed_are_not_lost() -> None:
    """Two workers compute while two gateways send; each change is computed by somebody in the end."""
    fleet = [make.device(interval_s=600) for _ in range(4)]
    start, faults, is_over = threading.Barrier(4), [], threading.Event()

    def run(work: Callable[[], None]) -> None:
        try:
            start.wait(5)
            work()
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    def send(part: int) -> None:
        for n in range(part, 60, 2):
            taken(*(Reading(one.code, START + timedelta(hours=n), n * n) for one in fleet))

    def compute() -> None:
        while not is_over.wait(0.005):
            days.compute_due()

    threads = [threading.Thread(target=run, args=(partial(send, part),)) for part in (0, 1)]
    workers = [threading.Thread(target=run, args=(compute,)) for _ in range(2)]
    for thread in (*threads, *workers):
        thread.start()
    for thread in threads:
        thread.join(30)
    is_over.set()
    for thread in workers:
        thread.join(30)
    days.compute_due()
    assert not faults
    assert not DirtyRange.objects.exists()
    for one in fleet:
        uses = one.days.order_by("date").values_list("total_consumption", flat=True)
        assert list(uses) == [24**2, 48**2 - 24**2, 59**2 - 48**2]
