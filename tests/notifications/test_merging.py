"""A storm becomes few messages: nothing of it is missing, no limit is passed, the urgent go first."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.choices import Reason, State
from notifications.models import Channel, DeliveryAttempt, Notification
from notifications.selectors import ledger
from notifications.services import deliver_due, get_notification_status, send_notification
from spc_site import clock
from tests.notifications.conftest import ScriptedChannel
from wecom.payloads import byte_length

pytestmark = pytest.mark.django_db

LINK = re.compile(r"\((https://qc\.example\.com/IQC/\d+/\d+)\)")


class Time:
    """A clock that stands until it is moved; rows get its time, too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = timezone.now().replace(microsecond=0)
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(timezone, "now", lambda: self.now)

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


class Group:
    """What a group is shown by the scripted channel, and when."""

    def __init__(self, channel: ScriptedChannel, time: Time) -> None:
        self.channel, self.time = channel, time
        self.moments: list[float] = []
        self._began = time.now

    def deliver(self) -> None:
        before = len(self.channel.delivered)
        deliver_due()
        since = (self.time.now - self._began).total_seconds()
        self.moments += [since] * (len(self.channel.delivered) - before)

    @property
    def texts(self) -> list[str]:
        return [text for _target, text in self.channel.delivered]

    @property
    def links(self) -> list[str]:
        return [link for text in self.texts for link in LINK.findall(text)]

    @property
    def most_in_a_minute(self) -> int:
        return max(sum(start <= at < start + 60 for at in self.moments) for start in self.moments)


@pytest.fixture
def group(channel: ScriptedChannel, time: Time) -> Group:
    channel.limit_bytes = 4096
    return Group(channel, time)


def _entry(number: int, priority: int = 2, **fields: object) -> str:
    """Ask for the message of one abnormal entry, as the quality room writes it."""
    url = f"https://qc.example.com/IQC/12/{number}"
    content = (
        "### IQC 异常\n- **供应商**: 苏州精密轴承有限公司\n- **品名**: 活塞环\n"
        f"- **异常项**: 内径 {number} [{url}]({url})"
    )
    return send_notification("IQC 异常", content, "wechat_bot", "IQC", priority, **fields)  # type: ignore[arg-type]


def _urls(numbers: range) -> set[str]:
    return {f"https://qc.example.com/IQC/12/{number}" for number in numbers}


def test_a_thousand_entries_in_a_minute_are_with_the_group_in_three(group: Group, time: Time) -> None:
    written = 0
    for second in range(180):
        while written < 1000 and written < (second + 1) * 1000 / 60:
            _entry(written, priority=1 if written % 50 == 0 else 3)
            written += 1
        group.deliver()
        time.pass_by(1)
        if len(group.links) == 1000:
            break
    assert set(group.links) == _urls(range(1000))
    assert len(group.links) == 1000
    assert len(group.texts) <= 34
    assert group.most_in_a_minute <= 20
    assert all(byte_length(text) <= 4096 for text in group.texts)
    counts = ledger()
    assert (counts.created, counts.sent, counts.open) == (1000, 1000, 0)
    assert counts.balances


def test_two_hundred_at_once_are_at_most_seven_messages_and_the_urgent_come_first(
    group: Group, time: Time
) -> None:
    for number in range(200):
        _entry(number, priority=1 if number >= 190 else 4)
    for _second in range(15):
        group.deliver()
        time.pass_by(1)
    assert set(group.links) == _urls(range(200))
    assert len(group.texts) <= 7
    first = [int(url.rpartition("/")[2]) for url in LINK.findall(group.texts[0])]
    assert set(first[:10]) == set(range(190, 200))


def test_a_few_leave_one_by_one_as_they_are(group: Group) -> None:
    for number in range(3):
        _entry(number)
    group.deliver()
    assert len(group.texts) == 3
    assert not Notification.objects.filter(is_digest=True).exists()


def test_a_digest_says_what_is_common_once_and_its_place_among_several(group: Group) -> None:
    for number in range(200):
        _entry(number)
    group.deliver()
    first, last = group.texts[0], group.texts[-1]
    assert first.startswith("### IQC 异常（共 ")
    assert "(1/" in first.partition("\n")[0]
    assert f"({len(group.texts)}/{len(group.texts)})" in last.partition("\n")[0]
    assert first.count("苏州精密轴承有限公司") == 1
    assert f"{timezone.localtime(group.time.now):%m-%d %H:%M}" in first


def test_members_end_as_merged_and_point_to_a_digest_whose_payload_is_kept(group: Group, time: Time) -> None:
    ids = [_entry(number) for number in range(30)]
    group.channel.answers = [_retry()]
    group.deliver()
    member = Notification.objects.get(message_id=ids[0])
    assert (member.status, member.reason) == (State.MERGED, Reason.MERGED)
    digest = member.merged_into
    assert digest is not None and digest.is_digest
    assert digest.members.count() == 30
    assert digest.status == State.PENDING
    time.pass_by(70)
    group.deliver()
    assert group.texts == [digest.payload] * 2
    assert get_notification_status(digest.message_id)["status"] == State.SENT


def _retry() -> object:
    from notifications.channels import Result
    from notifications.policy import Decision

    return Result(Decision.RETRY, explanation="忙")


def test_parts_tests_and_what_may_have_been_shown_stay_by_themselves(group: Group, time: Time) -> None:
    _entry(0)
    unsure = Notification.objects.get()
    DeliveryAttempt.objects.create(notification=unsure, number=1, started_at=time.now, outcome="uncertain")
    send_notification("长", "### 长\n" + "字\n" * 1400, "wechat_bot", "IQC")
    Notification.objects.filter(message_id=_entry(1)).update(is_test=True)
    for number in range(2, 40):
        _entry(number)
    group.deliver()
    time.pass_by(15)
    group.deliver()
    alone = Notification.objects.filter(status=State.SENT, is_digest=False)
    assert unsure.pk in alone.values_list("pk", flat=True)
    assert alone.filter(part_count=2).count() == 2
    assert alone.filter(is_test=True).count() == 1
    assert Notification.objects.filter(status=State.MERGED).count() == 38


def test_two_that_do_not_fit_into_one_message_are_not_merged(group: Group) -> None:
    for number in range(8):
        send_notification(f"长 {number}", "字" * 1000, "wechat_bot", "IQC", 2)
    group.deliver()
    assert len(group.texts) == 8


def test_members_go_the_same_further_ways(group: Group) -> None:
    for number in range(20):
        _entry(number)
    other = [{"channel": "sms", "target": "138"}]
    Notification.objects.filter(pk__in=list(Notification.objects.values_list("pk", flat=True)[:10])).update(
        fallbacks=other
    )
    group.deliver()
    digests = Notification.objects.filter(is_digest=True)
    assert sorted(len(digest.fallbacks) for digest in digests) == [0, 1]


def test_a_channel_with_many_places_sends_everything_by_itself(group: Group) -> None:
    Channel.objects.update(rate_limit=100_000)
    for number in range(60):
        _entry(number)
    group.deliver()
    assert len(group.texts) == 60


def test_an_expired_one_is_in_no_digest(group: Group, time: Time) -> None:
    for number in range(20):
        _entry(number)
    late = Notification.objects.order_by("pk")[0]
    Notification.objects.filter(pk=late.pk).update(expires_at=time.now - timedelta(seconds=1))
    group.deliver()
    late.refresh_from_db()
    assert late.status == State.SUPPRESSED
    assert len(group.links) == 19
