"""Many meters at once: each is told exactly what it is told alone, however it is read."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.metering import Change, Flag, PlantUse, Register, course, daily_use, grid, plant_use
from tests.oracles import registers as oracle

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
MODULUS = 100_000
QUARTER = Register(interval_s=900, modulus=MODULUS, max_per_hour=400)
REGISTERS = [
    QUARTER,
    Register(interval_s=900),
    Register(interval_s=900, max_per_hour=397, jitter=3),
    Register(interval_s=3600, modulus=MODULUS, max_per_hour=1_000),
    Register(interval_s=420, max_per_hour=900),
]
ANOMALIES = ["zero", "spike", "reset", "rollover", "tremble", "new start"]


def shown(dice: np.random.Generator, number: int, most: int, anomalies: list[str]) -> np.ndarray:
    """Return what a register showed, with each anomaly somewhere."""
    use = dice.integers(0, most + 1, number)
    counts = np.cumsum(use) + int(dice.integers(0, MODULUS // 2))
    for kind in anomalies:
        at = int(dice.integers(1, number)) if number > 1 else 0
        if kind == "zero":
            counts[at] = 0
        elif kind == "spike":
            counts[at] += 50_000
        elif kind == "tremble":
            counts[at:] -= min(2, int(counts[at]))
        elif kind == "reset":
            counts[at:] -= counts[at] - int(use[at])
        elif kind == "new start":
            counts[at:] += 30_000 - counts[at]
        else:
            counts[at:] += MODULUS - counts[at]
    return np.maximum(counts, 0) % MODULUS


def readings_of(
    dice: np.random.Generator, zone: ZoneInfo, days: int, plan: list[tuple[int, list[str], int, bool]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return meters, times and counts in order of arrival: some lost, some sent twice, all shuffled."""
    start = int(datetime(2026, 3, 27, tzinfo=zone).timestamp())  # Berlin moves its clocks two days later
    start += int(dice.choice([0, 900 * 37, 5_000]))
    rows = []
    for meter, (kind, anomalies, phase, off_beat) in enumerate(plan):
        register = REGISTERS[kind]
        times = start + phase + register.interval_s * np.arange(days * 86400 // register.interval_s + 1)
        most = (register.max_per_hour or 4_000) * register.interval_s // 3600
        counts = shown(dice, len(times), int(dice.choice([0, most])), anomalies)
        kept = dice.random(len(times)) > dice.choice([0, 0.02, 0.3])
        if off_beat:
            times[dice.integers(0, len(times))] += 61
        rows.append(np.stack([np.full(len(times), meter), times, counts])[:, kept])
    every = np.concatenate(rows, axis=1)
    again = every[:, dice.random(every.shape[1]) < 0.05].copy()
    again[2] = np.maximum(again[2] - 1, 0)
    every = np.concatenate([every, again], axis=1)
    meters, times, counts = every[:, dice.permutation(every.shape[1])]
    return meters, times, counts


def alone(
    found: PlantUse, meter: int, register: Register, times: np.ndarray, counts: np.ndarray, zone: ZoneInfo
) -> None:
    """Assert that a row says what `daily_use` says, and nothing on other days."""
    use = daily_use(times, counts, register, zone=zone)
    expected = np.zeros((3, found.counts.shape[1]), dtype=np.int64)
    if len(use):
        start = (use.first - found.first).days
        assert 0 <= start <= found.counts.shape[1] - len(use)
        expected[:, start : start + len(use)] = use.counts, use.covered_s, use.flags
        assert (found.length_s[start : start + len(use)] == use.length_s).all()
    np.testing.assert_array_equal([found.counts[meter], found.covered_s[meter], found.flags[meter]], expected)


plans = st.lists(
    st.tuples(
        st.integers(0, len(REGISTERS) - 1),
        st.lists(st.sampled_from(ANOMALIES), max_size=3),
        st.sampled_from([0, 0, 0, 7, 450]),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=9,
)


@settings(max_examples=120, deadline=None)
@given(plans, st.integers(1, 5), st.sampled_from([SHANGHAI, BERLIN]), st.integers(0, 2**32))
def test_regular_and_irregular_meters_together_are_each_what_it_is_alone(
    plan: list[tuple[int, list[str], int, bool]], days: int, zone: ZoneInfo, seed: int
) -> None:
    meters, times, counts = readings_of(np.random.default_rng(seed), zone, days, plan)
    registers = [REGISTERS[kind] for kind, *_ in plan] + [QUARTER]  # the last one is never read
    found = plant_use(meters, times, counts, registers, zone=zone)
    for meter, register in enumerate(registers):
        mine = meters == meter
        alone(found, meter, register, times[mine], counts[mine], zone)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(ANOMALIES), max_size=6),
    st.integers(1, 60),
    st.integers(0, 2**32),
    st.sampled_from([(None, None, 0), (400, None, 0), (400, MODULUS, 0), (400, MODULUS, 2), (None, None, 2)]),
)
def test_taking_plain_stretches_at_once_is_the_same_as_reading_after_reading(
    anomalies: list[str], number: int, seed: int, known: tuple[int | None, int | None, int]
) -> None:
    rate, modulus, jitter = known
    dice = np.random.default_rng(seed)
    times = np.cumsum(dice.choice([900, 900, 900, 1800, 86400], number))
    counts = shown(dice, number, 100, anomalies)
    register = Register(interval_s=900, max_per_hour=rate, modulus=modulus, jitter=jitter)
    way = course(times, counts, register)
    expected = oracle.course(
        list(zip(times.tolist(), counts.tolist(), strict=True)),
        max_per_hour=rate,
        modulus=modulus,
        jitter=jitter,
    )
    assert list(zip(way.times.tolist(), way.total.tolist(), strict=True)) == expected
    assert way.shown[0] == counts[0]
    stays = way.flags[1:] == Flag.JITTER
    told = dict(zip(times.tolist(), counts.tolist(), strict=True))
    for place, moment in enumerate(way.times.tolist()):
        is_high_mark = place and stays[place - 1]
        assert way.shown[place] == (way.shown[place - 1] if is_high_mark else told[moment])
    assert sorted([*way.times.tolist(), *way.dropped.tolist()]) == times.tolist()


