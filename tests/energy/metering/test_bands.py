"""Bands of a tariff: exact sums whatever the borders, odd days, and the power-factor table."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.metering import MeterError, Register, course, daily_use
from energy.metering.bands import Span, Timetable, apportioned, cuts_of, summed, used_between
from energy.metering.charges import power_factor_pct

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
SHARP, PEAK, FLAT, VALLEY, DEEP = range(5)
TABLE = Timetable(
    [
        Span(PEAK, 8 * 60, 11 * 60),
        Span(PEAK, 18 * 60, 23 * 60),
        Span(SHARP, 19 * 60, 21 * 60, months=(12, 1)),
        Span(VALLEY, 0, 7 * 60),
        Span(DEEP, 12 * 60, 14 * 60, on_workdays=False),
    ],
    rest=FLAT,
)
FREE = Register(interval_s=900)


def hours(minutes: np.ndarray) -> list[int]:
    return np.bincount(minutes, minlength=5).tolist()


def test_months_and_days_decide_and_the_rest_is_flat() -> None:
    assert hours(TABLE.minutes(6, is_workday=True)) == [0, 480, 540, 420, 0]
    assert hours(TABLE.minutes(12, is_workday=True)) == [120, 360, 540, 420, 0]
    assert hours(TABLE.minutes(1, is_workday=False)) == [120, 360, 420, 420, 120]
    assert TABLE.minutes(6, is_workday=True)[[7 * 60 - 1, 7 * 60, 8 * 60]].tolist() == [VALLEY, FLAT, PEAK]


def test_a_span_for_workdays_goes_before_one_for_all_days() -> None:
    table = Timetable([Span(PEAK, 0, 60, on_workdays=True), Span(VALLEY, 0, 60)], rest=FLAT)
    assert table.minutes(5, is_workday=True)[0] == PEAK
    assert table.minutes(5, is_workday=False)[0] == VALLEY


def test_a_step_across_a_border_is_divided_by_time() -> None:
    day = date(2026, 6, 3)
    start = int(datetime(2026, 6, 3, tzinfo=SHANGHAI).timestamp())
    # 6:50 to 7:20: 10 minutes valley, 20 minutes flat, 100 counts → 33 and 67.
    found = course(np.array([start + 24_600, start + 26_400]), np.array([0, 100]), FREE)
    cuts = cuts_of(day, day, SHANGHAI, [TABLE.minutes(6, is_workday=True)])
    assert summed(used_between(found, cuts.moments), cuts.band, 5).tolist() == [0, 0, 67, 33, 0]


@given(
    st.lists(st.tuples(st.integers(1, 40_000), st.integers(0, 10**7)), min_size=1, max_size=30),
    st.integers(0, 90_000),
    st.sampled_from(
        [(SHANGHAI, date(2026, 6, 1)), (BERLIN, date(2026, 3, 27)), (BERLIN, date(2026, 10, 23))]
    ),
    st.lists(st.integers(0, 5 * 86_400), max_size=2),
)
def test_bands_and_quarters_add_up_to_each_days_use_exactly(
    steps: list[tuple[int, int]], start: int, place: tuple[ZoneInfo, date], more: list[int]
) -> None:
    zone, first = place
    begin = int(datetime(first.year, first.month, first.day, tzinfo=zone).timestamp())
    times = begin + start + np.cumsum([0, *(seconds for seconds, _ in steps)])
    counts = np.cumsum([7, *(use for _, use in steps)])
    use = daily_use(times, counts, FREE, zone=zone)
    last = max(use.days[-1], first)
    days = (last - first).days + 1
    bands = [TABLE.minutes((first + timedelta(days=n)).month, is_workday=n % 2 == 0) for n in range(days)]
    cuts = cuts_of(first, last, zone, bands, more=[begin + one for one in more])
    pieces = used_between(course(times, counts, FREE), cuts.moments)
    table = summed(pieces, cuts.day * 5 + cuts.band, days * 5).reshape(days, 5)
    expected = [0] * days
    for day, count in zip(use.days, use.counts.tolist(), strict=True):
        expected[(day - first).days] = count
    assert table.sum(axis=1).tolist() == expected
    assert (np.diff(cuts.moments) <= 900).all()
    local = [datetime.fromtimestamp(int(moment), zone) for moment in cuts.moments[:-1]]
    assert cuts.band.tolist() == [
        bands[(when.date() - first).days][when.hour * 60 + when.minute] for when in local
    ]


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=6))
def test_shares_are_whole_add_up_and_lie_within_one_of_the_exact_ones(total: int, weights: list[int]) -> None:
    shares = apportioned(total, np.array(weights))
    assert shares.sum() == total
    if sum(weights):
        exact = [Fraction(total * weight, sum(weights)) for weight in weights]
        assert all(abs(share - one) < 1 for share, one in zip(shares.tolist(), exact, strict=True))
    else:
        assert shares.tolist() == [total] + [0] * (len(weights) - 1)


@pytest.mark.parametrize(
    ("value", "target", "percent"),
    [  # rows of the three published tables
        ("0.90", "0.90", "0"),
        ("0.91", "0.90", "-0.15"),
        ("0.95", "0.90", "-0.75"),
        ("1.00", "0.90", "-0.75"),
        ("0.89", "0.90", "0.5"),
        ("0.70", "0.90", "10"),
        ("0.69", "0.90", "11"),
        ("0.65", "0.90", "15"),
        ("0.64", "0.90", "17"),
        ("0.90", "0.85", "-0.50"),
        ("0.92", "0.85", "-0.80"),
        ("0.94", "0.85", "-1.10"),
        ("0.60", "0.85", "15"),
        ("0.90", "0.80", "-1.00"),
        ("0.92", "0.80", "-1.30"),
        ("0.60", "0.80", "10"),
    ],
)
def test_the_power_factor_table(value: str, target: str, percent: str) -> None:
    assert power_factor_pct(Decimal(value), Decimal(target)) == Decimal(percent)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(MeterError, match="target"):
        power_factor_pct(Decimal("0.9"), Decimal("0.95"))
    with pytest.raises(MeterError, match="value"):
        power_factor_pct(Decimal("1.1"), Decimal("0.90"))
    with pytest.raises(MeterError, match="begin"):
        Span(PEAK, 60, 60)
    with pytest.raises(MeterError, match="bands"):
        cuts_of(date(2026, 1, 1), date(2026, 1, 2), SHANGHAI, [])
