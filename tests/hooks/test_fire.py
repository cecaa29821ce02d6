"""Firing a point: one row in the caller's transaction, nothing where nobody listens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from hooks import services
from hooks.models import HookEvent
from hooks.points import PayloadError, plain
from tests.hooks.conftest import Customer
from tests.hooks.payloads import AT, alarm

WATCHES_ALARMS = "def on_alarm_created(self, title): pass"


class Untouchable(dict):
    """A payload that nobody may look at."""

    def items(self) -> Any:
        raise AssertionError("looked at")


@pytest.mark.django_db
def test_firing_without_a_customer_costs_nothing(django_assert_num_queries: Any, settings: Any) -> None:
    settings.CUSTOMER = ""
    with django_assert_num_queries(0):
        services.fire("on_alarm_created", Untouchable())
    assert not services.is_wanted("on_alarm_created")


@pytest.mark.django_db
def test_a_point_that_is_left_alone_costs_nothing(django_assert_num_queries: Any, customer: Customer) -> None:
    customer(WATCHES_ALARMS)
    with django_assert_num_queries(0):
        services.fire("on_alarm_resolved", Untouchable())
    assert services.is_wanted("on_alarm_created")
    assert not services.is_wanted("on_alarm_resolved")


@pytest.mark.django_db
def test_an_event_is_one_row_and_one_query_of_the_callers_transaction(
    django_assert_num_queries: Any, customer: Customer
) -> None:
    customer(WATCHES_ALARMS)
    with transaction.atomic(), django_assert_num_queries(1):
        services.fire("on_alarm_created", alarm(value="\x00 \ud800"), event_id="alarm:7:created")
    event = HookEvent.objects.get()
    assert (event.event_id, event.point, event.schema) == ("alarm:7:created", "on_alarm_created", 1)
    assert event.payload == alarm(value="\x00 \ud800", triggered_at="2026-11-24T02:00:00+00:00")

    with pytest.raises(RuntimeError), transaction.atomic():
        services.fire("on_alarm_created", alarm(), event_id="rolled back")
        raise RuntimeError
    assert HookEvent.objects.count() == 1


@pytest.mark.django_db
def test_the_same_event_id_is_the_same_event(customer: Customer) -> None:
    customer(WATCHES_ALARMS)
    for title in ("first", "second"):
        services.fire("on_alarm_created", alarm(title=title), event_id="alarm:7:created")
    services.fire("on_alarm_created", alarm())
    services.fire("on_alarm_created", alarm())
    assert HookEvent.objects.count() == 3
    assert HookEvent.objects.get(event_id="alarm:7:created").payload["title"] == "first"


@pytest.mark.django_db
def test_many_events_are_one_query(django_assert_num_queries: Any, customer: Customer) -> None:
    customer(WATCHES_ALARMS)
    with transaction.atomic(), django_assert_num_queries(1):
        services.fire_many("on_alarm_created", [(alarm(alarm_id=n), f"alarm:{n}") for n in range(90)])
    assert HookEvent.objects.count() == 90


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (alarm(value=1.5), "a float"),
        (alarm(triggered_at=AT.replace(tzinfo=None)), "without a zone"),
        (alarm(title=object()), "no plain data"),
        (alarm(extra=1), "no such field: extra"),
        ({name: value for name, value in alarm().items() if name != "key"}, "missing: key"),
        (alarm(alarm_id=None), "no id"),
        (alarm(triggered_at="yesterday"), "no time"),
    ],
)
@pytest.mark.django_db
def test_a_payload_that_does_not_fit_raises_in_tests_and_is_logged_in_production(
    payload: dict[str, Any], words: str, customer: Customer, settings: Any, caplog: Any
) -> None:
    customer(WATCHES_ALARMS)
    with pytest.raises(PayloadError, match=words):
        services.fire("on_alarm_created", payload)
    settings.TESTING = settings.DEBUG = False
    services.fire("on_alarm_created", payload)
    assert not HookEvent.objects.exists()
    assert words in caplog.text


@pytest.mark.django_db
def test_an_unknown_point_is_a_mistake_also_without_a_customer(settings: Any, caplog: Any) -> None:
    with pytest.raises(LookupError, match="on_alarm_opened"):
        services.fire("on_alarm_opened", {})
    settings.TESTING = False
    services.fire("on_alarm_opened", {})
    assert "on_alarm_opened" in caplog.text


@pytest.mark.django_db
def test_while_the_hooks_cannot_be_loaded_events_are_kept(customer: Customer) -> None:
    customer("raise RuntimeError('half a deployment')")
    services.fire("on_alarm_created", alarm())
    assert HookEvent.objects.count() == 1


def test_plain_data_is_exact() -> None:
    assert plain({"a": Decimal("1E+3"), "b": [Decimal("0.10"), AT.date()]}) == {
        "a": "1000",
        "b": ["0.10", "2026-11-24"],
    }
