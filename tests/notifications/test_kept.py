"""What a request for a message reads is kept for a moment: by whom it is seen when it changes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from notifications import kept
from notifications.choices import Reason, State
from notifications.models import Channel, ContentRule, Notification, NotificationConfig, Robot
from notifications.services import send_notification
from tests.notifications.conftest import ScriptedChannel


def _send(**fields: Any) -> Notification:
    return Notification.objects.get(
        message_id=send_notification("标题", "内容", "wechat_bot", "IQC", **fields)
    )


class _Time:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(kept.time, "monotonic", lambda: self.now)


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> _Time:
    return _Time(monkeypatch)


@pytest.mark.django_db
def test_a_plain_message_costs_its_sender_few_queries(
    channel: ScriptedChannel, django_assert_num_queries: Any
) -> None:
    with transaction.atomic():
        send_notification("标题", "内容", "wechat_bot", "IQC")
    with django_assert_num_queries(4):  # the limit of the target; a savepoint around the row
        send_notification("标题", "内容", "wechat_bot", "IQC")


@pytest.mark.django_db(transaction=True)
def test_a_message_for_a_group_reads_its_robots_once_and_hears_of_each_change(settings: Any) -> None:
    settings.WEBHOOK_KEYS, settings.WECHAT_BOT_WEBHOOK = {}, ""
    assert _send().reason == Reason.NO_ROBOT
    robot = Robot.objects.create(group="IQC", key="k" * 36, digest=Robot.digest_of("k" * 36))
    assert _send().status == State.PENDING
    with CaptureQueriesContext(connection) as queries:
        send_notification("标题", "内容", "wechat_bot", "IQC")
    asked = [query["sql"].split()[0] for query in queries]
    # What the target got lately, and the row; a savepoint around it.
    assert [word for word in asked if word in ("SELECT", "INSERT", "UPDATE")] == ["SELECT", "INSERT"]
    robot.is_enabled = False
    robot.save()
    assert _send().status == State.HELD
    Robot.objects.update(is_enabled=True)
    assert _send().status == State.PENDING
    settings.WEBHOOK_KEYS = {"IQC": "j" * 36}
    Robot.objects.all().delete()
    assert _send().status == State.PENDING


@pytest.mark.django_db(transaction=True)
def test_whatever_way_a_setting_changes_the_next_message_goes_by_it(channel: ScriptedChannel) -> None:
    assert _send().max_retries == 3
    row = NotificationConfig.objects.create(config_key="max_retries", config_value="7")
    assert _send().max_retries == 7
    row.config_value = "8"
    row.save()
    assert _send().max_retries == 8
    NotificationConfig.objects.update(config_value="9")
    assert _send().max_retries == 9
    NotificationConfig.objects.all().delete()
    assert _send().max_retries == 3
    Channel.objects.filter(code="wechat_bot").update(is_enabled=False)
    assert (_send().status, _send().reason) == (State.HELD, Reason.CHANNEL_DISABLED)
    ContentRule.objects.create(name="词", kind="block", pattern="内容")
    assert _send().reason == Reason.CONTENT


@pytest.mark.django_db(transaction=True)
def test_a_change_of_another_process_is_seen_within_seconds(channel: ScriptedChannel, moment: _Time) -> None:
    assert _send().max_retries == 3
    with connection.cursor() as cursor:  # as another process does: nothing is noted here
        cursor.execute(
            "INSERT INTO notifications_notificationconfig (config_key, config_value, description, updated_at)"
            " VALUES ('max_retries', '7', '', CURRENT_TIMESTAMP)"
        )
    assert _send().max_retries == 3
    moment.now += kept.GOOD_FOR_S
    assert _send().max_retries == 7


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_seen_by_its_own_transaction_alone(channel: ScriptedChannel) -> None:
    assert _send().max_retries == 3
    with pytest.raises(RuntimeError), transaction.atomic():
        NotificationConfig.objects.create(config_key="max_retries", config_value="7")
        assert _send().max_retries == 7
        raise RuntimeError
    with transaction.atomic():  # where every message has a transaction of its own, too
        assert _send().max_retries == 3


@pytest.mark.django_db(transaction=True)
def test_after_a_change_was_committed_it_is_kept_again(
    channel: ScriptedChannel, django_assert_num_queries: Any
) -> None:
    with transaction.atomic():
        NotificationConfig.objects.create(config_key="max_retries", config_value="7")
    for _ in range(2):
        with transaction.atomic():
            assert _send().max_retries == 7
    with transaction.atomic(), django_assert_num_queries(4):
        send_notification("标题", "内容", "wechat_bot", "IQC")


@pytest.mark.django_db(transaction=True)
def test_what_was_read_while_it_changed_is_not_kept(channel: ScriptedChannel) -> None:
    """A reader that began before the commit must not leave what it saw to those after it."""

    def read_slowly() -> str:
        changing = threading.Thread(target=kept.forget)
        changing.start()
        changing.join()
        return "old"

    assert kept.recall(read_slowly) == "old"
    assert kept.recall(lambda: "new") == "new"
    assert kept.recall(lambda: "newer") == "new"
