"""What is due is run: at least once, tried again, paused when it keeps failing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from hooks import events, policy, services
from hooks.models import EventState, HookEvent, HookPoint, HookRun, Outcome
from hooks.runner import Call, Result, Runner
from hooks.samples import sample
from hooks.services import running
from spc_site import clock, jobs
from spc_site.errors import AppError
from spc_site.supervise import work
from tests.hooks.conftest import Customer
from tests.hooks.payloads import alarm

BOTH = """
def on_alarm_created(self, title): pass
def on_alarm_resolved(self, title): pass
"""


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.at = timezone.now() + timedelta(minutes=1)

    def now(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped.now)
    return stopped


class Scripted:
    """Stands in for the child where only the account of runs is looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, wanted: str = "on_alarm_created") -> None:
        self.calls: list[Call] = []
        self.outcome = Outcome.OK
        monkeypatch.setattr(Runner, "wanted", lambda _self: frozenset(wanted.split()))
        monkeypatch.setattr(Runner, "run", lambda _self, call: self.run(call))

    def run(self, call: Call) -> Result:
        self.calls.append(call)
        return Result(outcome=self.outcome, error="" if self.outcome == Outcome.OK else "boom \x00 \ud800")


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, customer: Customer) -> Scripted:
    customer(BOTH)
    return Scripted(monkeypatch)


def outcomes() -> list[str]:
    return list(HookRun.objects.order_by("pk").values_list("outcome", flat=True))


# --- with the real child ------------------------------------------------------------------------

WRITES = """
def on_alarm_created(self, event, title, alarm_id):
    from django.contrib.auth.models import Group
    from django.db import IntegrityError, transaction
    if title == "good":
        Group.objects.create(name=f"{event.id} {alarm_id} {event.attempt}")
    elif title == "half":
        with transaction.atomic():
            Group.objects.create(name="half")
            raise RuntimeError("in the middle")
    elif title == "broken":
        with transaction.atomic():
            Group.objects.create(name="one")
            try:
                Group.objects.create(name="one")
            except IntegrityError:
                Group.objects.create(name="after a failed statement")
    else:
        transaction.set_autocommit(False)
        Group.objects.create(name="never committed")
"""


@pytest.mark.django_db(transaction=True)
def test_hooks_run_without_redis_with_a_connection_of_their_own(customer: Customer) -> None:
    """The pump's way (`work --once`), over the database; a broken transaction is the hook's alone."""
    from django.contrib.auth.models import Group

    customer(WRITES)
    before = set(Group.objects.values_list("name", flat=True))
    for number, title in enumerate(["half", "broken", "left open", "good"]):
        services.fire("on_alarm_created", alarm(title=title, alarm_id=number), event_id=f"a{number}")
    work.run_once()
    runs = {run.event_id_text: run for run in HookRun.objects.all()}
    assert [runs[f"a{number}"].outcome for number in range(4)] == [Outcome.RAISED] * 3 + [Outcome.OK]
    assert runs["a0"].error == "RuntimeError: in the middle"
    assert "TransactionManagementError" in runs["a1"].error
    assert "left a transaction open" in runs["a2"].error
    assert runs["a3"].duration_ms >= 0
    assert set(Group.objects.values_list("name", flat=True)) - before - {"after a failed statement"} == {
        "a3 3 1"
    }
    states = dict(HookEvent.objects.values_list("event_id", "state"))
    assert states["a3"] == EventState.DONE
    assert states["a0"] == EventState.PENDING


@pytest.mark.django_db
def test_hooks_that_cannot_be_loaded_leave_their_events_untouched(customer: Customer, caplog: Any) -> None:
    customer("import nothing_of_this_name", head="")
    services.fire("on_alarm_created", alarm())
    assert "hooks.run" in jobs.due()
    assert jobs.drain("hooks.run") == 0
    assert "HooksUnusable" in caplog.text
    event = HookEvent.objects.get()
    assert (event.state, event.attempts) == (EventState.PENDING, 0)
    assert "hooks.run" not in jobs.due()  # it rests, so that the log is not filled

    customer("def on_alarm_created(self): pass")  # mended
    assert services.run_due() == 1
    assert HookEvent.objects.get().state == EventState.DONE


# --- the account --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_event_is_run_once_and_written_down(child: Scripted, time: Clock) -> None:
    services.fire("on_alarm_created", alarm(title="hot"), event_id="alarm:7:created")
    assert services.has_due()
    assert (services.run_due(), services.run_due()) == (1, 0)
    [call] = child.calls
    assert (call.point, call.event_id, call.attempt) == ("on_alarm_created", "alarm:7:created", 1)
    assert call.payload["title"] == "hot"
    run = HookRun.objects.get()
    assert (run.event.event_id, run.outcome, run.attempt) == ("alarm:7:created", Outcome.OK, 1)
    assert not services.has_due()


@pytest.mark.django_db
def test_a_failing_event_is_tried_four_times_with_growing_pauses(child: Scripted, time: Clock) -> None:
    child.outcome = Outcome.RAISED
    services.fire("on_alarm_created", alarm(), event_id="e")
    for attempt, pause in enumerate(policy.RETRY_AFTER, start=1):
        assert services.run_due() == 1
        assert child.calls[-1].attempt == attempt
        time.forward(seconds=pause.total_seconds() - 1)
        assert services.run_due() == 0
        time.forward(seconds=1)
    assert services.run_due() == 1
    assert HookEvent.objects.get().state == EventState.FAILED
    assert outcomes() == [Outcome.RAISED] * 4
    assert {call.event_id for call in child.calls} == {"e"}
    time.forward(hours=1)
    assert services.run_due() == 0

    services.retry(HookEvent.objects.get())
    child.outcome = Outcome.OK
    assert services.run_due() == 1
    assert HookEvent.objects.get().state == EventState.DONE


