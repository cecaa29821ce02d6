"""How far the page of figures looks back, and in which steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """How far the page looks back, and in which steps."""

    key: str
    label: Promise
    length: timedelta
    step: timedelta
    tick: str
    """How a step is written below its column."""

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the first and the last moment: whole steps of the plant's clock, the present one last."""
        local = timezone.localtime(now)
        if self.step >= DAY:
            end = local.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
        else:
            hours = int(self.step.total_seconds() // 3600)
            hour = local.hour - local.hour % hours
            end = local.replace(hour=hour, minute=0, second=0, microsecond=0) + self.step
        return end - self.length, end


PERIODS: tuple[Period, ...] = (
    Period("24h", gettext_lazy("24 小时"), DAY, timedelta(hours=1), "%H:%M"),
    Period("7d", gettext_lazy("7 天"), 7 * DAY, timedelta(hours=6), "%m-%d"),
    Period("30d", gettext_lazy("30 天"), 30 * DAY, DAY, "%m-%d"),
)
