"""The import page: upload, look at what would happen, confirm. Nothing is written before."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from quality import hooked
from quality.choices import Origin
from quality.forms import UploadForm
from quality.importing.marking import marked_workbook
from quality.importing.parsed import ParsedWorkbook
from quality.importing.template import template
from quality.kinds import KINDS, Kind
from quality.presenters.imports import FileView, planned_file, refused_file
from quality.services import imports
from quality.services.imports import Outcome
from spc_site import uploads
from spc_site.errors import AppError

_ROOM = "quality"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def upload(request: HttpRequest) -> HttpResponse:
    """Ask for workbooks, put them aside, and go on to what they would change."""
    kinds = _importable(request)
    if not kinds:
        raise PermissionDenied
    asked = request.GET.get("kind", "")
    initial = asked if asked in {kind.code for kind in kinds} else kinds[0].code
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES, kinds=kinds)
        if form.is_valid():
            given = form.cleaned_data
            kept = uploads.keep(
                given["workbooks"],
                room=_ROOM,
                about={"kind": given["kind"], "origin": given["origin"]},
                user_id=_person(request).pk,
            )
            return redirect("quality:import_preview", upload_id=kept.id)
    else:
        form = UploadForm(kinds=kinds, initial={"kind": initial})
    context = {"form": form, "kinds": kinds}
    return render(request, "quality/import.html", context, status=422 if form.errors else 200)


def preview(request: HttpRequest, upload_id: str) -> HttpResponse:
    """Show what the uploaded files would change; a post stores those without problems."""
    kept = _find(request, upload_id)
    kind = KINDS[kept.about["kind"]]
    parsed = [_parse(file, kind) for file in kept.files]
    if request.method == "POST":
        return _store(request, kept, kind, parsed)
    files = [_file_view(one, number, kind, kept.about["origin"]) for number, one in enumerate(parsed)]
    context = {
        "upload": kept,
        "kind": kind,
        "origin": Origin(kept.about["origin"]).label,
        "files": files,
        "can_confirm": any(file.writes for file in files),
        "refused": sum(bool(file.problem_count) for file in files),
    }
    return render(request, "quality/import_preview.html", context)


@require_safe
def problems(request: HttpRequest, upload_id: str, number: str) -> HttpResponse:
    """Hand an uploaded file back with every problem marked in its cell."""
    kept = _find(request, upload_id)
    if int(number) >= len(kept.files):
        raise Http404
    file = kept.files[int(number)]
    stem = file.name.rsplit(".", 1)[0]
    name = _("%(file)s-问题.xlsx") % {"file": stem}
    parsed = _parse(file, KINDS[kept.about["kind"]])
    content = marked_workbook(parsed, uploads.language())
    hooked.fire_problems(name, content, source=parsed.data, made_by=_person(request).get_username())
    return _download(content, name)


@require_safe
def empty_form(request: HttpRequest, code: str) -> HttpResponse:
    """Hand out the empty form of a kind, with instructions."""
    if KINDS[code] not in _importable(request):
        raise PermissionDenied
    response = HttpResponse(content_type=_XLSX)
    response["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=_("%(kind)s检验报告.xlsx") % {"kind": code}
    )
    template(code).save(response)
    return response


def _store(
    request: HttpRequest, kept: uploads.Upload, kind: Kind, parsed: list[ParsedWorkbook]
) -> HttpResponse:
    """Store every clean file, each whole or not at all, and lead to what came of it."""
    user, written, unchanged = _person(request), [], 0
    for one in parsed:
        if not one.is_clean:
            continue
        try:
            result = imports.store(one, kind=kind, origin=kept.about["origin"], user=user)
        except AppError as error:
            messages.error(request, f"{one.file_name}: {error.message}")
            continue
        stored = [row for row in result.reports if row.outcome in (Outcome.NEW, Outcome.REVISED)]
        written += stored
        unchanged += len(result.reports) - len(stored)
    uploads.forget(kept)
    if written:
        messages.success(request, _("已导入 %(count)s 份报告，正在判定。") % {"count": len(written)})
    if unchanged:
        messages.info(request, _("%(count)s 份报告与已导入的相同，没有改变。") % {"count": unchanged})
    if len(written) == 1:
        return redirect("quality:report", kind.code, written[0].report_id)
    return redirect("quality:report_list", kind.code)


def _importable(request: HttpRequest) -> list[Kind]:
    return [
        kind
        for kind in KINDS.values()
        if request.user.has_perm(f"quality.add_{kind.report_model._meta.model_name}")
    ]


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _find(request: HttpRequest, upload_id: str) -> uploads.Upload:
    kept = uploads.find(upload_id, room=_ROOM, user_id=_person(request).pk)
    if kept is None:
        raise Http404
    if KINDS[kept.about["kind"]] not in _importable(request):
        raise PermissionDenied
    return kept


def _parse(file: uploads.Waiting, kind: Kind) -> ParsedWorkbook:
    return imports.parse_workbook(file.path, kind=kind, file_name=file.name)


def _file_view(parsed: ParsedWorkbook, number: int, kind: Kind, origin: str) -> FileView:
    if not parsed.is_clean:
        return refused_file(parsed, number)
    return planned_file(imports.preview(parsed, kind=kind, origin=origin), number, kind)


def _download(content: bytes, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=_XLSX)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response
