"""What people may be told of: each room declares its events here, with a name that people read.

An event's name is free text with dots (`quality.iqc.summary`); what is declared are patterns, for
forms that let a person choose. Nothing is refused for being undeclared.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications import sources

_known: dict[str, str | Promise] = {}


def declare(pattern: str, label: str | Promise) -> None:
    """Make a kind of event known to the forms."""
    _known[pattern] = label


def known() -> dict[str, str | Promise]:
    """Return the declared patterns with their labels, in the order of declaration."""
    return dict(_known)


declare("notifications.*", _("通知系统自身的提醒"))

sources.declare("notifications", _("通知系统"))
