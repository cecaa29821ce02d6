"""The tree of groups, and one group: what it used, of which meters, with what left over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from energy import exports
from energy.forms import AttachForm, EndForm, MoveForm
from energy.models import Attachment, DeviceGroup, EnergyType
from energy.presenters import numbers, tree
from energy.presenters.periods import Period, asked_period
from energy.selectors import pages
from energy.selectors.charging import stations_behind
from energy.selectors.output import unit_use
from energy.selectors.totals import Totals, totals
from energy.services import structure
from spc_site.errors import AppError

may_view = permission_required("energy.view_device", raise_exception=True)
may_change = permission_required("energy.change_attachment", raise_exception=True)


def chosen_type(request: HttpRequest, types: Sequence[EnergyType]) -> EnergyType | None:
    """Return the energy type that the address asks for, else the first."""
    asked = request.GET.get("type", "")
    return next((one for one in types if one.code == asked), types[0] if types else None)


def chosen_period(request: HttpRequest, **options: Any) -> Period:
    """Return the period that the address asks for."""
    return asked_period(
        request.GET.get("period", ""), request.GET.get("at", ""), timezone.localdate(), **options
    )


@may_view
def group_tree(request: HttpRequest) -> HttpResponse:
    """Show what every group used in a period, of one energy type."""
    types = pages.shown_types()
    energy_type, period = chosen_type(request, types), chosen_period(request)
    if energy_type is None:
        return render(request, "energy/nothing.html", {"section": "groups"})
    found = totals(energy_type, period.first, period.last)
    is_export = request.GET.get("format") == "xlsx"
    rows = tree.tree_rows(pages.all_groups(), found, energy_type, period, whole_tree=is_export)
    if is_export:
        return _export(energy_type, period, rows)
    context = {
        "types": types,
        "energy_type": energy_type,
        "period": period,
        "rows": rows,
        "section": "groups",
    }
    return render(request, "energy/groups.html", context)


def totals_beside(energy_type: EnergyType, period: Period, earlier: Period) -> tuple[Totals, Totals, date]:
    """Return the use of a period, of the first days of an earlier one, and where both end."""
    number = period.days_beside(earlier)
    end = period.first + timedelta(days=number)
    # What has not been yet needs no cut: a whole month is read more quickly.
    cuts = [end] if number < period.elapsed else []
    found = totals(energy_type, period.first, period.last, cuts=cuts)
    return found, totals(energy_type, *earlier.first_days(number)), end


def _export(energy_type: EnergyType, period: Period, rows: Sequence[tree.TreeRow]) -> HttpResponse:
    titles = [
        _("设备组"),
        _("层级"),
        _("用量（%(unit)s）") % {"unit": energy_type.unit},
        _("占比"),
        _("未分到下级"),
        _("数据"),
    ]
    name = _("%(type)s 分组用量 %(period)s") % {"type": energy_type, "period": period.at}
    return exports.table_response(
        name,
        titles,
        (
            [
                row.name,
                row.depth,
                energy_type.amount(row.amount),
                row.share,
                None if row.rest is None else energy_type.amount(row.rest),
                row.coverage.text,
            ]
            for row in rows
        ),
    )


@may_view
def group(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one group: its use over time, the groups below it, its own meters, its unit consumption."""
    return _group_page(request, get_object_or_404(DeviceGroup.objects.select_related("parent"), pk=pk))


def _group_page(
    request: HttpRequest, shown: DeviceGroup, *, attach: AttachForm | None = None
) -> HttpResponse:
    types = pages.shown_types()
    energy_type, period = chosen_type(request, types), chosen_period(request)
    if energy_type is None:
        return render(request, "energy/nothing.html", {"section": "groups"})
    earlier = period.earlier()
    found, before, end = totals_beside(energy_type, period, earlier)
    at = found.plant.groups[shown.pk]
    use, use_before = int(found.groups[at]), int(before.groups[at])
    use_beside = int(found.before(end)[1][at])
    groups = pages.all_groups()
    can_change = request.user.has_perm("energy.change_attachment")
    attachments = pages.attachments_of(shown, energy_type, period.first)
    context = {
        "types": types,
        "energy_type": energy_type,
        "period": period,
        "group": shown,
        "parents": _parents(shown, groups),
        "use": numbers.amount(energy_type, use),
        "before": earlier,
        "change": numbers.change(use_beside, use_before),
        "rose": use_beside > use_before,
        "coverage": tree.coverage(
            int(found.group_covered[at]), round(int(found.group_expected[at]) * tree.share_of_time(period))
        ),
        "chart": _chart(found, at, energy_type, period),
        "rows": tree.tree_rows(groups, found, energy_type, period, under=shown),
        "meters": tree.meter_rows(attachments, shown, found, energy_type, period),
        "stations": stations_behind([one.device_id for one in attachments]),
        "units": unit_use(shown, energy_type.amount(use), period.first, period.so_far),
        "can_change": can_change,
        "attach": attach or (AttachForm(energy_type=energy_type) if can_change else None),
        "others": tree.options([one for one in groups if one.pk != shown.pk]) if can_change else "",
        "today": period.today.isoformat(),
        "section": "groups",
    }
    return render(request, "energy/group.html", context, status=422 if attach else 200)


