"""Rules about how much is asked for: more than the limits let through, or far more than usual."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from statistics import median

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notifications import safety, selectors
from notifications.choices import Severity
from notifications.models import Flood, HourlyFigure, Notification
from notifications.monitoring.findings import Finding, Look, rule
from notifications.services import statistics
from notifications.sources import label_of
from spc_site.admin import list_url

_FLOOD_IS_NEWS_FOR = timedelta(minutes=10)


@rule("flooding")
def flooding(look: Look) -> Iterator[Finding]:
    """A source or a target gets more messages than the limits let through."""
    recent = Flood.objects.filter(minute__gt=look.now - _FLOOD_IS_NEWS_FOR)
    for flood in recent.values("source").annotate(withheld=Sum("withheld")).order_by("-withheld")[:5]:
        yield Finding(
            key=f"flooding:{flood['source']}"[:120],
            severity=Severity.WARNING,
            title=_("消息过多，已限制：%(source)s")
            % {"source": label_of(flood["source"]) or _("未注明来源")},
            description=_("超过每分钟上限的消息记为未发送，可以重发；报警的优先级 1 不受限。"),
            value=ngettext("%(count)d 条消息", "%(count)d 条消息", flood["withheld"])
            % {"count": flood["withheld"]},
            link=list_url(Flood),
        )


@rule("unusual")
def unusual_volume(look: Look) -> Iterator[Finding]:
    """Far more messages in an hour than at this hour of the last seven days: a program may have gone wild."""
    this = statistics.hour_of(look.now)
    hours = [this - timedelta(days=days) for days in range(1, 8)]
    usual = dict.fromkeys(hours, 0)
    rows = HourlyFigure.objects.filter(hour__in=hours)
    for hour, created in rows.order_by().values_list("hour").annotate(Sum("created")):
        usual[hour] = created
    middle = median(usual.values())
    count = statistics.total(statistics.figures(since=this, until=this + timedelta(hours=1))).created
    limit = max(look.limit("unusual_factor", "unusual:all") * middle, look.values["unusual_floor"])
    if count >= limit:
        yield Finding(
            key="unusual:all",
            severity=Severity.WARNING,
            title=_("消息数量异常"),
            description=_("这一小时的消息远多于平时（前 7 天同一小时的中位数 %(middle)d 条）；请看来源。")
            % {"middle": middle},
            value=str(count),
            threshold=f"{limit:g}",
            link=list_url(Notification, **{"from": f"{timezone.localtime(this):%Y-%m-%dT%H:%M}"}),
        )


@rule("unusual_source")
def unusual_source(look: Look) -> Iterator[Finding]:
    """A source asks for far more messages than it usually does at this hour."""
    factor, floor = look.values["unusual_factor"], look.values["unusual_floor"]
    for one in selectors.unusual_sources(look.now, factor=factor, floor=floor):
        yield Finding(
            key=f"unusual_source:{one.limit_name}"[:120],
            severity=Severity.WARNING,
            title=_("%(source)s 的消息量异常") % {"source": label_of(one.source) or _("未注明来源")},
            description=_(
                "最近一小时发往 %(target)s 的消息远多于平时同一小时（前 7 天的中位数 %(usual)g 条）。"
            )
            % {"target": safety.mask_contacts(one.target), "usual": one.usual},
            value=ngettext("%(count)d 条", "%(count)d 条", one.count) % {"count": one.count},
            threshold=_("%(limit)g 条") % {"limit": max(floor, factor * one.usual)},
            link=list_url(Notification, source=one.source) if one.source else list_url(Notification),
        )
