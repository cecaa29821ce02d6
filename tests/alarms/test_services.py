from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from alarms import services
from alarms.models import Alarm, AlarmEvent, AlarmStatus
from alarms.services import AlarmRequest
from spc_site.errors import AppError, Conflict

pytestmark = pytest.mark.django_db


def _request(key: str = "k", **fields: str) -> AlarmRequest:
    return AlarmRequest(key=key, source="test", title=fields.pop("title", "内径 CPK 0.97"), **fields)


def _kinds(alarm: Alarm) -> list[str]:
    return [event.kind for event in alarm.events.all()]


def test_an_abnormal_thing_has_one_open_alarm_however_often_it_is_found() -> None:
    first = services.raise_alarm(_request())
    second = services.raise_alarm(_request(title="内径 CPK 0.80"))
    assert (first.is_new, second.is_new) == (True, False)
    alarm = Alarm.objects.get()
    assert (alarm.occurrences, alarm.title) == (2, "内径 CPK 0.80")
    assert _kinds(alarm) == ["raised", "repeated"]


def test_the_database_itself_refuses_a_second_open_alarm() -> None:
    alarm = services.raise_alarm(_request()).alarm
    with pytest.raises(IntegrityError), transaction.atomic():
        Alarm.objects.create(
            key="k",
            source="test",
            title="x",
            triggered_at=alarm.triggered_at,
            last_seen_at=alarm.triggered_at,
        )


def test_a_worse_one_escalates_and_a_milder_one_does_not_calm() -> None:
    services.raise_alarm(_request(severity="warning"))
    worse = services.raise_alarm(_request(severity="critical"))
    milder = services.raise_alarm(_request(severity="info"))
    assert (worse.is_escalated, milder.is_escalated) == (True, False)
    assert milder.alarm.severity == "critical"
    assert _kinds(milder.alarm) == ["raised", "escalated", "repeated"]


def test_after_recovery_the_next_one_is_a_new_episode() -> None:
    first = services.raise_alarm(_request()).alarm
    assert services.recover(["k", "other"]) == 1
    assert services.recover(["k"]) == 0
    second = services.raise_alarm(_request())
    assert second.is_new
    assert second.alarm.pk != first.pk


@pytest.mark.parametrize("count", [1, 1200])
def test_many_are_raised_in_few_queries(count: int, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    requests = [_request(f"k{number}") for number in range(count)]
    with django_assert_max_num_queries(8 + count // 25):
        raised = services.raise_alarms(requests)
    assert [one.alarm.key for one in raised] == [f"k{number}" for number in range(count)]


def test_acknowledging_gives_an_owner_and_happens_once(admin_user: User) -> None:
    alarm = services.acknowledge(services.raise_alarm(_request()).alarm, user=admin_user)
    assert (alarm.status, alarm.owner) == (AlarmStatus.ACKNOWLEDGED, admin_user)
    assert alarm.acknowledged_at is not None
    with pytest.raises(Conflict):
        services.acknowledge(alarm, user=admin_user)


def test_closing_by_hand_needs_a_cause(admin_user: User) -> None:
    alarm = services.raise_alarm(_request()).alarm
    with pytest.raises(AppError) as caught:
        services.resolve(alarm, user=admin_user)
    assert caught.value.code == "cause_missing"
    services.explain(alarm, user=admin_user, cause="刀具磨损", action="换刀")
    closed = services.resolve(alarm, user=admin_user, note="已验证")
    assert closed.status == AlarmStatus.RESOLVED
    assert _kinds(closed) == ["raised", "explained", "resolved"]
    with pytest.raises(Conflict):
        services.explain(closed, user=admin_user, cause="x", action="")


def test_an_empty_cause_is_refused(admin_user: User) -> None:
    with pytest.raises(AppError):
        services.explain(services.raise_alarm(_request()).alarm, user=admin_user, cause="  ", action="换刀")


def test_assigning_names_the_new_owner_in_the_timeline(
    admin_user: User, django_user_model: type[User]
) -> None:
    other = django_user_model.objects.create_user("lin", first_name="林工")
    alarm = services.assign(services.raise_alarm(_request()).alarm, user=admin_user, owner=other)
    assert alarm.owner == other
    assert AlarmEvent.objects.get(kind="assigned").note == "林工"


def test_open_keys_look_only_at_their_prefix() -> None:
    services.raise_alarms([_request("a.1.1"), _request("a.1.2"), _request("a.12.1")])
    services.recover(["a.1.2"])
    assert services.open_keys(prefix="a.1.") == {"a.1.1"}


@pytest.mark.django_db(transaction=True)
def test_two_at_once_open_one_alarm() -> None:
    start = threading.Barrier(4)
    results: list[bool] = []

    def find() -> None:
        start.wait()
        results.append(services.raise_alarm(_request()).is_new)
        connection.close()

    threads = [threading.Thread(target=find) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]
    assert Alarm.objects.get().occurrences == 4
