"""The use of shifts: their sums over a month, and each day with its turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from energy.models import EnergyType, Shift
from energy.presenters import numbers
from energy.presenters.periods import Period
from energy.presenters.tree import Coverage, coverage
from energy.selectors.shifts import ShiftUse
from spc_site.lib.svg import ChartSpec, LayoutName, Trace, render_responsive, step_chart

_MOST_LINES = 4
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """One shift over all its turns of a month; `silent` says for how long it has no readings."""

    name: str
    times: str
    turns: int
    use: Decimal
    text: str
    share: str
    width: int
    mean: str
    coverage: Coverage
    silent: str


def shift_rows(uses: Sequence[ShiftUse], energy_type: EnergyType) -> list[ShiftRow]:
    """Return a row for each shift, and one for what lies between shifts if anything does."""
    whole = sum(use.amount for use in uses)
    by_shift: dict[Shift | None, list[ShiftUse]] = {}
    for use in sorted(uses, key=lambda one: (one.shift is None, one.begin)):
        by_shift.setdefault(use.shift, []).append(use)
    largest = max((sum(use.amount for use in its) for its in by_shift.values()), default=0)
    rows = []
    for shift, its in by_shift.items():
        amount = sum(use.amount for use in its)
        read_s, length_s = sum(use.read_s for use in its), sum(use.length_s for use in its)
        hours, is_complete = Decimal(length_s) / _HOUR_S, read_s >= numbers.FULL_COVERAGE * length_s
        rows.append(
            ShiftRow(
                shift.name if shift else _("班次之外"),
                f"{shift.begins:%H:%M}–{shift.ends:%H:%M}" if shift else "",
                len(its),
                energy_type.amount(amount),
                numbers.amount(energy_type, amount) if read_s or amount else numbers.DASH,
                numbers.percent(amount, whole),
                numbers.width(amount, largest),
                numbers.shown(energy_type.amount(amount) / hours) if hours and is_complete else numbers.DASH,
                coverage(read_s, length_s),
                silent(read_s, length_s),
            )
        )
    return rows


def silent(read_s: int, length_s: int) -> str:
    """Write for how many hours there are no readings of all meters; blank if for none worth a word."""
    if read_s >= numbers.FULL_COVERAGE * length_s:
        return ""
    hours = Decimal(length_s - read_s) / _HOUR_S
    return _("无读数 %(hours)s 小时") % {"hours": f"{hours.quantize(Decimal('0.1'))}"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One turn: blank where there is none, a dash where nothing was read."""

    use: Decimal | None
    text: str
    remark: str


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day with its turns in the order of the columns."""

    day: date
    cells: Sequence[Cell]


def columns_of(uses: Sequence[ShiftUse]) -> list[Shift | None]:
    """Return the shifts that any day has, and None last where something lies between them."""
    shifts = {use.shift for use in uses}
    named = sorted((one for one in shifts if one is not None), key=lambda one: (one.begins, one.start))
    return [*named, None] if None in shifts else list(named)


def day_rows(uses: Sequence[ShiftUse], energy_type: EnergyType, now: datetime) -> list[DayRow]:
    """Return the days, the newest first."""
    columns = columns_of(uses)
    found = {(use.day, use.shift): use for use in uses}
    return [
        DayRow(day, [_cell(found.get((day, shift)), energy_type, now) for shift in columns])
        for day in sorted({use.day for use in uses}, reverse=True)
    ]


def _cell(use: ShiftUse | None, energy_type: EnergyType, now: datetime) -> Cell:
    if use is None:
        return Cell(None, "", "")
    if not use.read_s and not use.amount:
        return Cell(None, numbers.DASH, _("无读数"))
    amount = energy_type.amount(use.amount)
    remark = _("进行中") if use.end > now else silent(use.read_s, use.length_s)
    return Cell(amount, numbers.shown(amount), remark)


def days_chart(
    uses: Sequence[ShiftUse], energy_type: EnergyType, period: Period, now: datetime
) -> SafeString:
    """Draw a line for each shift; a turn without readings, or that goes on, is a gap."""
    shifts = [one for one in columns_of(uses) if one is not None][:_MOST_LINES]
    found = {(use.day, use.shift): use for use in uses}
    days = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]

    def value(use: ShiftUse | None) -> float | None:
        if use is None or use.end > now or (not use.read_s and not use.amount):
            return None
        return float(energy_type.amount(use.amount))

    traces = [Trace(shift.name, [value(found.get((day, shift))) for day in days]) for shift in shifts]
    if all(one is None for trace in traces for one in trace.values):
        return SafeString("")

    def build(layout: LayoutName) -> ChartSpec:
        return step_chart(
            title=_("每日各班用量"),
            ticks=[f"{day:%m-%d}" if number % 5 == 0 else "" for number, day in enumerate(days)],
            tips=[_tip(day, shifts, found, energy_type) for day in days],
            traces=traces,
            unit=energy_type.unit,
            layout=layout,
            labels=numbers.chart_labels(),
        )

    return SafeString(render_responsive(build))


def _tip(
    day: date,
    shifts: Sequence[Shift],
    found: dict[tuple[date, Shift | None], ShiftUse],
    energy_type: EnergyType,
) -> str:
    lines = [
        f"{shift.name} {numbers.amount(energy_type, use.amount)} {energy_type.unit}"
        for shift in shifts
        if (use := found.get((day, shift))) is not None
    ]
    return "\n".join([f"{day:%m-%d}", *lines])


def stretch(uses: Sequence[ShiftUse], now: datetime) -> str:
    """Return from when to when the turns reach, up to now."""
    begin, end = min(use.begin for use in uses), min(max(use.end for use in uses), now)
    return f"{timezone.localtime(begin):%m-%d %H:%M} – {timezone.localtime(end):%m-%d %H:%M}"
