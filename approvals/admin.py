"""Callbacks and approvals in the admin: what came, what it said, what went wrong, and the button to retry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals import presenters, selectors, services
from approvals.choices import EVENT_TONES, FILE_TONES, START_TONES, STATUS_TONES, EventState, StartState
from approvals.models import (
    Approval,
    ApprovalChange,
    ApprovalFile,
    InboundEvent,
    OutgoingApproval,
    ReconcileRun,
    Refusal,
    WatchedTemplate,
)
from approvals.services import files, starting
from spc_site.admin import (
    DASH,
    BaseAdmin,
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
from spc_site.errors import AppError


@tiles(order=60)
def dead_event_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show how many events wait for a person, to whoever may see them, while there are any."""
    if request.user.has_perm("approvals.view_inboundevent") and (count := selectors.dead_events()):
        url = list_url(InboundEvent, state__exact=EventState.DEAD)
        yield Tile(gettext_lazy("未能处理的回调"), count, "red", gettext_lazy("需人工处理"), url)


@admin.register(InboundEvent)
class InboundEventAdmin(ReadOnlyAdmin):
    """Events as they came."""

    menu_order = 280
    actions = ("retry",)
    list_display = ("received_at", "event", "subject", "state_badge", "attempts", "error")
    list_filter = ("state", "event", "received_at")
    search_fields = ("subject", "raw")
    search_help_text = gettext_lazy("审批编号、卡片任务、原文")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("event", "subject"),
                    ("state_badge", "attempts", "next_at"),
                    ("received_at", "handled_at"),
                    "error",
                    "approval",
                )
            },
        ),
        (gettext_lazy("原文"), {"fields": ("content", "key")}),
    )
    readonly_fields = ("content", "approval")

    state_badge = badge_column("state", EVENT_TONES)

    @admin.display(description=gettext_lazy("内容"))
    def content(self, event: InboundEvent) -> SafeString:
        return format_html('<pre class="raw">{}</pre>', presenters.readable(event.raw))

    @admin.display(description=gettext_lazy("审批"))
    def approval(self, event: InboundEvent) -> SafeString | str:
        row = Approval.objects.filter(sp_no=event.subject).first() if event.subject else None
        return link(change_url(row), row) if row else DASH

    def get_object_actions(self, request: HttpRequest, obj: InboundEvent) -> Sequence[str]:
        return ("retry",) if obj.state in (EventState.DEAD, EventState.WAITING) else ()

    @admin.action(description=gettext_lazy("立即重新处理"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: models.QuerySet[InboundEvent]) -> None:
        count = services.retry(list(queryset))
        self.message_user(request, _("已安排 %(count)d 条事件重新处理。") % {"count": count})


class ChangeInline(ReadOnlyInline):
    model = ApprovalChange
    fields = ("at", "old_status", "new_status", "is_believed")
    verbose_name_plural = gettext_lazy("状态变化")


class FileInline(ReadOnlyInline):
    model = ApprovalFile
    fields = ("content", "state", "size", "sha256", "error")
    verbose_name_plural = gettext_lazy("附件")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ApprovalFile]:
        return super().get_queryset(request).defer("data")

    @admin.display(description=gettext_lazy("文件"))
    def content(self, file: ApprovalFile) -> SafeString | str:
        return _download_link(file)


