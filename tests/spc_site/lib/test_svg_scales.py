from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spc_site.lib.svg.scales import (
    LARGEST,
    all_finite,
    finite,
    linear,
    log_ticks,
    logarithmic,
    nice_ticks,
)

NUMBERS = st.floats(-1e12, 1e12)


def test_what_cannot_be_drawn_is_missing() -> None:
    assert [finite(v) for v in (None, math.nan, math.inf, -math.inf, LARGEST * 10)] == [None] * 5
    assert all_finite([1, None, math.nan, 2.5]) == [1.0, 2.5]


@given(NUMBERS, NUMBERS)
def test_a_scale_maps_its_ends_to_its_ends(a: float, b: float) -> None:
    scale = linear(min(a, b), max(a, b), 300, 10)
    assert scale.lo < scale.hi
    assert scale(scale.lo) == pytest.approx(300)
    assert scale(scale.hi) == pytest.approx(10)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_clamped_value_stays_on_the_axis(a: float, b: float, value: float) -> None:
    scale = linear(min(a, b), max(a, b), 300, 10)
    assert 10 - 1e-6 <= scale.clamp(value) <= 300 + 1e-6


@pytest.mark.parametrize(
    ("lo", "hi", "labels"),
    [
        (73.96, 74.04, ("73.96", "73.98", "74.00", "74.02", "74.04")),
        (0, 1, ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
        (-3, 3, ("-2", "0", "2")),
        (0.9, 1.1, ("0.90", "0.95", "1.00", "1.05", "1.10")),
        (0, 47000, ("0", "10000", "20000", "30000", "40000")),
    ],
)
def test_ticks_are_round_and_written_with_the_decimals_of_their_step(
    lo: float, hi: float, labels: tuple[str, ...]
) -> None:
    assert nice_ticks(lo, hi).labels == labels


@given(NUMBERS, st.floats(1e-9, 1e9), st.integers(1, 10))
def test_ticks_rise_lie_inside_and_are_told_apart(lo: float, span: float, count: int) -> None:
    ticks = nice_ticks(lo, lo + span, count)
    room = 1e-6 * max(span, abs(lo) * 1e-6, 1e-9)
    assert all(b > a for a, b in zip(ticks.values, ticks.values[1:], strict=False))
    assert len(ticks.values) <= 2.6 * count + 2
    if span > abs(lo) * 1e-9:
        assert all(lo - room <= value <= lo + span + room for value in ticks.values)
    if ticks.decimals <= 9 and abs(lo) + span < 1e10:
        assert len(set(ticks.labels)) == len(ticks.labels)


@pytest.mark.parametrize("lo", [0.0, 5.0, -74.001, 1e15, 1e-15])
def test_an_empty_range_is_widened(lo: float) -> None:
    assert linear(lo, lo, 0, 100).hi > lo
    nice_ticks(lo, lo)


def test_a_logarithmic_scale_puts_powers_at_equal_distances() -> None:
    scale = logarithmic(1, 1000, 0, 300)
    assert [round(scale(v)) for v in (1, 10, 100, 1000)] == [0, 100, 200, 300]
    assert log_ticks(1, 100000).labels == ("1", "10", "100", "1000", "10000", "100000")
    assert log_ticks(1, 20).labels == ("1", "2", "5", "10", "20")
    assert logarithmic(7, 7, 0, 100)(7) == pytest.approx(50)


def test_many_powers_of_ten_are_thinned() -> None:
    ticks = log_ticks(1e-12, 1e12)
    assert ticks.labels == ("1e-12", "1e-08", "0.0001", "1", "10000", "1e+08", "1e+12")


def test_a_logarithmic_scale_needs_positive_ends() -> None:
    with pytest.raises(ValueError, match="positive"):
        logarithmic(0, 10, 0, 100)
