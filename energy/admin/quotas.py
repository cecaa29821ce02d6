"""Quotas in the admin: set up, revised with a reason, switched, filled for a year; runs to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from energy.choices import QUOTA_STATUS_TONES, RUN_OUTCOME_TONES, QuotaStatus
from energy.models import EnergyQuota, QuotaPeriodValue, QuotaRevision, QuotaRun, QuotaUsage
from energy.quota_forms import CopyForm, LastYearForm
from energy.selectors import quotas as selectors
from energy.services import quotas
from spc_site import clock
from spc_site.admin import BaseAdmin, ReadOnlyAdmin, ReadOnlyInline, Tile, badge_column, person_of, tiles
from spc_site.errors import AppError


class QuotaForm(forms.ModelForm):
    """A quota, and why it is what it is: each change of the value needs a reason."""

    reason = forms.CharField(
        label=gettext_lazy("原因"),
        max_length=255,
        required=False,
        help_text=gettext_lazy("新建或修改配额值时必填；记入修订"),
    )

    class Meta:
        model = EnergyQuota
        exclude = ()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        is_new = self.instance.pk is None
        if (is_new or {"quota_value", "unit"} & set(self.changed_data)) and not data.get(
            "reason", ""
        ).strip():
            self.add_error("reason", _("请填写原因。"))
        if data.get("converted_to") and not data.get("energy_types"):
            self.add_error("energy_types", _("综合配额要选择能源种类。"))
        return data


class PeriodValueInline(ReadOnlyInline):
    model = QuotaPeriodValue
    fields = ("period_start", "value")


class RevisionInline(ReadOnlyInline):
    model = QuotaRevision
    fields = ("at", "period_start", "old_value", "new_value", "author", "reason")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("author")


@tiles(order=150)
def quota_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show how many quotas are beyond their limits in the present periods, where there are any quotas."""
    if not request.user.has_perm("energy.view_energyquota"):
        return
    counts = selectors.counts_by_status(selectors.current_usages(timezone.localdate(clock.now())))
    if not any(counts.values()):
        return
    exceeded, alert, warning, unread = (
        counts[status]
        for status in (QuotaStatus.EXCEEDED, QuotaStatus.ALERT, QuotaStatus.WARNING, QuotaStatus.NO_DATA)
    )
    if alert or warning:
        levels = ((QuotaStatus.ALERT, alert), (QuotaStatus.WARNING, warning))
        note = " · ".join(f"{status.label} {count}" for status, count in levels if count)
    elif unread:
        note = _("%(count)d 个无数据") % {"count": unread}
    else:
        note = "" if exceeded else _("全部正常")
    tone = "red" if exceeded or alert else "amber" if warning else "grey" if unread else "green"
    yield Tile(label=_("超额的配额"), value=exceeded, tone=tone, note=note, url=reverse("energy:quotas"))


