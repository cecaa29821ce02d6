"""The pages of whoever makes templates: kinds of contract, upload, check, mapping beside a real approval,
preview, activation by a second person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from approvals.choices import START_TONES, StartState
from contracts import archive, forms, mapping, presenters, selectors, wording
from contracts.mapping import Check, Form, Rule, Source
from contracts.mappings import ROLES, checks_of, rules_of
from contracts.models import ContractTemplate, ContractTemplateVersion, MappingVersion
from contracts.services import intake, reading, requesting, templates
from spc_site.acts import do_and_say
from spc_site.errors import AppError

may_view = permission_required("contracts.view_contracttemplate", raise_exception=True)
may_change = permission_required("contracts.change_contracttemplate", raise_exception=True)
may_start = permission_required("approvals.start_approval", raise_exception=True)
may_activate = permission_required("contracts.activate_contracttemplateversion", raise_exception=True)


# --- kinds of contract --------------------------------------------------------------------------


@may_view
def template_list(request: HttpRequest) -> HttpResponse:
    """Show the kinds of contract with the version in use."""
    return render(request, "contracts/template_list.html", {"rows": selectors.template_rows()})


@may_change
def new_template(request: HttpRequest) -> HttpResponse:
    """Add a kind of contract."""
    return _edit(request, ContractTemplate())


@may_change
def edit_template(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what a kind of contract does."""
    return _edit(request, get_object_or_404(ContractTemplate, pk=pk))


def _edit(request: HttpRequest, row: ContractTemplate) -> HttpResponse:
    form = forms.TemplateForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = templates.save_template(form.save(commit=False))
        messages.success(request, _("已保存。"))
        return redirect(saved)
    return render(request, "contracts/template_form.html", {"form": form, "template": row})


