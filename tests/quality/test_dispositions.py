"""What is done with material that failed: asked for, decided by WeCom or in the house, taken back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from alarms.models import Alarm, AlarmEvent, AlarmStatus, Resolution, SourceRule
from approvals import services as approvals
from approvals.models import OutgoingApproval, WatchedTemplate
from approvals.services import starting
from notifications.models import Notification
from quality import filling
from quality.choices import Status
from quality.kinds import IQC, OQC, Kind
from quality.models import Disposition, DispositionControl, DispositionForm
from quality.services import dispositions
from quality.services.judgement import judge_report, request_rejudgement
from spc_site.errors import AppError, Conflict
from tests import builders
from tests.approvals.conftest import Post, later, post, sandbox, shared
from tests.quality.dispositions import REASON, asker, failed_report, form
from tests.quality.dispositions import ask as propose
from wecom.sandbox import SandboxServer
from wecom.sandbox.forms import CONCESSION

__all__ = ["later", "post", "sandbox", "shared"]
pytestmark = pytest.mark.django_db


def told(template: str) -> int:
    return Notification.objects.filter(template_name=template).count()


def hear(post: Post) -> None:
    """Have everything that WeCom says arrive, and act on it."""
    post.deliver_all()
    approvals.process_due()


def asked(kind: Kind = IQC, **fields: Any) -> Disposition:
    """A concession that WeCom has been asked for."""
    if not Disposition.objects.exists():
        form()
    found = propose(failed_report(kind, **fields), asker(userid="lin.qc"))
    starting.start_due()
    found.refresh_from_db()
    return found


# --- the ways of an approval ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [IQC, OQC], ids=lambda kind: kind.code)
def test_a_granted_concession_closes_the_alarms_and_tells_the_group(
    sandbox: SandboxServer, post: Post, kind: Kind
) -> None:
    row = asked(kind, bad=2)
    assert (row.state, row.decided_at) == ("awaiting", None)
    hear(post)
    (handed_in,) = sandbox.approvals.forms()
    filled = {one["id"]: one["value"]["text"] for one in handed_in.contents}
    assert (
        filled["Text-subject"]
        == f"{kind.code}-{row.report.pk} 活塞环 {row.report.part.number} {row.report.lot}"
    )
    assert [line.split()[0] for line in filled["Textarea-reason"].splitlines()] == ["内径1", "内径2"]
    assert filled["Textarea-why"] == REASON
    assert filled["Text-mark"] == OutgoingApproval.objects.get().mark
    sandbox.approvals.act(handed_in.sp_no, "agree")
    hear(post)
    row.refresh_from_db()
    assert (row.state, row.sp_no) == ("granted", handed_in.sp_no)
    for alarm in Alarm.objects.all():
        assert (alarm.status, alarm.resolution) == (AlarmStatus.RESOLVED, Resolution.CONCESSION)
        lines = [(line.kind, line.note) for line in alarm.events.all()][1:]
        assert lines == [
            ("decided", f"提出让步接收：{REASON}"),
            ("resolved", f"让步接收 {handed_in.sp_no}"),
        ]
    message = Notification.objects.get(template_name="concession_granted")
    assert message.target == kind.code
    assert all(word in message.content for word in ("让步接收", "内径1、内径2", "5000 pcs", handed_in.sp_no))
    # What comes once more, and a comment, change nothing.
    sandbox.approvals.act(handed_in.sp_no, "comment", text="已阅")
    hear(post)
    approvals.read_again(handed_in.sp_no)
    assert told("concession_granted") == 1
    assert [event.state for event in row.events.all()] == ["proposed", "awaiting", "granted"]


@pytest.mark.parametrize(
    ("act", "state", "template", "word"),
    [
        ("refuse", "refused", "concession_refused", "已驳回"),
        ("withdraw", "withdrawn", "concession_withdrawn", "已撤回"),
        ("delete", "withdrawn", "concession_withdrawn", "已撤回"),
    ],
)
def test_what_is_not_granted_leaves_the_alarm_open_and_the_way_free(
    sandbox: SandboxServer, post: Post, act: str, state: str, template: str, word: str
) -> None:
    row = asked()
    sandbox.approvals.act(row.sp_no, act)
    hear(post)
    row.refresh_from_db()
    assert (row.state, told(template)) == (state, 1)
    alarm = Alarm.objects.get()
    assert (alarm.is_open, alarm.events.last().note) == (True, f"让步接收 {row.sp_no} {word}")
    assert propose(row.report, asker(userid="chen.qe")).state == "proposed"


def test_a_grant_that_is_withdrawn_is_void_and_what_it_closed_is_open_again(
    sandbox: SandboxServer, post: Post
) -> None:
    row = asked(bad=2)
    by_hand = Alarm.objects.order_by("pk").last()
    assert by_hand is not None
    Alarm.objects.filter(pk=by_hand.pk).update(status=AlarmStatus.RESOLVED, resolution=Resolution.BY_HAND)
    sandbox.approvals.act(row.sp_no, "agree")
    hear(post)
    assert not Alarm.objects.open().exists()
    sandbox.approvals.act(row.sp_no, "withdraw_granted")
    hear(post)
    row.refresh_from_db()
    assert (row.state, told("concession_void")) == ("void", 1)
    again = Alarm.objects.open().get()  # not the one that a person had closed
    assert again.key != by_hand.key
    assert again.events.last().note == f"让步接收 {row.sp_no} 批准后被撤销，已作废"
    assert propose(row.report, asker(userid="chen.qe")).state == "proposed"


def test_lost_events_are_found_by_reconciling(sandbox: SandboxServer, post: Post, later: Any) -> None:
    row = asked()
    sandbox.approvals.act(row.sp_no, "agree")
    post.events.clear()
    assert approvals.reconcile().recovered == 1
    row.refresh_from_db()
    assert row.state == "granted"
    sandbox.approvals.act(row.sp_no, "withdraw_granted")
    post.events.clear()
    later(days=2)
    approvals.reconcile()
    row.refresh_from_db()
    assert row.state == "void"


def test_events_that_overtake_the_answer_find_their_disposition_by_its_mark(
    sandbox: SandboxServer, post: Post, later: Any
) -> None:
    form()
    row = propose(failed_report(), asker())
    sandbox.fail("drop_after", call="apply", times=1, taken=True)
    starting.start_due()
    (handed_in,) = sandbox.approvals.forms()
    sandbox.approvals.act(handed_in.sp_no, "agree")
    hear(post)
    row.refresh_from_db()
    assert (row.state, row.sp_no) == ("granted", handed_in.sp_no)
    later(minutes=2)
    starting.start_due()  # the number is found now, and says nothing new
    row.refresh_from_db()
    assert (row.state, told("concession_granted")) == ("granted", 1)
    assert OutgoingApproval.objects.get().state == "started"


def test_events_that_overtake_the_number_of_a_form_without_a_mark_are_not_lost(
    sandbox: SandboxServer, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    form().controls.filter(control_id="Text-mark").delete()
    row = propose(failed_report(), asker())
    note_the_number = starting._succeed

    def late(outgoing: OutgoingApproval, sp_no: str) -> None:
        sandbox.approvals.act(sp_no, "agree")
        hear(post)
        note_the_number(outgoing, sp_no)

    monkeypatch.setattr(starting, "_succeed", late)
    starting.start_due()
    row.refresh_from_db()
    assert (row.state, told("concession_granted"), Alarm.objects.open().exists()) == ("granted", 1, False)


def test_a_rule_that_lets_only_people_close_keeps_the_alarm_open(sandbox: SandboxServer, post: Post) -> None:
    SourceRule.objects.update_or_create(
        source="quality.IQC", defaults={"closing": "by_hand", "quiet_days": None}
    )
    row = asked()
    sandbox.approvals.act(row.sp_no, "agree")
    hear(post)
    alarm = Alarm.objects.get()
    assert (alarm.is_open, alarm.events.last().note) == (True, f"让步接收 {row.sp_no}")


# --- what a concession holds for -------------------------------------------------------------------


def test_a_concession_holds_for_the_values_it_was_granted_for(sandbox: SandboxServer, post: Post) -> None:
    row = asked()
    sandbox.approvals.act(row.sp_no, "agree")
    hear(post)
    entry = row.report.entries.get(status=Status.ABNORMAL)
    entries = type(entry).objects.filter(pk=entry.pk)
    request_rejudgement(entries)
    judge_report(row.report)
    assert not Alarm.objects.open().exists()  # the same values again are no news
    entries.update(values=[*entry.values[:-1], "10.90"], version=entry.version + 5, status=Status.PENDING)
    judge_report(row.report)
    assert Alarm.objects.open().count() == 1


def test_a_grant_closes_nothing_where_the_values_changed_meanwhile(
    sandbox: SandboxServer, post: Post
) -> None:
    row = asked()
    row.report.entries.filter(status=Status.ABNORMAL).update(values=["10.90"] * 5)
    sandbox.approvals.act(row.sp_no, "agree")
    hear(post)
    alarm = Alarm.objects.get()
    assert alarm.is_open
    assert alarm.events.last().note == f"让步接收 {row.sp_no} 已批准，但数值已更改，不适用"


# --- asking ----------------------------------------------------------------------------------------


def test_one_open_disposition_per_report_even_where_two_ask_at_once() -> None:
    form()
    first = propose(failed_report(), asker())
    with pytest.raises(Conflict, match="已有一个处置"):
        propose(first.report, asker(userid="chen.qe"))
    assert (Disposition.objects.count(), OutgoingApproval.objects.count()) == (1, 1)
    first.pk, first.outgoing = None, None
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save(force_insert=True)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": "  "}, "reason_missing"),
        ({"quantity": "0"}, "bad_quantity"),
        ({"quantity": "viele"}, "bad_quantity"),
        ({"quantity": "NaN"}, "bad_quantity"),
        ({"characteristics": [0]}, "nothing_abnormal"),
        ({"expected_revision": 7}, "conflict"),
    ],
)
def test_what_cannot_be_asked_for_leaves_nothing(changes: dict[str, Any], code: str) -> None:
    form()
    with pytest.raises(AppError) as refusal:
        propose(failed_report(), asker(), **changes)
    assert refusal.value.code == code
    assert not Disposition.objects.exists()
    assert not OutgoingApproval.objects.exists()
    assert not AlarmEvent.objects.filter(kind="decided").exists()


def test_a_concession_needs_a_form_a_filled_one_and_a_person_whom_wecom_knows() -> None:
    report = failed_report()
    with pytest.raises(AppError, match="审批表单"):
        propose(report, asker())
    row = form()
    with pytest.raises(AppError, match="userid"):
        propose(report, builders.person("质检员"))
    row.controls.filter(control_id="Textarea-why").update(text="")
    with pytest.raises(AppError, match=r"“让步理由”是必填项"):
        propose(report, asker(userid="chen.qe"))
    assert not Disposition.objects.exists()


def test_a_form_that_wecom_refuses_can_be_mended_and_handed_in_again(
    sandbox: SandboxServer, post: Post, client: Client
) -> None:
    mapping = form()
    broken = mapping.controls.get(control_id="Textarea-why")
    broken.delete()
    user = asker()
    row = propose(failed_report(), user)
    starting.start_due()
    row = Disposition.objects.get()
    assert (row.state, row.has_failed_to_start, sandbox.approvals.forms()) == ("proposed", True, [])
    client.force_login(user)
    (tile,) = [one for one in client.get("/admin/").context["tiles"] if one.label == "待批准的处置"]
    assert (tile.value, tile.tone, tile.note) == (1, "red", "1 份审批提交失败")
    assert str(row.report) in client.get(tile.url).content.decode()
    assert "301025" in row.events.last().note
    broken.pk = None
    broken.save()
    dispositions.retry(row, user=user)
    starting.start_due()
    row = Disposition.objects.get()
    (handed_in,) = sandbox.approvals.forms()
    assert (row.state, row.sp_no) == ("awaiting", handed_in.sp_no)
    with pytest.raises(Conflict, match="没有失败"):
        dispositions.retry(row, user=user)


def test_a_start_whose_answer_was_lost_for_good_is_looked_for_before_it_is_sent_again(
    sandbox: SandboxServer, post: Post, later: Any
) -> None:
    form()
    user = asker()
    row = propose(failed_report(), user)
    sandbox.fail("drop_after", call="apply", times=1, taken=True)
    starting.start_due()
    OutgoingApproval.objects.update(state="dead", next_at=None)  # as after hours without WeCom
    later(minutes=2)
    dispositions.retry(row, user=user)
    starting.start_due()
    assert len(sandbox.approvals.forms()) == 1
    assert Disposition.objects.get().state == "awaiting"


def test_what_is_not_at_wecom_yet_can_be_taken_back(sandbox: SandboxServer, post: Post) -> None:
    form()
    user = asker()
    row = propose(failed_report(), user)
    dispositions.withdraw(row, user=user)
    assert row.outgoing is not None
    assert not starting.retry(row.outgoing)
    assert starting.start_due() == 0
    assert sandbox.approvals.forms() == []
    again = propose(row.report, user)
    starting.start_due()
    again.refresh_from_db()
    with pytest.raises(Conflict, match="企业微信中撤销"):
        dispositions.withdraw(again, user=user)
    assert told("concession_withdrawn") == 0


def test_a_start_that_failed_is_given_up_with_its_disposition() -> None:
    form()
    user = asker()
    row = propose(failed_report(), user)
    OutgoingApproval.objects.update(state="dead", next_at=None)
    dispositions.withdraw(row, user=user)
    outgoing = OutgoingApproval.objects.get()
    assert (outgoing.state, starting.retry(outgoing), starting.start_due()) == ("given_up", False, 0)
    with pytest.raises(Conflict, match="已撤回"):
        dispositions.retry(row, user=user)
    assert OutgoingApproval.objects.get().state == "given_up"


# --- in the house ------------------------------------------------------------------------------------


def test_other_decisions_are_taken_in_the_house_by_whoever_may() -> None:
    report, inspector, engineer = failed_report(), asker(), asker("质量工程师", userid="chen.qe")
    row = propose(report, inspector, decision="rework", quantity=Decimal("12.5"))
    assert (row.state, row.outgoing, row.amount) == ("proposed", None, "12.5 pcs")
    with pytest.raises(AppError, match="理由"):
        dispositions.decide(row, is_granted=False, user=engineer)
    dispositions.decide(row, is_granted=True, user=engineer)
    with pytest.raises(Conflict, match="已批准"):
        dispositions.decide(row, is_granted=False, note="太晚", user=engineer)
    assert propose(report, engineer, decision="scrap").state == "granted"
    alarm = Alarm.objects.get()
    assert (alarm.is_open, alarm.events.last().note) == (True, "报废 已批准")
    assert told("concession_granted") == 0


def test_a_form_of_the_kind_goes_before_the_one_of_both_and_may_ask_for_other_decisions() -> None:
    both, own = form(decision="scrap"), form(decision="scrap", kind="OQC")
    assert dispositions.form_for(IQC, "scrap") == both
    assert dispositions.form_for(OQC, "scrap") == own
    row = propose(failed_report(OQC), asker("质量工程师"), decision="scrap")
    assert (row.state, row.outgoing.template_id) == ("proposed", own.template_id)
    with pytest.raises(Conflict, match="企业微信"):
        dispositions.decide(row, is_granted=True, user=asker(userid="boss.li"))


# --- the mapping -------------------------------------------------------------------------------------


def test_every_kind_of_control_is_filled_as_wecom_takes_it() -> None:
    def control(kind: str, text: str, **fields: Any) -> DispositionControl:
        return DispositionControl(control_id=kind, kind=kind, title=kind, text=text, **fields)

    values = {"reason": "一\n\n{lot}", "quantity": "12.5", "date": "2026-11-24", "lot": "B1"}
    controls = [
        control("Text", "{reason} {mark}"),
        control("Textarea", "{reason}"),
        control("Number", "{quantity}"),
        control("Date", "{date}"),
        control("Selector", "option-2"),
    ]
    assert {one["id"]: one["value"] for one in filling.contents_of(controls, values)} == {
        "Text": {"text": "一；{lot} {mark}"},  # what a person typed is no placeholder
        "Textarea": {"text": "一\n\n{lot}"},
        "Number": {"new_number": "12.5"},
        "Date": {"date": {"type": "day", "s_timestamp": "1795449600"}},
        "Selector": {"selector": {"type": "single", "options": [{"key": "option-2"}]}},
    }
    with pytest.raises(AppError, match="“Number”要的是数字"):
        filling.contents_of([control("Number", "{reason}")], values)
    wrong = filling.problems_of(
        [
            control("Text", "{lott}"),
            control("Textarea", "", is_required=True),
            control("Selector", "2", options={"option-1": "是"}),
        ]
    )
    assert [
        word in line for word, line in zip(("{lott}", "必填", "option-1", "{mark}"), wrong, strict=True)
    ] == [True] * 4


def test_a_form_is_read_from_wecom_mended_and_checked_in_the_admin(
    sandbox: SandboxServer, client: Client
) -> None:
    client.force_login(builders.person("质量经理"))
    page = "/admin/quality/dispositionform/"
    row = {
        "name": "让步接收",
        "decision": "concession",
        "kind": "",
        "template_id": CONCESSION.id,
        "is_active": "on",
    }
    prefix = "controls"
    management = {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    assert client.post(f"{page}add/", row | management).status_code == 302
    mapping = DispositionForm.objects.get()
    assert WatchedTemplate.objects.get().template_id == CONCESSION.id

    def act(name: str) -> str:
        chosen = {"action": name, "_selected_action": mapping.pk, "object_id": mapping.pk}
        answer: Any = client.post(page, chosen, follow=True)
        return answer.content.decode()  # type: ignore[no-any-return]

    assert "已读取 1 个表单的控件" in act("read_from_wecom")
    assert [control.text for control in mapping.controls.all()] == [
        "{report_no} {part_name} {part_number} {lot}",
        "{defects}",
        "{reason}",
        "{mark}",
    ]
    assert "可以使用" in act("check_mapping")
    mapping.controls.filter(control_id="Text-mark").delete()
    mapping.controls.filter(control_id="Textarea-why").update(kind="Number", text="{reason}，{lot}")
    said = act("check_mapping")
    assert "不能自动找回" in said
    assert "类型是 Textarea，不是 Number" in said
    act("read_from_wecom")  # what a person wrote stays
    assert mapping.controls.get(control_id="Textarea-why").text == "{reason}，{lot}"
    assert "可以使用" in act("check_mapping")
    control = mapping.controls.get(control_id="Text-subject")
    changed = {
        f"{prefix}-TOTAL_FORMS": "1",
        f"{prefix}-INITIAL_FORMS": "1",
        f"{prefix}-0-id": control.pk,
        f"{prefix}-0-form": mapping.pk,
        f"{prefix}-0-position": 1,
        f"{prefix}-0-control_id": control.control_id,
        f"{prefix}-0-title": control.title,
        f"{prefix}-0-kind": "Text",
        f"{prefix}-0-text": "{lots}",
    }
    answer = client.post(f"{page}{mapping.pk}/change/", row | changed)
    assert "没有 {lots} 这样的占位符" in answer.content.decode()
    sandbox.fail("errcode", errcode=301056, call="approval")
    assert "301056" in act("check_mapping")
