"""Templates: upload, mapping, check, activation by a second person, preview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.services import reconciling
from contracts import archive, mapping, wording
from contracts.choices import OPEN, ContractState, TemplateState
from contracts.docx import BadPlaceholder, DocxError, Fields, check_package, compile_template, lint
from contracts.mapping import Check, Facts, Mapped, Problem, Rule
from contracts.mappings import ROLES, checks_of, rows_of, rules_of
from contracts.models import Contract, ContractTemplate, ContractTemplateVersion, MappingVersion
from contracts.selectors import NO_CODE, Sample
from contracts.services import attachments
from contracts.services.attachments import Attached
from contracts.services.compiling import render
from spc_site import clock, jobs
from spc_site.errors import AppError, Conflict, NotAllowed

STOPPING_FINDINGS = frozenset({"undeclared_field", "bad_placeholder", "tracked_change", "comment_left"})
"""What must be mended in the file before it may be used; the other findings are advice."""

DRAFT_MARK = "草稿"
"""Stands across every page of a preview, in the language of the contract."""

SAMPLE_NUMBER = "HT-示例-0001"
MOST_BYTES = 20 << 20


def save_template(template: ContractTemplate) -> ContractTemplate:
    """Store a kind of contract; lost events of its approvals are looked for from now on."""
    template.save()
    if template.wecom_template_id and template.is_enabled:
        reconciling.watch(template.wecom_template_id, template.name)
    return template


# --- files --------------------------------------------------------------------------------------


def upload_version(
    template: ContractTemplate,
    data: bytes,
    file_name: str,
    *,
    user: User,
    declared: Sequence[str] = (),
    note: str = "",
) -> ContractTemplateVersion:
    """Keep a Word file as the next version of a template, with what the linter says.

    `declared` are the names of its fields, columns as `list.column`; without them the names are taken
    as they stand in the file. The mapping of the version before comes along, as far as it fits.

    Raises AppError with the engine's reason code for a file that may not become a template.
    """
    if len(data) > MOST_BYTES:
        raise AppError("too_large", _("文件超过 20 MB。"))
    try:
        check_package(data)
        fields = names_in(data, declared)
        findings = [asdict(finding) for finding in lint(data, fields)]
    except DocxError as error:
        raise AppError(error.code, wording.refusal(error)) from error
    with transaction.atomic():
        ContractTemplate.objects.select_for_update().get(pk=template.pk)
        before = template.versions.order_by("-number").first()
        version = ContractTemplateVersion.objects.create(
            template=template,
            number=(before.number if before else 0) + 1,
            file=archive.keep(data, archive.DOCX),
            file_name=file_name[-160:],
            fields=fields,
            lint=findings,
            uploaded_by=user,
            note=note[:255],
        )
        if before is not None and (old := before.mappings.order_by("-number").first()):
            known = set(fields) | {name.partition(".")[0] for name in fields}
            rules = [rule for rule in rules_of(old) if rule.field in known]
            _store_mapping(version, rules, checks_of(old), old.roles, user=user, note=old.note)
        check_version(version)
    return version


def names_in(data: bytes, declared: Iterable[str]) -> list[str]:
    """Return the declared fields in the order of the file; without any, the names that stand in it.

    Raises DocxError.
    """
    names = [name.strip() for name in declared if name.strip()]
    try:
        used = compile_template(data, Fields.of(names)).field_names
    except BadPlaceholder:  # the linter names every place
        return names
    return (
        list(dict.fromkeys(used))
        if names == []
        else [name for name in used if name in names] + [name for name in names if name not in used]
    )


def used_fields(version: ContractTemplateVersion) -> list[str]:
    """Return the fields that stand in the file: what is declared beyond them needs no mapping."""
    unused = {finding["text"] for finding in version.lint if finding["code"] == "unused_field"}
    return [name for name in version.fields if name not in unused]


def copy_version(version: ContractTemplateVersion, *, user: User) -> ContractTemplateVersion:
    """Return a new draft with the same file and mapping: how the mapping of a version in use is changed."""
    return upload_version(
        version.template,
        archive.fetch(version.file_id),
        version.file_name,
        user=user,
        declared=version.fields,
        note=_("自第 %(number)d 版") % {"number": version.number},
    )


# --- mapping ------------------------------------------------------------------------------------


def save_mapping(
    version: ContractTemplateVersion,
    rules: Sequence[Rule],
    *,
    user: User,
    checks: Sequence[Check] = (),
    roles: Mapping[str, str] | None = None,
    note: str = "",
    based_on: int | None = None,
) -> MappingVersion:
    """Keep rules as the next mapping of a version, and check the version with it.

    `based_on` is the number of the mapping that was edited: Conflict if another was saved meanwhile.
    """
    with transaction.atomic():
        version = _locked(version)
        if not version.is_open:
            raise Conflict(_("此版本已启用或停用，请先复制为新版本再修改映射。"))
        newest = version.mappings.aggregate(number=Max("number"))["number"] or 0
        if based_on is not None and newest != based_on:
            raise Conflict(_("有人在此期间保存了映射第 %(number)d 版，请看过之后再改。") % {"number": newest})
        saved = _store_mapping(version, rules, checks, roles or {}, user=user, note=note)
        check_version(version)
    return saved


def _store_mapping(
    version: ContractTemplateVersion,
    rules: Sequence[Rule],
    checks: Sequence[Check],
    roles: Mapping[str, str],
    *,
    user: User,
    note: str,
) -> MappingVersion:
    if len({rule.field for rule in rules}) != len(rules):
        raise AppError("mapped_twice", _("同一字段映射了两次。"))
    newest = version.mappings.aggregate(number=Max("number"))["number"] or 0
    mapping_version = MappingVersion.objects.create(
        version=version,
        number=newest + 1,
        roles={role: field for role, field in roles.items() if role in ROLES and field},
        checks=[asdict(check) for check in checks],
        author=user,
        note=note[:255],
    )
    mapping_version.rows.bulk_create(rows_of(mapping_version, rules))
    return mapping_version


def current_mapping(version: ContractTemplateVersion) -> MappingVersion | None:
    """Return the newest mapping of a version."""
    return version.mappings.order_by("-number").prefetch_related("rows").first()


# --- check and activation -----------------------------------------------------------------------


def check_version(version: ContractTemplateVersion) -> list[str]:
    """Look whether a version could be used: its file, its mapping, a filling with sample data.

    Stores the state and returns every reason against it.
    """
    troubles = [
        f"{finding['part'].rpartition('/')[2]} #{finding['paragraph']}："
        f"{wording.FINDINGS[finding['code']]} {finding['text'][:60]}"
        for finding in version.lint
        if finding["code"] in STOPPING_FINDINGS
    ]
    saved = current_mapping(version)
    if saved is None:
        troubles.append(_("还没有字段映射。"))
    else:
        rules, checks = rules_of(saved), checks_of(saved)
        found = mapping.problems_of_rules(rules, used_fields(version), checks)
        known = {rule.field for rule in rules}
        found += (Problem(field, "check_unknown") for field in saved.roles.values() if field not in known)
        troubles += wording.problems(found)
        if not troubles:
            troubles += preview(version, rules, checks).troubles
    version.trouble = "\n".join(troubles)
    version.state = TemplateState.DRAFT if troubles else TemplateState.CHECKED
    version.save(update_fields=["trouble", "state"])
    return troubles


def activate(version: ContractTemplateVersion, *, user: User) -> ContractTemplateVersion:
    """Put a checked version into use, and the one before out of it. A second person does that.

    Raises NotAllowed for whoever uploaded the file or wrote its mapping, AppError if the check fails.
    """
    with transaction.atomic():
        version = _locked(version)
        if not version.is_open:
            raise Conflict(_("此版本已启用或停用。"))
        saved = current_mapping(version)
        if user.pk == version.uploaded_by_id or (saved is not None and user.pk == saved.author_id):
            raise NotAllowed(_("模板须由上传与映射以外的另一人启用。"))
        if check_version(version):
            raise AppError("not_ready", version.trouble)
        now = clock.now()
        version.template.versions.filter(state=TemplateState.ACTIVE).update(
            state=TemplateState.RETIRED, retired_at=now
        )
        version.state, version.activated_by, version.activated_at = TemplateState.ACTIVE, user, now
        version.save(update_fields=["state", "activated_by", "activated_at"])
        # What could not be made with the version before is tried again with this one.
        waiting = Contract.objects.filter(
            template=version.template, state=ContractState.DRAFT, next_at=None
        ).exclude(failure="")
        waiting.update(next_at=now, attempts=0)
        jobs.enqueue("contracts.generate")
    return version


def retire(version: ContractTemplateVersion) -> ContractTemplateVersion:
    """Take a version out of use; contracts of its template wait until another is activated."""
    with transaction.atomic():
        version = _locked(version)
        if version.state == TemplateState.RETIRED:
            raise Conflict(_("此版本已停用。"))
        version.state, version.retired_at = TemplateState.RETIRED, clock.now()
        version.save(update_fields=["state", "retired_at"])
    return version


def active_version(template: ContractTemplate) -> ContractTemplateVersion | None:
    """Return the version that new contracts are made with."""
    return template.versions.filter(state=TemplateState.ACTIVE).first()


def waiting_count(template: ContractTemplate) -> int:
    """Return how many contracts of a template have no document yet."""
    return template.contracts.filter(state__in=OPEN).count()


def _locked(version: ContractTemplateVersion) -> ContractTemplateVersion:
    return (
        ContractTemplateVersion.objects.select_for_update(of=("self",))
        .select_related("template")
        .get(pk=version.pk)
    )


# --- preview ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What a contract would be: its values, its document unless something stops it, and what does."""

    mapped: Mapped
    document: bytes | None
    troubles: list[str]


