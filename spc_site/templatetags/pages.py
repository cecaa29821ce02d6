"""Small words of every page: moments, ages, badges."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()

SHAPES = {"red": "▲", "amber": "◆", "green": "●", "blue": "○", "grey": "–"}
"""The shape that says the same as the tone, for eyes that do not tell red from green."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@register.simple_tag
def badge(label: str, tone: str) -> SafeString:
    """Write a word in its tone, with the tone's shape before it."""
    return format_html(
        '<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>', tone, SHAPES[tone], label
    )


@register.simple_tag
def when(moment: datetime | None) -> SafeString | str:
    """Write a moment as short as it stays clear: the time today, the day this year, else the year too."""
    if moment is None:
        return ""
    local, now = timezone.localtime(moment), timezone.localtime()
    if local.date() == now.date():
        text = f"{local:%H:%M}"
    elif local.year == now.year:
        text = f"{local:%m-%d %H:%M}"
    else:
        text = f"{local:%Y-%m-%d %H:%M}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(), f"{local:%Y-%m-%d %H:%M:%S}", text
    )


@register.filter
def age(moment: datetime) -> str:
    """Say how long ago it was."""
    return span(timezone.now() - moment)


@register.filter
def span(duration: timedelta) -> str:
    """Say how long a duration is, in at most two units."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < _MINUTE:
        return _("不到 1 分钟")
    if seconds < _HOUR:
        return _("%(minutes)s 分钟") % {"minutes": seconds // _MINUTE}
    if seconds < _DAY:
        words = {"hours": seconds // _HOUR, "minutes": f"{seconds % _HOUR // _MINUTE:02d}"}
        return _("%(hours)s 时 %(minutes)s 分") % words
    return _("%(days)s 天") % {"days": seconds // _DAY}
