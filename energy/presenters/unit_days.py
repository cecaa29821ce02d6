"""The unit consumption of one group and product from day to day: a line with gaps, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from energy.models import DeviceGroup, EnergyType
from energy.presenters import numbers
from energy.presenters.periods import Period
from energy.selectors.group_days import GroupDay
from energy.selectors.output import UnitUse
from spc_site.lib.svg import ChartSpec, LayoutName, Trace, render_responsive, step_chart


@dataclass(frozen=True, slots=True)
class Series:
    """A group and what it makes; `key` is how an address names it."""

    group: DeviceGroup
    product: str
    unit: str

    @property
    def key(self) -> str:
        return f"{self.group.pk}/{self.unit}/{self.product}"

    @property
    def label(self) -> str:
        return f"{self.group.name} · {self.product or _('全部产品')} / {self.unit}"


def all_series(groups: Sequence[DeviceGroup], found: Mapping[int, Sequence[UnitUse]]) -> list[Series]:
    """Return what can be followed from day to day: whatever was made in the period."""
    return [
        Series(group, one.name, one.unit)
        for group in groups
        for one in found.get(group.pk, ())
        if one.is_output
    ]


def chosen(every: Sequence[Series], key: str, uses: Mapping[int, Decimal]) -> Series | None:
    """Return the series that an address asks for, else the first of a group that used anything."""
    asked = next((one for one in every if one.key == key), None)
    return asked or next((one for one in every if uses[one.group.pk]), every[0] if every else None)


@dataclass(frozen=True, slots=True)
class UnitDay:
    """One day, or one month of a year. What is unknown is None, and nothing of it is drawn."""

    name: str
    use: Decimal | None
    output: Decimal | None
    per_unit: Decimal | None
    remark: str
    is_provisional: bool

    @property
    def use_text(self) -> str:
        return numbers.shown(self.use)

    @property
    def output_text(self) -> str:
        return numbers.DASH if self.output is None else f"{self.output.normalize():,f}"

    @property
    def text(self) -> str:
        return numbers.shown(self.per_unit)


def unit_days(
    uses: Mapping[date, GroupDay], outputs: Mapping[date, Decimal], energy_type: EnergyType, period: Period
) -> list[UnitDay]:
    """Return the days of a month, or the months of a year, that have begun."""
    if period.kind == "year":
        months = [date(period.first.year, month, 1) for month in range(1, period.so_far.month + 1)]
        return [
            _step(
                f"{month:%Y-%m}",
                [use for day, use in uses.items() if day.month == month.month],
                [amount for day, amount in outputs.items() if day.month == month.month],
                energy_type,
                is_over=(period.today.year, period.today.month) > (month.year, month.month),
            )
            for month in months
        ]
    days = [period.first + timedelta(days=n) for n in range(period.elapsed)]
    return [
        _step(
            f"{day:%m-%d}",
            [uses[day]] if day in uses else [],
            [outputs[day]] if day in outputs else [],
            energy_type,
            is_over=day < period.today,
        )
        for day in days
    ]


def _step(
    name: str,
    uses: Sequence[GroupDay],
    outputs: Sequence[Decimal],
    energy_type: EnergyType,
    *,
    is_over: bool,
) -> UnitDay:
    use = energy_type.amount(sum(one.amount for one in uses)) if uses else None
    output = sum(outputs, Decimal(0)) if outputs else None
    covered, expected = sum(one.covered_s for one in uses), sum(one.expected_s for one in uses)
    is_covered = covered >= numbers.FULL_COVERAGE * expected
    if use is None:
        remark = _("没有读数")
    elif not output:
        remark = _("没有产量")
    elif not is_over:
        remark = _("暂定：还没有结束")
    elif not is_covered:
        remark = _("暂定：数据 %(percent)s") % {"percent": numbers.percent(covered, expected)}
    else:
        remark = ""
    per_unit = use / output if use is not None and output else None
    return UnitDay(name, use, output, per_unit, remark, per_unit is not None and bool(remark))


def course_chart(days: Sequence[UnitDay], series: Series, energy_type: EnergyType) -> SafeString:
    """Draw the line; a day without output or readings breaks it, a provisional one has a mark of its own."""
    if all(day.per_unit is None for day in days):
        return SafeString("")
    unit = f"{energy_type.unit}/{series.unit}"
    values = [None if day.per_unit is None else float(day.per_unit) for day in days]
    traces = [Trace(_("单耗"), values)]
    if any(day.is_provisional for day in days):
        provisional = [value if day.is_provisional else None for day, value in zip(days, values, strict=True)]
        traces.append(Trace(_("暂定"), provisional))
    tips = ["\n".join(part for part in (day.name, f"{day.text} {unit}", day.remark) if part) for day in days]
    step = 1 if len(days) <= 16 else 5

    def build(layout: LayoutName) -> ChartSpec:
        return step_chart(
            title=_("%(name)s 单耗走势") % {"name": series.label},
            ticks=[day.name if number % step == 0 else "" for number, day in enumerate(days)],
            tips=tips,
            traces=traces,
            unit=unit,
            layout=layout,
            labels=numbers.chart_labels(),
        )

    return SafeString(render_responsive(build))
