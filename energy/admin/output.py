"""Output of production, areas and heads in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from energy.models import GroupFigure, OutputDay
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
