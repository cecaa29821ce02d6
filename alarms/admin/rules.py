"""What is set for alarms: sources, inhibition, the system's thresholds; silences as they were set."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alarms import services
from alarms.models import InhibitionRule, Silence, SourceRule, SystemRule
from notifications.admin.audited import AuditedAdmin
from notifications.choices import SEVERITY_TONES
from spc_site import clock
from spc_site.admin import ReadOnlyAdmin, badge, badge_column, person_of


def on_or_off() -> Any:
    """Return a column that says whether a row is in force."""

    @admin.display(description=gettext_lazy("状态"), ordering="is_active")
    def state(_admin: Any, row: Any) -> SafeString:
        return badge(_("启用"), "green") if row.is_active else badge(_("停用"), "grey")

    return state


def lines(text: str) -> SafeString:
    """Show a text of several lines as lines."""
    return format_html_join("", '<span class="line">{}</span>', ((line,) for line in text.splitlines()))


@admin.register(SourceRule)
class SourceRuleAdmin(AuditedAdmin):
    """How the alarms of each source close, and who is told."""

    menu_order = 220
    list_display = ("source_shown", "closing", "quiet_days", "group", "policy", "note")
    list_select_related = ("policy",)
    search_fields = ("source", "note")
    fieldsets = ((None, {"fields": ("source", ("closing", "quiet_days"), ("group", "policy"), "note")}),)

    @admin.display(description=gettext_lazy("来源"), ordering="source")
    def source_shown(self, rule: SourceRule) -> str:
        return rule.source_label


@admin.register(InhibitionRule)
class InhibitionRuleAdmin(AuditedAdmin):
    """Which alarms keep people from being told of which others."""

    menu_order = 222
    list_display = ("name", "state", "cause", "target", "equal_labels")
    search_fields = ("name", "source_matchers", "target_matchers")
    fieldsets = (
        (None, {"fields": ("name", "is_active", ("source_matchers", "target_matchers"), "equal_labels")}),
    )

    state = on_or_off()

    @admin.display(description=gettext_lazy("起因报警"))
    def cause(self, rule: InhibitionRule) -> SafeString:
        return lines(rule.source_matchers)

    @admin.display(description=gettext_lazy("被抑制的报警"))
    def target(self, rule: InhibitionRule) -> SafeString:
        return lines(rule.target_matchers)


class StandingFilter(admin.SimpleListFilter):
    """Where a silence stands in time."""

    title = gettext_lazy("时间")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("静默中")), ("upcoming", _("将要开始")), ("past", _("已结束"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        now = clock.now()
        match self.value():
            case "active":
                return queryset.filter(starts_at__lte=now, ends_at__gt=now)
            case "upcoming":
                return queryset.filter(starts_at__gt=now)
            case "past":
                return queryset.filter(ends_at__lte=now)
        return queryset


@admin.register(Silence)
class SilenceAdmin(ReadOnlyAdmin):
    """Silences are set on their page, so that they have an end and a reason."""

    menu_order = 206
    actions = ("end_now",)
    object_actions = ("end_now",)
    list_display = ("reason", "standing", "means", "starts_at", "ends_at", "author", "ended_by")
    list_select_related = ("author", "ended_by")
    list_filter = (StandingFilter, "author")
    search_fields = ("reason", "matchers")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("standing", "reason"),
                    "means",
                    ("starts_at", "ends_at"),
                    ("author", "created_at", "ended_by"),
                )
            },
        ),
    )

    @admin.display(description=gettext_lazy("状态"))
    def standing(self, row: Silence) -> SafeString:
        now = clock.now()
        if row.ends_at <= now:
            return badge(_("已结束"), "grey")
        return badge(_("静默中"), "amber") if row.starts_at <= now else badge(_("将要开始"), "blue")

    @admin.display(description=gettext_lazy("匹配条件"))
    def means(self, row: Silence) -> SafeString:
        return lines(row.matchers)

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("alarms.add_silence")

    def get_object_actions(self, request: HttpRequest, obj: Silence) -> tuple[str, ...]:
        return ("end_now",) if obj.ends_at > clock.now() else ()

    @admin.action(description=gettext_lazy("结束静默"), permissions=["act"])
    def end_now(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request,
            queryset,
            lambda row: services.end_silence(row, user=person_of(request)),
            done=_("已结束 %(count)d 条静默。"),
        )


@admin.register(SystemRule)
class SystemRuleAdmin(AuditedAdmin):
    """The thresholds of the system; each measure has one."""

    menu_order = 228
    list_display = ("measure", "state", "severity_badge", "limit", "lasts", "owner", "runbook", "now")
    list_select_related = ("owner",)
    fieldsets = (
        (None, {"fields": ("measure", ("is_active", "severity"))}),
        (
            gettext_lazy("阈值"),
            {"fields": (("limit", "minimum_count"), ("hold_minutes", "recover_minutes"))},
        ),
        (gettext_lazy("处理"), {"fields": ("owner", "runbook", ("opens_order", "due_hours"))}),
    )

    state = on_or_off()
    severity_badge = badge_column("severity", SEVERITY_TONES, title=gettext_lazy("级别"))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).prefetch_related("states")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("measure",)

    @admin.display(description=gettext_lazy("报警 / 恢复（分钟）"))
    def lasts(self, rule: SystemRule) -> str:
        return f"{rule.hold_minutes} / {rule.recover_minutes}"

    @admin.display(description=gettext_lazy("现在"))
    def now(self, rule: SystemRule) -> SafeString:
        states = list(rule.states.all())
        if not states:
            return badge(_("正常"), "green")
        tones = {True: "red", False: "amber"}
        return format_html_join(
            "",
            '<span class="line">{} {}</span>',
            (
                (badge(f"{row.value:g}", tones[row.raised_at is not None]), format_html("{}", row.instance))
                for row in states
            ),
        )
