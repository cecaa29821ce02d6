"""Taking readings in: what is refused and why, what happens twice, what is kept of the past."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections

from energy.choices import DeviceKind, DeviceStatus, Label, ReadingKind, Way
from energy.metering import unpack
from energy.models import Device, DirtyRange, ReadingBatch, ReadingCorrection, ReadingDay
from energy.services import readings
from energy.services.readings import Batch, Reading
from spc_site import clock
from tests.energy import builders as make

START = datetime(2026, 3, 1, tzinfo=make.SHANGHAI)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 10, 12, tzinfo=make.SHANGHAI))


def batch(*given: Reading, batch_id: str = "1", way: Way = Way.API, **fields: Any) -> Batch:
    return Batch(source="gateway", batch_id=batch_id, way=way, readings=given, **fields)


def stored(device: Device) -> dict[str, int]:
    found = {}
    for row in ReadingDay.objects.filter(device=device).order_by("day"):
        start = datetime(row.day.year, row.day.month, row.day.day, tzinfo=make.SHANGHAI)
        seconds, counts = unpack(row.packed)
        assert row.size == len(seconds)
        for second, shown in zip(seconds.tolist(), counts.tolist(), strict=True):
            found[f"{start + timedelta(seconds=second):%m-%d %H:%M}"] = shown
    return found


@pytest.mark.django_db
def test_a_batch_is_taken_once_and_the_second_time_gets_the_answer_of_the_first() -> None:
    device = make.device("m1")
    first = readings.record(batch(Reading("m1", START, 5), Reading("nobody", START, 5, where="1")))
    again = readings.record(batch(Reading("m1", START, 6), Reading("m1", START + timedelta(hours=1), 7)))
    assert (first.batch.taken, first.batch.rejected) == (1, 1)
    assert again.is_repeated
    assert again.batch == first.batch
    assert again.rejected == first.rejected
    assert stored(device) == {"03-01 00:00": 5}
    assert DirtyRange.objects.count() == 1


@pytest.mark.django_db
def test_each_refused_reading_is_listed_with_its_reason_and_keeps_nobody_out() -> None:
    make.device("m1", count_size=Decimal("0.01"))
    make.device("virtual", kind=DeviceKind.VIRTUAL)
    make.device("old", status=DeviceStatus.RETIRED)
    soon = clock.now() + timedelta(minutes=4)
    given = {
        "unknown_meter": Reading("nobody", START, 1),
        "virtual_meter": Reading("virtual", START, 1),
        "retired_meter": Reading("old", START, 1),
        "future": Reading("m1", clock.now() + timedelta(minutes=6), 1),
        "too_old": Reading("m1", "1999-12-31 23:00", 1),
        "bad_time": Reading("m1", "yesterday", 1),
        "negative": Reading("m1", START, -1),
        "not_whole": Reading("m1", START, "1.005"),
        "not_a_number": Reading("m1", START, "N/A"),
        "too_large": Reading("m1", START, 10**15),
    }
    not_numbers = [Reading("m1", START, value) for value in ("NaN", "Infinity", float("inf"), "")]
    result = readings.record(
        batch(*given.values(), *not_numbers, Reading("m1", START, 0.29), Reading("m1", soon, "12.30"))
    )
    assert [one.code for one in result.rejected] == [*given, *["not_a_number"] * 4]
    assert all(one.reason for one in result.rejected)
    assert result.batch.taken == 2
    assert stored(Device.objects.get(code="m1")) == {"03-01 00:00": 29, "03-10 12:04": 1230}


@pytest.mark.django_db
def test_a_time_without_zone_is_shanghai_time_and_others_are_what_they_say() -> None:
    device = make.device("m1")
    readings.record(
        batch(
            Reading("m1", "2026-03-01T08:00:00", 1),
            Reading("m1", "2026-03-01T00:15:00Z", 2),
            Reading("m1", "2026-03-01 09:30+09:00", 3),
            Reading("m1", datetime(2026, 3, 1, 8, 45), 4),  # noqa: DTZ001 — as a file has it
        )
    )
    assert stored(device) == {f"03-01 08:{minute}": n for n, minute in enumerate(("00", "15", "30", "45"), 1)}


@pytest.mark.django_db
def test_labels_of_intervals_are_brought_to_their_ends() -> None:
    fields = {"reading_kind": ReadingKind.INTERVAL, "interval_s": 900}
    ends, starts = make.device("end", **fields), make.device("start", label=Label.START, **fields)
    closing = make.device("closing", label=Label.END_OF_DAY, **fields)
    times = ("2026-03-01 00:00", "2026-03-01 23:45")
    readings.record(batch(*(Reading(one, at, 1) for one in ("end", "start", "closing") for at in times)))
    assert list(stored(ends)) == ["03-01 00:00", "03-01 23:45"]
    assert list(stored(starts)) == ["03-01 00:15", "03-02 00:00"]
    assert list(stored(closing)) == ["03-01 23:45", "03-02 00:00"]


@pytest.mark.django_db
def test_the_last_value_of_a_moment_wins_and_what_it_overwrote_is_kept() -> None:
    device = make.device("m1")
    later = START + timedelta(hours=1)
    readings.record(batch(Reading("m1", START, 5), Reading("m1", later, 6)))
    second = readings.record(
        batch(Reading("m1", START, 9), Reading("m1", START, 8), Reading("m1", later, 6), batch_id="2")
    )
    assert stored(device) == {"03-01 00:00": 8, "03-01 01:00": 6}
    assert (second.batch.taken, second.batch.corrected, second.batch.unchanged) == (1, 1, 2)
    history = ReadingCorrection.objects.get()
    assert (history.old_count, history.new_count, history.at, history.batch) == (5, 8, START, second.batch)
    readings.record(batch(Reading("m1", START, 8), batch_id="3"))
    assert ReadingCorrection.objects.count() == 1
    device.refresh_from_db()
    assert device.last_reading_at == later


@pytest.mark.django_db
def test_a_batch_costs_the_same_statements_however_large_it_is(django_assert_max_num_queries: Any) -> None:
    fleet = [make.device(f"m{n}") for n in range(120)]

    def given(devices: list[Device], number: int) -> Batch:
        return batch(
            *(
                Reading(one.code, START + timedelta(minutes=15 * n), 100 + number + n)
                for one in devices
                for n in range(80)
            ),
            batch_id=f"q{number}",
        )

    readings.record(given(fleet[:1], 0))
    with django_assert_max_num_queries(14) as few:
        readings.record(given(fleet[:1], 1))
    readings.record(given(fleet, 2))
    with django_assert_max_num_queries(14) as many:
        result = readings.record(given(fleet, 3))
    assert result.batch.corrected == 9600
    assert len(many) == len(few)


@pytest.mark.django_db(transaction=True)
def test_batches_on_the_same_meter_and_day_at_the_same_time_lose_nothing() -> None:
    """On SQLite one waits for the other's transaction, on PostgreSQL for the lock of the device."""
    devices = [make.device(f"m{n}") for n in range(3)]
    barrier, faults = threading.Barrier(4), []

    def send(number: int) -> None:
        try:
            barrier.wait(5)
            for round_ in range(3):
                given = [
                    Reading(one.code, START + timedelta(minutes=4 * (5 * round_ + n) + number), number + 1)
                    for one in (devices if number % 2 else reversed(devices))
                    for n in range(5)
                ]
                readings.record(batch(*given, batch_id=f"{number}.{round_}"))
                # All send this one; it must be taken once.
                readings.record(batch(Reading("m0", START + timedelta(hours=9), 7), batch_id="all"))
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not faults, connection.vendor
    assert ReadingBatch.objects.filter(batch_id="all").count() == 1
    for one in devices:
        found = stored(one)
        found.pop("03-01 09:00", None)
        assert len(found) == 60
        assert all(found[f"03-01 {n // 60:02}:{n % 60:02}"] == n % 4 + 1 for n in range(60))
    assert {row.taken for row in ReadingBatch.objects.exclude(batch_id="all")} == {15}
