"""Watching delivery: what is wrong with it, since when, and whom that can still be told.

A *rule* looks at the present and returns what it finds, each with a key. A *trouble* is a row that lives
from the first finding until the thing has stayed away for a while; it is announced once, after it has
lasted as long as its rule asks, and once again when it has ended. This room knows nothing of alarms: it
sends `trouble` and `trouble_ended`, and a receiver that could tell somebody returns True. While nobody
could be told, every page and `/healthz` say it, and it is tried again every minute.

An alarm about a channel never goes through that channel alone: `ways_around` names the others.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Min, Q, Sum
from django.dispatch import Signal
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from notifications import channels, config, routing, safety, selectors
from notifications.causes import Cause, cause_of
from notifications.choices import ChannelCode, Reason, Severity, State, channel_names
from notifications.models import (
    Budget,
    Channel,
    DeliveryAttempt,
    Flood,
    HourlyFigure,
    Notification,
    Recipient,
    Trouble,
)
from notifications.routing import Way
from notifications.services import statistics
from notifications.services.holding import obstacle
from notifications.services.routing import plan
from spc_site import clock

log = logging.getLogger("notifications.monitoring")

EVENT = "notifications.trouble"
"""The event name that a route may send to the people who see to delivery."""

trouble = Signal()
"""Something has gone wrong and lasts. Sent with `trouble` (a row); a receiver returns True if it told."""
trouble_ended = Signal()
"""It has been in order again for a while. Sent with `trouble` (a row that is about to go)."""

CLEAR_AFTER = timedelta(minutes=3)
"""A trouble that stays away for so long has ended; one that comes back sooner is the same one."""

RELIEF = 0.8
"""An announced trouble has ended only below this share of its limit, so that it does not flap."""

_RECENT = timedelta(minutes=5)
_MOST_ATTEMPTS = 20_000

# --- what rules look at ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a rule found wrong. `hold` is how long it must last before anybody is told."""

    key: str
    severity: str
    title: str
    description: str = ""
    value: str = ""
    threshold: str = ""
    link: str = ""
    avoid_channel: str = ""
    hold: timedelta = timedelta(0)


@dataclass
class Look:
    """The present, read once for all rules."""

    now: datetime
    announced: frozenset[str] = frozenset()
    values: dict[str, Any] = field(default_factory=dict)

    def limit(self, name: str, key: str) -> float:
        """Return a threshold, lower for a trouble that is announced already."""
        value = float(self.values[name])
        return value * RELIEF if key in self.announced else value

    def span(self, name: str) -> timedelta:
        return timedelta(minutes=float(self.values[name]))

    @cached_property
    def channels(self) -> list[Channel]:
        return list(Channel.objects.all())

    @cached_property
    def open(self) -> list[dict[str, Any]]:
        return statistics.open_by_channel()

    @cached_property
    def recent(self) -> dict[str, list[tuple[int, Cause | None]]]:
        """Duration and cause of the requests of the last five minutes, by channel."""
        rows = (
            DeliveryAttempt.objects.filter(
                started_at__gte=self.now - _RECENT, duration_ms__isnull=False, notification__is_test=False
            )
            .order_by("-started_at")
            .values_list("channel", "duration_ms", "outcome", "http_status", "errcode")
        )
        found: dict[str, list[tuple[int, Cause | None]]] = {}
        for channel, duration_ms, outcome, http_status, errcode in rows[:_MOST_ATTEMPTS]:
            cause = cause_of(outcome, http_status=http_status, errcode=errcode)
            found.setdefault(channel, []).append((duration_ms or 0, cause))
        return found


