"""Decide what is done with material that failed: propose, ask WeCom, take in what was decided there.

A decision for which an active form is kept (a concession always needs one) is asked for in WeCom; the
others are granted in the house, by whoever may. What WeCom says comes twice, late and out of order: only a
change that may follow the present state is made. Locks are taken in the order approval, disposition, alarms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from approvals.choices import StartState
from approvals.choices import Status as ApprovalStatus
from approvals.models import Approval, OutgoingApproval
from approvals.services import start_approval, starting
from quality import filling, wording
from quality.choices import DISPOSITION_MAY_BECOME, Decision, DispositionState, Status
from quality.kinds import KINDS, Kind
from quality.models import Disposition, DispositionEvent, DispositionForm
from quality.models.dispositions import report_field
from quality.models.reports import Report
from quality.selectors import digest_of
from quality.services import disposition_effects as effects
from spc_site import clock
from spc_site.errors import AppError, Conflict

_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_BECOMES: Mapping[int, DispositionState] = {
    ApprovalStatus.IN_REVIEW: DispositionState.AWAITING,
    ApprovalStatus.GRANTED: DispositionState.GRANTED,
    ApprovalStatus.PAID: DispositionState.GRANTED,
    ApprovalStatus.REFUSED: DispositionState.REFUSED,
    ApprovalStatus.WITHDRAWN: DispositionState.WITHDRAWN,
    ApprovalStatus.WITHDRAWN_AFTER_GRANT: DispositionState.VOID,
}
"""What an approval's status makes of its disposition; a deleted one depends on what it was."""


# --- what people do ---------------------------------------------------------------------------


def form_for(kind: Kind, decision: str) -> DispositionForm | None:
    """Return the active form that asks for a decision: the kind's own before the one of both (1 query)."""
    forms = DispositionForm.objects.filter(decision=decision, is_active=True, kind__in=(kind.code, ""))
    return forms.order_by("-kind").first()


def suggested_quantity(report: Report) -> tuple[str, str]:
    """Return number and unit of the quantity that a report prints (`5,000 pcs`)."""
    found = _NUMBER.search(report.quantity.replace(",", ""))
    if found is None:
        return "", ""
    return found.group(), report.quantity.replace(",", "")[found.end() :].strip()[:16]


def propose(
    report: Report,
    *,
    decision: str,
    quantity: Decimal | str,
    reason: str,
    unit: str = "",
    characteristics: Collection[int] | None = None,
    expected_revision: int | None = None,
    user: User,
) -> Disposition:
    """Say what is to be done with the material of a report, and ask for it where it must be asked for.

    `characteristics` are those that it speaks of; without them all that are abnormal. Raises AppError for
    what cannot be asked for, and Conflict where one is open already or the report has a new revision.
    """
    kind = KINDS[report.KIND]
    decision = Decision(decision)
    amount, reason = _amount(quantity), reason.strip()
    if not reason:
        raise AppError("reason_missing", _("请填写理由。"))
    form = form_for(kind, decision)
    if form is None and decision == Decision.CONCESSION:
        raise AppError(
            "form_missing", _("还没有设置让步接收的审批表单：请质量经理在后台“处置审批表单”中设置。")
        )
    creator = _userid(user) if form else ""
    now = clock.now()
    with transaction.atomic():
        locked = _with_party(kind).select_for_update(of=("self",)).get(pk=report.pk)
        if expected_revision is not None and locked.revision != expected_revision:
            raise Conflict(_("报告刚刚有了新的修订，请刷新后再处置。"))
        disposition = Disposition(
            revision=locked.revision,
            decision=decision,
            quantity=amount,
            unit=unit.strip()[:16],
            reason=reason,
            covers=_covers(kind, locked, characteristics),
            proposed_by=user,
            proposed_at=now,
            **{report_field(kind.code): locked},
        )
        try:
            with transaction.atomic():
                disposition.save()
        except IntegrityError:
            raise Conflict(_("这份报告已有一个处置在等待批准。")) from None
        _note(disposition, DispositionState.PROPOSED, user=user, note=reason)
        effects.note_on_alarms(disposition, user=user)
        if form is not None:
            contents, summary = filling.filled(form, disposition)
            disposition.outgoing = start_approval(
                key=f"quality.disposition:{disposition.pk}",
                template_id=form.template_id,
                creator=creator,
                contents=contents,
                summary=summary,
                user=user,
            )
            disposition.save(update_fields=["outgoing"])
        elif user.has_perm("quality.decide_disposition"):
            _become(disposition, DispositionState.GRANTED, user=user)
    return disposition


