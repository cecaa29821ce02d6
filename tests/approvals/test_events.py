"""From an event to a change: the detail alone decides, whatever comes, in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals import services
from approvals.choices import EventState, Status
from approvals.models import Approval, ApprovalFile, InboundEvent, OutgoingApproval, ReconcileRun
from approvals.services import files, reading, starting
from approvals.signals import approval_changed, card_clicked
from tests.approvals.conftest import Post
from wecom.approvals import Approvals
from wecom.sandbox import SandboxServer
from wecom.sandbox.forms import CONCESSION, PURCHASE

pytestmark = pytest.mark.django_db
TYPED = {"Text-party": "无锡示例轴承厂", "Money-total": "150.50", "Date-due": "2026-12-31"}


@pytest.fixture
def heard() -> Iterator[list[tuple[str, int | None, int]]]:
    """What the rooms above are told: number, old status, new status."""
    told: list[tuple[str, int | None, int]] = []

    def hear(approval: Approval, old_status: int | None, new_status: int, **_more: Any) -> None:
        told.append((approval.sp_no, old_status, new_status))

    approval_changed.connect(hear)
    yield told
    approval_changed.disconnect(hear)


def hand_in(sandbox: SandboxServer, **options: Any) -> str:
    return sandbox.approvals.hand_in(PURCHASE.id, TYPED, **options).sp_no


def test_an_event_leads_to_the_detail_and_its_status_alone_counts(
    sandbox: SandboxServer, post: Post, heard: list[Any]
) -> None:
    number = hand_in(sandbox)
    sandbox.approvals.act(number, "agree")
    # The event of the submission comes alone and late: it says "in review", the detail says "granted".
    post.deliver(post.events[0])
    assert services.process_due() == 1
    approval = Approval.objects.get()
    assert (approval.sp_no, approval.status, approval.template_id) == (number, Status.GRANTED, PURCHASE.id)
    assert (approval.applicant_id, approval.department, approval.name) == ("wang.min", "2", "采购合同用印")
    assert approval.detail["apply_data"]["contents"][0]["value"]["text"] == "无锡示例轴承厂"
    assert heard == [(number, None, Status.GRANTED)]
    post.deliver_all()
    services.process_due()
    assert heard == [(number, None, Status.GRANTED)]
    assert set(InboundEvent.objects.values_list("state", flat=True)) == {EventState.DONE}


def test_a_comment_a_reminder_and_two_events_in_a_second_change_nothing(
    sandbox: SandboxServer, post: Post, heard: list[Any]
) -> None:
    first, second = hand_in(sandbox), hand_in(sandbox)
    sandbox.approvals.act(first, "remind")
    for number in (first, second):
        sandbox.approvals.act(number, "agree")
    post.deliver_all()
    services.process_due()
    sandbox.approvals.act(first, "comment", text="已盖章")
    post.deliver_all()
    services.process_due()
    assert sorted(heard) == [(first, None, 2), (second, None, 2)]
    assert Approval.objects.get(sp_no=first).detail["comments"][0]["commentcontent"] == "已盖章"


def test_what_ends_after_the_grant_is_told_once(sandbox: SandboxServer, post: Post, heard: list[Any]) -> None:
    number = hand_in(sandbox)
    for act in ("agree", "withdraw_granted", "delete"):
        sandbox.approvals.act(number, act)
        post.deliver_all()
        services.process_due()
        services.process_due()
    assert heard == [(number, None, 2), (number, 2, 6), (number, 6, 7)]
    assert list(Approval.objects.get().changes.values_list("new_status", flat=True)) == [2, 6, 7]


def test_an_answer_from_before_is_written_down_and_not_believed(
    sandbox: SandboxServer, post: Post, heard: list[Any]
) -> None:
    number = hand_in(sandbox)
    sandbox.approvals.act(number, "withdraw")
    services.read_again(number)
    sandbox.approvals.find(number).status = Status.GRANTED
    services.read_again(number)
    assert Approval.objects.get().status == Status.WITHDRAWN
    assert Approval.objects.get().changes.filter(is_believed=False).count() == 1
    assert heard == [(number, None, Status.WITHDRAWN)]


def test_two_looks_that_cross_end_with_what_is_true(
    sandbox: SandboxServer, post: Post, heard: list[Any], later: Any
) -> None:
    """The first look asks, is overtaken by a later one that hears an older answer, and is not lost."""
    number = hand_in(sandbox)
    sandbox.approvals.act(number, "agree")
    post.deliver_all()
    asked = Approvals.detail
    seen: list[int] = []

    def crossed(self: Any, sp_no: str) -> Any:
        if not seen:
            seen.append(1)
            before = asked(self, sp_no)  # the overtaking look hears "granted" …
            later(seconds=1)
            with patch.object(type(self), "detail", lambda _self, _no: before):
                reading.read_again(sp_no)
            sandbox.approvals.act(sp_no, "withdraw_granted")  # … and this one, asked earlier, what is new
        return asked(self, sp_no)

    with patch("wecom.approvals.Approvals.detail", crossed):
        services.process_due()
    assert Approval.objects.get().status == Status.WITHDRAWN_AFTER_GRANT
    assert heard == [(number, None, 2), (number, 2, 6)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_number_of_deliveries_makes_one_grant(
    sandbox: SandboxServer, post: Post, heard: list[Any], data: st.DataObject
) -> None:
    heard.clear()
    post.events.clear()
    InboundEvent.objects.all().delete()
    Approval.objects.all().delete()
    number = hand_in(sandbox)
    backlog: list[str] = []
    for _step in range(data.draw(st.integers(1, 7))):
        form = sandbox.approvals.find(number)
        if acts := form.acts():
            sandbox.approvals.act(number, data.draw(st.sampled_from(acts)))
        backlog += post.events
        post.events.clear()
        for xml in data.draw(st.lists(st.sampled_from(backlog), max_size=3)):
            post.deliver(xml)
        if data.draw(st.booleans()):
            services.process_due()
    for xml in data.draw(st.permutations(backlog)):
        post.deliver(xml)
    services.process_due()
    final = sandbox.approvals.find(number).status
    grants = [row for row in heard if row[2] == 2]
    assert Approval.objects.get().status == final
    assert len(grants) <= 1
    assert final not in (2, 10) or any(new in (2, 10) for _no, _old, new in heard)
    assert len(heard) == len({row[1:] for row in heard})  # no change is told twice
    assert not InboundEvent.objects.exclude(state=EventState.DONE).exists()


def test_one_look_answers_a_long_queue(sandbox: SandboxServer, post: Post) -> None:
    number = hand_in(sandbox)
    sandbox.approvals.act(number, "agree")
    post.deliver(post.events[0])
    like_it = InboundEvent.objects.get()
    InboundEvent.objects.bulk_create(
        InboundEvent(
            key=str(place),
            event=like_it.event,
            subject=number,
            raw="<xml/>",
            received_at=like_it.received_at,
            next_at=like_it.next_at,
        )
        for place in range(250)
    )
    services.process_due()
    assert sandbox.apps.calls["getapprovaldetail"] == 1
    assert not InboundEvent.objects.exclude(state=EventState.DONE).exists()


def test_failures_wait_1_5_15_60_minutes_and_then_for_a_person(
    sandbox: SandboxServer, post: Post, heard: list[Any], later: Any
) -> None:
    number = hand_in(sandbox)
    post.deliver_all()
    sandbox.fail("errcode", errcode=301057, call="approval")
    for minutes in (0, 1, 5, 15, 60):
        assert not reading.DUE.is_any() or not minutes
        later(minutes=minutes, seconds=1)
        assert reading.DUE.is_any()
        services.process_due()
    event = InboundEvent.objects.get()
    assert (event.state, event.attempts) == (EventState.DEAD, 5)
    assert "301057" in event.error
    sandbox.mend()
    later(hours=2)
    assert services.process_due() == 0
    services.retry([event])
    assert services.process_due() == 1
    assert heard == [(number, None, 1)]


def test_a_full_minute_uses_no_try(sandbox: SandboxServer, post: Post, later: Any) -> None:
    hand_in(sandbox)
    post.deliver_all()
    sandbox.fail("errcode", errcode=45009, call="approval", times=1)
    services.process_due()
    event = InboundEvent.objects.get()
    assert (event.attempts, event.state, reading.DUE.is_any()) == (0, EventState.WAITING, False)
    later(seconds=61)
    assert services.process_due() == 1


def test_a_receiver_that_fails_takes_the_change_back_and_is_tried_again(
    sandbox: SandboxServer, post: Post, heard: list[Any], later: Any
) -> None:
    def fail(**_facts: Any) -> None:
        raise RuntimeError("no number series")

    hand_in(sandbox)
    post.deliver_all()
    approval_changed.connect(fail)
    try:
        services.process_due()
    finally:
        approval_changed.disconnect(fail)
    assert not Approval.objects.exists()
    assert "no number series" in InboundEvent.objects.get().error
    later(minutes=2)
    services.process_due()
    assert Approval.objects.get().status == Status.IN_REVIEW


def test_files_of_the_form_are_fetched_at_once_and_kept(
    sandbox: SandboxServer, post: Post, later: Any
) -> None:
    hand_in(sandbox, files={"报价单.pdf": b"%PDF-1.7 offer"})
    post.deliver_all()
    services.process_due()
    assert files.fetch_due() == 1
    file = ApprovalFile.objects.get()
    assert (file.name, bytes(file.data), file.size, file.state) == (
        "报价单.pdf",
        b"%PDF-1.7 offer",
        14,
        "stored",
    )
    assert len(file.sha256) == 64
    sandbox.media._files.clear()  # three days later
    hand_in(sandbox, files={"旧.txt": b"older than that"})
    sandbox.media._files.clear()
    post.deliver_all()
    services.process_due()
    files.fetch_due()
    lost = ApprovalFile.objects.get(state="dead")
    assert "40007" in lost.error


# --- events that never came -------------------------------------------------------------------


def test_reconciling_finds_what_no_event_told_of(
    sandbox: SandboxServer, post: Post, heard: list[Any], later: Any
) -> None:
    services.watch(PURCHASE.id, "采购合同")
    lost, moved, ended = hand_in(sandbox), hand_in(sandbox), hand_in(sandbox)
    sandbox.approvals.hand_in(CONCESSION.id, {"Text-subject": "不在关注之列"})
    for number in (lost, ended):
        sandbox.approvals.act(number, "agree")
    services.read_again(moved)
    services.read_again(ended)
    sandbox.approvals.act(moved, "agree")
    sandbox.approvals.act(ended, "withdraw_granted")
    post.events.clear()  # nothing of it arrives
    heard.clear()
    later(minutes=11)
    run = services.reconcile()
    assert (run.error, run.recovered) == ("", 3)
    assert sorted(heard) == sorted([(lost, None, 2), (moved, 1, 2), (ended, 2, 6)])
    later(minutes=11)
    again = services.reconcile()
    assert again.recovered == 0
    assert again.window_from > run.window_from


def test_the_command_tells_and_fails_loudly(
    sandbox: SandboxServer, post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    services.watch(PURCHASE.id)
    hand_in(sandbox)
    call_command("reconcile_approvals", "--days", "2")
    assert "补回 1 份" in capsys.readouterr().out
    sandbox.fail("errcode", errcode=301056, call="approval")
    with pytest.raises(CommandError, match="301056"):
        call_command("reconcile_approvals")
    assert ReconcileRun.objects.filter(error__contains="301056").count() == 1


# --- approvals that start here ------------------------------------------------------------------


def start(key: str = "quality.concession:1") -> OutgoingApproval:
    return services.start_approval(
        key=key,
        template_id=CONCESSION.id,
        creator="lin.qc",
        contents=[
            {"control": "Text", "id": "Text-subject", "value": {"text": "IQC-1 外径"}},
            {"control": "Textarea", "id": "Textarea-reason", "value": {"text": "超上限"}},
            {"control": "Textarea", "id": "Textarea-why", "value": {"text": "不影响使用"}},
            {"control": "Text", "id": "Text-mark", "value": {"text": "{mark}"}},
        ],
        nodes=[{"type": 1, "apv_rel": 1, "userid": ["boss.li"]}],
    )


def test_an_approval_is_started_once_per_key(sandbox: SandboxServer, post: Post, heard: list[Any]) -> None:
    assert start().pk == start().pk
    starting.start_due()
    starting.start_due()
    row = OutgoingApproval.objects.get()
    (form,) = sandbox.approvals.forms()
    assert (row.state, row.sp_no, form.applicant) == ("started", form.sp_no, "lin.qc")
    post.deliver_all()
    services.process_due()
    assert heard == [(form.sp_no, None, 1)]


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_lost_answer_starts_no_second_one(
    sandbox: SandboxServer, post: Post, later: Any, is_taken: bool
) -> None:
    start()
    sandbox.fail("drop_after", call="apply", times=1, taken=is_taken)
    starting.start_due()
    row = OutgoingApproval.objects.get()
    assert row.state == "uncertain"
    for minutes in (1, 2, 6, 16):
        later(minutes=minutes)
        starting.start_due()
    row.refresh_from_db()
    (form,) = sandbox.approvals.forms()
    assert (row.state, row.sp_no) == ("started", form.sp_no)


def test_a_kill_between_call_and_record_starts_no_second_one(
    sandbox: SandboxServer, post: Post, later: Any
) -> None:
    start()
    with patch("approvals.services.starting._succeed", side_effect=SystemExit), pytest.raises(SystemExit):
        starting.start_due()
    assert OutgoingApproval.objects.get().state == "sending"
    later(minutes=3)
    starting.start_due()
    (form,) = sandbox.approvals.forms()
    assert OutgoingApproval.objects.get().sp_no == form.sp_no


def test_a_form_that_wecom_refuses_waits_for_a_person(sandbox: SandboxServer, post: Post) -> None:
    row = start()
    OutgoingApproval.objects.filter(pk=row.pk).update(contents=[])
    starting.start_due()
    row.refresh_from_db()
    assert row.state == "dead"
    assert "301025" in row.error


# --- cards ---------------------------------------------------------------------------------------


def test_a_click_is_told_once_with_who_and_what(sandbox: SandboxServer, post: Post) -> None:
    told: list[dict[str, Any]] = []

    def hear(signal: Any, sender: Any, **facts: Any) -> None:
        told.append(facts)

    card_clicked.connect(hear)
    try:
        sandbox.courier.target = object()  # type: ignore[assignment]  # somebody listens
        card = {"task_id": "alarm-7", "button_list": [{"key": "ack", "text": "受理"}]}
        sandbox.cards.issue("demo-corp", 1000002, card)
        sandbox.cards.click(1000002, "alarm-7", "ack", "boss.li")
        post.deliver(post.events[0])
        post.deliver(post.events[0])
        services.process_due()
        services.process_due()
    finally:
        card_clicked.disconnect(hear)
    (click,) = told
    assert (click["key"], click["user_id"], click["task_id"]) == ("ack", "boss.li", "alarm-7")
    assert click["response_code"]
