"""Signing in and the language switch."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from accounts import services
from accounts.models import Profile
from accounts.redirects import next_address

_A_YEAR_S = 365 * 24 * 3600


class SignIn(LoginView):
    """Ask for name and password, then go to the page that was asked for, in the person's language."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        profile = Profile.objects.filter(user=form.get_user()).first()
        if profile is not None and profile.language:
            _remember_language(response, profile.language)
        return response


@login_not_required
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Set the language of this browser and, of a signed-in person, everywhere; then go back."""
    response = HttpResponseRedirect(next_address(request))
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        _remember_language(response, language)
        if isinstance(request.user, User):
            services.choose_language(request.user, language)
    return response


def _remember_language(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=_A_YEAR_S,
        path=settings.LANGUAGE_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