def decide(disposition: Disposition, *, is_granted: bool, user: User, note: str = "") -> Disposition:
    """Grant or refuse in the house what no form of WeCom asks for."""
    if not is_granted and not note.strip():
        raise AppError("reason_missing", _("驳回时请填写理由。"))
    with transaction.atomic():
        locked = _locked(disposition)
        if locked.outgoing_id is not None:
            raise Conflict(_("这个处置由企业微信审批决定。"))
        _must_be_open(locked)
        state = DispositionState.GRANTED if is_granted else DispositionState.REFUSED
        _become(locked, state, user=user, note=note.strip())
    return locked


def withdraw(disposition: Disposition, *, user: User) -> Disposition:
    """Take back what nobody has decided and what is not at WeCom yet."""
    with transaction.atomic():
        outgoing = disposition.outgoing
        if outgoing is not None and not starting.give_up(outgoing, "withdrawn"):
            outgoing.refresh_from_db()
            if outgoing.state == StartState.STARTED:
                raise Conflict(_("审批已经提交：请由发起人在企业微信中撤销。"))
            if outgoing.state != StartState.GIVEN_UP:
                raise Conflict(_("审批正在提交，请稍后再试。"))
        locked = _locked(disposition)
        _must_be_open(locked)
        _become(locked, DispositionState.WITHDRAWN, user=user)
    return locked


def retry(disposition: Disposition, *, user: User) -> Disposition:
    """Hand the approval in again after it failed, its form filled in anew by the mapping of now."""
    kind = KINDS[disposition.report.KIND]
    form = form_for(kind, disposition.decision)
    if disposition.outgoing is None or form is None:
        raise AppError("form_missing", _("这种处置没有启用的审批表单。"))
    contents, summary = filling.filled(form, disposition)
    with transaction.atomic():
        is_waiting = starting.retry(
            disposition.outgoing, template_id=form.template_id, contents=contents, summary=summary
        )
        locked = _locked(disposition)
        _must_be_open(locked)
        if not is_waiting:
            raise Conflict(_("审批没有失败，不用重新提交。"))
        _note(locked, DispositionState.PROPOSED, user=user, note=_("重新提交审批"))
    return locked


# --- what WeCom says ----------------------------------------------------------------------------


def take_in(approval: Approval) -> Disposition | None:
    """Do what a changed approval asks for; None where it is no disposition's."""
    outgoing = _outgoing_of(approval)
    if outgoing is None:
        return None
    with transaction.atomic(), translation.override(settings.LANGUAGE_CODE):
        found = Disposition.objects.filter(outgoing=outgoing).first()
        if found is None:
            return None
        return _apply(_locked(found), approval)


def start_settled(outgoing: OutgoingApproval) -> Disposition | None:
    """Take in that an approval was handed in, or could not be; None where it is no disposition's."""
    with transaction.atomic(), translation.override(settings.LANGUAGE_CODE):
        found = Disposition.objects.filter(outgoing=outgoing).first()
        if found is None:
            return None
        disposition = _locked(found)
        if outgoing.state == StartState.DEAD:
            if disposition.is_open:
                _note(disposition, DispositionState.PROPOSED, note=_failure(outgoing))
            return disposition
        # Its events may have come before the answer to the start did.
        known = Approval.objects.filter(corp=settings.WECHAT_CORP_ID, sp_no=outgoing.sp_no).first()
        if known is not None:
            return _apply(disposition, known)
        _number(disposition, outgoing.sp_no)
        if disposition.state == DispositionState.PROPOSED:
            _become(disposition, DispositionState.AWAITING)
        return disposition


def _outgoing_of(approval: Approval) -> OutgoingApproval | None:
    """Return the start that this approval came of: by its number, or by the mark in its form.

    The number is not known yet where the answer to the start was lost or is on its way.
    """
    ours = OutgoingApproval.objects.filter(disposition__isnull=False)
    by_number = ours.filter(sp_no=approval.sp_no).first()
    if by_number is not None:
        return by_number
    unanswered = ours.filter(template_id=approval.template_id, sp_no="", sent_at__isnull=False).exclude(
        mark=""
    )
    if not unanswered.exists():
        return None
    form = json.dumps(approval.detail, ensure_ascii=False)
    return next((row for row in unanswered.defer("contents") if row.mark in form), None)


