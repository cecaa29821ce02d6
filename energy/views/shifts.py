"""The use of a group by shifts of work."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from energy import exports
from energy.models import DeviceGroup, EnergyType
from energy.presenters import shifts as presenter
from energy.presenters.periods import Period
from energy.selectors import pages
from energy.selectors.shifts import ShiftUse, shift_uses, shifts_of
from energy.views.tree import chosen_period, chosen_type, may_view

_MONTHS = ("month",)


@may_view
def board(request: HttpRequest) -> HttpResponse:
    """Show what the shifts of a month used, in sum and day by day."""
    types, now = pages.shown_types(), timezone.now()
    energy_type, period = chosen_type(request, types), chosen_period(request, kinds=_MONTHS)
    if energy_type is None:
        return render(request, "energy/nothing.html", {"section": "costs"})
    groups = pages.all_groups()
    group = _chosen_group(request, groups)
    shifts = shifts_of(period.first, period.last)
    uses: list[ShiftUse] = []
    if group is not None and shifts:
        uses = shift_uses(energy_type, group.pk, shifts, period.first, period.so_far, now)
    if request.GET.get("format") == "xlsx":
        return _export(energy_type, period, group, uses)
    context = {
        "types": types,
        "energy_type": energy_type,
        "period": period,
        "groups": groups,
        "group": group,
        "shifts": shifts,
        "rows": presenter.shift_rows(uses, energy_type),
        "columns": [shift.name if shift else _("班次之外") for shift in presenter.columns_of(uses)],
        "days": presenter.day_rows(uses, energy_type, now),
        "chart": presenter.days_chart(uses, energy_type, period, now),
        "stretch": presenter.stretch(uses, now) if uses else "",
        "section": "costs",
    }
    return render(request, "energy/shifts.html", context)


def _chosen_group(request: HttpRequest, groups: Sequence[DeviceGroup]) -> DeviceGroup | None:
    """Return the group that the address asks for, else the first of the tree."""
    asked = request.GET.get("group", "")
    first = next((one for one in groups if one.parent_id is None), None)
    return next((one for one in groups if str(one.pk) == asked), first)


def _export(
    energy_type: EnergyType, period: Period, group: DeviceGroup | None, uses: Sequence[ShiftUse]
) -> HttpResponse:
    def row(use: ShiftUse) -> Sequence[exports.Cell]:
        is_known = use.read_s or use.amount
        return [
            use.day.isoformat(),
            use.shift.name if use.shift else _("班次之外"),
            use.begin,
            use.end,
            energy_type.amount(use.amount) if is_known else None,
            presenter.silent(use.read_s, use.length_s),
        ]

    return exports.table_response(
        _("%(type)s 各班用量 %(group)s %(period)s")
        % {"type": energy_type, "group": group.name if group else "", "period": period.at},
        [
            _("日期"),
            _("班次"),
            _("开始"),
            _("结束"),
            _("用量（%(unit)s）") % {"unit": energy_type.unit},
            _("说明"),
        ],
        (row(use) for use in sorted(uses, key=lambda one: one.begin)),
    )
