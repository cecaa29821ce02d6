"""Who goes first, what is put off or over, and what one look at the queue costs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from notifications import jobs
from notifications.channels import Result
from notifications.choices import Reason, State
from notifications.models import Budget, Channel, Notification
from notifications.policy import Decision
from notifications.services import claiming, deliver_due, delivery, send_notification, statements
from notifications.services.lanes import Lanes
from spc_site.jobs import stop_requested
from tests.notifications.conftest import Clock, ScriptedChannel
from tests.query_counts import compare

pytestmark = pytest.mark.django_db

BUSY = Result(Decision.RETRY, explanation="忙")
LOST = Result(Decision.UNCERTAIN, explanation="没有答复")


def _send(text: str = "内容", target: str = "IQC", priority: int = 2, **fields: object) -> Notification:
    message_id = send_notification("标题", text, "wechat_bot", target, priority, **fields)  # type: ignore[arg-type]
    return Notification.objects.get(message_id=message_id)


def _backlog(count: int, **changes: object) -> None:
    """Write many rows like one, to as many groups as there are rows."""
    row = _send()
    shared = {
        field.attname: getattr(row, field.attname)
        for field in Notification._meta.concrete_fields
        if field.attname not in ("id", "message_id")
    }
    rows = (
        Notification(**(shared | {"message_id": uuid.uuid4().hex, "target": f"G{number % 50}"} | changes))
        for number in range(count - 1)
    )
    Notification.objects.bulk_create(rows, batch_size=500)


def _shown(channel: ScriptedChannel) -> list[str]:
    return [text for _target, text in channel.delivered]


# --- order ----------------------------------------------------------------------------------------


def test_an_urgent_one_is_never_behind_a_flood_of_overdue_ones(
    channel: ScriptedChannel, clock: Clock
) -> None:
    Channel.objects.update(rate_limit=10_000)
    for number in range(30):
        _send(f"P3 {number}", priority=3)
    clock(timedelta(hours=1))
    for number in range(3):
        _send(f"P1 {number}", priority=1)
    deliver_due()
    assert _shown(channel)[:3] == ["P1 0", "P1 1", "P1 2"]


def test_a_flood_of_urgent_ones_makes_the_last_late_but_never_starves_it(
    channel: ScriptedChannel, clock: Clock
) -> None:
    Channel.objects.update(rate_limit=10_000)
    _send("P5", priority=5)
    clock(timedelta(hours=1))
    for number in range(40):
        row = _send(f"P1 {number}", priority=1)
        Notification.objects.filter(pk=row.pk).update(due_at=clock.now, next_at=clock.now)
    deliver_due()
    assert _shown(channel).index("P5") <= 3


def test_a_spent_group_holds_up_no_other(channel: ScriptedChannel) -> None:
    channel.limit_bytes = 256
    for _ in range(60):
        _send("字" * 70, target="IQC", priority=1)
    _send("OQC", target="OQC", priority=5)
    deliver_due()
    assert _shown(channel).count("OQC") == 1
    assert len(channel.delivered) == 21


def test_what_is_put_off_is_not_looked_at_again_before_its_time(channel: ScriptedChannel) -> None:
    channel.limit_bytes = 256
    for _ in range(60):
        _send("字" * 70)
    deliver_due()
    with CaptureQueriesContext(connection) as queries:
        assert deliver_due() == 0
    assert len(queries) <= 4


def test_the_batch_size_is_a_setting(channel: ScriptedChannel) -> None:
    for number in range(5):
        _send(target=f"G{number}")
    assert len(claiming.claim("w", 3, Lanes()).rows) == 3


# --- parts ----------------------------------------------------------------------------------------


def test_each_part_keeps_its_own_text_under_the_heading(channel: ScriptedChannel) -> None:
    channel.limit_bytes = 300
    _send("### 长文\n" + "".join(f"第{number}行字字字字字字\n" for number in range(20)))
    rows = list(Notification.objects.order_by("part_no"))
    assert len(rows) > 1
    for number, row in enumerate(rows, start=1):
        assert row.content.startswith(f"### 长文 ({number}/{len(rows)})")
        assert row.content == row.payload
    assert "第0行" in rows[0].content
    assert "第0行" not in rows[1].content


def test_parts_leave_in_order_and_wait_for_one_that_has_to_try_again(
    channel: ScriptedChannel, clock: Clock
) -> None:
    channel.answers = [Result(Decision.SENT), BUSY]
    _send("一\f二\f三")
    deliver_due()
    assert _shown(channel) == ["一", "二"]
    clock(30)
    deliver_due()
    assert _shown(channel) == ["一", "二"]
    clock(60)
    deliver_due()
    assert _shown(channel) == ["一", "二", "二", "三"]


def test_a_part_in_another_process_s_hands_is_waited_for(channel: ScriptedChannel, clock: Clock) -> None:
    _send("一\f二")
    assert len(claiming.claim("other", 1, Lanes()).rows) == 1
    deliver_due()
    assert channel.delivered == []
    clock(61)
    deliver_due()
    assert _shown(channel) == ["一", "二"]


# --- the end of its time ----------------------------------------------------------------------------


def test_what_has_expired_is_not_sent(channel: ScriptedChannel, clock: Clock) -> None:
    row = _send(expires_at=clock.now + timedelta(minutes=5))
    clock(timedelta(minutes=6))
    deliver_due()
    row.refresh_from_db()
    assert (row.status, row.reason) == (State.SUPPRESSED, Reason.EXPIRED)
    assert channel.delivered == []


def test_what_was_tried_and_expires_has_failed(channel: ScriptedChannel, clock: Clock) -> None:
    channel.answers = [BUSY] * 9
    row = _send(expires_at=clock.now + timedelta(seconds=30))
    deliver_due()
    clock(90)
    deliver_due()
    row.refresh_from_db()
    assert (row.status, row.reason) == (State.DEAD, Reason.EXPIRED)


def test_what_is_held_ends_when_it_expires(channel: ScriptedChannel, clock: Clock) -> None:
    channel.answers = [Result(Decision.CHANNEL_DEAD)]
    row = _send(expires_at=clock.now + timedelta(hours=1))
    deliver_due()
    clock(timedelta(hours=2))
    jobs.release_mended_job()
    row.refresh_from_db()
    assert (row.status, row.reason) == (State.DEAD, Reason.EXPIRED)


# --- retries ----------------------------------------------------------------------------------------


def test_a_channel_has_its_own_pauses_and_number_of_retries(channel: ScriptedChannel, clock: Clock) -> None:
    Channel.objects.update(base_delay_s=10, backoff_factor=3, max_delay_s=60, max_retries=4)
    channel.answers = [BUSY] * 9
    row = _send()
    waits = []
    for _ in range(4):
        deliver_due()
        row.refresh_from_db()
        waits.append((row.next_at - clock.now).total_seconds())
        clock(waits[-1] + 0.1)
    deliver_due()
    row.refresh_from_db()
    for wait, middle in zip(waits, (10, 30, 60, 60), strict=True):
        assert 0.89 * middle <= wait <= 1.11 * middle
    assert (row.status, row.reason, len(channel.delivered)) == (State.DEAD, Reason.RETRIES_USED, 5)


def test_a_lost_answer_is_asked_for_again_without_a_double_where_that_is_recognised(
    channel: ScriptedChannel, clock: Clock
) -> None:
    channel.answers = [Result(Decision.UNCERTAIN, is_repeatable=True)] * 2
    row = _send()
    for _ in range(3):
        deliver_due()
        clock(300)
    row.refresh_from_db()
    assert (row.status, row.possible_duplicate) == (State.SENT, False)
    assert len(set(_shown(channel))) == 1


# --- the clock ---------------------------------------------------------------------------------------


def test_a_retry_does_not_wait_for_an_hour_that_comes_twice(channel: ScriptedChannel, clock: Clock) -> None:
    channel.answers = [BUSY]
    row = _send()
    clock(timedelta(hours=3))
    Notification.objects.update(next_at=clock.now)
    deliver_due()
    clock(timedelta(hours=-3))
    assert deliver_due() == 0
    jobs.release_mended_job()
    deliver_due()
    row.refresh_from_db()
    assert row.status == State.SENT


def test_a_budget_from_the_future_counts_as_just_used(channel: ScriptedChannel, clock: Clock) -> None:
    channel.limit_bytes = 256
    clock(timedelta(hours=1))
    for _ in range(25):
        _send("字" * 70)
    deliver_due()
    clock(timedelta(hours=-1))
    deliver_due()
    assert len(channel.delivered) == 20
    jobs.release_mended_job()
    clock(62)
    Notification.objects.filter(status=State.PENDING).update(next_at=clock.now)
    deliver_due()
    assert len(channel.delivered) == 25


def test_what_was_to_go_at_once_goes_when_the_clock_has_gone_back(
    channel: ScriptedChannel, clock: Clock
) -> None:
    clock.of_the_rows_too()
    _send()
    clock(timedelta(hours=-3))
    assert deliver_due() == 0
    jobs.release_mended_job()
    assert deliver_due() == 1


def test_a_rest_ends_as_early_as_before_when_the_clock_has_gone_back(
    channel: ScriptedChannel, clock: Clock
) -> None:
    channel.answers = [Result(Decision.WAIT, wait_s=100)]
    _send()
    deliver_due()
    clock(timedelta(hours=-3))
    jobs.release_mended_job()
    assert deliver_due() == 0
    clock(102)
    jobs.release_mended_job()
    assert deliver_due() == 1


def test_a_time_that_somebody_chose_is_kept_whatever_the_clock_does(
    channel: ScriptedChannel, clock: Clock
) -> None:
    _send(not_before=clock.now + timedelta(days=2))
    jobs.release_mended_job()
    assert deliver_due() == 0


def test_a_lease_from_before_the_clock_went_back_is_over(channel: ScriptedChannel, clock: Clock) -> None:
    row = _send()
    clock(timedelta(hours=1))
    claiming.claim("gone", 10, Lanes())
    clock(timedelta(hours=-1))
    deliver_due()
    row.refresh_from_db()
    assert row.status == State.SENT


@pytest.mark.django_db(transaction=True)
def test_outside_of_any_transaction_rows_are_put_off_held_and_ended(
    channel: ScriptedChannel, clock: Clock
) -> None:
    channel.limit_bytes = 256
    over = _send(target="OQC", expires_at=clock.now + timedelta(seconds=1))
    clock(2)
    for _ in range(25):
        _send("字" * 70)
    channel.answers = [Result(Decision.SENT)] * 19 + [Result(Decision.CHANNEL_DEAD)]
    deliver_due()
    clock(62)
    deliver_due()
    over.refresh_from_db()
    assert over.status == State.SUPPRESSED
    assert Notification.objects.filter(status=State.HELD).count() == 6


# --- being stopped -------------------------------------------------------------------------------------


@pytest.fixture
def stopped() -> Iterator[None]:
    yield
    stop_requested.clear()


def test_a_worker_that_is_told_to_end_gives_its_rows_back(channel: ScriptedChannel, stopped: None) -> None:
    def stop() -> Result:
        stop_requested.set()
        return Result(Decision.SENT)

    channel.answers = [stop]
    rows = [_send(target=f"G{number}") for number in range(4)]
    deliver_due()
    states = {row.pk: row.status for row in Notification.objects.filter(pk__in=[row.pk for row in rows])}
    assert sorted(states.values()) == [State.PENDING] * 3 + [State.SENT]
    assert not Notification.objects.exclude(lease_owner="").exists()


def test_a_database_error_ends_the_drain_and_leaves_one_unsure_message(
    channel: ScriptedChannel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        _send(target=f"G{number}")

    def broken(*_: object) -> list[object]:
        raise DatabaseError("disk is full")

    with monkeypatch.context() as patch, pytest.raises(DatabaseError):
        patch.setattr(statements, "_values_of_sent", broken)
        deliver_due()
    assert len(channel.delivered) == 1
    clock(61)
    deliver_due()
    assert not Notification.objects.exclude(status=State.SENT).exists()
    assert Notification.objects.filter(possible_duplicate=True).count() == 1
    assert len(channel.delivered) == 5


_BORDERS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")

# --- costs -------------------------------------------------------------------------------------------


def test_what_a_message_costs_in_statements(channel: ScriptedChannel) -> None:
    Channel.objects.update(rate_limit=1_000_000)
    for _ in range(50):
        _send()
    Budget.objects.create(name="test:IQC")
    with CaptureQueriesContext(connection) as queries:
        assert deliver_due() == 50
    own = [query["sql"] for query in queries if not query["sql"].startswith(_BORDERS)]
    compare("notifications.deliver 50", len(own))
    assert len(own) / 50 < (2 if connection.vendor == "postgresql" else 5)


def test_one_look_costs_the_same_statements_whatever_waits(channel: ScriptedChannel) -> None:
    Channel.objects.update(rate_limit=1_000_000)
    counts = []
    for size in (100, 3000):
        _backlog(size)
        with CaptureQueriesContext(connection) as queries:
            claiming.claim("w", 10, Lanes())
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_front_is_read_through_its_index(channel: ScriptedChannel) -> None:
    _backlog(3000)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE notifications_notification")
    with CaptureQueriesContext(connection) as queries:
        statements.front(delivery.clock.now(), 10, ("channel",))
    sql = queries[-1]["sql"]
    with connection.cursor() as cursor:
        explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {sql}")
        plan = " ".join(str(line) for line in cursor.fetchall())
    assert plan.count("notifications_ready") == 5
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
