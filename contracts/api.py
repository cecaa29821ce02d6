"""Contracts for programs: find them, read one with its documents, fetch a document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from django.conf import settings
from django.http import Http404, HttpRequest
from ninja import Router, Schema

from accounts.api import REFUSALS, Cursor, Limit, caller, require
from contracts import formats, selectors
from contracts.choices import Form
from contracts.models import Contract, ContractVersion
from contracts.services import downloads

router = Router(tags=["contracts"])
State = Literal["needs_data", "draft", "generated", "sent", "signed", "void", "replaced", "expired"]


class ContractOut(Schema):
    id: int
    number: str
    state: str
    name: str
    template: str
    contract_type: str
    party_a: str
    party_b: str
    amount: str | None
    approval_no: str
    applicant: str
    department: str
    granted_at: datetime | None
    signed_on: date | None
    expires_on: date | None
    failure: str
    trace: str
    url: str
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def resolve_template(contract: Any) -> str:
        return contract.template.name

    @staticmethod
    def resolve_contract_type(contract: Any) -> str:
        return contract.template.contract_type

    @staticmethod
    def resolve_amount(contract: Any) -> str | None:
        """Return yuan with two decimals, as text: exact."""
        return None if contract.amount_fen is None else formats.fen_to_yuan(contract.amount_fen)

    @staticmethod
    def resolve_approval_no(contract: Any) -> str:
        return contract.sp_no

    @staticmethod
    def resolve_url(contract: Any) -> str:
        return f"{settings.FRONTEND_URL}{contract.get_absolute_url()}"


class DocumentOut(Schema):
    version: int
    state: str
    sha256: str
    template_sha256: str
    data_sha256: str
    file_name: str
    made_at: datetime
    note: str
    docx_url: str
    copy_url: str
    pdf_url: str


class EventOut(Schema):
    at: datetime
    kind: str
    note: str


class ContractDetail(ContractOut):
    void_reason: str
    problems: list[dict[str, Any]]
    documents: list[DocumentOut]
    events: list[EventOut]

    @staticmethod
    def resolve_documents(contract: Any, context: Any) -> list[dict[str, Any]]:
        request = context["request"]
        return [_document(request, contract, row) for row in contract.versions.order_by("-number")]

    @staticmethod
    def resolve_events(contract: Any) -> list[Any]:
        return list(contract.events.all())


class ContractPage(Schema):
    items: list[ContractOut]
    next: int | None


@router.get("", response={200: ContractPage, **REFUSALS}, summary="合同列表，最新在前")
def list_contracts(
    request: HttpRequest,
    state: State | None = None,
    text: str = "",
    approval_no: str = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    require(request, "contracts.view_contract")
    contracts = selectors.search(selectors.visible_to(request.user), text[:200])
    if state:
        contracts = contracts.filter(state=state)
    if approval_no:
        contracts = contracts.filter(sp_no=approval_no)
    if before is not None:
        contracts = contracts.filter(pk__lt=before)
    rows = list(contracts.select_related("template").defer("detail", "content").order_by("-pk")[: limit + 1])
    return {"items": rows[:limit], "next": rows[limit - 1].pk if len(rows) > limit else None}


@router.get(
    "/{contract_id}",
    response={200: ContractDetail, **REFUSALS},
    summary="一份合同及其文件与经过",
    description=(
        "`docx_url`、`copy_url`（带“副本”字样）、`pdf_url` 是半小时内有效的下载地址，带同一令牌即可取回；"
        "没有下载权限的令牌得到空的地址。每次下载都有记录。"
    ),
)
def get_contract(request: HttpRequest, contract_id: int) -> Contract:
    require(request, "contracts.view_contract")
    contract = selectors.visible_to(request.user).select_related("template").filter(pk=contract_id).first()
    if contract is None:
        raise Http404
    return contract


def _document(request: HttpRequest, contract: Contract, row: ContractVersion) -> dict[str, Any]:
    may = downloads.may_download(request.user, contract)

    def url(form: Form) -> str:
        return settings.FRONTEND_URL + downloads.link_for_page(row, form, user=caller(request))

    return {
        "version": row.number,
        "state": row.state,
        "sha256": row.file_id,
        "template_sha256": row.template_digest,
        "data_sha256": row.data_digest,
        "file_name": row.file_name,
        "made_at": row.made_at,
        "note": row.note,
        "docx_url": url(Form.DOCX) if may else "",
        "copy_url": url(Form.COPY) if downloads.may_copy(request.user, contract) else "",
        "pdf_url": url(Form.PDF) if may and row.pdf_id and row.state == "current" else "",
    }