def test_regular_meters_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from energy.metering import plant

    looked: list[int] = []

    def spy(times: np.ndarray, counts: np.ndarray, register: Register, *, changes: object = ()) -> object:
        looked.append(len(times))
        return course(times, counts, register)

    monkeypatch.setattr(plant, "course", spy)
    times, counts = np.tile(900 * np.arange(200), (40, 1)), np.tile(7 * np.arange(200), (40, 1))
    counts[7, 100:] -= 700  # a reset
    times[9, 50] += 61  # a reading between the others
    meters = np.repeat(np.arange(40), 200)
    plant_use(meters, times.ravel(), counts.ravel(), [QUARTER] * 40, zone=SHANGHAI)
    assert len(looked) == 2


def test_a_changed_meter_among_regular_ones_keeps_its_change() -> None:
    times = np.tile(np.arange(0, 86400 * 2, 900), 2)
    meters = np.repeat([0, 1], len(times) // 2)
    counts = np.tile(np.arange(len(times) // 2), 2)
    changes = {1: [Change(86400, 200, 60)]}
    found = plant_use(meters, times, counts, [QUARTER] * 2, zone=ZoneInfo("UTC"), changes=changes)
    # 96 counts up to the change, where the old meter ends at 200; the new one starts at 60.
    assert found.counts.tolist() == [[96, 95], [200, 95 + 96 - 60]]
    assert found.flags.tolist() == [[0, 0], [Flag.METER_CHANGE, 0]]


def test_readings_thinly_spread_over_years_take_no_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[grid.Grid] = []
    settle = grid.settle
    monkeypatch.setattr(
        "energy.metering.plant.settle", lambda found, *rest: taken.append(found) or settle(found, *rest)
    )
    far = 86400 * 3650
    found = plant_use([0, 0, 1, 1], [0, far, 0, 900], [0, 3650, 5, 6], [QUARTER] * 2, zone=ZoneInfo("UTC"))
    assert not taken
    assert found.counts.sum(axis=1).tolist() == [3650, 1]