def _apply(disposition: Disposition, approval: Approval) -> Disposition:
    _number(disposition, approval.sp_no)
    if approval.status == ApprovalStatus.DELETED:
        was_granted = disposition.state == DispositionState.GRANTED
        state = DispositionState.VOID if was_granted else DispositionState.WITHDRAWN
    else:
        state = _BECOMES[approval.status]
    if state in DISPOSITION_MAY_BECOME[DispositionState(disposition.state)]:
        _become(disposition, state)
    return disposition


def _number(disposition: Disposition, sp_no: str) -> None:
    if not disposition.sp_no:
        disposition.sp_no = sp_no
        disposition.save(update_fields=["sp_no"])


# --- the one place where the state changes ---------------------------------------------------------


def _become(
    disposition: Disposition, state: DispositionState, *, user: User | None = None, note: str = ""
) -> None:
    """Change the state of a locked disposition with all that follows: history, alarms, message."""
    disposition.state = state
    disposition.decided_at = None if disposition.is_open else clock.now()
    disposition.save(update_fields=["state", "decided_at"])
    _note(disposition, state, user=user, note=note)
    effects.follow(disposition, user=user)


def _note(
    disposition: Disposition, state: DispositionState, *, user: User | None = None, note: str = ""
) -> None:
    DispositionEvent.objects.create(
        disposition=disposition, at=clock.now(), state=state, actor=user, note=note
    )


def _failure(outgoing: OutgoingApproval) -> str:
    return _("审批没有提交成功：%(why)s") % {"why": outgoing.error}


# --- parts ------------------------------------------------------------------------------------


def _with_party(kind: Kind) -> Any:
    return kind.report_model.objects.select_related("part", kind.party_field)


def _locked(disposition: Disposition) -> Disposition:
    """Return a disposition under its lock, with its report and approval as they are now."""
    locked = Disposition.objects.select_for_update().get(pk=disposition.pk)
    kind = "IQC" if locked.iqc_report_id else "OQC"
    report = _with_party(KINDS[kind]).get(pk=locked.iqc_report_id or locked.oqc_report_id)
    setattr(locked, report_field(kind), report)
    return locked


def _must_be_open(disposition: Disposition) -> None:
    if not disposition.is_open:
        state = DispositionState(disposition.state).label
        raise Conflict(_("这个处置%(state)s，不能再改。") % {"state": state})


def _amount(quantity: Decimal | str) -> Decimal:
    try:
        amount = Decimal(quantity)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or not 0 < amount < Decimal(10) ** 11:
        raise AppError("bad_quantity", _("涉及数量要大于 0。"))
    return amount.quantize(Decimal("0.001"))


def _userid(user: User) -> str:
    profile = getattr(user, "profile", None)
    userid = (profile.wecom_userid or "") if profile else ""
    if not userid:
        raise AppError(
            "creator_missing",
            _("您的账号没有企业微信 userid，不能发起审批：请管理员在用户的个人设置中填写。"),
        )
    return userid


def _covers(kind: Kind, report: Report, chosen: Collection[int] | None) -> list[dict[str, Any]]:
    """Return what a new disposition speaks of; raises AppError where there is nothing to dispose of."""
    if report.status == Status.PENDING:
        raise Conflict(_("报告正在判定，请稍候再处置。"))
    entries = kind.entry_model.objects.filter(
        report=report, revision=report.revision, status__in=(Status.ABNORMAL, Status.ERROR)
    ).order_by("position")
    found = [entry for entry in entries if chosen is None or entry.characteristic_id in chosen]
    if not found:
        raise AppError(
            "nothing_abnormal",
            _("请至少选择一个异常项目。") if entries else _("报告没有异常项目，不用处置。"),
        )
    return [
        {
            "characteristic": entry.characteristic_id,
            "name": entry.name,
            "what": " · ".join(wording.reason_short(reason, entry) for reason in entry.reasons),
            "digest": digest_of(entry),
            "closed": False,
        }
        for entry in found
    ]
