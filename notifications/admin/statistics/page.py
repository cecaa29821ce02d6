"""The page of figures: one period, over all channels or one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from notifications.admin.statistics.charts import causes_of, figures_of
from notifications.admin.statistics.periods import PERIODS
from notifications.admin.statistics.table import rows_by_channel
from notifications.admin.statistics.words import SLOW_MS, milliseconds, percent, rate_tone, seconds
from notifications.choices import channel_names
from notifications.models import HourlyFigure
from notifications.services import statistics
from notifications.services.statistics import Sums
from spc_site import clock
from spc_site.admin import ReadOnlyAdmin, Tile


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the links above the page."""

    label: str | Promise
    url: str
    is_current: bool


@admin.register(HourlyFigure)
class StatisticsAdmin(ReadOnlyAdmin):
    """The page of figures stands where the list of hours would."""

    menu_order = 302

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one period over all channels or one; what is not known is shown as the default."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        period = next((one for one in PERIODS if one.key == request.GET.get("period")), PERIODS[0])
        names = channel_names()
        channel = request.GET.get("channel", "")
        channel = channel if channel in names else ""
        since, until = period.window(clock.now())
        rows = statistics.figures(since=since, until=until)
        shown = [row for row in rows if row.channel == channel] if channel else rows
        steps = statistics.by_step(shown, since=since, until=until, step=period.step)
        sums = statistics.total(shown)
        used = {row.channel for row in rows} | {channel}
        context = {
            **self.admin_site.each_context(request),
            "title": _("发送统计"),
            "opts": self.opts,
            "periods": [
                Choice(one.label, _address(period=one.key, channel=channel), one is period) for one in PERIODS
            ],
            "channels": [
                Choice(label, _address(period=period.key, channel=code), code == channel)
                for code, label in [("", _("全部渠道")), *names.items()]
                if not code or code in used
            ],
            "tiles": _tiles(sums, channel),
            "figures": figures_of(steps, period),
            "causes": causes_of(sums),
            "by_channel": rows_by_channel(rows),
            "since": since,
        }
        return TemplateResponse(request, "admin/notifications/statistics.html", context)


def _address(**query: str) -> str:
    return "?" + urlencode({name: value for name, value in query.items() if value})


def _tiles(sums: Sums, channel: str) -> list[Tile]:
    rate = sums.success_rate
    waiting = [row for row in statistics.waiting_by_channel() if not channel or row["channel"] == channel]
    length = sum(row["count"] for row in waiting)
    oldest = min((row["oldest"] for row in waiting), default=None)
    age_s = (clock.now() - oldest).total_seconds() if oldest else 0.0
    most = sums.response_ms(0.95)
    return [
        Tile(
            label=_("成功率"),
            value=percent(rate),
            tone=rate_tone(rate),
            note=_("送达 %(sent)d · 死信 %(dead)d") % {"sent": sums.sent, "dead": sums.dead},
        ),
        Tile(
            label=_("响应时间 p95"),
            value=milliseconds(most),
            tone="grey" if most is None else "green" if most <= SLOW_MS else "amber",
            note=_("平均 %(mean)s") % {"mean": milliseconds(sums.response_mean_ms)},
        ),
        Tile(
            label=_("事件到送达 p95"),
            value=seconds(sums.receipt_s(0.95)),
            tone="grey",
            note=_("一半在 %(half)s内") % {"half": seconds(sums.receipt_s(0.5))},
        ),
        Tile(
            label=_("失败的请求"),
            value=sums.failed,
            tone="green" if not sums.failed else "amber",
            note=_("共 %(count)d 次，重试 %(again)d 次") % {"count": sums.requests, "again": sums.retried},
        ),
        Tile(
            label=_("现在的队列"),
            value=length,
            tone="green" if age_s < 300 else "amber",
            note=_("最久 %(age)s") % {"age": seconds(age_s)} if oldest else _("没有等待的消息"),
        ),
        Tile(
            label=_("可能重复"),
            value=sums.possible_duplicates,
            tone="green" if not sums.possible_duplicates else "amber",
            note=_("没有答复的请求 %(count)d 次") % {"count": sums.uncertain},
        ),
    ]
