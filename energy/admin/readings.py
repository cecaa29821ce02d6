"""Readings in the admin: batches, corrections, daily use; and the layouts of files."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from energy.choices import Way
from energy.metering import Flag
from energy.models import EnergyDailySummary, ReadingBatch, ReadingCorrection, ReadingProfile
from energy.services import readings
from spc_site.admin import DASH, BaseAdmin, PrettyJSONField, ReadOnlyAdmin, badge_column, person_of

_WAY_TONES = {Way.FILE: "blue", Way.API: "green", Way.MANUAL: "amber", Way.MQTT: "green"}


@admin.register(ReadingBatch)
class ReadingBatchAdmin(ReadOnlyAdmin):
    """What came in; files and notes by hand can be taken back."""

    menu_order = 250
    list_display = (
        "__str__",
        "way_badge",
        "source",
        "taken",
        "corrected",
        "rejected",
        "who",
        "received_at",
        "undone_at",
    )
    list_filter = ("way", "received_at")
    list_select_related = ("who",)
    search_fields = ("file_name", "=batch_id", "source")
    search_help_text = gettext_lazy("文件名、批号、来源")
    date_hierarchy = "received_at"
    actions = ("undo",)
    object_actions = ("undo",)
    fields = (
        ("way_badge", "source", "batch_id"),
        ("file_name", "profile"),
        ("taken", "corrected", "unchanged", "rejected"),
        ("first_at", "last_at"),
        ("received_at", "who"),
        ("undone_at", "undone_by"),
        "rejections",
    )

    way_badge = badge_column("way", _WAY_TONES, title=gettext_lazy("途径"))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("written")

    def get_object_actions(self, request: HttpRequest, obj: ReadingBatch) -> tuple[str, ...]:
        return ("undo",) if obj.can_be_undone else ()

    @admin.action(description=gettext_lazy("撤销"), permissions=["act"])
    def undo(self, request: HttpRequest, queryset: models.QuerySet[ReadingBatch]) -> None:
        done = gettext_lazy("已撤销 %(count)d 批。")
        self.act_on_each(
            request, queryset, lambda row: readings.undo(row, who=person_of(request)), done=str(done)
        )


@admin.register(ReadingCorrection)
class ReadingCorrectionAdmin(ReadOnlyAdmin):
    menu_order = 251
    list_display = ("device", "at", "old_count", "new_count", "batch", "who", "corrected_at")
    list_select_related = ("device", "batch", "who")
    search_fields = ("device__code",)
    date_hierarchy = "corrected_at"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("batch__written", "batch__rejections")


@admin.register(EnergyDailySummary)
class EnergyDailySummaryAdmin(ReadOnlyAdmin):
    menu_order = 252
    list_display = ("date", "device", "energy_type", "total_consumption", "share", "what_happened")
    list_filter = ("energy_type", "date")
    list_select_related = ("device", "energy_type")
    search_fields = ("=device__code",)
    search_help_text = gettext_lazy("表的代码")
    date_hierarchy = "date"

    @admin.display(description=gettext_lazy("有数据"))
    def share(self, row: EnergyDailySummary) -> str:
        return f"{row.coverage:.1%}"

    @admin.display(description=gettext_lazy("标记"))
    def what_happened(self, row: EnergyDailySummary) -> str | SafeString:
        return "、".join(Flag(row.flags).words) or DASH


class _ProfileForm(forms.ModelForm):
    layout = PrettyJSONField(
        label=gettext_lazy("版式"), help_text=ReadingProfile._meta.get_field("layout").help_text
    )

    class Meta:
        model = ReadingProfile
        fields: Any = ("name", "file_pattern", "layout", "order", "is_active")


@admin.register(ReadingProfile)
class ReadingProfileAdmin(BaseAdmin):
    menu_order = 253
    form = _ProfileForm
    list_display = ("name", "file_pattern", "order", "is_active")
    search_fields = ("name", "file_pattern")
