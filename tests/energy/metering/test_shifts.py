"""Shifts over the days: across midnight, dated, never two at a time, nothing lost between them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.metering import Register, course
from energy.metering.bands import used_between
from energy.metering.shifts import Shift, clash, read_between, turns

ZONE = ZoneInfo("Asia/Shanghai")
EARLY, LATE, NIGHT = Shift(time(6), time(14)), Shift(time(14), time(22)), Shift(time(22), time(6))
MAY = date(2026, 5, 1)


def local(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, ZONE)


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    its = turns([EARLY, LATE, NIGHT], MAY, MAY + timedelta(days=1), ZONE)
    assert its.day.tolist() == [0, 0, 0, 1, 1, 1] and its.shift.tolist() == [0, 1, 2, 0, 1, 2]
    assert (local(its.begin[2]), local(its.end[2])) == (
        datetime(2026, 5, 1, 22, tzinfo=ZONE),
        datetime(2026, 5, 2, 6, tzinfo=ZONE),
    )
    assert its.end[:-1].tolist() == its.begin[1:].tolist()
    border = int(its.begin[0])
    assert its.owners(np.array([border - 1, border, its.end[2] - 1, its.end[-1]])).tolist() == [-1, 0, 2, -1]


def test_the_clock_of_the_wall_decides_where_the_night_is_an_hour_longer() -> None:
    its = turns([NIGHT], date(2026, 10, 24), date(2026, 10, 24), ZoneInfo("Europe/Berlin"))
    assert its.end[0] - its.begin[0] == 9 * 3600


def test_a_shift_holds_on_its_days_only() -> None:
    old = Shift(time(8), time(16), last=MAY + timedelta(days=2))
    new = Shift(time(7), time(15), first=MAY + timedelta(days=2))
    its = turns([old, new], MAY, MAY + timedelta(days=3), ZONE)
    assert its.shift.tolist() == [0, 0, 1, 1]
    assert not clash(old, new)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (EARLY, LATE, False),
        (NIGHT, EARLY, False),
        (NIGHT, Shift(time(5, 59, 59), time(8)), True),
        (NIGHT, Shift(time(21), time(22, 0, 1)), True),
        (NIGHT, Shift(time(23), time(1)), True),
        # The last night reaches into the morning of the day from which on it holds no more.
        (Shift(time(22), time(6), last=MAY), Shift(time(5), time(9), first=MAY), True),
        (Shift(time(22), time(6), last=MAY), Shift(time(5), time(9), first=MAY + timedelta(days=1)), False),
        (Shift(time(22), time(6), first=MAY), Shift(time(5), time(9), last=MAY + timedelta(days=1)), False),
    ],
)
def test_two_shifts_never_run_at_the_same_time(one: Shift, other: Shift, expected: bool) -> None:
    assert clash(one, other) == clash(other, one) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 1439), min_size=2, max_size=6, unique=True),
    st.lists(st.integers(0, 900), min_size=40, max_size=400),
    st.integers(60, 5000),
)
def test_shifts_and_what_lies_between_them_add_up_exactly(
    borders: list[int], counts: list[int], step_s: int
) -> None:
    clock = [time(one // 60, one % 60) for one in sorted(borders)]
    shifts = [Shift(one, other) for one, other in zip(clock[::2], clock[1::2], strict=False)]
    its = turns(shifts, MAY, MAY + timedelta(days=2), ZONE)
    start = int(datetime(2026, 5, 1, tzinfo=ZONE).timestamp())
    times, total = start + step_s * np.arange(len(counts)), np.cumsum(counts)
    found = course(times, total, Register(interval_s=step_s, max_per_hour=10**9))
    moments = np.unique(np.concatenate([its.begin, its.end]))
    pieces, owners = used_between(found, moments), its.owners(moments[:-1])
    whole = used_between(found, moments[[0, -1]])
    assert pieces.sum() == whole.sum()
    for place, (begin, end) in enumerate(zip(its.begin, its.end, strict=True)):
        assert pieces[owners == place].sum() == used_between(found, np.array([begin, end])).sum()


def test_long_steps_count_as_not_read_and_their_use_is_kept() -> None:
    hour = 3600
    times = np.array([0, hour, 2 * hour, 8 * hour, 9 * hour]) + 1_800_000_000
    found = course(times, np.array([0, 10, 20, 80, 90]), Register(interval_s=hour, max_per_hour=1000))
    moments = np.array([0, 4 * hour, 12 * hour]) + 1_800_000_000
    assert read_between(found, moments, longest_s=2 * hour).tolist() == [2 * hour, hour]
    assert read_between(found, moments, longest_s=6 * hour).tolist() == [4 * hour, 5 * hour]
    assert used_between(found, moments).tolist() == [40, 50]
