"""Old records are forgotten by their settings, in chunks; what is open or referred to stays."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from notifications.choices import Reason, State, Verb
from notifications.jobs import clean_job
from notifications.models import (
    Attachment,
    AuditEntry,
    BulkResend,
    CardCode,
    DeliveryAttempt,
    Flood,
    Notification,
    NotificationEvent,
)
from notifications.policy import OPEN_STATES
from notifications.selectors import ledger
from notifications.services import audit, configuration, resend, retention
from spc_site.errors import AppError
from tests import builders
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def _old(status: str, days: float, **fields: Any) -> Notification:
    """A message that ended so many days ago, with an attempt and an event."""
    row = builders.notification(status, payload='{"text":"内容"}', variables={"a": "b"}, **fields)
    at = NOW - timedelta(days=days)
    Notification.objects.filter(pk=row.pk).update(created_at=at, updated_at=at)
    DeliveryAttempt.objects.create(notification=row, number=1, started_at=at, outcome="sent")
    NotificationEvent.objects.create(notification=row, kind="masked")
    return row


def _clean(**options: Any) -> retention.Cleaned:
    return retention.clean(now=NOW, rest=False, **options)


def _left() -> set[int]:
    return set(Notification.objects.values_list("pk", flat=True))


# --- what goes, and when ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "days"),
    [
        (State.SENT, 90),
        (State.MERGED, 90),
        (State.SUPPRESSED, 90),
        (State.CANCELLED, 90),
        (State.DEAD, 180),
    ],
)
def test_ended_messages_go_when_their_time_is_over_with_all_that_belongs_to_them(
    status: str, days: int
) -> None:
    young, old = _old(status, days - 0.1), _old(status, days + 0.1)
    image = Attachment.objects.create(kind="image", name="a.png", size=1, digest="d", data=b"x")
    old.attachments.add(image)
    for row in (young, old):
        CardCode.objects.create(
            notification=row, task_id=f"t{row.pk}", key="k", code="c", digest=f"d{row.pk}", until=NOW
        )
    done = _clean()
    assert done.messages == 1
    assert _left() == {young.pk}
    assert not DeliveryAttempt.objects.filter(notification_id=old.pk).exists()
    assert not NotificationEvent.objects.filter(notification_id=old.pk).exists()
    assert NotificationEvent.objects.filter(notification_id=young.pk).exists()
    assert CardCode.objects.get().notification_id == young.pk


@pytest.mark.parametrize("status", sorted(OPEN_STATES))
def test_what_is_open_stays_whole_whatever_its_age(status: str) -> None:
    row = _old(status, 4000)
    before = Notification.objects.filter(pk=row.pk).values().get()
    done = _clean()
    assert Notification.objects.filter(pk=row.pk).values().get() == before
    assert row.attempts.count() == 1
    assert done.total == 0


def test_each_setting_decides() -> None:
    for key in (
        "keep_sent_days",
        "keep_dead_days",
        "keep_text_days",
        "keep_attempts_days",
        "keep_audit_days",
    ):
        configuration.set_config(key, "3")
    AuditEntry.objects.create(at=NOW - timedelta(days=4), verb=Verb.TESTED, door="admin")
    sent, dead = _old(State.SENT, 2.5), _old(State.DEAD, 2.5)
    _old(State.SENT, 3.5)
    _old(State.DEAD, 3.5)
    done = _clean()
    assert (done.messages, done.audit) == (2, 1)
    assert _left() == {sent.pk, dead.pk}


def test_after_a_month_the_digest_of_the_text_is_left() -> None:
    row = _old(State.SENT, 31)
    young = _old(State.SENT, 29)
    ended = Notification.objects.get(pk=row.pk).updated_at
    assert _clean().texts == 1
    row.refresh_from_db()
    digest = hashlib.sha256('{"text":"内容"}'.encode()).hexdigest()
    assert (row.payload, row.content, row.variables) == (f"sha256:{digest}", "", {})
    assert row.title
    assert row.updated_at == ended
    assert row.attempts.count() == 0
    young.refresh_from_db()
    assert young.content
    assert young.attempts.count() == 1
    again = _clean()
    assert (again.texts, again.attempts, again.messages) == (0, 0, 0)


def test_a_dead_letter_keeps_what_a_resend_needs_and_others_refuse_it(channel: ScriptedChannel) -> None:
    dead, sent = _old(State.DEAD, 100), _old(State.SUPPRESSED, 40, reason=Reason.NO_ROBOT)
    _clean()
    dead.refresh_from_db()
    assert dead.payload.startswith("sha256:")
    assert resend(dead, user=builders.superuser()).content == dead.content
    with pytest.raises(AppError, match="保存期限"):
        resend(sent, user=builders.superuser(), confirmed=True)


def test_the_page_of_a_message_says_that_its_text_is_gone(client: Client) -> None:
    row, dead = _old(State.SENT, 40), _old(State.DEAD, 40)
    _clean()
    client.force_login(builders.superuser())
    page = client.get(reverse("admin:notifications_notification_change", args=[row.pk])).text
    assert "正文已按保存期限清除" in page
    assert "供应商" in client.get(reverse("admin:notifications_notification_change", args=[dead.pk])).text


# --- what is referred to ------------------------------------------------------------------------


def test_the_original_stays_while_its_resend_is_there() -> None:
    original = _old(State.DEAD, 200)
    new = _old(State.SENT, 1, resent_from=original)
    _clean()
    assert _left() == {original.pk, new.pk}
    Notification.objects.filter(pk=new.pk).update(updated_at=NOW - timedelta(days=91))
    _clean()
    assert _left() == set()


def test_a_digest_goes_with_its_members_and_the_sum_of_all_messages_stays_right() -> None:
    digest = _old(State.SENT, 100, is_digest=True)
    young = _old(State.SENT, 1, is_digest=True)
    for _each in range(3):
        _old(State.MERGED, 100, merged_into=digest)
        _old(State.MERGED, 100, merged_into=young)
    late = _old(State.MERGED, 10, merged_into=digest)
    _clean()
    assert _left() == {digest.pk, late.pk, young.pk}
    assert ledger().balances


def test_the_parts_of_a_text_stay_together_while_one_is_open() -> None:
    first = _old(State.SENT, 100, correlation_id="c1", part_no=1, part_count=2)
    second = _old(State.HELD, 100, correlation_id="c1", part_no=2, part_count=2)
    alone = _old(State.SENT, 100)
    other = _old(State.PENDING, 100)
    _clean()
    assert _left() == {first.pk, second.pk, other.pk}
    assert alone.pk not in _left()


def test_everything_that_refers_to_a_message_is_known_here() -> None:
    """A new relation must be thought of in `services.retention` before it can lose its message."""
    known = {"attempts", "card_codes", "events", "members", "resends"}
    assert {relation.name for relation in Notification._meta.related_objects} == known
    assert {field.name for field in Notification._meta.many_to_many} == {"attachments"}


def test_other_old_rows_go_too() -> None:
    Flood.objects.create(channel="wechat_bot", target="IQC", minute=NOW - timedelta(days=91), withheld=1)
    Flood.objects.create(channel="wechat_bot", target="IQC", minute=NOW, withheld=1)
    BulkResend.objects.create(finished_at=NOW - timedelta(days=91))
    BulkResend.objects.create()
    assert _clean().others == 2
    assert (Flood.objects.count(), BulkResend.objects.count()) == (1, 1)


# --- how ------------------------------------------------------------------------------------------


def test_work_is_done_in_chunks_each_a_short_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 4)
    for _each in range(10):
        _old(State.SENT, 100)
    kept = _old(State.DEAD, 200)
    _old(State.SENT, 1, resent_from=kept)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        done = _clean()
    assert (done.messages, done.texts, done.attempts) == (10, 11, 11)
    deletes = [
        query["sql"]
        for query in captured
        if query["sql"].startswith('DELETE FROM "notifications_notification" ')
    ]
    assert len(deletes) == 3  # of four, four and two; what is referred to is in none of them


def test_when_time_runs_out_the_next_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    for _each in range(5):
        _old(State.SENT, 100)
    done = _clean(budget_s=0)
    assert not done.is_complete
    assert len(_left()) == 5
    assert _clean().messages == 5


def test_a_run_that_did_something_is_told_and_one_that_did_nothing_is_not() -> None:
    _old(State.SENT, 100)
    _clean()
    _clean()
    entry = AuditEntry.objects.get(verb=Verb.CLEANED)
    assert (entry.door, "消息 1" in entry.note) == ("system", True)


def test_a_rest_follows_each_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr(retention.stop_requested, "wait", rests.append)
    _old(State.SENT, 100)
    retention.clean(now=NOW)
    assert len(rests) >= 3
    assert all(0 <= rest <= retention.LONGEST_REST_S for rest in rests)


# --- the command and the job ----------------------------------------------------------------------


def test_the_dry_run_counts_what_the_run_then_does() -> None:
    for _each in range(3):
        _old(State.SENT, 100)
    _old(State.DEAD, 40)
    out = StringIO()
    call_command("clean_notifications", "--dry-run", stdout=out)
    assert out.getvalue().strip().startswith("会清理：正文 4，发送记录 4，消息 3，审计 0")
    assert len(_left()) == 4
    out = StringIO()
    call_command("clean_notifications", stdout=out)
    assert "已清理：正文 4，发送记录 4，消息 3" in out.getvalue()
    assert AuditEntry.objects.get().door == "command"


def test_a_run_out_of_time_ends_with_status_1() -> None:
    _old(State.SENT, 100)
    with pytest.raises(CommandError) as caught:
        call_command("clean_notifications", "--minutes", "0", stdout=StringIO())
    assert caught.value.returncode == 1


def _at(hour: int) -> datetime:
    """The next time that it is this hour in the plant."""
    return (timezone.localtime(NOW) + timedelta(days=1)).replace(hour=hour, minute=20)


@pytest.mark.parametrize(("hour", "count"), [(2, 1), (3, 2)])
def test_the_job_works_in_the_hour_of_the_setting(
    hour: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spc_site.clock.now", timezone.now)  # PostgreSQL's clock does not travel
    _old(State.SENT, 90.1)
    young = _old(State.SENT, 1)
    with time_machine.travel(_at(hour), tick=False):
        clean_job()
        clean_job()
    assert Notification.objects.count() == count
    assert young.pk in _left()


def test_a_machine_that_is_off_at_night_cleans_by_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spc_site.clock.now", timezone.now)
    _old(State.SENT, 95)
    with time_machine.travel(_at(14), tick=False):
        clean_job()
    assert _left() == set()


def test_the_audit_of_shortening_the_audit_is_kept(client: Client) -> None:
    configuration.set_config("keep_audit_days", "1")
    AuditEntry.objects.create(at=NOW - timedelta(days=2), verb=Verb.TESTED, door="admin")
    _clean()
    assert [entry.verb for entry in AuditEntry.objects.order_by("pk")] == [Verb.ADDED, Verb.CLEANED]
    assert audit.AuditEntry.objects.filter(changes__config_value=[None, "1"]).exists()
