"""The running system in the admin: which processes live, when periodic work ran."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from spc_site import clock
from spc_site.admin import ReadOnlyAdmin, badge
from spc_site.models import FRESH, Schedule, WorkerBeat


class WorkerBeatAdmin(ReadOnlyAdmin):
    """A process that falls silent is shown as missing before its row is forgotten."""

    menu_order = 500
    list_display = (
        "role",
        "state",
        "queue",
        "host",
        "pid",
        "started_at",
        "beat_at",
        "busy_since",
        "handled",
        "failures",
        "ring_failures",
    )
    list_filter = ("role", "queue", "host")
    ordering = ("-beat_at",)

    @admin.display(description=gettext_lazy("状态"), ordering="beat_at")
    def state(self, beat: Any) -> SafeString:
        if not beat.is_fresh:
            return badge(_("无心跳"), "red")
        return badge(_("处理中"), "blue") if beat.busy_since else badge(_("运行"), "green")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        fresh = models.Q(beat_at__gt=clock.now() - FRESH)
        return (
            super()
            .get_queryset(request)
            .annotate(is_fresh=models.ExpressionWrapper(fresh, output_field=models.BooleanField()))
        )


class ScheduleAdmin(ReadOnlyAdmin):
    menu_order = 510
    list_display = ("name", "last_run", "next_run")
    search_fields = ("name",)
    search_help_text = gettext_lazy("任务名")


def register(site: admin.AdminSite) -> None:
    """Add these tables to an admin site."""
    site.register(WorkerBeat, WorkerBeatAdmin)
    site.register(Schedule, ScheduleAdmin)
