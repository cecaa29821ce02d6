"""Policies with their steps, rotas with their people and stand-ins."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.forms import BaseInlineFormSet, ModelChoiceField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alarms.admin.rules import on_or_off
from alarms.models import EscalationPolicy, EscalationStep, Rota, RotaException, RotaMember
from notifications.admin.audited import AuditedAdmin
from notifications.services import audit
from spc_site import clock
from spc_site.admin import DASH


class _WithRows(AuditedAdmin):
    """Settings whose rows below are told in the audit, too."""

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for row in formset.save(commit=False):
            audit.save(row)
        for row in formset.deleted_objects:
            audit.remove(row)
        formset.save_m2m()


class _Choices(BaseInlineFormSet):
    """Rows below that offer the same people and rotas: each list is read once for all of them."""

    @cached_property
    def offered(self) -> dict[str, list[tuple[Any, str]]]:
        fields = self.form.base_fields
        return {
            name: [(row.pk, str(row)) for row in field.queryset or ()]
            for name in ("recipient", "rota")
            if isinstance(field := fields.get(name), ModelChoiceField)
        }

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        for name, rows in self.offered.items():
            form.fields[name].widget.choices = [("", DASH), *rows]


class StepInline(admin.TabularInline):
    model = EscalationStep
    formset = _Choices
    extra = 1
    fields = ("after_minutes", "minimum_severity", "recipient", "rota", "channel", "target", "by_route")
    verbose_name_plural = gettext_lazy("步骤（每步只填一种去向）")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("recipient", "rota")


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(_WithRows):
    """What happens while nobody acknowledges."""

    menu_order = 224
    inlines = (StepInline,)
    list_display = ("name", "state", "steps_shown", "reminder_hours", "quiet", "followed_by")
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "is_active", "reminder_hours", ("repeats", "repeat_minutes"))}),
        (gettext_lazy("免打扰"), {"fields": (("quiet_from", "quiet_until"), "breaks_at")}),
    )

    state = on_or_off()

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        rows = super().get_queryset(request)
        return rows.prefetch_related("steps__recipient", "steps__rota", "sources")

    @admin.display(description=gettext_lazy("步骤"))
    def steps_shown(self, policy: EscalationPolicy) -> SafeString | str:
        rows = [
            (_("%(minutes)d 分钟 → %(whom)s") % {"minutes": step.after_minutes, "whom": step.whom},)
            for step in policy.steps.all()
        ]
        return format_html_join("", '<span class="line">{}</span>', rows) if rows else DASH

    @admin.display(description=gettext_lazy("免打扰"))
    def quiet(self, policy: EscalationPolicy) -> str:
        if policy.quiet_from is None or policy.quiet_until is None:
            return DASH
        return f"{policy.quiet_from:%H:%M}–{policy.quiet_until:%H:%M}"

    @admin.display(description=gettext_lazy("用于来源"))
    def followed_by(self, policy: EscalationPolicy) -> str:
        return "、".join(rule.source_label for rule in policy.sources.all()) or DASH


class MemberInline(admin.TabularInline):
    model = RotaMember
    formset = _Choices
    extra = 2
    fields = ("position", "recipient")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("recipient")


class ExceptionInline(admin.TabularInline):
    model = RotaException
    formset = _Choices
    extra = 1
    fields = ("starts_at", "ends_at", "recipient", "note")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("recipient")


@admin.register(Rota)
class RotaAdmin(_WithRows):
    """Who is on call, in turns."""

    menu_order = 226
    inlines = (MemberInline, ExceptionInline)
    list_display = ("name", "now", "order_shown", "turn_days", "handover_at")
    search_fields = ("name", "members__recipient__name")
    fieldsets = ((None, {"fields": ("name", ("turn_days", "starts_on", "handover_at"))}),)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        rows = super().get_queryset(request)
        return rows.prefetch_related("members__recipient", "exceptions__recipient")

    @admin.display(description=gettext_lazy("现在值班"))
    def now(self, rota: Rota) -> str:
        people = rota.on_call(timezone.localtime(clock.now()))
        return str(people[0]) if people else DASH

    @admin.display(description=gettext_lazy("次序"))
    def order_shown(self, rota: Rota) -> str:
        return " → ".join(map(str, rota.order())) or DASH
