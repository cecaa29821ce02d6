"""Work orders in the admin: the list, the checklist, the end."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alarms import services
from alarms.models import EFFECT_TONES, ORDER_TONES, WorkOrder, WorkOrderStep
from spc_site.admin import DASH, ReadOnlyAdmin, ReadOnlyInline, badge_column, change_url, link, person_of


class StepInline(ReadOnlyInline):
    model = WorkOrderStep
    fields = ("text", "done_at", "done_by")
    verbose_name_plural = gettext_lazy("步骤")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("done_by")


class EndForm(forms.Form):
    """What is said at the end."""

    note = forms.CharField(
        label=gettext_lazy("说明"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
    )


@admin.register(WorkOrder)
class WorkOrderAdmin(ReadOnlyAdmin):
    """Work orders are opened and worked on on their pages; here they are found and ended."""

    menu_order = 204
    inlines = (StepInline,)
    actions = ("complete", "cancel")
    object_actions = ("complete", "cancel")
    list_display = ("title", "status_badge", "effect_badge", "owner", "due_at", "created_at", "completed_at")
    list_select_related = ("owner",)
    list_filter = ("status", "effect", "owner", "created_at")
    search_fields = ("title", "description", "key", "note")
    search_help_text = gettext_lazy("标题、说明、报警的键")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("status_badge", "effect_badge"),
                    "description",
                    ("owner", "due_at"),
                    ("about", "runbook"),
                )
            },
        ),
        (
            gettext_lazy("结束与效果"),
            {
                "fields": (
                    ("completed_at", "completed_by"),
                    "note",
                    ("effect_days", "effect_due_at", "effect_at", "repeats"),
                )
            },
        ),
        (gettext_lazy("来历"), {"fields": (("created_at", "created_by"), "key")}),
    )

    status_badge = badge_column("status", ORDER_TONES)
    effect_badge = badge_column("effect", EFFECT_TONES, title=gettext_lazy("效果"))

    @admin.display(description=gettext_lazy("报警"))
    def about(self, order: WorkOrder) -> SafeString | str:
        return link(change_url(order.alarm), order.alarm) if order.alarm else DASH

    def get_object_actions(self, request: HttpRequest, obj: WorkOrder) -> tuple[str, ...]:
        return ("complete", "cancel") if obj.is_open else ()

    @admin.action(description=gettext_lazy("完成工单"), permissions=["act"])
    def complete(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._end(request, queryset, "complete")

    @admin.action(description=gettext_lazy("取消工单"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._end(request, queryset, "cancel")

    def _end(self, request: HttpRequest, queryset: models.QuerySet, action: str) -> HttpResponse | None:
        """Ask for a note, then end each."""
        form = EndForm(request.POST if "confirmed" in request.POST else None)
        is_done = action == "complete"
        if not form.is_valid():
            rows = list(queryset)
            asked = _("将完成 %(count)d 张工单。") if is_done else _("将取消 %(count)d 张工单。")
            return self.ask_first(
                request,
                rows,
                action=action,
                title=_("完成工单") if is_done else _("取消工单"),
                question=asked % {"count": len(rows)},
                lines=[str(row) for row in rows],
                form=form,
                button=_("完成工单") if is_done else _("取消工单"),
            )
        act = services.complete if is_done else services.cancel_work_order
        self.act_on_each(
            request,
            queryset,
            lambda order: act(order, user=person_of(request), note=form.cleaned_data["note"]),
            done=_("已完成 %(count)d 张工单。") if is_done else _("已取消 %(count)d 张工单。"),
        )
        return None
