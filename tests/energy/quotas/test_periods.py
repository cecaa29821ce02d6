"""Periods of local dates, and units against each other: pure."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.metering import Level, Limits, level
from energy.metering.usage import LEVELS, Days, figures, marks
from energy.periods import Span, a_year_before, moved, named_by, of_year, period_of, periods_within
from energy.services.quotas import shares_of
from energy.units import UnitError, convert

PERIODS = st.sampled_from(["monthly", "quarterly", "yearly"])
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
SETTLEMENTS = st.integers(1, 28)


@given(DAYS, PERIODS, SETTLEMENTS)
def test_every_day_lies_in_one_period_that_meets_its_neighbours(
    day: date, period: str, settlement: int
) -> None:
    span = period_of(day, period, settlement)
    assert day in span and span.first.day == settlement
    assert period_of(span.first, period, settlement) == period_of(span.last, period, settlement) == span
    after = moved(span, 1, period, settlement)
    assert after.first == span.last + timedelta(days=1)
    assert span in of_year(named_by(span).year, period, settlement)
    assert named_by(a_year_before(span, period, settlement)).year == named_by(span).year - 1


def test_a_settlement_month_bears_the_name_of_the_month_in_which_it_ends() -> None:
    march = period_of(date(2026, 3, 1), "monthly", 26)
    assert march == Span(date(2026, 2, 26), date(2026, 3, 25))
    assert named_by(march) == date(2026, 3, 1)
    assert period_of(date(2025, 12, 26), "yearly", 26) == Span(date(2025, 12, 26), date(2026, 12, 25))
    assert period_of(date(2026, 5, 1), "quarterly").last == date(2026, 6, 30)
    assert len(list(periods_within(date(2026, 1, 31), date(2026, 3, 1), "monthly"))) == 3
    for wrong in (("weekly", 1), ("monthly", 29), ("monthly", 0)):
        with pytest.raises(ValueError):
            period_of(date(2026, 1, 1), *wrong)


def test_units_are_converted_exactly_or_not_at_all() -> None:
    assert convert(Decimal("5"), "MWh", "kWh", places=3) == 5000
    assert convert(Decimal("1.5"), "万kWh", "kwh", places=3) == 15000
    assert convert(Decimal("3.6"), "GJ", "kWh", places=3) == 1000
    assert convert(Decimal("2"), "km3", "m³", places=3) == 2000
    assert convert(Decimal("2500"), "kgce", "tce", places=3) == Decimal("2.5")
    for value, unit, wanted in (
        ("1", "GJ", "kWh"),
        ("1", "m3", "t"),
        ("1", "stone", "kg"),
        ("0.1", "kgce", "tce"),
    ):
        with pytest.raises(UnitError):
            convert(Decimal(value), unit, wanted, places=3)


@given(
    st.integers(0, 10**9),
    st.decimals(0, 10**6, places=3),
    st.decimals("0.001", 1000, places=3),
    st.decimals("0.001", 1000, places=3),
)
def test_marks_are_where_the_level_changes(steps: int, value: Decimal, one: Decimal, other: Decimal) -> None:
    limits = Limits(
        value=value, warning_pct=min(one, other), alert_pct=max(one, other), hysteresis_pct=Decimal(0)
    )
    step = Decimal("0.001")
    at = marks(limits, step)
    for near in {
        steps,
        *(mark + more for mark in (at.warning, at.alert, at.exceeded) if mark for more in (-1, 0)),
    }:
        found = level(max(near, 0) * step, limits)
        reached = [each for each in LEVELS if (mark := at.of(each)) is not None and max(near, 0) >= mark]
        assert found == max(reached, key=lambda each: each.height, default=Level.NORMAL)


@given(st.decimals(0, 10**9, places=3), st.lists(st.decimals(0, 10**6, places=2), min_size=1, max_size=9))
def test_shares_add_up_to_the_whole(whole: Decimal, weights: list[Decimal]) -> None:
    if sum(weights) > 0:
        parts = shares_of(whole, weights)
        assert sum(parts) == whole
        assert all(part >= 0 for part in parts)


def test_the_forecast_of_the_reference() -> None:
    cases = json.loads((Path(__file__).parents[2] / "data" / "energy" / "quota_cases.json").read_text())[
        "cases"
    ]
    case = next(one for one in cases if one["case"] == "forecast_run_rate")
    first, ones = date(2026, 3, 1), np.ones(11, dtype=np.int64)
    found = figures(
        Days(
            first,
            ones * int(case["daily_used"]) * np.arange(11).astype(bool)[::-1],
            ones * 86400,
            ones * 86400,
            ones > 0,
        ),
        Limits(value=Decimal(case["quota"]["value"])),
        first=first,
        last=date(2026, 3, 31),
        as_of=date.fromisoformat(case["today"]),
        step=Decimal(1),
        min_coverage=Decimal(95),
    )
    assert found.complete_days == case["days_complete"]
    assert found.projected == Decimal(case["expected"]["projected"])
    assert found.exhausted_on == date.fromisoformat(case["expected"]["reach_date"])
