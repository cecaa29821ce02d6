"""Numbers and addresses of people, shown as far as the person who looks may see them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest

from notifications import safety


def are_hidden_from(request: HttpRequest) -> bool:
    """Say whether this person sees them masked: most do."""
    return not request.user.has_perm("notifications.view_contacts")


def shown_to(request: HttpRequest, text: str) -> str:
    """Return a text as this person may see it."""
    return safety.mask_contacts(text) if are_hidden_from(request) else text


def marked(rows: models.QuerySet, request: HttpRequest) -> models.QuerySet:
    """Return rows that know for `shown` who looks at them: columns of the admin are not told."""
    hides = models.Value(are_hidden_from(request), output_field=models.BooleanField())
    return rows.annotate(hides_contacts=hides)


def shown(row: Any, text: str) -> str:
    """Return a text of a marked row as the person who looks may see it."""
    return safety.mask_contacts(text) if row.hides_contacts else text