def _download_link(file: ApprovalFile) -> SafeString | str:
    if file.state != "stored":
        return str(file)
    return link(reverse("admin:approvals_approvalfile_download", args=[file.pk]), file)


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Approvals as their detail was read last."""

    menu_order = 281
    inlines = (ChangeInline, FileInline)
    actions = ("read_again",)
    object_actions = ("read_again",)
    list_display = (
        "sp_no",
        "name",
        "status_badge",
        "applicant_id",
        "department_said",
        "applied_at",
        "asked_at",
    )
    list_filter = ("status", "name", "applied_at")
    search_fields = ("sp_no", "name", "applicant_id")
    search_help_text = gettext_lazy("审批编号、名称、申请人")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("sp_no", "name"),
                    ("status_badge", "changed_at"),
                    ("applicant_id", "department_said", "applied_at"),
                    "filled_in",
                )
            },
        ),
        (gettext_lazy("来历"), {"fields": (("corp", "template_id"), ("asked_at", "detail_hash"))}),
        (gettext_lazy("详情原文"), {"fields": ("detail",), "classes": ("collapse",)}),
    )
    readonly_fields = ("department_said", "filled_in")

    @admin.display(description=gettext_lazy("部门"), ordering="department_name")
    def department_said(self, approval: Approval) -> str:
        return presenters.department_in_words(approval.department, approval.department_name)

    status_badge = badge_column("status", STATUS_TONES)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Approval]:
        rows = super().get_queryset(request)
        url_name = request.resolver_match.url_name if request.resolver_match else None
        return rows.defer("detail") if str(url_name).endswith("changelist") else rows

    @admin.display(description=gettext_lazy("表单"))
    def filled_in(self, approval: Approval) -> str:
        return render_to_string(
            "admin/approvals/form.html", {"fields": presenters.fields_of(approval.detail)}
        )

    @admin.action(description=gettext_lazy("重新读取详情"), permissions=["act"])
    def read_again(self, request: HttpRequest, queryset: models.QuerySet[Approval]) -> None:
        self.act_on_each(
            request,
            queryset,
            lambda approval: services.read_again(approval.sp_no),
            done=_("已重新读取 %(count)d 份审批。"),
        )


@admin.register(ApprovalFile)
class ApprovalFileAdmin(ReadOnlyAdmin):
    """Files of forms; those that could not be fetched are fetched again from here."""

    menu_order = 282
    actions = ("fetch_again",)
    list_display = ("content", "state_badge", "approval", "size", "attempts", "error")
    list_display_links = ("approval",)
    list_select_related = ("approval",)
    list_filter = ("state",)
    search_fields = ("name", "approval__sp_no", "sha256")
    search_help_text = gettext_lazy("文件名、审批编号、SHA-256")
    fields = (
        ("content", "state_badge"),
        "approval",
        ("control_id", "file_id"),
        ("size", "sha256"),
        ("attempts", "next_at"),
        "error",
    )
    readonly_fields = ("content",)

    state_badge = badge_column("state", FILE_TONES)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ApprovalFile]:
        return super().get_queryset(request).defer("data", "approval__detail")

    @admin.display(description=gettext_lazy("文件"))
    def content(self, file: ApprovalFile) -> SafeString | str:
        return _download_link(file)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        own = path("<int:pk>/download/", view, name="approvals_approvalfile_download")
        return [own, *super().get_urls()]

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send a file; whatever it is, a browser is to save and not to open it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        file = ApprovalFile.objects.filter(pk=pk, state="stored").first()
        if file is None:
            raise Http404
        name = quote(file.name or f"{file.sha256[:12]}.bin", safe="")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(bytes(file.data), content_type="application/octet-stream", headers=headers)

    @admin.action(description=gettext_lazy("重新下载"), permissions=["act"])
    def fetch_again(self, request: HttpRequest, queryset: models.QuerySet[ApprovalFile]) -> None:
        self.act_on_each(request, queryset, files.retry, done=_("已安排 %(count)d 个文件重新下载。"))


@admin.register(OutgoingApproval)
class OutgoingApprovalAdmin(ReadOnlyAdmin):
    """Approvals that were started from here."""

    menu_order = 283
    actions = ("retry",)
    list_display = ("key", "state_badge", "sp_no", "creator", "created_at", "attempts", "error")
    list_filter = ("state", "created_at")
    search_fields = ("key", "sp_no", "creator")
    search_help_text = gettext_lazy("用途、审批编号、发起人")

    state_badge = badge_column("state", START_TONES)

    def get_object_actions(self, request: HttpRequest, obj: OutgoingApproval) -> Sequence[str]:
        return ("retry",) if obj.state == StartState.DEAD else ()

    @admin.action(description=gettext_lazy("重新提交"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: models.QuerySet[OutgoingApproval]) -> None:
        self.act_on_each(request, queryset, _hand_in_again, done=_("已安排 %(count)d 份审批重新提交。"))


def _hand_in_again(row: OutgoingApproval) -> None:
    if not starting.retry(row):
        raise AppError("not_failed", _("%(state)s，不能重新提交。") % {"state": row.get_state_display()})


@admin.register(WatchedTemplate)
class WatchedTemplateAdmin(BaseAdmin):
    """The forms whose approvals are looked for even where no event came."""

    menu_order = 284
    list_display = ("name", "template_id", "is_active")
    list_display_links = ("name", "template_id")
    list_filter = ("is_active",)
    search_fields = ("name", "template_id")


@admin.register(ReconcileRun)
class ReconcileRunAdmin(ReadOnlyAdmin):
    """The looks for events that never came."""

    menu_order = 285
    list_display = ("began_at", "result", "listed", "polled", "recovered", "window_from", "error")
    list_filter = ("began_at",)

    @admin.display(description=gettext_lazy("结果"))
    def result(self, run: ReconcileRun) -> SafeString:
        if run.error:
            return badge(_("失败"), "red")
        return badge(_("有补回"), "amber") if run.recovered else badge(_("正常"), "green")


@admin.register(Refusal)
class RefusalAdmin(ReadOnlyAdmin):
    """Callbacks that were refused, by the hour."""

    menu_order = 286
    list_display = ("hour", "stage", "count")
    list_filter = ("stage", "hour")
