"""The hourly figures: what they count, that they can be computed again, what `/metrics` says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.services import issue_token
from notifications import jobs
from notifications.choices import Reason, State
from notifications.models import Channel, DeliveryAttempt, HourlyFigure, Notification
from notifications.services import statistics
from spc_site import clock
from tests import builders

pytestmark = pytest.mark.django_db

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)


def message(
    status: str, *, at: datetime = HOUR, ended_at: datetime | None = None, **fields: Any
) -> Notification:
    """A message of that time; `ended_at` is when it came to its end."""
    row = builders.notification(status, **fields)
    sent_at = ended_at if status == State.SENT else None
    Notification.objects.filter(pk=row.pk).update(created_at=at, updated_at=ended_at or at, sent_at=sent_at)
    row.refresh_from_db()
    return row


def attempt(
    row: Notification, outcome: str, *, at: datetime = HOUR, ms: int | None = 100, **fields: Any
) -> DeliveryAttempt:
    number = row.attempts.count() + 1
    fields = {"channel": row.channel, "target": row.target} | fields
    return DeliveryAttempt.objects.create(
        notification=row, number=number, started_at=at, duration_ms=ms, outcome=outcome, **fields
    )


def figure(channel: str = "wechat_bot", hour: datetime = HOUR) -> HourlyFigure:
    return HourlyFigure.objects.get(channel=channel, hour=hour)


def at(**ago: float) -> datetime:
    return HOUR + timedelta(**ago)


def roll_up() -> None:
    statistics.roll_up(since=HOUR, until=HOUR)


def test_an_hour_counts_messages_and_requests_by_what_became_of_them() -> None:
    row = message(State.SENT, at=at(minutes=1), ended_at=at(minutes=3), possible_duplicate=True)
    attempt(row, "retry", at=at(minutes=1), ms=40, http_status=502)
    attempt(row, "uncertain", at=at(minutes=2), ms=10_000)
    attempt(row, "sent", at=at(minutes=3), ms=250)
    dead = message(State.DEAD, ended_at=at(minutes=9), reason=Reason.REFUSED)
    attempt(dead, "dead", errcode=40058, http_status=200)
    message(State.SUPPRESSED, reason=Reason.DUPLICATE)
    message(State.CANCELLED, reason=Reason.BY_PERSON)
    roll_up()
    one = figure()
    assert (one.created, one.sent, one.dead, one.suppressed, one.cancelled) == (4, 1, 1, 1, 1)
    assert (one.requests, one.failed, one.retried, one.uncertain, one.possible_duplicates) == (4, 3, 2, 1, 1)
    assert one.causes == {"server": 1, "answer_lost": 1, "content": 1}
    assert one.reasons == {"dead.refused": 1, "suppressed.duplicate": 1, "cancelled.by_person": 1}
    assert one.response_ms_sum == 40 + 10_000 + 250 + 100
    assert sum(one.response_buckets) == 4
    assert one.receipt_s_sum == pytest.approx(120)


def test_the_ends_of_the_scale_are_counted_too() -> None:
    row = message(State.SENT, ended_at=at(seconds=0.1))
    for ms in (0, 50, 51, 30_000, 30_001):
        attempt(row, "sent", ms=ms)
    roll_up()
    assert figure().response_buckets == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert figure().receipt_buckets[0] == 1


def test_the_end_of_a_died_process_is_told_from_a_lost_answer() -> None:
    row = message(State.PENDING)
    attempt(row, "uncertain", ms=None)
    roll_up()
    assert (figure().uncertain, figure().lease_expired, figure().causes) == (1, 1, {"worker_gone": 1})


def test_a_request_belongs_to_the_channel_that_it_used() -> None:
    row = message(State.SENT, channel="email", ended_at=at(minutes=1))
    attempt(row, "channel_dead", channel="wechat_bot")
    attempt(row, "sent", channel="email")
    roll_up()
    assert (figure("wechat_bot").requests, figure("wechat_bot").sent) == (1, 0)
    assert (figure("email").requests, figure("email").sent) == (1, 1)


def test_an_hour_ends_where_the_next_begins() -> None:
    message(State.SENT, at=HOUR - timedelta(microseconds=1), ended_at=HOUR)
    message(State.SENT, at=at(minutes=59), ended_at=at(hours=1))
    statistics.roll_up(since=HOUR - timedelta(hours=1), until=at(hours=1))
    hours = {one.hour: (one.created, one.sent) for one in HourlyFigure.objects.all()}
    assert hours == {HOUR - timedelta(hours=1): (1, 0), HOUR: (1, 1), at(hours=1): (0, 1)}


def test_test_messages_and_requests_under_way_count_nowhere() -> None:
    tested = message(State.SENT, ended_at=HOUR, is_test=True)
    attempt(tested, "sent")
    attempt(message(State.SENDING), "", ms=None)
    roll_up()
    assert (figure().created, figure().sent, figure().requests) == (1, 0, 0)


def test_rolling_up_twice_changes_nothing_and_again_after_a_change_tells_the_new_state() -> None:
    row = message(State.PENDING)
    roll_up()
    first = HourlyFigure.objects.values().get()
    roll_up()
    assert HourlyFigure.objects.values().get() == first
    Notification.objects.filter(pk=row.pk).update(channel="email")
    roll_up()
    assert (figure("wechat_bot").created, figure("email").created) == (0, 1)


def test_hours_whose_messages_were_cleaned_up_keep_their_figures() -> None:
    message(State.SENT, ended_at=HOUR)
    roll_up()
    Notification.objects.all().delete()
    message(State.SENT, at=at(days=3), ended_at=at(days=3))
    statistics.roll_up(since=HOUR, until=at(days=3))
    assert figure().sent == 1


def test_the_job_catches_up_with_what_was_missed_while_nobody_ran_it(monkeypatch: pytest.MonkeyPatch) -> None:
    message(State.SENT, ended_at=HOUR)
    monkeypatch.setattr(clock, "now", lambda: at(minutes=5))
    assert jobs.roll_up_job() == 1
    message(State.SENT, at=at(hours=2), ended_at=at(hours=2))
    monkeypatch.setattr(clock, "now", lambda: at(hours=30))
    assert jobs.roll_up_job() == 1
    assert figure(hour=at(hours=2)).sent == 1


def test_the_queue_is_sampled_at_its_longest_and_a_roll_up_leaves_the_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "now", lambda: at(minutes=10))
    rows = [message(state) for state in (State.PENDING, State.HELD, State.SENDING)]
    statistics.sample_queues()
    rows[0].delete()
    statistics.sample_queues()
    roll_up()
    assert (figure().queue_most, figure().oldest_most_s, figure().created) == (3, 600, 2)


def test_sums_tell_rates_and_quantiles_over_many_hours() -> None:
    for hours in (0, 1):
        for ms in (60, 90, 400):
            row = message(State.SENT, at=at(hours=hours), ended_at=at(hours=hours, seconds=1))
            attempt(row, "sent", at=at(hours=hours), ms=ms)
    message(State.DEAD, at=at(hours=1), ended_at=at(hours=1))
    statistics.roll_up(since=HOUR, until=at(hours=1))
    rows = statistics.figures(since=HOUR, until=at(hours=2))
    sums = statistics.total(rows)
    assert sums.success_rate == pytest.approx(6 / 7)
    assert sums.response_mean_ms == pytest.approx((60 + 90 + 400) / 3)
    assert 50 < (sums.response_ms(0.5) or 0) <= 100
    assert 300 < (sums.response_ms(0.95) or 0) <= 500
    steps = statistics.by_step(rows, since=HOUR, until=at(hours=3), step=timedelta(hours=1))
    assert [step.sent for step in steps] == [3, 3, 0]
    assert steps[2].success_rate is None


# --- /metrics -----------------------------------------------------------------------------------


def scrape(client: Client) -> dict[str, float]:
    user = builders.person()
    user.user_permissions.add(Permission.objects.get(codename="view_workerbeat"))
    _token, secret = issue_token(user, name="prometheus")
    page = client.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).text
    lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _space, value in lines}


def test_metrics_tell_totals_by_channel_and_reason(client: Client) -> None:
    row = message(State.SENT, ended_at=at(seconds=4), possible_duplicate=True)
    attempt(row, "uncertain", ms=None)
    attempt(row, "sent", ms=250)
    message(State.DEAD, reason=Reason.BAD_TEMPLATE)
    message(State.SUPPRESSED, reason=Reason.NO_ROBOT)
    roll_up()
    metrics = scrape(client)
    bot = 'channel="wechat_bot"'
    assert metrics[f"qbo_notifications_total{{{bot}}}"] == 3
    assert metrics[f"qbo_notifications_sent_total{{{bot}}}"] == 1
    assert metrics[f'qbo_notifications_failed_total{{{bot},reason="bad_template"}}'] == 1
    assert metrics[f'qbo_notifications_suppressed_total{{{bot},reason="no_robot"}}'] == 1
    assert metrics[f"qbo_notification_requests_total{{{bot}}}"] == 2
    assert metrics[f'qbo_notification_requests_failed_total{{cause="worker_gone",{bot}}}'] == 1
    assert metrics[f"qbo_possible_duplicates_total{{{bot}}}"] == 1
    assert metrics[f"qbo_uncertain_total{{{bot}}}"] == 1
    assert metrics[f"qbo_lease_expired_total{{{bot}}}"] == 1
    assert metrics[f'qbo_notification_latency_seconds_bucket{{{bot},le="0.2"}}'] == 0
    assert metrics[f'qbo_notification_latency_seconds_bucket{{{bot},le="0.3"}}'] == 1
    assert metrics[f"qbo_notification_latency_seconds_count{{{bot}}}"] == 1
    assert metrics[f"qbo_notification_latency_seconds_sum{{{bot}}}"] == 0.25
    assert metrics[f'qbo_notification_receipt_seconds_bucket{{{bot},le="5"}}'] == 1


def test_metrics_tell_the_queue_the_budget_and_the_health_of_channels(client: Client) -> None:
    now = timezone.now()
    Channel.objects.filter(code="wechat_bot").update(consecutive_failures=2)
    old = builders.notification(State.HELD)
    Notification.objects.filter(pk=old.pk).update(created_at=now - timedelta(minutes=10))
    builders.notification(State.PENDING, reason=Reason.RATE, next_at=now + timedelta(seconds=40))
    metrics = scrape(client)
    assert metrics['qbo_queue_messages{channel="wechat_bot",state="held"}'] == 1
    assert metrics['qbo_queue_oldest_seconds{channel="wechat_bot"}'] == pytest.approx(600, abs=30)
    assert metrics['qbo_rate_wait_seconds{channel="wechat_bot"}'] == pytest.approx(40, abs=30)
    assert metrics['qbo_channel_up{channel="wechat_bot"}'] == 0
    assert metrics["qbo_ring_failed_total"] == 0


def test_a_scrape_asks_nothing_of_the_messages_that_ended(client: Client) -> None:
    from notifications.metrics import DeliveryCollector

    for _each in range(3):
        message(State.SENT, ended_at=HOUR)
    roll_up()
    with CaptureQueriesContext(connection) as queries:
        list(DeliveryCollector().collect())
    asked = [query["sql"] for query in queries if "notifications_notification" in query["sql"]]
    assert len(asked) == 1
    assert "pending" in asked[0]
    assert len(queries) <= 5
