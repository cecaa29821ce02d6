"""Where to go after a form was handled."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme


def next_address(request: HttpRequest, default: str = settings.LOGIN_REDIRECT_URL) -> str:
    """Return the posted `next` if it is an address of ours; a link must not lead off the site."""
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if asked and is_ours else resolve_url(default)
