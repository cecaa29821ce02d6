from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from notifications import policy
from notifications.channels import Result, base
from notifications.choices import Reason, State
from notifications.models import Budget, Channel, DeliveryAttempt, Notification, NotificationTemplate
from notifications.policy import Decision
from notifications.services import (
    cancel,
    claiming,
    deliver_due,
    delivery,
    mend,
    release_mended,
    resend,
    send_notification,
    send_template_notification,
)
from notifications.services.lanes import Lanes
from spc_site.errors import AppError, Conflict
from tests.notifications.conftest import Clock, ScriptedChannel

pytestmark = pytest.mark.django_db


def _send(**fields: object) -> Notification:
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC", **fields)  # type: ignore[arg-type]
    return Notification.objects.get(message_id=message_id)


def _state(row: Notification) -> tuple[str, str]:
    row.refresh_from_db()
    return row.status, row.reason


def test_what_is_due_is_sent_once_and_its_attempt_recorded(channel: ScriptedChannel) -> None:
    row = _send()
    channel.answers = [Result(Decision.SENT, http_status=200, errcode=0, answer="ok")]
    assert deliver_due() == 1
    assert deliver_due() == 0
    assert _state(row) == (State.SENT, Reason.NONE)
    attempt = row.attempts.get()
    assert (attempt.number, attempt.outcome, attempt.errcode, attempt.http_status) == (1, "sent", 0, 200)
    assert attempt.duration_ms is not None
    assert row.sent_at is not None
    assert channel.delivered == [("IQC", "内容")]


def test_a_refusal_is_the_end_of_the_message_with_its_words(channel: ScriptedChannel) -> None:
    row = _send()
    channel.answers = [Result(Decision.DEAD, explanation="内容为空", errcode=44004, reason=Reason.REFUSED)]
    deliver_due()
    assert _state(row) == (State.DEAD, Reason.REFUSED)
    assert row.error_message == "内容为空"


def test_a_passing_failure_is_retried_with_growing_pauses_then_dead(
    channel: ScriptedChannel, clock: Clock
) -> None:
    row = _send()
    channel.answers = [Result(Decision.RETRY, explanation="忙")] * 4
    waits = []
    for _ in range(3):
        deliver_due()
        row.refresh_from_db()
        assert (row.status, row.reason) == (State.PENDING, Reason.TRANSIENT)
        waits.append((row.next_at - delivery.clock.now()).total_seconds())
        assert deliver_due() == 0
        clock(timedelta(seconds=waits[-1] + 1))
    assert [round(wait / 60) for wait in waits] == [1, 2, 4]
    deliver_due()
    assert _state(row) == (State.DEAD, Reason.RETRIES_USED)
    assert len(channel.delivered) == 4


def test_a_rate_refusal_rests_the_robot_a_full_minute_and_costs_no_retry(
    channel: ScriptedChannel, clock: Clock
) -> None:
    first, second = _send(), _send()
    channel.answers = [Result(Decision.WAIT, errcode=45009)]
    assert deliver_due() == 1
    assert _state(first) == (State.PENDING, Reason.RATE)
    assert _state(second) == (State.PENDING, Reason.RATE)
    assert first.retry_count == 0
    clock(timedelta(seconds=59))
    assert deliver_due() == 0
    clock(timedelta(seconds=2))
    assert deliver_due() == 2
    assert _state(first)[0] == _state(second)[0] == State.SENT


def test_never_more_than_the_limit_in_any_sixty_seconds(channel: ScriptedChannel, clock: Clock) -> None:
    sent_at: list[float] = []

    def note() -> Result:
        sent_at.append(delivery.clock.now().timestamp())
        return Result(Decision.SENT)

    channel.answers = [note] * 50
    channel.limit_bytes = 256
    for _ in range(50):  # each too long to share a message
        send_notification("标题", "字" * 70, "wechat_bot", "IQC")
    for _ in range(40):
        deliver_due()
        clock(timedelta(seconds=5))
    assert len(sent_at) == 50
    for start in sent_at:
        assert sum(start <= at < start + 60 for at in sent_at) <= 20


def test_a_dead_channel_holds_its_messages_and_they_go_on_after_the_fix(channel: ScriptedChannel) -> None:
    first, second = _send(), _send()
    channel.answers = [Result(Decision.CHANNEL_DEAD, explanation="key 无效", errcode=93000)]
    deliver_due()
    assert _state(first) == (State.HELD, Reason.CHANNEL_DEAD)
    assert _state(second) == (State.HELD, Reason.CHANNEL_DEAD)
    assert len(channel.delivered) == 1
    assert release_mended() == 0
    assert mend(Budget.objects.get()) == 2
    deliver_due()
    assert _state(first)[0] == _state(second)[0] == State.SENT