Rule = Callable[[Look], Iterable[Finding]]
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Declare a rule; the keys of what it finds begin with its name."""

    def declare(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return declare


def _name(code: str) -> str:
    return channel_names().get(code, code)


def _page_of(channel: Channel) -> str:
    return reverse("admin:notifications_channel_change", args=[channel.pk])


def _log(**filters: str) -> str:
    return f"{reverse('admin:notifications_notification_changelist')}?{urlencode(filters)}"


# --- the rules ------------------------------------------------------------------------------


@rule("failing")
def failing(look: Look) -> Iterator[Finding]:
    """Several sends in a row failed."""
    for channel in look.channels:
        key = f"failing:{channel.code}"
        limit = look.limit("alarm_failures", key)
        if channel.is_enabled and channel.consecutive_failures >= limit:
            yield Finding(
                key=key,
                severity=Severity.CRITICAL,
                title=_("%(channel)s 连续发送失败") % {"channel": _name(channel.code)},
                description=channel.last_error,
                value=str(channel.consecutive_failures),
                threshold=f"{limit:g}",
                link=_page_of(channel),
                avoid_channel=channel.code,
            )


@rule("dead")
def dead_credentials(look: Look) -> Iterator[Finding]:
    """A robot, application or account does not work any more and waits for a person."""
    link = reverse("admin:notifications_budget_changelist") + "?is_dead__exact=1"
    for budget in Budget.objects.filter(is_dead=True).order_by("name"):
        code = budget.name.partition(":")[0]
        yield Finding(
            key=f"dead:{budget.name}",
            severity=Severity.CRITICAL,
            title=_("%(channel)s 的凭据失效") % {"channel": _name(code)},
            description=budget.note,
            link=link,
            avoid_channel=code,
        )


@rule("unhealthy")
def unhealthy(look: Look) -> Iterator[Finding]:
    """The health check of a channel that is on found something."""
    for channel in look.channels:
        problem = getattr(channel, "check_problem", "")
        if channel.is_enabled and problem:
            yield Finding(
                key=f"unhealthy:{channel.code}",
                severity=Severity.CRITICAL,
                title=_("%(channel)s 健康检查未通过") % {"channel": _name(channel.code)},
                description=problem,
                link=_page_of(channel),
                avoid_channel=channel.code,
                hold=timedelta(minutes=1),
            )


@rule("config")
def invalid_configuration(look: Look) -> Iterator[Finding]:
    """A row of the configuration is ignored, or messages want a channel that is not set up."""
    if wrong := config.problems():
        yield Finding(
            key="config:rows",
            severity=Severity.WARNING,
            title=_("通知配置无效，正在使用默认值"),
            description="\n".join(wrong),
            link=reverse("admin:notifications_notificationconfig_changelist"),
        )
    wanted = Notification.objects.filter(
        reason=Reason.NO_ROBOT, created_at__gte=look.now - timedelta(hours=24), is_test=False
    )
    for code, target, count in wanted.order_by().values_list("channel", "target").annotate(Count("pk")):
        problem = obstacle(code, target)
        if problem:
            yield Finding(
                key=f"config:{code}:{target}"[:120],
                severity=Severity.WARNING,
                title=_("%(channel)s 没有配置：%(target)s 收不到消息")
                % {"channel": _name(code), "target": target},
                description=problem,
                value=ngettext("%(count)d 条消息", "%(count)d 条消息", count) % {"count": count},
                link=_log(reason__exact=Reason.NO_ROBOT),
                avoid_channel=code,
            )


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
            % {"channel": _name(fullest), "count": waiting[fullest]},
            value=str(total),
            threshold=f"{limit:g}",
            link=_log(status__exact=State.PENDING),
            avoid_channel=fullest,
        )


def _is_waiting(row: dict[str, Any]) -> bool:
    return row["status"] in (State.PENDING, State.SENDING, State.HELD)


_FLOOD_IS_NEWS_FOR = timedelta(minutes=10)


@rule("flooding")
def flooding(look: Look) -> Iterator[Finding]:
    """A source or a target gets more messages than the limits let through."""
    recent = Flood.objects.filter(minute__gt=look.now - _FLOOD_IS_NEWS_FOR)
    for flood in recent.values("source").annotate(withheld=Sum("withheld")).order_by("-withheld")[:5]:
        yield Finding(
            key=f"flooding:{flood['source']}"[:120],
            severity=Severity.WARNING,
            title=_("消息过多，已限制：%(source)s") % {"source": flood["source"] or _("未注明来源")},
            description=_("超过每分钟上限的消息记为未发送，可以重发；报警的优先级 1 不受限。"),
            value=ngettext("%(count)d 条消息", "%(count)d 条消息", flood["withheld"])
            % {"count": flood["withheld"]},
            link=reverse("admin:notifications_flood_changelist"),
        )


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
            link=_log(status__exact=State.PENDING),
        )


@rule("silent")
def silent(look: Look) -> Iterator[Finding]:
    """A channel has had something to send for long, and nothing has got through."""
    since = look.now - look.span("alarm_silence_minutes")
    tried = Q(status=State.PENDING) & (Q(next_at__lte=look.now) | Q(retry_count__gt=0))
    held = Q(status=State.HELD) & ~Q(reason=Reason.QUIET)
    waiting = dict(
        Notification.objects.filter(status__in=[State.PENDING, State.HELD])
        .filter(tried | held, created_at__lte=since)
        .order_by()
        .values_list("channel")
        .annotate(Count("pk"))
    )
    switches = {channel.code: channel for channel in look.channels}
    for code, count in sorted(waiting.items()):
        switch = switches.get(code)
        if switch is not None and switch.last_ok_at is not None and switch.last_ok_at > since:
            continue
        last = timezone.localtime(switch.last_ok_at) if switch and switch.last_ok_at else None
        yield Finding(
            key=f"silent:{code}",
            severity=Severity.CRITICAL,
            title=_("%(channel)s 很久没有成功发送") % {"channel": _name(code)},
            description=(
                _("最近一次成功：%(at)s。") % {"at": f"{last:%m-%d %H:%M}"} if last else _("还没有成功过。")
            ),
            value=ngettext("%(count)d 条在等", "%(count)d 条在等", count) % {"count": count},
            threshold=_("%(minutes)g 分钟")
            % {"minutes": look.span("alarm_silence_minutes").total_seconds() / 60},
            link=_page_of(switch) if switch else _log(channel__exact=code),
            avoid_channel=code,
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
    first, last = _hour(look.now - timedelta(hours=22)), _hour(look.now - timedelta(hours=2))
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
            link=reverse("admin:notifications_notification_changelist"),
            hold=timedelta(minutes=2),
        )


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


@rule("unusual")
def unusual_volume(look: Look) -> Iterator[Finding]:
    """Far more messages in an hour than at this hour of the last seven days: a program may have gone wild."""
    this = _hour(look.now)
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
            link=_log(**{"from": f"{timezone.localtime(this):%Y-%m-%dT%H:%M}"}),
        )


@rule("unusual_source")
def unusual_source(look: Look) -> Iterator[Finding]:
    """A source asks for far more messages than it usually does at this hour."""
    factor, floor = look.values["unusual_factor"], look.values["unusual_floor"]
    for one in selectors.unusual_sources(look.now, factor=factor, floor=floor):
        yield Finding(
            key=f"unusual_source:{one.limit_name}"[:120],
            severity=Severity.WARNING,
            title=_("%(source)s 的消息量异常") % {"source": one.source or _("未注明来源")},
            description=_(
                "最近一小时发往 %(target)s 的消息远多于平时同一小时（前 7 天的中位数 %(usual)g 条）。"
            )
            % {"target": safety.mask_contacts(one.target), "usual": one.usual},
            value=ngettext("%(count)d 条", "%(count)d 条", one.count) % {"count": one.count},
            threshold=_("%(limit)g 条") % {"limit": max(floor, factor * one.usual)},
            link=_log(source__exact=one.source) if one.source else _log(),
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
            link=_log(status__exact=State.UNCERTAIN),
        )


@rule("slow")
def slow(look: Look) -> Iterator[Finding]:
    """One request of a hundred takes longer than it should."""
    for code, requests in look.recent.items():
        key = f"slow:{code}"
        limit = look.limit("alarm_slow_ms", key)
        if len(requests) < look.values["alarm_least_requests"]:
            continue
        durations = sorted(duration for duration, _cause in requests)
        p99 = durations[max(-(-99 * len(durations) // 100) - 1, 0)]
        if p99 > limit:
            yield Finding(
                key=key,
                severity=Severity.CRITICAL,
                title=_("%(channel)s 响应过慢") % {"channel": _name(code)},
                description=_("最近 5 分钟 %(count)d 次请求的第 99 百分位。") % {"count": len(requests)},
                value=f"{p99} ms",
                threshold=f"{limit:g} ms",
                link=reverse("admin:notifications_hourlyfigure_changelist"),
                avoid_channel=code,
            )


@rule("errors")
def errors(look: Look) -> Iterator[Finding]:
    """Too many of the requests of the last minutes failed. Waiting for a budget is no error."""
    for code, requests in look.recent.items():
        key = f"errors:{code}"
        limit = look.limit("alarm_error_percent", key)
        if len(requests) < look.values["alarm_least_requests"]:
            continue
        causes = [cause for _duration, cause in requests if cause not in (None, Cause.RATE)]
        percent = 100 * len(causes) / len(requests)
        if percent > limit:
            commonest = Cause(max(set(causes), key=causes.count))
            yield Finding(
                key=key,
                severity=Severity.CRITICAL,
                title=_("%(channel)s 错误过多") % {"channel": _name(code)},
                description=_("最近 5 分钟 %(count)d 次请求；最常见：%(cause)s。")
                % {"count": len(requests), "cause": commonest.label},
                value=f"{percent:.1f} %",
                threshold=f"{limit:g} %",
                link=reverse("admin:notifications_hourlyfigure_changelist"),
                avoid_channel=code,
            )


def processor_load() -> float | None:
    """Return the load of this machine's processors over the last minute; 1 means all are busy."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return None


