"""The dead man's handle of the quota checks: silence is an alarm, too."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from alarms import services as alarms
from energy.choices import RunOutcome
from energy.models import EnergyQuota, QuotaRun
from notifications.choices import Severity
from spc_site import clock

SILENT_AFTER = timedelta(hours=3)
"""The checks come every hour: three that are missing are no chance."""

KEY = "energy.quota_check"


def last_check() -> datetime | None:
    """Return when quotas were last checked to the end; one query."""
    done = QuotaRun.objects.filter(outcome__in=(RunOutcome.DONE, RunOutcome.PARTLY))
    return done.order_by("-started_at").values_list("started_at", flat=True).first()


def is_silent(at: datetime | None = None) -> bool:
    """Say whether there are quotas that nobody has checked for too long; at most two queries."""
    at = at or clock.now()
    oldest = EnergyQuota.objects.active().order_by("created_at").values_list("created_at", flat=True).first()
    if oldest is None:
        return False
    return at - max(oldest, last_check() or oldest) > SILENT_AFTER


def watch(*, at: datetime | None = None) -> bool:
    """Raise the alarm of missing checks, or close it; say whether it stands."""
    at = at or clock.now()
    silent = is_silent(at)
    with transaction.atomic(), translation.override("zh-hans"):
        if not silent:
            alarms.recover([KEY], note=_("配额检查已恢复"), at=at)
            return False
        last = last_check()
        when = f"{timezone.localtime(last):%Y-%m-%d %H:%M}" if last else _("从未")
        alarms.raise_alarm(
            alarms.AlarmRequest(
                key=KEY,
                source="energy.quota_check",
                subject=KEY,
                severity=Severity.CRITICAL,
                title=_("配额检查没有运行"),
                description=_("上次完成：%(when)s。在此期间超额不会报警。") % {"when": when},
                value=when,
                threshold=_("%(hours)d 小时") % {"hours": SILENT_AFTER // timedelta(hours=1)},
                link=reverse("energy:quotas"),
                group="ENERGY",
                group_key=KEY,
                is_told=True,
                is_continuing=True,
            ),
            at=at,
        )
    return True
