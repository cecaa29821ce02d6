"""Charging of electric vehicles: the orders of a month, and the file that brings them."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from energy import exports
from energy.forms import ChargingFileForm
from energy.importing import charging as files
from energy.models import ChargingOrder
from energy.models.charging import CHARGING_TONES, ChargingState
from energy.presenters import charging as presenter
from energy.presenters import numbers
from energy.presenters.periods import Period
from energy.selectors import charging as selectors
from energy.services import charging as services
from energy.views.tree import chosen_period
from spc_site.errors import AppError
from spc_site.uploads import language

may_view = permission_required("energy.view_chargingorder", raise_exception=True)
may_add = permission_required("energy.add_chargingorder", raise_exception=True)

_MONTHS = ("month",)
_PER_PAGE = 50
_MOST_PROBLEMS = 30
_FIELDS = ("order_number", "station", "plug", "state", "started_at", "ended_at", "energy_kwh", "price")


@may_view
def board(request: HttpRequest) -> HttpResponse:
    """Show what was charged in a month, by day, station and plug, and the orders."""
    return _page(request)


def _page(request: HttpRequest, *, problems: Sequence[str] = ()) -> HttpResponse:
    period = chosen_period(request, kinds=_MONTHS)
    station = request.GET.get("station", "")
    orders = selectors.charging_orders(period.first, period.last, station)
    if request.GET.get("format") == "xlsx":
        return _export(period, station, orders)
    uses = selectors.charging_uses(period.first, period.last)
    shown = [use for use in uses if not station or use.station == station]
    found = presenter.sums(shown)
    page = Paginator(orders, _PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "period": period,
        "station": station,
        "stations": selectors.stations(),
        "sums": found,
        "energy_shown": numbers.shown(found.energy_kwh),
        "energy": presenter.exact(found.energy_kwh),
        "price": numbers.money(found.price),
        "mean_price": presenter.unit_price(found.mean_price),
        "mean_duration": presenter.duration(found.mean_duration),
        "chart": presenter.day_chart(shown, period) if shown else "",
        "rows": presenter.station_rows(uses, selectors.station_meters(period.first), period),
        "page": page,
        "orders": [_shown(order) for order in page.object_list],
        "can_add": request.user.has_perm("energy.add_chargingorder"),
        "file_form": ChargingFileForm(),
        "problems": problems,
        "section": "charging",
    }
    return render(request, "energy/charging.html", context, status=422 if problems else 200)


def _shown(order: ChargingOrder) -> dict[str, object]:
    state = ChargingState(order.state)
    return {
        "row": order,
        "state": state.label,
        "tone": CHARGING_TONES[state],
        "energy": numbers.DASH if order.energy_kwh is None else presenter.exact(order.energy_kwh),
        "price": numbers.money(order.price),
        "duration": presenter.duration(order.ended_at - order.started_at if order.ended_at else None),
    }


def _export(period: Period, station: str, orders: QuerySet[ChargingOrder]) -> HttpResponse:
    """Hand the orders out under titles by which they can be taken in again."""
    names = {field.name: str(field.verbose_name) for field in ChargingOrder._meta.fields}
    name = _("充电订单 %(period)s %(station)s") % {"period": period.at, "station": station}
    return exports.table_response(
        name.strip(),
        [names[name] for name in _FIELDS],
        (
            [str(one.get_state_display()) if name == "state" else getattr(one, name) for name in _FIELDS]
            for one in orders.iterator()
        ),
    )


@require_POST
@may_add
def import_orders(request: HttpRequest) -> HttpResponse:
    """Take in a file of orders, whole or not at all."""
    form = ChargingFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, problems=[_("请选择文件。")])
    given: UploadedFile = form.cleaned_data["file"]
    if (given.size or 0) > services.LIMITS.file_bytes:
        return _page(request, problems=[_("文件太大。")])
    file = services.check_file(given.read())
    if file.problems:
        return _page(request, problems=_lines(file))
    try:
        stored = services.store_many(file.orders)
    except AppError as refusal:
        return _page(request, problems=[refusal.message])
    messages.success(
        request,
        _("已导入：新增 %(new)d 个订单，完成 %(completed)d 个，相同 %(same)d 个。")
        % {"new": len(stored.begun), "completed": len(stored.completed), "same": stored.same},
    )
    return redirect("energy:charging")


def _lines(file: services.CheckedFile) -> list[str]:
    lines = [files.WORDING.line(one, language()) for one in file.problems[:_MOST_PROBLEMS]]
    more = len(file.problems) - len(lines)
    return [*lines, _("……还有 %(count)d 处") % {"count": more}] if more else lines
