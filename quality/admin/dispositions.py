"""Dispositions in the admin: all of them with their history, and the approval forms that ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.choices import StartState
from notifications.admin.audited import AuditedAdmin
from quality import filling
from quality.choices import DISPOSITION_TONES, DispositionState
from quality.models import Disposition, DispositionControl, DispositionEvent, DispositionForm
from quality.services import disposition_forms, dispositions
from spc_site.admin import (
    DASH,
    ReadOnlyAdmin,
    ReadOnlyInline,
    Tile,
    badge,
    badge_column,
    link,
    list_url,
    person_of,
    tiles,
)
from spc_site.errors import AppError

_PROBLEMS_NAMED = 20


class EventInline(ReadOnlyInline):
    """Who did what when."""

    model = DispositionEvent
    fields = ("at", "state", "actor", "note")
    verbose_name_plural = gettext_lazy("经过")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("actor")


@admin.register(Disposition)
class DispositionAdmin(ReadOnlyAdmin):
    """What is done with material that failed; asked for on the page of its report."""

    menu_order = 134
    actions = ("retry", "withdraw")
    inlines = (EventInline,)
    list_display = (
        *("report_link", "decision", "state_badge", "amount_shown", "items", "sp_no"),
        *("proposed_by", "proposed_at", "decided_at"),
    )
    list_display_links = ("decision",)
    list_select_related = ("iqc_report", "oqc_report", "proposed_by", "outgoing")
    list_filter = ("state", "decision", "proposed_at")
    search_fields = ("sp_no", "reason", "iqc_report__lot", "oqc_report__lot", "proposed_by__username")
    search_help_text = gettext_lazy("审批编号、理由、批号、提出人")
    fields = (
        ("report_link", "revision"),
        ("decision", "state_badge"),
        ("amount_shown", "items"),
        "reason",
        ("sp_no", "outgoing_shown"),
        ("proposed_by", "proposed_at", "decided_at"),
    )

    state_badge = badge_column("state", DISPOSITION_TONES)

    @admin.display(description=gettext_lazy("报告"))
    def report_link(self, row: Disposition) -> SafeString:
        return link(row.get_absolute_url(), str(row.report))

    @admin.display(description=gettext_lazy("涉及数量"), ordering="quantity")
    def amount_shown(self, row: Disposition) -> str:
        return row.amount

    @admin.display(description=gettext_lazy("涉及项目"))
    def items(self, row: Disposition) -> str:
        return "、".join(one["name"] for one in row.covers) or DASH

    @admin.display(description=gettext_lazy("审批提交"))
    def outgoing_shown(self, row: Disposition) -> str:
        if row.outgoing is None:
            return DASH
        return " ".join(filter(None, (row.outgoing.get_state_display(), row.outgoing.error)))

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("quality.add_disposition")

    def get_object_actions(self, request: HttpRequest, obj: Disposition) -> Sequence[str]:
        if not obj.is_open:
            return ()
        return ("retry", "withdraw") if obj.has_failed_to_start else ("withdraw",)

    @admin.action(description=gettext_lazy("重新提交审批"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        user = person_of(request)
        self.act_on_each(
            request,
            queryset,
            lambda row: dispositions.retry(row, user=user),
            done=_("已安排 %(count)d 份审批重新提交。"),
        )

    @admin.action(description=gettext_lazy("撤回"), permissions=["act"])
    def withdraw(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        user = person_of(request)
        self.act_on_each(
            request,
            queryset,
            lambda row: dispositions.withdraw(row, user=user),
            done=_("已撤回 %(count)d 个处置。"),
        )


class ControlForm(forms.ModelForm):
    """One control of a form; what cannot be filled is refused when it is saved."""

    class Meta:
        model = DispositionControl
        fields = ("position", "control_id", "title", "kind", "is_required", "text")
        widgets = {
            "position": forms.TextInput(attrs={"size": 3, "inputmode": "numeric"}),
            "control_id": forms.TextInput(attrs={"size": 18}),
            "title": forms.TextInput(attrs={"size": 12}),
            "text": forms.Textarea(attrs={"rows": 2, "cols": 34}),
        }

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].strip()
        unknown = filling.unknown_placeholders(text)
        if unknown:
            raise forms.ValidationError(_("没有 %(names)s 这样的占位符。") % {"names": "、".join(unknown)})
        return text


class ControlInline(admin.TabularInline):
    model = DispositionControl
    form = ControlForm
    extra = 0
    verbose_name = gettext_lazy("控件")
    verbose_name_plural = gettext_lazy("控件与填写内容")


@admin.register(DispositionForm)
class DispositionFormAdmin(AuditedAdmin):
    """Which form of WeCom asks for which decision, and what stands in its controls."""

    menu_order = 182
    actions = ("read_from_wecom", "check_mapping")
    object_actions = ("read_from_wecom", "check_mapping")
    inlines = (ControlInline,)
    list_display = ("name", "decision", "kind", "active_badge", "template_id")
    list_filter = ("decision", "is_active")
    search_fields = ("name", "template_id")
    search_help_text = gettext_lazy("名称、模板 ID")
    fields = ("name", ("decision", "kind"), "template_id", "is_active", "placeholders")
    readonly_fields = ("placeholders",)

    @admin.display(description=gettext_lazy("启用"), ordering="is_active")
    def active_badge(self, row: DispositionForm) -> SafeString:
        return badge(_("启用"), "green") if row.is_active else badge(_("停用"), "grey")

    @admin.display(description=gettext_lazy("可用的占位符"))
    def placeholders(self, row: DispositionForm) -> SafeString:
        return format_html_join(
            "；", "<code>{{{}}}</code> {}", ((name, words) for name, words in filling.PLACEHOLDERS.items())
        )

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        disposition_forms.watch(obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Say what is still wrong with the mapping that was saved."""
        super().save_related(request, form, formsets, change)
        controls = list(form.instance.controls.all())
        if controls:
            self._say(request, form.instance, filling.problems_of(controls))

    @admin.action(description=gettext_lazy("从企业微信读取控件"), permissions=["change"])
    def read_from_wecom(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request,
            queryset,
            disposition_forms.read_controls,
            done=_("已读取 %(count)d 个表单的控件；请核对每个控件的填写内容。"),
        )

    @admin.action(description=gettext_lazy("检查"), permissions=["view"])
    def check_mapping(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        for row in queryset:
            try:
                problems = disposition_forms.check(row)
            except AppError as refusal:
                self.message_user(request, refusal.message, messages.ERROR)
            else:
                self._say(request, row, problems)
                if not problems:
                    self.message_user(request, _("“%(form)s”可以使用。") % {"form": row}, messages.SUCCESS)

    def _say(self, request: HttpRequest, row: DispositionForm, problems: Sequence[str]) -> None:
        for problem in problems[:_PROBLEMS_NAMED]:
            self.message_user(request, f"{row}：{problem}", messages.WARNING)


@tiles(order=104)
def disposition_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show how many dispositions wait for somebody, and of these how many could not be handed in."""
    if not request.user.has_perm("quality.view_disposition"):
        return
    has_failed = models.Q(state=DispositionState.PROPOSED, outgoing__state=StartState.DEAD)
    found = Disposition.objects.open().aggregate(
        all=models.Count("pk"), failed=models.Count("pk", filter=has_failed)
    )
    failed = found["failed"]
    yield Tile(
        label=_("待批准的处置"),
        value=found["all"],
        tone="red" if failed else "blue" if found["all"] else "green",
        note=_("%(count)d 份审批提交失败") % {"count": failed} if failed else _("提交正常"),
        url=list_url(Disposition, state__in="proposed,awaiting"),
    )


__all__ = ["DispositionAdmin", "DispositionFormAdmin"]
