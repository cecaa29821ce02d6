"""What a page that was posted does with its one act: do it, and say how it went."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest

from spc_site.errors import AppError


def do_and_say(request: HttpRequest, act: Callable[[], object], done: str = "") -> bool:
    """Do something; say `done`, or why it was refused, on the next page; tell whether it was done."""
    try:
        act()
    except AppError as refused:
        messages.error(request, refused.message)
        return False
    if done:
        messages.success(request, done)
    return True
