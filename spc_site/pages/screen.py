"""The wall display: what is open, what is abnormal today, how the quotas stand. Read from four metres.

Nobody touches it: it refreshes itself, shows the most important first and never more than fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from alarms import selectors as alarms
from energy.choices import QUOTA_STATUS_TONES, Connection, DeviceStatus, QuotaStatus
from energy.models import Device, QuotaUsage
from quality import selectors as quality

_ALARMS, _ABNORMAL, _QUOTAS = 7, 6, 7


@dataclass(frozen=True, slots=True)
class QuotaBar:
    """One quota in its present period; the bar is full at the quota."""

    name: str
    rate: str
    status: str
    tone: str
    width: int


def screen(request: HttpRequest) -> HttpResponse:
    """Show the whole plant at a glance; each part for those who may see it. A constant number of queries."""
    user = request.user
    now = timezone.localtime()
    today = now.date()
    context: dict[str, Any] = {
        "now": now,
        "sees_alarms": user.has_perm("alarms.view_alarm"),
        "sees_quality": bool(quality.visible_kinds(user)),
        "sees_energy": user.has_perm("energy.view_energyquota"),
        "counts": None,
        "alarms": [],
        "today": None,
        "abnormal": [],
        "quotas": [],
        "silent": 0,
    }
    if context["sees_alarms"]:
        context["counts"] = alarms.counts(user)
        context["alarms"] = list(alarms.alarm_list(user, which="open")[:_ALARMS])
    if context["sees_quality"]:
        context["today"] = quality.days(user, since=today, until=today)[-1]
        midnight = datetime.combine(today, time(), tzinfo=now.tzinfo)
        context["abnormal"] = quality.abnormal_characteristics(user, since=midnight, limit=_ABNORMAL)
    if context["sees_energy"]:
        context["quotas"] = quota_bars(today)
        context["silent"] = Device.objects.filter(
            status=DeviceStatus.IN_USE, connection=Connection.SILENT
        ).count()
    return render(request, "pages/screen.html", context)


def quota_bars(today: date) -> list[QuotaBar]:
    """Return the quotas of the present periods, the worst first. One query."""
    usages = QuotaUsage.objects.filter(
        quota__is_active=True, period_start__lte=today, period_end__gte=today
    ).select_related("quota")
    ordered = sorted(usages, key=lambda one: -(one.usage_rate_pct or _rate_without(one)))
    return [_bar(one) for one in ordered[:_QUOTAS]]


def _rate_without(one: QuotaUsage) -> Decimal:
    """Return where a usage without a rate stands: a passed quota of 0 before all, no data last."""
    return Decimal(10**6) if one.status == QuotaStatus.EXCEEDED else Decimal(-1)


def _bar(one: QuotaUsage) -> QuotaBar:
    status = QuotaStatus(one.status)
    rate = one.usage_rate_pct
    return QuotaBar(
        one.quota.name,
        "—" if rate is None else f"{rate:.1f} %",
        str(status.label),
        QUOTA_STATUS_TONES[status],
        100 if rate is None and status == QuotaStatus.EXCEEDED else min(int(rate or 0), 100),
    )
