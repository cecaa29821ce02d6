"""One meter: its load curve, its days, its year, how it compares, what was odd about its readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.people import name_of
from energy.metering import Flag
from energy.models import Device, EnergyType, ReadingCorrection
from energy.presenters import numbers
from energy.presenters.periods import Period
from energy.presenters.tree import Coverage, coverage, parts_chart, share_of_time
from energy.selectors.pages import DayUse
from spc_site.lib.svg import (
    Axis,
    ChartSpec,
    DayValue,
    LayoutName,
    Series,
    calendar_chart,
    line_chart,
    render_responsive,
)

FLAG_WORDS: dict[Flag, Promise] = {
    Flag.GAP: gettext_lazy("缺数：总量准确，各日按时间分摊"),
    Flag.SPLIT: gettext_lazy("跨零点的一段按时间分摊"),
    Flag.ROLLOVER: gettext_lazy("计数满度归零，已接续"),
    Flag.RESET: gettext_lazy("计数清零，已从零接续"),
    Flag.JITTER: gettext_lazy("读数回抖，按高值计"),
    Flag.GLITCH_DROPPED: gettext_lazy("瞬时掉零，已剔除"),
    Flag.SPIKE_DROPPED: gettext_lazy("超出物理可能的跳变，已剔除"),
    Flag.METER_CHANGE: gettext_lazy("换表，新旧读数已衔接"),
}
_QUIET = Flag.SPLIT
"""What happens on ordinary days, too, and is not worth a mark."""
_MOST_FLAGS = 12
_QUARTER_HOURS = 4


@dataclass(frozen=True, slots=True)
class FlaggedDay:
    """A day about whose readings something is to be told."""

    day: date
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Compared:
    """A use beside that of an earlier period, over equally many days."""

    label: str
    amount: str
    before: str
    before_label: str
    change: str
    rose: bool


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """A reading that was overwritten or taken away, in the unit of the meter's register."""

    at: datetime
    old: str
    new: str
    who: str
    corrected_at: datetime
    batch: str


def words_of(flags: int) -> list[str]:
    """Return what the flags of a day say, without what is ordinary."""
    return [str(words) for flag, words in FLAG_WORDS.items() if flags & flag & ~_QUIET]


def flagged_days(days: Mapping[date, DayUse], period: Period) -> list[FlaggedDay]:
    """Return the days of a period with something odd, the newest first."""
    found = [
        FlaggedDay(day, words)
        for day, use in sorted(days.items(), reverse=True)
        if period.first <= day <= period.last and (words := words_of(use.flags))
    ]
    return found[:_MOST_FLAGS]


def use_in(days: Mapping[date, DayUse], first: date, last: date) -> int | None:
    """Return the use of some days; None without any."""
    its = [use.amount for day, use in days.items() if first <= day <= last]
    return sum(its) if its else None


def compared(
    days: Mapping[date, DayUse], energy_type: EnergyType, label: str, period: Period, earlier: Period
) -> Compared:
    """Compare a period so far with another over equally many days: of a longer month the first 28, say."""
    number = period.days_beside(earlier)
    first, last = earlier.first_days(number)
    now, before = use_in(days, *period.first_days(number)), use_in(days, first, last)
    return Compared(
        label,
        numbers.amount(energy_type, use_in(days, period.first, period.so_far)),
        numbers.amount(energy_type, before),
        f"{first:%Y-%m-%d} – {last:%m-%d}",
        "" if now is None else numbers.change(now, before),
        now is not None and before is not None and now > before,
    )


def period_coverage(days: Mapping[date, DayUse], period: Period) -> Coverage:
    """Judge how much of a period so far was measured."""
    its = [use for day, use in days.items() if period.first <= day <= period.so_far]
    whole_s = 86_400 * ((period.last - period.first).days + 1)
    return coverage(sum(use.covered_s for use in its), round(whole_s * share_of_time(period)))


def load_chart(curve: np.ndarray | None, energy_type: EnergyType, day: date) -> SafeString:
    """Draw the mean power of each quarter of an hour of a day; NaN where nothing was read."""
    unit = numbers.power_unit(energy_type)
    title = _("%(day)s 负荷曲线") % {"day": day.isoformat()}
    values = [] if curve is None else curve.tolist()
    points = [
        ((number + 0.5) / _QUARTER_HOURS, None if value != value else float(value))
        for number, value in enumerate(values)
    ]

    def build(layout: LayoutName) -> ChartSpec:
        return line_chart(
            [Series(title, points)],
            title=title,
            x_axis=Axis(_("时"), 0, len(values) / _QUARTER_HOURS or 24),
            y_axis=Axis(unit, lo=0 if all(y is None or y >= 0 for _x, y in points) else None),
            layout=layout,
            labels=numbers.chart_labels(),
        )

    return SafeString(render_responsive(build))


def month_chart(days: Mapping[date, DayUse], energy_type: EnergyType, period: Period) -> SafeString:
    """Draw the days of a month."""
    dates = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]
    return parts_chart(
        [f"{day:%m-%d}" for day in dates],
        [float(energy_type.amount(days[day].amount)) if day in days else None for day in dates],
        title=_("每日用量"),
        unit=energy_type.unit,
    )


def year_chart(days: Mapping[date, DayUse], energy_type: EnergyType, year: Period) -> SafeString:
    """Draw a year as a calendar; days about which something is odd have a mark."""
    values = []
    for number in range((year.last - year.first).days + 1):
        day = year.first + timedelta(days=number)
        use = days.get(day)
        words = words_of(use.flags) if use else []
        text = "" if use is None else f"{numbers.amount(energy_type, use.amount)} {energy_type.unit}"
        values.append(
            DayValue(
                day,
                None if use is None else float(energy_type.amount(use.amount)),
                "\n".join([f"{day:%m-%d}", text or _("无数据"), *words]),
                marked=bool(words),
            )
        )
    months = [_("%(month)s 月") % {"month": number} for number in range(1, 13)]
    weekdays = [_("一"), _("二"), _("三"), _("四"), _("五"), _("六"), _("日")]
    title = _("%(year)s 年每日用量") % {"year": year.first.year}

    def build(layout: LayoutName) -> ChartSpec:
        return calendar_chart(
            values,
            title=title,
            months=months,
            weekdays=weekdays,
            legend=(_("少"), _("多")),
            no_value=_("无数据"),
            layout=layout,
            labels=numbers.chart_labels(),
        )

    return SafeString(render_responsive(build))


def correction_rows(device: Device, corrections: Sequence[ReadingCorrection]) -> list[CorrectionRow]:
    """Return what was corrected, with counts as what the register shows."""

    def shown(count: int | None) -> str:
        return _("撤销") if count is None else f"{(count * device.count_size).normalize():f}"

    return [
        CorrectionRow(
            one.at,
            shown(one.old_count),
            shown(one.new_count),
            name_of(one.who),
            one.corrected_at,
            "" if one.batch is None else str(one.batch),
        )
        for one in corrections
    ]


def largest(curve: np.ndarray | None, day: date) -> tuple[Decimal, str] | None:
    """Return the highest mean power of a day and from when to when."""
    if curve is None or np.isnan(curve).all():
        return None
    place = int(np.nanargmax(curve))
    start = datetime.combine(day, datetime.min.time()) + timedelta(minutes=15 * place)
    return Decimal(str(curve[place])), f"{start:%H:%M}–{start + timedelta(minutes=15):%H:%M}"


def local(moment: datetime | None) -> str:
    """Write a moment with its quarter of an hour."""
    return "" if moment is None else f"{timezone.localtime(moment):%m-%d %H:%M}"
