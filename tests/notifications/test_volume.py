"""Unusual volume: the last hour against the median of the same hour of the last seven days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications import monitoring
from notifications.choices import State
from notifications.models import Notification, Trouble
from notifications.selectors import unusual_sources
from notifications.services import configuration
from tests import builders

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def _asked(
    count: int, *, days: float = 0, source: str = "quality", target: str = "IQC", **fields: Any
) -> None:
    """So many messages within the hour that ended so many days ago."""
    rows = [
        builders.notification(State.SENT, source=source, target=target, **fields).pk for _each in range(count)
    ]
    at = NOW - timedelta(days=days, minutes=20)
    Notification.objects.filter(pk__in=rows).update(created_at=at)


def _found(factor: float = 5, floor: int = 4) -> list[tuple[str, str, int, float]]:
    return [
        (one.source, one.target, one.count, one.usual)
        for one in unusual_sources(NOW, factor=factor, floor=floor)
    ]


def test_a_source_is_compared_with_its_own_usual_hour() -> None:
    for day in range(1, 8):
        _asked(1, days=day)
        _asked(2, days=day, source="energy")
    _asked(5)
    _asked(9, source="energy")
    assert _found() == [("quality", "IQC", 5, 1.0)]
    _asked(1, source="energy")
    assert _found() == [("energy", "IQC", 10, 2.0), ("quality", "IQC", 5, 1.0)]


def test_below_the_floor_nothing_is_unusual_and_a_new_source_is_at_once() -> None:
    _asked(3)
    assert _found() == []
    _asked(1)
    assert _found() == [("quality", "IQC", 4, 0.0)]


def test_one_bad_day_does_not_make_the_next_one_usual() -> None:
    for day in range(1, 8):
        _asked(12 if day == 3 else 1, days=day)
    _asked(6)
    assert _found() == [("quality", "IQC", 6, 1.0)]


def test_other_hours_other_targets_tests_and_digests_do_not_count() -> None:
    _asked(5, days=1 / 24)
    _asked(3)
    _asked(3, target="OQC")
    _asked(5, is_test=True)
    _asked(5, is_digest=True)
    assert _found() == []


def test_it_becomes_a_trouble_by_the_settings() -> None:
    configuration.set_config("unusual_floor", "5")
    _asked(5)
    monitoring.watch()
    trouble = Trouble.objects.get(key="unusual_source:quality:wechat_bot:IQC")
    assert trouble.title.startswith("质量检验")
    assert trouble.value == "5 条"


def test_the_address_of_a_person_is_masked_in_it() -> None:
    configuration.set_config("unusual_floor", "5")
    _asked(5, target="li.lei@example.com", channel="email")
    monitoring.watch()
    assert "l•••@example.com" in Trouble.objects.get(key__startswith="unusual_source:").description
