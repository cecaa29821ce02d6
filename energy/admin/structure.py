"""Energy types, groups and meters in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from energy.choices import CONNECTION_TONES, DEVICE_STATUS_TONES
from energy.models import (
    AlarmRule,
    Attachment,
    ConversionFactor,
    Device,
    DeviceGroup,
    DeviceRatio,
    EnergyType,
    MeterChange,
    UpstreamLink,
    VirtualPart,
)
from energy.services import days, watching
from spc_site.admin import BaseAdmin, badge_column, person_of


class FactorInline(admin.TabularInline):
    model = ConversionFactor
    extra = 0


@admin.register(EnergyType)
class EnergyTypeAdmin(BaseAdmin):
    """Kinds of energy; the step that uses are kept in stands once there are any."""

    menu_order = 240
    list_display = ("name", "code", "unit", "step", "is_active")
    search_fields = ("name", "code")
    search_help_text = gettext_lazy("名称、代码")
    inlines = (FactorInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("step",) if obj is not None and obj.devices.filter(days__isnull=False).exists() else ()


@admin.register(DeviceGroup)
class DeviceGroupAdmin(BaseAdmin):
    menu_order = 241
    list_display = ("name", "code", "parent", "order")
    list_select_related = ("parent",)
    search_fields = ("name", "code")
    search_help_text = gettext_lazy("名称、代码")
    autocomplete_fields = ("parent",)


class RatioInline(admin.TabularInline):
    model = DeviceRatio
    extra = 0


class AttachmentInline(admin.TabularInline):
    """Attachments end; they are not deleted, so that the past keeps them."""

    model = Attachment
    extra = 0
    can_delete = False
    autocomplete_fields = ("group",)


class UpstreamInline(admin.TabularInline):
    model = UpstreamLink
    fk_name = "device"
    extra = 0
    can_delete = False
    autocomplete_fields = ("behind",)


class PartInline(admin.TabularInline):
    model = VirtualPart
    fk_name = "device"
    extra = 0
    autocomplete_fields = ("part",)


@admin.register(Device)
class DeviceAdmin(BaseAdmin):
    """Meters; what their days follow from has them computed again when it is changed."""

    menu_order = 242
    list_display = (
        "code",
        "name",
        "energy_type",
        "status_badge",
        "connection_badge",
        "last_reading_at",
        "gateway",
        "location",
    )
    list_filter = ("energy_type", "status", "connection", "kind", "reading_kind")
    list_select_related = ("energy_type",)
    search_fields = ("code", "name", "location", "=gateway")
    search_help_text = gettext_lazy("代码、名称、位置、网关")
    actions = ("compute_again",)
    object_actions = ("compute_again",)
    readonly_fields = ("connection", "connection_since", "last_reading_at")
    inlines = (RatioInline, AttachmentInline, UpstreamInline, PartInline)
    fieldsets = (
        (
            None,
            {"fields": (("code", "name"), ("energy_type", "kind", "status"), ("location", "gateway"))},
        ),
        (
            gettext_lazy("读数"),
            {"fields": (("reading_kind", "label"), ("count_size", "interval_s", "silent_after_s"))},
        ),
        (
            gettext_lazy("异常判断"),
            {"fields": (("modulus", "max_per_hour", "tolerance"),)},
        ),
        (gettext_lazy("连接"), {"fields": (("connection", "connection_since", "last_reading_at"),)}),
    )

    status_badge = badge_column("status", DEVICE_STATUS_TONES, title=gettext_lazy("使用状态"))
    connection_badge = badge_column("connection", CONNECTION_TONES, title=gettext_lazy("连接"))

    def save_model(self, request: HttpRequest, obj: Device, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            watching.tell_status(obj, before=form.initial["status"])

    @admin.action(description=gettext_lazy("重算全部用量"), permissions=["change"])
    def compute_again(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        done = gettext_lazy("已开始重算 %(count)d 块表的用量。")
        self.act_on_each(request, queryset, lambda row: days.mark_whole([row.pk]), done=str(done))


@admin.register(MeterChange)
class MeterChangeAdmin(BaseAdmin):
    menu_order = 243
    list_display = ("device", "at", "end_count", "start_count", "reason", "who")
    list_select_related = ("device", "who")
    search_fields = ("device__code", "device__name", "reason")
    search_help_text = gettext_lazy("表、原因")
    autocomplete_fields = ("device",)
    exclude = ("who",)
    date_hierarchy = "at"

    def save_model(self, request: HttpRequest, obj: MeterChange, form: ModelForm, change: bool) -> None:
        if not change:
            obj.who = person_of(request)
        super().save_model(request, obj, form, change)


@admin.register(AlarmRule)
class AlarmRuleAdmin(BaseAdmin):
    menu_order = 244
    list_display = (
        "name",
        "measure",
        "direction",
        "limit",
        "duration_s",
        "severity",
        "group",
        "device",
        "is_active",
    )
    list_filter = ("measure", "is_active", "energy_type")
    list_select_related = ("group", "device")
    search_fields = ("name",)
    autocomplete_fields = ("group", "device")
    fieldsets = (
        (None, {"fields": (("name", "is_active"), ("measure", "direction", "severity"))}),
        (gettext_lazy("限值"), {"fields": (("limit", "hysteresis", "duration_s"),)}),
        (gettext_lazy("对象"), {"fields": (("group", "device", "energy_type"),)}),
    )
