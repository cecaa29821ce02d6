"""Routes in their order: each is asked after the one above it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import safety
from notifications.admin.audited import AuditedAdmin
from notifications.admin.routes.forms import RouteForm, StepInline
from notifications.admin.routes.who import WhoForm, answer_of
from notifications.admin.routes.words import FIELDS, days
from notifications.choices import channel_names
from notifications.models import Route, RouteStep
from notifications.services import audit, routing
from spc_site.admin import badge, list_url


@admin.register(Route)
class RouteAdmin(AuditedAdmin):
    """Routes in their order; each is asked after the one above it."""

    menu_order = 312
    form = RouteForm
    inlines = (StepInline,)
    change_list_template = "admin/notifications/route_list.html"
    list_display = ("name", "place", "state", "conditions", "destinations", "then")
    list_per_page = 200
    sortable_by = ()
    search_fields = ("name", "event", "supplier", "part", "group", "steps__target", "steps__recipient__name")
    search_help_text = gettext_lazy("名称、事件、供应商、料号、去向")
    ordering = ("position", "pk")
    fieldsets = (
        (None, {"fields": ("name", ("is_active", "goes_on"))}),
        (
            gettext_lazy("条件（空白不限）"),
            {
                "fields": (
                    "event",
                    ("source", "group"),
                    "minimum_severity",
                    ("supplier", "part"),
                    ("hour_from", "hour_until"),
                    "weekdays",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).prefetch_related("steps__recipient")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("who/", view(self.who_view), name="notifications_route_who"),
            path("<int:pk>/move/", view(self.move_view), name="notifications_route_move"),
            *super().get_urls(),
        ]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Show the buttons of the order to whoever may change it."""
        may_move = self.has_change_permission(request)
        return tuple(name for name in self.list_display if may_move or name != "place")

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        if not change:
            routing.append(obj)
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Store the steps one by one, so that each change of a destination is told."""
        rows = formset.save(commit=False)
        last = max((row.position for row in formset.get_queryset()), default=0)
        for row in rows:
            if not row.position:
                row.position = last = last + 1
            audit.save(row)
        for row in formset.deleted_objects:
            audit.remove(row)
        formset.save_m2m()

    # --- columns ---

    @admin.display(description=gettext_lazy("顺序"))
    def place(self, route: Route) -> SafeString:
        """Two buttons of the list's own form, that lead elsewhere: no script is needed."""
        url = reverse("admin:notifications_route_move", args=[route.pk])
        return format_html(
            '<span class="movers">{}</span>',
            format_html_join(
                "",
                '<button type="submit" class="button" formaction="{}" name="to" value="{}"'
                ' aria-label="{}" title="{}">{}</button>',
                (
                    (url, to, label % {"name": route.name}, label % {"name": route.name}, sign)
                    for to, label, sign in (
                        ("up", _("上移：%(name)s"), "↑"),
                        ("down", _("下移：%(name)s"), "↓"),
                    )
                ),
            ),
        )

    @admin.display(description=gettext_lazy("状态"))
    def state(self, route: Route) -> SafeString:
        return badge(_("启用"), "green") if route.is_active else badge(_("停用"), "grey")

    @admin.display(description=gettext_lazy("条件"))
    def conditions(self, route: Route) -> str:
        return conditions_of(route) or _("所有事件")

    @admin.display(description=gettext_lazy("去向"))
    def destinations(self, route: Route) -> SafeString | str:
        lines = [
            (_("后备：") if step.is_reserve else "", str(step.recipient or ""), _way_label(step))
            for step in sorted(route.steps.all(), key=lambda step: (step.position, step.pk))
        ]
        if not lines:
            return badge(_("没有去向"), "amber")
        return format_html_join("", '<span class="line">{}{}{}</span>', lines)

    @admin.display(description=gettext_lazy("匹配后"))
    def then(self, route: Route) -> str:
        return _("继续下一条") if route.goes_on else _("到此为止")

    # --- acts ---

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change places with the neighbour, then return to the list."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        route = get_object_or_404(Route, pk=pk)
        if not routing.move(route, up=request.POST.get("to") == "up"):
            self.message_user(request, _("“%(name)s”已经在尽头。") % {"name": route}, messages.WARNING)
        return HttpResponseRedirect(list_url(Route))

    def who_view(self, request: HttpRequest) -> HttpResponse:
        """Show who would get an event, and why: the question is in the address, so it can be shared."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = bool(request.GET.get("event"))
        form = WhoForm(request.GET if asked else None)
        context = {
            **self.admin_site.each_context(request),
            "title": _("谁会收到？"),
            "opts": self.opts,
            "form": form,
            "answer": answer_of(form, request) if asked and form.is_valid() else None,
        }
        return TemplateResponse(request, "admin/notifications/who.html", context)


def _way_label(step: RouteStep) -> str:
    if step.recipient:
        return ""
    return f"{channel_names().get(step.channel, step.channel)} {safety.mask_contacts(step.target)}"


def conditions_of(route: Route) -> str:
    """Return in one line what a route asks."""
    texts = [
        f"{FIELDS[name]} {getattr(route, name)}"
        for name in ("event", "source", "supplier", "part", "group")
        if getattr(route, name)
    ]
    if route.minimum_severity:
        texts.append(f"{FIELDS['severity']} {route.get_minimum_severity_display()}")
    if route.hour_from and route.hour_until:
        texts.append(f"{route.hour_from:%H:%M}–{route.hour_until:%H:%M}")
    if route.weekdays:
        texts.append(days(route.weekdays))
    return "；".join(texts)