@rule("busy")
def busy(look: Look) -> Iterator[Finding]:
    """The processors of the machine that delivers have been busy for minutes."""
    host, load = socket.gethostname(), processor_load()
    key = f"busy:{host}"[:120]
    limit = look.limit("alarm_busy_percent", key)
    if load is not None and 100 * load > limit:
        yield Finding(
            key=key,
            severity=Severity.WARNING,
            title=_("处理器持续繁忙：%(host)s") % {"host": host},
            description=_("发送会变慢；请看这台机器上还有什么在运行。"),
            value=f"{100 * load:.0f} %",
            threshold=f"{limit:g} %",
            hold=timedelta(minutes=3),
        )


# --- from findings to troubles --------------------------------------------------------------


def watch() -> int:
    """Look with every rule, announce what lasts and what has ended; return how many troubles there are.

    May run twice and beside itself. A rule that fails keeps its troubles as they are.
    """
    now = clock.now()
    known = {row.key: row for row in Trouble.objects.all()}
    look = Look(
        now=now,
        announced=frozenset(key for key, row in known.items() if row.told_at),
        values=config.load(),
    )
    found: dict[str, Finding] = {}
    failed: set[str] = set()
    with override(settings.LANGUAGE_CODE):  # one group reads what all have caused
        for name, look_with in RULES.items():
            try:
                found |= {finding.key: finding for finding in look_with(look)}
            except Exception:
                log.exception("monitoring rule %s failed", name)
                failed.add(name)
    for key, finding in found.items():
        _still_there(finding, known.get(key), now)
    for key, row in known.items():
        if key not in found and key.partition(":")[0] not in failed:
            _missed(row, now)
    return len(found)


