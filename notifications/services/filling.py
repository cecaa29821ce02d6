"""Fill a template for a message, and keep in its row where the text came from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from notifications import rendering
from notifications.choices import Reason, State
from notifications.models import NotificationTemplate
from notifications.rendering import Prepared
from notifications.services import templates

log = logging.getLogger("notifications")


def from_template(
    template: NotificationTemplate, variables: Mapping[str, object], *, calls: str = ""
) -> tuple[str, str, dict[str, Any]]:
    """Return title and content, and the fields of the row that say where they came from.

    Whoever is called (mentions, as the variable `mention`) stands where the template says so,
    else in a last line. A template that cannot be filled settles the message as a dead letter.
    """
    has_place = "mention" in rendering.names(template.content_template)
    if has_place or calls:
        variables = {"mention": Prepared(calls), **variables}
    stored = rendering.to_json(variables, zone=timezone.get_current_timezone())
    # Filled from what the row keeps, so that a resend says the same.
    values = rendering.from_json(stored, language=template.language)
    text = templates.fill(template, values)
    kept: dict[str, Any] = {
        "template_name": template.template_name,
        "template_language": template.language,
        "template_version": template.version or None,
        "variables": stored,
    }
    if text.problem:
        log.error("template %s cannot be filled", template.template_name)
        kept["settled"] = (State.DEAD, Reason.BAD_TEMPLATE, text.problem)
        return text.title, text.content, kept
    called = values.get("mention", "")
    last_line = called if isinstance(called, Prepared) and not has_place else ""
    return text.title, with_calls(text.content, last_line), kept


def with_calls(content: str, calls: str) -> str:
    """Return a text with whoever is called in a last line."""
    return f"{content}\n{calls}" if calls else content
