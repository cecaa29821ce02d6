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
    return {name: _masked(value, rules) for name, value in variables.items()}


def _masked(value: Any, rules: list[ContentRule]) -> Any:
    """Mask every text of a stored value, however deep: lines, languages, prepared markup."""
    if isinstance(value, dict):
        return {key: _masked(inner, rules) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, rules) for inner in value]
    return safety.mask_text(str(value), rules)
