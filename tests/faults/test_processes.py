"""F1–F4, F23, F26: processes that die, and processes that get into each other's way.

Each of these runs real processes; a kill is a kill. Bounds are those of the fault matrix: lost 0,
doubled at most one for each kill after the request had left, every double marked.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from notifications.choices import State
from notifications.models import DeliveryAttempt
from tests.faults.drill import Drill
from tests.services import Redis, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 3
LEASE_S = 60.0
MARGIN_S = 5.0
"""Two seconds of the matrix, and what a loaded test machine needs to start a process."""


def test_f01_workers_killed_at_random_lose_nothing_and_double_at_most_once_each(
    redis_server: Redis, fire: Callable[..., Drill]
) -> None:
    drill = fire(redis=redis_server, groups=120)
    drill.start("--workers", "0")
    workers = [drill.start("--queue", "notify") for _ in range(2)]
    for _ in range(KILLS):
        already = sum(drill.shown().values())
        drill.create(40)
        wait_until(lambda: sum(drill.shown().values()) > already + 5, seconds=20, what="sending")  # noqa: B023
        drill.kill(workers.pop(0))
        workers.append(drill.start("--queue", "notify"))
    took = drill.settle(seconds=30)
    verdict = drill.verdict()
    assert verdict.lost == verdict.unflagged == verdict.open == 0
    assert verdict.states == {State.SENT: verdict.created}
    assert verdict.doubled <= KILLS
    assert verdict.doubled <= verdict.flagged <= KILLS
    assert took < 2 * LEASE_S + MARGIN_S


@pytest.mark.parametrize(
    ("point", "doubled", "flagged"), [("claimed", 0, 0), ("begun", 0, KILLS), ("sent", KILLS, KILLS)]
)
def test_f02_f03_killed_at_each_point_of_sending(
    fire: Callable[..., Drill], point: str, doubled: int, flagged: int
) -> None:
    """Between request and record one double each, marked; before the request none at all."""
    drill = fire()
    for _ in range(KILLS):
        drill.create()
        drill.await_death(drill.start("--once", kill=point))
    drill.leap(LEASE_S)
    drill.start("--once")
    took = drill.settle(seconds=20)
    verdict = drill.verdict()
    assert (verdict.lost, verdict.doubled, verdict.flagged, verdict.unflagged) == (0, doubled, flagged, 0)
    assert verdict.states == {State.SENT: KILLS}
    assert took < MARGIN_S
    outcomes = DeliveryAttempt.objects.filter(notification=drill.row("M00001")).values_list(
        "outcome", flat=True
    )
    assert list(outcomes) == (["sent"] if point == "claimed" else ["uncertain", "sent"])  # what a person sees


def test_f23_two_pumps_and_four_workers_send_each_message_once(
    redis_server: Redis, fire: Callable[..., Drill]
) -> None:
    drill = fire(redis=redis_server, groups=10)
    for _ in range(2):
        drill.start("--workers", "0")
    for _ in range(4):
        drill.start("--queue", "notify")
    drill.create(150, priority=3)
    drill.settle(seconds=30)
    verdict = drill.verdict()
    assert verdict.states == {State.SENT: 150}
    assert (verdict.lost, verdict.doubled, verdict.flagged) == (0, 0, 0)


def test_f26_a_deploy_stops_everything_in_time_and_doubles_nothing(
    redis_server: Redis, fire: Callable[..., Drill]
) -> None:
    drill = fire(redis=redis_server, groups=120)
    for _ in range(KILLS):
        processes = [drill.start("--workers", "0"), *(drill.start("--queue", "notify") for _ in range(2))]
        already = sum(drill.shown().values())
        drill.create(30)
        wait_until(lambda: sum(drill.shown().values()) > already + 3, seconds=20, what="sending")  # noqa: B023
        began = time.monotonic()
        for pid in processes:
            drill.end(pid)
        assert time.monotonic() - began < 15
    drill.start("--once")
    drill.settle(seconds=20)
    verdict = drill.verdict()
    assert verdict.states == {State.SENT: verdict.created}
    assert (verdict.lost, verdict.doubled, verdict.flagged) == (0, 0, 0)
