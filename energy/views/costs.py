"""What energy costs, demands, unit consumption, standard coal and carbon dioxide, ranks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from energy import exports
from energy.choices import FactorKind
from energy.forms import OutputFileForm, OutputForm, TariffFileForm
from energy.importing import output as output_files
from energy.importing import tariffs as tariff_files
from energy.importing.output import Output
from energy.models import Device, DeviceGroup, EnergyType
from energy.presenters import costs as presenter
from energy.presenters import numbers, unit_days
from energy.presenters.periods import Period
from energy.selectors import carbon, pages
from energy.selectors.costs import demands_of_devices, demands_of_groups, month_costs
from energy.selectors.group_days import group_days
from energy.selectors.output import output_days, unit_uses
from energy.selectors.totals import Totals, totals
from energy.services import output as output_services
from energy.services import tariffs as tariff_services
from energy.views.tree import chosen_period, chosen_type, may_view, totals_beside
from spc_site.errors import AppError
from spc_site.lib.sheets import Limits
from spc_site.uploads import language

may_view_costs = permission_required("energy.view_tariff", raise_exception=True)
may_change_tariffs = permission_required("energy.change_tariff", raise_exception=True)
may_add_output = permission_required("energy.add_outputday", raise_exception=True)

_PER_PAGE = 50
_MONTHS = ("month",)
_MOST_PROBLEMS = 30
_RANKS = 30


def _nothing(request: HttpRequest) -> HttpResponse:
    return render(request, "energy/nothing.html", {"section": "costs"})


def _roots(groups: Sequence[DeviceGroup]) -> list[int]:
    return [group.pk for group in groups if group.parent_id is None]


@may_view
@may_view_costs
def costs(request: HttpRequest) -> HttpResponse:
    """Show what a month cost, by groups or meters, split by the bands of the tariff."""
    types = pages.shown_types()
    energy_type, period = chosen_type(request, types), chosen_period(request, kinds=_MONTHS)
    if energy_type is None:
        return _nothing(request)
    groups = pages.all_groups()
    found = month_costs(energy_type, period.first, _roots(groups))
    by = "devices" if request.GET.get("by") == "devices" else "groups"
    is_export = request.GET.get("format") == "xlsx"
    if by == "groups":
        rows = presenter.group_rows(groups, found, energy_type, period, whole_tree=is_export)
        page = None
    else:
        devices = Device.objects.filter(energy_type=energy_type)
        costly = presenter.by_cost(found)
        page = Paginator(costly, _PER_PAGE).get_page(request.GET.get("page"))
        wanted = costly if is_export else page.object_list
        rows = presenter.device_rows(devices.in_bulk(list(wanted)), list(wanted), found, energy_type)
    bands = presenter.shown_bands(found)
    if is_export:
        return _export_costs(energy_type, period, rows)
    context = {
        "types": types,
        "energy_type": energy_type,
        "period": period,
        "by": by,
        "rows": rows,
        "page": page,
        "bands": bands,
        "rates": presenter.rate_cards(found, energy_type),
        "charges": presenter.charge_rows(found.charges, energy_type) if found.charges else [],
        "total": numbers.money(found.charges.total) if found.charges else "",
        "is_due": found.is_due,
        "has_uncovered_days": found.has_uncovered_days,
        "can_edit": request.user.has_perm("energy.change_tariff"),
        "file_form": TariffFileForm(),
        "section": "costs",
    }
    return render(request, "energy/costs.html", context)


def _export_costs(energy_type: EnergyType, period: Period, rows: Sequence[presenter.CostRow]) -> HttpResponse:
    titles = [
        _("名称"),
        *(str(band.label) for band in presenter.BANDS),
        _("合计（%(unit)s）") % {"unit": energy_type.unit},
    ]
    return exports.table_response(
        _("%(type)s 分时电量与费用 %(period)s") % {"type": energy_type, "period": period.at},
        [*titles, _("费用（元）")],
        (
            [
                row.name,
                *(energy_type.amount(steps) for steps in row.cost.bands),
                energy_type.amount(row.cost.amount),
                row.cost.money,
            ]
            for row in rows
        ),
    )


@require_POST
@may_change_tariffs
def import_tariffs(request: HttpRequest) -> HttpResponse:
    """Take in tariffs from a table, whole or not at all."""
    form = TariffFileForm(request.POST, request.FILES)
    problems = [_("请选择文件。")]
    if form.is_valid():
        problems = _stored_tariffs(form.cleaned_data["file"])
    if problems:
        return render(
            request, "energy/tariff_problems.html", {"problems": problems, "section": "costs"}, status=422
        )
    messages.success(request, _("单价已导入，分时结果将重新计算。"))
    return redirect("energy:costs")


def _stored_tariffs(file: UploadedFile) -> list[str]:
    """Store the tariffs of a file; return what is wrong with it instead."""
    if (file.size or 0) > Limits().file_bytes:
        return [_("文件太大。")]
    parsed = tariff_files.parse(file.read(), tariff_services.known_types())
    if parsed.problems:
        return [tariff_files.WORDING.line(one, language()) for one in parsed.problems[:_MOST_PROBLEMS]]
    try:
        tariff_services.store_tariffs(parsed.tariffs)
    except AppError as refusal:
        return [refusal.message]
    return []


@may_view
def demand(request: HttpRequest) -> HttpResponse:
    """Show the largest 15-minute mean of a month, of every group and meter, with its moment."""
    types = pages.shown_types()
    energy_type, period = chosen_type(request, types), chosen_period(request, kinds=_MONTHS)
    if energy_type is None:
        return _nothing(request)
    of_groups = demands_of_groups(energy_type, period.first)
    groups = presenter.demand_rows(
        [(str(one), one, of_groups.get(one.pk)) for one in pages.all_groups()], energy_type, "energy:group"
    )
    of_devices = demands_of_devices(energy_type, period.first)
    page = Paginator(of_devices, _PER_PAGE).get_page(request.GET.get("page"))
    is_export = request.GET.get("format") == "xlsx"
    wanted = of_devices if is_export else list(page.object_list)
    devices = Device.objects.in_bulk([pk for pk, _demand in wanted])
    meters = presenter.demand_rows(
        [(str(devices[pk]), devices[pk], found) for pk, found in wanted], energy_type, "energy:device"
    )
    unit = numbers.power_unit(energy_type)
    if is_export:
        return exports.table_response(
            _("%(type)s 最大需量 %(period)s") % {"type": energy_type, "period": period.at},
            [_("名称"), _("类别"), _("最大需量（%(unit)s）") % {"unit": unit}, _("发生时刻")],
            (
                [row.name, kind, row.power, row.at]
                for kind, its in ((_("设备组"), groups), (_("设备"), meters))
                for row in its
            ),
        )
    context = {
        "types": types,
        "energy_type": energy_type,
        "period": period,
        "unit": unit,
        "groups": groups,
        "meters": meters,
        "page": page,
        "section": "costs",
    }
    return render(request, "energy/demand.html", context)


@may_view
def units(request: HttpRequest) -> HttpResponse:
    """Show use for each unit of output, square metre and head, by groups."""
    return _units_page(request)


def _units_page(
    request: HttpRequest,
    *,
    form: OutputForm | None = None,
    file_form: OutputFileForm | None = None,
    problems: Sequence[str] = (),
) -> HttpResponse:
    types = pages.shown_types()
    energy_type, period = chosen_type(request, types), chosen_period(request)
    if energy_type is None:
        return _nothing(request)
    groups = pages.all_groups()
    earlier = period.earlier().first_days(period.elapsed)
    found = totals(energy_type, period.first, period.last)
    now = _uses(found, energy_type)
    before = _uses(totals(energy_type, *earlier), energy_type)
    made = unit_uses(list(now), now, period.first, period.so_far)
    rows = presenter.unit_rows(
        groups,
        made,
        unit_uses(list(before), before, *earlier),
        now,
        energy_type,
    )
    if request.GET.get("format") == "xlsx":
        return exports.table_response(
            _("%(type)s 单耗 %(period)s") % {"type": energy_type, "period": period.at},
            [_("设备组"), _("产品或指标"), _("数量"), _("单位"), _("用量"), _("单耗"), _("单耗单位")],
            ([row.group, row.name, row.amount, row.unit, row.use, row.per_unit, row.per] for row in rows),
        )
    can_add = request.user.has_perm("energy.add_outputday")
    every = unit_days.all_series(groups, made) if period.kind != "day" else []
    series = unit_days.chosen(every, request.GET.get("series", ""), now)
    days = _unit_days(found, series, energy_type, period) if series else []
    context = {
        "types": types,
        "energy_type": energy_type,
        "period": period,
        "rows": rows,
        "chart": presenter.unit_chart(rows),
        "every": every,
        "series": series,
        "days": days,
        "course": unit_days.course_chart(days, series, energy_type) if series else "",
        "can_add": can_add,
        "form": form or OutputForm(),
        "file_form": file_form or OutputFileForm(),
        "problems": problems,
        "section": "costs",
    }
    return render(request, "energy/units.html", context, status=422 if problems or form else 200)


def _unit_days(
    found: Totals, series: unit_days.Series, energy_type: EnergyType, period: Period
) -> list[unit_days.UnitDay]:
    """Return the days of one group and product. Two queries."""
    uses = group_days(energy_type, found, series.group.pk)
    outputs = output_days(series.group.pk, series.product, series.unit, period.first, period.so_far)
    return unit_days.unit_days(uses, outputs, energy_type, period)


def _uses(found: Totals, energy_type: EnergyType) -> dict[int, Decimal]:
    return {pk: energy_type.amount(int(found.groups[place])) for pk, place in found.plant.groups.items()}


@require_POST
@may_add_output
def add_output(request: HttpRequest) -> HttpResponse:
    """Take in one day's output typed by hand."""
    form = OutputForm(request.POST)
    if not form.is_valid():
        return _units_page(request, form=form)
    given = form.cleaned_data
    row = Output(given["group"].pk, given["day"], given["product"], given["amount"], given["unit"])
    assert isinstance(request.user, User)
    output_services.record_output([row], who=request.user, source=_("手工录入"))
    messages.success(request, _("产量已记录。"))
    return redirect("energy:units")


