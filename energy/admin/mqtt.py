"""MQTT in the admin: which topics are read, what could not be read, how the bridge is."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from energy.models import MqttBridge, MqttProblem, MqttTopic
from spc_site import clock
from spc_site.admin import BaseAdmin, ReadOnlyAdmin, badge


@admin.register(MqttTopic)
class MqttTopicAdmin(BaseAdmin):
    """Topics; a change is followed by the running bridge within seconds."""

    menu_order = 254
    list_display = ("topic", "meter", "value_path", "messages", "last_message_at", "is_active", "note")
    list_filter = ("is_active",)
    list_select_related = ("device",)
    search_fields = ("topic", "meter_pattern", "=device__code", "note")
    search_help_text = gettext_lazy("主题、表号、备注")
    autocomplete_fields = ("device",)
    readonly_fields = ("messages", "last_message_at")
    fieldsets = (
        (None, {"fields": (("topic", "is_active"), "note")}),
        (
            gettext_lazy("哪块表（三者填一）"),
            {"fields": ("device", "meter_pattern", "meter_path")},
        ),
        (
            gettext_lazy("怎样读"),
            {"fields": ("value_path", "time_path", "items_path", "scale", "decimals")},
        ),
        (gettext_lazy("收到"), {"fields": (("messages", "last_message_at"),)}),
    )

    @admin.display(description=gettext_lazy("表"))
    def meter(self, row: MqttTopic) -> str:
        return row.device.code if row.device else row.meter_pattern or row.meter_path


@admin.register(MqttProblem)
class MqttProblemAdmin(ReadOnlyAdmin):
    """Messages that could not be used; a row that has been dealt with may be deleted."""

    menu_order = 255
    list_display = ("topic", "reason", "meter", "payload", "count", "last_at")
    list_filter = ("code",)
    search_fields = ("topic", "meter")
    search_help_text = gettext_lazy("主题、表号")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("energy.delete_mqttproblem")


@admin.register(MqttBridge)
class MqttBridgeAdmin(ReadOnlyAdmin):
    menu_order = 256
    list_display = (
        "client_id",
        "state",
        "broker",
        "host",
        "beat_at",
        "last_message_at",
        "received",
        "taken",
        "refused",
        "retained",
        "spool_bytes",
        "trouble",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MqttBridge]:
        fresh = Q(beat_at__gt=clock.now() - MqttBridge.FRESH)
        return (
            super()
            .get_queryset(request)
            .annotate(has_beat=ExpressionWrapper(fresh, output_field=BooleanField()))
        )

    @admin.display(description=gettext_lazy("状态"), ordering="beat_at")
    def state(self, row: Any) -> SafeString:
        if not row.has_beat:
            return badge(_("无心跳"), "red")
        return badge(_("断开"), "amber") if row.disconnected_since else badge(_("已连接"), "green")