def _parents(shown: DeviceGroup, groups: Sequence[DeviceGroup]) -> list[DeviceGroup]:
    by_pk = {one.pk: one for one in groups}
    above: list[DeviceGroup] = []
    parent = by_pk.get(shown.parent_id or 0)
    while parent is not None and parent not in above:
        above.insert(0, parent)
        parent = by_pk.get(parent.parent_id or 0)
    return above


def _chart(found: Totals, at: int, energy_type: EnergyType, period: Period) -> Any:
    """Draw the days of a month, or the months of a year; a single day has no smaller steps here."""
    if period.kind == "day":
        return ""
    if period.kind == "year":
        months: dict[int, int] = {}
        for (start, _end), amount in zip(found.parts, found.group_parts[at].tolist(), strict=True):
            months[start.month] = months.get(start.month, 0) + amount
        ticks = [_("%(month)s 月") % {"month": month} for month in range(1, 13)]
        values = [
            float(energy_type.amount(months[month])) if months.get(month) else None for month in range(1, 13)
        ]
        return tree.parts_chart(ticks, values, title=_("各月用量"), unit=energy_type.unit)
    spans = found.spans
    weights = [
        (span.start, span.end, pages.meter_weights(found.plant, span.signs[at].tolist())) for span in spans
    ]
    days = pages.use_of_days(weights)
    dates = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]
    return tree.parts_chart(
        [f"{day:%m-%d}" for day in dates],
        [float(energy_type.amount(days[day])) if day in days else None for day in dates],
        title=_("每日用量"),
        unit=energy_type.unit,
    )


# --- what can be done -------------------------------------------------------------------------


@require_POST
@may_change
def attach(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a meter belong to this group from a day on."""
    shown = get_object_or_404(DeviceGroup.objects.select_related("parent"), pk=pk)
    form = AttachForm(request.POST)
    if not form.is_valid():
        return _group_page(request, shown, attach=form)
    given = form.cleaned_data
    try:
        structure.attach_meter(given["device"], group=shown, start=given["start"], sign=given["sign"])
    except AppError as refusal:
        form.add_error(None, refusal.message)
        return _group_page(request, shown, attach=form)
    messages.success(request, _("%(device)s 已归入本组。") % {"device": given["device"]})
    return _back(request, shown)


@require_POST
@may_change
def move(request: HttpRequest, pk: int, attachment: int) -> HttpResponse:
    """Let a meter of this group belong to another one from a day on, or to none."""
    shown = get_object_or_404(DeviceGroup, pk=pk)
    found = get_object_or_404(Attachment.objects.select_related("device"), pk=attachment, group=shown)
    form = MoveForm(request.POST) if request.POST.get("group") else EndForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return _back(request, shown)
    day = form.cleaned_data["day"]
    try:
        if isinstance(form, MoveForm):
            structure.move_meter(found, group=form.cleaned_data["group"], day=day)
            done = _("%(device)s 自 %(day)s 起归入“%(group)s”。")
        else:
            structure.end_attachment(found, end=day)
            done = _("%(device)s 自 %(day)s 起不再属于本组。")
    except AppError as refusal:
        messages.error(request, refusal.message)
    else:
        words = {"device": found.device, "day": day, "group": form.cleaned_data.get("group", "")}
        messages.success(request, done % words)
    return _back(request, shown)


def _back(request: HttpRequest, shown: DeviceGroup) -> HttpResponse:
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(f"{shown_url(shown)}{f'?{query}' if query else ''}")


def shown_url(shown: DeviceGroup) -> str:
    """Return the address of a group's page."""
    return reverse("energy:group", args=[shown.pk])
