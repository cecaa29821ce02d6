"""Charging orders, and the meters of their stations, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from energy.models import ChargingOrder, ChargingStation
from energy.models.charging import CHARGING_TONES
from spc_site.admin import BaseAdmin, ReadOnlyAdmin, badge_column


@admin.register(ChargingOrder)
class ChargingOrderAdmin(ReadOnlyAdmin):
    """What the charging system has told."""

    menu_order = 328
    list_display = (
        "order_number",
        "state_badge",
        "station",
        "plug",
        "started_at",
        "ended_at",
        "energy_kwh",
        "price",
    )
    list_filter = ("state", "station")
    search_fields = ("order_number", "plug")
    search_help_text = gettext_lazy("订单号、充电枪")
    date_hierarchy = "started_at"

    state_badge = badge_column("state", CHARGING_TONES)


@admin.register(ChargingStation)
class ChargingStationAdmin(BaseAdmin):
    menu_order = 329
    list_display = ("name", "device")
    list_select_related = ("device",)
    search_fields = ("name",)
    search_help_text = gettext_lazy("充电站")
    autocomplete_fields = ("device",)
