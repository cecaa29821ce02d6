"""Tariffs, the calendar of work and power factors in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from energy.models import CalendarDay, PowerFactor, Tariff, TariffPrice, TariffSpan
from spc_site.admin import BaseAdmin


class PriceInline(admin.TabularInline):
    model = TariffPrice
    extra = 0
    max_num = 5


class SpanInline(admin.TabularInline):
    model = TariffSpan
    extra = 0


@admin.register(Tariff)
class TariffAdmin(BaseAdmin):
    """Dated tariffs; what they change is computed again in the background."""

    menu_order = 256
    list_display = ("name", "energy_type", "start", "end", "demand_basis", "source")
    list_filter = ("energy_type",)
    list_select_related = ("energy_type",)
    search_fields = ("name", "source")
    search_help_text = gettext_lazy("名称、出处")
    inlines = (PriceInline, SpanInline)
    fieldsets = (
        (None, {"fields": ("name", "energy_type", ("start", "end"), "source")}),
        (
            gettext_lazy("基本电费与力调"),
            {"fields": (("demand_basis", "demand_price", "capacity_kva"), "power_factor_target")},
        ),
    )


@admin.register(CalendarDay)
class CalendarDayAdmin(BaseAdmin):
    menu_order = 257
    list_display = ("day", "kind", "name")
    list_filter = ("kind",)
    date_hierarchy = "day"


@admin.register(PowerFactor)
class PowerFactorAdmin(BaseAdmin):
    menu_order = 258
    list_display = ("month", "energy_type", "value")
    list_filter = ("energy_type",)
    list_select_related = ("energy_type",)