def test_what_was_held_for_want_of_a_setting_goes_on_when_it_is_given(channel: ScriptedChannel) -> None:
    row = _send()
    Channel.objects.update(is_enabled=False)
    deliver_due()
    assert release_mended() == 0
    Channel.objects.update(is_enabled=True)
    assert release_mended() == 1
    deliver_due()
    assert _state(row)[0] == State.SENT


def test_a_message_written_before_its_channel_had_a_driver_is_composed_when_it_has(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(base._REGISTRY, "email")
    send_notification("标题", "内容", "email", "138")
    assert release_mended() == 0
    monkeypatch.setitem(base._REGISTRY, "email", lambda: channel)
    assert release_mended() == 1
    deliver_due()
    assert channel.delivered == [("138", "内容")]


def test_a_lost_answer_is_sent_again_once_and_marked_then_waits_for_a_person(
    channel: ScriptedChannel, clock: Clock
) -> None:
    row = _send()
    channel.answers = [Result(Decision.UNCERTAIN)] * 2
    deliver_due()
    assert _state(row) == (State.PENDING, Reason.ANSWER_LOST)
    assert row.possible_duplicate
    clock(timedelta(minutes=2))
    deliver_due()
    assert _state(row) == (State.UNCERTAIN, Reason.ANSWER_LOST)
    clock(timedelta(hours=2))
    assert deliver_due() == 0


def test_a_killed_sender_leaves_its_message_to_the_next_marked_as_possible_double(
    channel: ScriptedChannel, clock: Clock
) -> None:
    row = _send()

    def killed() -> Result:
        raise SystemExit

    channel.answers = [killed]
    with pytest.raises(SystemExit):
        deliver_due()
    assert _state(row)[0] == State.SENDING
    assert deliver_due() == 0
    clock(timedelta(seconds=61))
    assert deliver_due() == 1
    row.refresh_from_db()
    assert (row.status, row.possible_duplicate) == (State.SENT, True)
    assert list(row.attempts.values_list("outcome", flat=True)) == ["uncertain", "sent"]


def test_one_killed_between_claim_and_send_doubles_nothing(channel: ScriptedChannel, clock: Clock) -> None:
    row = _send()
    claiming.claim("gone", 10, Lanes())
    clock(timedelta(seconds=61))
    deliver_due()
    row.refresh_from_db()
    assert (row.status, row.possible_duplicate) == (State.SENT, False)


def test_a_fault_of_our_own_keeps_the_message_and_the_neighbours_go_on(channel: ScriptedChannel) -> None:
    def broken() -> Result:
        raise KeyError("bug")

    first, second = _send(), _send()
    channel.answers = [broken]
    deliver_due()
    assert _state(first) == (State.PENDING, Reason.ANSWER_LOST)
    assert _state(second)[0] == State.SENT


def test_a_success_counts_even_when_the_lease_was_lost(channel: ScriptedChannel) -> None:
    row = _send()

    def slow() -> Result:
        Notification.objects.filter(pk=row.pk).update(lease_owner="somebody else")
        return Result(Decision.SENT)

    channel.answers = [slow]
    deliver_due()
    assert _state(row)[0] == State.SENT
    assert len(channel.delivered) == 1


def test_a_failure_after_the_lease_was_lost_changes_nothing(channel: ScriptedChannel) -> None:
    row = _send()

    def slow() -> Result:
        Notification.objects.filter(pk=row.pk).update(lease_owner="somebody else")
        return Result(Decision.DEAD)

    channel.answers = [slow]
    deliver_due()
    assert _state(row)[0] == State.SENDING


def test_a_disabled_channel_holds_what_was_pending(channel: ScriptedChannel) -> None:
    row = _send()
    Channel.objects.update(is_enabled=False)
    deliver_due()
    assert _state(row) == (State.HELD, Reason.CHANNEL_DISABLED)
    assert channel.delivered == []


def test_health_tells_the_last_success_and_the_failures_in_a_row(channel: ScriptedChannel) -> None:
    channel.answers = [Result(Decision.DEAD, explanation="拒收")] * 2
    for _ in range(2):
        _send()
    deliver_due()
    health = Channel.objects.get(code="wechat_bot")
    assert (health.consecutive_failures, health.last_error) == (2, "拒收")
    _send()
    deliver_due()
    health.refresh_from_db()
    assert health.consecutive_failures == 0
    assert health.last_ok_at is not None


def test_urgent_messages_leave_first(channel: ScriptedChannel) -> None:
    for priority in (5, 1, 3):
        send_notification("标题", f"P{priority}", "wechat_bot", "IQC", priority)
    deliver_due()
    assert [payload for _, payload in channel.delivered] == ["P1", "P3", "P5"]


def test_a_message_that_may_have_been_shown_is_resent_only_when_confirmed(
    channel: ScriptedChannel, admin_user: User
) -> None:
    row = _send()
    deliver_due()
    with pytest.raises(AppError) as caught:
        resend(row, user=admin_user)
    assert caught.value.code == "would_double"
    new = resend(row, user=admin_user, confirmed=True)
    assert new.resent_from == row
    deliver_due()
    assert len(channel.delivered) == 2
    with pytest.raises(Conflict):
        resend(row, user=admin_user, confirmed=True)


def test_one_that_waits_is_not_resent(channel: ScriptedChannel, admin_user: User) -> None:
    with pytest.raises(Conflict):
        resend(_send(), user=admin_user)


def test_a_dead_letter_of_a_broken_template_goes_after_the_template_is_mended(
    channel: ScriptedChannel, admin_user: User
) -> None:
    template = NotificationTemplate.objects.get(template_name="meeting_reminder", language="zh-hans")
    good = template.content_template
    NotificationTemplate.objects.update(content_template="{typo}")
    variables = {"meeting_title": "周会", "meeting_time": "周一", "location": "二楼"}
    dead = Notification.objects.get(
        message_id=send_template_notification("meeting_reminder", "IQC", variables)
    )
    NotificationTemplate.objects.update(content_template=good)
    resend(dead, user=admin_user)
    deliver_due()
    assert channel.delivered == [("IQC", "会议：周会\n时间：周一\n地点：二楼")]
    assert [event.kind for event in dead.events.all()] == ["resent"]


def test_a_waiting_message_can_be_called_off_and_a_sent_one_cannot(
    channel: ScriptedChannel, admin_user: User
) -> None:
    row = _send()
    cancel(row, user=admin_user)
    assert _state(row) == (State.CANCELLED, Reason.BY_PERSON)
    deliver_due()
    assert channel.delivered == []
    sent = _send()
    deliver_due()
    with pytest.raises(Conflict):
        cancel(sent, user=admin_user)


def test_an_attempt_number_is_given_once(channel: ScriptedChannel) -> None:
    row = _send()
    deliver_due()
    assert DeliveryAttempt.objects.filter(notification=row).count() == 1


# --- a message that kills who sends it ----------------------------------------------------------


class _Killed(BaseException):
    """The end of a process, in a test: nothing of the drain goes on."""


def _dies() -> Result:
    raise _Killed


def _kill_a_worker(clock: Clock) -> None:
    with pytest.raises(_Killed):
        deliver_due()
    clock(policy.LEASE + timedelta(seconds=1))


def test_a_message_that_kills_its_senders_waits_for_a_person(channel: ScriptedChannel, clock: Clock) -> None:
    row = _send()
    channel.answers = [_dies] * 9
    for _ in range(policy.UNCERTAIN_RESENDS + 1):
        _kill_a_worker(clock)
    for _ in range(3):
        assert deliver_due() == 0
        clock(timedelta(minutes=10))
    assert _state(row) == (State.UNCERTAIN, Reason.LEASE_EXPIRED)
    assert row.possible_duplicate
    assert row.lease_until is None
    assert [attempt.outcome for attempt in row.attempts.all()] == ["uncertain"] * (
        policy.UNCERTAIN_RESENDS + 1
    )
    assert len(channel.delivered) == policy.UNCERTAIN_RESENDS + 1


def test_what_was_lost_once_with_its_sender_is_sent_again_marked(
    channel: ScriptedChannel, clock: Clock
) -> None:
    row = _send()
    channel.answers = [_dies]
    _kill_a_worker(clock)
    assert deliver_due() == 1
    assert _state(row) == (State.SENT, Reason.NONE)
    assert row.possible_duplicate


def test_neighbours_of_a_message_that_kills_are_sent(channel: ScriptedChannel, clock: Clock) -> None:
    bad, *others = _send(), _send(), _send()
    channel.answers = [_dies]
    _kill_a_worker(clock)
    channel.answers = [_dies]  # it is the oldest, so it is taken first again
    _kill_a_worker(clock)
    assert deliver_due() == len(others)
    assert _state(bad) == (State.UNCERTAIN, Reason.LEASE_EXPIRED)
    assert {_state(row) for row in others} == {(State.SENT, Reason.NONE)}
    assert not any(row.possible_duplicate for row in others)
