"""From a granted approval to its document: map, number, fill, archive, send. Every step can run again.

Mapping and compiling happen without a transaction; then number, document, archive and messages are
written in one short transaction, so that none of them is there without the others.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.choices import FileState
from approvals.models import ApprovalFile
from approvals.services import departments
from contracts import archive, mapping, wording
from contracts.choices import ContractState, EventKind, PdfState, VersionState
from contracts.docx import DocxError
from contracts.mapping import Check, Facts, Mapped, Problem, Rule
from contracts.mappings import checks_of, rules_of
from contracts.models import Contract, ContractTemplateVersion, ContractVersion, MappingVersion
from contracts.services import attachments, sending, states, templates
from contracts.services.attachments import Attached
from contracts.services.compiling import compiled, render
from contracts.services.numbering import take_number
from spc_site import clock, jobs
from spc_site.errors import AppError, Conflict
from spc_site.jobs import Budget

log = logging.getLogger("contracts")

RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""What fails unexpectedly is tried again after these; then it waits for a person."""
LEASE = timedelta(seconds=120)
_NO_ACTIVE_VERSION = "no_active_version"
_FILE_WAITS = "picture_waiting"
_FILE_LOST = "picture_lost"
_LOOK_AGAIN_AFTER = timedelta(minutes=5)
"""For a file that is still fetched; its arrival rings sooner."""


class _Stopped(Exception):
    """A reason why no document can be made, that trying again alone does not change."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that a document is made of, but its number."""

    version: ContractTemplateVersion
    saved: MappingVersion
    rules: Sequence[Rule]
    mapped: Mapped
    attached: Attached

    @property
    def waits_for_files(self) -> bool:
        return any(one.code == _FILE_WAITS for one in self.mapped.problems)


# --- what is due --------------------------------------------------------------------------------


def due() -> QuerySet[Contract]:
    return Contract.objects.filter(state=ContractState.DRAFT, next_at__lte=clock.now())


def has_due() -> bool:
    return due().exists()


def oldest_due() -> Any:
    return due().order_by("next_at").values_list("next_at", flat=True).first()


def generate_due(*, budget_s: float = 50) -> int:
    """Make the documents that are due, for at most `budget_s`; return how many contracts were handled."""
    budget, handled = Budget(budget_s), 0
    while budget:
        contract = _claimed()
        if contract is None:
            break
        generate(contract)
        handled += 1
    return handled


def _claimed() -> Contract | None:
    """Take the next contract for this process: its time moves on, so that nobody else takes it."""
    now = clock.now()
    for pk, next_at in due().order_by("next_at").values_list("pk", "next_at")[:20]:
        mine = Contract.objects.filter(pk=pk, state=ContractState.DRAFT, next_at=next_at)
        if mine.update(next_at=now + LEASE):
            return Contract.objects.select_related("template__series").get(pk=pk)
    return None


# --- one contract -------------------------------------------------------------------------------


def generate(contract: Contract) -> Contract:
    """Make the document of a contract that has none; every reason against it is kept with the contract."""
    try:
        plan = _planned(contract)
        if plan.waits_for_files:
            return _waits_for_files(contract, plan.mapped)
        if plan.mapped.problems:
            return _needs_data(contract, plan.mapped)
        return _made(contract, plan, kind=EventKind.GENERATED)
    except Conflict:  # void or made by somebody else meanwhile
        contract.refresh_from_db()
        return contract
    except _Stopped as stopped:
        return _failed(contract, stopped.code, stopped.text, is_final=True)
    except DocxError as error:
        return _failed(contract, error.code, wording.refusal(error), is_final=True)
    except AppError as error:
        return _failed(contract, error.code, error.message, is_final=True)
    except Exception as error:
        log.exception("contract failed: contract=%s trace=%s", contract.pk, contract.trace)
        return _failed(contract, "error", type(error).__name__, is_final=False)


def regenerate(contract: Contract, *, user: User, note: str = "") -> Contract:
    """Make a new document with the active template; the one before stays, marked as replaced.

    The number stays. Raises AppError with every reason where no document can be made.
    """
    plan = _planned_or_refused(contract)
    if plan.mapped.problems:
        raise AppError("needs_data", "\n".join(wording.problems(plan.mapped.problems)))
    try:
        return _made(contract, plan, kind=EventKind.REGENERATED, user=user, note=note)
    except DocxError as error:
        raise AppError(error.code, wording.refusal(error)) from error