def preview(
    version: ContractTemplateVersion,
    rules: Sequence[Rule],
    checks: Sequence[Check] = (),
    *,
    approval: Sample | None = None,
) -> Preview:
    """Return what these rules make of an approval, or of sample data; nothing is stored."""
    if approval is None:
        attached = attachments.sample()
        form = mapping.read_form(mapping.sample_detail(rules, checks))
        facts = sample_facts(timezone.localdate(), attached)
    else:
        attached = attachments.of_approval(approval.corp, approval.sp_no, rules)
        form = mapping.read_form(approval.detail)
        facts = approval.facts(timezone.localdate(), attached.files)
    mapped = mapping.apply(rules, form, facts, checks)
    troubles = wording.problems(mapped.problems)
    document = None
    if not troubles:
        try:
            values = mapping.with_number(mapped.values, rules, SAMPLE_NUMBER)
            document = render(version, values, mark=DRAFT_MARK, pictures=attached.pictures)
        except DocxError as error:
            troubles.append(wording.refusal(error))
    return Preview(mapped, document, troubles)


def sample_facts(today: date, attached: Attached) -> Facts:
    """Return what stands beside the form where there is no approval yet."""
    now = timezone.now()
    return Facts(
        today=today,
        sp_no="202603030001",
        sp_name=_("示例审批"),
        applicant=_("王敏"),
        applicant_id="wang.min",
        department=_("采购部"),
        applied_at=now,
        granted_at=now,
        qr_text=settings.FRONTEND_URL + reverse("contracts:check", args=[NO_CODE]),
        files=attached.files,
    )
