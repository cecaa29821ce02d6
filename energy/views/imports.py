"""Import readings: upload, look at what would happen, confirm; undo a batch."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from energy.importing.read import LIMITS
from energy.importing.template import LONG, SHAPES, template
from energy.importing.wording import WORDING
from energy.models import Device, ReadingBatch
from energy.reading_forms import ReadingUploadForm
from energy.services import imports, readings
from energy.services.imports import CheckedFile
from spc_site import uploads
from spc_site.errors import AppError
from spc_site.lib.marking import marked_workbook
from spc_site.lib.sheets import WorkbookError, read_bytes

_ROOM = "energy"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHOWN_PROBLEMS = 200
_PER_PAGE = 50
_METERS_IN_TEMPLATE = 500

may_import = permission_required("energy.add_readingbatch", raise_exception=True)


@may_import
def upload(request: HttpRequest) -> HttpResponse:
    """Ask for files, put them aside, and go on to what they would change."""
    if request.method == "POST":
        form = ReadingUploadForm(request.POST, request.FILES)
        if form.is_valid():
            kept = uploads.keep(
                form.cleaned_data["tables"],
                room=_ROOM,
                about={"profile": form.cleaned_data["profile"]},
                user_id=_person(request).pk,
            )
            return redirect("energy:import_preview", upload_id=kept.id)
    else:
        form = ReadingUploadForm()
    context = {"form": form, "batches": ReadingBatch.objects.filter(way="file")[:5]}
    return render(request, "energy/import.html", context, status=422 if form.errors else 200)


@may_import
def preview(request: HttpRequest, upload_id: str) -> HttpResponse:
    """Show what the uploaded files would change; a post stores those without problems."""
    kept = _find(request, upload_id)
    files = [_parse(file, kept) for file in kept.files]
    if request.method == "POST":
        return _store(request, kept, files)
    views = [_view(file, number) for number, file in enumerate(files)]
    context = {
        "upload": kept,
        "files": views,
        "can_confirm": any(view["writes"] for view in views),
        "refused": sum(bool(view["problem_count"]) for view in views),
    }
    return render(request, "energy/import_preview.html", context)


@may_import
@require_safe
def problems(request: HttpRequest, upload_id: str, number: int) -> HttpResponse:
    """Hand an uploaded file back with every problem marked in its cell."""
    kept = _find(request, upload_id)
    if number >= len(kept.files):
        raise Http404
    file = kept.files[number]
    parsed = _parse(file, kept)
    marked = marked_workbook(parsed.parsed.data, parsed.problems, WORDING, uploads.language())
    return _download(marked, _("%(file)s-问题.xlsx") % {"file": file.name.rsplit(".", 1)[0]})


@may_import
@require_safe
def empty_file(request: HttpRequest, shape: str) -> HttpResponse:
    """Hand out an empty file with the meters of the plant."""
    if shape not in SHAPES:
        raise Http404
    meters = Device.objects.filter(kind="meter", status="in_use").values_list("code", flat=True)
    name = _("读数-逐行.xlsx") if shape == LONG else _("读数-每表一列.xlsx")
    response = _download(b"", name)
    template(shape, list(meters[:_METERS_IN_TEMPLATE])).save(response)
    return response


@permission_required("energy.view_readingbatch", raise_exception=True)
def batches(request: HttpRequest) -> HttpResponse:
    """Show what came in, newest first."""
    found = ReadingBatch.objects.select_related("who", "undone_by").defer("written", "rejections")
    page = Paginator(found, _PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "energy/batches.html", {"page": page, "rows": page.object_list})


@permission_required("energy.view_readingbatch", raise_exception=True)
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one batch: what it wrote, what was refused and why."""
    row = get_object_or_404(ReadingBatch.objects.select_related("who", "undone_by"), pk=pk)
    context = {
        "batch": row,
        "rejected": [readings.Rejected(*one) for one in row.rejections[:_SHOWN_PROBLEMS]],
        "corrections": row.corrections.select_related("device")[:_SHOWN_PROBLEMS],
        "has_photo": hasattr(row, "photo"),
        "can_undo": row.can_be_undone and request.user.has_perm("energy.change_readingbatch"),
    }
    return render(request, "energy/batch.html", context)


@permission_required("energy.change_readingbatch", raise_exception=True)
@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back what a batch wrote."""
    row = get_object_or_404(ReadingBatch, pk=pk)
    try:
        undone = readings.undo(row, who=_person(request))
    except AppError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("已撤销 %(count)d 个读数。") % {"count": undone.reverted})
        if undone.kept:
            messages.info(request, _("%(count)d 个读数后来被更正过，保持不变。") % {"count": undone.kept})
    return redirect("energy:batch", pk)


@permission_required("energy.view_readingbatch", raise_exception=True)
@require_safe
def photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the photo that belongs to a reading."""
    row = get_object_or_404(ReadingBatch.objects.select_related("photo"), pk=pk)
    if not hasattr(row, "photo"):
        raise Http404
    response = HttpResponse(bytes(row.photo.data), content_type=row.photo.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _store(request: HttpRequest, kept: uploads.Upload, files: list[CheckedFile]) -> HttpResponse:
    taken = unchanged = 0
    last: ReadingBatch | None = None
    for file in files:
        if not file.is_clean:
            continue
        recorded = imports.store(file, user=_person(request))
        unchanged += recorded.is_repeated
        if not recorded.is_repeated:
            taken += recorded.batch.taken
            last = recorded.batch
    uploads.forget(kept)
    if last is not None:
        messages.success(request, _("已写入 %(count)d 个读数，正在计算用量。") % {"count": taken})
    if unchanged:
        messages.info(request, _("%(count)d 个文件已导入过，没有改变。") % {"count": unchanged})
    return redirect("energy:batch", last.pk) if last is not None else redirect("energy:batches")


def _parse(file: uploads.Waiting, kept: uploads.Upload) -> CheckedFile:
    try:
        data = read_bytes(file.path, LIMITS)
    except (OSError, WorkbookError):
        return imports.parse_file(file.path, file_name=file.name)
    return imports.parse_file(data, file_name=file.name, profile=kept.about["profile"] or None)


def _view(file: CheckedFile, number: int) -> dict[str, object]:
    parsed, language = file.parsed, uploads.language()
    if not file.is_clean:
        shown = [
            {"place": WORDING.place(one, language), "text": WORDING.sentence(one, language)}
            for one in parsed.problems[:_SHOWN_PROBLEMS]
        ]
        return {
            "name": parsed.file_name,
            "number": number,
            "problems": shown,
            "problem_count": len(parsed.problems),
            "more_problems": len(parsed.problems) - len(shown),
            "writes": False,
        }
    planned = imports.preview(file)
    return {
        "name": parsed.file_name,
        "number": number,
        "problem_count": 0,
        "planned": planned,
        "profile": parsed.profile.name,
        "writes": planned.known is None,
    }


def _find(request: HttpRequest, upload_id: str) -> uploads.Upload:
    kept = uploads.find(upload_id, room=_ROOM, user_id=_person(request).pk)
    if kept is None:
        raise Http404
    return kept


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _download(data: bytes, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type=_XLSX)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response