def supply(
    contract: Contract,
    texts: Mapping[str, str],
    *,
    user: User,
    pictures: Mapping[str, tuple[str, bytes]] | None = None,
) -> Contract:
    """Enter what the form lacks, by the key of each problem, and have the document made.

    `pictures` are names and contents of files for the fields that show one. Raises AppError.
    """
    with transaction.atomic():
        locked = states.locked(contract)
        problems = {Problem(**one).key: Problem(**one) for one in locked.problems}
        told = {
            key: text.strip()
            for key, text in texts.items()
            if key in problems and not problems[key].is_of_picture and text.strip()
        }
        shown = {
            key: file
            for key, file in (pictures or {}).items()
            if key in problems and problems[key].is_of_picture
        }
        given = told | {key: attachments.keep_supplied(*file) for key, file in shown.items()}
        told |= {key: name for key, (name, _data) in shown.items()}
        if not given:
            raise AppError("nothing_supplied", _("请填写至少一项数据。"))
        states.move(
            locked,
            ContractState.DRAFT,
            EventKind.SUPPLIED,
            actor=user,
            note="；".join(f"{key}：{text}" for key, text in told.items()),
            supplement=locked.supplement | given,
            problems=[],
            next_at=clock.now(),
            attempts=0,
        )
        jobs.enqueue("contracts.generate")
    return locked


def retry(contract: Contract, *, user: User | None = None) -> Contract:
    """Try again what failed, or what lacked data: the template may have been mended since."""
    with transaction.atomic():
        locked = states.locked(contract)
        fields: dict[str, Any] = {"next_at": clock.now(), "attempts": 0}
        if locked.state == ContractState.NEEDS_DATA:
            states.move(locked, ContractState.DRAFT, EventKind.RETRIED, actor=user, problems=[], **fields)
        elif locked.state == ContractState.DRAFT:
            Contract.objects.filter(pk=locked.pk).update(**fields)
            states.tell(locked, EventKind.RETRIED, actor=user)
        else:
            raise Conflict(_("合同已经生成。"))
        jobs.enqueue("contracts.generate")
    return locked


def files_came(file: ApprovalFile) -> None:
    """Go on with the contracts that waited for a file of their approval; it may have been given up."""
    of_approval = Contract.objects.filter(corp=file.approval.corp, sp_no=file.approval.sp_no)
    waiting = of_approval.filter(state=ContractState.DRAFT, failure=_FILE_WAITS)
    count = waiting.update(next_at=clock.now())
    if file.state == FileState.STORED:
        for contract in of_approval.filter(state=ContractState.NEEDS_DATA):
            if any(one["code"] == _FILE_LOST for one in contract.problems):
                retry(contract)
    if count:
        jobs.enqueue("contracts.generate")


def facts_of(contract: Contract, attached: Attached) -> Facts:
    """Return what stands beside the form of a contract's approval."""
    info = mapping.read_form(contract.detail).info
    return Facts(
        today=timezone.localdate(clock.now()),
        sp_no=contract.sp_no,
        sp_name=str(info.get("sp_name") or ""),
        applicant=contract.applicant,
        applicant_id=contract.applicant_id,
        department=contract.department,
        applied_at=contract.applied_at,
        granted_at=contract.granted_at,
        files=attached.files,
        qr_text=settings.FRONTEND_URL + reverse("contracts:check", args=[contract.code]),
    )


def _planned(contract: Contract) -> _Plan:
    version = templates.active_version(contract.template)
    saved = templates.current_mapping(version) if version else None
    if version is None or saved is None:
        raise _Stopped(_NO_ACTIVE_VERSION, _("模板“%(name)s”没有启用的版本。") % {"name": contract.template})
    rules: Sequence[Rule] = rules_of(saved)
    checks: Sequence[Check] = checks_of(saved)
    form = mapping.read_form(contract.detail)
    shown = {rule.field for rule in rules if rule.is_picture}
    supplied = [text for key, text in contract.supplement.items() if key.partition("#")[0] in shown]
    attached = attachments.of_approval(contract.corp, contract.sp_no, rules, supplied)
    mapped = mapping.apply(rules, form, facts_of(contract, attached), checks, contract.supplement)
    compiled(version)  # now, not inside the transaction
    return _Plan(version, saved, rules, mapped, attached)


def _planned_or_refused(contract: Contract) -> _Plan:
    try:
        return _planned(contract)
    except _Stopped as stopped:
        raise AppError(stopped.code, stopped.text) from stopped
    except DocxError as error:
        raise AppError(error.code, wording.refusal(error)) from error