def _still_there(finding: Finding, row: Trouble | None, now: datetime) -> None:
    words = {
        "severity": finding.severity,
        "title": finding.title[:255],
        "description": finding.description,
        "value": finding.value[:64],
        "threshold": finding.threshold[:64],
        "link": finding.link[:255],
        "avoid_channel": finding.avoid_channel[:16],
    }
    if row is None:
        row, _is_new = Trouble.objects.get_or_create(key=finding.key, defaults={**words, "seen_at": now})
    else:
        for name, value in words.items():
            setattr(row, name, value)
        row.clear_since = None
        row.save(update_fields=[*words, "clear_since"])
    if row.told_at is None and now - row.seen_at < finding.hold:
        return
    if row.told_at is not None and not row.is_unheard:
        return
    row.is_unheard = not _send(trouble, row)
    row.told_at = row.told_at or now
    row.save(update_fields=["told_at", "is_unheard"])
    log.warning("trouble %s: heard=%s", row.key, not row.is_unheard)


def _missed(row: Trouble, now: datetime) -> None:
    if row.told_at is None:
        row.delete()  # it did not last, and nobody was told
        return
    if row.clear_since is None:
        row.clear_since = now
        row.save(update_fields=["clear_since"])
    if now - row.clear_since >= CLEAR_AFTER:
        _send(trouble_ended, row)
        row.delete()
        log.info("trouble %s has ended", row.key)


