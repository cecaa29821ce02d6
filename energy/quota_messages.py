"""What is said about quotas: keys, titles, lines, links. Nothing is sent here.

The texts around them are templates in the database (`notifications.defaults` ships them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from energy.choices import QuotaPeriod, QuotaStatus
from energy.models import EnergyQuota
from energy.periods import Span, named_by
from notifications.rendering import ByLanguage, Prepared
from wecom import markdown

if TYPE_CHECKING:
    from energy.services.quotas.reckoning import Reckoned, Task

SOURCE = "energy.quota"
_MOST_LINES = 20

Facts = list[tuple[str, str]]
"""Names and what stands beside them, in one language."""


def key_of(task: Task) -> str:
    """Return what names the alarm: the quota and the first day of the period."""
    return f"{SOURCE}.{task.quota.pk}.{task.span.first.isoformat()}"


def parse_key(key: str) -> tuple[int, date]:
    """Return the quota and the first day of the period that a key names."""
    pk, first = key.removeprefix(f"{SOURCE}.").split(".")
    return int(pk), date.fromisoformat(first)


def subject_of(quota: EnergyQuota) -> str:
    """Return how alarms and messages name a quota."""
    return f"{SOURCE}:{quota.pk}"


def title_of(quota: EnergyQuota) -> str:
    return _("配额预警: %(name)s") % {"name": quota.name}


def link_of(task: Task) -> str:
    """Return the page that shows a quota in one period."""
    return reverse("energy:quota_period", args=[task.quota.pk, task.span.first])


def target_code(quota: EnergyQuota) -> str:
    return quota.target.code if quota.target is not None else ""


def period_name(span: Span, period: str) -> str:
    """Return how people call a period: 2026年3月, 2026年第1季度, 2026年."""
    named = named_by(span)
    if period == QuotaPeriod.YEARLY:
        return _("%(year)d年") % {"year": named.year}
    if period == QuotaPeriod.QUARTERLY:
        return _("%(year)d年第%(quarter)d季度") % {"year": named.year, "quarter": (named.month + 2) // 3}
    return str(formats.date_format(named, "YEAR_MONTH_FORMAT"))


# --- numbers ----------------------------------------------------------------------------------


def number(value: Decimal | None) -> str:
    """Return a figure to one decimal, as the customer's description has it; a dash without one."""
    return "—" if value is None else f"{value.quantize(Decimal('0.1'), ROUND_HALF_UP):f}"


def sentence(one: Reckoned) -> str:
    """Return the line of the customer: use, quota, rate."""
    found, task = one.figures, one.task
    assert found is not None
    return _("当前使用 %(use)s %(unit)s，配额 %(quota)s %(unit)s，使用率 %(rate)s%%") % {
        "use": number(found.use),
        "quota": number(task.value),
        "rate": number(found.rate),
        "unit": task.quota.unit,
    }


def description(one: Reckoned, lines: Facts) -> str:
    """Return what an alarm says: the line of the customer, then what helps to act."""
    return "\n".join((sentence(one), *(f"{name}：{text}" for name, text in lines)))


def facts(one: Reckoned, *, as_of: date) -> Facts:
    """Return what a person needs to act: level, time left, forecast, who uses most."""
    found, task = one.figures, one.task
    assert found is not None
    unit = task.quota.unit
    lines = [
        (_("级别"), str(QuotaStatus(found.peak.value).label)),
        (_("周期"), f"{period_name(task.span, task.quota.period)}（{task.span.first} – {task.span.last}）"),
    ]
    if as_of <= task.span.last:
        left = (task.span.last - as_of).days
        lines.append((_("剩余"), ngettext("%(count)d 天", "%(count)d 天", left) % {"count": left}))
    projected = found.by_weekday if found.by_weekday is not None else found.projected
    if projected is not None:
        text = f"{number(projected)} {unit}"
        if task.value:
            text += f"（{number(projected * 100 / task.value)}%）"
        lines.append((_("预计期末"), text))
    if found.exhausted_on is not None:
        word = _("配额用完") if found.exhausted_on < as_of else _("预计用完")
        lines.append((word, found.exhausted_on.isoformat()))
    if one.top:
        top = "、".join(f"{meter['name']} {number(Decimal(meter['use']))}" for meter in one.top)
        lines.append((_("用量最大"), f"{top}（{unit}）"))
    if found.coverage is not None and found.coverage * 100 < task.quota.min_coverage_pct:
        share = number(found.coverage * 100)
        lines.append((_("数据覆盖"), _("%(share)s%%，用量为暂定") % {"share": share}))
    return lines


# --- messages ---------------------------------------------------------------------------------


def facts_by_language(one: Reckoned, *, as_of: date) -> dict[str, Facts]:
    """Return the facts as each language says them."""
    said = {}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            said[code] = facts(one, as_of=as_of)
    return said


def variables(one: Reckoned, said: Mapping[str, Facts]) -> dict[str, Any]:
    """Return what the template `quota_warning` may use."""
    found, task = one.figures, one.task
    assert found is not None
    return {
        "name": task.quota.name,
        "usage": number(found.use),
        "quota": number(task.value),
        "rate": number(found.rate),
        "unit": task.quota.unit,
        "facts": ByLanguage({code: _fact_lines(lines) for code, lines in said.items()}),
        "url": settings.FRONTEND_URL.rstrip("/") + link_of(task),
    }


def _fact_lines(lines: Facts) -> Prepared:
    return Prepared("\n".join(f"> {name}：{markdown.escape(text)}" for name, text in lines))


def late_variables(late: Sequence[Reckoned]) -> dict[str, Any]:
    """Return what the template `quota_late` may use: crossings found after their periods were over."""
    return {
        "count": len(late),
        "items": ByLanguage({code: _late_lines(late, code) for code, _name in settings.LANGUAGES}),
        "url": settings.FRONTEND_URL.rstrip("/") + reverse("energy:quotas"),
    }


def _late_lines(late: Sequence[Reckoned], language: str) -> Prepared:
    with translation.override(language):
        lines = []
        for one in late[:_MOST_LINES]:
            period = period_name(one.task.span, one.task.quota.period)
            url = settings.FRONTEND_URL.rstrip("/") + link_of(one.task)
            text = markdown.escape(f"{one.task.quota.name} {period}：{sentence(one)}")
            lines.append(f"- [{text}]({url})")
        if len(late) > _MOST_LINES:
            lines.append(f"- … +{len(late) - _MOST_LINES}")
        return Prepared("\n".join(lines))