@may_view
def template(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one kind of contract: its versions, and the form for the next one."""
    row = get_object_or_404(ContractTemplate.objects.select_related("series"), pk=pk)
    newest = row.versions.first()
    form = forms.UploadForm(
        request.POST or None,
        request.FILES or None,
        initial={"declared": "\n".join(newest.fields) if newest else ""},
    )
    can_change = request.user.has_perm("contracts.change_contracttemplate")
    if request.method == "POST" and can_change and form.is_valid():
        upload = form.cleaned_data["file"]
        assert isinstance(request.user, User)
        try:
            version = templates.upload_version(
                row,
                upload.read(),
                upload.name,
                user=request.user,
                declared=form.names(),
                note=form.cleaned_data["note"],
            )
        except AppError as refused:
            form.add_error("file", refused.message)
        else:
            messages.success(request, _("已上传，请查看检查结果。"))
            return redirect(version)
    context = {
        "template": row,
        "versions": row.versions.select_related("uploaded_by", "activated_by"),
        "form": form,
        "waiting": templates.waiting_count(row),
        "missing": intake.without_contract(row).count() if can_change else 0,
        "can_change": can_change,
        "can_start": row.wecom_template_id and request.user.has_perm("approvals.start_approval"),
        "started": [(one, START_TONES[StartState(one.state)]) for one in requesting.started(row)[:5]],
    }
    return render(request, "contracts/template.html", context)


@require_POST
@may_change
def catch_up(request: HttpRequest, pk: int) -> HttpResponse:
    """Make contracts of the approvals that were granted before."""
    row = get_object_or_404(ContractTemplate, pk=pk)
    made = intake.catch_up(row)
    messages.success(request, _("已为 %(count)d 个审批建立合同，正在生成。") % {"count": len(made)})
    return redirect(row)


@may_view
@may_start
def new_approval(request: HttpRequest, pk: int) -> HttpResponse:
    """Fill in the approval of a contract, and hand it in."""
    row = get_object_or_404(ContractTemplate, pk=pk)
    typed = {name: str(text)[:2000] for name, text in request.POST.items()}
    token = typed.get("token") or uuid4().hex
    try:
        if request.method == "POST":
            assert isinstance(request.user, User)
            requesting.start(row, typed, token=token, user=request.user)
            messages.success(request, _("已提交企业微信审批，编号稍后显示在这里。"))
            return redirect(row)
    except AppError as refused:
        messages.error(request, refused.message)
        if refused.code != "form_incomplete":
            return redirect(row)
    try:
        asked = requesting.form_of(row)
    except AppError as refused:
        messages.error(request, refused.message)
        return redirect(row)
    context = {"template": row, "rows": presenters.asked(asked, typed), "token": token}
    return render(request, "contracts/new_approval.html", context)


# --- one version --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Editor:
    """The mapping editor of one version: what is chosen, beside which approval, with what result."""

    version: ContractTemplateVersion
    rules: list[Rule]
    checks: list[Check]
    roles: dict[str, str]
    saved: MappingVersion | None
    samples: list[selectors.Sample]
    sample: selectors.Sample | None
    form: Form | None = field(init=False)
    preview: templates.Preview | None = None

    def __post_init__(self) -> None:
        self.form = mapping.read_form(self.sample.detail) if self.sample else None

    def rows(self) -> list[forms.MappingRow]:
        by_field = {rule.field: rule for rule in self.rules}
        controls = dict(self.form.paths()) if self.form else {}
        mapped = self.preview.mapped if self.preview else None
        problems = {one.field: wording.problem(one) for one in reversed(mapped.problems if mapped else ())}
        rows = []
        for index, name in enumerate(self.version.fields):
            rule = by_field.get(name) or Rule(name, source="", is_required=True)
            control = controls.get(rule.path)
            value = _shown(mapped.values, rule) if mapped and name in by_field else ""
            rows.append(
                forms.MappingRow(
                    index=index,
                    rule=rule,
                    parts=forms.part_choices(rule.kind),
                    control=f"{control.title} · {control.kind}" if control else "",
                    value=value,
                    problem=problems.get(name, ""),
                )
            )
        return rows

    def controls(self) -> list[tuple[str, str]]:
        """Return the controls of the approval for the list of suggestions."""
        found = [
            (path, f"{one.title} · {one.kind}") for path, one in (self.form.paths() if self.form else ())
        ]
        return [one for one in found if not one[1].endswith("· Table")] + forms.approval_part_names()


def _shown(values: Any, rule: Rule) -> str:
    if rule.source == Source.NUMBER:
        return templates.SAMPLE_NUMBER
    if rule.list_name:
        cells = [_cell(row.get(rule.column, "")) for row in values.get(rule.list_name, ())]
        return " / ".join(cells[:3]) + (" …" if len(cells) > 3 else "")
    return _cell(values.get(rule.field, ""))


def _cell(value: Any) -> str:
    if not mapping.is_picture(value):
        return str(value)[:80]
    if "qr" in value:
        return _("（二维码）")
    if not value["picture"]:
        return _("（无图片）")
    return _("（图片，宽 %(width)d 毫米）") % {"width": value["width_mm"]}


def _editor(request: HttpRequest, version: ContractTemplateVersion) -> _Editor:
    saved = templates.current_mapping(version)
    samples = selectors.sample_approvals(version.template)
    asked = request.GET.get("approval", "")
    sample = next((one for one in samples if one.sp_no == asked), samples[0] if samples else None)
    rules = rules_of(saved) if saved else []
    if saved is None and sample is not None:
        rules = mapping.propose(version.fields, mapping.read_form(sample.detail))
    return _Editor(
        version=version,
        rules=rules,
        checks=checks_of(saved) if saved else [],
        roles=dict(saved.roles) if saved else {},
        saved=saved,
        samples=samples,
        sample=None if asked == "sample" else sample,
    )


def _tried(editor: _Editor) -> templates.Preview:
    return templates.preview(editor.version, editor.rules, editor.checks, approval=editor.sample)


@may_view
def version(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a version: what the linter found, its mapping beside an approval, its preview, its activation."""
    row = _version(pk)
    editor = _editor(request, row)
    can_change = request.user.has_perm("contracts.change_contracttemplate") and row.is_open
    if request.method == "POST" and can_change:
        posted = forms.read_mapping(request.POST, row.fields, editor.form, editor.rules)
        editor.rules, editor.checks, editor.roles = posted.rules, posted.checks, posted.roles
        if "save" in request.POST:
            assert isinstance(request.user, User)
            try:
                templates.save_mapping(
                    row,
                    posted.rules,
                    user=request.user,
                    checks=posted.checks,
                    roles=posted.roles,
                    note=posted.note,
                    based_on=posted.based_on,
                )
            except AppError as refused:
                messages.error(request, refused.message)
            else:
                messages.success(request, _("映射已保存。"))
                return redirect(_address(row, editor))
    editor.preview = _tried(editor)
    faults = wording.problems(
        mapping.problems_of_rules(editor.rules, templates.used_fields(row), editor.checks)
    )
    context = {
        "row": row,
        "editor": editor,
        "mapping_rows": editor.rows(),
        "controls": editor.controls(),
        "findings": [
            finding
            | {
                "words": wording.FINDINGS[finding["code"]],
                "stops": finding["code"] in templates.STOPPING_FINDINGS,
            }
            for finding in row.lint
        ],
        "troubles": row.trouble.splitlines(),
        "tried": faults or editor.preview.troubles,
        "text": reading.look(editor.preview.document) if editor.preview.document else [],
        "sources": forms.SOURCES.items(),
        "writings": forms.WRITINGS.items(),
        "roles": [(role, label, editor.roles.get(role, "")) for role, label in ROLES.items()],
        "check": editor.checks[0] if editor.checks else Check(total=""),
        "can_change": can_change,
        "can_activate": request.user.has_perm("contracts.activate_contracttemplateversion"),
        "is_own": _is_own(request, row, editor.saved),
    }
    return render(request, "contracts/version.html", context)


def _is_own(request: HttpRequest, row: ContractTemplateVersion, saved: MappingVersion | None) -> bool:
    """Tell whether somebody else must activate the version."""
    return request.user.pk in (row.uploaded_by_id, saved.author_id if saved else None)


@may_view
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand out the document that the saved mapping makes of the chosen approval, or of sample data."""
    row = _version(pk)
    tried = _tried(_editor(request, row))
    if tried.document is None:
        messages.error(request, "；".join(tried.troubles))
        return redirect(row)
    return _download(tried.document, _("预览 %(name)s") % {"name": row.file_name})


@may_view
def original(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand out the template file as it was uploaded."""
    row = _version(pk)
    return _download(archive.fetch(row.file_id), row.file_name)


@require_POST
@may_activate
def activate(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the version into use."""
    row = _version(pk)
    user = request.user
    assert isinstance(user, User)
    done = _("已启用，新通过的审批将使用此版本。")
    do_and_say(request, lambda: templates.activate(row, user=user), done)
    return redirect(row)


@require_POST
@may_activate
def retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the version out of use."""
    row = _version(pk)
    do_and_say(request, lambda: templates.retire(row), _("已停用。"))
    return redirect(row)


@require_POST
@may_change
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a new draft of the same file, to change its mapping."""
    row = _version(pk)
    assert isinstance(request.user, User)
    try:
        made = templates.copy_version(row, user=request.user)
    except AppError as refused:
        messages.error(request, refused.message)
        return redirect(row)
    return redirect(made)


def _version(pk: int) -> ContractTemplateVersion:
    found = (
        ContractTemplateVersion.objects.select_related("template", "uploaded_by", "activated_by")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise Http404
    return found


def _address(row: ContractTemplateVersion, editor: _Editor) -> str:
    query = urlencode({"approval": editor.sample.sp_no if editor.sample else "sample"})
    return f"{reverse('contracts:version', args=[row.pk])}?{query}"


def _download(data: bytes, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type=archive.DOCX)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response
