"""What holds for the time of a request: its language, and who acts.

The language is chosen by the person, else Chinese; never guessed from the browser: a plant's
computers report whatever language their system was installed in.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation

from accounts.acting import Acting, Door, acting_from


class LanguageMiddleware:
    """Activate the language that the cookie names, which the profile sets at login."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        language = asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
        return response


class ActingMiddleware:
    """Say who acts: the person who is signed in, or the user of the token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        def who() -> Acting:
            user = request.user if request.user.is_authenticated else None
            return Acting(_door(request.path), user)

        with acting_from(who):
            return self.get_response(request)


def _door(path: str) -> Door:
    if path.startswith(reverse("admin:index")):
        return Door.ADMIN
    return Door.API if path.startswith(reverse("api:api-root")) else Door.PAGE
