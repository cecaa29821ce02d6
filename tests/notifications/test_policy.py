from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import policy
from notifications.choices import State


def test_every_state_has_its_row_of_transitions() -> None:
    assert set(policy.TRANSITIONS) == set(State.values)


def test_ends_have_no_way_out_and_open_states_have_one() -> None:
    ends = {state for state, nexts in policy.TRANSITIONS.items() if not nexts}
    assert ends == {State.SENT, State.MERGED, State.SUPPRESSED, State.DEAD, State.CANCELLED}
    assert set(State.values) - ends == policy.OPEN_STATES


@pytest.mark.parametrize(
    ("retry", "seconds"), [(1, 60), (2, 120), (3, 240), (6, 1920), (7, 3600), (30, 3600)]
)
def test_backoff_doubles_from_a_minute_to_an_hour(retry: int, seconds: int) -> None:
    assert policy.backoff(retry, base_s=60, luck=0.5) == timedelta(seconds=seconds)


@given(retry=st.integers(1, 40), luck=st.floats(0, 1))
def test_jitter_stays_within_a_tenth(retry: int, luck: float) -> None:
    middle = policy.backoff(retry, base_s=60, luck=0.5).total_seconds()
    wait = policy.backoff(retry, base_s=60, luck=luck).total_seconds()
    assert 0.9 * middle - 1e-6 <= wait <= 1.1 * middle + 1e-6


def test_a_higher_priority_never_waits_longer() -> None:
    assert list(policy.SLACK) == [1, 2, 3, 4, 5]
    assert list(policy.SLACK.values()) == sorted(policy.SLACK.values())
