"""The quota board and the page of one quota."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse


def board(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


def quota(request: HttpRequest, pk: int, first: date | None = None) -> HttpResponse:
    return HttpResponse("")
