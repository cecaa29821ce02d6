"""What is open without a login: the check page behind the QR code, and files through signed links."""

from __future__ import annotations

from urllib.parse import quote

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.api import TokenAuth
from contracts import selectors
from contracts.services import downloads
from spc_site.errors import AppError, NotAllowed


@login_not_required
@never_cache
@require_safe
def check(request: HttpRequest, code: str) -> HttpResponse:
    """Show what the archive knows of the contract with this code: whoever holds the paper may ask."""
    found = selectors.by_code(code)
    if found is None:
        return _sealed(render(request, "contracts/check_unknown.html", status=404))
    return _sealed(
        render(request, "contracts/check.html", {"contract": found.contract, "document": found.version})
    )


@login_not_required
@never_cache
@require_safe
def file(request: HttpRequest, token: str) -> HttpResponse:
    """Hand out the file of a signed link, to a browser or to a program with the token it was made for."""
    if not request.user.is_authenticated:
        TokenAuth()(request)
    try:
        found = downloads.open_link(token, user=request.user, address=request.META.get("REMOTE_ADDR"))
    except NotAllowed as refused:
        return render(request, "contracts/no_file.html", {"reason": refused.message}, status=403)
    except AppError as refused:
        return render(request, "contracts/no_file.html", {"reason": refused.message}, status=410)
    response = HttpResponse(found.data, content_type=found.media_type)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.name)}"
    response["X-Content-Type-Options"] = "nosniff"
    return _sealed(response)


def _sealed(response: HttpResponse) -> HttpResponse:
    """Keep search engines away."""
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
