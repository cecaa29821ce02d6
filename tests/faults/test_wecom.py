"""F13–F16, F19–F22, F24: what WeCom, the network, the clock and our own people do to a message.

In one process, through the real HTTP client, against the sandbox; the clock leaps over the waits.
Bounds: lost 0; doubled 0, but at most one for each answer that was lost, and that one is marked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from notifications.choices import Reason, State
from notifications.jobs import release_mended_job
from notifications.models import Budget, Channel, DeliveryAttempt, Notification, NotificationTemplate
from notifications.services import mend, resend, send_template_notification
from spc_site import clock
from tests.faults.drill import MARKER, Drill
from wecom.sandbox import Mode

pytestmark = pytest.mark.django_db

MINUTE_S = 60.0


def assert_all_sent_once(drill: Drill) -> None:
    verdict = drill.verdict()
    assert verdict.states == {State.SENT: verdict.created}
    assert (verdict.lost, verdict.doubled, verdict.flagged) == (0, 0, 0)


def test_f13_a_third_of_the_calls_failing_costs_retries_alone(wide_drill: Drill) -> None:
    wide_drill.create(40)
    wide_drill.server.fail(Mode.HTTP, status=500, share=0.3)
    wide_drill.deliver_all()
    verdict = wide_drill.verdict()
    assert verdict.states.keys() <= {State.SENT, State.DEAD}
    assert (verdict.lost, verdict.doubled, verdict.flagged) == (0, 0, 0)
    dead = Notification.objects.filter(status=State.DEAD)
    assert set(dead.values_list("reason", "retry_count")) <= {(Reason.RETRIES_USED, 3)}
    assert dead.count() <= 4  # 0.3 ** 4 of 40 is a third of one
    assert DeliveryAttempt.objects.filter(http_status=500, outcome="retry").exists()


def test_f13_an_outage_of_minutes_is_ridden_out_by_the_backoff(wide_drill: Drill) -> None:
    wide_drill.create(10)
    wide_drill.server.fail(Mode.HTTP, status=500, seconds=5 * MINUTE_S)
    began = wide_drill.time()
    wide_drill.deliver_all()
    assert wide_drill.time() - began < 9 * MINUTE_S
    assert_all_sent_once(wide_drill)
    assert set(Notification.objects.values_list("retry_count", flat=True)) <= {2, 3}
    channel = Channel.objects.get(code="wechat_bot")
    assert channel.last_error and channel.consecutive_failures == 0  # seen, and seen to be over


def refused(drill: Drill, _settings: Any) -> Callable[[], None]:
    drill.server.stop()
    return drill.server.start


def name_unknown(_drill: Drill, settings: Any) -> Callable[[], None]:
    right = settings.WEBHOOK_BASE_URL
    settings.WEBHOOK_BASE_URL = "http://localhost.invalid/cgi-bin/webhook/send?key="
    return lambda: setattr(settings, "WEBHOOK_BASE_URL", right)


@pytest.mark.parametrize("cut", [refused, name_unknown])
def test_f14_a_network_that_is_away_costs_retries_alone(
    wide_drill: Drill, settings: Any, cut: Callable[[Drill, Any], Callable[[], None]]
) -> None:
    wide_drill.create(5)
    mended = cut(wide_drill, settings)
    wide_drill.deliver()
    assert set(Notification.objects.values_list("status", "reason", "possible_duplicate")) == {
        (State.PENDING, Reason.TRANSIENT, False)
    }
    assert all(Notification.objects.values_list("error_message", flat=True))  # in words for people
    mended()
    wide_drill.deliver_all()
    assert_all_sent_once(wide_drill)


def test_f14_a_connection_reset_is_marked_since_nobody_can_know(wide_drill: Drill) -> None:
    wide_drill.create(5)
    wide_drill.server.fail(Mode.DROP_BEFORE, times=2)
    wide_drill.deliver_all()
    verdict = wide_drill.verdict()
    assert verdict.states == {State.SENT: 5}
    assert (verdict.lost, verdict.doubled, verdict.flagged) == (0, 0, 2)


@pytest.mark.parametrize("mode", [Mode.DELAY, Mode.DROP_AFTER, Mode.CUT_JSON])
def test_f15_f19_an_answer_that_is_lost_doubles_at_most_once_and_marked(
    wide_drill: Drill, mode: Mode
) -> None:
    Channel.objects.update(timeout_s=1)
    wide_drill.create(3)
    wide_drill.server.fail(mode, times=1, **({"delay_s": 1.5} if mode is Mode.DELAY else {}))
    wide_drill.deliver_all()
    verdict = wide_drill.verdict()
    assert verdict.states == {State.SENT: 3}
    assert (verdict.lost, verdict.doubled, verdict.flagged, verdict.unflagged) == (0, 1, 1, 0)


@pytest.mark.parametrize(("mode", "taken"), [(Mode.HTML, False), (Mode.HTML, True), (Mode.CUT_JSON, True)])
def test_f15_f19_answers_lost_again_and_again_leave_the_message_to_a_person(
    wide_drill: Drill, mode: Mode, taken: bool, admin_user: User
) -> None:
    wide_drill.create(2)
    fault = wide_drill.server.fail(mode, taken=taken)
    wide_drill.deliver_all()
    verdict = wide_drill.verdict()
    assert verdict.states == {State.UNCERTAIN: 2}  # the list that a person looks through
    assert (verdict.lost, verdict.doubled, verdict.flagged) == (0, 2 * taken, 2)
    assert set(Notification.objects.values_list("reason", flat=True)) == {Reason.ANSWER_LOST}
    wide_drill.server.mend(fault)
    resend(wide_drill.row("M00001"), user=admin_user, confirmed=True)
    wide_drill.deliver()
    assert wide_drill.server.messages[-1].shown


def test_f16_the_limit_is_kept_whatever_waits_and_every_row_knows_its_time(drill: Drill) -> None:
    drill.create(50, priority=3, group="G001")
    began = drill.time()
    drill.deliver()
    waiting = Notification.objects.filter(status=State.PENDING)
    assert set(waiting.values_list("reason", flat=True)) <= {Reason.RATE, Reason.GATHERING}
    assert all(row.next_at > clock.now() for row in waiting)  # "will go at …"
    drill.deliver_all()
    assert_all_sent_once(drill)
    assert drill.server.counts["refused"] == 0
    assert drill.most_in_a_minute() <= 20
    assert drill.time() - began < 4 * MINUTE_S


def test_f16_a_refusal_for_a_minute_costs_no_retry_and_no_message(drill: Drill) -> None:
    drill.create(10)
    drill.server.fail(Mode.ERRCODE, errcode=45009, seconds=MINUTE_S)
    drill.deliver()
    assert drill.server.counts["received"] == 1  # the first no is enough
    waiting = Notification.objects.exclude(status=State.MERGED)
    assert set(waiting.values_list("status", "reason")) == {(State.PENDING, Reason.RATE)}
    drill.deliver_all()
    assert_all_sent_once(drill)
    assert set(Notification.objects.values_list("retry_count", flat=True)) == {0}
    assert drill.server.counts["refused"] <= 2


@pytest.mark.parametrize("filling", ["a", "é", "检", "😀"])
def test_f20_long_texts_arrive_whole_in_parts_within_the_limit(drill: Drill, filling: str) -> None:
    """Lines of every length around the border, so that each byte of a character stands on it once."""
    lines = [f"M{number:05} {filling * (290 + number % 7)}" for number in range(1, 41)]
    for line in lines:
        assert MARKER.match(line)
    from notifications.services import send_notification

    send_notification("长报告", "\n".join(lines), "wechat_bot", "G001")
    drill.deliver_all()
    shown = [record for record in drill.server.messages if record.shown]
    assert drill.server.counts["refused"] == 0
    assert all(record.size <= record.limit for record in shown)
    assert len(shown) > 2
    whole = "\n".join(record.content for record in shown)
    assert whole.count(filling) == "\n".join(lines).count(filling)
    assert all(drill.shown()[f"M{number:05}"] == 1 for number in range(1, 41))
    assert all(f"({number}/{len(shown)})" in record.content for number, record in enumerate(shown, start=1))


def test_f21_a_dead_robot_holds_its_messages_and_they_go_on_after_the_fix(drill: Drill) -> None:
    drill.create(5)
    fault = drill.server.fail(Mode.ERRCODE, errcode=93000)
    drill.deliver()
    assert drill.server.counts["received"] == 1
    assert drill.verdict().states == {State.HELD: 5}
    waiting = Notification.objects.exclude(status=State.MERGED)
    assert set(waiting.values_list("reason", flat=True)) == {Reason.CHANNEL_DEAD}
    drill.leap(3600)
    drill.deliver()
    assert drill.verdict().states == {State.HELD: 5}  # it waits, it does not die
    drill.server.mend(fault)
    mend(Budget.objects.get())
    drill.deliver_all()
    assert_all_sent_once(drill)


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
def test_f22_a_clock_that_jumps_during_retries_delays_at_most_by_the_longest_backoff(
    wide_drill: Drill, step_s: float
) -> None:
    wide_drill.create(10)
    wide_drill.server.fail(Mode.HTTP, status=500, times=5)
    wide_drill.deliver()
    wide_drill.skew(step_s)
    wide_drill.create(5)
    began = wide_drill.time()
    wide_drill.deliver()
    wide_drill.leap(MINUTE_S)
    release_mended_job.__wrapped__()  # type: ignore[attr-defined]  # its turn comes every minute
    wide_drill.deliver_all()
    assert_all_sent_once(wide_drill)
    assert wide_drill.time() - began <= 3 * MINUTE_S
    assert wide_drill.most_in_a_minute() <= 20


def test_f24_a_template_broken_meanwhile_makes_dead_letters_that_go_after_the_fix(
    drill: Drill, admin_user: User
) -> None:
    def send(number: int) -> None:
        marker = f"M{number:05}"
        send_template_notification(
            "meeting_reminder",
            "G001",
            {"meeting_title": marker, "meeting_time": "周一", "location": "二楼"},
        )

    send(1)
    template = NotificationTemplate.objects.get(template_name="meeting_reminder", language="zh-hans")
    good = template.content_template
    NotificationTemplate.objects.filter(pk=template.pk).update(content_template="{typo}")
    send(2)
    drill.deliver_all()
    assert drill.shown() == {"M00001": 1}  # queued before: it keeps the text that it had
    dead = Notification.objects.get(status=State.DEAD)
    assert dead.reason == Reason.BAD_TEMPLATE
    assert "typo" in dead.error_message
    NotificationTemplate.objects.filter(pk=template.pk).update(content_template=good)
    resend(dead, user=admin_user)
    drill.deliver_all()
    assert drill.shown() == {"M00001": 1, "M00002": 1}
    NotificationTemplate.objects.all().delete()
    send(3)
    drill.deliver_all()
    assert drill.shown()["M00003"] == 1  # by the shipped default
