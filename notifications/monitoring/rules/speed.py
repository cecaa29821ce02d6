"""Rules about how the requests of the last minutes went, and how busy the machine is."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext as _

from notifications.causes import Cause
from notifications.choices import Severity
from notifications.models import HourlyFigure
from notifications.monitoring.findings import Finding, Look, name_of, rule
from spc_site.admin import list_url


def _enough(look: Look) -> Iterator[tuple[str, list[tuple[int, Cause | None]]]]:
    """Yield the channels, with their requests, that had enough of them lately to say something."""
    for code, requests in look.recent.items():
        if len(requests) >= look.values["alarm_least_requests"]:
            yield code, requests


@rule("slow")
def slow(look: Look) -> Iterator[Finding]:
    """One request of a hundred takes longer than it should."""
    for code, requests in _enough(look):
        key = f"slow:{code}"
        limit = look.limit("alarm_slow_ms", key)
        durations = sorted(duration for duration, _cause in requests)
        p99 = durations[max(-(-99 * len(durations) // 100) - 1, 0)]
        if p99 > limit:
            yield Finding(
                key=key,
                severity=Severity.CRITICAL,
                title=_("%(channel)s 响应过慢") % {"channel": name_of(code)},
                description=_("最近 5 分钟 %(count)d 次请求的第 99 百分位。") % {"count": len(requests)},
                value=f"{p99} ms",
                threshold=f"{limit:g} ms",
                link=list_url(HourlyFigure),
                avoid_channel=code,
            )


@rule("errors")
def errors(look: Look) -> Iterator[Finding]:
    """Too many of the requests of the last minutes failed. Waiting for a budget is no error."""
    for code, requests in _enough(look):
        key = f"errors:{code}"
        limit = look.limit("alarm_error_percent", key)
        causes = [cause for _duration, cause in requests if cause not in (None, Cause.RATE)]
        percent = 100 * len(causes) / len(requests)
        if percent > limit:
            commonest = Cause(max(set(causes), key=causes.count))
            yield Finding(
                key=key,
                severity=Severity.CRITICAL,
                title=_("%(channel)s 错误过多") % {"channel": name_of(code)},
                description=_("最近 5 分钟 %(count)d 次请求；最常见：%(cause)s。")
                % {"count": len(requests), "cause": commonest.label},
                value=f"{percent:.1f} %",
                threshold=f"{limit:g} %",
                link=list_url(HourlyFigure),
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