def _send(signal: Signal, row: Trouble) -> bool:
    """Send to every receiver, though one of them fail; tell whether any of them told somebody."""
    heard = False
    for receiver, answer in signal.send_robust(sender=Trouble, trouble=row):
        if isinstance(answer, Exception):
            log.error("receiver %s of %s failed", receiver, row.key, exc_info=answer)
        heard = heard or answer is True
    return heard


# --- whom it can be told --------------------------------------------------------------------


def ways_around(avoid_channel: str, *, severity: str) -> list[list[Way]]:
    """Return the ways by which people can be told now, each with its reserves, none through the channel.

    The routes decide for the event `notifications.trouble`. Where none has a way left: the first channel
    by `Channel.priority` that can send, to those who keep the channels. Where no other channel is left,
    another robot of the same one serves, which is better than silence.
    """
    chains = [
        usable
        for chain in _routed(severity)
        if (usable := [way for way in chain if way.channel != avoid_channel and _can_send(way)])
    ]
    if chains:
        return chains
    for code in _channels_by_priority():
        if code == avoid_channel:
            continue
        if reachable := _reachable(code):
            return [[way] for way in reachable]
    return [[way] for way in _reachable(avoid_channel)]


def _reachable(code: str) -> list[Way]:
    """Return the ways of a channel that can send now: one group, or all the people."""
    found = [way for way in _keepers(code) if _can_send(way)]
    return found[:1] if code == ChannelCode.WECHAT_BOT else found


def _routed(severity: str) -> list[list[Way]]:
    event = routing.Event(name=EVENT, source="notifications", severity=severity, is_alarm=True)
    planned = plan(event, at=clock.now(), default=Way("", ""))
    return [] if planned.is_default else [list(chain.ways) for chain in planned.chains]


def _channels_by_priority() -> list[str]:
    rows = Channel.objects.filter(is_enabled=True, consecutive_failures=0).order_by("priority", "code")
    return list(rows.values_list("code", flat=True))


def _keepers(code: str) -> list[Way]:
    """Return the ways of a channel to those who keep the channels: the groups, or the people."""
    if code == ChannelCode.WECHAT_BOT:
        return [Way(code, group) for group in dict.fromkeys(["OPS", *settings.WEBHOOK_KEYS])]
    permitted = (
        User.objects.filter(is_active=True)
        .filter(
            Q(is_superuser=True)
            | Q(groups__permissions__codename="change_channel")
            | Q(user_permissions__codename="change_channel")
        )
        .distinct()
        .order_by("pk")
    )
    people = [
        Recipient.objects.filter(user=user).first() or Recipient(name=user.get_username(), user=user)
        for user in permitted.select_related("profile")[:20]
    ]
    return [Way(code, address) for person in people if person.is_active and (address := person.address(code))]


def _can_send(way: Way) -> bool:
    return channels.driver_for(way.channel) is not None and not obstacle(way.channel, way.target)


def unheard() -> list[str]:
    """Return the titles of troubles that nobody could be told; one query."""
    return list(Trouble.objects.filter(is_unheard=True).values_list("title", flat=True)[:3])
