"""Quotas as people read them: a bar, a verdict, the course of a period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from energy.choices import QuotaStatus
from energy.models import QuotaUsage
from energy.presenters import numbers
from energy.quota_messages import period_name
from spc_site.lib.svg import Axis, ChartSpec, LayoutName, Reference, Series, line_chart, render_responsive


@dataclass(frozen=True, slots=True)
class Bar:
    """A rate as a bar; widths and places in percent of its length, which is the quota or more."""

    width: str
    warning: str
    alert: str
    full: str
    tone: str


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """A quota on the board."""

    name: str
    url: str
    target: str
    type_name: str
    period: str
    use: str
    quota: str
    unit: str
    rate: str
    bar: Bar
    status: str
    tone: str
    left: str
    projected: str
    projected_rate: str
    will_exceed: bool
    exhausted: str
    coverage: str
    is_provisional: bool
    error: str


def rate(value: Decimal | None) -> str:
    return numbers.DASH if value is None else f"{value:.1f}%"


def bar(usage: QuotaUsage) -> Bar:
    """Return the bar of a rate; a quota of 0 that is passed is full."""
    share = usage.usage_rate_pct
    if share is None:
        share = Decimal(100) if usage.status == QuotaStatus.EXCEEDED else Decimal(0)
    longest = max(Decimal(100), share, usage.quota.alert_threshold_pct)

    def place(value: Decimal) -> str:
        return f"{max(value, Decimal(0)) * 100 / longest:.1f}"

    return Bar(
        width=place(share),
        warning=place(usage.quota.warning_threshold_pct),
        alert=place(usage.quota.alert_threshold_pct),
        full=place(Decimal(100)),
        tone=usage.status_tone,
    )


def days_left(usage: QuotaUsage, today: date) -> str:
    """Say how long a period goes on."""
    left = (usage.period_end - today).days
    if left < 0:
        return _("已结束")
    if left == 0:
        return _("今天结束")
    return ngettext("剩 %(count)d 天", "剩 %(count)d 天", left) % {"count": left}


def projection(usage: QuotaUsage) -> Decimal | None:
    """Return the better forecast: by weekday where there is one."""
    return usage.projected_value if usage.projected_by_weekday is None else usage.projected_by_weekday


def row(usage: QuotaUsage, today: date) -> QuotaRow:
    quota, expected = usage.quota, projection(usage)
    share = numbers.percent(expected, usage.quota_value) if expected is not None else ""
    return QuotaRow(
        name=quota.name,
        url=quota.get_absolute_url(),
        target=str(quota.target),
        type_name=str(quota.energy_type or quota.get_converted_to_display()),
        period=period_name(usage.span, quota.period),
        use=numbers.shown(usage.actual_value),
        quota=numbers.shown(usage.quota_value),
        unit=quota.unit,
        rate=rate(usage.usage_rate_pct),
        bar=bar(usage),
        status=str(usage.get_status_display()),
        tone=usage.status_tone,
        left=days_left(usage, today),
        projected=numbers.shown(expected),
        projected_rate=share,
        will_exceed=expected is not None and expected > usage.quota_value,
        exhausted=f"{usage.exhausted_on:%m-%d}" if usage.exhausted_on else "",
        coverage=rate(usage.coverage_pct),
        is_provisional=usage.is_provisional,
        error=usage.error,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The board in one sentence."""

    tone: str
    text: str


def verdict(counts: Mapping[str, int]) -> Verdict:
    """Return what a manager wants to know first."""
    words = {
        QuotaStatus.EXCEEDED: _("%(count)d 个超额"),
        QuotaStatus.ALERT: _("%(count)d 个告警"),
        QuotaStatus.WARNING: _("%(count)d 个预警"),
        QuotaStatus.NO_DATA: _("%(count)d 个无数据"),
    }
    parts = [said % {"count": counts[status]} for status, said in words.items() if counts[status]]
    total = sum(counts.values())
    if not total:
        return Verdict("grey", _("还没有配额"))
    if not parts:
        return Verdict("green", _("%(count)d 个配额全部正常") % {"count": total})
    tone = "red" if counts["exceeded"] or counts["alert"] else "amber" if counts["warning"] else "grey"
    return Verdict(tone, f"{'，'.join(parts)} / {_('共 %(count)d 个') % {'count': total}}")


def course_chart(usage: QuotaUsage) -> SafeString:
    """Draw the use so far against the quota, an even pace and the forecast."""
    quota = usage.quota
    length = usage.span.days
    so_far = [float(steps * usage.daily_step) for steps in accumulate(one or 0 for one in usage.daily)]
    limit = float(usage.quota_value)
    points: list[tuple[float | None, float | None]] = [(0.0, 0.0)]
    points += [
        (float(number), use if number > 1 or usage.daily[0] is not None else None)
        for number, use in enumerate(so_far, start=1)
    ]
    series = [
        Series(_("累计用量"), points),
        Series(_("匀速"), [(0.0, 0.0), (float(length), limit)]),
    ]
    expected = projection(usage)
    if expected is not None and so_far:
        series.append(Series(_("预测"), [(float(len(so_far)), so_far[-1]), (float(length), float(expected))]))
    references = [Reference("y", limit, _("配额 %(value)s") % {"value": numbers.shown(usage.quota_value)})]
    if limit:
        warning = usage.quota_value * quota.warning_threshold_pct / 100
        references.append(
            Reference(
                "y",
                float(warning),
                _("预警 %(share)s%%") % {"share": f"{quota.warning_threshold_pct.normalize():f}"},
            )
        )
    title = _("累计用量")

    def build(layout: LayoutName) -> ChartSpec:
        return line_chart(
            series,
            title=title,
            x_axis=Axis(_("第几天"), 0, length),
            y_axis=Axis(quota.unit, lo=0 if min(so_far, default=0) >= 0 else None),
            references=references,
            layout=layout,
            labels=numbers.chart_labels(),
            desc=_("到第 %(day)d 天") % {"day": len(so_far)},
        )

    return SafeString(render_responsive(build))


@dataclass(frozen=True, slots=True)
class TopMeter:
    """A meter among those that used most, with its share of the longest bar."""

    name: str
    code: str
    url: str
    use: str
    share: str
    width: int


def top_meters(usage: QuotaUsage) -> list[TopMeter]:
    """Return the largest meters of a period."""
    uses = [Decimal(one["use"]) for one in usage.top_meters]
    most = max(uses, default=Decimal(0))
    return [
        TopMeter(
            name=one["name"],
            code=one["code"],
            url=f"{reverse('energy:devices')}?q={one['code']}",
            use=numbers.shown(use),
            share=numbers.percent(use, usage.actual_value or Decimal(0)),
            width=round(100 * use / most) if most else 0,
        )
        for one, use in zip(usage.top_meters, uses, strict=True)
    ]


def period_rows(usages: Sequence[QuotaUsage], today: date) -> list[tuple[str, str, QuotaRow]]:
    """Return the periods of a quota: first day, name, figures."""
    return [
        (one.period_start.isoformat(), period_name(one.span, one.quota.period), row(one, today))
        for one in usages
    ]
