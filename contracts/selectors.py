"""What can be read about contracts. Each says how many queries it costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from approvals.models import Approval
from contracts import formats
from contracts.choices import OPEN, ContractState, TemplateState
from contracts.mapping import Facts, FormFile, read_form
from contracts.models import Contract, ContractTemplate, ContractTemplateVersion, ContractVersion

_SPACES = re.compile(r"\s+")
_AMOUNT = re.compile(r"[0-9][0-9,]{0,14}(?:\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Checked:
    """A contract with the document that speaks for it: the current one, else the last."""

    contract: Contract
    version: ContractVersion | None


def by_code(code: str) -> Checked | None:
    """Return the contract behind a QR code; two queries."""
    contract = (
        Contract.objects.filter(code=code)
        .exclude(number="")
        .select_related("template", "replaced_by")
        .first()
    )
    if contract is None:
        return None
    return Checked(contract, contract.versions.order_by("-number").first())


def visible_to(user: Any) -> QuerySet[Contract]:
    """Return the contracts that a person may see: all by role, else those of the own approvals."""
    if user.has_perm("contracts.view_contract"):
        return Contract.objects.all()
    profile = getattr(user, "profile", None)
    if profile is None or not profile.wecom_userid:
        return Contract.objects.none()
    return Contract.objects.filter(applicant_id__iexact=profile.wecom_userid)


def search(contracts: QuerySet[Contract], text: str) -> QuerySet[Contract]:
    """Return the contracts that have every word: in number, parties, name, approval or text, or as amount."""
    for word in _SPACES.split(text.strip()):
        if not word:
            continue
        wanted = Q()
        for name in ("number", "sp_no", "name", "party_a", "party_b", "applicant", "content"):
            wanted |= Q(**{f"{name}__icontains": word})
        if _AMOUNT.fullmatch(word):
            wanted |= Q(amount_fen=formats.yuan_to_fen(word.replace(",", "")))
        contracts = contracts.filter(wanted)
    return contracts


def found(user: Any, text: str, *, limit: int) -> list[Contract]:
    """Return the newest contracts that a person may see and that have every word; one query."""
    if not text:
        return []
    rows = search(visible_to(user), text[:200]).select_related("template")
    return list(rows.defer("detail", "content")[:limit])


_ENDED = (ContractState.VOID, ContractState.REPLACED, ContractState.EXPIRED)
_TROUBLED = (Q(state=ContractState.NEEDS_DATA) | ~Q(failure="")) & ~Q(state__in=_ENDED)
"""Contracts that wait for a person: failures, and data that is missing."""

TABS: dict[str, Promise] = {
    "all": gettext_lazy("全部"),
    "trouble": gettext_lazy("待处理"),
    "unsigned": gettext_lazy("待签署"),
    "signed": gettext_lazy("已签署"),
    "ended": gettext_lazy("已结束"),
}
_OF_TAB: dict[str, Q] = {
    "all": Q(),
    "trouble": _TROUBLED,
    "unsigned": Q(state__in=[ContractState.GENERATED, ContractState.SENT]),
    "signed": Q(state=ContractState.SIGNED),
    "ended": Q(state__in=_ENDED),
}


def of_tab(contracts: QuerySet[Contract], which: str) -> QuerySet[Contract]:
    """Return the contracts of one tab."""
    return contracts.filter(_OF_TAB[which])


def counts(contracts: QuerySet[Contract]) -> dict[str, int]:
    """Return how many contracts each tab has; one query."""
    return contracts.order_by().aggregate(
        **{name: Count("pk", filter=wanted) if wanted else Count("pk") for name, wanted in _OF_TAB.items()}
    )


def trouble_count(user: Any) -> int:
    """Return how many contracts wait for a person, for the badge of the navigation; one query."""
    return of_tab(visible_to(user), "trouble").count()


# --- templates ----------------------------------------------------------------------------------

_MOST_SAMPLES = 20
NO_CODE = "0" * 16
"""As long as the code of a contract, so that the QR code of a preview is as large as it will be."""


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A kind of contract with the version in use, the newest one, and how many contracts wait for it."""

    template: ContractTemplate
    active: ContractTemplateVersion | None
    newest: ContractTemplateVersion | None
    contracts: int
    waiting: int


def template_rows() -> list[TemplateRow]:
    """Return every kind of contract; two queries."""
    templates = list(
        ContractTemplate.objects.select_related("series").annotate(
            made=Count("contracts"), open=Count("contracts", filter=Q(contracts__state__in=OPEN))
        )
    )
    by_template: dict[int, list[ContractTemplateVersion]] = {}
    for version in ContractTemplateVersion.objects.order_by("-number"):
        by_template.setdefault(version.template_id, []).append(version)
    return [
        TemplateRow(
            template=row,
            active=next(
                (one for one in by_template.get(row.pk, ()) if one.state == TemplateState.ACTIVE), None
            ),
            newest=next(iter(by_template.get(row.pk, ())), None),
            contracts=row.made,
            waiting=row.open,
        )
        for row in templates
    ]


@dataclass(frozen=True, slots=True)
class Sample:
    """A real approval to stand beside a mapping."""

    corp: str
    sp_no: str
    applicant: str
    applicant_id: str
    department: str
    applied_at: datetime | None
    granted_at: datetime | None
    detail: Mapping[str, Any]

    def facts(self, today: date, files: Mapping[str, FormFile]) -> Facts:
        """Return what stands beside the form; the code leads nowhere, since this is no contract."""
        info = read_form(self.detail).info
        return Facts(
            today=today,
            sp_no=self.sp_no,
            sp_name=str(info.get("sp_name") or ""),
            applicant=self.applicant,
            applicant_id=self.applicant_id,
            department=self.department,
            applied_at=self.applied_at,
            granted_at=self.granted_at,
            qr_text=settings.FRONTEND_URL + reverse("contracts:check", args=[NO_CODE]),
            files=files,
        )


def sample_approvals(template: ContractTemplate) -> list[Sample]:
    """Return the newest approvals of the template's kind, in whatever state; two queries."""
    if not template.wecom_template_id:
        return []
    made = Contract.objects.filter(template__wecom_template_id=template.wecom_template_id).order_by("-pk")
    found = {
        row.sp_no: Sample(
            corp=row.corp,
            sp_no=row.sp_no,
            applicant=row.applicant,
            applicant_id=row.applicant_id,
            department=row.department,
            applied_at=row.applied_at,
            granted_at=row.granted_at,
            detail=row.detail,
        )
        for row in made[:_MOST_SAMPLES]
    }
    for approval in Approval.objects.filter(template_id=template.wecom_template_id)[:_MOST_SAMPLES]:
        found.setdefault(
            approval.sp_no,
            Sample(
                corp=approval.corp,
                sp_no=approval.sp_no,
                applicant=approval.applicant_id,
                applicant_id=approval.applicant_id,
                department=approval.department_name or approval.department,
                applied_at=approval.applied_at,
                granted_at=approval.changed_at,
                detail=approval.detail,
            ),
        )
    return list(found.values())
