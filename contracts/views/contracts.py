"""The clerk's pages: the archive with its search, one contract, what can be done with it, runs over many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.redirects import next_address
from contracts import presenters, selectors
from contracts.models import BatchRun, Contract
from contracts.services import acts, attachments, batches, conversions, generation, sending
from spc_site.acts import do_and_say
from spc_site.errors import AppError

_PER_PAGE = 50
_LARGEST_SCAN = 20 << 20

may_change = permission_required("contracts.change_contract", raise_exception=True)
may_void = permission_required("contracts.void_contract", raise_exception=True)


def contract_list(request: HttpRequest) -> HttpResponse:
    """Show the contracts of one tab that have every word of the search."""
    visible = selectors.visible_to(request.user)
    counts = selectors.counts(visible)
    which = request.GET.get("which", "all")
    which = which if which in selectors.TABS else "all"
    text = request.GET.get("q", "").strip()[:200]
    rows = selectors.search(selectors.of_tab(visible, which), text)
    page = Paginator(rows.select_related("template").defer("detail", "content"), _PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "tabs": [(code, label, counts[code]) for code, label in selectors.TABS.items()],
        "which": which,
        "text": text,
        "batch_acts": BatchRun.Act.choices if request.user.has_perm("contracts.change_contract") else [],
        "can_see_templates": request.user.has_perm("contracts.view_contracttemplate"),
    }
    return render(request, "contracts/contract_list.html", context)


def contract(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one contract: facts, what stops it, its documents, who got them, what happened."""
    found = _found(request, pk)
    possible = presenters.possible_acts(found)
    may = {name: request.user.has_perm(f"contracts.{name}_contract") for name in ("change", "void")}
    context = {
        "contract": found,
        "facts": presenters.facts(found),
        "problems": presenters.problems(found),
        "documents": presenters.documents(found, user=request.user),
        "scans": presenters.scans(found, user=request.user),
        "events": found.events.select_related("actor"),
        "downloads": found.downloads.select_related("user", "version")[:50]
        if request.user.has_perm("contracts.view_downloadlog")
        else [],
        "calls": found.calls.select_related("webhook")[:20]
        if request.user.has_perm("contracts.view_webhookdelivery")
        else [],
        "can_change": may["change"],
        "can_void": may["void"],
        "can_act": any(may.values()) and any(possible.values()),
        "is_waiting": presenters.is_waiting(found),
        "acts": possible,
    }
    return render(request, "contracts/contract.html", context)


@require_POST
@may_change
def regenerate(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the document anew."""
    note = request.POST.get("note", "").strip()
    return _act(
        request,
        pk,
        _("已生成新版本，旧版本保留。"),
        lambda one, user: generation.regenerate(one, user=user, note=note),
    )


@require_POST
@may_change
def supply(request: HttpRequest, pk: int) -> HttpResponse:
    """Enter what the form lacks."""
    texts = {
        name.removeprefix("field:"): text
        for name, text in request.POST.items()
        if name.startswith("field:") and isinstance(text, str)
    }
    uploads = {
        name.removeprefix("picture:"): upload
        for name, upload in request.FILES.items()
        if name.startswith("picture:") and isinstance(upload, UploadedFile)
    }

    def change(one: Contract, user: User) -> None:
        if any((upload.size or 0) > attachments.MOST_BYTES for upload in uploads.values()):
            raise AppError("too_large", _("图片超过 10 MB。"))
        pictures = {key: (upload.name or key, upload.read()) for key, upload in uploads.items()}
        generation.supply(one, texts, user=user, pictures=pictures)

    return _act(request, pk, _("已补充数据，正在生成。"), change)


@require_POST
@may_change
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Try again what failed."""
    return _act(request, pk, _("正在重试。"), lambda one, user: generation.retry(one, user=user))


@require_POST
@may_change
def send(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the current document once more."""
    return _act(request, pk, _("已提交发送。"), lambda one, user: sending.send_again(one, user=user))


@require_POST
@may_change
def convert(request: HttpRequest, pk: int) -> HttpResponse:
    """Have the current document converted to PDF."""
    return _act(request, pk, _("已提交转换。"), lambda one, user: conversions.want(one))


@require_POST
@may_void
def void(request: HttpRequest, pk: int) -> HttpResponse:
    """End the contract."""
    reason = request.POST.get("reason", "")
    return _act(
        request,
        pk,
        _("合同已作废，并已通知收到或下载过文件的人。"),
        lambda one, user: acts.void(one, reason=reason, user=user),
    )


@require_POST
@may_void
def replace(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark the contract as replaced by another."""
    number = request.POST.get("number", "")
    return _act(
        request,
        pk,
        _("已标记为被替代。"),
        lambda one, user: acts.replace(one, number=number, user=user),
    )


@require_POST
@may_change
def sign(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the signed contract's scan."""
    upload = request.FILES.get("scan")
    signed_on = parse_date(request.POST.get("signed_on", "") or "-")

    def change(one: Contract, user: User) -> None:
        if upload is None or (upload.size or 0) > _LARGEST_SCAN:
            raise AppError("bad_scan", _("请选择 20 MB 以内的扫描件。"))
        acts.mark_signed(
            one, scan=upload.read(), file_name=upload.name or "scan", user=user, signed_on=signed_on
        )

    return _act(request, pk, _("已保存签署扫描件。"), change)


# --- many at once -------------------------------------------------------------------------------


@require_POST
@may_change
def start_batch(request: HttpRequest) -> HttpResponse:
    """Begin an act on the contracts that were ticked."""
    assert isinstance(request.user, User)
    act = request.POST.get("act", "")
    chosen = [int(pk) for pk in request.POST.getlist("contract") if pk.isdecimal()]
    try:
        if act not in BatchRun.Act.values:
            raise AppError("no_act", _("请选择要做的操作。"))
        run = batches.start(act, chosen, user=request.user)
    except AppError as refused:
        messages.error(request, refused.message)
        return HttpResponseRedirect(next_address(request, "contracts:list"))
    return redirect("contracts:batch", run.pk)


@may_change
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a run is."""
    return render(request, "contracts/batch.html", {"run": get_object_or_404(BatchRun, pk=pk)})


@require_POST
@may_change
def cancel_batch(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a run where it stands."""
    run = get_object_or_404(BatchRun, pk=pk)
    if batches.cancel(run):
        messages.success(request, _("已停止，已完成的部分保留。"))
    else:
        messages.error(request, _("批量处理已经结束。"))
    return redirect("contracts:batch", run.pk)


# --- helpers ------------------------------------------------------------------------------------


def _found(request: HttpRequest, pk: int) -> Contract:
    found = (
        selectors.visible_to(request.user)
        .select_related("template__series", "replaced_by")
        .filter(pk=pk)
        .first()
    )
    if found is None:
        raise Http404
    return found


def _act(request: HttpRequest, pk: int, done: str, change: Callable[[Contract, User], Any]) -> HttpResponse:
    """Do one thing with a contract, say how it went, and go back to its page."""
    found = _found(request, pk)
    user = request.user
    assert isinstance(user, User)
    do_and_say(request, lambda: change(found, user), done)
    return redirect(found)
