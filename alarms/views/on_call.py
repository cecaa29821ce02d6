"""Who is on call, and what happens when nobody acknowledges."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from alarms import selectors
from alarms.views.permissions import may_view
from spc_site import clock


@may_view
def on_call(request: HttpRequest) -> HttpResponse:
    """Show every rota now and next, and the policies with their steps."""
    context = {"rotas": selectors.on_call(at=clock.now()), "policies": selectors.policies()}
    return render(request, "alarms/on_call.html", context)
