"""Put a text through the plant's content rules before it becomes a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifications import safety
from notifications.models import ContentRule


def active_rules() -> list[ContentRule]:
    """Return the rules that hold now, in one query."""
    return list(ContentRule.objects.filter(is_active=True))


def mask_values(variables: Mapping[str, Any], rules: list[ContentRule]) -> dict[str, Any]:
    """Return stored template variables with what the masking rules find taken out.

    They are kept for a resend, and must not keep what the message itself may not say.
    """
    return {
        name: {"prepared": safety.mask_text(value["prepared"], rules)}
        if isinstance(value, dict)
        else safety.mask_text(str(value), rules)
        for name, value in variables.items()
    }
