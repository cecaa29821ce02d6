"""Alarms in the admin: the list, the timeline, taking on and closing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alarms import selectors, services
from alarms.models import STATUS_TONES, Alarm, AlarmEvent, AlarmStatus
from notifications import sources
from notifications.choices import SEVERITY_TONES
from spc_site.admin import ReadOnlyAdmin, ReadOnlyInline, Tile, badge_column, link, list_url, person_of, tiles


class StandingFilter(admin.SimpleListFilter):
    """Open or closed, the question that a person comes with."""

    title = gettext_lazy("是否关闭")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("未关闭")), ("closed", _("已关闭"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        if self.value() == "open":
            return queryset.open()  # type: ignore[attr-defined]
        if self.value() == "closed":
            return queryset.filter(status=AlarmStatus.RESOLVED)
        return queryset


class SourceFilter(admin.SimpleListFilter):
    """Where it comes from, by the names that people know."""

    title = gettext_lazy("来源")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sources.choices_of(selectors.sources(request.user))

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(source=self.value()) if self.value() else queryset


class ClosingForm(forms.Form):
    """What has to stand in an alarm before it is closed."""

    cause = forms.CharField(
        label=gettext_lazy("原因"),
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text=gettext_lazy("已经填写过原因的报警可留空"),
        required=False,
    )
    measures = forms.CharField(
        label=gettext_lazy("措施"),
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        required=False,
    )


class EventInline(ReadOnlyInline):
    model = AlarmEvent
    fields = ("at", "kind", "actor", "note")
    verbose_name_plural = gettext_lazy("经过")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("actor")


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    """Alarms are raised by the system; people take them on, explain and close them."""

    menu_order = 200
    inlines = (EventInline,)
    actions = ("acknowledge", "silence", "resolve")
    object_actions = ("acknowledge", "silence", "resolve")
    list_display = (
        "title",
        "status_badge",
        "severity_badge",
        "source_shown",
        "withheld_badge",
        "owner",
        "triggered_at",
        "occurrences",
    )
    list_select_related = ("owner",)
    list_filter = (
        StandingFilter,
        "status",
        "severity",
        SourceFilter,
        "withheld",
        "resolution",
        "triggered_at",
        "owner",
    )
    search_fields = ("title", "description", "subject", "key")
    search_help_text = gettext_lazy("标题、说明、对象")
    date_hierarchy = "triggered_at"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("status_badge", "severity_badge", "level_label", "occurrences"),
                    ("withheld_badge", "withheld_by"),
                    "description",
                    ("value", "threshold"),
                    "shown_on",
                )
            },
        ),
        (
            gettext_lazy("处理"),
            {"fields": ("owner", "cause", "action", ("acknowledged_at", "resolved_at", "resolution"))},
        ),
        (
            gettext_lazy("来历"),
            {
                "fields": (
                    ("triggered_at", "active_since", "last_seen_at", "told_at"),
                    ("source_shown", "source", "subject"),
                    ("key", "group_key", "group"),
                    "labels",
                )
            },
        ),
    )

    status_badge = badge_column("status", STATUS_TONES)
    withheld_badge = badge_column(
        "withheld", {"silenced": "amber", "inhibited": "amber"}, title=gettext_lazy("未告知")
    )
    severity_badge = badge_column("severity", SEVERITY_TONES, title=gettext_lazy("级别"))

    @admin.display(description=gettext_lazy("来源"), ordering="source")
    def source_shown(self, alarm: Alarm) -> str:
        return alarm.source_label

    @admin.display(description=gettext_lazy("页面"))
    def shown_on(self, alarm: Alarm) -> SafeString | str:
        return link(alarm.link, _("查看异常")) if alarm.link.startswith("/") else alarm.link

    def get_object_actions(self, request: HttpRequest, obj: Alarm) -> tuple[str, ...]:
        if not obj.is_open:
            return ()
        return ("acknowledge", "silence", "resolve") if obj.status == AlarmStatus.ACTIVE else ("resolve",)

    @admin.action(description=gettext_lazy("受理报警"), permissions=["act"])
    def acknowledge(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request,
            queryset,
            lambda alarm: services.acknowledge(alarm, user=person_of(request)),
            done=_("已受理 %(count)d 条报警。"),
        )

    @admin.action(description=gettext_lazy("静默 2 小时"), permissions=["act"])
    def silence(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request,
            queryset,
            lambda alarm: services.silence_alarm(alarm, hours=2, user=person_of(request)),
            done=_("已静默 %(count)d 条报警。"),
        )

    @admin.action(description=gettext_lazy("关闭报警"), permissions=["act"])
    def resolve(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Ask for cause and measures, then write them down and close."""
        form = ClosingForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            rows = list(queryset)
            return self.ask_first(
                request,
                rows,
                action="resolve",
                title=_("关闭报警"),
                question=_("将关闭 %(count)d 条报警。") % {"count": len(rows)},
                lines=[str(row) for row in rows],
                form=form,
                button=_("关闭报警"),
            )
        cause, measures = form.cleaned_data["cause"], form.cleaned_data["measures"]

        def act(alarm: Alarm) -> None:
            if cause.strip():
                services.explain(alarm, user=person_of(request), cause=cause, action=measures)
            services.resolve(alarm, user=person_of(request))

        self.act_on_each(request, queryset, act, done=_("已关闭 %(count)d 条报警。"))
        return None


@tiles(order=200)
def open_alarms(request: HttpRequest) -> Iterable[Tile]:
    """Show how many alarms nobody has taken on, and how many are open at all."""
    if not request.user.has_perm("alarms.view_alarm"):
        return
    counts = dict(Alarm.objects.open().values_list("status").annotate(count=models.Count("pk")).order_by())
    waiting, known = counts.get(AlarmStatus.ACTIVE, 0), counts.get(AlarmStatus.ACKNOWLEDGED, 0)
    yield Tile(
        label=_("未关闭报警"),
        value=waiting + known,
        tone="red" if waiting else "amber" if known else "green",
        note=_("%(count)d 条未受理") % {"count": waiting} if waiting else _("全部已受理"),
        url=list_url(Alarm, standing="open"),
    )
