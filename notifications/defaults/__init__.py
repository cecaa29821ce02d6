"""The templates, channels and content rules that ship; a plant edits the rows, and can restore these.

Every event has its text in both languages. Texts of the customer (`production_alert`,
`meeting_reminder`, the summaries, the quota warning) are the customer's word for word.
"""

from __future__ import annotations

from typing import Any

from notifications.defaults.alarms import ALARMS
from notifications.defaults.channels import CHANNELS
from notifications.defaults.contracts import CONTRACTS
from notifications.defaults.delivery import DELIVERY
from notifications.defaults.dispositions import DISPOSITIONS
from notifications.defaults.plant import PLANT
from notifications.defaults.reports import REPORTS
from notifications.defaults.rules import RULES
from notifications.defaults.words import EN, ZH

__all__ = ["CHANNELS", "EN", "RULES", "TEMPLATES", "ZH", "template"]

TEMPLATES: tuple[dict[str, Any], ...] = (*REPORTS, *DELIVERY, *ALARMS, *PLANT, *CONTRACTS, *DISPOSITIONS)


def template(name: str, language: str) -> dict[str, Any] | None:
    """Return the shipped text of a template in one language, or None where none ships."""
    return next(
        (row for row in TEMPLATES if (row["template_name"], row["language"]) == (name, language)), None
    )