@require_POST
@may_add_output
def import_output(request: HttpRequest) -> HttpResponse:
    """Take in a table of output, whole or not at all."""
    form = OutputFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _units_page(request, file_form=form, problems=[_("请选择文件。")])
    file = form.cleaned_data["file"]
    if file.size > Limits().file_bytes:
        return _units_page(request, problems=[_("文件太大。")])
    parsed = output_files.parse(file.read(), output_services.known_groups())
    if parsed.problems:
        lines = [output_files.WORDING.line(one, language()) for one in parsed.problems[:_MOST_PROBLEMS]]
        return _units_page(request, problems=lines)
    assert isinstance(request.user, User)
    try:
        count = output_services.record_output(parsed.rows, who=request.user, source=file.name)
    except AppError as refusal:
        return _units_page(request, problems=[refusal.message])
    messages.success(request, _("已导入 %(count)s 行产量。") % {"count": count})
    return redirect("energy:units")


@may_view
def conversion(request: HttpRequest) -> HttpResponse:
    """Show all energy types as standard coal and carbon dioxide, with the factors and their sources."""
    types, period = pages.shown_types(), chosen_period(request)
    if not types:
        return _nothing(request)
    uses = carbon.type_uses(types, period.first, period.last, _roots(pages.all_groups()))
    rows = presenter.conversion_rows(uses, period)
    kinds = [kind for kind in FactorKind if any(use.converted[kind].factors for use in uses)]
    sums = presenter.conversion_sums(uses, kinds)
    if request.GET.get("format") == "xlsx":
        return exports.table_response(
            _("折标煤与碳排放 %(period)s") % {"period": period.at},
            [_("能源种类"), _("用量"), _("单位"), *(str(kind.label) for kind in kinds), _("系数与出处")],
            (
                [
                    str(use.energy_type),
                    use.use,
                    use.energy_type.unit,
                    *(use.converted[kind].amount for kind in kinds),
                    "；".join(presenter.factor_words(use)),
                ]
                for use in uses
            ),
        )
    context = {
        "period": period,
        "rows": rows,
        "kinds": kinds,
        "sums": sums,
        "can_edit": request.user.has_perm("energy.change_conversionfactor"),
        "section": "costs",
    }
    return render(request, "energy/conversion.html", context)


