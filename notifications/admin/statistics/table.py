"""The table of all channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from notifications.admin.statistics.words import milliseconds, percent, seconds
from notifications.choices import channel_names
from notifications.models import Channel, HourlyFigure
from notifications.services import statistics
from notifications.services.statistics import Sums
from spc_site import clock
from spc_site.admin import DASH, badge


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


def rows_by_channel(rows: Sequence[HourlyFigure]) -> list[ChannelRow]:
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
