"""Ways of sending in the admin: switches, limits, health, credentials."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import services
from notifications.models import (
    Budget,
    Channel,
)
from spc_site.admin import (
    BaseAdmin,
    ReadOnlyAdmin,
    badge,
)


@admin.register(Channel)
class ChannelAdmin(BaseAdmin):
    """Ways of sending: the switch, the limits, the health."""

    menu_order = 320
    list_display = (
        "code",
        "enabled_badge",
        "health_badge",
        "priority",
        "rate_limit",
        "timeout_s",
        "last_ok_at",
        "last_error_at",
        "last_error",
    )
    readonly_fields = ("health_badge", "consecutive_failures", "last_ok_at", "last_error_at", "last_error")
    fieldsets = (
        (None, {"fields": ("code", "is_enabled", "priority", "rate_limit", "timeout_s")}),
        (
            gettext_lazy("健康"),
            {"fields": ("health_badge", "consecutive_failures", "last_ok_at", "last_error_at", "last_error")},
        ),
    )

    @admin.display(description=gettext_lazy("启用"), ordering="is_enabled")
    def enabled_badge(self, channel: Channel) -> SafeString:
        return badge(_("启用"), "green") if channel.is_enabled else badge(_("停用"), "grey")

    @admin.display(description=gettext_lazy("健康"), ordering="consecutive_failures")
    def health_badge(self, channel: Channel) -> SafeString:
        if channel.consecutive_failures:
            return badge(_("连续失败 %(count)d 次") % {"count": channel.consecutive_failures}, "red")
        if channel.last_ok_at:
            return badge(_("正常"), "green")
        return badge(_("尚未发送"), "grey")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "code") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A channel is switched off, not deleted: messages name it."""
        return False


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    """Credentials by their digest: which of them rests, which is dead."""

    menu_order = 340
    actions = ("mend",)
    object_actions = ("mend",)
    list_display = ("name", "state", "blocked_until", "note")
    fields = ("name", "state", "blocked_until", "note")

    @admin.display(description=gettext_lazy("状态"), ordering="is_dead")
    def state(self, budget: Budget) -> SafeString:
        if budget.is_dead:
            return badge(_("失效"), "red")
        if budget.blocked_until and budget.blocked_until > timezone.now():
            return badge(_("暂停"), "amber")
        return badge(_("可用"), "green")

    def has_mend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.mend_budget")

    def get_object_actions(self, request: HttpRequest, obj: Budget) -> tuple[str, ...]:
        return ("mend",) if obj.is_dead or obj.blocked_until else ()

    @admin.action(description=gettext_lazy("已修复，恢复使用"), permissions=["mend"])
    def mend(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request, queryset, services.mend, done=_("已恢复 %(count)d 个凭据，暂缓的消息将继续发送。")
        )
