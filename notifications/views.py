"""A person's own page: how and when they want to be told things."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.people import name_of
from notifications import safety
from notifications.choices import ChannelCode
from notifications.forms import PreferencesForm
from notifications.models import Recipient, Route
from notifications.services import audit


def preferences(request: HttpRequest) -> HttpResponse:
    """Show and save what the signed-in person chose; the first save makes their row.

    Addresses are the administrator's to change: nobody may turn messages to somebody else.
    """
    user = cast(User, request.user)
    recipient = Recipient.objects.select_related("user__profile").filter(user=user).first()
    if recipient is None:
        recipient = Recipient(user=user, name=name_of(user))
    form = PreferencesForm(request.POST or None, instance=recipient)
    if request.method == "POST" and form.is_valid():
        audit.save(form.save(commit=False))
        messages.success(request, _("已保存。"))
        return redirect("notifications:preferences")
    context = {
        "form": form,
        "ways": [
            (ChannelCode(way.channel).label, safety.mask_contacts(way.target)) for way in recipient.ways()
        ],
        "routes": _routes_of(recipient),
        "is_active": recipient.is_active,
    }
    return render(request, "notifications/preferences.html", context)


def _routes_of(recipient: Recipient) -> list[Route]:
    """Return the routes that name a person."""
    if recipient.pk is None:
        return []
    return list(Route.objects.filter(is_active=True, steps__recipient=recipient).distinct())
