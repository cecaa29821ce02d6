"""Work orders: opened from an alarm, ticked off, completed, and judged by what happened after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.models import Profile
from alarms import events, services
from alarms.models import Alarm, WorkOrder
from alarms.services import AlarmRequest
from notifications.models import Notification
from spc_site.errors import AppError, Conflict
from tests import builders

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _robots(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"OQC": "OQC-key"}


@pytest.fixture
def lin() -> User:
    person = builders.person("质检员", first_name="林工")
    Profile.objects.create(user=person, wecom_userid="lin.qc")
    return person


def _alarm(key: str = "k") -> Alarm:
    return services.raise_alarm(AlarmRequest(key=key, source="quality.IQC", title="内径超差"), at=NOON).alarm


def _order(alarm: Alarm | None = None, **fields: Any) -> WorkOrder:
    return services.open_work_order(**({"title": "换刀", "alarm": alarm, "at": NOON} | fields))


def _done(order: WorkOrder, user: User, at: datetime) -> WorkOrder:
    for step in order.steps.all():
        services.complete_step(step, user=user, at=at)
    return services.complete(order, user=user, note="已换", at=at)


def test_an_order_names_its_owner_its_day_its_steps_and_its_runbook(lin: User, admin_user: User) -> None:
    heard: list[dict[str, Any]] = []

    def hear(sender: Any, signal: Any, **facts: Any) -> None:
        heard.append(facts)

    signals = (events.work_order_created, events.work_order_completed)
    for signal in signals:
        signal.connect(hear, weak=False)
    alarm = _alarm()
    order = _order(
        alarm,
        owner=lin,
        user=admin_user,
        steps=["停机", " ", "换刀"],
        runbook="/docs/runbooks#tool",
        due_at=NOON + timedelta(days=1),
    )
    (message,) = Notification.objects.all()
    assert message.title == "工单: 换刀"
    for words in (
        "林工",
        "停机",
        "换刀",
        "/docs/runbooks#tool",
        "内径超差",
        "<@lin.qc>",
        f"/work-orders/{order.pk}",
    ):
        assert words in message.content
    _done(order, lin, NOON)
    for signal in signals:
        signal.disconnect(hear)
    assert [facts["work_order"]["status"] for facts in heard] == ["open", "done"]
    assert heard[0]["work_order"]["owner"] == lin.username
    assert [(event.kind, event.note) for event in alarm.events.all()][1:] == [
        ("ordered", f"开工单 #{order.pk} 换刀"),
        ("ordered", f"完成工单 #{order.pk} 换刀：已换"),
    ]


def test_there_is_one_open_order_per_alarm_and_it_ends_once(lin: User) -> None:
    alarm = _alarm()
    order = _order(alarm)
    with pytest.raises(Conflict):
        _order(alarm)
    services.cancel_work_order(order, user=lin, note="误报")
    for act in (services.complete, services.cancel_work_order):
        with pytest.raises(Conflict):
            act(order, user=lin)
    assert _order(alarm).is_open
    for wrong in ({"title": "  "}, {"steps": ["x"] * 51}, {"effect_days": 0}):
        with pytest.raises(AppError):
            _order(**wrong)


def test_steps_are_ticked_off_and_back_and_all_come_before_the_end(lin: User) -> None:
    order = _order(steps=["停机", "换刀"])
    first, second = order.steps.all()
    services.complete_step(first, user=lin, at=NOON)
    services.complete_step(first, user=lin, at=NOON + timedelta(hours=1))
    first.refresh_from_db()
    assert (first.done_at, first.done_by) == (NOON, lin)
    with pytest.raises(AppError, match="还有 1 个步骤"):
        services.complete(order, user=lin)
    services.complete_step(first, user=lin, is_done=False)
    with pytest.raises(AppError, match="还有 2 个步骤"):
        services.complete(order, user=lin)
    assert _done(order, lin, NOON).effect == "", "without an alarm there is nothing to judge by"
    with pytest.raises(Conflict):
        services.complete_step(second, user=lin, is_done=False)


def test_the_effect_is_judged_after_its_days_by_whether_the_alarm_came_back(
    lin: User, django_assert_max_num_queries: Any
) -> None:
    helped, failed, later = (_order(_alarm(key), effect_days=7) for key in ("good", "bad", "later"))
    done_at = NOON + timedelta(hours=1)
    for order in (helped, failed):
        _done(order, lin, done_at)
    _done(later, lin, NOON + timedelta(days=3))
    second = _done(_order(failed.alarm, effect_days=4), lin, done_at + timedelta(days=3))
    services.recover(["good", "bad"], at=done_at)
    _alarm_again = services.raise_alarm(
        AlarmRequest(key="bad", source="quality.IQC", title="又超差"), at=done_at + timedelta(days=2)
    )
    services.raise_alarm(
        AlarmRequest(key="good", source="quality.IQC", title="x"), at=done_at + timedelta(days=8)
    )
    assert services.check_due_effects(at=done_at + timedelta(days=6)) == 0
    with django_assert_max_num_queries(9):
        assert services.check_due_effects(at=done_at + timedelta(days=7)) == 3
    rows = [(order.key, order.effect, order.repeats) for order in WorkOrder.objects.order_by("pk")]
    assert rows == [
        ("good", "quiet", 0),
        ("bad", "repeated", 1),
        ("later", "waiting", 0),
        ("bad", "quiet", 0),  # the second try: what came back before it is not its failure
    ]
    assert second.alarm == failed.alarm
    assert failed.alarm is not None
    assert failed.alarm.events.last().note.endswith("无效：又发生了")


def test_an_overdue_order_is_reminded_of_once_a_day_while_it_is_open(lin: User) -> None:
    order = _order(owner=lin, user=lin, due_at=NOON)
    moments = [NOON, NOON + timedelta(minutes=1), NOON + timedelta(hours=12), NOON + timedelta(hours=25)]
    assert [services.remind_overdue(at=at) for at in moments] == [0, 1, 0, 1]
    message = Notification.objects.first()
    assert message is not None
    assert (message.template_name, "<@lin.qc>" in message.content) == ("work_order_overdue", True)
    services.complete(order, user=lin)
    assert services.remind_overdue(at=NOON + timedelta(days=9)) == 0
