"""The figures of delivery in the admin: how much, how well, how fast, how long the queue; and troubles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from notifications.causes import ADVICE, Cause
from notifications.choices import Severity, State, channel_names
from notifications.models import Channel, HourlyFigure, Notification, Trouble
from notifications.services import statistics
from notifications.services.statistics import Sums
from spc_site import clock
from spc_site.admin import DASH, ReadOnlyAdmin, Tile, badge, badge_column, change_url, link, list_url, tiles
from spc_site.lib.svg import (
    Bar,
    ChartSpec,
    Column,
    Labels,
    LayoutName,
    Trace,
    bars,
    render_responsive,
    step_chart,
)

SLOW_MS = 500
_DAY = timedelta(days=1)
SEVERITY_TONES = {Severity.INFO: "blue", Severity.WARNING: "amber", Severity.CRITICAL: "red"}


@dataclass(frozen=True, slots=True)
class Period:
    """How far the page looks back, and in which steps."""

    key: str
    label: Promise
    length: timedelta
    step: timedelta
    tick: str
    """How a step is written below its column."""

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the first and the last moment: whole steps of the plant's clock, the present one last."""
        local = timezone.localtime(now)
        if self.step >= _DAY:
            end = local.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        else:
            hours = int(self.step.total_seconds() // 3600)
            hour = local.hour - local.hour % hours
            end = local.replace(hour=hour, minute=0, second=0, microsecond=0) + self.step
        return end - self.length, end


PERIODS: tuple[Period, ...] = (
    Period("24h", gettext_lazy("24 小时"), _DAY, timedelta(hours=1), "%H:%M"),
    Period("7d", gettext_lazy("7 天"), 7 * _DAY, timedelta(hours=6), "%m-%d"),
    Period("30d", gettext_lazy("30 天"), 30 * _DAY, _DAY, "%m-%d"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the links above the page."""

    label: str | Promise
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart of the page with its heading and what it means."""

    title: str
    svg: SafeString
    note: str = ""


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One cause of failed requests: how often, and what to do."""

    label: str | Promise
    count: int
    advice: str | Promise


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel of the table."""

    name: str
    state: SafeString
    sums: Sums
    success: str
    mean: str
    half: str
    most: str
    receipt: str
    slowest: str
    queue: int
    oldest: str


def percent(share: float | None) -> str:
    return DASH if share is None else f"{100 * share:.1f} %" if share < 0.9995 else "100 %"


def milliseconds(value: float | None) -> str:
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
            "figures": _figures(steps, period),
            "causes": _causes(sums),
            "by_channel": _by_channel(rows),
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
            tone="grey" if rate is None else "green" if rate >= 0.99 else "amber" if rate >= 0.95 else "red",
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


def _figures(steps: Sequence[Sums], period: Period) -> list[Figure]:
    local = [timezone.localtime(step.start) for step in steps if step.start is not None]
    # A name for each step of a day or an hour; for shorter steps than a day only where the day begins.
    ticks = [f"{at:{period.tick}}" if period.key != "7d" or at.hour == 0 else "" for at in local]
    whens = [
        f"{at:%m-%d}" if period.step >= _DAY else f"{at:%m-%d %H:%M}–{at + period.step:%H:%M}" for at in local
    ]

    def tips(tell: Callable[[Sums], str]) -> list[str]:
        return [f"{when}\n{tell(step)}" for when, step in zip(whens, steps, strict=True)]

    def known(value: int | float, step: Sums) -> float | None:
        """The samples of the queue exist only where somebody took them."""
        return value if step.created or step.requests or step.queue_most else None

    counted = Figure(
        _("送达与死信"),
        _draw(
            _("送达与死信"),
            ticks,
            tips(lambda step: _("送达 %(sent)d，死信 %(dead)d") % {"sent": step.sent, "dead": step.dead}),
            columns=[
                Column(_("送达"), [step.sent for step in steps]),
                Column(_("死信"), [step.dead for step in steps], tone="bad"),
            ],
            whole=True,
        ),
    )
    tried = Figure(
        _("失败、重试与不确定的请求"),
        _draw(
            _("失败、重试与不确定的请求"),
            ticks,
            tips(
                lambda step: (
                    _("失败 %(failed)d，其中没有答复 %(uncertain)d；重试 %(again)d")
                    % {"failed": step.failed, "uncertain": step.uncertain, "again": step.retried}
                )
            ),
            columns=[
                Column(_("失败"), [step.failed - step.uncertain for step in steps], tone="bad"),
                Column(_("没有答复"), [step.uncertain for step in steps], tone="warn"),
            ],
            traces=[Trace(_("重试"), [float(step.retried) for step in steps])],
            whole=True,
        ),
    )
    response = Figure(
        _("响应时间（毫秒）"),
        _draw(
            _("响应时间（毫秒）"),
            ticks,
            tips(
                lambda step: (
                    _("p50 %(half)s，p95 %(most)s")
                    % {
                        "half": milliseconds(step.response_ms(0.5)),
                        "most": milliseconds(step.response_ms(0.95)),
                    }
                )
            ),
            traces=[
                Trace("p50", [step.response_ms(0.5) for step in steps]),
                Trace("p95", [step.response_ms(0.95) for step in steps]),
            ],
            limit=SLOW_MS,
            limit_text=f"{SLOW_MS} ms",
        ),
        _("从发出请求到收到答复"),
    )
    receipt = Figure(
        _("事件到送达（秒）"),
        _draw(
            _("事件到送达（秒）"),
            ticks,
            tips(
                lambda step: (
                    _("p50 %(half)s，p95 %(most)s")
                    % {"half": seconds(step.receipt_s(0.5)), "most": seconds(step.receipt_s(0.95))}
                )
            ),
            traces=[
                Trace("p50", [step.receipt_s(0.5) for step in steps]),
                Trace("p95", [step.receipt_s(0.95) for step in steps]),
            ],
        ),
        _("含排队、等待频率与重试"),
    )
    queue = Figure(
        _("队列最长（条）"),
        _draw(
            _("队列最长（条）"),
            ticks,
            tips(lambda step: _("最长 %(count)d 条") % {"count": step.queue_most}),
            columns=[Column(_("条"), [known(step.queue_most, step) for step in steps])],
            whole=True,
        ),
        _("每分钟取样一次"),
    )
    oldest = Figure(
        _("最久等待（分钟）"),
        _draw(
            _("最久等待（分钟）"),
            ticks,
            tips(lambda step: _("最久 %(age)s") % {"age": seconds(step.oldest_most_s)}),
            traces=[Trace(_("分钟"), [known(step.oldest_most_s / 60, step) for step in steps])],
        ),
        _("每分钟取样一次"),
    )
    return [counted, tried, response, receipt, queue, oldest]


def _draw(title: str, ticks: Sequence[str], tips: Sequence[str], **what: Any) -> SafeString:
    def build(layout: LayoutName) -> ChartSpec:
        labels = Labels(no_data=_("这段时间没有数据"))
        return step_chart(title=title, ticks=ticks, tips=tips, layout=layout, labels=labels, **what)

    return SafeString(render_responsive(build, ("narrow", "medium")))


@dataclass(frozen=True, slots=True)
class Causes:
    """The causes of failed requests: the ranking drawn, and what to do about each."""

    svg: SafeString
    rows: list[CauseRow]


def _causes(sums: Sums) -> Causes | None:
    if not sums.causes:
        return None
    ranked = [(Cause(name), count) for name, count in sums.causes.most_common()]

    def build(layout: LayoutName) -> ChartSpec:
        return bars(
            [Bar(str(cause.label), count, bad=cause is not Cause.RATE) for cause, count in ranked],
            title=_("失败原因"),
            layout=layout,
            cumulative=True,
        )

    rows = [CauseRow(cause.label, count, ADVICE[cause]) for cause, count in ranked]
    return Causes(SafeString(render_responsive(build, ("narrow", "medium"))), rows)


def _by_channel(rows: Sequence[HourlyFigure]) -> list[ChannelRow]:
    """Return the table: every channel that has a row or figures."""
    sums = statistics.by_channel(rows)
    now = clock.now()
    waiting: dict[str, tuple[int, datetime]] = {}
    for row in statistics.waiting_by_channel():
        count, oldest = waiting.get(row["channel"], (0, row["oldest"]))
        waiting[row["channel"]] = (count + row["count"], min(oldest, row["oldest"]))
    switches = {channel.code: channel for channel in Channel.objects.all()}
    found = []
    for code in dict.fromkeys([*switches, *sums]):
        one = sums.get(code, Sums())
        count, since = waiting.get(code, (0, now))
        found.append(
            ChannelRow(
                name=channel_names().get(code, code),
                state=_channel_state(switches.get(code)),
                sums=one,
                success=percent(one.success_rate),
                mean=milliseconds(one.response_mean_ms),
                half=milliseconds(one.response_ms(0.5)),
                most=milliseconds(one.response_ms(0.95)),
                receipt=seconds(one.receipt_s(0.5)),
                slowest=seconds(one.receipt_s(0.95)),
                queue=count,
                oldest=seconds((now - since).total_seconds()) if count else DASH,
            )
        )
    return found


def _channel_state(channel: Channel | None) -> SafeString:
    if channel is None:
        return badge(_("未设置"), "grey")
    if not channel.is_enabled:
        return badge(_("停用"), "grey")
    if channel.consecutive_failures:
        return badge(_("连续失败 %(count)d 次") % {"count": channel.consecutive_failures}, "red")
    return badge(_("正常"), "green") if channel.last_ok_at else badge(_("尚未发送"), "grey")


@admin.register(Trouble)
class TroubleAdmin(ReadOnlyAdmin):
    """What is wrong with delivery now; the alarm of each keeps the history."""

    menu_order = 304
    list_display = ("title", "severity_badge", "value", "threshold", "seen_at", "told", "where")
    fields = (
        "severity_badge",
        "description",
        ("value", "threshold"),
        "where",
        ("seen_at", "told", "clear_since"),
        "key",
    )

    severity_badge = badge_column("severity", SEVERITY_TONES, title=gettext_lazy("级别"))

    @admin.display(description=gettext_lazy("通知"), ordering="told_at")
    def told(self, row: Trouble) -> SafeString:
        if row.is_unheard:
            return badge(_("没有可用的渠道"), "red")
        if row.told_at is None:
            return badge(_("观察中"), "blue")
        return badge(_("已通知"), "green")

    @admin.display(description=gettext_lazy("去处理"))
    def where(self, row: Trouble) -> SafeString | str:
        return link(row.link, _("打开")) if row.link else DASH


@tiles(order=305)
def delivery_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show how well delivery does today, how long the oldest waits, and what is wrong."""
    if not request.user.has_perm("notifications.view_hourlyfigure"):
        return
    since = clock.now() - _DAY
    sums = statistics.total(statistics.figures(since=since, until=clock.now()))
    rate = sums.success_rate
    yield Tile(
        label=_("24 小时成功率"),
        value=percent(rate),
        tone="grey" if rate is None else "green" if rate >= 0.99 else "amber" if rate >= 0.95 else "red",
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
