"""Sending again: the digest with its items, the part as it was, the uncertain one that is one no longer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from notifications.channels import Result
from notifications.choices import Reason, State
from notifications.models import Notification
from notifications.policy import Decision
from notifications.selectors import ledger
from notifications.services import deliver_due, resend, send_notification
from spc_site.errors import Conflict
from tests.notifications.conftest import Clock, ScriptedChannel

pytestmark = pytest.mark.django_db

REFUSED = Result(Decision.DEAD, explanation="拒收")
LOST = Result(Decision.UNCERTAIN)


def test_a_dead_digest_is_sent_again_with_everything_that_was_in_it(
    channel: ScriptedChannel, admin_user: User
) -> None:
    for number in range(20):
        send_notification("标题", f"- **项**: 第 {number} 项", "wechat_bot", "IQC", 2)
    channel.answers = [REFUSED]
    deliver_due()
    digest = Notification.objects.get(is_digest=True)
    assert digest.status == State.DEAD
    assert ledger().dead == 20
    new = resend(digest, user=admin_user)
    deliver_due()
    new.refresh_from_db()
    assert new.status == State.SENT
    _, shown = channel.delivered[-1]
    assert all(f"第 {number} 项" in shown for number in range(20))
    assert ledger().balances


def test_a_part_is_sent_again_as_it_was_and_alone(channel: ScriptedChannel, admin_user: User) -> None:
    channel.answers = [Result(Decision.SENT), REFUSED]
    send_notification("标题", "一\f二", "wechat_bot", "IQC")
    Notification.objects.update(template_name="meeting_reminder")
    deliver_due()
    dead = Notification.objects.get(status=State.DEAD)
    new = resend(dead, user=admin_user)
    assert (new.content, new.part_count) == ("二", 1)
    deliver_due()
    assert [text for _, text in channel.delivered] == ["一", "二", "二"]


def test_a_resend_stands_for_the_uncertain_message_that_it_repeats(
    channel: ScriptedChannel, clock: Clock, admin_user: User
) -> None:
    send_notification("标题", "内容", "wechat_bot", "IQC")
    channel.answers = [LOST, LOST]
    deliver_due()
    clock(timedelta(minutes=2))
    deliver_due()
    unsure = Notification.objects.get()
    assert unsure.status == State.UNCERTAIN
    resend(unsure, user=admin_user, confirmed=True)
    unsure.refresh_from_db()
    assert (unsure.status, unsure.reason) == (State.CANCELLED, Reason.BY_PERSON)
    deliver_due()
    with pytest.raises(Conflict):
        resend(unsure, user=admin_user, confirmed=True)
    assert ledger().open == 0
