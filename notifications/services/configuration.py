"""Change settings: the one place that writes `NotificationConfig`, checked, with its audit."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import config
from notifications.models import NotificationConfig
from notifications.services import audit
from spc_site.errors import AppError


def set_config(key: str, text: str, *, description: str | None = None, note: str = "") -> NotificationConfig:
    """Put a value over a setting's default; raises AppError when it is not allowed.

    The same value again changes nothing and leaves no line. `description` None keeps what stands.
    """
    row, value = checked(key, text)
    if description is not None:
        row.description = description
    with transaction.atomic():
        if clash := config.contradictions(config.load() | {key: value}):
            raise AppError("contradiction", " ".join(clash))
        audit.save(row, note=note)
    return row


def checked(key: str, text: str) -> tuple[NotificationConfig, object]:
    """Return the row that a setting would have, not stored, and its typed value; raises AppError."""
    try:
        value = config.check(key, text)
    except ValueError as error:
        raise AppError("bad_config", str(error)) from error
    row = NotificationConfig.objects.filter(config_key=key).first() or NotificationConfig(config_key=key)
    row.config_value = config.text_of(value)
    return row, value


def reset_config(key: str, *, note: str = "") -> None:
    """Let the default of a setting hold again; raises AppError where there is no row."""
    row = NotificationConfig.objects.filter(config_key=key).first()
    if row is None:
        raise AppError("no_row", _("%(key)s 已经是默认值。") % {"key": key})
    values = config.load() | {key: config.ITEMS[key].standard} if key in config.ITEMS else config.load()
    if clash := config.contradictions(values):
        raise AppError("contradiction", " ".join(clash))
    audit.remove(row, note=note)
