"""What an approval means for contracts: granted makes them, withdrawn or deleted ends them.

Called inside the transaction in which the approval changes; twice, late and out of order do no harm: one
contract per approval and template, whatever comes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Profile
from approvals.choices import Status
from approvals.models import Approval
from contracts.choices import EventKind
from contracts.mapping import read_form
from contracts.models import Contract, ContractTemplate
from contracts.services import acts, states
from spc_site import clock, jobs

MAKES_A_CONTRACT = frozenset({Status.GRANTED, Status.PAID})
ENDS_A_CONTRACT = frozenset({Status.WITHDRAWN_AFTER_GRANT, Status.DELETED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFacts:
    """An approval as contracts need to know it; `detail` is the answer of `oa/getapprovaldetail`."""

    corp: str
    sp_no: str
    template_id: str
    status: int
    detail: Mapping[str, Any]
    applicant_id: str = ""
    applicant: str = ""
    department: str = ""
    granted_at: datetime | None = None


def facts_of(approval: Approval) -> ApprovalFacts:
    """Return what contracts need to know of an approval; the applicant's name comes from the account."""
    profile = (
        Profile.objects.select_related("user").filter(wecom_userid=approval.applicant_id.casefold()).first()
        if approval.applicant_id
        else None
    )
    return ApprovalFacts(
        corp=approval.corp,
        sp_no=approval.sp_no,
        template_id=approval.template_id,
        status=approval.status,
        detail=approval.detail,
        applicant_id=approval.applicant_id,
        applicant=profile.user.get_full_name() if profile else "",
        department=approval.department_name or approval.department,
    )


def without_contract(template: ContractTemplate) -> QuerySet[Approval]:
    """Return the granted approvals of a template's kind that it made no contract of."""
    made = Contract.objects.filter(corp=OuterRef("corp"), sp_no=OuterRef("sp_no"), template=template)
    granted = Approval.objects.filter(
        template_id=template.wecom_template_id, status__in=MAKES_A_CONTRACT
    ).exclude(template_id="")
    return granted.exclude(Exists(made))


def catch_up(template: ContractTemplate) -> list[Contract]:
    """Make contracts of the approvals that were granted before the template was there."""
    with transaction.atomic():
        return [
            contract
            for approval in without_contract(template).order_by("pk")
            for contract in take_in(facts_of(approval))
        ]


def take_in(approval: ApprovalFacts) -> list[Contract]:
    """Do what the approval's status asks for; return the contracts that are new or ended by it."""
    if approval.status in MAKES_A_CONTRACT:
        return _granted(approval)
    if approval.status in ENDS_A_CONTRACT:
        return _ended(approval)
    return []


def _granted(approval: ApprovalFacts) -> list[Contract]:
    if not approval.template_id:
        return []
    made = []
    info = read_form(approval.detail).info
    for template in ContractTemplate.objects.filter(wecom_template_id=approval.template_id, is_enabled=True):
        contract, is_new = Contract.objects.get_or_create(
            corp=approval.corp,
            sp_no=approval.sp_no,
            template=template,
            defaults={
                "trace": uuid.uuid4().hex,
                "applicant_id": approval.applicant_id,
                "applicant": approval.applicant or approval.applicant_id,
                "department": approval.department,
                "applied_at": _moment(info.get("apply_time")),
                "granted_at": approval.granted_at or granted_at(info) or clock.now(),
                "detail": dict(approval.detail),
                "next_at": clock.now(),
            },
        )
        if is_new:
            states.tell(contract, EventKind.GRANTED, note=_("审批单 %(no)s") % {"no": approval.sp_no})
            made.append(contract)
    if made:
        jobs.enqueue("contracts.generate")
    return made


def _ended(approval: ApprovalFacts) -> list[Contract]:
    reason = _("审批已撤销") if approval.status == Status.WITHDRAWN_AFTER_GRANT else _("审批已删除")
    ended = []
    for contract in Contract.objects.filter(corp=approval.corp, sp_no=approval.sp_no):
        if acts.void_if_possible(contract, reason=reason):
            ended.append(contract)
    return ended


def granted_at(info: Mapping[str, Any]) -> datetime | None:
    """Return when the last approver decided, as the records of a detail say."""
    times = [
        _moment(one.get(name))
        for record in _list(info.get("sp_record"))
        for one in _list(record.get("details"))
        for name in ("sptime", "sp_time")
    ]
    times += [
        _moment(one.get("sp_time"))
        for node in _list((info.get("process_list") or {}).get("node_list"))
        for one in _list(node.get("sub_node_list"))
    ]
    return max((moment for moment in times if moment), default=None)


def _list(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _moment(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None
