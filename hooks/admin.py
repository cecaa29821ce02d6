"""Hooks in the admin: how the points do, what they were told, what came of each run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hooks import loader, selectors, services
from hooks.models import (
    EVENT_TONES,
    OUTCOME_TONES,
    CustomKpi,
    EventState,
    HookEvent,
    HookPoint,
    HookRun,
)
from hooks.points import POINTS
from spc_site import clock
from spc_site.admin import (
    DASH,
    ReadOnlyAdmin,
    ReadOnlyInline,
    Tile,
    badge,
    badge_column,
    change_url,
    link,
    list_url,
    tiles,
)


@tiles(order=270)
def hook_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show what the customer's hooks need of a person, where there is a customer."""
    if not settings.CUSTOMER or not request.user.has_perm("hooks.view_hookpoint"):
        return
    failed = selectors.failed_lately()
    if loader.current().problems:
        tone, note = "red", _("扩展无法加载")
    elif paused := selectors.state().paused:
        tone, note = "amber", _("%(count)d 个已暂停") % {"count": len(paused)}
    else:
        tone, note = ("red", "") if failed else ("green", _("全部正常"))
    yield Tile(
        label=_("扩展失败 · 1 天"),
        value=failed,
        tone=tone,
        note=note,
        url=list_url(HookEvent, state__exact=EventState.FAILED) if failed else list_url(HookPoint),
    )


@admin.register(HookPoint)
class HookPointAdmin(ReadOnlyAdmin):
    """The points that have run: which rest, and since what."""

    menu_order = 530
    list_display = ("name", "state", "failures", "last_error", "last_ok_at", "last_failed_at", "runs")
    actions = ("resume",)
    object_actions = ("resume",)
    fields = (
        "name",
        "state",
        "when",
        "failures",
        "last_error",
        "last_ok_at",
        "last_failed_at",
        "paused_until",
        "runs",
    )
    readonly_fields = ("state", "when", "runs")

    @admin.display(description=gettext_lazy("状态"), ordering="paused_until")
    def state(self, point: HookPoint) -> SafeString:
        if point.is_paused(clock.now()):
            return badge(_("已暂停"), "amber")
        if point.paused_until is not None:
            return badge(_("再次尝试"), "blue")
        if loader.current().is_usable and point.name not in loader.current().wanted:
            return badge(_("未使用"), "grey")
        return badge(_("出错"), "red") if point.failures else badge(_("正常"), "green")

    @admin.display(description=gettext_lazy("触发时机"))
    def when(self, point: HookPoint) -> str:
        return str(POINTS[point.name].when)

    @admin.display(description=gettext_lazy("执行记录"))
    def runs(self, point: HookPoint) -> SafeString:
        return link(list_url(HookRun, point__exact=point.name), _("查看"))

    @admin.action(description=gettext_lazy("恢复执行"), permissions=["resume"])
    def resume(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(request, queryset, services.resume, done=_("已恢复 %(count)d 个扩展点。"))

    def has_resume_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("hooks.resume_hookpoint")


class HookRunInline(ReadOnlyInline):
    model = HookRun
    fields = ("attempt", "started_at", "duration_ms", "outcome_badge", "error")
    readonly_fields = fields
    ordering = ("started_at", "pk")
    show_change_link = True
    verbose_name_plural = gettext_lazy("执行记录")

    outcome_badge = badge_column("outcome", OUTCOME_TONES, title=gettext_lazy("结果"))


@admin.register(HookEvent)
class HookEventAdmin(ReadOnlyAdmin):
    """What the hooks were told or will be told."""

    menu_order = 531
    list_display = ("event_id", "point", "state_badge", "attempts", "occurred_at", "next_at", "finished_at")
    list_filter = ("state", "point")
    search_fields = ("event_id",)
    search_help_text = gettext_lazy("事件编号")
    date_hierarchy = "occurred_at"
    actions = ("retry",)
    object_actions = ("retry",)
    inlines = (HookRunInline,)
    fields = (
        "event_id",
        "point",
        "schema",
        "state_badge",
        "attempts",
        "occurred_at",
        "next_at",
        "finished_at",
        "pretty_payload",
    )
    readonly_fields = ("state_badge", "pretty_payload")

    state_badge = badge_column("state", EVENT_TONES)

    @admin.display(description=gettext_lazy("数据"))
    def pretty_payload(self, event: HookEvent) -> SafeString:
        return format_html(
            '<pre class="raw">{}</pre>', json.dumps(event.payload, ensure_ascii=False, indent=2)
        )

    def get_object_actions(self, request: HttpRequest, obj: Any) -> tuple[str, ...]:
        waiting = (EventState.PENDING, EventState.RUNNING)
        return () if obj.state in waiting else self.object_actions

    @admin.action(description=gettext_lazy("重新执行"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(request, queryset, services.retry, done=_("已安排重新执行 %(count)d 个事件。"))


@admin.register(HookRun)
class HookRunAdmin(ReadOnlyAdmin):
    """Every run with its end, its traceback and what it has printed."""

    menu_order = 532
    list_display = ("point", "event_link", "outcome_badge", "attempt", "started_at", "duration_ms", "error")
    list_filter = ("outcome", "point")
    search_fields = ("event_id_text", "error")
    search_help_text = gettext_lazy("事件编号、错误")
    date_hierarchy = "started_at"
    list_select_related = ("event",)
    fields = (
        "point",
        "event_link",
        "attempt",
        "started_at",
        "duration_ms",
        "outcome_badge",
        "error",
        "pretty_traceback",
        "pretty_output",
    )
    readonly_fields = ("event_link", "outcome_badge", "pretty_traceback", "pretty_output")

    outcome_badge = badge_column("outcome", OUTCOME_TONES, title=gettext_lazy("结果"))

    @admin.display(description=gettext_lazy("事件"), ordering="event_id_text")
    def event_link(self, run: HookRun) -> SafeString | str:
        return link(change_url(run.event), run.event_id_text) if run.event else run.event_id_text or DASH

    @admin.display(description=gettext_lazy("调用栈"))
    def pretty_traceback(self, run: HookRun) -> SafeString | str:
        return format_html('<pre class="raw">{}</pre>', run.traceback) if run.traceback else DASH

    @admin.display(description=gettext_lazy("输出"))
    def pretty_output(self, run: HookRun) -> SafeString | str:
        return format_html('<pre class="raw">{}</pre>', run.output) if run.output else DASH


@admin.register(CustomKpi)
class CustomKpiAdmin(ReadOnlyAdmin):
    """The customer's figures, as the dashboard shows them."""

    menu_order = 533
    list_display = ("name", "label", "value", "unit", "calculated_at")
