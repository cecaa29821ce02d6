"""The quota board, the page of one quota, and what managers change there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from alarms.selectors import possible_owners
from energy.choices import QuotaStatus
from energy.models import EnergyQuota
from energy.periods import of_year
from energy.presenters import quotas as present
from energy.quota_forms import BoardFilter, CopyForm, LastYearForm, ReviseForm, SplitForm
from energy.selectors import quotas as selectors
from energy.services import quotas
from spc_site import clock
from spc_site.errors import AppError

_PER_PAGE = 30
may_view = permission_required("energy.view_energyquota", raise_exception=True)
may_change = permission_required("energy.change_energyquota", raise_exception=True)
may_add = permission_required("energy.add_energyquota", raise_exception=True)


@may_view
def board(request: HttpRequest) -> HttpResponse:
    """Show how every quota stands in its present period, the worst first."""
    today = timezone.localdate(clock.now())
    form = BoardFilter(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    group = asked.get("group")
    usages = selectors.current_usages(
        today,
        energy_type=asked.get("type", ""),
        group=group.pk if group else None,
        period=asked.get("period", ""),
        text=asked.get("q", "").strip(),
    )
    counts = selectors.counts_by_status(usages)
    level = request.GET.get("level", "")
    level = level if level in QuotaStatus.values else ""
    page = Paginator(usages.filter(status=level) if level else usages, _PER_PAGE).get_page(
        request.GET.get("page")
    )
    tabs = [("", _("全部"), sum(counts.values()))]
    tabs += [(status.value, str(status.label), counts[status]) for status in reversed(QuotaStatus)]
    context = {
        "verdict": present.verdict(counts),
        "tabs": tabs,
        "level": level,
        "form": form,
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "page": page,
        "rows": [present.row(usage, today) for usage in page.object_list],
        "last_check": quotas.last_check(),
        "is_silent": quotas.is_silent(),
        "unchecked": selectors.unchecked_count(today),
        "section": "quotas",
    }
    return render(request, "energy/quotas.html", context)


@may_view
def quota(request: HttpRequest, pk: int, first: date | None = None) -> HttpResponse:
    """Show one quota in a period: how it stands, where it leads, who uses most, what was done."""
    today = timezone.localdate(clock.now())
    found = selectors.quota_detail(request.user, pk, first=first, today=today)
    if found is None or (first is not None and found.usage is None):
        raise Http404
    usage, alarm = found.usage, found.alarm
    next_year = today.year + 1
    context = {
        "quota": found.quota,
        "usage": usage,
        "row": present.row(usage, today) if usage else None,
        "chart": present.course_chart(usage) if usage else "",
        "top": present.top_meters(usage) if usage else [],
        "periods": present.period_rows(found.usages, today),
        "revisions": found.revisions,
        "alarm": alarm,
        "alarms": found.alarms,
        "owners": possible_owners() if alarm and alarm.is_open else [],
        "can_act": request.user.has_perm("alarms.change_alarm"),
        "revise_form": ReviseForm(
            initial={"value": f"{found.quota.quota_value.normalize():f}", "unit": found.quota.unit}
        ),
        "last_year_form": LastYearForm(initial={"year": next_year}, prefix="last"),
        "copy_form": CopyForm(initial={"year": next_year}, prefix="copy"),
        "split_form": SplitForm(prefix="split"),
        "section": "quotas",
    }
    return render(request, "energy/quota.html", context)


@require_POST
@may_change
def revise(request: HttpRequest, pk: int) -> HttpResponse:
    """Store a new value with its reason."""

    def change(found: EnergyQuota, asked: dict[str, object], user: User) -> str:
        first = date.fromisoformat(request.POST.get("period_start") or "0001-01-01")
        revision = quotas.revise(
            found,
            value=asked["value"],  # type: ignore[arg-type]
            unit=str(asked["unit"]),
            author=user,
            reason=str(asked["reason"]),
            period_start=first if asked["scope"] == "period" else None,
        )
        return _("配额已修改，正在重新计算。") if revision else _("配额没有变化。")

    return _act(request, pk, ReviseForm(request.POST), change)


@require_POST
@may_change
def from_last_year(request: HttpRequest, pk: int) -> HttpResponse:
    """Set a year's quotas from the use of the year before."""
    return _fill_year(request, pk, LastYearForm(request.POST, prefix="last"), quotas.from_last_year)


@require_POST
@may_change
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a year's quotas over to the next."""
    return _fill_year(request, pk, CopyForm(request.POST, prefix="copy"), quotas.copy_to_year)


@require_POST
@may_add
def split(request: HttpRequest, pk: int) -> HttpResponse:
    """Divide a quota among the groups below."""

    def change(found: EnergyQuota, asked: dict[str, object], user: User) -> str:
        made = quotas.split(found, by_use=asked["by"] == "use", author=user, reason=str(asked["reason"]))
        return ngettext("已分解为 %(count)d 个配额。", "已分解为 %(count)d 个配额。", len(made)) % {
            "count": len(made)
        }

    return _act(request, pk, SplitForm(request.POST, prefix="split"), change)


def _fill_year(request: HttpRequest, pk: int, form: forms.Form, fill: Callable[..., int]) -> HttpResponse:
    def change(found: EnergyQuota, asked: dict[str, object], user: User) -> str:
        count = fill(
            found,
            year=asked["year"],
            percent_less=asked["percent_less"],
            author=user,
            reason=str(asked["reason"]),
        )
        total = len(of_year(int(str(asked["year"])), found.period, found.settlement_day))
        return _("%(year)d 年共 %(total)d 个周期，已设定或修改 %(count)d 个。") % {
            "year": asked["year"],
            "total": total,
            "count": count,
        }

    return _act(request, pk, form, change)


def _act(
    request: HttpRequest,
    pk: int,
    form: forms.Form,
    change: Callable[[EnergyQuota, dict[str, object], User], str],
) -> HttpResponse:
    """Change one quota, say how it went, and go back to its page."""
    found = get_object_or_404(EnergyQuota.objects.select_related("energy_type", "group"), pk=pk)
    assert isinstance(request.user, User)
    if not form.is_valid():
        for name, errors in form.errors.items():
            label = form.fields[name].label if name in form.fields else ""
            messages.error(request, f"{label} {' '.join(map(str, errors))}".strip())
    else:
        try:
            messages.success(request, change(found, form.cleaned_data, request.user))
        except AppError as refusal:
            messages.error(request, refusal.message)
    return HttpResponseRedirect(reverse("energy:quota", args=[pk]))
