"""Output of production, areas, heads and shifts in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from energy.models import GroupFigure, OutputDay, Shift
from spc_site.admin import BaseAdmin


@admin.register(OutputDay)
class OutputDayAdmin(BaseAdmin):
    menu_order = 260
    list_display = ("day", "group", "product", "amount", "unit", "source", "updated_at")
    list_filter = ("group", "product")
    list_select_related = ("group",)
    date_hierarchy = "day"
    search_fields = ("product", "source")
    search_help_text = gettext_lazy("产品、来源")
    readonly_fields = ("who", "updated_at")


@admin.register(GroupFigure)
class GroupFigureAdmin(BaseAdmin):
    menu_order = 261
    list_display = ("group", "basis", "value", "start", "end")
    list_filter = ("basis",)
    list_select_related = ("group",)


@admin.register(Shift)
class ShiftAdmin(BaseAdmin):
    """Shifts are ended, not deleted: what was used in them stays theirs."""

    menu_order = 262
    list_display = ("name", "begins", "ends", "start", "end")
