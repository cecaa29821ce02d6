"""Registers to daily use: the examples of the reference, each anomaly, and what holds for all readings."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.metering import (
    COUNT_LIMIT,
    Change,
    DailyUse,
    Flag,
    MeterError,
    Register,
    daily_use,
    plant_use,
)
from tests.oracles import registers as oracle

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
CASES = json.loads((Path(__file__).parents[2] / "data" / "energy" / "meter_cases.json").read_text())["cases"]
HOUR, DAY = 3600, 86400
START = int(datetime(2026, 3, 1, tzinfo=SHANGHAI).timestamp())
HOURLY = Register(interval_s=HOUR, max_per_hour=500)


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def told(use: DailyUse) -> dict[str, dict[str, Any]]:
    return {
        str(day): {"counts": int(counts), "coverage": round(float(share), 4), "flags": Flag(int(bits)).words}
        for day, counts, share, bits in zip(use.days, use.counts, use.coverage, use.flags, strict=True)
    }


def use_of(
    *readings: tuple[float, int], register: Register = HOURLY, changes: tuple[Change, ...] = ()
) -> DailyUse:
    """Return the daily use of readings at hours since the start."""
    times = [START + round(hour * HOUR) for hour, _ in readings]
    return daily_use(times, [count for _, count in readings], register, zone=SHANGHAI, changes=changes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_examples_of_the_reference(case: dict[str, Any]) -> None:
    meter = case["meter"]
    register = Register(
        interval_s=meter["interval_min"] * 60,
        modulus=meter.get("modulus"),
        max_per_hour=meter.get("max_per_hour"),
        jitter=meter.get("jitter", 0),
    )
    changes = [Change(moment(e["time"]), e["old_end"], e["new_start"]) for e in case.get("events", [])]
    times = [moment(time) for time, _ in case["readings"]]
    counts = [count for _, count in case["readings"]]
    assert told(daily_use(times, counts, register, zone=SHANGHAI, changes=changes)) == case["expected"]


# --- each anomaly ----------------------------------------------------------------------------


def test_a_rollover_adds_the_modulus() -> None:
    use = use_of(
        (0, 999_900), (1, 100), register=Register(interval_s=HOUR, modulus=1_000_000, max_per_hour=500)
    )
    assert use.counts.tolist() == [200]
    assert use.flags.tolist() == [Flag.ROLLOVER]


def test_a_fall_that_is_too_large_for_a_rollover_is_a_reset() -> None:
    use = use_of(
        (0, 400_000), (1, 100), register=Register(interval_s=HOUR, modulus=1_000_000, max_per_hour=500)
    )
    assert use.counts.tolist() == [100]
    assert use.flags.tolist() == [Flag.RESET]


def test_a_zero_that_passes_is_dropped() -> None:
    use = use_of((0, 5_000), (1, 0), (2, 5_200))
    assert use.counts.tolist() == [200]
    assert Flag(int(use.flags[0])) == Flag.GLITCH_DROPPED | Flag.GAP


def test_a_zero_that_stays_is_a_reset() -> None:
    assert use_of((0, 5_000), (1, 0), (2, 200)).counts.tolist() == [200]


def test_a_zero_as_the_last_reading_is_taken_for_a_reset_until_the_next_one_tells() -> None:
    assert use_of((0, 5_000), (1, 0)).counts.tolist() == [0]


@pytest.mark.parametrize("register", [HOURLY, Register(interval_s=HOUR)], ids=["max_known", "max_unknown"])
def test_zeros_that_last_some_hours_and_pass_are_dropped(register: Register) -> None:
    """A gateway that has lost its meter sends zeros until it finds it again."""
    use = use_of((0, 50_000), (1, 0), (2, 0), (3, 0), (4, 50_300), (5, 50_400), register=register)
    assert use.counts.tolist() == [400]
    assert Flag(int(use.flags[0])) == Flag.GLITCH_DROPPED | Flag.GAP
    assert use.covered_s.tolist() == [5 * HOUR]


def test_a_reset_register_that_stands_still_for_a_day_is_reset_whatever_it_shows_later() -> None:
    hours = [(hour, 0) for hour in range(1, 23)]
    assert use_of((0, 300), *hours[:-1], (22, 310)).counts.tolist() == [10], "22 hours: a glitch"
    assert use_of((0, 300), *hours, (23, 310)).counts.tolist() == [310], "longer: it was reset"
    assert use_of((0, 300), (1, 0), (2, 0), (3, 40), (4, 310)).counts.tolist() == [310]


def test_a_jump_beyond_the_largest_rate_never_moves_the_base() -> None:
    use = use_of((0, 1_000), (1, 90_000), (2, 1_300))
    assert use.counts.tolist() == [300]
    assert Flag(int(use.flags[0])) == Flag.SPIKE_DROPPED | Flag.GAP


def test_the_largest_rate_itself_is_plausible_and_one_more_is_not() -> None:
    assert use_of((0, 0), (1, 500)).counts.tolist() == [500]
    assert len(use_of((0, 0), (1, 501))) == 0


def test_a_tremble_backwards_keeps_the_high_mark() -> None:
    register = Register(interval_s=HOUR, max_per_hour=500, jitter=2)
    use = use_of((0, 1_000), (1, 1_100), (2, 1_098), (3, 1_110), register=register)
    assert use.counts.tolist() == [110]
    assert use.flags.tolist() == [Flag.JITTER]


def test_a_fall_beyond_the_tremble_is_none() -> None:
    register = Register(interval_s=HOUR, max_per_hour=5_000, jitter=2)
    assert use_of((0, 1_100), (1, 1_097), (2, 1_098), register=register).flags.tolist() == [Flag.RESET]


def test_a_meter_changed_without_a_word_starts_anew_with_unknown_use() -> None:
    use = use_of((0, 9_000), (1, 9_100), (2, 4_000), (3, 4_150))
    assert use.counts.tolist() == [250]
    assert use.covered_s.tolist() == [2 * HOUR]
    assert use.flags.tolist() == [Flag.RESET]


def test_a_changed_meter_counts_its_end_and_the_new_ones_use() -> None:
    changes = (Change(START + 2 * HOUR, 1_150, 30),)
    use = use_of((0, 1_000), (1, 1_100), (3, 80), changes=changes)
    assert use.counts.tolist() == [100 + 50 + 50]
    assert use.flags.tolist() == [Flag.METER_CHANGE]


def test_a_reading_at_the_moment_of_the_change_belongs_to_the_old_meter() -> None:
    changes = (Change(START + HOUR, 1_100, 0),)
    assert use_of((0, 1_000), (1, 1_100), (2, 60), changes=changes).counts.tolist() == [160]


def test_at_the_moment_of_the_change_the_old_meters_reading_comes_first() -> None:
    changes = (Change(START + HOUR, 1_130, 1_000),)
    use = use_of((0, 1_000), (1, 1_100), (2, 1_060), changes=changes)
    assert use.counts.tolist() == [130 + 60]
    assert use.flags.tolist() == [Flag.METER_CHANGE]


def test_a_meter_may_roll_over_before_it_is_changed() -> None:
    register = Register(interval_s=HOUR, modulus=10_000, max_per_hour=500)
    use = use_of((0, 9_900), (2, 50), register=register, changes=(Change(START + HOUR, 100, 0),))
    assert use.counts.tolist() == [200 + 50]
    assert Flag(int(use.flags[0])) & Flag.METER_CHANGE


def test_an_old_meter_that_ends_below_its_last_reading_used_nothing_more() -> None:
    assert use_of((0, 900), (2, 50), changes=(Change(START + HOUR, 880, 0),)).counts.tolist() == [50]


def test_a_glitch_is_not_seen_across_a_change_of_the_meter() -> None:
    use = use_of((0, 5_000), (1, 100), (3, 5_150), changes=(Change(START + 2 * HOUR, 120, 5_100),))
    assert use.counts.tolist() == [100 + 20 + 50]


def test_a_zero_before_the_same_value_again_is_a_glitch() -> None:
    use = use_of((0, 5_000), (1, 0), (2, 5_000))
    assert use.counts.tolist() == [0]
    assert Flag(int(use.flags[0])) == Flag.GLITCH_DROPPED | Flag.GAP


def test_a_fall_that_nothing_confirms_is_dropped() -> None:
    use = use_of((0, 9_000), (1, 9_100), (2, 4_000), (3, 8_000), (4, 9_200))
    assert use.counts.tolist() == [200]
    assert Flag(int(use.flags[0])) & Flag.SPIKE_DROPPED


def test_a_change_before_the_first_and_after_the_last_reading_counts_from_and_to_it() -> None:
    changes = (Change(START, 0, 10), Change(START + 2 * HOUR, 90, 0))
    assert use_of((1, 60), changes=changes).counts.tolist() == [80]


def test_three_days_without_a_reading_share_the_use_by_time_and_say_so() -> None:
    use = use_of((12, 0), (84, 720))
    assert use.counts.tolist() == [120, 240, 240, 120]
    assert {Flag(int(bits)) for bits in use.flags} == {Flag.GAP | Flag.SPLIT}
    assert use.coverage.tolist() == [0.5, 1.0, 1.0, 0.5]


def test_a_step_without_use_across_midnight_divides_nothing() -> None:
    assert use_of((23.5, 7), (24.5, 7)).flags.tolist() == [0, 0]


def test_days_of_23_and_25_hours_are_as_long_as_they_are() -> None:
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        start = oracle.midnight(day, BERLIN)
        use = daily_use([start, start + hours * HOUR], [0, 100], HOURLY, zone=BERLIN)
        assert told(use) == {str(day): {"counts": 100, "coverage": 1.0, "flags": ["gap"]}}


# --- what holds for all readings -------------------------------------------------------------

steps = st.lists(st.tuples(st.integers(1, 3 * DAY), st.integers(0, 10**9)), min_size=1, max_size=12)


def rising(given_steps: list[tuple[int, int]], start: int) -> list[tuple[int, int]]:
    readings, now, count = [(START + start, 5)], START + start, 5
    for seconds, use in given_steps:
        now, count = now + seconds, count + use
        readings.append((now, count))
    return readings


FREE = Register(interval_s=900)


@given(steps, st.integers(0, 2 * DAY), st.randoms(use_true_random=False), st.sampled_from([SHANGHAI, BERLIN]))
def test_any_order_of_arrival_gives_what_the_obvious_way_gives(
    given_steps: list[tuple[int, int]], start: int, dice: Any, zone: ZoneInfo
) -> None:
    readings = rising(given_steps, start)
    expected = oracle.daily_use(readings, zone)
    dice.shuffle(readings)
    use = daily_use(*zip(*readings, strict=True), FREE, zone=zone)
    found = {day: (int(n), int(s)) for day, n, s in zip(use.days, use.counts, use.covered_s, strict=True)}
    assert found == expected


@given(
    st.lists(st.tuples(st.integers(0, 5 * DAY), st.integers(0, 1_000_000)), min_size=2, max_size=25),
    st.integers(0, 50),
)
def test_whatever_arrives_no_day_is_negative_and_all_days_make_the_total(
    readings: list[tuple[int, int]], jitter: int
) -> None:
    from energy.metering import course

    register = Register(interval_s=900, modulus=1_000_000, max_per_hour=20_000, jitter=jitter)
    times, counts = [START + t for t, _ in readings], [c for _, c in readings]
    use = daily_use(times, counts, register, zone=SHANGHAI)
    way = course(np.array(times), np.array(counts), register)
    assert (use.counts >= 0).all()
    assert (use.covered_s <= use.length_s).all()
    assert use.counts.sum() == (way.total[-1] if len(way.total) > 1 else 0)


@given(steps, st.integers(0, DAY))
def test_a_value_sent_again_for_its_moment_replaces_the_first(
    given_steps: list[tuple[int, int]], start: int
) -> None:
    readings = rising(given_steps, start)
    wrong = [(when, 0) for when, _ in readings]
    once = daily_use(*zip(*readings, strict=True), FREE, zone=SHANGHAI)
    twice = daily_use(*zip(*wrong, *readings, strict=True), FREE, zone=SHANGHAI)
    assert told(once) == told(twice)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4 * DAY), st.integers(0, 3_000)), max_size=40))
def test_many_meters_at_once_are_each_what_it_is_alone(rows: list[tuple[int, int, int]]) -> None:
    registers = [
        HOURLY,
        Register(interval_s=900, modulus=10_000, max_per_hour=200),
        Register(interval_s=DAY),
        Register(interval_s=60, max_per_hour=1_000, jitter=5),
    ]
    changes = {2: [Change(START + DAY, 50, 3)]}
    meters, times, counts = ([row[n] for row in rows] for n in range(3))
    plant = plant_use(meters, [START + t for t in times], counts, registers, zone=SHANGHAI, changes=changes)
    days = plant.days
    for meter, register in enumerate(registers):
        mine = [(START + t, c) for m, t, c in rows if m == meter]
        alone = daily_use(
            [t for t, _ in mine],
            [c for _, c in mine],
            register,
            zone=SHANGHAI,
            changes=changes.get(meter, []),
        )
        row = {
            d: (n, s, f)
            for d, n, s, f in zip(
                days, plant.counts[meter], plant.covered_s[meter], plant.flags[meter], strict=True
            )
        }
        for day, n, s, f in zip(alone.days, alone.counts, alone.covered_s, alone.flags, strict=True):
            assert row.pop(day) == (n, s, f)
        assert all(rest == (0, 0, 0) for rest in row.values())


def test_the_last_arrival_counts_among_thousands_of_readings() -> None:
    dice = np.random.default_rng(7)
    hours = np.arange(48)
    meters = np.concatenate([np.repeat(np.arange(50), 48)] * 2)
    times = np.concatenate([np.tile(START + hours * HOUR, 50)] * 2)
    wrong, right = dice.integers(0, 10**6, 50 * 48), np.tile(hours * 7, 50)
    plant = plant_use(meters, times, np.concatenate([wrong, right]), [HOURLY] * 50, zone=SHANGHAI)
    assert plant.counts.tolist() == [[24 * 7, 23 * 7]] * 50


def test_the_largest_counts_and_the_longest_step_stay_exact() -> None:
    use = daily_use([START, START + 3000 * DAY], [0, COUNT_LIMIT - 1], FREE, zone=SHANGHAI)
    assert int(use.counts.sum()) == COUNT_LIMIT - 1
    assert len(use) == 3000
    assert int(use.counts.max()) - int(use.counts.min()) <= 1


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "counts", "argument"),
    [
        ([1.5, 2.5], [1, 2], "times"),
        ([1, 2], [1.0, 2.0], "counts"),
        ([1, 2], [1], "counts"),
        ([[1, 2]], [1, 2], "times"),
        ([1, 2], [-1, 2], "counts"),
        ([1, 2], [1, COUNT_LIMIT], "counts"),
        (["a"], [1], "times"),
    ],
)
def test_a_wrong_argument_is_named(times: Any, counts: Any, argument: str) -> None:
    with pytest.raises(MeterError) as caught:
        daily_use(times, counts, FREE, zone=SHANGHAI)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("words", "argument"),
    [
        ({"interval_s": 0}, "interval_s"),
        ({"interval_s": 1, "modulus": 1, "max_per_hour": 1}, "modulus"),
        ({"interval_s": 1, "modulus": 100}, "max_per_hour"),
        ({"interval_s": 1, "max_per_hour": 0}, "max_per_hour"),
        ({"interval_s": 1, "jitter": -1}, "jitter"),
    ],
)
def test_a_register_that_cannot_be_is_refused(words: dict[str, int], argument: str) -> None:
    with pytest.raises(MeterError) as caught:
        Register(**words)
    assert caught.value.argument == argument


def test_a_meter_that_does_not_exist_is_named() -> None:
    with pytest.raises(MeterError, match="meters"):
        plant_use([0, 1], [START, START], [1, 2], [FREE], zone=SHANGHAI)


@pytest.mark.parametrize("readings", [[], [(0.0, 5)]])
def test_fewer_than_two_readings_make_no_day(readings: list[tuple[float, int]]) -> None:
    assert len(use_of(*readings)) == 0