def _made(
    contract: Contract, plan: _Plan, *, kind: EventKind, user: User | None = None, note: str = ""
) -> Contract:
    """Write number, document, archive and messages, all or none."""
    with transaction.atomic():
        locked = states.locked(contract)
        is_first = kind == EventKind.GENERATED
        if is_first != (locked.state == ContractState.DRAFT) or not states.may(
            locked, ContractState.GENERATED
        ):
            raise Conflict(_("合同目前是“%(state)s”，不能这样做。") % {"state": locked.get_state_display()})
        now = clock.now()
        number = locked.number or take_number(
            contract.template.series,
            on=timezone.localdate(now),
            department=locked.department,
            department_id=departments.number_of(mapping.read_form(locked.detail).info),
        )
        values = mapping.with_number(plan.mapped.values, plan.rules, number)
        attachments.keep(mapping.picture_digests(values), plan.attached.pictures)
        document = render(plan.version, values, pictures=plan.attached.pictures)
        facts = _archive_facts(plan, number, locked)
        before = locked.versions.order_by("-number").first()
        locked.versions.filter(state=VersionState.CURRENT).update(state=VersionState.REPLACED)
        made = ContractVersion.objects.create(
            contract=locked,
            number=(before.number if before else 0) + 1,
            template_version=plan.version,
            template_digest=plan.version.file_id,
            mapping=plan.saved,
            data=values,
            data_digest=digest_of_values(values),
            file=archive.keep(document, archive.DOCX),
            file_name=_file_name(number, facts["name"]),
            pdf_state=PdfState.WANTED if locked.template.wants_pdf else PdfState.NONE,
            made_by=user,
            made_at=now,
            note=note[:255],
        )
        said = _("第 %(number)d 版，SHA-256 %(digest)s") % {
            "number": made.number,
            "digest": made.file_id[:12],
        }
        states.move(
            locked,
            ContractState.GENERATED,
            kind,
            actor=user,
            note=f"{said}　{note}".strip(),
            **facts,
            number=number,
            problems=[],
            failure="",
            failure_text="",
            next_at=None,
        )
        if before is not None:
            sending.call_off(locked, user=user, note=_("已有第 %(number)d 版") % {"number": made.number})
        sending.send(made, user=user)
        if made.pdf_state == PdfState.WANTED:
            jobs.enqueue("contracts.pdf")
    log.info("contract made: contract=%s version=%s trace=%s", locked.pk, made.number, locked.trace)
    return locked


def _archive_facts(plan: _Plan, number: str, contract: Contract) -> dict[str, Any]:
    """Return what the archive knows of a contract, from the fields that have these roles."""
    roles, mapped = plan.saved.roles, plan.mapped

    def text(role: str) -> str:
        value = mapped.values.get(roles.get(role, ""), "")
        return value[:200] if isinstance(value, str) else ""

    return {
        "name": text("name") or contract.template.name,
        "party_a": text("party_a"),
        "party_b": text("party_b"),
        "amount_fen": mapped.amount_fen(roles.get("amount", ""), plan.rules),
        "expires_on": mapped.day(roles.get("expires_on", "")),
        "content": " ".join(dict.fromkeys(_words(mapped.values))),
    }


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, Mapping):
        return [] if mapping.is_picture(value) else [word for one in value.values() for word in _words(one)]
    return [word for one in value for word in _words(one)] if isinstance(value, list) else []


def digest_of_values(values: Mapping[str, Any]) -> str:
    """Return the hash of a document's data, whatever the order of its fields."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _file_name(number: str, name: str) -> str:
    cleaned = "".join(
        " " if one in '\\/:*?"<>|' or not one.isprintable() else one for one in f"{number} {name}"
    )
    return f"{' '.join(cleaned.split())[:100]}.docx"


# --- what stops ---------------------------------------------------------------------------------


def _needs_data(contract: Contract, mapped: Mapped) -> Contract:
    """Keep every problem with the contract and tell the applicant."""
    with transaction.atomic():
        locked = states.locked(contract)
        if locked.state != ContractState.DRAFT:
            return locked
        found = [one.as_json() for one in mapped.problems]
        states.move(
            locked,
            ContractState.NEEDS_DATA,
            EventKind.NEEDS_DATA,
            note="；".join(wording.problems(found)),
            problems=found,
            next_at=None,
            failure="",
            failure_text="",
        )
        sending.ask_for_data(locked)
    return locked


def _waits_for_files(contract: Contract, mapped: Mapped) -> Contract:
    """Leave a contract until the files that it shows are here; WeCom's are fetched in another queue."""
    waiting = [one for one in mapped.problems if one.code == _FILE_WAITS]
    Contract.objects.filter(pk=contract.pk, state=ContractState.DRAFT).update(
        failure=_FILE_WAITS,
        failure_text="；".join(wording.problems(waiting))[:500],
        next_at=clock.now() + _LOOK_AGAIN_AFTER,
        updated_at=clock.now(),
    )
    contract.refresh_from_db()
    return contract


def _failed(contract: Contract, code: str, text: str, *, is_final: bool) -> Contract:
    """Keep a failure where the operator sees it; what may pass is tried again later."""
    with transaction.atomic():
        locked = states.locked(contract)
        if locked.state != ContractState.DRAFT:
            return locked
        attempts = locked.attempts + 1
        again = not is_final and attempts <= len(RETRY_AFTER)
        locked.attempts = attempts
        locked.failure, locked.failure_text = code[:40], text[:500]
        locked.next_at = clock.now() + RETRY_AFTER[attempts - 1] if again else None
        locked.save(update_fields=["attempts", "failure", "failure_text", "next_at", "updated_at"])
        states.tell(locked, EventKind.FAILED, note=f"{text}（{code}）")
    return locked
