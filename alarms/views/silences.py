"""Silences: which act, which will, which did; setting one, ending one early."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.redirects import next_address
from alarms import selectors, services
from alarms.forms import SilenceForm
from alarms.models import Silence
from alarms.views.permissions import may_silence, may_view
from spc_site import clock
from spc_site.acts import do_and_say
from spc_site.errors import AppError


@may_view
def silences(request: HttpRequest) -> HttpResponse:
    """Show all silences; whoever may sets a new one."""
    may = request.user.has_perm("alarms.add_silence")
    form = SilenceForm(request.POST or None, initial={"matchers": request.GET.get("matchers", "")})
    if request.method == "POST" and may and form.is_valid():
        assert isinstance(request.user, User)
        now = clock.now()
        starts_at = form.cleaned_data["starts_at"] or now
        try:
            services.silence(
                form.cleaned_data["matchers"],
                starts_at=starts_at,
                ends_at=starts_at + timedelta(hours=int(form.cleaned_data["hours"])),
                user=request.user,
                reason=form.cleaned_data["reason"],
                at=now,
            )
        except AppError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("静默已设定。"))
            return redirect("alarms:silences")
    context = {
        "shown": selectors.silences(at=clock.now()),
        "rules": selectors.inhibition_rules(),
        "form": form if may else None,
    }
    return render(request, "alarms/silences.html", context, status=422 if form.errors else 200)


@require_POST
@may_silence
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """End a silence now."""
    row = get_object_or_404(Silence, pk=pk)
    user = request.user
    assert isinstance(user, User)
    done = _("静默已结束：仍未受理的报警会告知。")
    do_and_say(request, lambda: services.end_silence(row, user=user), done)
    return HttpResponseRedirect(next_address(request, "alarms:silences"))
