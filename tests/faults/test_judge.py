"""The judge himself: what he must complain of, he complains of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from notifications.choices import State
from notifications.models import Channel, Notification
from tests.faults.drill import Drill, Judge

pytestmark = pytest.mark.django_db


@pytest.fixture
def judge(drill: Drill) -> Iterator[Judge]:
    """One who has seen three messages delivered and found nothing wrong."""
    drill.create(3)
    drill.deliver_all()
    assert drill.judge.complaints == []
    yield Judge(drill)
    drill.judge.complaints.clear()  # what a test did to the rows is not the drill's fault


def complaints(judge: Judge) -> str:
    judge.look()
    return "; ".join(judge.complaints)


def test_he_misses_a_message_whose_row_is_gone(judge: Judge) -> None:
    Notification.objects.filter(title__contains="M00002").delete()
    assert "have no row: ['M00002']" in complaints(judge)


def test_he_does_not_believe_that_something_was_sent(judge: Judge) -> None:
    judge.drill.create()
    Notification.objects.filter(title__contains="M00004").update(status=State.SENT)
    assert "never shown: ['M00004']" in complaints(judge)
    assert judge.drill.verdict().lost == 1


def test_he_sees_a_double_that_nobody_marked(judge: Judge) -> None:
    Notification.objects.filter(title__contains="M00001").update(status=State.PENDING)
    judge.drill.deliver_all()
    assert "doubled without a mark: ['M00001']" in complaints(judge)
    assert (judge.drill.verdict().doubled, judge.drill.verdict().unflagged) == (1, 1)


def test_he_counts_what_a_robot_was_sent_in_a_minute(judge: Judge) -> None:
    Channel.objects.update(rate_limit=10_000)
    judge.drill.create(18)
    judge.drill.deliver()
    assert "21 messages of one robot in a minute" in complaints(judge)


def test_he_knows_only_the_states_of_the_table(judge: Judge) -> None:
    Notification.objects.filter(title__contains="M00003").update(status="gone")
    assert "in no state that counts: {'gone'}" in complaints(judge)
