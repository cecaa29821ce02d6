"""The figures drawn: how much, how well, how fast, how long the queue, and why requests failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from notifications.admin.statistics.periods import DAY, Period
from notifications.admin.statistics.words import SLOW_MS, milliseconds, seconds
from notifications.causes import ADVICE, Cause
from notifications.services.statistics import Sums
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


def figures_of(steps: Sequence[Sums], period: Period) -> list[Figure]:
    """Return the charts of a period, one step beside the other."""
    local = [timezone.localtime(step.start) for step in steps if step.start is not None]
    # A name for each step of a day or an hour; for shorter steps than a day only where the day begins.
    ticks = [f"{at:{period.tick}}" if period.key != "7d" or at.hour == 0 else "" for at in local]
    whens = [
        f"{at:%m-%d}" if period.step >= DAY else f"{at:%m-%d %H:%M}–{at + period.step:%H:%M}" for at in local
    ]

    def known(value: int | float, step: Sums) -> float | None:
        """The samples of the queue exist only where somebody took them."""
        return value if step.created or step.requests or step.queue_most else None

    def figure(title: str, tell: Callable[[Sums], str], note: str = "", **what: Any) -> Figure:
        tips = [f"{when}\n{tell(step)}" for when, step in zip(whens, steps, strict=True)]
        return Figure(title, _draw(title, ticks, tips, **what), note)

    def quantiles(of: Callable[[Sums, float], float | None]) -> list[Trace]:
        return [
            Trace(name, [of(step, share) for step in steps]) for name, share in (("p50", 0.5), ("p95", 0.95))
        ]

    return [
        figure(
            _("送达与死信"),
            lambda step: _("送达 %(sent)d，死信 %(dead)d") % {"sent": step.sent, "dead": step.dead},
            columns=[
                Column(_("送达"), [step.sent for step in steps]),
                Column(_("死信"), [step.dead for step in steps], tone="bad"),
            ],
            whole=True,
        ),
        figure(
            _("失败、重试与不确定的请求"),
            lambda step: (
                _("失败 %(failed)d，其中没有答复 %(uncertain)d；重试 %(again)d")
                % {"failed": step.failed, "uncertain": step.uncertain, "again": step.retried}
            ),
            columns=[
                Column(_("失败"), [step.failed - step.uncertain for step in steps], tone="bad"),
                Column(_("没有答复"), [step.uncertain for step in steps], tone="warn"),
            ],
            traces=[Trace(_("重试"), [float(step.retried) for step in steps])],
            whole=True,
        ),
        figure(
            _("响应时间（毫秒）"),
            lambda step: (
                _("p50 %(half)s，p95 %(most)s")
                % {"half": milliseconds(step.response_ms(0.5)), "most": milliseconds(step.response_ms(0.95))}
            ),
            _("从发出请求到收到答复"),
            traces=quantiles(Sums.response_ms),
            limit=SLOW_MS,
            limit_text=f"{SLOW_MS} ms",
        ),
        figure(
            _("事件到送达（秒）"),
            lambda step: (
                _("p50 %(half)s，p95 %(most)s")
                % {"half": seconds(step.receipt_s(0.5)), "most": seconds(step.receipt_s(0.95))}
            ),
            _("含排队、等待频率与重试"),
            traces=quantiles(Sums.receipt_s),
        ),
        figure(
            _("队列最长（条）"),
            lambda step: _("最长 %(count)d 条") % {"count": step.queue_most},
            _("每分钟取样一次"),
            columns=[Column(_("条"), [known(step.queue_most, step) for step in steps])],
            whole=True,
        ),
        figure(
            _("最久等待（分钟）"),
            lambda step: _("最久 %(age)s") % {"age": seconds(step.oldest_most_s)},
            _("每分钟取样一次"),
            traces=[Trace(_("分钟"), [known(step.oldest_most_s / 60, step) for step in steps])],
        ),
    ]


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


def causes_of(sums: Sums) -> Causes | None:
    """Return why requests failed, the commonest first; None where none did."""
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
