"""What contract pages show, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.presenters import department_in_words
from contracts import wording
from contracts.choices import IN_FORCE, ContractState, Form, PdfState, VersionState
from contracts.formats import fen_to_yuan
from contracts.mapping import Problem
from contracts.models import Contract, ContractVersion, Delivery
from contracts.services import downloads, states
from contracts.services.requesting import ROWS, Asked
from notifications.choices import STATE_TONES, Reason, State
from notifications.models import Notification


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem with the name under which a person can supply the value; blank where that does not help."""

    text: str
    key: str
    is_picture: bool = False


@dataclass(frozen=True, slots=True)
class FileLink:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A delivery with what became of its message."""

    to: str
    target: str
    state: str
    tone: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One document of a contract: what it is, what can be taken away, who got it."""

    version: ContractVersion
    links: list[FileLink]
    pdf_note: str
    receipts: list[ReceiptRow]


def facts(contract: Contract) -> list[Fact]:
    """Return the facts of a contract, those that it has."""
    amount = contract.amount_fen
    found = (
        (_("甲方"), contract.party_a),
        (_("乙方"), contract.party_b),
        (_("金额（元）"), "" if amount is None else fen_to_yuan(amount, grouped=True)),
        (_("合同类型"), f"{contract.template.contract_type} · {contract.template.name}"),
        (_("申请人"), " · ".join(filter(None, (contract.applicant, _department(contract))))),
        (_("审批单号"), contract.sp_no),
        (_("通过时间"), _moment(contract.granted_at)),
        (_("签署日期"), contract.signed_on.isoformat() if contract.signed_on else ""),
        (_("到期日"), contract.expires_on.isoformat() if contract.expires_on else ""),
        (_("追踪号"), contract.trace),
    )
    return [Fact(label, text) for label, text in found if text]


def _department(contract: Contract) -> str:
    is_number = contract.department.isdecimal()
    return department_in_words(contract.department) if is_number else contract.department


def problems(contract: Contract) -> list[ProblemRow]:
    """Return what stops a contract; a difference of amounts is no single value to supply."""
    rows = []
    for one in contract.problems:
        problem = Problem(**one)
        key = "" if problem.code == "amounts_differ" else problem.key
        rows.append(ProblemRow(wording.problem(problem), key, problem.is_of_picture))
    return rows


def documents(contract: Contract, *, user: Any) -> list[DocumentRow]:
    """Return the documents of a contract, the newest first; three queries."""
    may, may_copy = downloads.may_download(user, contract), downloads.may_copy(user, contract)
    versions = list(
        contract.versions.select_related("template_version", "mapping", "made_by").order_by("-number")
    )
    deliveries = list(Delivery.objects.filter(version__in=versions).order_by("-pk"))
    messages = {
        row.message_id: row
        for row in Notification.objects.filter(message_id__in=[one.message_id for one in deliveries])
    }
    rows = []
    for version in versions:
        links = []
        if may:
            links.append(FileLink("Word", downloads.link_for_page(version, Form.DOCX, user=user)))
            if version.pdf_id and version.state == VersionState.CURRENT:
                links.append(FileLink("PDF", downloads.link_for_page(version, Form.PDF, user=user)))
        if may_copy:
            links.append(FileLink(_("副本"), downloads.link_for_page(version, Form.COPY, user=user)))
        pdf_note = ""
        if version.pdf_state in (PdfState.WANTED, PdfState.FAILED, PdfState.ABSENT):
            pdf_note = version.pdf_note or version.get_pdf_state_display()
        receipts = [
            _receipt(one, messages.get(one.message_id)) for one in deliveries if one.version_id == version.pk
        ]
        rows.append(DocumentRow(version, links, pdf_note, receipts))
    return rows


def scans(contract: Contract, *, user: Any) -> list[FileLink]:
    """Return the scans of the signed contract, with links for whoever may download."""
    may = downloads.may_download(user, contract)
    return [
        FileLink(scan.file_name, downloads.link_for_page(scan, Form.SCAN, user=user) if may else "")
        for scan in contract.scans.all()
    ]


def is_waiting(contract: Contract) -> bool:
    """Tell whether the page will show something else in a moment."""
    is_made = contract.state == ContractState.DRAFT and contract.next_at is not None
    return is_made or contract.state == ContractState.GENERATED


def possible_acts(contract: Contract) -> dict[str, bool]:
    """Return what makes sense with a contract now."""
    return {
        "supply": contract.state == ContractState.NEEDS_DATA,
        "retry": contract.is_open,
        "regenerate": contract.state in (ContractState.GENERATED, ContractState.SENT),
        "send": contract.is_in_force,
        "sign": contract.state in IN_FORCE,
        "pdf": contract.is_in_force,
        "void": states.may(contract, ContractState.VOID),
        "replace": states.may(contract, ContractState.REPLACED),
    }


def _receipt(row: Delivery, message: Notification | None) -> ReceiptRow:
    to = row.get_recipient_display()
    if message is None:
        state, tone, note = _("消息已清理"), "grey", ""
        if row.is_settled:
            state = _("已送达") if row.was_received else _("未送达")
            tone = "green" if row.was_received else "red"
        return ReceiptRow(to, row.target, state, tone, row.created_at, note)
    reason = Reason(message.reason).label if message.reason in Reason.values else ""
    note = message.error_message or str(reason)
    if row.is_settled and not row.was_received and message.status == State.SENT:
        return ReceiptRow(to, row.target, _("文字已送达，文件未送达"), "red", row.created_at, note)
    return ReceiptRow(
        to,
        row.target,
        message.get_status_display(),
        STATE_TONES[State(message.status)],
        message.sent_at or row.created_at,
        note,
    )


def _moment(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" if moment else ""


# --- an approval that is started here -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Input:
    """One place to fill in."""

    name: str
    kind: str
    label: str
    value: str
    is_required: bool
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AskedRow:
    """A control of the form: its input, or the columns of a table with their cells by row."""

    title: str
    input: Input | None = None
    columns: tuple[str, ...] = ()
    cells: tuple[tuple[Input, ...], ...] = ()


def asked(controls: Sequence[Asked], typed: Mapping[str, str]) -> list[AskedRow]:
    """Return the form of an approval with what was typed so far."""
    rows = []
    for one in controls:
        if one.kind != "Table":
            rows.append(AskedRow(one.title, _input(one, one.id, one.title, typed)))
            continue
        cells = tuple(
            tuple(
                _input(column, f"{one.id}.{number}.{column.id}", f"{column.title} {number + 1}", typed)
                for column in one.columns
            )
            for number in range(ROWS)
        )
        rows.append(AskedRow(one.title, None, tuple(column.title for column in one.columns), cells))
    return rows


def _input(control: Asked, name: str, label: str, typed: Mapping[str, str]) -> Input:
    return Input(name, control.kind, label, typed.get(name, ""), control.is_required, control.options)
