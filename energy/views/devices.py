"""The list of meters, and one meter with its curve, days, year and history."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _

from alarms.selectors import open_about
from energy import exports
from energy.choices import CONNECTION_TONES, DEVICE_STATUS_TONES, Connection, DeviceStatus
from energy.forms import DeviceFilterForm
from energy.models import Device, DeviceMonth
from energy.presenters import device as presenter
from energy.presenters import numbers
from energy.presenters.periods import asked_period, period_of
from energy.selectors import pages
from energy.selectors.charging import stations_behind
from energy.views.tree import may_view

_PER_PAGE = 50
_CORRECTIONS = 20


@may_view
def device_list(request: HttpRequest) -> HttpResponse:
    """Show the meters, with what each used this month."""
    form = DeviceFilterForm(request.GET)
    form.is_valid()
    wanted = form.cleaned_data
    found = pages.found_devices(
        text=wanted.get("q", "").strip(),
        energy_type=wanted.get("type"),
        connection=wanted.get("connection", ""),
    )
    page = Paginator(found, _PER_PAGE).get_page(request.GET.get("page"))
    month = timezone.localdate().replace(day=1)
    used = dict(
        DeviceMonth.objects.filter(
            device__in=[device.pk for device in page.object_list], month=month
        ).values_list("device_id", "amount")
    )
    rows = [
        {
            "device": device,
            "use": numbers.amount(device.energy_type, used.get(device.pk)),
            "connection": Connection(device.connection).label,
            "connection_tone": CONNECTION_TONES[Connection(device.connection)],
        }
        for device in page.object_list
    ]
    context = {
        "form": form,
        "page": page,
        "rows": rows,
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "section": "devices",
    }
    return render(request, "energy/devices.html", context)


@may_view
def device(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one meter: the day asked for, its month, its year."""
    shown = get_object_or_404(Device.objects.select_related("energy_type"), pk=pk)
    today = timezone.localdate()
    day = asked_period("day", request.GET.get("day", ""), today, kinds=("day",), default="day")
    month, year = period_of("month", day.first, today), period_of("year", day.first, today)
    weights = pages.device_weights(shown)
    days = pages.days_of(weights, year.earlier().first, max(year.last, today))
    if request.GET.get("format") == "xlsx":
        return _export(shown, days)
    curve = pages.load_curve(shown, weights, day.first)
    energy_type = shown.energy_type
    stored = DeviceMonth.objects.filter(device=shown, month=month.first).first()
    corrections = shown.corrections.select_related("who", "batch")[:_CORRECTIONS]
    status, connection = DeviceStatus(shown.status), Connection(shown.connection)
    demand = numbers.power(energy_type, stored.demand if stored else None)
    context = {
        "device": shown,
        "energy_type": energy_type,
        "power_unit": numbers.power_unit(energy_type),
        "status": status.label,
        "status_tone": DEVICE_STATUS_TONES[status],
        "connection": connection.label,
        "connection_tone": CONNECTION_TONES[connection],
        "day": day,
        "day_use": numbers.amount(energy_type, days[day.first].amount if day.first in days else None),
        "month": month,
        "compared": [
            presenter.compared(
                days, energy_type, _("本月至今") if month.is_current else month.label, month, month.earlier()
            ),
            presenter.compared(days, energy_type, _("同比上年同月"), month, month.earlier(years=1)),
            presenter.compared(
                days, energy_type, _("本年至今") if year.is_current else year.label, year, year.earlier()
            ),
        ],
        "coverage": presenter.period_coverage(days, month),
        "demand": numbers.shown(demand),
        "demand_at": presenter.local(stored.demand_at) if stored else "",
        "peak": presenter.largest(curve, day.first),
        "load": presenter.load_chart(curve, energy_type, day.first),
        "days": presenter.month_chart(days, energy_type, month),
        "year": presenter.year_chart(days, energy_type, year),
        "year_label": year.label,
        "flagged": presenter.flagged_days(days, month),
        "corrections": presenter.correction_rows(shown, list(corrections)),
        "changes": list(shown.changes.select_related("who")[:_CORRECTIONS]),
        "ratios": list(shown.ratios.all()),
        "attachments": list(shown.attachments.select_related("group").order_by("-start")),
        "upstream": list(shown.upstream.select_related("behind").order_by("-start")),
        "stations": stations_behind([shown.pk]),
        "alarms": open_about(request.user, f"energy.device:{shown.pk}"),
        "can_admin": request.user.has_perm("energy.change_device"),
        "section": "devices",
    }
    return render(request, "energy/device.html", context)


def _export(shown: Device, days: dict) -> HttpResponse:
    titles = [_("日期"), _("用量（%(unit)s）") % {"unit": shown.energy_type.unit}, _("数据比例"), _("说明")]
    return exports.table_response(
        f"{shown.code} {_('每日用量')}",
        titles,
        (
            [
                day.isoformat(),
                shown.energy_type.amount(use.amount),
                round(use.covered_s / 86_400, 4),
                "；".join(presenter.words_of(use.flags)),
            ]
            for day, use in sorted(days.items())
        ),
    )
