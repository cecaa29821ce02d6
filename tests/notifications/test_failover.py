"""Pools of robots, further ways, and what is held when there is none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from notifications.channels import Result
from notifications.choices import Reason, State
from notifications.models import Budget, Channel, Notification
from notifications.policy import Decision
from notifications.routing import Way
from notifications.services import deliver_due, mend, release_mended, resend, send_notification
from tests.notifications.conftest import Clock, ScriptedChannel

pytestmark = pytest.mark.django_db

DEAD = Result(Decision.CHANNEL_DEAD, explanation="key 无效", errcode=93000)
BUSY = Result(Decision.RETRY, explanation="忙")
LOST = Result(Decision.UNCERTAIN, explanation="没有答复")


def _send(*reserves: Way, priority: int = 2, text: str = "内容", **fields: object) -> Notification:
    ways = reserves or (Way("sms", "138"),)
    message_id = send_notification("标题", text, "wechat_bot", "IQC", priority, fallbacks=ways, **fields)  # type: ignore[arg-type]
    return Notification.objects.get(message_id=message_id)


def _again(row: Notification) -> Notification:
    row.refresh_from_db()
    return row


# --- pools ------------------------------------------------------------------------------------


def test_the_next_robot_of_the_group_takes_what_the_first_has_no_place_for(channel: ScriptedChannel) -> None:
    channel.robots = 3
    channel.limit_bytes = 256  # no two fit into one message
    Channel.objects.update(rate_limit=2)
    for _ in range(6):
        send_notification("标题", "字" * 70, "wechat_bot", "IQC")
    deliver_due()
    assert channel.used == ["test:IQC"] * 2 + ["test:IQC:2"] * 2 + ["test:IQC:3"] * 2


def test_a_dead_robot_costs_nobody_a_retry_while_another_lives(channel: ScriptedChannel) -> None:
    channel.robots = 2
    channel.answers = [DEAD]
    row = _send()
    deliver_due()
    assert (_again(row).status, row.retry_count, row.channel) == (State.SENT, 0, "wechat_bot")
    assert channel.used == ["test:IQC", "test:IQC:2"]
    other = _send()
    deliver_due()
    assert _again(other).status == State.SENT
    assert channel.used[-1] == "test:IQC:2"


def test_a_refused_robot_rests_while_the_next_goes_on(channel: ScriptedChannel, clock: Clock) -> None:
    channel.robots = 2
    channel.answers = [Result(Decision.WAIT, errcode=45009)]
    row = _send()
    deliver_due()
    assert _again(row).status == State.SENT
    assert channel.used == ["test:IQC", "test:IQC:2"]
    clock(61)
    _send()
    deliver_due()
    assert channel.used[-1] == "test:IQC"


def test_a_rest_is_as_long_as_the_other_side_says(channel: ScriptedChannel, clock: Clock) -> None:
    channel.answers = [Result(Decision.WAIT, wait_s=300)]
    row = _send()
    row.fallbacks = []
    row.save()
    deliver_due()
    clock(290)
    assert deliver_due() == 0
    clock(11)
    assert deliver_due() == 1
    assert _again(row).status == State.SENT


def test_a_group_is_dead_when_its_last_robot_is(channel: ScriptedChannel) -> None:
    channel.robots = 2
    channel.answers = [DEAD, DEAD]
    message_id = send_notification("标题", "内容", "wechat_bot", "IQC")
    deliver_due()
    row = Notification.objects.get(message_id=message_id)
    assert (row.status, row.reason) == (State.HELD, Reason.CHANNEL_DEAD)
    mend(Budget.objects.get(name="test:IQC:2"))
    deliver_due()
    assert _again(row).status == State.SENT
    assert channel.used[-1] == "test:IQC:2"


def test_what_the_recipients_cannot_take_waits_and_uses_no_place(
    channel: ScriptedChannel, clock: Clock
) -> None:
    channel.admits_after_s = 90
    row = _send()
    assert deliver_due() == 0
    assert (_again(row).status, row.reason) == (State.PENDING, Reason.RATE)
    assert not any(budget.sent_at for budget in Budget.objects.all())
    channel.admits_after_s = 0
    clock(91)
    assert deliver_due() == 1


# --- the next way -------------------------------------------------------------------------------


def test_a_dead_channel_s_message_takes_the_next_way_once_with_its_history(
    channel: ScriptedChannel, reserve: ScriptedChannel
) -> None:
    channel.answers = [DEAD]
    row = _send()
    deliver_due()
    assert (_again(row).status, row.channel, row.target) == (State.SENT, "sms", "138")
    assert len(channel.delivered) == len(reserve.delivered) == 1
    assert list(row.attempts.values_list("channel", "outcome")) == [
        ("wechat_bot", "channel_dead"),
        ("sms", "sent"),
    ]
    event = row.events.get(kind="failed_over")
    assert "wechat_bot IQC → sms 138" in event.note
    assert not row.possible_duplicate


def test_later_messages_take_the_first_way_again_when_it_is_mended(
    channel: ScriptedChannel, reserve: ScriptedChannel
) -> None:
    channel.answers = [DEAD]
    _send()
    second = _send()
    deliver_due()
    assert _again(second).channel == "sms"
    mend(Budget.objects.get(name="test:IQC"))
    third = _send()
    deliver_due()
    assert (_again(third).status, third.channel) == (State.SENT, "wechat_bot")


def test_it_is_written_anew_for_its_next_channel_and_parts_get_rows(
    channel: ScriptedChannel, reserve: ScriptedChannel
) -> None:
    reserve.limit_bytes = 300
    channel.answers = [DEAD]
    _send(text="### 长\n" + "字字字字字\n" * 40)
    deliver_due()
    rows = Notification.objects.order_by("part_no")
    assert {row.channel for row in rows} == {"sms"}
    assert [row.part_no for row in rows] == list(range(1, rows[0].part_count + 1))
    assert rows[0].part_count > 1
    assert [text for _, text in reserve.delivered] == [row.payload for row in rows]


def test_retries_used_up_lead_to_the_next_way_and_only_then_to_the_end(
    channel: ScriptedChannel, reserve: ScriptedChannel, clock: Clock
) -> None:
    Channel.objects.filter(code="wechat_bot").update(max_retries=1)
    channel.answers = [BUSY] * 2
    reserve.answers = [BUSY] * 9
    row = _send(priority=5)
    for _ in range(9):
        deliver_due()
        clock(timedelta(minutes=8))
    assert (_again(row).status, row.reason) == (State.DEAD, Reason.RETRIES_USED)
    assert len(channel.delivered) == 2
    assert len(reserve.delivered) == 1 + row.max_retries


def test_a_message_that_fails_until_it_is_late_does_not_wait_for_its_next_retry(
    channel: ScriptedChannel, reserve: ScriptedChannel, clock: Clock
) -> None:
    Channel.objects.update(base_delay_s=3000)
    channel.answers = [BUSY] * 9
    row = _send(priority=1)
    deliver_due()
    clock(timedelta(minutes=3, seconds=1))
    deliver_due()
    assert (_again(row).status, row.channel) == (State.SENT, "sms")


def test_a_message_that_waits_too_long_for_a_place_takes_the_next_way(
    channel: ScriptedChannel, reserve: ScriptedChannel, clock: Clock
) -> None:
    channel.answers = [Result(Decision.WAIT, wait_s=3600)]
    row = _send(priority=1)
    for _ in range(5):
        deliver_due()
        clock(61)
    assert (_again(row).status, row.channel) == (State.SENT, "sms")
    assert "已延误" in row.events.get(kind="failed_over").note


def test_after_a_lost_answer_it_goes_another_way_only_as_possible_double(
    channel: ScriptedChannel, reserve: ScriptedChannel, clock: Clock
) -> None:
    channel.answers = [LOST, LOST]
    row = _send(priority=5)
    deliver_due()
    clock(70)
    deliver_due()
    assert (_again(row).status, row.channel, row.possible_duplicate) == (State.SENT, "sms", True)


def test_without_a_way_that_lives_it_is_held_and_goes_on_with_whichever_is_mended_first(
    channel: ScriptedChannel, reserve: ScriptedChannel
) -> None:
    channel.answers = [DEAD]
    reserve.answers = [DEAD]
    row = _send()
    deliver_due()
    assert (_again(row).status, row.channel) == (State.HELD, "sms")
    assert release_mended() == 0
    mend(Budget.objects.get(name="test:IQC"))
    deliver_due()
    assert (_again(row).status, row.channel) == (State.SENT, "wechat_bot")


def test_a_disabled_channel_s_messages_take_the_next_way(
    channel: ScriptedChannel, reserve: ScriptedChannel
) -> None:
    row = _send()
    Channel.objects.filter(code="wechat_bot").update(is_enabled=False)
    deliver_due()
    assert (_again(row).status, row.channel) == (State.SENT, "sms")
    assert channel.delivered == []


def test_a_resend_begins_on_the_first_way_again(
    channel: ScriptedChannel, reserve: ScriptedChannel, admin_user: User
) -> None:
    channel.answers = [DEAD]
    reserve.answers = [Result(Decision.DEAD, explanation="空号")]
    row = _send()
    deliver_due()
    assert _again(row).status == State.DEAD
    mend(Budget.objects.get(name="test:IQC"))
    new = resend(row, user=admin_user)
    assert (new.channel, new.target) == ("wechat_bot", "IQC")
    assert new.fallbacks == [{"channel": "sms", "target": "138"}]
    deliver_due()
    assert _again(new).status == State.SENT


# --- tests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [DEAD, BUSY])
def test_a_test_send_is_tried_once_and_takes_no_other_way(
    channel: ScriptedChannel, reserve: ScriptedChannel, answer: Result
) -> None:
    row = _send()
    Notification.objects.update(is_test=True)
    channel.answers = [answer]
    deliver_due()
    assert _again(row).status == State.DEAD
    assert row.error_message == answer.explanation
    assert reserve.delivered == []
