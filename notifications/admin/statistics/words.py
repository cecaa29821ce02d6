"""How shares and durations are written, and from where on they are good."""

from __future__ import annotations

from django.utils.translation import gettext as _

from spc_site.admin import DASH

SLOW_MS = 500


def percent(share: float | None) -> str:
    """Write a share."""
    return DASH if share is None else f"{100 * share:.1f} %" if share < 0.9995 else "100 %"


def milliseconds(value: float | None) -> str:
    """Write a duration of requests."""
    return DASH if value is None else f"{value:.0f} ms" if value < 10_000 else f"{value / 1000:.0f} s"


def seconds(value: float | None) -> str:
    """Write a duration in the unit that a person would use."""
    if value is None:
        return DASH
    if value < 10:
        return _("%(value)s 秒") % {"value": f"{value:.1f}"}
    if value < 120:
        return _("%(value)s 秒") % {"value": f"{value:.0f}"}
    if value < 7200:
        return _("%(value)s 分钟") % {"value": f"{value / 60:.0f}"}
    return _("%(value)s 小时") % {"value": f"{value / 3600:.1f}"}


def rate_tone(share: float | None) -> str:
    """Return the tone of a share of messages that arrived."""
    return "grey" if share is None else "green" if share >= 0.99 else "amber" if share >= 0.95 else "red"