@pytest.mark.django_db
def test_five_failures_in_a_row_pause_the_point_and_every_pause_is_told_inside(
    child: Scripted, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def note_pause(point: HookPoint, **_kwargs: Any) -> None:
        told.append(f"paused after {point.failures}")

    def note_recovery(**_kwargs: Any) -> None:
        told.append("recovered")

    events.hook_paused.connect(note_pause)
    events.hook_recovered.connect(note_recovery)
    try:
        child.outcome = Outcome.TIMEOUT
        for number in range(7):
            services.fire("on_alarm_created", alarm(), event_id=f"e{number}")
        assert services.run_due() == policy.PAUSE_AFTER
        point = HookPoint.objects.get()
        assert point.is_paused(time.now())
        assert (point.failures, point.last_error) == (5, "boom \ufffd ?")
        assert not services.has_due()
        time.forward(minutes=10, seconds=1)
        assert services.run_due() == 1  # the first failure after a pause pauses again
        assert told == ["paused after 5", "paused after 6"]

        time.forward(minutes=10, seconds=1)
        child.outcome = Outcome.OK
        services.run_due()
        assert HookPoint.objects.get().paused_until is None
        assert told == ["paused after 5", "paused after 6", "recovered"]
    finally:
        events.hook_paused.disconnect(note_pause)
        events.hook_recovered.disconnect(note_recovery)


@pytest.mark.django_db
def test_a_success_between_keeps_a_point_going(child: Scripted, time: Clock) -> None:
    for number in range(9):
        services.fire("on_alarm_created", alarm(), event_id=f"e{number}")
    turns = iter([Outcome.RAISED] * 4 + [Outcome.OK] + [Outcome.RAISED] * 4)
    child.run = lambda _call: Result(outcome=next(turns))  # type: ignore[method-assign]
    assert services.run_due() == 9
    assert HookPoint.objects.get().paused_until is None


@pytest.mark.django_db
def test_a_pause_holds_its_own_point_alone_and_can_be_ended_by_hand(
    child: Scripted, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runner, "wanted", lambda _self: frozenset({"on_alarm_created", "on_alarm_resolved"}))
    point = HookPoint.objects.create(
        name="on_alarm_created", failures=5, paused_until=time.now() + policy.PAUSE
    )
    services.fire("on_alarm_created", alarm(), event_id="waits")
    services.fire("on_alarm_resolved", sample("on_alarm_resolved"), event_id="goes")
    assert services.run_due() == 1
    assert [call.event_id for call in child.calls] == ["goes"]

    services.resume(point)
    assert services.run_due() == 1
    with pytest.raises(AppError, match="没有暂停"):
        services.resume(point)


@pytest.mark.django_db
def test_an_event_whose_runner_died_is_run_again_and_that_is_written_down(
    child: Scripted, time: Clock, settings: Any
) -> None:
    services.fire("on_alarm_created", alarm(), event_id="e")
    lost = running._claim("host:1")
    assert lost is not None
    assert services.run_due() == 0
    time.forward(seconds=settings.HOOK_TIMEOUT + policy.LEASE_SLACK.total_seconds() + 1)
    assert services.run_due() == 1
    assert outcomes() == [Outcome.LOST, Outcome.OK]

    running.record(Result(outcome=Outcome.RAISED), point=lost.point, event=lost, began=time.now())
    assert HookEvent.objects.get().state == EventState.DONE  # who comes late changes nothing


@pytest.mark.django_db
def test_a_hook_that_takes_its_runner_down_does_not_do_so_for_ever(child: Scripted, time: Clock) -> None:
    services.fire("on_alarm_created", alarm(), event_id="e")
    for _attempt in range(4):
        assert running._claim("host:1") is not None
        time.forward(minutes=5)
    assert running._claim("host:1") is None
    assert HookEvent.objects.get().state == EventState.FAILED
    assert outcomes() == [Outcome.LOST] * 4


@pytest.mark.django_db
def test_two_runners_share_the_events(child: Scripted, time: Clock) -> None:
    for number in range(4):
        services.fire("on_alarm_created", alarm(), event_id=f"e{number}")
    taken = [running._claim(owner) for owner in ("a", "b", "a", "b", "a")]
    assert [one.event_id if one else None for one in taken] == ["e0", "e1", "e2", "e3", None]


@pytest.mark.django_db
def test_an_event_that_nobody_wants_any_more_is_skipped(child: Scripted, time: Clock, settings: Any) -> None:
    services.fire("on_alarm_resolved", sample("on_alarm_resolved"))
    settings.CUSTOMER = ""
    assert not services.has_due()
    assert services.run_due() == 0
    settings.CUSTOMER = "plant_a"
    assert services.run_due() == 1
    assert (HookEvent.objects.get().state, child.calls) == (EventState.SKIPPED, [])


@pytest.mark.django_db
def test_old_records_are_forgotten_after_the_days_that_the_setting_names(
    child: Scripted, time: Clock, settings: Any
) -> None:
    settings.HOOK_KEEP_DAYS = 3
    services.fire("on_alarm_created", alarm(), event_id="done")
    services.run_due()
    child.outcome = Outcome.RAISED
    services.fire("on_alarm_created", alarm(), event_id="waiting")
    services.run_due()
    time.forward(days=2)
    assert services.forget_old() == 0
    time.forward(days=2)
    assert services.forget_old() == 2
    assert [event.event_id for event in HookEvent.objects.all()] == ["waiting"]
    assert HookRun.objects.count() == 1
