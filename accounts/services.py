"""What can be done with people: tokens for programs, the language they read."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from accounts.models import ApiToken, Profile

_USE_IS_WRITTEN_EVERY = timedelta(minutes=1)


def _digest(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()


def issue_token(user: User, *, name: str, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """Make a token for a program; the second value is its text, which is never shown again."""
    raw = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user, name=name, prefix=raw[:8], digest=_digest(raw), expires_at=expires_at
    )
    return token, raw


def revoke_token(token: ApiToken) -> bool:
    """Make a token worthless; say whether it was still good."""
    return bool(
        ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
    )


def authenticate_token(raw: str) -> User | None:
    """Return the active user that a token stands for, or None."""
    now = timezone.now()
    token = ApiToken.objects.select_related("user").filter(digest=_digest(raw)).first()
    if token is None or token.revoked_at or not token.user.is_active:
        return None
    if token.expires_at and token.expires_at <= now:
        return None
    if token.last_used_at is None or now - token.last_used_at > _USE_IS_WRITTEN_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user


def choose_language(user: User, language: str) -> None:
    """Remember the language that a person reads."""
    Profile.objects.update_or_create(user=user, defaults={"language": language})