@may_view
def ranking(request: HttpRequest) -> HttpResponse:
    """Show who uses most: groups or meters, with the change against the period before."""
    types = pages.shown_types()
    energy_type, period = chosen_type(request, types), chosen_period(request)
    if energy_type is None:
        return _nothing(request)
    by = "devices" if request.GET.get("by") == "devices" else "groups"
    earlier = period.earlier()
    found, before, end = totals_beside(energy_type, period, earlier)
    is_export = request.GET.get("format") == "xlsx"
    ranked = presenter.ranked(found, before, by, end=end, limit=None if is_export else _RANKS)
    model = Device if by == "devices" else DeviceGroup
    names = {pk: str(row) for pk, row in model._default_manager.in_bulk([row[0] for row in ranked]).items()}
    rows = presenter.rank_rows(ranked, names, by, energy_type)
    if is_export:
        return exports.table_response(
            _("%(type)s 用量排名 %(period)s") % {"type": energy_type, "period": period.at},
            [_("名次"), _("名称"), _("用量（%(unit)s）") % {"unit": energy_type.unit}, _("上期"), _("变化")],
            ([row.place, row.name, row.use, row.before, row.change] for row in rows),
        )
    context = {
        "types": types,
        "energy_type": energy_type,
        "period": period,
        "before": earlier,
        "by": by,
        "rows": rows,
        "section": "ranking",
    }
    return render(request, "energy/ranking.html", context)


__all__ = [
    "add_output",
    "conversion",
    "costs",
    "demand",
    "import_output",
    "import_tariffs",
    "ranking",
    "units",
]
