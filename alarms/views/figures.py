"""The figures of alarms, drawn: how many, how fast they were answered, what keeps coming back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from alarms import selectors
from alarms.models import Resolution
from alarms.selectors import Figures, Statistics
from alarms.views.permissions import may_view
from notifications.sources import label_of
from spc_site import clock
from spc_site.lib.svg import ChartSpec, Labels, LayoutName, Trace, render_responsive, step_chart
from spc_site.templatetags.pages import span

WEEKS = (4, 12, 26, 52)
_SHOWN_SOURCES = 3


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source in the table."""

    name: str
    figures: Figures
    acknowledge: str
    slow: str
    resolve: str


def in_words(minutes: float | None) -> str:
    """Return a duration as people say it."""
    return "—" if minutes is None else span(timedelta(minutes=minutes))


@may_view
def statistics(request: HttpRequest) -> HttpResponse:
    """Show the figures of the last weeks."""
    asked = request.GET.get("weeks", "")
    weeks = int(asked) if asked.isdecimal() and int(asked) in WEEKS else WEEKS[1]
    found = selectors.statistics(request.user, weeks=weeks, at=clock.now())
    total = found.total
    context = {
        "found": found,
        "periods": [(number, _("%(weeks)d 周") % {"weeks": number}) for number in WEEKS],
        "weeks": weeks,
        "rows": [_row(label_of(name), figures) for name, figures in found.by_source.items()],
        "total": _row("", total),
        "counts": _draw(found, _counts),
        "times": _draw(found, _times),
        "reasons": [(Resolution(code).label, count) for code, count in found.by_reason.most_common()],
        "repeat_share": "—" if found.repeat_share is None else f"{100 * found.repeat_share:.0f} %",
    }
    return render(request, "alarms/statistics.html", context)


def _row(name: str, figures: Figures) -> SourceRow:
    return SourceRow(
        name=name,
        figures=figures,
        acknowledge=in_words(figures.acknowledge.half),
        slow=in_words(figures.acknowledge.most),
        resolve=in_words(figures.resolve.half),
    )


def _draw(found: Statistics, build: Callable[[Statistics, LayoutName], ChartSpec]) -> SafeString:
    return SafeString(render_responsive(lambda layout: build(found, layout), ("narrow", "medium")))


def _ticks(found: Statistics) -> list[str]:
    every = max(1, len(found.weeks) // 6)
    last = len(found.weeks) - 1
    return [f"{week:%m-%d}" if (last - at) % every == 0 else "" for at, week in enumerate(found.weeks)]


def _counts(found: Statistics, layout: LayoutName) -> ChartSpec:
    """Draw the alarms of each week, a line for each source; the rare ones are one line."""
    names = list(found.by_source)
    shown, rest = names[:_SHOWN_SOURCES], names[_SHOWN_SOURCES:]
    groups = [(label_of(name), (name,)) for name in shown] + ([(_("其他来源"), tuple(rest))] if rest else [])
    tips = [
        "\n".join(
            [f"{week:%m-%d}", *(f"{label_of(name)} {one.count}" for name, one in found.by_week[week].items())]
        )
        for week in found.weeks
    ]
    return step_chart(
        title=_("每周报警"),
        ticks=_ticks(found),
        tips=tips,
        traces=[Trace(name, [_count(found, week, group) for week in found.weeks]) for name, group in groups],
        whole=True,
        layout=layout,
        labels=Labels(no_data=_("这段时间没有数据")),
    )


def _count(found: Statistics, week: date, names: tuple[str, ...]) -> float:
    by_source = found.by_week[week]
    return float(sum(by_source[name].count for name in names if name in by_source))


def _times(found: Statistics, layout: LayoutName) -> ChartSpec:
    """Draw the time to acknowledge of each week: the median, and nine of ten."""
    weeks = [selectors.merged(list(found.by_week[week].values())) for week in found.weeks]
    tips = [
        _("%(week)s\n中位 %(half)s，九成 %(most)s")
        % {
            "week": f"{week:%m-%d}",
            "half": in_words(one.acknowledge.half),
            "most": in_words(one.acknowledge.most),
        }
        for week, one in zip(found.weeks, weeks, strict=True)
    ]
    return step_chart(
        title=_("受理用时（分钟）"),
        ticks=_ticks(found),
        tips=tips,
        traces=[
            Trace(_("中位"), [one.acknowledge.half for one in weeks]),
            Trace(_("九成之内"), [one.acknowledge.most for one in weeks]),
        ],
        layout=layout,
        labels=Labels(no_data=_("这段时间没有数据")),
    )
