"""The log of deliveries: filters, search, the file, dead letters, sending again what matches."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications import jobs, selectors
from notifications.admin.filters import known_values, moment_of
from notifications.choices import Reason, State
from notifications.models import Attachment, Budget, BulkResend, Notification
from notifications.services import bulk, estimates
from spc_site.errors import AppError
from tests import builders
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db

LIST = "admin:notifications_notification_changelist"
EXPORT = "admin:notifications_notification_export"
DEAD = "admin:notifications_notification_dead"
MATCHING = "admin:notifications_notification_resend_matching"
START = datetime(2026, 11, 20, 8, tzinfo=UTC)  # 16:00 in the plant


@pytest.fixture
def keeper(client: Client, channel: ScriptedChannel) -> Client:
    client.force_login(builders.person("通知管理员"))
    return client


def message(status: str = State.SENT, *, at: datetime = START, **fields: Any) -> Notification:
    row = builders.notification(status, **fields)
    Notification.objects.filter(pk=row.pk).update(created_at=at, updated_at=at)
    row.refresh_from_db()
    return row


def found(client: Client, **query: Any) -> list[int]:
    """The messages that the list shows for these parameters."""
    return sorted(row.pk for row in client.get(reverse(LIST), query).context["cl"].result_list)


# --- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"status__exact": "dead"}, {"status": State.DEAD}),
        ({"channel__exact": "email"}, {"channel": "email"}),
        ({"reason__exact": "flooded"}, {"reason": Reason.FLOODED, "status": State.SUPPRESSED}),
        ({"priority": "4"}, {"priority": 4}),
        ({"event": "quality.iqc.summary"}, {"event": "quality.iqc.summary"}),
        ({"source": "quality"}, {"source": "quality"}),
        ({"template": "iqc_summary"}, {"template_name": "iqc_summary"}),
        ({"to": "wang.wei"}, {"target": "wang.wei"}),
        ({"to": "wang*"}, {"target": "wang.wei"}),
        ({"possible_duplicate__exact": "1"}, {"possible_duplicate": True}),
        ({"from": "2026-11-21T10:00"}, {"at": START + timedelta(hours=18)}),
        ({"until": "2026-11-19"}, {"at": START - timedelta(days=1)}),
        ({"q": "活塞环"}, {"content": "- **品名**: 活塞环"}),
        ({"q": "停线"}, {"title": "三号线停线"}),
    ],
    ids=str,
)
def test_each_filter_keeps_what_it_says(
    keeper: Client, query: dict[str, str], fields: dict[str, Any]
) -> None:
    message()
    wanted = message(**fields)
    assert found(keeper, **query) == [wanted.pk]


def test_filters_go_together_and_the_address_alone_holds_them(keeper: Client) -> None:
    rows = [
        message(State.DEAD, target="IQC", title="停线"),
        message(State.DEAD, target="OQC", title="停线"),
        message(State.SENT, target="IQC", title="停线"),
        message(State.DEAD, target="IQC", title="启动"),
    ]
    query = {"status__exact": "dead", "to": "IQC", "q": "停线", "from": "2026-11-20"}
    assert found(keeper, **query) == [rows[0].pk]
    form = keeper.get(reverse(LIST), query).text
    # A typed filter carries the others along, so that none is lost.
    assert '<input type="hidden" name="status__exact" value="dead">' in form
    assert '<input type="hidden" name="q" value="停线">' in form


def test_the_ends_of_a_range_are_its_first_and_the_last_minute_of_its_last_day(keeper: Client) -> None:
    rows = [message(at=START + timedelta(hours=hours)) for hours in (-16, -16.01, 7.99, 8)]
    assert found(keeper, **{"from": "2026-11-20", "until": "2026-11-20"}) == [rows[0].pk, rows[2].pk]


@pytest.mark.parametrize("text", ["", "gestern", "2026-13-01", "2026-02-30T10:00"])
def test_what_is_no_moment_filters_nothing(keeper: Client, text: str) -> None:
    assert moment_of(text) is None
    row = message()
    assert found(keeper, **{"from": text}) == [row.pk]


@pytest.mark.parametrize("field", ["message_id", "correlation_id", "subject"])
def test_a_number_is_found_whole_however_old_it_is(
    keeper: Client, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setattr(selectors, "LOOKED_AT", 1)
    wanted = message(**{field: "abc123"})
    message(at=START + timedelta(days=1))
    assert found(keeper, q="abc123") == [wanted.pk]
    assert found(keeper, q="abc12") == []


def test_words_are_looked_for_in_the_newest_that_the_filters_leave(
    keeper: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "LOOKED_AT", 2)
    old = message(content="活塞环", target="OQC")
    for hours in (1, 2):
        message(content="导光板", at=START + timedelta(hours=hours))
    assert found(keeper, q="活塞环") == []
    assert found(keeper, q="活塞环", to="OQC") == [old.pk]
    assert found(keeper, q="活塞环", until="2026-11-20T16:30") == [old.pk]


def test_all_words_have_to_occur_and_none_is_a_pattern(keeper: Client) -> None:
    row = message(title="三号线 停线", content="100% 正常")
    message(title="三号线 启动")
    assert found(keeper, q="三号线 停线") == [row.pk]
    assert found(keeper, q="100%") == [row.pk]
    assert found(keeper, q="三%线") == []


def test_the_values_to_choose_from_are_found_without_reading_the_table() -> None:
    for event in ("b", "a", "b", "", "c"):
        message(event=event)
    with CaptureQueriesContext(connection) as queries:
        assert known_values("event") == ["a", "b", "c"]
    assert len(queries) == 1
    assert known_values("event", most=2) == ["a", "b"]
    assert known_values("source") == []


# --- the file -----------------------------------------------------------------------------------


def exported(client: Client, **query: Any) -> list[dict[str, str]]:
    response = client.get(reverse(EXPORT), query)
    text = response.getvalue().decode()  # type: ignore[attr-defined]
    assert text.startswith("\ufeff")
    assert "attachment" in response["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_file_has_what_the_filters_leave(keeper: Client) -> None:
    message(State.DEAD, title='引号" 与\n换行', reason=Reason.REFUSED)
    message(State.SENT)
    (row,) = exported(keeper, status__exact="dead")
    assert (row["标题"], row["状态"], row["原因"]) == ('引号" 与\n换行', "死信", "对方拒收")
    assert row["创建时间"] == "2026-11-20 16:00:00"


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|' /C calc'!A0"])
def test_no_cell_of_the_file_is_a_formula(keeper: Client, evil: str) -> None:
    message(title=evil, target=evil)
    (row,) = exported(keeper)
    assert row["标题"].startswith("'")
    assert row["目标"].startswith("'")


def test_phone_numbers_in_the_file_are_masked_without_the_permission(client: Client) -> None:
    message(channel="sms", target="13812345678", content="请联系 13987654321")
    client.force_login(builders.person("质量经理"))
    (row,) = exported(client)
    assert "13812345678" not in str(row)
    assert "13987654321" not in str(row)
    client.force_login(builders.person("通知管理员"))
    (row,) = exported(client)
    assert row["目标"] == "13812345678"


def test_masking_leaves_the_numbers_of_messages_alone(client: Client) -> None:
    number = "a13812345678b4cd"  # one in a few hundred looks like a phone's somewhere
    message(message_id=number, correlation_id=number)
    client.force_login(builders.person("质量经理"))
    (row,) = exported(client)
    assert (row["消息号"], row["关联号"]) == (number, number)


def test_the_file_is_for_those_who_see_messages(client: Client) -> None:
    client.force_login(builders.person("质检员"))
    assert client.get(reverse(EXPORT)).status_code == 403


# --- sending again what matches -----------------------------------------------------------------


def post(client: Client, query: dict[str, str], **data: str) -> Any:
    response = client.get(reverse(MATCHING), query)
    up_to = str(response.context["up_to"])
    url = f"{reverse(MATCHING)}?{'&'.join(f'{name}={value}' for name, value in query.items())}"
    return client.post(url, {"up_to": up_to, **data}, follow=True)


def test_before_the_yes_count_channels_and_time_are_said(keeper: Client) -> None:
    for _each in range(25):
        message(State.DEAD, reason=Reason.BAD_TEMPLATE)
    message(State.SENT)
    text = keeper.get(reverse(MATCHING), {"reason__exact": "bad_template"}).text
    assert "将重发 25 条没有送达的消息" in text
    assert "群机器人 25" in text
    assert "预计全部发出" in text
    assert Notification.objects.count() == 26


def test_all_dead_letters_of_a_filter_are_sent_again_once(keeper: Client) -> None:
    dead = [message(State.DEAD, reason=Reason.BAD_TEMPLATE) for _each in range(3)]
    other = message(State.DEAD, reason=Reason.REFUSED)
    query = {"reason__exact": "bad_template"}
    response = post(keeper, query)
    assert "已重新排队 3 条消息" in response.text
    assert all(row.resends.get().status == State.PENDING for row in dead)
    assert not other.resends.exists()
    again = keeper.get(reverse(MATCHING), query)
    assert again.context["count"] == 0
    assert "没有可以重发的消息" in again.text


def test_what_was_shown_is_sent_again_only_with_its_own_yes(keeper: Client) -> None:
    sent, dead = message(State.SENT, target="IQC"), message(State.DEAD, target="IQC")
    assert "另有 1 条已经或可能已经送达" in keeper.get(reverse(MATCHING), {"to": "IQC"}).text
    post(keeper, {"to": "IQC"})
    assert (sent.resends.count(), dead.resends.count()) == (0, 1)
    post(keeper, {"to": "IQC", "status__exact": "sent"}, doubles="yes")
    assert sent.resends.count() == 1


def test_what_came_after_the_question_is_left_alone(keeper: Client) -> None:
    shown = message(State.DEAD)
    up_to = keeper.get(reverse(MATCHING), {"status__exact": "dead"}).context["up_to"]
    later = message(State.DEAD)
    keeper.post(f"{reverse(MATCHING)}?status__exact=dead", {"up_to": up_to})
    assert (shown.resends.count(), later.resends.count()) == (1, 0)


def test_without_a_filter_nothing_is_sent_again(keeper: Client) -> None:
    dead = message(State.DEAD)
    assert keeper.get(reverse(MATCHING)).status_code == 302
    keeper.post(reverse(MATCHING), {"up_to": str(dead.pk)})
    assert not dead.resends.exists()


def test_all_that_match_in_the_list_leads_to_the_question(keeper: Client) -> None:
    rows = [message(State.DEAD) for _each in range(2)]
    data = {"action": "resend", "index": "0", "select_across": "1", "_selected_action": [rows[0].pk]}
    response = keeper.post(f"{reverse(LIST)}?status__exact=dead", data)
    assert response["Location"] == f"{reverse(MATCHING)}?status__exact=dead"


def test_only_who_may_resend_may_resend_all(client: Client) -> None:
    client.force_login(builders.person("质量经理"))
    dead = message(State.DEAD)
    assert reverse(MATCHING) not in client.get(reverse(LIST), {"status__exact": "dead"}).text
    url = f"{reverse(MATCHING)}?status__exact=dead"
    assert client.get(url).status_code == 403
    assert client.post(url, {"up_to": str(dead.pk)}).status_code == 403
    assert not dead.resends.exists()


def test_many_are_sent_again_in_the_background_with_progress(
    keeper: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 5)
    monkeypatch.setattr(bulk, "_CHUNK", 4)
    dead = [message(State.DEAD) for _each in range(10)]
    response = post(keeper, {"status__exact": "dead"})
    assert "本页显示进度" in response.text
    assert Notification.objects.filter(resent_from__isnull=False).count() == 0
    assert bulk.has_due()
    run = BulkResend.objects.get()
    bulk._some(run)
    assert "4/10" in keeper.get(reverse("admin:notifications_bulkresend_change", args=[run.pk])).text
    assert jobs.resend_due_job() == 6
    run.refresh_from_db()
    assert (run.state, run.done, run.skipped) == (BulkResend.Run.DONE, 10, 0)
    assert all(row.resends.count() == 1 for row in dead)
    assert jobs.resend_due_job() == 0


def test_two_workers_and_one_that_died_in_between_double_nothing(
    keeper: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 0)
    dead = [message(State.DEAD) for _each in range(6)]
    run = bulk.start([row.pk for row in dead], user=builders.superuser())
    stale = BulkResend.objects.get(pk=run.pk)
    bulk._some(run)
    bulk._some(stale)  # has read the run before the other wrote
    BulkResend.objects.filter(pk=run.pk).update(state=BulkResend.Run.RUNNING, done=0, skipped=0)
    bulk.resend_due()
    assert all(row.resends.count() == 1 for row in dead)
    assert BulkResend.objects.get().skipped == 6


def test_a_run_is_stopped_where_it_stands(keeper: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 0)
    monkeypatch.setattr(bulk, "_CHUNK", 2)
    run = bulk.start([message(State.DEAD).pk for _each in range(5)], user=builders.superuser())
    bulk._some(run)
    data = {"action": "stop", "index": "0", "_selected_action": run.pk}
    keeper.post(reverse("admin:notifications_bulkresend_changelist"), data)
    assert jobs.resend_due_job() == 0
    run.refresh_from_db()
    assert (run.state, run.done) == (BulkResend.Run.CANCELLED, 2)


def test_a_run_without_the_yes_leaves_out_what_was_shown_by_then(keeper: Client) -> None:
    sent, dead = message(State.SENT), message(State.DEAD)
    run = bulk.start([sent.pk, dead.pk], user=builders.superuser())
    assert (run.done, run.skipped) == (1, 1)
    assert not sent.resends.exists()


def test_too_many_at_once_are_refused_and_the_oldest_are_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST", 2)
    rows = [message(State.DEAD).pk for _each in range(3)]
    with pytest.raises(AppError):
        bulk.start(rows, user=builders.superuser())
    proposal = bulk.propose(Notification.objects.all())
    assert (proposal.rows, proposal.is_cut) == (rows[:2], True)


# --- dead letters -------------------------------------------------------------------------------


def test_dead_letters_stand_by_reason_with_the_fix_and_the_resend_of_each(keeper: Client) -> None:
    now = datetime.now(UTC)
    for _each in range(3):
        message(State.DEAD, reason=Reason.BAD_TEMPLATE, template_name="iqc_summary", at=now)
    message(State.DEAD, reason=Reason.RETRIES_USED, error_message="连接被拒绝", at=now)
    message(State.DEAD, reason=Reason.REFUSED, at=now - timedelta(days=30))
    message(State.DEAD, reason=Reason.BAD_TEMPLATE, template_name="oqc_summary", at=now)
    response = keeper.get(reverse(DEAD))
    reasons = response.context["reasons"]
    assert [(reason.label, reason.count) for reason in reasons] == [("模板有误", 4), ("重试次数用尽", 1)]
    assert [(row.template_name, row.count) for row in reasons[0].rows] == [
        ("iqc_summary", 3),
        ("oqc_summary", 1),
    ]
    assert "改好模板" in response.text
    assert "连接被拒绝" in response.text
    assert reverse("admin:notifications_notificationtemplate_changelist") in reasons[0].fix_url
    for one, count in ((reasons[0], 4), (reasons[0].rows[0], 3), (reasons[1], 1)):
        assert len(keeper.get(one.list_url).context["cl"].result_list) == count
        assert keeper.get(one.resend_url).context["count"] == count


def test_what_was_sent_again_is_no_dead_letter_any_more(keeper: Client) -> None:
    dead = message(State.DEAD, at=datetime.now(UTC))
    post(keeper, {"status__exact": "dead"})
    assert dead.resends.exists()
    assert keeper.get(reverse(DEAD)).context["reasons"] == []
    dead.resends.update(status=State.DEAD)
    assert len(keeper.get(reverse(DEAD)).context["reasons"]) == 1


def test_who_may_only_read_finds_no_resend_among_the_dead(client: Client) -> None:
    message(State.DEAD, at=datetime.now(UTC))
    client.force_login(builders.person("质量经理"))
    assert client.get(reverse(DEAD)).context["reasons"][0].resend_url == ""


# --- when it will go ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logs", "ahead", "at"),
    [
        ([([], 20)], 0, 0),
        ([([], 20)], 19, 0),
        ([([], 20)], 20, 61),
        ([([], 20)], 1000, 61 * 50),
        ([([-10.0, -5.0], 2)], 0, 51),
        ([([-10.0, -5.0], 2)], 1, 56),
        ([([-10.0, -5.0], 2)], 2, 51 + 61),
        ([([-10.0], 1), ([-30.0], 1)], 0, 31),  # the other robot of the pool is free sooner
        ([([-100.0], 1)], 0, 0),  # long over
    ],
)
def test_the_turn_of_a_message_follows_from_the_sliding_logs(
    logs: list[tuple[list[float], int]], ahead: int, at: float
) -> None:
    assert estimates.turn(logs, 0.0, ahead=ahead, window_s=61) == pytest.approx(at)


def test_a_log_that_counts_by_the_second_is_read_as_delivery_reads_it(channel: ScriptedChannel) -> None:
    now = datetime.now(UTC).timestamp()
    Budget.objects.create(name="test:IQC", sent_at=[now - 30, [now - 20, 19]])
    estimate = estimates.of_messages(Counter({("wechat_bot", "IQC"): 2}))
    assert estimate.at is not None
    assert estimate.at.timestamp() == pytest.approx(now - 20 + 61, abs=2)


def test_targets_that_share_a_robot_share_its_time(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "credentials", lambda target: [estimates_credential()])
    apart = estimates.of_messages(Counter({("wechat_bot", "IQC"): 20}))
    both = estimates.of_messages(Counter({("wechat_bot", "IQC"): 20, ("wechat_bot", "OQC"): 20}))
    assert apart.at is not None
    assert both.at is not None
    assert (both.at - apart.at).total_seconds() == pytest.approx(61, abs=2)


def estimates_credential() -> Any:
    from notifications.channels import Credential

    return Credential("test:shared")


def test_a_dead_robot_has_no_time_but_its_reason(channel: ScriptedChannel) -> None:
    Budget.objects.create(name="test:IQC", is_dead=True, note="机器人已被移出群")
    estimate = estimates.of_messages(Counter({("wechat_bot", "IQC"): 1}))
    assert (estimate.at, estimate.obstacle) == (None, "机器人已被移出群")


def test_what_a_message_carries_is_listed_on_its_page(keeper: Client) -> None:
    row = builders.notification(State.SENT)
    row.attachments.add(
        Attachment.objects.create(kind="file", name="8D报告.pdf", size=2048, digest="d" * 64, data=b"x")
    )
    page = keeper.get(reverse("admin:notifications_notification_change", args=[row.pk]))
    assert "8D报告.pdf (2.0" in page.content.decode()
