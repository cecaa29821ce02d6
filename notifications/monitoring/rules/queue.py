"""Rules about what waits, what stays undecided, and whether everything is accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notifications import selectors
from notifications.choices import Severity, State
from notifications.models import DeliveryAttempt, Notification
from notifications.monitoring.findings import Finding, Look, name_of, rule
from notifications.services import statistics
from spc_site.admin import list_url


@rule("backlog")
def backlog(look: Look) -> Iterator[Finding]:
    """More messages wait than there should."""
    waiting = {
        code: sum(row["count"] for row in look.open if row["channel"] == code and _is_waiting(row))
        for code in {row["channel"] for row in look.open}
    }
    total, limit = sum(waiting.values()), look.limit("queue_size", "backlog:all")
    if total > limit:
        fullest = max(waiting, key=lambda code: waiting[code])
        yield Finding(
            key="backlog:all",
            severity=Severity.CRITICAL,
            title=_("待发消息积压"),
            description=_("最多的是 %(channel)s：%(count)d 条。消息照收，一条不丢，只是会晚。")
            % {"channel": name_of(fullest), "count": waiting[fullest]},
            value=str(total),
            threshold=f"{limit:g}",
            link=list_url(Notification, status__exact=State.PENDING),
            avoid_channel=fullest,
        )


def _is_waiting(row: dict[str, Any]) -> bool:
    return row["status"] in (State.PENDING, State.SENDING, State.HELD)


@rule("stalled")
def stalled(look: Look) -> Iterator[Finding]:
    """What may go is not taken: the workers do not keep up, or hang."""
    since = look.now - look.span("alarm_waiting_minutes")
    late = Notification.objects.filter(status=State.PENDING, next_at__lte=since)
    oldest = late.aggregate(at=Min("next_at"))["at"]
    if oldest is not None:
        minutes = int((look.now - oldest).total_seconds() // 60)
        yield Finding(
            key="stalled:queue",
            severity=Severity.CRITICAL,
            title=_("到时该发的消息没有被领取"),
            description=_("请看后台进程（manage.py work）是否在运行、数据库是否繁忙。"),
            value=_("%(minutes)d 分钟") % {"minutes": minutes},
            threshold=_("%(minutes)g 分钟")
            % {"minutes": look.span("alarm_waiting_minutes").total_seconds() / 60},
            link=list_url(Notification, status__exact=State.PENDING),
        )


@rule("uncertain")
def uncertain(look: Look) -> Iterator[Finding]:
    """Messages that may have been shown wait for a person to decide."""
    since = look.now - look.span("alarm_uncertain_minutes")
    count = Notification.objects.filter(status=State.UNCERTAIN, updated_at__lte=since, is_test=False).count()
    if count:
        yield Finding(
            key="uncertain:all",
            severity=Severity.WARNING,
            title=_("有消息不知道是否送达"),
            description=_("请到群里看一眼，再决定重发或取消。"),
            value=ngettext("%(count)d 条", "%(count)d 条", count) % {"count": count},
            link=list_url(Notification, status__exact=State.UNCERTAIN),
        )


@rule("ledger")
def ledger_mismatch(look: Look) -> Iterator[Finding]:
    """Messages or attempts cannot be accounted for: what may never happen, so that it is looked at."""
    day = look.now - timedelta(days=1)
    found = []
    books = selectors.ledger(since=day)
    if not books.balances:
        found.append(
            _(
                "新建 %(created)d ≠ 送达 %(sent)d + 死信 %(dead)d + 未发送 %(suppressed)d"
                " + 取消 %(cancelled)d + 未完 %(open)d"
            )
            % {
                name: getattr(books, name)
                for name in ("created", "sent", "dead", "suppressed", "cancelled", "open")
            }
        )
    # The figures were written while the messages were there: fewer messages now means that some are gone.
    first, last = (
        statistics.hour_of(look.now - timedelta(hours=22)),
        statistics.hour_of(look.now - timedelta(hours=2)),
    )
    known = statistics.total(statistics.figures(since=first, until=last)).created
    there = Notification.objects.filter(created_at__gte=first, created_at__lt=last, is_test=False).count()
    if there < known:
        found.append(_("统计过 %(known)d 条，现在只有 %(there)d 条") % {"known": known, "there": there})
    endless = (
        DeliveryAttempt.objects.filter(
            outcome="", started_at__gte=day, started_at__lt=look.now - timedelta(minutes=10)
        )
        .exclude(notification__status=State.SENDING)
        .count()
    )
    if endless:
        found.append(_("%(count)d 次发送没有写下结果") % {"count": endless})
    if found:
        yield Finding(
            key="ledger:all",
            severity=Severity.CRITICAL,
            title=_("消息账目不符"),
            description="\n".join(found),
            link=list_url(Notification),
            hold=timedelta(minutes=2),
        )
