"""Work orders: the board, one order with its checklist, opening, ticking, completing."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from alarms import selectors, services
from alarms.forms import WorkOrderForm
from alarms.models import WorkOrder
from alarms.views.permissions import may_add_orders, may_change_orders, may_view_orders
from spc_site import clock
from spc_site.acts import do_and_say
from spc_site.errors import AppError


@may_view_orders
def board(request: HttpRequest) -> HttpResponse:
    """Show what has to be done, what has to prove itself, what is done."""
    is_mine = request.GET.get("which") == "mine"
    shown = selectors.board(request.user, at=clock.now(), is_mine=is_mine)
    columns = (
        ("overdue", _("逾期"), "red", shown.overdue),
        ("open", _("进行中"), "blue", shown.open),
        ("waiting", _("待确认效果"), "amber", shown.waiting),
        ("ended", _("近 30 天结束"), "green", shown.ended),
    )
    return render(request, "alarms/work_orders.html", {"columns": columns, "is_mine": is_mine})


@may_view_orders
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one order: what, for which alarm, the checklist, the end, the effect."""
    found = selectors.work_order(request.user, pk)
    if found is None:
        raise Http404
    context = {
        "order": found,
        "can_change": found.is_open and request.user.has_perm("alarms.change_workorder"),
        "is_overdue": found.is_open and found.due_at is not None and found.due_at < clock.now(),
    }
    return render(request, "alarms/work_order.html", context)


@may_add_orders
def new(request: HttpRequest) -> HttpResponse:
    """Open a work order, of an alarm (`?alarm=`) or on its own."""
    asked = request.POST.get("alarm") or request.GET.get("alarm") or ""
    about = selectors.visible_to(request.user).filter(pk=asked).first() if asked.isdecimal() else None
    form = WorkOrderForm(
        request.POST or None,
        initial={"title": about.title if about else "", "owner": about.owner_id if about else None},
    )
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            made = services.open_work_order(
                title=form.cleaned_data["title"],
                description=form.cleaned_data["description"],
                alarm=about,
                owner=form.cleaned_data["owner"],
                due_at=form.cleaned_data["due_at"],
                steps=form.steps,
                runbook=form.cleaned_data["runbook"],
                effect_days=form.cleaned_data["effect_days"],
                user=request.user,
            )
        except AppError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("工单已开。"))
            return redirect(made)
    context = {"form": form, "alarm": about}
    return render(request, "alarms/work_order_new.html", context, status=422 if form.errors else 200)


def _act(
    request: HttpRequest, pk: int, done: str, change: Callable[[WorkOrder, User], object]
) -> HttpResponse:
    found = get_object_or_404(WorkOrder, pk=pk)
    user = request.user
    assert isinstance(user, User)
    do_and_say(request, lambda: change(found, user), done)
    return HttpResponseRedirect(found.get_absolute_url())


@require_POST
@may_change_orders
def step(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    """Tick a step off, or take the tick back."""

    def change(order: WorkOrder, user: User) -> None:
        row = get_object_or_404(order.steps, pk=step_pk)
        services.complete_step(row, user=user, is_done=request.POST.get("done") == "1")

    return _act(request, pk, "", change)


@require_POST
@may_change_orders
def complete(request: HttpRequest, pk: int) -> HttpResponse:
    """Complete the order."""
    note = request.POST.get("note", "")
    return _act(
        request, pk, _("工单已完成。"), lambda order, user: services.complete(order, user=user, note=note)
    )


@require_POST
@may_change_orders
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """End the order without its work."""
    note = request.POST.get("note", "")
    return _act(
        request,
        pk,
        _("工单已取消。"),
        lambda order, user: services.cancel_work_order(order, user=user, note=note),
    )