@admin.register(EnergyQuota)
class EnergyQuotaAdmin(BaseAdmin):
    """Quotas; what is changed here is evaluated at once in the background."""

    menu_order = 246
    form = QuotaForm
    inlines = (PeriodValueInline, RevisionInline)
    actions = ("switch_on", "switch_off", "from_last_year", "copy_to_year")
    list_display = (
        "name",
        "target",
        "energy_type",
        "period",
        "quota_value",
        "unit",
        "warning_threshold_pct",
        "alert_threshold_pct",
        "is_active",
    )
    list_filter = ("is_active", "period", "energy_type", "converted_to")
    list_select_related = ("energy_type", "group", "device")
    search_fields = ("name", "group__name", "device__name", "device__code")
    search_help_text = gettext_lazy("名称、设备组、设备")
    autocomplete_fields = ("device",)
    filter_horizontal = ("energy_types",)
    fieldsets = (
        (None, {"fields": ("name", ("energy_type", "period", "settlement_day"), ("group", "device"))}),
        (None, {"fields": (("quota_value", "unit"), "reason", "is_active")}),
        (
            gettext_lazy("预警"),
            {
                "fields": (
                    ("warning_threshold_pct", "alert_threshold_pct", "hysteresis_pct"),
                    "min_coverage_pct",
                    "note",
                )
            },
        ),
        (
            gettext_lazy("综合配额（折标煤、二氧化碳）"),
            {"fields": (("converted_to", "factor_region"), "energy_types"), "classes": ("collapse",)},
        ),
    )

    @admin.display(description=gettext_lazy("对象"))
    def target(self, quota: EnergyQuota) -> str:
        return str(quota.target)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Let the period of a quota stand: what was used under it is counted by its periods."""
        return ("period", "settlement_day", "energy_type", "converted_to") if obj else ()

    def save_model(self, request: HttpRequest, obj: EnergyQuota, form: Any, change: bool) -> None:
        reason, author = form.cleaned_data["reason"], person_of(request)
        if not change:
            try:
                quotas.create_quota(
                    obj, author=author, reason=reason, energy_types=form.cleaned_data["energy_types"]
                )
            except AppError as refusal:
                raise ValidationError(refusal.message) from refusal
            return
        before = EnergyQuota.objects.get(pk=obj.pk)
        wanted, is_active = obj.quota_value, obj.is_active
        obj.quota_value, obj.is_active = before.quota_value, before.is_active
        super().save_model(request, obj, form, change)
        if wanted != before.quota_value:
            quotas.revise(obj, value=wanted, author=author, reason=reason)
        if not quotas.switch(obj, is_active=is_active):
            quotas.request_evaluation(obj)

    @admin.action(description=gettext_lazy("启用"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._switch(request, queryset, is_active=True, done=_("已启用 %(count)d 个配额。"))

    @admin.action(description=gettext_lazy("停用，并关闭其报警"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._switch(request, queryset, is_active=False, done=_("已停用 %(count)d 个配额。"))

    def _switch(self, request: HttpRequest, rows: models.QuerySet, *, is_active: bool, done: str) -> None:
        def act(quota: EnergyQuota) -> None:
            if not quotas.switch(quota, is_active=is_active):
                raise AppError("unchanged", _("本来就是这样。"))

        self.act_on_each(request, rows, act, done=done)

    @admin.action(description=gettext_lazy("按上年用量设定一年的配额"), permissions=["change"])
    def from_last_year(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._fill_year(request, queryset, "from_last_year", LastYearForm, quotas.from_last_year)

    @admin.action(description=gettext_lazy("沿用上年配额到下一年"), permissions=["change"])
    def copy_to_year(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._fill_year(request, queryset, "copy_to_year", CopyForm, quotas.copy_to_year)

    def _fill_year(
        self,
        request: HttpRequest,
        queryset: models.QuerySet,
        action: str,
        form_class: type[forms.Form],
        fill: Callable[..., int],
    ) -> HttpResponse | None:
        """Ask for year, percentage and reason, then set the values of each quota."""
        form = form_class(request.POST if "confirmed" in request.POST else None)
        rows = list(queryset.select_related("energy_type", "group", "device"))
        if not form.is_valid():
            title = str(self.get_actions(request)[action][2])
            return self.ask_first(
                request,
                rows,
                action=action,
                title=title,
                question=_("将设定 %(count)d 个配额各期的值。") % {"count": len(rows)},
                lines=[str(row) for row in rows],
                form=form,
                button=_("设定"),
            )
        author: User = person_of(request)
        self.act_on_each(
            request,
            rows,
            lambda quota: fill(quota, author=author, **form.cleaned_data),
            done=_("已设定 %(count)d 个配额。"),
        )
        return None


@admin.register(QuotaUsage)
class QuotaUsageAdmin(ReadOnlyAdmin):
    """How quotas stand and stood; computed by the system."""

    menu_order = 247
    list_display = (
        "quota",
        "period_start",
        "period_end",
        "status_badge",
        "actual_value",
        "quota_value",
        "usage_rate_pct",
        "coverage_pct",
        "is_provisional",
        "is_closed",
        "calculated_at",
    )
    list_filter = ("status", "is_provisional", "is_closed", "quota__period", "quota__energy_type")
    list_select_related = ("quota",)
    search_fields = ("quota__name",)
    search_help_text = gettext_lazy("配额名称")
    date_hierarchy = "period_start"
    status_badge = badge_column("status", QUOTA_STATUS_TONES)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("daily", "top_meters")


@admin.register(QuotaRun)
class QuotaRunAdmin(ReadOnlyAdmin):
    """When quotas were checked, how long that took, what went wrong."""

    menu_order = 248
    list_display = (
        "started_at",
        "trigger",
        "outcome_badge",
        "as_of",
        "duration_ms",
        "quotas",
        "usages",
        "raised",
        "escalated",
        "resolved",
    )
    list_filter = ("outcome", "trigger", "started_at")
    outcome_badge = badge_column("outcome", RUN_OUTCOME_TONES, title=gettext_lazy("结果"))
