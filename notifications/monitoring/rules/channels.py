"""Rules about a single channel: does it send, can it, is it set up?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notifications import config, safety
from notifications.choices import ChannelCode, Reason, Severity, State
from notifications.credentials import label_of
from notifications.models import Budget, Notification, NotificationConfig
from notifications.monitoring.findings import Finding, Look, name_of, rule
from notifications.services.lanes import Lanes
from spc_site.admin import change_url, list_url

_NAMED = 3
"""So many targets are named in a title."""


@dataclass(frozen=True, slots=True)
class _Unreached:
    """A target that gets nothing, as the way to it is not set up."""

    code: str
    target: str
    count: int
    words: str


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
                title=_("%(channel)s 连续发送失败") % {"channel": name_of(channel.code)},
                description=channel.last_error,
                value=str(channel.consecutive_failures),
                threshold=f"{limit:g}",
                link=change_url(channel),
                avoid_channel=channel.code,
            )


@rule("dead")
def dead_credentials(look: Look) -> Iterator[Finding]:
    """A robot, application or account does not work any more and waits for a person."""
    link = list_url(Budget, is_dead__exact=1)
    for budget in Budget.objects.filter(is_dead=True).order_by("name"):
        code = budget.name.partition(":")[0]
        yield Finding(
            key=f"dead:{budget.name}",
            severity=Severity.CRITICAL,
            title=_("%(channel)s 的凭据失效") % {"channel": name_of(code)},
            description="：".join(filter(None, (label_of(budget.name), budget.note))),
            link=link,
            avoid_channel=code,
        )


@rule("unhealthy")
def unhealthy(look: Look) -> Iterator[Finding]:
    """The health check of a channel that is on found something."""
    for channel in look.channels:
        if channel.is_enabled and channel.check_problem:
            yield Finding(
                key=f"unhealthy:{channel.code}",
                severity=Severity.CRITICAL,
                title=_("%(channel)s 健康检查未通过") % {"channel": name_of(channel.code)},
                description=channel.check_problem,
                link=change_url(channel),
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
            link=list_url(NotificationConfig),
        )
    wanted = Notification.objects.filter(
        reason=Reason.NO_ROBOT, created_at__gte=look.now - timedelta(hours=24), is_test=False
    )
    lanes = Lanes()
    unreached: dict[str, list[_Unreached]] = {}
    rows = wanted.order_by("channel", "target").values_list("channel", "target").annotate(Count("pk"))
    for code, target, count in rows:
        if (obstacle := lanes.of(code, target).obstacle) is not None:
            # A group has robots of its own; people share what their channel has.
            place = target if code == ChannelCode.WECHAT_BOT else "all"
            one = _Unreached(code, safety.mask_contacts(target), count, obstacle.words)
            unreached.setdefault(f"config:{code}:{place}"[:120], []).append(one)
    for key, some in unreached.items():
        code, count = some[0].code, sum(one.count for one in some)
        names = "、".join(one.target for one in some[:_NAMED])
        yield Finding(
            key=key,
            severity=Severity.WARNING,
            title=_("%(channel)s 没有配置：%(target)s 收不到消息")
            % {
                "channel": name_of(code),
                "target": names if len(some) <= _NAMED else _("%(names)s 等") % {"names": names},
            },
            description=some[0].words,
            value=ngettext("%(count)d 条消息", "%(count)d 条消息", count) % {"count": count},
            link=list_url(Notification, reason__exact=Reason.NO_ROBOT),
            avoid_channel=code,
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
            title=_("%(channel)s 很久没有成功发送") % {"channel": name_of(code)},
            description=(
                _("最近一次成功：%(at)s。") % {"at": f"{last:%m-%d %H:%M}"} if last else _("还没有成功过。")
            ),
            value=ngettext("%(count)d 条在等", "%(count)d 条在等", count) % {"count": count},
            threshold=_("%(minutes)g 分钟")
            % {"minutes": look.span("alarm_silence_minutes").total_seconds() / 60},
            link=change_url(switch) if switch else list_url(Notification, channel__exact=code),
            avoid_channel=code,
        )
