"""Quotas: the examples of the reference, limits that are met exactly, the life of an alarm."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy.metering import Level, Limits, MeterError, Step, forecast, level, rate_pct, step

CASES = json.loads((Path(__file__).parents[2] / "data" / "energy" / "quota_cases.json").read_text())["cases"]
BY_NAME = {case["case"]: case for case in CASES}
HUNDRED = Limits(value=Decimal(100))


def limits_of(quota: dict[str, str]) -> Limits:
    names = {
        "value": "value",
        "warn_pct": "warning_pct",
        "alert_pct": "alert_pct",
        "hysteresis_pct": "hysteresis_pct",
    }
    return Limits(**{ours: Decimal(quota[theirs]) for theirs, ours in names.items() if theirs in quota})


@pytest.mark.parametrize(
    "name", ["level_79.99", "level_95", "level_float_trap", "no_data", "other_energy_type"]
)
def test_the_levels_of_the_reference(name: str) -> None:
    case = BY_NAME[name]
    limits, expected = limits_of(case["quota"]), case["expected"]
    use = expected.get("usage")
    if isinstance(case.get("daily"), list):
        use = sum(Decimal(text) for text in case["daily"])
    elif "usage" in case:
        use = case["usage"]
    use = None if use is None else Decimal(use)
    assert level(use, limits) == expected["level"]
    if "rate_pct" in expected:
        rate = expected["rate_pct"]
        assert rate_pct(use, limits) == (None if rate is None else Decimal(rate))


def test_the_life_of_the_reference() -> None:
    case, open_level = BY_NAME["correction_and_hysteresis"], None
    limits = limits_of(case["quota"])
    words = {Step.RAISE: "create:warning", Step.RECOVER: "resolve:recovered"}
    for one in case["steps"]:
        use = Decimal(one["usage"])
        found = level(use, limits)
        act = step(found, use, limits, highest=open_level)
        assert ([words[act]] if act in words else []) == one["expect"][:1]
        open_level = {Step.RAISE: found, Step.RECOVER: None}.get(act, open_level)


def test_the_forecast_of_the_reference() -> None:
    case = BY_NAME["forecast_run_rate"]
    use = Decimal(case["daily_used"]) * case["days_complete"]
    found = forecast(
        use, HUNDRED, first=date(2026, 3, 1), last=date(2026, 3, 31), complete_days=case["days_complete"]
    )
    assert found is not None
    assert str(found.projected) == case["expected"]["projected"]
    assert str(found.reached_on) == case["expected"]["reach_date"]


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ("0", Level.NORMAL),
        ("79.999999999999999999999999", Level.NORMAL),
        ("80", Level.WARNING),
        ("94.999999999999999999999999", Level.WARNING),
        ("95", Level.ALERT),
        ("100", Level.ALERT),
        ("100.000000000000000000000001", Level.EXCEEDED),
    ],
)
def test_a_limit_is_reached_when_it_is_reached_to_the_last_digit(use: str, expected: Level) -> None:
    assert level(Decimal(use), HUNDRED) is expected


def test_a_quota_of_nothing_is_exceeded_by_anything() -> None:
    nothing = Limits(value=Decimal(0))
    assert level(Decimal(0), nothing) is Level.NORMAL
    assert level(Decimal("0.001"), nothing) is Level.EXCEEDED
    assert rate_pct(Decimal(5), nothing) is None
    assert step(Level.NORMAL, Decimal(0), nothing, highest=Level.EXCEEDED) is Step.RECOVER


@pytest.mark.parametrize(
    ("use", "highest", "expected"),
    [
        ("96", Level.WARNING, Step.ESCALATE),
        ("101", Level.ALERT, Step.ESCALATE),
        ("85", Level.WARNING, Step.NONE),
        ("96", Level.EXCEEDED, Step.NONE),
        ("78", Level.WARNING, Step.NONE),
        ("77.99", Level.EXCEEDED, Step.RECOVER),
        ("50", None, Step.NONE),
    ],
)
def test_an_open_alarm_only_rises_and_is_over_below_the_hysteresis(
    use: str, highest: Level | None, expected: Step
) -> None:
    amount = Decimal(use)
    assert step(level(amount, HUNDRED), amount, HUNDRED, highest=highest) is expected


@pytest.mark.parametrize("highest", [None, Level.WARNING, Level.EXCEEDED])
def test_missing_data_neither_raises_nor_ends_an_alarm(highest: Level | None) -> None:
    assert step(Level.NO_DATA, None, HUNDRED, highest=highest) is Step.NONE


amounts = st.decimals(0, 10_000, places=3)


@given(amounts, amounts, st.integers(1, 1000), st.integers(0, 1000))
def test_the_level_agrees_with_whole_numbers(use: Decimal, value: Decimal, alert: int, warning: int) -> None:
    warning = min(warning, alert)
    found = level(use, Limits(value=value, warning_pct=Decimal(warning), alert_pct=Decimal(alert)))
    u, q = int(use * 1000), int(value * 1000)
    if u > q:
        assert found is Level.EXCEEDED
    elif q and u * 100 >= q * alert:
        assert found is Level.ALERT
    elif q and u * 100 >= q * warning:
        assert found is Level.WARNING
    else:
        assert found is Level.NORMAL


@given(st.decimals("0.001", 1000, places=3), amounts, st.integers(3, 31))
def test_the_day_of_exhaustion_is_the_first_on_which_the_projection_reaches_the_quota(
    use: Decimal, value: Decimal, complete: int
) -> None:
    found = forecast(
        use, Limits(value=value), first=date(2026, 3, 1), last=date(2026, 3, 31), complete_days=complete
    )
    assert found is not None
    days = [n for n in range(1, 32) if use * n >= value * complete]
    assert found.reached_on == (date(2026, 3, days[0]) if days else None)


def test_two_days_say_nothing_about_a_month() -> None:
    assert (
        forecast(Decimal(5), HUNDRED, first=date(2026, 3, 1), last=date(2026, 3, 31), complete_days=2) is None
    )


def test_without_use_the_quota_is_never_reached() -> None:
    found = forecast(Decimal(0), HUNDRED, first=date(2026, 3, 1), last=date(2026, 3, 31), complete_days=5)
    assert found is not None and found.projected == 0 and found.reached_on is None


@pytest.mark.parametrize(
    ("words", "argument"),
    [
        ({"value": Decimal(-1)}, "value"),
        ({"value": Decimal("NaN")}, "value"),
        ({"value": 100.0}, "value"),
        ({"value": Decimal(1), "warning_pct": Decimal(96)}, "warning_pct"),
        ({"value": Decimal(1), "alert_pct": Decimal(1001)}, "alert_pct"),
    ],
)
def test_limits_that_cannot_be_are_refused(words: dict[str, Any], argument: str) -> None:
    with pytest.raises(MeterError) as caught:
        Limits(**words)
    assert caught.value.argument == argument


def test_an_alert_may_wait_until_ten_times_the_quota() -> None:
    limits = Limits(value=Decimal(1), alert_pct=Decimal(1000))
    assert level(Decimal("0.9"), limits) is Level.WARNING


def test_more_complete_days_than_the_period_has_are_refused() -> None:
    with pytest.raises(MeterError, match="complete_days"):
        forecast(Decimal(5), HUNDRED, first=date(2026, 3, 1), last=date(2026, 3, 31), complete_days=32)
