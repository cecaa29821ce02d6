"""What the first page says about delivery."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notifications.admin.statistics.periods import DAY
from notifications.admin.statistics.words import milliseconds, percent, rate_tone, seconds
from notifications.choices import Severity, State
from notifications.models import HourlyFigure, Notification, Trouble
from notifications.services import statistics
from spc_site import clock
from spc_site.admin import Tile, change_url, list_url, tiles


@tiles(order=305)
def delivery_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show how well delivery does today, how long the oldest waits, and what is wrong."""
    if not request.user.has_perm("notifications.view_hourlyfigure"):
        return
    since = clock.now() - DAY
    sums = statistics.total(statistics.figures(since=since, until=clock.now()))
    rate = sums.success_rate
    yield Tile(
        label=_("24 小时成功率"),
        value=percent(rate),
        tone=rate_tone(rate),
        note=_("p95 响应 %(most)s") % {"most": milliseconds(sums.response_ms(0.95))} if sums.requests else "",
        url=list_url(HourlyFigure),
    )
    rows = statistics.waiting_by_channel()
    oldest = min((row["oldest"] for row in rows), default=None)
    if oldest is not None:
        age_s = (clock.now() - oldest).total_seconds()
        yield Tile(
            label=_("最久等待"),
            value=seconds(age_s),
            tone="red" if age_s > 3600 else "amber" if age_s > 300 else "green",
            note=ngettext("%(count)d 条在等", "%(count)d 条在等", sum(row["count"] for row in rows))
            % {"count": sum(row["count"] for row in rows)},
            url=list_url(Notification, status__exact=State.PENDING),
        )
    troubles = list(Trouble.objects.filter(told_at__isnull=False))
    if troubles:
        worst = "red" if any(row.severity == Severity.CRITICAL for row in troubles) else "amber"
        yield Tile(
            label=_("发送异常"),
            value=len(troubles),
            tone=worst,
            note=troubles[0].title,
            url=change_url(troubles[0]) if len(troubles) == 1 else list_url(Trouble),
        )
