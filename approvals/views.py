"""The callback: checked, stored, answered. What it means is for a job."""

from __future__ import annotations

import logging

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import Error as AnyDatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from approvals import services
from approvals.services.receiving import keys
from wecom.callback import BODY_LIMIT
from wecom.crypto import CallbackRefused, Stage

logger = logging.getLogger(__name__)


@login_not_required
@csrf_exempt
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest) -> HttpResponse:
    """Answer WeCom: the check of the address, and every event.

    Whoever is refused gets the same empty 403, whatever the stage; an error of ours is a 503, upon
    which WeCom delivers again.
    """
    shared = keys()
    if shared is None:
        return HttpResponse(status=404)
    query = request.META.get("QUERY_STRING", "")
    try:
        if request.method == "GET":
            return HttpResponse(services.verify(shared, query), content_type="text/plain")
        services.receive(shared, query, _body(request))
    except CallbackRefused as refused:
        _count(refused.stage)
        return HttpResponse(status=403)
    except AnyDatabaseError as error:
        logger.error("callback not stored: error=%s", error)
        return HttpResponse(status=503)
    return HttpResponse(content_type="text/plain")


def _body(request: HttpRequest) -> bytes:
    """Return the body, read only if it is no larger than WeCom's ever is."""
    try:
        size = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        raise CallbackRefused(Stage.SIZE) from None
    if size > BODY_LIMIT:
        raise CallbackRefused(Stage.SIZE)
    try:
        return request.body
    except (RequestDataTooBig, UnreadablePostError):
        raise CallbackRefused(Stage.SIZE) from None


def _count(stage: Stage) -> None:
    logger.warning("callback refused: stage=%s", stage)
    try:
        services.refuse(stage)
    except AnyDatabaseError as error:
        logger.error("refusal not counted: error=%s", error)
